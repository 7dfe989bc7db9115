// SPDX-License-Identifier: BSL-1.0
#pragma once

// The exceptions: Python's tree, on std::system_error. Empty where exceptions are off.

#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <tlsxx/error_info.hpp>
#include <tlsxx/verification.hpp>

namespace tlsxx {
inline namespace v0 {

#if defined(__cpp_exceptions)

/// ssl_error is thrown by the form of an operation without std::error_code&. `code()` is what the
/// other form gives. Copies share what they hold.
class ssl_error : public std::system_error {
public:
    explicit ssl_error(const error_info& info)
        : std::system_error{info.code()}, shared_{std::make_shared<const shared>(
                                              shared{info, info.what()})} {}

    /// what is code, input, reason and alert in one line.
    const char* what() const noexcept override { return shared_->text.c_str(); }
    /// info is all that is known of the failure.
    const error_info& info() const noexcept { return shared_->info; }
    /// library and reason are the engine's; empty if it was not involved.
    std::string_view library() const noexcept { return info().library(); }
    std::string_view reason() const noexcept { return info().reason(); }

private:
    struct shared {
        error_info info;
        std::string text;
    };
    std::shared_ptr<const shared> shared_;
};

/// ssl_zero_return_error: the stream is closed.
class ssl_zero_return_error : public ssl_error {
    using ssl_error::ssl_error;
};
/// ssl_want_read_error and ssl_want_write_error: the transport would block.
class ssl_want_read_error : public ssl_error {
    using ssl_error::ssl_error;
};
class ssl_want_write_error : public ssl_error {
    using ssl_error::ssl_error;
};
/// ssl_syscall_error: the transport failed; code() is the system's.
class ssl_syscall_error : public ssl_error {
    using ssl_error::ssl_error;
};
/// ssl_eof_error: the connection ended without a close_notify.
class ssl_eof_error : public ssl_error {
    using ssl_error::ssl_error;
};

/// ssl_cert_verification_error: the peer's certificate was refused.
class ssl_cert_verification_error : public ssl_error {
public:
    ssl_cert_verification_error(const error_info& info, tlsxx::verification verdict)
        : ssl_error{info}, verification_{std::make_shared<const tlsxx::verification>(
                               std::move(verdict))},
          message_{std::make_shared<const std::string>(verification_->message())} {}

    /// verify_code is the primary reason, equal on every engine.
    tlsxx::verify_code verify_code() const noexcept { return verification_->code(); }
    /// verify_message is the primary reason in words.
    const std::string& verify_message() const noexcept { return *message_; }
    /// verification has every reason, with depth and certificate.
    const tlsxx::verification& verification() const noexcept { return *verification_; }

private:
    std::shared_ptr<const tlsxx::verification> verification_;
    std::shared_ptr<const std::string> message_;
};

/// certificate_error is the older name.
using certificate_error = ssl_cert_verification_error;

namespace detail {

[[noreturn]] inline void raise(const error_info& info,
                               const tlsxx::verification* verdict = nullptr) {
    const std::error_code code = info.code();
    if (code == errc::verification_failed)
        throw ssl_cert_verification_error{info, verdict ? *verdict : tlsxx::verification{}};
    if (code == errc::want_read)
        throw ssl_want_read_error{info};
    if (code == errc::want_write)
        throw ssl_want_write_error{info};
    if (code == errc::stream_truncated)
        throw ssl_eof_error{info};
    if (code == errc::stream_closed)
        throw ssl_zero_return_error{info};
    if (code.category() == std::system_category())
        throw ssl_syscall_error{info};
    throw ssl_error{info};
}

} // namespace detail

#endif

} // namespace v0
} // namespace tlsxx
