// SPDX-License-Identifier: BSL-1.0
#pragma once

// Every error that the library itself raises, as a std::error_code and as a condition to compare
// with. Errors of the system (ECONNRESET, ENOENT) keep the system's own codes.

#if __cplusplus < 202002L && !(defined(_MSVC_LANG) && _MSVC_LANG >= 202002L)
#error "tlsxx needs C++20: -std=c++20, or /std:c++20"
#endif

#include <string>
#include <string_view>
#include <system_error>

namespace tlsxx {
inline namespace v0 {

/// errc is what went wrong, equal on every engine. Compare with `ec == tlsxx::errc::x`; the codes
/// compare by the category's name, so they are equal across shared objects too.
enum class errc {
    // a connection
    want_read = 1,                ///< The transport has no input now; call again when it has.
    want_write,                   ///< The transport takes no output now; call again when it does.
    end_of_stream,                ///< A transport's answer: the peer ended the byte stream.
    stream_truncated,             ///< The byte stream ended without the peer's close_notify.
    stream_closed,                ///< This side has sent close_notify: nothing may be written.
    timed_out,                    ///< The deadline of the whole operation has passed.
    cancelled,                    ///< The operation was cancelled.
    bad_write_retry,              ///< A write was retried with fewer bytes than are already sealed.
    application_data_after_close, ///< unwrap met data where the peer's close_notify belongs.
    handshake_required,           ///< The operation needs a finished handshake.
    message_too_large,            ///< More bytes came than the limit allows.
    output_overflow, ///< The engine's replies outgrew the output spill: the peer reads nothing.
    // the engine or the peer ended the connection
    verification_failed,    ///< The peer's certificate was refused; verification() says why.
    alert_received,         ///< The peer sent a fatal alert.
    protocol_error,         ///< The peer broke the protocol, or does not speak TLS at all.
    handshake_failure,      ///< No common version, suite, group or signature algorithm.
    certificate_required,   ///< The peer sent no certificate where one is required.
    post_handshake_message, ///< A message after the handshake that the engine can't take.
    engine_failure,         ///< Any other failure inside the engine; last_error() names it.
    // settings
    not_supported,         ///< The engine can't do this; last_error() names feature and engine.
    invalid_argument,      ///< A value that no engine takes.
    invalid_version_range, ///< The minimum version is above the maximum.
    check_hostname_needs_verification, ///< verify_mode::none while check_hostname is on.
    server_hostname_required,          ///< check_hostname is on and wrap() was given no name.
    server_hostname_invalid, ///< A name that can't be a host's: empty label, leading dot, too long.
    name_not_ascii,          ///< A host name with a byte outside ASCII; give its A-label.
    wrong_role,              ///< The context's protocol has no such role.
    no_certificate_loaded,   ///< A server without a certificate.
    no_trust_anchors,        ///< Verification is on and there is nothing to trust.
    // loading
    no_certificate_found, ///< The file or text holds no certificate.
    no_private_key_found, ///< The file or text holds no private key.
    bad_pem,              ///< A PEM block is malformed.
    bad_certificate,      ///< A certificate can't be parsed or used.
    bad_private_key,      ///< A private key can't be parsed or used.
    password_required,    ///< The key is encrypted and no password was given.
    bad_password,         ///< The password does not open the key.
    key_mismatch,         ///< The private key does not belong to the certificate.
    key_too_weak,         ///< The key is below the context's security level.
    address_not_found,    ///< The host name does not resolve.
    not_enough_memory,    ///< An allocation failed.
};

/// message says what an errc means, in one English sentence without a full stop.
constexpr std::string_view message(errc e) noexcept {
    switch (e) {
    case errc::want_read: return "the operation waits for input";
    case errc::want_write: return "the operation waits for output space";
    case errc::end_of_stream: return "end of the byte stream";
    case errc::stream_truncated: return "the connection ended without a close_notify";
    case errc::stream_closed: return "the stream is closed for writing";
    case errc::timed_out: return "the operation timed out";
    case errc::cancelled: return "the operation was cancelled";
    case errc::bad_write_retry: return "a blocked write was retried with fewer bytes";
    case errc::application_data_after_close:
        return "application data where the peer's close_notify was expected";
    case errc::handshake_required: return "the handshake is not finished";
    case errc::message_too_large: return "more bytes came than the limit allows";
    case errc::output_overflow: return "the peer reads nothing and the replies to it overflow";
    case errc::verification_failed: return "certificate verification failed";
    case errc::alert_received: return "the peer sent a fatal alert";
    case errc::protocol_error: return "the peer does not follow the TLS protocol";
    case errc::handshake_failure: return "no common version, suite, group or signature algorithm";
    case errc::certificate_required: return "the peer did not send a certificate";
    case errc::post_handshake_message:
        return "the engine can't take this message after the handshake";
    case errc::engine_failure: return "the engine failed";
    case errc::not_supported: return "not supported";
    case errc::invalid_argument: return "invalid argument";
    case errc::invalid_version_range: return "the minimum version is above the maximum version";
    case errc::check_hostname_needs_verification:
        return "verify_mode::none is not possible while check_hostname is on";
    case errc::server_hostname_required: return "check_hostname requires a server_hostname";
    case errc::server_hostname_invalid: return "the server_hostname is not a host name";
    case errc::name_not_ascii: return "the name is not ASCII";
    case errc::wrong_role: return "the context's protocol has no such role";
    case errc::no_certificate_loaded: return "no certificate is loaded";
    case errc::no_trust_anchors: return "no trust anchors are loaded";
    case errc::no_certificate_found: return "no certificate found";
    case errc::no_private_key_found: return "no private key found";
    case errc::bad_pem: return "malformed PEM";
    case errc::bad_certificate: return "unusable certificate";
    case errc::bad_private_key: return "unusable private key";
    case errc::password_required: return "the private key is encrypted and no password was given";
    case errc::bad_password: return "wrong password for the private key";
    case errc::key_mismatch: return "the private key does not belong to the certificate";
    case errc::key_too_weak: return "the key is too weak for the security level";
    case errc::address_not_found: return "the host name does not resolve";
    case errc::not_enough_memory: return "not enough memory";
    }
    return "unknown error";
}

/// error_category_name is the name by which the category is known, also across shared objects.
inline constexpr const char* error_category_name = "tlsxx";

namespace detail {

class error_category_type final : public std::error_category {
public:
    const char* name() const noexcept override { return error_category_name; }
    std::string message(int value) const override {
        return std::string{tlsxx::message(static_cast<errc>(value))};
    }
    std::error_condition default_error_condition(int value) const noexcept override {
        switch (static_cast<errc>(value)) {
        case errc::want_read:
        case errc::want_write: return std::errc::operation_would_block;
        case errc::timed_out: return std::errc::timed_out;
        case errc::cancelled: return std::errc::operation_canceled;
        case errc::not_enough_memory: return std::errc::not_enough_memory;
        case errc::not_supported: return std::errc::not_supported;
        case errc::invalid_argument: return std::errc::invalid_argument;
        default: return {value, *this};
        }
    }
    // Objects of this class differ between shared objects: the name is what makes them equal.
    bool equivalent(int value, const std::error_condition& condition) const noexcept override {
        return (same(condition.category()) && condition.value() == value) ||
               default_error_condition(value) == condition;
    }
    bool equivalent(const std::error_code& code, int value) const noexcept override {
        return same(code.category()) && code.value() == value;
    }

private:
    bool same(const std::error_category& other) const noexcept {
        return &other == this || std::string_view{other.name()} == error_category_name;
    }
};

} // namespace detail

/// error_category is the category of every errc.
inline const std::error_category& error_category() noexcept {
    static const detail::error_category_type category;
    return category;
}

/// make_error_code and make_error_condition give an errc its category.
inline std::error_code make_error_code(errc e) noexcept {
    return {static_cast<int>(e), error_category()};
}
inline std::error_condition make_error_condition(errc e) noexcept {
    return {static_cast<int>(e), error_category()};
}

} // namespace v0
} // namespace tlsxx

template <>
struct std::is_error_condition_enum<tlsxx::errc> : std::true_type {};
