// SPDX-License-Identifier: BSL-1.0
#pragma once

// What basic_stream is made of, as far as it does not depend on the engine.

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <system_error>
#include <type_traits>
#include <utility>

#include <tlsxx/detail/guard.hpp>
#include <tlsxx/detail/wire.hpp>
#include <tlsxx/errc.hpp>
#include <tlsxx/error_info.hpp>
#include <tlsxx/transport.hpp>
#include <tlsxx/verification.hpp>

namespace tlsxx {
inline namespace v0 {
namespace detail {

// What one handshake may write into the output spill: this side's certificates, not the peer's.
inline constexpr std::size_t handshake_output_limit = 1 << 18;

// How much data leaves in one system call where a write has more than one record of it.
inline constexpr std::size_t group_size = 65536;

// How many bytes an engine makes of `n` at most: a record adds 5 of header and up to 2048 (RFC 5246
// 6.2.3; RFC 8446 5.2: 256), and engines stay far below that.
constexpr std::size_t most_output(std::size_t n) noexcept {
    return n + 1024;
}

// Output that was lost on this side: the peer is there and knows nothing of it.
inline bool is_own_loss(const std::error_code& write_error) noexcept {
    return write_error == errc::not_enough_memory || write_error == errc::output_overflow;
}

// Output that was lost because the peer has closed: its reason may still be on the way here.
inline bool is_peer_gone(const std::error_code& write_error) noexcept {
    return write_error == std::errc::broken_pipe || write_error == std::errc::connection_reset;
}

// A transport that the stream owns, or refers to.
template <class T>
class transport_holder {
public:
    explicit transport_holder(T&& transport) noexcept : transport_{std::move(transport)} {}
    T& get() noexcept { return transport_; }
    const T& get() const noexcept { return transport_; }
    T&& release() noexcept { return std::move(transport_); }

private:
    T transport_;
};
template <class T>
class transport_holder<T&> {
public:
    explicit transport_holder(T& transport) noexcept : transport_{std::addressof(transport)} {}
    T& get() const noexcept { return *transport_; }
    T& release() noexcept { return *transport_; }

private:
    T* transport_;
};

// A bool that does not stay behind when it is moved from.
struct flag {
    bool on = false;

    flag() noexcept = default;
    flag(flag&& other) noexcept : on{std::exchange(other.on, false)} {}
    flag& operator=(flag&& other) noexcept {
        on = std::exchange(other.on, false);
        return *this;
    }
};

// Latches of one connection, the same for every engine.
struct stream_state {
    std::error_code fatal;           // every later operation gives this
    std::error_code last_code;       // what was reported last
    std::size_t sealed = 0;          // bytes of a blocked write that the engine has taken
    std::optional<std::byte> unread; // met by unwrap, belongs to the next read
    bool established = false;        // the handshake is done
    bool peer_closed = false;  // the peer's close_notify was read, or its absence is suppressed
    bool close_begun = false;  // this side has begun to close
    bool close_sealed = false; // the engine has written close_notify
    bool suppress_ragged_eofs = false;
    bool unwrappable = false;

    // Nothing stands in the way of data: an operation may go straight to the engine. False in the
    // middle of an operation that does not, and kept true by settle() at its end.
    // False too in a state that was moved from.
    flag plain;
    bool in_call = false; // see call_check

    void settle(const wire& w) noexcept {
        plain.on = established && !fatal && !close_begun && !peer_closed && !unread &&
                   sealed == 0 && !w.write_error && w.output.empty();
    }
};

// In debug builds: no operation of a stream is called from within a call of its own transport, nor
// by a second thread meanwhile.
#if defined(NDEBUG)
class unchecked_call {
public:
    explicit unchecked_call(bool&) noexcept {}
};
using call_check = unchecked_call;
#else
class checked_call {
public:
    explicit checked_call(bool& in_call) noexcept : in_call_{in_call} {
        assert(!in_call && "an operation of a stream within another one of the same stream");
        in_call = true;
    }
    ~checked_call() { in_call_ = false; }
    checked_call(const checked_call&) = delete;
    checked_call& operator=(const checked_call&) = delete;

private:
    bool& in_call_;
};
using call_check = checked_call;
#endif

inline const verification& no_verdict() noexcept {
    static const verification empty;
    return empty;
}

// The primary reason in a line: what is wrong with which certificate.
inline void describe(const verification& verdict, error_info& info) noexcept {
    info << message(verdict.code());
    if (!verdict.reasons().empty())
        enough_memory_for([&] {
            const verification_reason& primary = verdict.reasons().front();
            info << ", depth " << primary.depth << ", " << primary.certificate.subject();
        });
}

template <class T, bool = waitable_transport<T>>
struct deadline_of {
    using type = decltype(std::declval<T&>().start_operation());
};
template <class T>
struct deadline_of<T, false> {
    struct type {};
};

// An operation of a stream that may have to wait: the transport bound to it, and the deadline,
// which begins when it first does.
template <transport T>
class operation {
public:
    operation(bound_transport& b, T& t) noexcept : bound{b}, transport_{t} {}

    bound_transport& bound;

    // Called after each read of an operation that makes many: true, with `ec`, when the deadline
    // has passed. Asked now and then only. `held` says that the next read may not need the
    // transport: then a transport whose deadlines only `wait` can read is not asked, since it would
    // wait.
    bool is_late(bool held, std::error_code& ec) noexcept {
        bound.allow_input();
        if (++reads_ % 256 != 0)
            return false;
        if constexpr (waitable_transport<T>) {
            if (!deadline_)
                deadline_.emplace(transport_.start_operation());
            if constexpr (requires { deadline_->passed(); })
                held = !deadline_->passed();
            if (!held)
                ec = transport_.wait(direction::read, *deadline_);
            if (ec == errc::want_read) { // set not to wait: there is no deadline
                ec.clear();
                waits_ = false;
            }
            return static_cast<bool>(ec);
        } else {
            return false;
        }
    }

    // False once it is known that no wait ever ends this operation.
    bool waits() const noexcept { return waits_; }

    // True when it is worth trying again; otherwise `ec` is time-out, would-block or a failure.
    bool wait(direction d, std::error_code& ec) noexcept {
        if constexpr (waitable_transport<T>) {
            if (!deadline_)
                deadline_.emplace(transport_.start_operation());
            ec = transport_.wait(d, *deadline_);
            bound.resume();
            return !ec;
        } else {
            ec = make_error_code(d == direction::write ? errc::want_write : errc::want_read);
            return false;
        }
    }

private:
    T& transport_;
    std::optional<typename deadline_of<T>::type> deadline_;
    unsigned reads_ = 0;
    bool waits_ = waitable_transport<T>;
};

// A transport whose time-out can be set for a while.
template <class T>
concept has_timeout = requires(T& t, std::error_code& ec) {
    t.set_timeout(t.timeout(), ec);
};

template <has_timeout T>
class timeout_override {
public:
    template <class Duration>
    timeout_override(T& t, Duration timeout, std::error_code& ec) noexcept
        : transport_{t}, before_{t.timeout()} {
        t.set_timeout(timeout, ec);
    }
    timeout_override(const timeout_override&) = delete;
    timeout_override& operator=(const timeout_override&) = delete;
    ~timeout_override() {
        std::error_code ignored;
        transport_.set_timeout(before_, ignored);
    }

private:
    T& transport_;
    decltype(std::declval<T&>().timeout()) before_;
};

} // namespace detail
} // namespace v0
} // namespace tlsxx
