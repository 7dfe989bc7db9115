// SPDX-License-Identifier: BSL-1.0
#pragma once

// Names to addresses, and one attempt to connect.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <system_error>
#include <utility>

#include <tlsxx/deadline.hpp>
#include <tlsxx/detail/guard.hpp>
#include <tlsxx/detail/socket_address.hpp>
#include <tlsxx/detail/socket_platform.hpp>
#include <tlsxx/errc.hpp>
#include <tlsxx/error_info.hpp>
#include <tlsxx/transport.hpp>

namespace tlsxx {
inline namespace v0 {
namespace detail {

// A socket that is closed unless it is taken.
class owned_socket {
public:
    owned_socket() noexcept = default;
    explicit owned_socket(socket_handle handle) noexcept : handle_{handle} {}
    owned_socket(owned_socket&& other) noexcept : handle_{other.take()} {}
    owned_socket& operator=(owned_socket&& other) noexcept {
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~owned_socket() {
        if (handle_ != invalid_socket)
            socket_close(handle_);
    }
    explicit operator bool() const noexcept { return handle_ != invalid_socket; }
    socket_handle get() const noexcept { return handle_; }
    socket_handle take() noexcept { return std::exchange(handle_, invalid_socket); }

private:
    socket_handle handle_ = invalid_socket;
};

// The system's words for an error. A code's message allocates: without memory there are none.
inline void append_message(error_info& info, const std::error_code& ec) noexcept {
    if (!enough_memory_for([&] { info << ec.message(); }))
        info << "error " << ec.value();
}

// Hands the caller what is known, if it wants to know.
inline void report_to(error_info& local, const std::error_code& ec, error_info* info) noexcept {
    if (info != nullptr)
        *info = ec ? local.set_code(ec) : error_info{};
}

// "127.0.0.1:80", "[::1]:80"
inline void append_address(error_info& info, const socket_address& address) noexcept {
    socket_address_text text;
    if (socket_text(address, text))
        return;
    if (address.family() == AF_INET6)
        info << "[" << text.text << "]";
    else
        info << text.text;
    if (address.is_internet())
        info << ":" << socket_port(address);
}

// What getaddrinfo has found, freed by the destructor.
class address_list {
public:
    address_list() noexcept = default;
    address_list(const address_list&) = delete;
    address_list& operator=(const address_list&) = delete;
    ~address_list() {
        if (first_ != nullptr)
            ::freeaddrinfo(first_);
    }
    const ::addrinfo* first() const noexcept { return first_; }

    // On an error `info` gets the resolver's words.
    std::error_code resolve(std::string_view host, error_info& info) noexcept {
        char name[NI_MAXHOST]{};
        // A zero byte would end the name early: "bank.test\0.example" is not bank.test.
        if (host.empty() || host.size() >= sizeof name || host.find('\0') != host.npos) {
            info << "no host's name";
            return make_error_code(errc::address_not_found);
        }
        std::memcpy(name, host.data(), host.size());
        ::addrinfo hints{};
        hints.ai_family = AF_UNSPEC;
        hints.ai_socktype = SOCK_STREAM;
        const int result = ::getaddrinfo(name, nullptr, &hints, &first_);
        if (result == 0)
            return {};
        const std::error_code ec = resolver_code(result);
        char buffer[256];
        info << resolver_message(result, buffer);
        return ec;
    }

private:
    ::addrinfo* first_ = nullptr;
};

inline std::size_t count_addresses(const ::addrinfo* list) noexcept {
    std::size_t n = 0;
    for (; list != nullptr; list = list->ai_next)
        n += list->ai_family == AF_INET6 || list->ai_family == AF_INET;
    return n;
}

// Tries addresses in turn, IPv6 first and otherwise in the system's order, until `attempt` makes a
// socket of one: socket(address, code). The code is the last attempt's, and `info` gets what each
// that failed has said.
template <class Attempt>
owned_socket try_each_address(const ::addrinfo* list, std::uint16_t port, std::error_code& ec,
                              error_info& info, Attempt&& attempt) noexcept {
    ec = make_error_code(errc::address_not_found);
    const char* separator = "";
    for (const int family : {AF_INET6, AF_INET}) {
        for (const ::addrinfo* at = list; at != nullptr; at = at->ai_next) {
            if (at->ai_family != family)
                continue;
            socket_address address;
            address.size = static_cast<::socklen_t>(at->ai_addrlen);
            std::memcpy(&address.storage, at->ai_addr, at->ai_addrlen);
            socket_set_port(address, port);
            owned_socket socket = attempt(address, ec);
            if (!ec)
                return socket;
            info << separator;
            append_address(info, address);
            info << " ";
            append_message(info, ec);
            separator = "; ";
        }
    }
    return {};
}

// Makes a socket and connects it until `until`; it is non-blocking afterwards.
inline owned_socket connect_one(const socket_address& address, deadline until,
                                std::error_code& ec) noexcept {
    owned_socket socket{socket_open(address.family(), SOCK_STREAM)};
    if (!socket) {
        ec = last_socket_error();
        return {};
    }
    socket_no_sigpipe(socket.get());
    if (address.is_internet())
        socket_set_option(socket.get(), IPPROTO_TCP, TCP_NODELAY, 1);
    ec = socket_connect(socket.get(), address.get(), address.size);
    // There is nothing to wait for that would tell when a backlog has room.
    while (ec == errc::want_read) {
        const deadline pause = deadline::after(std::chrono::milliseconds{10});
        if (until.passed())
            ec = make_error_code(errc::timed_out);
        else if (ec = socket_wait({}, pause < until ? pause : until); ec == errc::timed_out)
            ec = socket_connect(socket.get(), address.get(), address.size);
    }
    if (ec == errc::want_write) {
        ec = socket_wait(socket.get(), direction::write, until);
        if (!ec)
            ec = socket_take_error(socket.get());
    }
    if (ec)
        return {};
    return socket;
}

// What is left until `until`, shared out among `attempts`.
inline deadline share_of(deadline until, std::size_t attempts) noexcept {
    if (until.is_never() || attempts < 2)
        return until;
    return deadline::after(until.remaining() /
                           static_cast<std::chrono::milliseconds::rep>(attempts));
}

// An address that swallows everything must not keep the next from its turn.
inline owned_socket connect_first(const ::addrinfo* list, std::uint16_t port, deadline until,
                                  std::error_code& ec, error_info& info) noexcept {
    std::size_t left = count_addresses(list);
    return try_each_address(list, port, ec, info,
                            [&](const socket_address& address, std::error_code& result) noexcept {
                                return connect_one(address, share_of(until, left--), result);
                            });
}

} // namespace detail
} // namespace v0
} // namespace tlsxx
