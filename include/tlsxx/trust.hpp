// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string_view>

namespace tlsxx {
inline namespace v0 {

/// trust says where trust anchors come from. What is given is loaded, all or nothing; when nothing
/// is given, create_default_context takes the system's. Views need to live only during the call.
struct trust {
    /// cafile is a file of certificates: PEM, any number, or DER, one behind the other.
    std::string_view cafile{};
    /// capath is a directory as `openssl rehash` makes it: files named by eight hexadecimal digits,
    /// a dot and a number. It is read at once; files added later are not seen.
    std::string_view capath{};
    /// cadata is what would be in a cafile.
    std::string_view cadata{};
    /// nothing asks for no anchors at all for now: see `none`.
    bool nothing = false;

    /// none makes a context that trusts nobody yet: anchors are loaded later, and `wrap` fails with
    /// errc::no_trust_anchors if they are not.
    static const trust none;

    constexpr bool given() const noexcept {
        return !cafile.empty() || !capath.empty() || !cadata.empty();
    }
};

inline constexpr trust trust::none{.nothing = true};

} // namespace v0
} // namespace tlsxx
