// SPDX-License-Identifier: BSL-1.0
#pragma once

// The names of Mbed TLS's error codes: our own table, so that they are the same whether or not the
// engine was built with its error strings, and short enough to compare with.

#include <cstddef>
#include <span>
#include <string_view>

namespace tlsxx {
inline namespace v0 {
namespace mbedtls {

/// error_name is a code's name: the part of the engine that it belongs to ("SSL", "X509", "PSA")
/// and the macro's name without its prefix ("INVALID_RECORD"). Of static lifetime.
struct error_name {
    int value = 0; ///< the code without its sign
    std::string_view library;
    std::string_view reason;
};

namespace detail {

inline constexpr error_name high_level_names[] = {
    {0x1080, "PEM", "NO_HEADER_FOOTER_PRESENT"},
    {0x1100, "PEM", "INVALID_DATA"},
    {0x1180, "PEM", "ALLOC_FAILED"},
    {0x1200, "PEM", "INVALID_ENC_IV"},
    {0x1280, "PEM", "UNKNOWN_ENC_ALG"},
    {0x1300, "PEM", "PASSWORD_REQUIRED"},
    {0x1380, "PEM", "PASSWORD_MISMATCH"},
    {0x1400, "PEM", "FEATURE_UNAVAILABLE"},
    {0x1480, "PEM", "BAD_INPUT_DATA"},
    {0x1E00, "PKCS12", "PASSWORD_MISMATCH"},
    {0x1E80, "PKCS12", "PBE_INVALID_FORMAT"},
    {0x1F00, "PKCS12", "FEATURE_UNAVAILABLE"},
    {0x1F80, "PKCS12", "BAD_INPUT_DATA"},
    {0x2080, "X509", "FEATURE_UNAVAILABLE"},
    {0x2100, "X509", "UNKNOWN_OID"},
    {0x2180, "X509", "INVALID_FORMAT"},
    {0x2200, "X509", "INVALID_VERSION"},
    {0x2280, "X509", "INVALID_SERIAL"},
    {0x2300, "X509", "INVALID_ALG"},
    {0x2380, "X509", "INVALID_NAME"},
    {0x2400, "X509", "INVALID_DATE"},
    {0x2480, "X509", "INVALID_SIGNATURE"},
    {0x2500, "X509", "INVALID_EXTENSIONS"},
    {0x2580, "X509", "UNKNOWN_VERSION"},
    {0x2600, "X509", "UNKNOWN_SIG_ALG"},
    {0x2680, "X509", "SIG_MISMATCH"},
    {0x2700, "X509", "CERT_VERIFY_FAILED"},
    {0x2780, "X509", "CERT_UNKNOWN_FORMAT"},
    {0x2800, "X509", "BAD_INPUT_DATA"},
    {0x2880, "X509", "ALLOC_FAILED"},
    {0x2900, "X509", "FILE_IO_ERROR"},
    {0x2980, "X509", "BUFFER_TOO_SMALL"},
    {0x2E00, "PKCS5", "PASSWORD_MISMATCH"},
    {0x2E80, "PKCS5", "FEATURE_UNAVAILABLE"},
    {0x2F00, "PKCS5", "INVALID_FORMAT"},
    {0x2F80, "PKCS5", "BAD_INPUT_DATA"},
    {0x3000, "X509", "FATAL_ERROR"},
    {0x3080, "DHM", "BAD_INPUT_DATA"},
    {0x3100, "DHM", "READ_PARAMS_FAILED"},
    {0x3180, "DHM", "MAKE_PARAMS_FAILED"},
    {0x3200, "DHM", "READ_PUBLIC_FAILED"},
    {0x3280, "DHM", "MAKE_PUBLIC_FAILED"},
    {0x3300, "DHM", "CALC_SECRET_FAILED"},
    {0x3380, "DHM", "INVALID_FORMAT"},
    {0x3400, "DHM", "ALLOC_FAILED"},
    {0x3480, "DHM", "FILE_IO_ERROR"},
    {0x3580, "DHM", "SET_GROUP_FAILED"},
    {0x3880, "PK", "BUFFER_TOO_SMALL"},
    {0x3900, "PK", "SIG_LEN_MISMATCH"},
    {0x3980, "PK", "FEATURE_UNAVAILABLE"},
    {0x3A00, "PK", "UNKNOWN_NAMED_CURVE"},
    {0x3A80, "PK", "INVALID_ALG"},
    {0x3B00, "PK", "INVALID_PUBKEY"},
    {0x3B80, "PK", "PASSWORD_MISMATCH"},
    {0x3C00, "PK", "PASSWORD_REQUIRED"},
    {0x3C80, "PK", "UNKNOWN_PK_ALG"},
    {0x3D00, "PK", "KEY_INVALID_FORMAT"},
    {0x3D80, "PK", "KEY_INVALID_VERSION"},
    {0x3E00, "PK", "FILE_IO_ERROR"},
    {0x3E80, "PK", "BAD_INPUT_DATA"},
    {0x3F00, "PK", "TYPE_MISMATCH"},
    {0x3F80, "PK", "ALLOC_FAILED"},
    {0x4080, "RSA", "BAD_INPUT_DATA"},
    {0x4100, "RSA", "INVALID_PADDING"},
    {0x4180, "RSA", "KEY_GEN_FAILED"},
    {0x4200, "RSA", "KEY_CHECK_FAILED"},
    {0x4280, "RSA", "PUBLIC_FAILED"},
    {0x4300, "RSA", "PRIVATE_FAILED"},
    {0x4380, "RSA", "VERIFY_FAILED"},
    {0x4400, "RSA", "OUTPUT_TOO_LARGE"},
    {0x4480, "RSA", "RNG_FAILED"},
    {0x4B00, "ECP", "IN_PROGRESS"},
    {0x4C00, "ECP", "SIG_LEN_MISMATCH"},
    {0x4C80, "ECP", "INVALID_KEY"},
    {0x4D00, "ECP", "RANDOM_FAILED"},
    {0x4D80, "ECP", "ALLOC_FAILED"},
    {0x4E00, "ECP", "VERIFY_FAILED"},
    {0x4E80, "ECP", "FEATURE_UNAVAILABLE"},
    {0x4F00, "ECP", "BUFFER_TOO_SMALL"},
    {0x4F80, "ECP", "BAD_INPUT_DATA"},
    {0x5080, "MD", "FEATURE_UNAVAILABLE"},
    {0x5100, "MD", "BAD_INPUT_DATA"},
    {0x5180, "MD", "ALLOC_FAILED"},
    {0x5200, "MD", "FILE_IO_ERROR"},
    {0x5D80, "SSL", "CERTIFICATE_VERIFICATION_WITHOUT_HOSTNAME"},
    {0x5E80, "SSL", "BAD_CONFIG"},
    {0x5F00, "SSL", "VERSION_MISMATCH"},
    {0x6000, "SSL", "UNEXPECTED_CID"},
    {0x6080, "CIPHER", "FEATURE_UNAVAILABLE"},
    {0x6100, "CIPHER", "BAD_INPUT_DATA"},
    {0x6180, "CIPHER", "ALLOC_FAILED"},
    {0x6200, "CIPHER", "INVALID_PADDING"},
    {0x6280, "CIPHER", "FULL_BLOCK_EXPECTED"},
    {0x6300, "CIPHER", "AUTH_FAILED"},
    {0x6380, "CIPHER", "INVALID_CONTEXT"},
    {0x6480, "SSL", "EARLY_MESSAGE"},
    {0x6500, "SSL", "ASYNC_IN_PROGRESS"},
    {0x6580, "SSL", "CONTINUE_PROCESSING"},
    {0x6600, "SSL", "ILLEGAL_PARAMETER"},
    {0x6680, "SSL", "NON_FATAL"},
    {0x6700, "SSL", "UNEXPECTED_RECORD"},
    {0x6780, "SSL", "CLIENT_RECONNECT"},
    {0x6800, "SSL", "TIMEOUT"},
    {0x6880, "SSL", "WANT_WRITE"},
    {0x6900, "SSL", "WANT_READ"},
    {0x6A00, "SSL", "BUFFER_TOO_SMALL"},
    {0x6A80, "SSL", "HELLO_VERIFY_REQUIRED"},
    {0x6B00, "SSL", "WAITING_SERVER_HELLO_RENEGO"},
    {0x6B80, "SSL", "COUNTER_WRAPPING"},
    {0x6C00, "SSL", "INTERNAL_ERROR"},
    {0x6C80, "SSL", "UNKNOWN_IDENTITY"},
    {0x6D00, "SSL", "PK_TYPE_MISMATCH"},
    {0x6D80, "SSL", "SESSION_TICKET_EXPIRED"},
    {0x6E00, "SSL", "HANDSHAKE_FAILURE"},
    {0x6E80, "SSL", "BAD_PROTOCOL_VERSION"},
    {0x6F80, "SSL", "HW_ACCEL_FALLTHROUGH"},
    {0x7000, "SSL", "CRYPTO_IN_PROGRESS"},
    {0x7080, "SSL", "FEATURE_UNAVAILABLE"},
    {0x7100, "SSL", "BAD_INPUT_DATA"},
    {0x7180, "SSL", "INVALID_MAC"},
    {0x7200, "SSL", "INVALID_RECORD"},
    {0x7280, "SSL", "CONN_EOF"},
    {0x7300, "SSL", "DECODE_ERROR"},
    {0x7400, "SSL", "NO_RNG"},
    {0x7480, "SSL", "NO_CLIENT_CERTIFICATE"},
    {0x7500, "SSL", "UNSUPPORTED_EXTENSION"},
    {0x7580, "SSL", "NO_APPLICATION_PROTOCOL"},
    {0x7600, "SSL", "PRIVATE_KEY_REQUIRED"},
    {0x7680, "SSL", "CA_CHAIN_REQUIRED"},
    {0x7700, "SSL", "UNEXPECTED_MESSAGE"},
    {0x7780, "SSL", "FATAL_ALERT_MESSAGE"},
    {0x7800, "SSL", "UNRECOGNIZED_NAME"},
    {0x7880, "SSL", "PEER_CLOSE_NOTIFY"},
    {0x7A00, "SSL", "BAD_CERTIFICATE"},
    {0x7B00, "SSL", "RECEIVED_NEW_SESSION_TICKET"},
    {0x7B80, "SSL", "CANNOT_READ_EARLY_DATA"},
    {0x7C00, "SSL", "RECEIVED_EARLY_DATA"},
    {0x7C80, "SSL", "CANNOT_WRITE_EARLY_DATA"},
    {0x7E80, "SSL", "CACHE_ENTRY_NOT_FOUND"},
    {0x7F00, "SSL", "ALLOC_FAILED"},
    {0x7F80, "SSL", "HW_ACCEL_FAILED"},
};

inline constexpr error_name low_level_names[] = {
    {0x0001, "ERROR", "GENERIC_ERROR"},
    {0x0002, "MPI", "FILE_IO_ERROR"},
    {0x0003, "HMAC_DRBG", "REQUEST_TOO_BIG"},
    {0x0004, "MPI", "BAD_INPUT_DATA"},
    {0x0005, "HMAC_DRBG", "INPUT_TOO_BIG"},
    {0x0006, "MPI", "INVALID_CHARACTER"},
    {0x0007, "HMAC_DRBG", "FILE_IO_ERROR"},
    {0x0008, "MPI", "BUFFER_TOO_SMALL"},
    {0x0009, "HMAC_DRBG", "ENTROPY_SOURCE_FAILED"},
    {0x000A, "MPI", "NEGATIVE_VALUE"},
    {0x000B, "OID", "BUF_TOO_SMALL"},
    {0x000C, "MPI", "DIVISION_BY_ZERO"},
    {0x000D, "CCM", "BAD_INPUT"},
    {0x000E, "MPI", "NOT_ACCEPTABLE"},
    {0x000F, "CCM", "AUTH_FAILED"},
    {0x0010, "MPI", "ALLOC_FAILED"},
    {0x0012, "GCM", "AUTH_FAILED"},
    {0x0014, "GCM", "BAD_INPUT"},
    {0x0016, "GCM", "BUFFER_TOO_SMALL"},
    {0x001C, "THREADING", "BAD_INPUT_DATA"},
    {0x001E, "THREADING", "MUTEX_ERROR"},
    {0x0020, "AES", "INVALID_KEY_LENGTH"},
    {0x0021, "AES", "BAD_INPUT_DATA"},
    {0x0022, "AES", "INVALID_INPUT_LENGTH"},
    {0x0024, "CAMELLIA", "BAD_INPUT_DATA"},
    {0x0026, "CAMELLIA", "INVALID_INPUT_LENGTH"},
    {0x002A, "BASE64", "BUFFER_TOO_SMALL"},
    {0x002C, "BASE64", "INVALID_CHARACTER"},
    {0x002E, "OID", "NOT_FOUND"},
    {0x0032, "DES", "INVALID_INPUT_LENGTH"},
    {0x0034, "CTR_DRBG", "ENTROPY_SOURCE_FAILED"},
    {0x0036, "CTR_DRBG", "REQUEST_TOO_BIG"},
    {0x0038, "CTR_DRBG", "INPUT_TOO_BIG"},
    {0x003A, "CTR_DRBG", "FILE_IO_ERROR"},
    {0x003C, "ENTROPY", "SOURCE_FAILED"},
    {0x003D, "ENTROPY", "NO_STRONG_SOURCE"},
    {0x003E, "ENTROPY", "MAX_SOURCES"},
    {0x003F, "ENTROPY", "FILE_IO_ERROR"},
    {0x0040, "ENTROPY", "NO_SOURCES_DEFINED"},
    {0x0051, "CHACHA20", "BAD_INPUT_DATA"},
    {0x0054, "CHACHAPOLY", "BAD_STATE"},
    {0x0056, "CHACHAPOLY", "AUTH_FAILED"},
    {0x0057, "POLY1305", "BAD_INPUT_DATA"},
    {0x005C, "ARIA", "BAD_INPUT_DATA"},
    {0x005E, "ARIA", "INVALID_INPUT_LENGTH"},
    {0x0060, "ASN1", "OUT_OF_DATA"},
    {0x0062, "ASN1", "UNEXPECTED_TAG"},
    {0x0064, "ASN1", "INVALID_LENGTH"},
    {0x0066, "ASN1", "LENGTH_MISMATCH"},
    {0x0068, "ASN1", "INVALID_DATA"},
    {0x006A, "ASN1", "ALLOC_FAILED"},
    {0x006C, "ASN1", "BUF_TOO_SMALL"},
    {0x006E, "ERROR", "CORRUPTION_DETECTED"},
    {0x0070, "PLATFORM", "HW_ACCEL_FAILED"},
    {0x0072, "PLATFORM", "FEATURE_UNSUPPORTED"},
    {0x0073, "SHA1", "BAD_INPUT_DATA"},
    {0x0074, "SHA256", "BAD_INPUT_DATA"},
    {0x0075, "SHA512", "BAD_INPUT_DATA"},
    {0x0076, "SHA3", "BAD_INPUT_DATA"},
};

inline constexpr error_name psa_names[] = {
    {0x0084, "PSA", "GENERIC_ERROR"},        {0x0085, "PSA", "NOT_PERMITTED"},
    {0x0086, "PSA", "NOT_SUPPORTED"},        {0x0087, "PSA", "INVALID_ARGUMENT"},
    {0x0088, "PSA", "INVALID_HANDLE"},       {0x0089, "PSA", "BAD_STATE"},
    {0x008A, "PSA", "BUFFER_TOO_SMALL"},     {0x008B, "PSA", "ALREADY_EXISTS"},
    {0x008C, "PSA", "DOES_NOT_EXIST"},       {0x008D, "PSA", "INSUFFICIENT_MEMORY"},
    {0x008E, "PSA", "INSUFFICIENT_STORAGE"}, {0x008F, "PSA", "INSUFFICIENT_DATA"},
    {0x0090, "PSA", "SERVICE_FAILURE"},      {0x0091, "PSA", "COMMUNICATION_FAILURE"},
    {0x0092, "PSA", "STORAGE_FAILURE"},      {0x0093, "PSA", "HARDWARE_FAILURE"},
    {0x0094, "PSA", "INSUFFICIENT_ENTROPY"}, {0x0095, "PSA", "INVALID_SIGNATURE"},
    {0x0096, "PSA", "INVALID_PADDING"},      {0x0097, "PSA", "CORRUPTION_DETECTED"},
    {0x0098, "PSA", "DATA_CORRUPT"},         {0x0099, "PSA", "DATA_INVALID"},
};
constexpr const error_name* find_name(std::span<const error_name> names, int value) noexcept {
    for (const error_name& name : names)
        if (name.value == value)
            return &name;
    return nullptr;
}

} // namespace detail

/// error_names are the names of one code. A code of Mbed TLS 3 may be the sum of a high-level one
/// ("X509 INVALID_EXTENSIONS") and a low-level one that says more ("ASN1 UNEXPECTED_TAG").
struct error_names {
    error_name main;   ///< the high-level name, or the only one; empty for an unknown code
    error_name beside; ///< the low-level name beside it; empty if there is none
};

/// names_of looks up a code as the engine returned it (negative).
constexpr error_names names_of(int code) noexcept {
    const int value = code < 0 ? -code : code;
    const auto get = [](const error_name* name) { return name != nullptr ? *name : error_name{}; };
    if (const error_name* psa = detail::find_name(detail::psa_names, value))
        return {*psa, {}};
    const error_name low = get(detail::find_name(detail::low_level_names, value & 0x7F));
    if ((value & ~0x7F) == 0)
        return {low, {}};
    return {get(detail::find_name(detail::high_level_names, value & ~0x7F)), low};
}

} // namespace mbedtls
} // namespace v0
} // namespace tlsxx
