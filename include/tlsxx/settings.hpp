// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a context has been told, in values of the library's own: a backend translates it.

#include <string_view>

#include <tlsxx/constants.hpp>
#include <tlsxx/x509/host_name.hpp>

namespace tlsxx {
inline namespace v0 {

/// settings are the scalar settings of a context. A backend applies all of them at once, any number
/// of times, to a configuration that no stream uses yet.
struct settings {
    tlsxx::protocol protocol = tlsxx::protocol::tls_client;
    tlsxx::verify_mode verify_mode = tlsxx::verify_mode::none;
    tlsxx::verify_flags verify_flags = tlsxx::verify_flags::x509_trusted_first;
    tls_version minimum_version = tls_version::tls_1_2;
    tls_version maximum_version = tls_version::maximum_supported;
    int security_level = 2;
    int verify_depth = 8;           ///< intermediates at most, 0 to 8
    bool verify_mode_given = false; ///< verify_mode was set, rather than left as it was made
    bool check_hostname = false;
    bool hostname_checks_common_name = false;
};

/// verify_mode_in is the mode that counts for a connection in `role`: a client can't be optional,
/// and a context for both roles asks clients for nothing unless it was told to.
constexpr verify_mode verify_mode_in(const settings& s, role r) noexcept {
    if (r == role::client)
        return s.verify_mode == verify_mode::none ? verify_mode::none : verify_mode::required;
    return s.protocol == protocol::tls && !s.verify_mode_given ? verify_mode::none : s.verify_mode;
}

/// connection_options are what one connection is told on top of its context's settings.
/// The backend copies what it keeps.
struct connection_options {
    tlsxx::role role = tlsxx::role::client;
    std::string_view sni{};                         ///< sent in the ClientHello; empty: not sent
    const x509::reference_identity* name = nullptr; ///< to be matched; null: not checked
    bool unwrappable = false; ///< no byte behind close_notify may be held by the engine
};

} // namespace v0
} // namespace tlsxx
