// SPDX-License-Identifier: BSL-1.0
#pragma once

// What an error code of Mbed TLS means to a user of the library: its errc and its names.

#include <string_view>

#include <tlsxx/errc.hpp>
#include <tlsxx/error_info.hpp>
#include <tlsxx/mbedtls/engine.hpp>
#include <tlsxx/mbedtls/error_names.hpp>

namespace tlsxx {
inline namespace v0 {
namespace mbedtls {
namespace detail {

// A code without the low-level part of a sum.
constexpr int main_code(int code) noexcept {
    const int value = -code;
    return value < 0x1000 ? code : -(value & ~0x7F);
}

constexpr bool out_of_memory(int code) noexcept {
    const error_names names = names_of(code);
    const auto says_so = [](const error_name& name) {
        return name.reason == "ALLOC_FAILED" || name.reason == "INSUFFICIENT_MEMORY";
    };
    return says_so(names.main) || says_so(names.beside);
}

// True if the engine gets no memory now. Where it swallows that and goes on to blame the input,
// this tells the one from the other.
inline bool is_out_of_memory() noexcept {
    void* const some = mbedtls_calloc(1, 256);
    mbedtls_free(some);
    return some == nullptr;
}

// True for what the engine's parser says about a peer's certificate that it can't read.
constexpr bool refuses_certificate(int code) noexcept {
    switch (main_code(code)) {
    case MBEDTLS_ERR_X509_FEATURE_UNAVAILABLE:
    case MBEDTLS_ERR_X509_UNKNOWN_OID:
    case MBEDTLS_ERR_X509_INVALID_FORMAT:
    case MBEDTLS_ERR_X509_INVALID_VERSION:
    case MBEDTLS_ERR_X509_INVALID_SERIAL:
    case MBEDTLS_ERR_X509_INVALID_ALG:
    case MBEDTLS_ERR_X509_INVALID_NAME:
    case MBEDTLS_ERR_X509_INVALID_DATE:
    case MBEDTLS_ERR_X509_INVALID_SIGNATURE:
    case MBEDTLS_ERR_X509_INVALID_EXTENSIONS:
    case MBEDTLS_ERR_X509_UNKNOWN_VERSION:
    case MBEDTLS_ERR_X509_UNKNOWN_SIG_ALG:
    case MBEDTLS_ERR_X509_SIG_MISMATCH:
    case MBEDTLS_ERR_X509_CERT_UNKNOWN_FORMAT:
    case MBEDTLS_ERR_X509_BUFFER_TOO_SMALL:
    case MBEDTLS_ERR_PK_KEY_INVALID_FORMAT:
    case MBEDTLS_ERR_PK_UNKNOWN_PK_ALG:
    case MBEDTLS_ERR_PK_INVALID_PUBKEY:
    case MBEDTLS_ERR_PK_INVALID_ALG:
    case MBEDTLS_ERR_PK_UNKNOWN_NAMED_CURVE:
    case MBEDTLS_ERR_PK_FEATURE_UNAVAILABLE: return true;
    default: return false;
    }
}

// True for an algorithm, curve or feature that the engine lacks, in something that was loaded.
constexpr bool lacks_algorithm(int code) noexcept {
    switch (main_code(code)) {
    case MBEDTLS_ERR_X509_FEATURE_UNAVAILABLE:
    case MBEDTLS_ERR_X509_UNKNOWN_SIG_ALG:
    case MBEDTLS_ERR_PK_UNKNOWN_PK_ALG:
    case MBEDTLS_ERR_PK_UNKNOWN_NAMED_CURVE:
    case MBEDTLS_ERR_PK_FEATURE_UNAVAILABLE:
    case MBEDTLS_ERR_ECP_FEATURE_UNAVAILABLE:
    case MBEDTLS_ERR_PEM_UNKNOWN_ENC_ALG:
    case MBEDTLS_ERR_PEM_FEATURE_UNAVAILABLE: return true;
    default: return false;
    }
}

// True for what the engine says of a key share, point or signature of the peer's that is none.
constexpr bool refuses_value(int code) noexcept {
    const std::string_view library = names_of(code).main.library;
    return library == "ASN1" || library == "DHM" || library == "ECP" || library == "RSA" ||
           code == PSA_ERROR_INVALID_ARGUMENT;
}

// The errc of a fatal code from a connection; `established` is true after the handshake.
constexpr errc classify(int code, bool established) noexcept {
    if (out_of_memory(code))
        return errc::not_enough_memory;
    switch (main_code(code)) {
    case MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE: return errc::alert_received;
    case MBEDTLS_ERR_SSL_NO_CLIENT_CERTIFICATE: return errc::certificate_required;
    case MBEDTLS_ERR_X509_CERT_VERIFY_FAILED:
    case MBEDTLS_ERR_X509_FATAL_ERROR:
    case MBEDTLS_ERR_SSL_BAD_CERTIFICATE:
    case MBEDTLS_ERR_SSL_CA_CHAIN_REQUIRED: return errc::verification_failed;
    case MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE:
        return established ? errc::post_handshake_message : errc::protocol_error;
    case MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION:
    case MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE:
    case MBEDTLS_ERR_SSL_PRIVATE_KEY_REQUIRED:
    case MBEDTLS_ERR_SSL_PK_TYPE_MISMATCH:
    case MBEDTLS_ERR_SSL_UNKNOWN_IDENTITY:
    case MBEDTLS_ERR_SSL_UNRECOGNIZED_NAME:
    case MBEDTLS_ERR_SSL_NO_APPLICATION_PROTOCOL: return errc::handshake_failure;
    case MBEDTLS_ERR_SSL_INVALID_MAC:
    case MBEDTLS_ERR_SSL_INVALID_RECORD:
    case MBEDTLS_ERR_SSL_DECODE_ERROR:
    case MBEDTLS_ERR_SSL_ILLEGAL_PARAMETER:
    case MBEDTLS_ERR_SSL_UNSUPPORTED_EXTENSION:
    case MBEDTLS_ERR_SSL_UNEXPECTED_RECORD:
    case MBEDTLS_ERR_SSL_BUFFER_TOO_SMALL:
    case MBEDTLS_ERR_RSA_VERIFY_FAILED:
    case MBEDTLS_ERR_RSA_INVALID_PADDING:
    case MBEDTLS_ERR_ECP_VERIFY_FAILED:
    case MBEDTLS_ERR_ECP_INVALID_KEY:
    case MBEDTLS_ERR_DHM_READ_PARAMS_FAILED:
    case MBEDTLS_ERR_DHM_READ_PUBLIC_FAILED:
    case MBEDTLS_ERR_PK_SIG_LEN_MISMATCH:
    case PSA_ERROR_INVALID_SIGNATURE: return errc::protocol_error;
    default: break;
    }
    if (established)
        return errc::engine_failure;
    if (refuses_certificate(code))
        return errc::verification_failed;
    return refuses_value(code) ? errc::protocol_error : errc::engine_failure;
}

// Puts a code's names into an error; a low-level name goes into the detail.
inline void name_code(error_info& error, int code) noexcept {
    const error_names names = names_of(code);
    error.set_engine(names.main.library, names.main.reason, code);
    if (names.beside.reason.empty())
        return;
    if (!error.detail().empty())
        error << ": ";
    error << names.beside.library << " " << names.beside.reason;
}

inline bool fail(error_info& error, errc code, int native, std::string_view detail) noexcept {
    const bool lacked = out_of_memory(native) || is_out_of_memory();
    error = error_info{lacked ? errc::not_enough_memory : code, detail};
    name_code(error, native);
    return false;
}

} // namespace detail
} // namespace mbedtls
} // namespace v0
} // namespace tlsxx
