// SPDX-License-Identifier: BSL-1.0
#pragma once

// Why a peer's certificate was refused, reason by reason.

#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tlsxx/x509/certificate.hpp>
#include <tlsxx/x509/verify_code.hpp>

namespace tlsxx {
inline namespace v0 {

/// verification_reason is one reason against a chain, and the certificate that it lies in.
struct verification_reason {
    int depth = 0; ///< 0 is the peer's own certificate, 1 its issuer's, and so on
    tlsxx::verify_code verify_code = tlsxx::verify_code::ok; ///< equal on every engine
    std::string message;                                     ///< in the library's words
    std::string engine_message; ///< in the engine's words; empty if the engine did not object
    tlsxx::certificate certificate;
};

/// verification is the verdict on a peer's certificate chain. Before a handshake, and where nothing
/// was verified, it is the empty one: true, without reasons.
class verification {
public:
    verification() noexcept = default;

    /// True if the chain was accepted, or not asked for.
    explicit operator bool() const noexcept { return code_ == verify_code::ok; }
    /// code is the primary reason's code, verify_code::ok without one.
    tlsxx::verify_code code() const noexcept { return code_; }
    /// message is the primary reason's message, "ok" without one.
    std::string message() const {
        return reasons_.empty() ? std::string{tlsxx::message(code_)} : reasons_.front().message;
    }
    /// reasons are all of them, the primary one first. Owned by this object.
    std::span<const verification_reason> reasons() const noexcept { return reasons_; }

    // For the backends. The code is set first: it stands even if there is no memory for the rest.
    void refuse(tlsxx::verify_code primary) noexcept { code_ = primary; }
    void add(verification_reason reason) { reasons_.push_back(std::move(reason)); }

private:
    tlsxx::verify_code code_ = tlsxx::verify_code::ok;
    std::vector<verification_reason> reasons_;
};

} // namespace v0
} // namespace tlsxx
