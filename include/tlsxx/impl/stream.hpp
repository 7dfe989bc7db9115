// SPDX-License-Identifier: BSL-1.0
#pragma once

// The bodies of basic_stream: one loop for every engine over "call the engine, send what it wrote,
// wait for what it wants".

#include <tlsxx/stream.hpp>

namespace tlsxx {
inline namespace v0 {

template <backend B, detail::held_transport T>
void basic_stream<B, T>::handshake(std::error_code& ec) noexcept {
    if (!begin(ec) || established())
        return;
    operation op{wire_, transport_.get()};
    finish_handshake(op, ec);
}

template <backend B, detail::held_transport T>
std::size_t basic_stream<B, T>::read_some(std::span<std::byte> buffer,
                                          std::error_code& ec) noexcept {
    if (!begin(ec))
        return 0;
    operation op{wire_, transport_.get()};
    return read_record(op, buffer, ec);
}

template <backend B, detail::held_transport T>
std::size_t basic_stream<B, T>::read_exactly(std::span<std::byte> buffer,
                                             std::error_code& ec) noexcept {
    if (!begin(ec))
        return 0;
    operation op{wire_, transport_.get()};
    std::size_t done = 0;
    while (done != buffer.size()) {
        const std::size_t n = read_record(op, buffer.subspan(done), ec);
        if (ec)
            break;
        if (n == 0) {
            report(errc::end_of_stream, ec);
            break;
        }
        done += n;
        if (done != buffer.size() && is_late(op, ec))
            break;
    }
    return done;
}

template <backend B, detail::held_transport T>
void basic_stream<B, T>::read_all(std::string& text, std::error_code& ec,
                                  std::size_t limit) noexcept {
    if (!begin(ec))
        return;
    operation op{wire_, transport_.get()};
    const std::size_t before = text.size();
    std::size_t used = before;
    for (std::size_t n = 1; n != 0;) {
        if (used == text.size() &&
            !detail::enough_memory_for([&] { text.resize(used < 8192 ? 16384 : used * 2); })) {
            report(errc::not_enough_memory, ec);
            break;
        }
        n = read_record(
            op, std::as_writable_bytes(std::span{text.data(), text.size()}).subspan(used), ec);
        used += n;
        if (used - before > limit) {
            used = before + limit;
            report(errc::message_too_large, ec);
            break;
        }
        if (n != 0 && is_late(op, ec))
            break;
    }
    text.resize(used);
}

template <backend B, detail::held_transport T>
std::size_t basic_stream<B, T>::write_some(byte_view data, std::error_code& ec) noexcept {
    if (!begin_write(ec))
        return 0;
    operation op{wire_, transport_.get()};
    return write_record(op, data, ec);
}

template <backend B, detail::held_transport T>
std::size_t basic_stream<B, T>::write_all(byte_view data, std::error_code& ec) noexcept {
    if (!begin_write(ec))
        return 0;
    operation op{wire_, transport_.get()};
    std::size_t done = 0;
    while (done != data.size() && !ec)
        done += write_record(op, data.subspan(done), ec);
    return done;
}

template <backend B, detail::held_transport T>
void basic_stream<B, T>::close_notify(std::error_code& ec) noexcept {
    if (!begin(ec))
        return;
    operation op{wire_, transport_.get()};
    finish_close(op, ec);
}

template <backend B, detail::held_transport T>
void basic_stream<B, T>::shutdown(std::error_code& ec) noexcept {
    if (!begin(ec))
        return;
    operation op{wire_, transport_.get()};
    if (!finish_close(op, ec))
        return;
    std::byte dropped[1024];
    while (read_record(op, dropped, ec) != 0 && !is_late(op, ec)) {
    }
}

template <backend B, detail::held_transport T>
std::optional<unwrapped<T>> basic_stream<B, T>::unwrap(std::error_code& ec) noexcept {
    if (!begin(ec))
        return std::nullopt;
    if (!state_.unwrappable) {
        report(error_info{errc::not_supported,
                          "unwrap needs a stream made with wrap_options::unwrappable"},
               ec);
        return std::nullopt;
    }
    operation op{wire_, transport_.get()};
    if (!finish_close(op, ec))
        return std::nullopt;
    if (!state_.peer_closed && B::pending(connection_) == 0) {
        // An empty span can't be given to the engine: a byte that comes here goes back to the
        // reader.
        std::byte first;
        const std::size_t n = read_record(op, {&first, 1}, ec);
        if (ec)
            return std::nullopt;
        if (n != 0)
            state_.unread = first;
    }
    if (!state_.peer_closed) {
        report(errc::application_data_after_close, ec);
        return std::nullopt;
    }
    std::vector<std::byte> rest;
    if (!detail::enough_memory_for([&] {
            const auto held = wire_.input.bytes();
            rest.assign(held.begin(), held.end());
        })) {
        report(errc::not_enough_memory, ec);
        return std::nullopt;
    }
    connection_ = {};
    wire_.input.release();
    return unwrapped<T>{transport_.release(), std::move(rest)};
}

template <backend B, detail::held_transport T>
void basic_stream<B, T>::flush(std::error_code& ec) noexcept {
    if (!begin(ec))
        return;
    operation op{wire_, transport_.get()};
    flush(op, ec);
}

// What every operation begins with: nothing happens on an empty or a broken stream.
template <backend B, detail::held_transport T>
bool basic_stream<B, T>::begin(std::error_code& ec) noexcept {
    ec.clear();
    if (state_.fatal) {
        ec = state_.last_code = state_.fatal;
        return false;
    }
    if (!connection_) {
        report(error_info{errc::invalid_argument, "the stream is empty"}, ec);
        return false;
    }
    return true;
}

template <backend B, detail::held_transport T>
bool basic_stream<B, T>::begin_write(std::error_code& ec) noexcept {
    if (!begin(ec))
        return false;
    if (state_.close_begun)
        report(errc::stream_closed, ec);
    else if (wire_.write_error)
        report(error_info{wire_.write_error}, ec);
    return !ec;
}

template <backend B, detail::held_transport T>
bool basic_stream<B, T>::finish_handshake(operation& op, std::error_code& ec) noexcept {
    op.bound.allow_output(detail::handshake_output_limit);
    while (!established()) {
        op.bound.allow_input();
        const step s = B::handshake(connection_, op.bound);
        // A peer that refuses us closes at once: its alert is read before the loss of our own
        // output is reported.
        if (s.next == want::failed || s.next == want::ended || s.next == want::closed)
            return fail(op, s.next, ec), false;
        if (!wire_.output.empty() && !wire_.write_error && !flush(op, ec) && !wire_.write_error)
            return false;
        // Where the loss is not the peer's doing, it still waits for us.
        if (wire_.write_error && detail::is_own_loss(wire_.write_error))
            return give_up(error_info{wire_.write_error}, ec), false;
        if (s.next == want::nothing) {
            // A peer that has sent all it wanted may be gone before our last message: what it sent
            // can be read, and the next write reports the loss.
            ec.clear();
            state_.established = true;
        } else if (wire_.write_error && !detail::is_peer_gone(wire_.write_error)) {
            // All that the peer has sent was read, and it waits for what was lost.
            return give_up(error_info{wire_.write_error}, ec), false;
        } else if (!await(op, direction::read, ec)) {
            return false;
        }
    }
    op.bound.allow_output(0);
    return true;
}

// Reads what one record holds, after the handshake and a first try to send what is unsent.
template <backend B, detail::held_transport T>
std::size_t basic_stream<B, T>::read_record(operation& op, std::span<std::byte> buffer,
                                            std::error_code& ec) noexcept {
    if (buffer.empty() || !(established() || finish_handshake(op, ec)))
        return 0;
    if (state_.unread) {
        buffer.front() = *std::exchange(state_.unread, std::nullopt);
        return 1;
    }
    if (state_.peer_closed)
        return 0;
    for (;;) {
        if (!wire_.output.empty())
            op.bound.flush();
        op.bound.allow_input();
        const step s = B::read(connection_, op.bound, buffer);
        if (wire_.write_error && wire_.write_error == errc::output_overflow)
            return give_up(error_info{wire_.write_error}, ec), 0;
        switch (s.next) {
        case want::nothing: return s.bytes;
        case want::closed: state_.peer_closed = true; return 0;
        case want::ended:
            if (state_.suppress_ragged_eofs)
                state_.peer_closed = true;
            else
                fail(op, s.next, ec);
            return 0;
        case want::failed: fail(op, s.next, ec); return 0;
        case want::read: break;
        }
        if (!send_then_await_input(op, ec))
            return 0;
    }
}

// Writes what one call of the engine takes. The bytes are done when the transport has them; until
// then they are sealed, and a repeated call goes on where this one stopped.
template <backend B, detail::held_transport T>
std::size_t basic_stream<B, T>::write_record(operation& op, byte_view data,
                                             std::error_code& ec) noexcept {
    if (!data.empty() && data.size() < state_.sealed)
        return report(errc::bad_write_retry, ec), 0;
    if (data.empty() || !(established() || finish_handshake(op, ec)) ||
        (!wire_.output.empty() && !flush(op, ec)))
        return 0;
    if (state_.sealed == 0) {
        op.bound.allow_output(data.size() + data.size() / 4);
        op.bound.allow_input();
        step s;
        while ((s = B::write(connection_, op.bound, data)).next == want::read)
            if (!send_then_await_input(op, ec))
                return 0;
        if (s.next != want::nothing)
            return fail(op, s.next, ec), 0;
        if (wire_.write_error)
            return report(error_info{wire_.write_error}, ec), 0;
        state_.sealed = s.bytes;
        if (!wire_.output.empty() && !flush(op, ec))
            return 0;
    }
    return std::exchange(state_.sealed, 0);
}

template <backend B, detail::held_transport T>
bool basic_stream<B, T>::finish_close(operation& op, std::error_code& ec) noexcept {
    if (!established())
        return report(errc::handshake_required, ec), false;
    state_.close_begun = true;
    if (!wire_.output.empty() && !flush(op, ec))
        return false;
    if (!state_.close_sealed) {
        op.bound.allow_input();
        step s;
        while ((s = B::close_notify(connection_, op.bound)).next == want::read)
            if (!send_then_await_input(op, ec))
                return false;
        if (s.next != want::nothing)
            return fail(op, s.next, ec), false;
        state_.close_sealed = true;
    }
    return flush(op, ec);
}

// Sends the output spill, waiting where the transport can.
template <backend B, detail::held_transport T>
bool basic_stream<B, T>::flush(operation& op, std::error_code& ec) noexcept {
    while (!op.bound.flush()) {
        if (wire_.write_error)
            return report(error_info{wire_.write_error}, ec), false;
        if (!await(op, direction::write, ec))
            return false;
    }
    return true;
}

template <backend B, detail::held_transport T>
bool basic_stream<B, T>::await(operation& op, direction d, std::error_code& ec) noexcept {
    if (op.wait(d, ec))
        return true;
    state_.last_code = ec;
    last_error_.reset();
    return false;
}

// For operations that read on and on: a peer that never stops sending keeps them from ever having
// to wait, and so from noticing that their time is over.
template <backend B, detail::held_transport T>
bool basic_stream<B, T>::is_late(operation& op, std::error_code& ec) noexcept {
    if (!op.is_late(has_pending(), ec))
        return false;
    state_.last_code = ec;
    last_error_.reset();
    return true;
}

// For the engine that wants input: what it has written goes out first, as far as it can, since the
// peer may wait for it.
template <backend B, detail::held_transport T>
bool basic_stream<B, T>::send_then_await_input(operation& op, std::error_code& ec) noexcept {
    if (!wire_.output.empty())
        op.bound.flush();
    return await(op, direction::read, ec);
}

// Ends the connection with the reason that lies deepest: the system's, the stream's, the engine's.
template <backend B, detail::held_transport T>
void basic_stream<B, T>::fail(operation& op, want why, std::error_code& ec) noexcept {
    error_info info;
    if (op.bound.flooded())
        info = error_info{errc::protocol_error, "the peer sends without end and says nothing"};
    else if (op.bound.error())
        info.set_code(op.bound.error());
    else if (why == want::failed)
        B::describe_failure(connection_, info);
    else if (wire_.write_error && !established()) // a read is about what was not read
        info.set_code(wire_.write_error);
    else
        info.set_code(errc::stream_truncated);
    if (info.code() == errc::verification_failed && B::verdict(connection_))
        detail::describe(*B::verdict(connection_), info);
    op.bound.flush();
    give_up(info, ec);
}

template <backend B, detail::held_transport T>
void basic_stream<B, T>::give_up(const error_info& info, std::error_code& ec) noexcept {
    state_.fatal = info.code();
    report(info, ec);
}

template <backend B, detail::held_transport T>
void basic_stream<B, T>::report(const error_info& info, std::error_code& ec) noexcept {
    ec = state_.last_code = info.code();
    last_error_.reset(new (std::nothrow) error_info{info});
}

} // namespace v0
} // namespace tlsxx
