// SPDX-License-Identifier: BSL-1.0
#pragma once

// Sockets that listen.

#include <cstdint>
#include <string_view>
#include <system_error>

#include <tlsxx/detail/socket_address.hpp>
#include <tlsxx/detail/socket_connect.hpp>
#include <tlsxx/detail/socket_platform.hpp>
#include <tlsxx/errc.hpp>
#include <tlsxx/error_info.hpp>

namespace tlsxx {
inline namespace v0 {
namespace detail {

// `both`: an IPv6 socket that takes IPv4 too.
inline owned_socket listen_one(const socket_address& address, bool both, int backlog,
                               std::error_code& ec) noexcept {
    owned_socket socket{socket_open(address.family(), SOCK_STREAM)};
    const bool made = socket && (!address.is_internet() || socket_set_reuse(socket.get())) &&
                      (address.family() != AF_INET6 ||
                       socket_set_option(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, both ? 0 : 1)) &&
                      ::bind(socket.get(), address.get(), address.size) == 0 &&
                      ::listen(socket.get(), backlog > 0 ? backlog : SOMAXCONN) == 0;
    // Read before the destructor of what failed makes another.
    ec = made ? std::error_code{} : last_socket_error();
    if (!made)
        return owned_socket{};
    return socket;
}

inline owned_socket listen_internet(std::string_view host, std::uint16_t port, int backlog,
                                    std::error_code& ec, error_info& info) noexcept {
    if (host.empty()) {
        owned_socket socket = listen_one(any_address(AF_INET6, port), true, backlog, ec);
        // A machine may have no IPv6; a port that is taken or not allowed is the same in IPv4.
        if (ec && ec != std::errc::address_in_use && ec != std::errc::permission_denied)
            socket = listen_one(any_address(AF_INET, port), false, backlog, ec);
        if (ec) {
            info << "listen on port " << port << ": ";
            append_message(info, ec);
        }
        return socket;
    }
    info << "listen on " << host << " port " << port << ": ";
    address_list addresses;
    ec = addresses.resolve(host, info);
    if (ec)
        return {};
    return try_each_address(
        addresses.first(), port, ec, info,
        [backlog](const socket_address& address, std::error_code& result) noexcept {
            return listen_one(address, false, backlog, result);
        });
}

inline owned_socket listen_unix(std::string_view path, int backlog, std::error_code& ec) noexcept {
    socket_address address;
    ec = make_unix_address(path, address);
    return ec ? owned_socket{} : listen_one(address, false, backlog, ec);
}

} // namespace detail
} // namespace v0
} // namespace tlsxx
