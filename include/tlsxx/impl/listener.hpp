// SPDX-License-Identifier: BSL-1.0
#pragma once

// The bodies of basic_listener: one poll over the listening socket and every handshake.

#include <tlsxx/listener.hpp>

namespace tlsxx {
inline namespace v0 {

template <backend B, class Listener>
template <class OnFailure>
auto basic_listener<B, Listener>::accept(OnFailure&& on_failure, std::error_code& ec)
    -> stream_type {
    ec.clear();
    if (!context_) {
        ec = last_error_ ? last_error_.code() : make_error_code(errc::invalid_argument);
        return stream_type{transport_type{}};
    }
    const deadline until = listener_.start_operation();
    resume_clocks();
    struct leave {
        basic_listener& self;
        ~leave() { self.left_ = deadline::clock::now(); }
    } on_leaving{*this};
    for (;;) {
        // A flood of connections must not keep the handshakes under way from going on.
        for (int taken = 0; taken != 64 && take_new(ec); ++taken)
            if (handshakes_.size() > max_handshakes_)
                drop_oldest(on_failure);
        if (ec && handshakes_.empty())
            return stream_type{transport_type{}};
        if (std::exchange(ec, {})) // perhaps no descriptor is left: slow peers hold some
            drop_oldest(on_failure);
        for (std::size_t i = 0; i != handshakes_.size();) {
            handshake& h = handshakes_[i];
            std::error_code failure;
            if (std::exchange(h.ready, false) && !deferred_)
                h.stream.handshake(failure);
            else if (!deferred_)
                failure = make_error_code(h.wanted == direction::read ? errc::want_read
                                                                      : errc::want_write);
            if (!failure)
                h.stream.transport().set_timeout(no_timeout, failure);
            if (!failure) {
                stream_type done = std::move(h.stream);
                handshakes_.erase(handshakes_.begin() + static_cast<std::ptrdiff_t>(i));
                return done;
            }
            const bool waiting = failure == errc::want_read || failure == errc::want_write;
            if (waiting && !h.until.passed()) {
                h.wanted = failure == errc::want_read ? direction::read : direction::write;
                ++i;
                continue;
            }
            if (waiting)
                h.stream.report(error_info{errc::timed_out, "the handshake took too long"},
                                failure);
            drop(i, on_failure);
        }
        if (!wait(until, ec))
            return stream_type{transport_type{}};
    }
}

// Takes one connection that waits; false if there is none, or with `ec` if the socket has failed.
template <backend B, class Listener>
bool basic_listener<B, Listener>::take_new(std::error_code& ec) {
    transport_type transport = listener_.try_accept(ec);
    if (ec) {
        if (ec == errc::want_read)
            ec.clear();
        return false;
    }
    wrap_options options;
    options.server_side = true;
    options.handshake = handshake_start::deferred;
    options.suppress_ragged_eofs = suppress_ragged_eofs_;
    options.unwrappable = unwrappable_;
    stream_type stream = context_->wrap(std::move(transport), options, ec);
    if (ec)
        return false;
    handshakes_.push_back({std::move(stream), deadline::after(handshake_timeout_)});
    return true;
}

// Waits until a connection comes, a handshake can go on, or one has taken too long.
template <backend B, class Listener>
bool basic_listener<B, Listener>::wait(deadline until, std::error_code& ec) {
    deadline next = until;
    polled_.assign(1, poll_entry{listener_.native_handle(), direction::read});
    for (const handshake& h : handshakes_) {
        polled_.push_back({h.stream.transport().native_handle(), h.wanted});
        next = h.until < next ? h.until : next;
    }
    ec = wait_any(polled_, next);
    if (ec == errc::timed_out && !until.passed())
        ec.clear();
    else if (ec == errc::timed_out)
        ec = listener_.wait(until); // which tells "over" from "set not to wait"
    if (ec)
        return false;
    for (std::size_t i = 0; i != handshakes_.size(); ++i)
        handshakes_[i].ready = polled_[i + 1].ready;
    return true;
}

} // namespace v0
} // namespace tlsxx
