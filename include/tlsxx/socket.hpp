// SPDX-License-Identifier: BSL-1.0
#pragma once

// Sockets: tlsxx::connect, tlsxx::listen, and what they give.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <system_error>
#include <utility>

#include <tlsxx/deadline.hpp>
#include <tlsxx/detail/socket_connect.hpp>
#include <tlsxx/error_info.hpp>
#include <tlsxx/listener.hpp>
#include <tlsxx/socket_listener.hpp>
#include <tlsxx/socket_transport.hpp>

namespace tlsxx {
inline namespace v0 {

/// connect_options are what a connection is told on top of where it goes.
struct connect_options {
    /// timeout bounds the connecting as a whole, and stays the socket's time-out afterwards. More
    /// than zero; to get a socket that does not wait, set that on it when it is connected.
    std::chrono::milliseconds timeout = no_timeout;
};

/// connect connects to a TCP port of `host`: a name, or a numeric IPv4 or IPv6 address without
/// brackets. All addresses of a name are tried in turn, IPv6 first. With a time-out each attempt
/// gets an equal share of what is left of it, so that an address that swallows everything does not
/// keep the next from its turn. The time-out starts at the first attempt: how long a name takes to
/// resolve is the system's to decide.
///
/// errc::address_not_found if the name does not resolve; otherwise the code of the last attempt:
/// the system's, or errc::timed_out. errc::invalid_argument for a time-out of zero or less.
/// `info`, if given, gets host, port and what each address said.
/// May be called from many threads. No engine is involved.
inline socket_transport connect(std::string_view host, std::uint16_t port,
                                const connect_options& options, std::error_code& ec,
                                error_info* info = nullptr) noexcept;
inline socket_transport connect(std::string_view host, std::uint16_t port, std::error_code& ec,
                                error_info* info = nullptr) noexcept {
    return tlsxx::connect(host, port, connect_options{}, ec, info);
}

/// connect_unix connects to the Unix socket at `path`; otherwise as connect. errc::invalid_argument
/// for a path that is empty or has a zero byte in it, std::errc::filename_too_long beyond about 100
/// bytes, as the system has it.
inline socket_transport connect_unix(std::string_view path, const connect_options& options,
                                     std::error_code& ec, error_info* info = nullptr) noexcept;
inline socket_transport connect_unix(std::string_view path, std::error_code& ec,
                                     error_info* info = nullptr) noexcept {
    return tlsxx::connect_unix(path, connect_options{}, ec, info);
}

namespace detail {

inline std::error_code check_connect(const connect_options& options, error_info& info) noexcept {
    if (options.timeout <= std::chrono::milliseconds::zero()) {
        info << "the time-out must be more than zero";
        return make_error_code(errc::invalid_argument);
    }
    return socket_startup();
}

inline socket_transport connected(owned_socket socket, const connect_options& options,
                                  std::error_code& ec) noexcept {
    if (!ec && options.timeout == no_timeout)
        ec = socket_set_blocking(socket.get(), true);
    return ec ? socket_transport{} : socket_maker::make(socket.take(), options.timeout);
}

} // namespace detail

inline socket_transport connect(std::string_view host, std::uint16_t port,
                                const connect_options& options, std::error_code& ec,
                                error_info* info) noexcept {
    error_info local;
    local << "connect to " << host << " port " << port << ": ";
    detail::owned_socket socket;
    ec = detail::check_connect(options, local);
    if (!ec) {
        detail::address_list addresses;
        ec = addresses.resolve(host, local);
        if (!ec)
            socket = detail::connect_first(addresses.first(), port,
                                           deadline::after(options.timeout), ec, local);
    }
    socket_transport transport = detail::connected(std::move(socket), options, ec);
    detail::report_to(local, ec, info);
    return transport;
}

inline socket_transport connect_unix(std::string_view path, const connect_options& options,
                                     std::error_code& ec, error_info* info) noexcept {
    error_info local;
    local << "connect to " << path << ": ";
    detail::owned_socket socket;
    detail::socket_address address;
    ec = detail::check_connect(options, local);
    if (!ec)
        ec = detail::make_unix_address(path, address);
    if (!ec)
        socket = detail::connect_one(address, deadline::after(options.timeout), ec);
    socket_transport transport = detail::connected(std::move(socket), options, ec);
    detail::report_to(local, ec, info);
    return transport;
}

#if defined(__cpp_exceptions)

inline socket_transport connect(std::string_view host, std::uint16_t port,
                                const connect_options& options = {}) {
    std::error_code ec;
    error_info info;
    socket_transport transport = tlsxx::connect(host, port, options, ec, &info);
    if (ec)
        detail::raise(info);
    return transport;
}

inline socket_transport connect_unix(std::string_view path, const connect_options& options = {}) {
    std::error_code ec;
    error_info info;
    socket_transport transport = tlsxx::connect_unix(path, options, ec, &info);
    if (ec)
        detail::raise(info);
    return transport;
}

#endif

} // namespace v0
} // namespace tlsxx
