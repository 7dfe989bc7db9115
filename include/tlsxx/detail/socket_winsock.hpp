// SPDX-License-Identifier: BSL-1.0
#pragma once

// What sockets need of Windows. detail/socket_posix.hpp has the same functions. These headers of
// the system bring its macros along, `min` and `max` unless the program has set NOMINMAX.

#if defined(_WIN32)

#include <climits>
#include <cstddef>
#include <span>
#include <string_view>
#include <system_error>

#include <winsock2.h>
#include <ws2tcpip.h>

#include <afunix.h>

#include <tlsxx/errc.hpp>
#include <tlsxx/transport.hpp>

#if defined(_MSC_VER)
#pragma comment(lib, "ws2_32")
#endif

namespace tlsxx {
inline namespace v0 {
namespace detail {

using socket_handle = SOCKET;
using socket_poll_entry = ::WSAPOLLFD;
inline constexpr socket_handle invalid_socket = static_cast<socket_handle>(-1);
inline constexpr int socket_bad_handle = WSAENOTSOCK;

inline std::error_code socket_code(int value) noexcept {
    return {value, std::system_category()};
}
inline std::error_code last_socket_error() noexcept {
    return socket_code(::WSAGetLastError());
}
inline bool socket_interrupted() noexcept {
    return ::WSAGetLastError() == WSAEINTR;
}
inline bool socket_would_block() noexcept {
    return ::WSAGetLastError() == WSAEWOULDBLOCK;
}

// Once per process, never undone: sockets may outlive every object that could do so.
inline std::error_code socket_startup() noexcept {
    static const int result = []() noexcept {
        ::WSADATA data;
        return ::WSAStartup(0x0202, &data);
    }();
    return result == 0 ? std::error_code{} : socket_code(result);
}

inline void socket_no_sigpipe(socket_handle) noexcept {}
inline void socket_close(socket_handle handle) noexcept {
    ::closesocket(handle);
}

inline int socket_length(std::size_t size) noexcept {
    return size < static_cast<std::size_t>(INT_MAX) ? static_cast<int>(size) : INT_MAX;
}

inline io_result socket_receive(socket_handle handle, std::span<std::byte> buffer) noexcept {
    const int n =
        ::recv(handle, reinterpret_cast<char*>(buffer.data()), socket_length(buffer.size()), 0);
    if (n > 0)
        return {static_cast<std::size_t>(n), {}};
    if (n == 0)
        return {0, buffer.empty() ? std::error_code{} : make_error_code(errc::end_of_stream)};
    return {0, socket_would_block() ? make_error_code(errc::want_read) : last_socket_error()};
}

inline io_result socket_send(socket_handle handle, std::span<const std::byte> bytes) noexcept {
    const int n =
        ::send(handle, reinterpret_cast<const char*>(bytes.data()), socket_length(bytes.size()), 0);
    if (n >= 0)
        return {static_cast<std::size_t>(n), {}};
    return {0, socket_would_block() ? make_error_code(errc::want_write) : last_socket_error()};
}

// Before Windows 10 version 2004 WSAPoll does not report a connect that fails.
inline int socket_poll(std::span<socket_poll_entry> entries, int milliseconds) noexcept {
    return ::WSAPoll(entries.data(), static_cast<ULONG>(entries.size()), milliseconds);
}

inline std::error_code socket_set_blocking(socket_handle handle, bool blocking) noexcept {
    u_long non_blocking = blocking ? 0 : 1;
    const int result = ::ioctlsocket(handle, static_cast<long>(FIONBIO), &non_blocking);
    return result == 0 ? std::error_code{} : last_socket_error();
}
// Windows can't tell; a new socket blocks.
inline bool socket_is_blocking(socket_handle) noexcept {
    return true;
}

inline socket_handle socket_open(int family, int type) noexcept {
    const socket_handle handle =
        ::WSASocketW(family, type, 0, nullptr, 0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
    if (handle != invalid_socket)
        socket_set_blocking(handle, false);
    return handle;
}
inline socket_handle socket_accept_one(socket_handle listener, bool blocking) noexcept {
    const socket_handle handle = ::accept(listener, nullptr, nullptr);
    if (handle != invalid_socket) {
        ::SetHandleInformation(reinterpret_cast<HANDLE>(handle), HANDLE_FLAG_INHERIT, 0);
        socket_set_blocking(handle, blocking);
    }
    return handle;
}
inline bool socket_accept_again() noexcept {
    return ::WSAGetLastError() == WSAECONNRESET;
}

inline std::error_code socket_connect(socket_handle handle, const ::sockaddr* address,
                                      ::socklen_t size) noexcept {
    if (::connect(handle, address, size) == 0)
        return {};
    return socket_would_block() ? make_error_code(errc::want_write) : last_socket_error();
}
inline bool socket_set_option(socket_handle handle, int level, int name, int value) noexcept {
    return ::setsockopt(handle, level, name, reinterpret_cast<const char*>(&value), sizeof value) ==
           0;
}
inline std::error_code socket_take_error(socket_handle handle) noexcept {
    int value = 0;
    ::socklen_t size = sizeof value;
    if (::getsockopt(handle, SOL_SOCKET, SO_ERROR, reinterpret_cast<char*>(&value), &size) != 0)
        return last_socket_error();
    return value == 0 ? std::error_code{} : socket_code(value);
}
inline std::error_code socket_shutdown_write(socket_handle handle) noexcept {
    return ::shutdown(handle, SD_SEND) == 0 ? std::error_code{} : last_socket_error();
}

// SO_REUSEADDR would let another program take the port over here; this is what keeps it ours.
inline bool socket_set_reuse(socket_handle handle) noexcept {
    return socket_set_option(handle, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 1);
}

struct socket_file {};
inline socket_file socket_file_at(const char*) noexcept {
    return {};
}
inline void socket_remove_file(const char* path, const socket_file&) noexcept {
    ::DeleteFileA(path);
}

inline std::error_code resolver_code(int result) noexcept {
    return make_error_code(result == WSA_NOT_ENOUGH_MEMORY ? errc::not_enough_memory
                                                           : errc::address_not_found);
}
// gai_strerror is not safe with threads here.
inline std::string_view resolver_message(int result, std::span<char> buffer) noexcept {
    const DWORD n = ::FormatMessageA(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS |
                                         FORMAT_MESSAGE_MAX_WIDTH_MASK,
                                     nullptr, static_cast<DWORD>(result), 0, buffer.data(),
                                     static_cast<DWORD>(buffer.size()), nullptr);
    return {buffer.data(), n};
}

} // namespace detail
} // namespace v0
} // namespace tlsxx

#endif
