// SPDX-License-Identifier: BSL-1.0
#pragma once

// Which errc a failure of libssl is.

#include <optional>

#include <tlsxx/constants.hpp>
#include <tlsxx/errc.hpp>

#include <tlsxx/openssl/engine.hpp>

namespace tlsxx {
inline namespace v0 {
namespace openssl {
namespace detail {

// The alert that libssl's reason stands for, if it is one received from the peer.
inline std::optional<alert_description> alert_in(unsigned long code) noexcept {
    const int number = ERR_GET_REASON(code) - SSL_AD_REASON_OFFSET;
    if (ERR_GET_LIB(code) != ERR_LIB_SSL || number < 0 || number > 255)
        return std::nullopt;
    return static_cast<alert_description>(number);
}

// What the alert says that libssl has sent about its own failure.
constexpr errc class_of_alert(alert_description sent) noexcept {
    switch (sent) {
    case alert_description::handshake_failure:
    case alert_description::protocol_version:
    case alert_description::insufficient_security:
    case alert_description::inappropriate_fallback:
    case alert_description::no_application_protocol: return errc::handshake_failure;
    case alert_description::internal_error: return errc::engine_failure;
    default: return errc::protocol_error;
    }
}

// The reasons that their alert does not tell, or for which libssl sends none.
constexpr std::optional<errc> class_of_reason(int reason) noexcept {
    switch (reason) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED: return errc::verification_failed;
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return errc::certificate_required;

    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_BAD_RECORD_TYPE:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_RECORD_LENGTH_MISMATCH: return errc::protocol_error;

    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
    case SSL_R_NO_SUITABLE_GROUPS:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_CIPHERS_AVAILABLE:
    case SSL_R_NO_PROTOCOLS_AVAILABLE:
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_VERSION_TOO_HIGH:
    case SSL_R_UNSAFE_LEGACY_RENEGOTIATION_DISABLED:
    case SSL_R_DH_KEY_TOO_SMALL: return errc::handshake_failure;

    default: return std::nullopt;
    }
}

inline errc class_of_failure(unsigned long code, const std::optional<alert_description>& sent,
                             bool handshake_done) noexcept {
    if (ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE)
        return errc::not_enough_memory;
    if (ERR_GET_LIB(code) == ERR_LIB_SSL) {
        if (alert_in(code))
            return errc::alert_received;
        if (handshake_done && ERR_GET_REASON(code) == SSL_R_UNEXPECTED_MESSAGE)
            return errc::post_handshake_message;
        if (const auto known = class_of_reason(ERR_GET_REASON(code)))
            return *known;
        if (ERR_GET_REASON(code) == ERR_R_ASN1_LIB && sent == alert_description::bad_certificate)
            return errc::verification_failed; // bytes that can't be parsed as a certificate
    }
    return sent ? class_of_alert(*sent) : errc::engine_failure;
}

} // namespace detail
} // namespace openssl
} // namespace v0
} // namespace tlsxx
