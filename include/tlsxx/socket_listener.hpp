// SPDX-License-Identifier: BSL-1.0
#pragma once

// A listening socket, and waiting for many sockets at once.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <tlsxx/deadline.hpp>
#include <tlsxx/detail/guard.hpp>
#include <tlsxx/detail/socket_address.hpp>
#include <tlsxx/detail/socket_connect.hpp>
#include <tlsxx/detail/socket_listen.hpp>
#include <tlsxx/detail/socket_platform.hpp>
#include <tlsxx/detail/socket_throw.hpp>
#include <tlsxx/errc.hpp>
#include <tlsxx/error_info.hpp>
#include <tlsxx/socket_transport.hpp>
#include <tlsxx/transport.hpp>

namespace tlsxx {
inline namespace v0 {

/// listen_options say where to listen. Views need to live only during `listen`.
struct listen_options {
    /// address is a name or a numeric address; of a name's the first that can be used, IPv6 before
    /// IPv4. Empty: every address of the machine, IPv4 and IPv6, IPv4 alone if that is all there
    /// is.
    std::string_view address{};
    /// port 0 lets the system choose; `socket_listener::port` tells which.
    std::uint16_t port = 0;
    /// backlog is how many connections may wait to be accepted; 0 is the most that the system has.
    int backlog = 0;
    /// unix_path listens on a Unix socket instead; nothing may be there yet.
    std::string_view unix_path{};
};

/// socket_listener is a listening socket, which it owns: the destructor closes it, and removes a
/// Unix socket's file if `listen` has made it. tlsxx::listen makes it; a socket from elsewhere is
/// adopted. It belongs to one thread at a time.
///
/// The time-out says how long `accept` waits: for ever unless set. The socket itself is always
/// non-blocking.
class socket_listener {
public:
    using native_handle_type = detail::socket_handle;

    /// socket_listener without a socket: every operation fails.
    socket_listener() noexcept = default;
    /// socket_listener adopts a socket that listens, and makes it non-blocking.
    explicit socket_listener(native_handle_type handle) noexcept;
    socket_listener(socket_listener&& other) noexcept
        : handle_{std::exchange(other.handle_, detail::invalid_socket)}, internet_{other.internet_},
          timeout_{other.timeout_}, path_{std::exchange(other.path_, {})}, file_{other.file_} {}
    socket_listener& operator=(socket_listener&& other) noexcept {
        if (this != &other) {
            close();
            handle_ = std::exchange(other.handle_, detail::invalid_socket);
            internet_ = other.internet_;
            timeout_ = other.timeout_;
            path_ = std::exchange(other.path_, {});
            file_ = other.file_;
        }
        return *this;
    }
    ~socket_listener() { close(); }

    /// accept waits for a connection and gives it, without a time-out of its own. Connections that
    /// ended before they were accepted are passed over. errc::timed_out, or errc::want_read with a
    /// time-out of zero. Without a free descriptor or memory that error (EMFILE, ENFILE, ENOBUFS)
    /// is reported and the connection stays in the queue: free something, or pause, before the next
    /// try.
    socket_transport accept(std::error_code& ec) noexcept;
    /// try_accept never waits: errc::want_read if nobody is there. The connection that it gives
    /// does not wait either (its time-out is zero). Otherwise as accept.
    socket_transport try_accept(std::error_code& ec) noexcept {
        return take(std::chrono::milliseconds::zero(), ec);
    }
    /// wait waits until a connection is there. Errors as accept's.
    std::error_code wait(deadline until) noexcept {
        if (timeout_ == std::chrono::milliseconds::zero())
            return make_error_code(errc::want_read);
        return detail::socket_wait(handle_, direction::read, until);
    }
    /// start_operation gives the deadline of an accept that begins now.
    deadline start_operation() const noexcept { return deadline::after(timeout_); }

    /// timeout is how long accept waits: tlsxx::no_timeout, a time-out, or zero.
    std::chrono::milliseconds timeout() const noexcept { return timeout_; }
    /// set_timeout sets it; errc::invalid_argument for a negative one.
    void set_timeout(std::chrono::milliseconds timeout, std::error_code& ec) noexcept {
        ec.clear();
        if (timeout < std::chrono::milliseconds::zero())
            ec = make_error_code(errc::invalid_argument);
        else
            timeout_ = timeout;
    }

    /// port is the port that it listens on; 0 for a Unix socket and for none.
    std::uint16_t port() const noexcept;
    /// local_endpoint is where it listens.
    socket_endpoint local_endpoint(std::error_code& ec) const noexcept {
        return detail::socket_local_endpoint(handle_, ec);
    }
    native_handle_type native_handle() const noexcept { return handle_; }
    bool is_open() const noexcept { return handle_ != detail::invalid_socket; }
    /// close stops listening; without a socket it does nothing.
    void close() noexcept;

#if defined(__cpp_exceptions)
    socket_transport accept() {
        return detail::or_throw([&](std::error_code& ec) { return accept(ec); });
    }
    void set_timeout(std::chrono::milliseconds timeout) {
        detail::or_throw([&](std::error_code& ec) { set_timeout(timeout, ec); });
    }
    socket_endpoint local_endpoint() const {
        return detail::or_throw([&](std::error_code& ec) { return local_endpoint(ec); });
    }
#endif

private:
    friend struct detail::socket_maker;
    socket_transport take(std::chrono::milliseconds timeout, std::error_code& ec) noexcept;

    native_handle_type handle_ = detail::invalid_socket;
    bool internet_ = false;
    std::chrono::milliseconds timeout_ = no_timeout;
    std::string path_; // of the file to remove
    detail::socket_file file_;
};

/// listen listens on a TCP port or a Unix socket. On POSIX systems a port can be taken again right
/// after a server that used it has ended; on Windows nobody else can take it over.
/// Errors are the system's (EADDRINUSE, EACCES), errc::address_not_found for a name that does not
/// resolve, and connect_unix's for a path. `info`, if given, gets the address and the reason.
inline socket_listener listen(const listen_options& options, std::error_code& ec,
                              error_info* info = nullptr) noexcept;

/// poll_entry is one socket to wait for; `ready` is the answer.
struct poll_entry {
    detail::socket_handle native_handle = detail::invalid_socket;
    direction wanted = direction::read;
    bool ready = false;
};

/// wait_any waits until one of the sockets is ready, has failed or was ended by its peer, and sets
/// `ready` of every entry; one without a socket never is. errc::timed_out if none is when the
/// deadline passes; a deadline that has passed asks without waiting. Signals do not end the wait.
/// For more than 512 entries it allocates: errc::not_enough_memory.
inline std::error_code wait_any(std::span<poll_entry> entries, deadline until) noexcept;

namespace detail {

// Makes what owns a socket, of one made here.
struct socket_maker {
    static socket_transport make(socket_handle handle, std::chrono::milliseconds timeout) noexcept {
        return {handle, timeout};
    }
    static socket_listener make_listener(socket_handle handle, std::string path) noexcept {
        socket_listener listener{handle};
        listener.file_ = socket_file_at(path.c_str());
        listener.path_ = std::move(path);
        return listener;
    }
};

} // namespace detail

inline socket_listener::socket_listener(native_handle_type handle) noexcept : handle_{handle} {
    if (handle_ == detail::invalid_socket)
        return;
    // Where this fails, the socket is none, and accept says so.
    detail::socket_set_blocking(handle_, false);
    internet_ = detail::socket_local_address(handle_).is_internet();
}

inline socket_transport socket_listener::take(std::chrono::milliseconds timeout,
                                              std::error_code& ec) noexcept {
    // A peer that resets connections as fast as it makes them must not keep this busy for ever.
    for (int attempts = 0; attempts != 64; ++attempts) {
        const auto handle = detail::socket_accept_one(handle_, timeout == no_timeout);
        if (handle != detail::invalid_socket) {
            ec.clear();
            detail::socket_no_sigpipe(handle);
            if (internet_)
                detail::socket_set_option(handle, IPPROTO_TCP, TCP_NODELAY, 1);
            return detail::socket_maker::make(handle, timeout);
        }
        if (detail::socket_would_block())
            break;
        if (!detail::socket_accept_again()) {
            ec = detail::last_socket_error();
            return {};
        }
    }
    ec = make_error_code(errc::want_read);
    return {};
}

inline socket_transport socket_listener::accept(std::error_code& ec) noexcept {
    const deadline until = start_operation();
    for (;;) {
        socket_transport transport = take(no_timeout, ec);
        if (ec != errc::want_read)
            return transport;
        if ((ec = wait(until)))
            return {};
    }
}

inline std::uint16_t socket_listener::port() const noexcept {
    return detail::socket_port(detail::socket_local_address(handle_));
}

inline void socket_listener::close() noexcept {
    if (handle_ == detail::invalid_socket)
        return;
    // The file first: who comes now must not find one that nobody listens on.
    if (!path_.empty())
        detail::socket_remove_file(path_.c_str(), file_);
    path_.clear();
    detail::socket_close(std::exchange(handle_, detail::invalid_socket));
}

inline socket_listener listen(const listen_options& options, std::error_code& ec,
                              error_info* info) noexcept {
    error_info local;
    std::string path;
    detail::owned_socket socket;
    ec = detail::socket_startup();
    if (!ec && options.unix_path.empty()) {
        socket = detail::listen_internet(options.address, options.port, options.backlog, ec, local);
    } else if (!ec) {
        local << "listen on " << options.unix_path << ": ";
        if (detail::enough_memory_for([&] { path = options.unix_path; }))
            socket = detail::listen_unix(options.unix_path, options.backlog, ec);
        else
            ec = make_error_code(errc::not_enough_memory);
    }
    detail::report_to(local, ec, info);
    return ec ? socket_listener{}
              : detail::socket_maker::make_listener(socket.take(), std::move(path));
}

#if defined(__cpp_exceptions)

inline socket_listener listen(const listen_options& options = {}) {
    std::error_code ec;
    error_info info;
    socket_listener listener = tlsxx::listen(options, ec, &info);
    if (ec)
        detail::raise(info);
    return listener;
}

#endif

inline std::error_code wait_any(std::span<poll_entry> entries, deadline until) noexcept {
    std::array<detail::socket_poll_entry, 512> few;
    std::unique_ptr<detail::socket_poll_entry[]> many;
    std::span<detail::socket_poll_entry> asked{few.data(), few.size()};
    if (entries.size() > few.size()) {
        many.reset(new (std::nothrow) detail::socket_poll_entry[entries.size()]);
        if (!many)
            return make_error_code(errc::not_enough_memory);
        asked = {many.get(), entries.size()};
    }
    asked = asked.first(entries.size());
    for (std::size_t i = 0; i != entries.size(); ++i)
        asked[i] = detail::make_poll_entry(entries[i].native_handle, entries[i].wanted);
    const std::error_code ec = detail::socket_wait(asked, until);
    for (std::size_t i = 0; i != entries.size(); ++i)
        entries[i].ready =
            !ec && asked[i].revents != 0 && entries[i].native_handle != detail::invalid_socket;
    return ec;
}

} // namespace v0
} // namespace tlsxx
