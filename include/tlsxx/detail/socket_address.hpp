// SPDX-License-Identifier: BSL-1.0
#pragma once

// Addresses of sockets, as the system holds them and as text.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <system_error>

#include <tlsxx/detail/guard.hpp>
#include <tlsxx/detail/socket_platform.hpp>
#include <tlsxx/errc.hpp>

namespace tlsxx {
inline namespace v0 {

/// socket_endpoint is one end of a connection: a numeric address and a port, or a Unix socket's
/// path (empty for a side without one) and port 0.
struct socket_endpoint {
    std::string address;
    std::uint16_t port = 0;

    friend bool operator==(const socket_endpoint&, const socket_endpoint&) = default;
};

namespace detail {

// Room for an address of any family.
struct socket_address {
    ::sockaddr_storage storage{};
    ::socklen_t size = 0;

    ::sockaddr* get() noexcept { return reinterpret_cast<::sockaddr*>(&storage); }
    const ::sockaddr* get() const noexcept { return reinterpret_cast<const ::sockaddr*>(&storage); }
    int family() const noexcept { return storage.ss_family; }
    bool is_internet() const noexcept { return family() == AF_INET || family() == AF_INET6; }
};

inline std::uint16_t socket_port(const socket_address& address) noexcept {
    if (address.family() == AF_INET6)
        return ::ntohs(reinterpret_cast<const ::sockaddr_in6*>(&address.storage)->sin6_port);
    if (address.family() == AF_INET)
        return ::ntohs(reinterpret_cast<const ::sockaddr_in*>(&address.storage)->sin_port);
    return 0;
}

inline void socket_set_port(socket_address& address, std::uint16_t port) noexcept {
    if (address.family() == AF_INET6)
        reinterpret_cast<::sockaddr_in6*>(&address.storage)->sin6_port = ::htons(port);
    else if (address.family() == AF_INET)
        reinterpret_cast<::sockaddr_in*>(&address.storage)->sin_port = ::htons(port);
}

// The address of every interface.
inline socket_address any_address(int family, std::uint16_t port) noexcept {
    socket_address address;
    address.storage.ss_family = static_cast<decltype(address.storage.ss_family)>(family);
    address.size = family == AF_INET6 ? sizeof(::sockaddr_in6) : sizeof(::sockaddr_in);
    socket_set_port(address, port);
    return address;
}

// The numeric address, or a Unix socket's path.
struct socket_address_text {
    char text[NI_MAXHOST]{};
};
inline std::error_code socket_text(const socket_address& address,
                                   socket_address_text& out) noexcept {
    if (address.is_internet()) {
        const int result = ::getnameinfo(address.get(), address.size, out.text, sizeof out.text,
                                         nullptr, 0, NI_NUMERICHOST);
        return result == 0 ? std::error_code{} : resolver_code(result);
    }
    if (address.family() == AF_UNIX) {
        const auto* unix_address = reinterpret_cast<const ::sockaddr_un*>(&address.storage);
        constexpr std::size_t start = offsetof(::sockaddr_un, sun_path);
        const std::size_t size = static_cast<std::size_t>(address.size);
        std::size_t count = size > start ? size - start : 0;
        if (count > sizeof unix_address->sun_path)
            count = sizeof unix_address->sun_path;
        std::memcpy(out.text, unix_address->sun_path, count);
    }
    return {};
}

inline socket_endpoint to_endpoint(const socket_address& address, std::error_code& ec) noexcept {
    socket_endpoint endpoint;
    socket_address_text text;
    ec = socket_text(address, text);
    if (!ec && !enough_memory_for([&] { endpoint.address = text.text; }))
        ec = make_error_code(errc::not_enough_memory);
    endpoint.port = socket_port(address);
    return endpoint;
}

inline socket_address socket_local_address(socket_handle handle) noexcept {
    socket_address address;
    address.size = sizeof address.storage;
    if (::getsockname(handle, address.get(), &address.size) != 0)
        return {};
    return address;
}
inline socket_endpoint socket_local_endpoint(socket_handle handle, std::error_code& ec) noexcept {
    socket_address address;
    address.size = sizeof address.storage;
    if (::getsockname(handle, address.get(), &address.size) != 0) {
        ec = last_socket_error();
        return {};
    }
    return to_endpoint(address, ec);
}
inline socket_endpoint socket_remote_endpoint(socket_handle handle, std::error_code& ec) noexcept {
    socket_address address;
    address.size = sizeof address.storage;
    if (::getpeername(handle, address.get(), &address.size) != 0) {
        ec = last_socket_error();
        return {};
    }
    return to_endpoint(address, ec);
}

// The address of a Unix socket: a path that is not empty, has no NUL and fits.
inline std::error_code make_unix_address(std::string_view path, socket_address& out) noexcept {
    ::sockaddr_un address{};
    if (path.empty() || path.find('\0') != path.npos)
        return make_error_code(errc::invalid_argument);
    if (path.size() >= sizeof address.sun_path)
        return std::make_error_code(std::errc::filename_too_long);
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    std::memcpy(&out.storage, &address, sizeof address);
    out.size = static_cast<::socklen_t>(offsetof(::sockaddr_un, sun_path) + path.size() + 1);
    return {};
}

} // namespace detail
} // namespace v0
} // namespace tlsxx
