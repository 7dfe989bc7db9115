// SPDX-License-Identifier: BSL-1.0
#pragma once

// A stream socket of the system as a transport.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <tlsxx/deadline.hpp>
#include <tlsxx/detail/socket_address.hpp>
#include <tlsxx/detail/socket_platform.hpp>
#include <tlsxx/detail/socket_throw.hpp>
#include <tlsxx/errc.hpp>
#include <tlsxx/transport.hpp>

namespace tlsxx {
inline namespace v0 {
namespace detail {
struct socket_maker;
}

/// socket_transport is a connected stream socket, TCP or Unix, which it owns: the destructor closes
/// it. tlsxx::connect and socket_listener make it; a socket from elsewhere is adopted.
///
/// It waits as Python's sockets do, by its time-out:
/// - none (tlsxx::no_timeout, the start): a read or write is one system call, which blocks;
/// - a time-out: it bounds every operation of a stream as a whole, then errc::timed_out;
/// - zero: nothing waits; errc::want_read and errc::want_write say what to wait for.
///
/// Writing to a closed connection is an error (EPIPE), never SIGPIPE; signals interrupt nothing.
/// Sockets made by this library are not inherited by other programs (FD_CLOEXEC), and send at once
/// what they are given (TCP_NODELAY). An object belongs to one thread at a time, except that one
/// may read while one writes.
class socket_transport {
public:
    /// native_handle_type is int, on Windows SOCKET.
    using native_handle_type = detail::socket_handle;

    /// socket_transport without a socket: every operation fails (EBADF; Windows: WSAENOTSOCK).
    socket_transport() noexcept = default;
    /// socket_transport adopts a connected socket and leaves its options alone. The time-out is
    /// none, or zero for one that is set non-blocking (Windows can't tell: there it must block).
    explicit socket_transport(native_handle_type handle) noexcept : handle_{handle} {
        if (handle_ == detail::invalid_socket)
            return;
        detail::socket_no_sigpipe(handle_);
        if (!detail::socket_is_blocking(handle_))
            timeout_ = std::chrono::milliseconds::zero();
    }
    socket_transport(socket_transport&& other) noexcept
        : handle_{other.release()}, timeout_{other.timeout_} {}
    socket_transport& operator=(socket_transport&& other) noexcept {
        if (this != &other) {
            close();
            handle_ = other.release();
            timeout_ = other.timeout_;
        }
        return *this;
    }
    ~socket_transport() { close(); }

    /// read_some is one recv. errc::end_of_stream when the peer has ended the stream, and
    /// errc::want_read when there is no input, at once unless the time-out is none.
    io_result read_some(std::span<std::byte> buffer) noexcept {
        return detail::socket_receive(handle_, buffer);
    }
    /// write_some is one send. errc::want_write when no output is taken, at once unless the
    /// time-out is none.
    io_result write_some(std::span<const std::byte> bytes) noexcept {
        return detail::socket_send(handle_, bytes);
    }
    /// start_operation gives the deadline of the operation that begins now.
    deadline start_operation() const noexcept { return deadline::after(timeout_); }
    /// wait waits until the socket is ready, has failed or was ended by the peer. errc::timed_out
    /// at the deadline; with a time-out of zero errc::want_write or errc::want_read at once.
    std::error_code wait(direction wanted, deadline until) noexcept {
        if (timeout_ == std::chrono::milliseconds::zero())
            return make_error_code(wanted == direction::write ? errc::want_write : errc::want_read);
        return detail::socket_wait(handle_, wanted, until);
    }

    /// receive reads at least one byte, within the time-out: for what is said before TLS begins
    /// (STARTTLS, a proxy's CONNECT). 0 without an error is the end of the stream.
    std::size_t receive(std::span<std::byte> buffer, std::error_code& ec) noexcept;
    /// send_all writes all of `bytes`, within the time-out. The result counts what was sent.
    std::size_t send_all(std::span<const std::byte> bytes, std::error_code& ec) noexcept;
    std::size_t send_all(std::string_view text, std::error_code& ec) noexcept {
        return send_all(std::as_bytes(std::span{text.data(), text.size()}), ec);
    }

    /// timeout is tlsxx::no_timeout, a time-out, or zero.
    std::chrono::milliseconds timeout() const noexcept { return timeout_; }
    /// set_timeout sets how long an operation may take, from the next one on. A negative time is
    /// errc::invalid_argument. On an error nothing has changed.
    void set_timeout(std::chrono::milliseconds timeout, std::error_code& ec) noexcept;
    /// set_blocking is short for set_timeout(no_timeout) and set_timeout(zero).
    void set_blocking(bool blocking, std::error_code& ec) noexcept {
        set_timeout(blocking ? no_timeout : std::chrono::milliseconds::zero(), ec);
    }

    /// shutdown_write ends the byte stream towards the peer; reading goes on.
    void shutdown_write(std::error_code& ec) noexcept {
        ec = detail::socket_shutdown_write(handle_);
    }
    /// close closes the socket; without one it does nothing.
    void close() noexcept {
        if (handle_ != detail::invalid_socket)
            detail::socket_close(std::exchange(handle_, detail::invalid_socket));
    }
    /// release gives the socket away, open. It is non-blocking unless the time-out is none.
    [[nodiscard]] native_handle_type release() noexcept {
        return std::exchange(handle_, detail::invalid_socket);
    }
    native_handle_type native_handle() const noexcept { return handle_; }
    bool is_open() const noexcept { return handle_ != detail::invalid_socket; }

    /// local_endpoint and remote_endpoint are the two ends of the connection.
    socket_endpoint local_endpoint(std::error_code& ec) const noexcept {
        return detail::socket_local_endpoint(handle_, ec);
    }
    socket_endpoint remote_endpoint(std::error_code& ec) const noexcept {
        return detail::socket_remote_endpoint(handle_, ec);
    }

#if defined(__cpp_exceptions)
    std::size_t receive(std::span<std::byte> buffer) {
        return detail::or_throw([&](std::error_code& ec) { return receive(buffer, ec); });
    }
    void send_all(std::span<const std::byte> bytes) {
        detail::or_throw([&](std::error_code& ec) { send_all(bytes, ec); });
    }
    void send_all(std::string_view text) {
        send_all(std::as_bytes(std::span{text.data(), text.size()}));
    }
    void set_timeout(std::chrono::milliseconds timeout) {
        detail::or_throw([&](std::error_code& ec) { set_timeout(timeout, ec); });
    }
    void set_blocking(bool blocking) {
        detail::or_throw([&](std::error_code& ec) { set_blocking(blocking, ec); });
    }
    void shutdown_write() {
        detail::or_throw([&](std::error_code& ec) { shutdown_write(ec); });
    }
    socket_endpoint local_endpoint() const {
        return detail::or_throw([&](std::error_code& ec) { return local_endpoint(ec); });
    }
    socket_endpoint remote_endpoint() const {
        return detail::or_throw([&](std::error_code& ec) { return remote_endpoint(ec); });
    }
#endif

private:
    friend struct detail::socket_maker; // for sockets whose mode is known
    socket_transport(native_handle_type handle, std::chrono::milliseconds timeout) noexcept
        : handle_{handle}, timeout_{timeout} {}

    native_handle_type handle_ = detail::invalid_socket;
    std::chrono::milliseconds timeout_ = no_timeout;
};

static_assert(waitable_transport<socket_transport>);

inline std::size_t socket_transport::receive(std::span<std::byte> buffer,
                                             std::error_code& ec) noexcept {
    const deadline until = start_operation();
    for (;;) {
        const io_result result = read_some(buffer);
        ec = result.ec;
        if (ec == errc::want_read && !(ec = wait(direction::read, until)))
            continue;
        if (ec == errc::end_of_stream)
            ec.clear();
        return result.n;
    }
}

inline std::size_t socket_transport::send_all(std::span<const std::byte> bytes,
                                              std::error_code& ec) noexcept {
    const deadline until = start_operation();
    std::size_t sent = 0;
    ec.clear();
    while (sent != bytes.size()) {
        const io_result result = write_some(bytes.subspan(sent));
        sent += result.n;
        ec = result.ec;
        if (ec == errc::want_write)
            ec = wait(direction::write, until);
        if (ec)
            break;
    }
    return sent;
}

inline void socket_transport::set_timeout(std::chrono::milliseconds timeout,
                                          std::error_code& ec) noexcept {
    if (timeout < std::chrono::milliseconds::zero()) {
        ec = make_error_code(errc::invalid_argument);
        return;
    }
    ec.clear();
    const bool blocking = timeout == no_timeout;
    if (handle_ == detail::invalid_socket)
        ec = detail::socket_code(detail::socket_bad_handle);
    else if (blocking != (timeout_ == no_timeout))
        ec = detail::socket_set_blocking(handle_, blocking);
    if (!ec)
        timeout_ = timeout;
}

} // namespace v0
} // namespace tlsxx
