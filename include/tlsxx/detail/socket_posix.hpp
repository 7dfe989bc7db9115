// SPDX-License-Identifier: BSL-1.0
#pragma once

// What sockets need of a POSIX system. detail/socket_winsock.hpp has the same functions; each is
// empty on the other's systems.

#if !defined(_WIN32)

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <tlsxx/errc.hpp>
#include <tlsxx/transport.hpp>

namespace tlsxx {
inline namespace v0 {
namespace detail {

using socket_handle = int;
using socket_poll_entry = ::pollfd;
inline constexpr socket_handle invalid_socket = -1;
inline constexpr int socket_bad_handle = EBADF;

inline std::error_code socket_code(int value) noexcept {
    return {value, std::system_category()};
}
inline std::error_code last_socket_error() noexcept {
    return socket_code(errno);
}
inline bool socket_interrupted() noexcept {
    return errno == EINTR;
}
// Two names of one number on most systems.
inline bool socket_would_block() noexcept {
    const int e = errno;
    return e == EAGAIN || e == EWOULDBLOCK;
}
inline std::error_code socket_startup() noexcept {
    return {};
}

#if defined(MSG_NOSIGNAL)
inline constexpr int socket_send_flags = MSG_NOSIGNAL;
#else
inline constexpr int socket_send_flags = 0;
#endif

// Where MSG_NOSIGNAL does not exist (macOS) the socket itself is told not to raise SIGPIPE.
#if defined(SO_NOSIGPIPE)
inline void socket_no_sigpipe(socket_handle handle) noexcept {
    const int on = 1;
    ::setsockopt(handle, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
}
#else
inline void socket_no_sigpipe(socket_handle) noexcept {}
#endif

// Not repeated after EINTR: the descriptor is gone by then, and may be another thread's already.
inline void socket_close(socket_handle handle) noexcept {
    ::close(handle);
}

inline io_result socket_receive(socket_handle handle, std::span<std::byte> buffer) noexcept {
    for (;;) {
        const ::ssize_t n = ::recv(handle, buffer.data(), buffer.size(), 0);
        if (n > 0)
            return {static_cast<std::size_t>(n), {}};
        if (n == 0)
            return {0, buffer.empty() ? std::error_code{} : make_error_code(errc::end_of_stream)};
        if (socket_would_block())
            return {0, make_error_code(errc::want_read)};
        if (!socket_interrupted())
            return {0, last_socket_error()};
    }
}

inline io_result socket_send(socket_handle handle, std::span<const std::byte> bytes) noexcept {
    for (;;) {
        const ::ssize_t n = ::send(handle, bytes.data(), bytes.size(), socket_send_flags);
        if (n >= 0)
            return {static_cast<std::size_t>(n), {}};
        if (socket_would_block())
            return {0, make_error_code(errc::want_write)};
        if (!socket_interrupted())
            return {0, last_socket_error()};
    }
}

inline int socket_poll(std::span<socket_poll_entry> entries, int milliseconds) noexcept {
    return ::poll(entries.data(), static_cast<::nfds_t>(entries.size()), milliseconds);
}

inline std::error_code socket_set_blocking(socket_handle handle, bool blocking) noexcept {
    const int flags = ::fcntl(handle, F_GETFL);
    if (flags == -1)
        return last_socket_error();
    const int wanted = blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK;
    if (wanted != flags && ::fcntl(handle, F_SETFL, wanted) == -1)
        return last_socket_error();
    return {};
}
inline bool socket_is_blocking(socket_handle handle) noexcept {
    const int flags = ::fcntl(handle, F_GETFL);
    return flags == -1 || (flags & O_NONBLOCK) == 0;
}

// A new socket and an accepted one, both close-on-exec; atomically where the system can.
#if defined(SOCK_CLOEXEC) && defined(SOCK_NONBLOCK)
inline socket_handle socket_open(int family, int type) noexcept {
    return ::socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}
inline socket_handle socket_accept_one(socket_handle listener, bool blocking) noexcept {
    return ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | (blocking ? 0 : SOCK_NONBLOCK));
}
#else
inline socket_handle socket_open(int family, int type) noexcept {
    const socket_handle handle = ::socket(family, type, 0);
    if (handle == invalid_socket)
        return handle;
    ::fcntl(handle, F_SETFD, FD_CLOEXEC);
    socket_set_blocking(handle, false);
    return handle;
}
inline socket_handle socket_accept_one(socket_handle listener, bool blocking) noexcept {
    const socket_handle handle = ::accept(listener, nullptr, nullptr);
    if (handle == invalid_socket)
        return handle;
    ::fcntl(handle, F_SETFD, FD_CLOEXEC);
    socket_set_blocking(handle, blocking);
    return handle;
}
#endif

// A connection that was given up before it was accepted: the next one may be fine. Linux hands the
// network's errors of the waiting connection on as accept's own.
inline bool socket_accept_again() noexcept {
    switch (errno) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case ENOPROTOOPT:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH: return true;
    default: return false;
    }
}

// Begins to connect a non-blocking socket: errc::want_write while it goes on, as it does after a
// signal. errc::want_read: a Unix listener's backlog is full, try again later.
inline std::error_code socket_connect(socket_handle handle, const ::sockaddr* address,
                                      ::socklen_t size) noexcept {
    if (::connect(handle, address, size) == 0)
        return {};
    if (errno == EINPROGRESS || errno == EINTR)
        return make_error_code(errc::want_write);
    return errno == EAGAIN ? make_error_code(errc::want_read) : last_socket_error();
}
inline std::error_code socket_take_error(socket_handle handle) noexcept {
    int value = 0;
    ::socklen_t size = sizeof value;
    if (::getsockopt(handle, SOL_SOCKET, SO_ERROR, &value, &size) != 0)
        return last_socket_error();
    return value == 0 ? std::error_code{} : socket_code(value);
}

inline std::error_code socket_shutdown_write(socket_handle handle) noexcept {
    return ::shutdown(handle, SHUT_WR) == 0 ? std::error_code{} : last_socket_error();
}

inline bool socket_set_option(socket_handle handle, int level, int name, int value) noexcept {
    return ::setsockopt(handle, level, name, &value, sizeof value) == 0;
}
// Lets a server take its port again at once after a restart; two that listen still exclude each
// other.
inline bool socket_set_reuse(socket_handle handle) noexcept {
    return socket_set_option(handle, SOL_SOCKET, SO_REUSEADDR, 1);
}

// Which file a listener has made, so that it removes no other.
struct socket_file {
    ::dev_t device = 0;
    ::ino_t inode = 0;
};
inline socket_file socket_file_at(const char* path) noexcept {
    struct ::stat status {};
    if (::lstat(path, &status) != 0)
        return {};
    return {status.st_dev, status.st_ino};
}
inline void socket_remove_file(const char* path, const socket_file& made) noexcept {
    const socket_file now = socket_file_at(path);
    if (now.inode != 0 && now.inode == made.inode && now.device == made.device)
        ::unlink(path);
}

// Errors of the resolver that are not "no such name": the system's own, or no memory.
inline std::error_code resolver_code(int result) noexcept {
    switch (result) {
    case EAI_SYSTEM: return last_socket_error();
    case EAI_MEMORY: return make_error_code(errc::not_enough_memory);
    default: return make_error_code(errc::address_not_found);
    }
}
inline std::string_view resolver_message(int result, std::span<char>) noexcept {
    return ::gai_strerror(result);
}

} // namespace detail
} // namespace v0
} // namespace tlsxx

#endif
