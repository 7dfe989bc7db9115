// SPDX-License-Identifier: BSL-1.0
#pragma once

// The constants of the ssl module, with values of their own: no engine's number leaks through here.

#if __cplusplus < 202002L && !(defined(_MSVC_LANG) && _MSVC_LANG >= 202002L)
#error "tlsxx needs C++20: -std=c++20, or /std:c++20"
#endif

#include <cstdint>
#include <string_view>
#include <type_traits>

namespace tlsxx {
inline namespace v0 {

/// protocol says which role a context plays. Values are Python's PROTOCOL_*.
/// A `tls` context plays both roles and verifies like `tls_client` when it is used as a client.
enum class protocol : int { tls = 2, tls_client = 16, tls_server = 17 };

/// role is the part one connection plays.
enum class role : std::uint8_t { client, server };

/// verify_mode says what is asked of the peer's certificate. Values are Python's CERT_*.
/// `optional` on a client means `required`; on a server no certificate is fine and a bad one ends
/// the handshake.
enum class verify_mode : int { none = 0, optional = 1, required = 2 };

/// purpose names whose certificates a context judges: `server_auth` in a client, `client_auth` in
/// a server (RFC 5280 4.2.1.12).
enum class purpose : std::uint8_t { server_auth, client_auth };

/// tls_version is the wire value of a protocol version (RFC 8446 4.1.2), and Python's two bounds.
enum class tls_version : int {
    minimum_supported = -2,
    maximum_supported = -1,
    ssl_3 = 0x300,
    tls_1 = 0x301,
    tls_1_1 = 0x302,
    tls_1_2 = 0x303,
    tls_1_3 = 0x304,
};

/// to_string gives the name in the spelling of every TLS tool ("TLSv1.3"), "unknown" otherwise.
constexpr std::string_view to_string(tls_version version) noexcept {
    switch (version) {
    case tls_version::minimum_supported: return "minimum supported";
    case tls_version::maximum_supported: return "maximum supported";
    case tls_version::ssl_3: return "SSLv3";
    case tls_version::tls_1: return "TLSv1";
    case tls_version::tls_1_1: return "TLSv1.1";
    case tls_version::tls_1_2: return "TLSv1.2";
    case tls_version::tls_1_3: return "TLSv1.3";
    }
    return "unknown";
}

/// verify_flags switches checks of the chain. Values are Python's VERIFY_*.
enum class verify_flags : std::uint32_t {
    none = 0,
    crl_check_leaf = 0x4,
    crl_check_chain = 0xC,
    x509_strict = 0x20,
    allow_proxy_certs = 0x40,
    x509_trusted_first = 0x8000,
    x509_partial_chain = 0x80000,
};

/// alert_description is the number of a TLS alert (RFC 8446 6, and the IANA registry).
enum class alert_description : std::uint8_t {
    close_notify = 0,
    unexpected_message = 10,
    bad_record_mac = 20,
    decryption_failed = 21,
    record_overflow = 22,
    decompression_failure = 30,
    handshake_failure = 40,
    no_certificate = 41,
    bad_certificate = 42,
    unsupported_certificate = 43,
    certificate_revoked = 44,
    certificate_expired = 45,
    certificate_unknown = 46,
    illegal_parameter = 47,
    unknown_ca = 48,
    access_denied = 49,
    decode_error = 50,
    decrypt_error = 51,
    protocol_version = 70,
    insufficient_security = 71,
    internal_error = 80,
    inappropriate_fallback = 86,
    user_cancelled = 90,
    no_renegotiation = 100,
    missing_extension = 109,
    unsupported_extension = 110,
    certificate_unobtainable = 111,
    unrecognized_name = 112,
    bad_certificate_status_response = 113,
    bad_certificate_hash_value = 114,
    unknown_psk_identity = 115,
    certificate_required = 116,
    no_application_protocol = 120,
};

/// to_string gives the IANA name of an alert ("unknown_ca"), "unknown" for a number without one.
constexpr std::string_view to_string(alert_description alert) noexcept {
    switch (alert) {
    case alert_description::close_notify: return "close_notify";
    case alert_description::unexpected_message: return "unexpected_message";
    case alert_description::bad_record_mac: return "bad_record_mac";
    case alert_description::decryption_failed: return "decryption_failed";
    case alert_description::record_overflow: return "record_overflow";
    case alert_description::decompression_failure: return "decompression_failure";
    case alert_description::handshake_failure: return "handshake_failure";
    case alert_description::no_certificate: return "no_certificate";
    case alert_description::bad_certificate: return "bad_certificate";
    case alert_description::unsupported_certificate: return "unsupported_certificate";
    case alert_description::certificate_revoked: return "certificate_revoked";
    case alert_description::certificate_expired: return "certificate_expired";
    case alert_description::certificate_unknown: return "certificate_unknown";
    case alert_description::illegal_parameter: return "illegal_parameter";
    case alert_description::unknown_ca: return "unknown_ca";
    case alert_description::access_denied: return "access_denied";
    case alert_description::decode_error: return "decode_error";
    case alert_description::decrypt_error: return "decrypt_error";
    case alert_description::protocol_version: return "protocol_version";
    case alert_description::insufficient_security: return "insufficient_security";
    case alert_description::internal_error: return "internal_error";
    case alert_description::inappropriate_fallback: return "inappropriate_fallback";
    case alert_description::user_cancelled: return "user_cancelled";
    case alert_description::no_renegotiation: return "no_renegotiation";
    case alert_description::missing_extension: return "missing_extension";
    case alert_description::unsupported_extension: return "unsupported_extension";
    case alert_description::certificate_unobtainable: return "certificate_unobtainable";
    case alert_description::unrecognized_name: return "unrecognized_name";
    case alert_description::bad_certificate_status_response:
        return "bad_certificate_status_response";
    case alert_description::bad_certificate_hash_value: return "bad_certificate_hash_value";
    case alert_description::unknown_psk_identity: return "unknown_psk_identity";
    case alert_description::certificate_required: return "certificate_required";
    case alert_description::no_application_protocol: return "no_application_protocol";
    }
    return "unknown";
}

/// enable_flags opts an enumeration into `|`, `&` and `~` below.
template <class Enum>
inline constexpr bool enable_flags = false;
template <>
inline constexpr bool enable_flags<verify_flags> = true;

template <class Enum>
    requires enable_flags<Enum>
constexpr Enum operator|(Enum a, Enum b) noexcept {
    using value = std::underlying_type_t<Enum>;
    return static_cast<Enum>(static_cast<value>(a) | static_cast<value>(b));
}
template <class Enum>
    requires enable_flags<Enum>
constexpr Enum operator&(Enum a, Enum b) noexcept {
    using value = std::underlying_type_t<Enum>;
    return static_cast<Enum>(static_cast<value>(a) & static_cast<value>(b));
}
template <class Enum>
    requires enable_flags<Enum>
constexpr Enum operator~(Enum a) noexcept {
    return static_cast<Enum>(~static_cast<std::underlying_type_t<Enum>>(a));
}

/// has_flag is true if every bit of `flag` is set in `set`.
template <class Enum>
    requires enable_flags<Enum>
constexpr bool has_flag(Enum set, Enum flag) noexcept {
    return (set & flag) == flag;
}

} // namespace v0
} // namespace tlsxx
