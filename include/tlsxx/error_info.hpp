// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <tlsxx/constants.hpp>
#include <tlsxx/detail/fixed_string.hpp>
#include <tlsxx/errc.hpp>

namespace tlsxx {
inline namespace v0 {

/// error_info is what a std::error_code can't hold of a failure: which file and block, which
/// feature of which engine, the engine's own words, the alert. It never allocates, so that it can
/// be filled when memory is short; long texts are cut and end in "...".
class error_info {
public:
    error_info() noexcept = default;
    explicit error_info(std::error_code code) noexcept : code_{code} {}
    explicit error_info(errc code, std::string_view detail = {}) noexcept
        : code_{make_error_code(code)}, detail_{detail} {}

    /// code is what the operation returned; it is false where nothing failed.
    std::error_code code() const noexcept { return code_; }
    explicit operator bool() const noexcept { return static_cast<bool>(code_); }

    /// library is the part of the engine that failed: "SSL", "X509", "PEM"; empty if none did.
    std::string_view library() const noexcept { return library_; }
    /// reason is the engine's mnemonic: "CERTIFICATE_VERIFY_FAILED"; empty if there is none.
    std::string_view reason() const noexcept { return reason_; }
    /// native_code is the engine's own number, 0 if the engine was not asked.
    /// Engines: OpenSSL ERR_get_error; Mbed TLS the negative return value.
    long native_code() const noexcept { return native_code_; }
    /// detail names the input and the reason: file, block, feature, engine.
    std::string_view detail() const noexcept { return detail_; }
    /// alert_received and alert_sent are the fatal alert that ended the connection, where the
    /// engine tells it.
    std::optional<alert_description> alert_received() const noexcept { return alert_received_; }
    std::optional<alert_description> alert_sent() const noexcept { return alert_sent_; }

    /// what is all of it in one line. It allocates.
    std::string what() const {
        std::string text = code_ ? code_.message() : std::string{"no error"};
        if (!detail_.empty())
            text.append(": ").append(detail_.view());
        if (!reason_.empty())
            text.append(" [").append(library_.view()).append(": ").append(reason_.view()) += ']';
        if (alert_received_)
            text.append(", alert received: ").append(to_string(*alert_received_));
        if (alert_sent_)
            text.append(", alert sent: ").append(to_string(*alert_sent_));
        return text;
    }

    // For those who raise errors: the facade and the backends.
    error_info& set_code(std::error_code code) noexcept { return code_ = code, *this; }
    error_info& set_code(errc code) noexcept { return set_code(make_error_code(code)); }
    error_info& set_engine(std::string_view library, std::string_view reason,
                           long native_code) noexcept {
        library_ = library;
        reason_ = reason;
        native_code_ = native_code;
        return *this;
    }
    error_info& set_alert_received(alert_description alert) noexcept {
        return alert_received_ = alert, *this;
    }
    error_info& set_alert_sent(alert_description alert) noexcept {
        return alert_sent_ = alert, *this;
    }
    /// in puts the place before the detail: "ca.pem: certificate 2: ...".
    error_info& in(std::string_view place) noexcept {
        detail::fixed_string<512> text{place};
        if (!detail_.empty()) {
            text += ": ";
            text += detail_;
        }
        detail_ = text;
        return *this;
    }
    error_info& operator<<(std::string_view text) noexcept { return detail_ += text, *this; }
    error_info& operator<<(long long number) noexcept {
        return detail_.append_number(number), *this;
    }

private:
    std::error_code code_;
    long native_code_ = 0;
    std::optional<alert_description> alert_received_;
    std::optional<alert_description> alert_sent_;
    detail::fixed_string<16> library_;
    detail::fixed_string<64> reason_;
    detail::fixed_string<512> detail_;
};

} // namespace v0
} // namespace tlsxx
