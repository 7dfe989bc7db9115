// SPDX-License-Identifier: BSL-1.0
#pragma once

// What basic_stream is made of, as far as it does not depend on the engine.

#include <cstddef>
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
};

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

// One operation of a stream: the transport bound to it, and the deadline, which begins when the
// operation first has to wait.
template <transport T>
class operation {
public:
    operation(wire& w, T& t) noexcept : bound{w, t}, transport_{t} {}

    bound_transport bound;

    // Called after each read of an operation that makes many: true, with `ec`, when the deadline
    // has passed. Asked now and then only. `held` says that the next read may not need the
    // transport: then a transport whose deadlines only `wait` can read is not asked, since it would
    // wait.
    bool is_late(bool held, std::error_code& ec) noexcept {
        if (++reads_ % 256 != 0)
            return false;
        if constexpr (waitable_transport<T>) {
            if (!deadline_)
                deadline_.emplace(transport_.start_operation());
            if constexpr (requires { deadline_->passed(); })
                held = !deadline_->passed();
            if (!held)
                ec = transport_.wait(direction::read, *deadline_);
            if (ec == errc::want_read) // set not to wait: there is no deadline
                ec.clear();
            return static_cast<bool>(ec);
        } else {
            return false;
        }
    }

    // True when it is worth trying again; otherwise `ec` is time-out, would-block or a failure.
    bool wait(direction d, std::error_code& ec) noexcept {
        if constexpr (waitable_transport<T>) {
            if (!deadline_)
                deadline_.emplace(transport_.start_operation());
            ec = transport_.wait(d, *deadline_);
            return !ec;
        } else {
            ec = make_error_code(d == direction::read ? errc::want_read : errc::want_write);
            return false;
        }
    }

private:
    T& transport_;
    std::optional<typename deadline_of<T>::type> deadline_;
    unsigned reads_ = 0;
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
