// SPDX-License-Identifier: BSL-1.0
#pragma once

// The system's sockets, and waiting for them.

#include <chrono>
#include <climits>
#include <span>
#include <system_error>

#include <tlsxx/deadline.hpp>
#include <tlsxx/detail/socket_posix.hpp>
#include <tlsxx/detail/socket_winsock.hpp>
#include <tlsxx/errc.hpp>
#include <tlsxx/transport.hpp>

namespace tlsxx {
inline namespace v0 {
namespace detail {

inline socket_poll_entry make_poll_entry(socket_handle handle, direction wanted) noexcept {
    socket_poll_entry entry{};
    entry.fd = handle;
    constexpr decltype(entry.events) in = POLLIN, out = POLLOUT;
    switch (wanted) {
    case direction::read: entry.events = in; break;
    case direction::write: entry.events = out; break;
    case direction::both: entry.events = in | out; break;
    }
    return entry;
}

// Waits until one of the entries is ready: no error then, errc::timed_out if none is at the
// deadline. A signal does not end the wait, and does not prolong it.
inline std::error_code socket_wait(std::span<socket_poll_entry> entries, deadline until) noexcept {
    for (;;) {
        const std::chrono::milliseconds left = until.remaining();
        const int milliseconds = left == no_timeout       ? -1
                                 : left.count() > INT_MAX ? INT_MAX
                                                          : static_cast<int>(left.count());
        const int ready = socket_poll(entries, milliseconds);
        if (ready > 0)
            return {};
        if (ready < 0 && !socket_interrupted())
            return last_socket_error();
        if (until.passed())
            return make_error_code(errc::timed_out);
    }
}

// Here a deadline that has passed is the end even if the socket is ready: else a peer that always
// has one more byte would hold an operation for ever.
inline std::error_code socket_wait(socket_handle handle, direction wanted,
                                   deadline until) noexcept {
    // The system ignores an entry without a descriptor, and would wait for ever.
    if (handle == invalid_socket)
        return socket_code(socket_bad_handle);
    if (until.passed())
        return make_error_code(errc::timed_out);
    socket_poll_entry entry = make_poll_entry(handle, wanted);
    if (const std::error_code ec = socket_wait(std::span{&entry, 1}, until))
        return ec;
    // Errors and a closed peer count as ready: the next read or write tells which.
    return (entry.revents & POLLNVAL) != 0 ? socket_code(socket_bad_handle) : std::error_code{};
}

} // namespace detail
} // namespace v0
} // namespace tlsxx
