// SPDX-License-Identifier: BSL-1.0
#pragma once

// The bodies of basic_stream: one loop for every engine over "call the engine, send what it wrote,
// wait for what it wants".

#include <algorithm>

#include <tlsxx/stream.hpp>

namespace tlsxx {
inline namespace v0 {

template <backend B, detail::held_transport T>
void basic_stream<B, T>::handshake(std::error_code& ec) noexcept {
    const detail::call_check alone{state_.in_call};
    const entry in{*this, ec};
    if (!in || established())
        return;
    bound_transport bound{wire_, transport_.get()};
    operation op{bound, transport_.get()};
    finish_handshake(op, ec);
}

template <backend B, detail::held_transport T>
std::size_t basic_stream<B, T>::read_some(std::span<std::byte> buffer,
                                          std::error_code& ec) noexcept {
    const detail::call_check alone{state_.in_call};
    bound_transport bound{wire_, transport_.get()};
    step s;
    if (read_now(bound, buffer, s)) [[likely]]
        return done(s, ec);
    operation op{bound, transport_.get()};
    return read_once(op, s, buffer, ec);
}

template <backend B, detail::held_transport T>
std::size_t basic_stream<B, T>::read_exactly(std::span<std::byte> buffer,
                                             std::error_code& ec) noexcept {
    const detail::call_check alone{state_.in_call};
    bound_transport bound{wire_, transport_.get()};
    step s;
    const bool now = read_now(bound, buffer, s);
    if (now && s.bytes == buffer.size()) [[likely]]
        return done(s, ec);
    return read_exactly(bound, now, s, buffer, ec);
}

// The same after a first read that has not filled the buffer.
template <backend B, detail::held_transport T>
std::size_t basic_stream<B, T>::read_exactly(bound_transport& bound, bool now, step s,
                                             std::span<std::byte> buffer,
                                             std::error_code& ec) noexcept {
    operation op{bound, transport_.get()};
    std::size_t have = 0;
    for (;;) {
        const std::size_t n = now ? done(s, ec) : read_once(op, s, buffer.subspan(have), ec);
        have += n;
        if (ec || have == buffer.size())
            break;
        if (n == 0) {
            report(errc::end_of_stream, ec);
            break;
        }
        if (is_late(op, ec))
            break;
        now = read_now(bound, buffer.subspan(have), s);
    }
    return have;
}

template <backend B, detail::held_transport T>
void basic_stream<B, T>::read_all(std::string& text, std::error_code& ec,
                                  std::size_t limit) noexcept {
    const detail::call_check alone{state_.in_call};
    bound_transport bound{wire_, transport_.get()};
    operation op{bound, transport_.get()};
    const std::size_t before = text.size();
    std::size_t used = before;
    ec.clear();
    for (std::size_t n = 1; n != 0;) {
        if (used == text.size() &&
            !detail::enough_memory_for([&] { text.resize(used < 8192 ? 16384 : used * 2); })) {
            report(errc::not_enough_memory, ec);
            break;
        }
        const auto room = std::as_writable_bytes(std::span{text}).subspan(used);
        step s;
        n = read_now(bound, room, s) ? done(s, ec) : read_once(op, s, room, ec);
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
    const detail::call_check alone{state_.in_call};
    bound_transport bound{wire_, transport_.get()};
    step s;
    if (write_now(bound, data, s)) [[likely]]
        return done(s, ec);
    operation op{bound, transport_.get()};
    return write_once(op, s, data, ec);
}

template <backend B, detail::held_transport T>
std::size_t basic_stream<B, T>::write_all(byte_view data, std::error_code& ec) noexcept {
    const detail::call_check alone{state_.in_call};
    bound_transport bound{wire_, transport_.get()};
    step s;
    const bool now = data.size() <= B::record_payload && write_now(bound, data, s);
    if (now && s.bytes == data.size()) [[likely]]
        return done(s, ec);
    return write_all(bound, now, s, data, ec);
}

// The same after a first write that was not all.
template <backend B, detail::held_transport T>
std::size_t basic_stream<B, T>::write_all(bound_transport& bound, bool now, step s, byte_view data,
                                          std::error_code& ec) noexcept {
    operation op{bound, transport_.get()};
    std::size_t written = 0;
    for (;;) {
        byte_view rest = data.subspan(written);
        written += now                                ? done(s, ec)
                   : rest.size() <= B::record_payload ? write_once(op, s, rest, ec)
                                                      : write_several(op, rest, ec);
        if (ec || written == data.size())
            return written;
        rest = data.subspan(written);
        now = rest.size() <= B::record_payload && write_now(bound, rest, s);
    }
}

template <backend B, detail::held_transport T>
void basic_stream<B, T>::close_notify(std::error_code& ec) noexcept {
    const detail::call_check alone{state_.in_call};
    const entry in{*this, ec};
    if (!in)
        return;
    bound_transport bound{wire_, transport_.get()};
    operation op{bound, transport_.get()};
    finish_close(op, ec);
}

template <backend B, detail::held_transport T>
void basic_stream<B, T>::shutdown(std::error_code& ec) noexcept {
    const detail::call_check alone{state_.in_call};
    const entry in{*this, ec};
    if (!in)
        return;
    bound_transport bound{wire_, transport_.get()};
    operation op{bound, transport_.get()};
    if (!finish_close(op, ec))
        return;
    std::byte dropped[1024];
    std::size_t n = 0, cost = 0;
    while ((n = read_record(op, dropped, ec)) != 0 && !is_late(op, ec)) {
        cost += n + 64; // what is around the data of a small record
        if (cost > detail::input_limit && !op.waits())
            return report(errc::message_too_large, ec);
    }
}

template <backend B, detail::held_transport T>
std::optional<unwrapped<T>> basic_stream<B, T>::unwrap(std::error_code& ec) noexcept {
    const detail::call_check alone{state_.in_call};
    const entry in{*this, ec};
    if (!in)
        return std::nullopt;
    if (!state_.unwrappable) {
        report(error_info{errc::not_supported,
                          "unwrap needs a stream made with wrap_options::unwrappable"},
               ec);
        return std::nullopt;
    }
    bound_transport bound{wire_, transport_.get()};
    operation op{bound, transport_.get()};
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
    state_.established = false;
    wire_.input.release();
    return unwrapped<T>{transport_.release(), std::move(rest)};
}

template <backend B, detail::held_transport T>
void basic_stream<B, T>::flush(std::error_code& ec) noexcept {
    const detail::call_check alone{state_.in_call};
    const entry in{*this, ec};
    if (!in)
        return;
    bound_transport bound{wire_, transport_.get()};
    operation op{bound, transport_.get()};
    flush(op, ec);
}

// What every operation begins with: nothing happens on an empty or a broken stream.
template <backend B, detail::held_transport T>
bool basic_stream<B, T>::begin(std::error_code& ec) noexcept {
    state_.plain.on = false;
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

// The plain case, which nearly every read is: nothing is in the way, and the engine has the data.
// False if that is not so; `s` is the engine's answer if it was asked.
template <backend B, detail::held_transport T>
bool basic_stream<B, T>::read_now(bound_transport& bound, std::span<std::byte> buffer,
                                  step& s) noexcept {
    if (!is_plain() || buffer.empty())
        return false;
    s = B::read(connection_, bound, buffer);
    return is_done(s, bound);
}

// Reads what one record holds, where read_now has not.
template <backend B, detail::held_transport T>
std::size_t basic_stream<B, T>::read_once(operation& op, const step& s, std::span<std::byte> buffer,
                                          std::error_code& ec) noexcept {
    const bool asked = is_plain() && !buffer.empty();
    const entry in{*this, ec};
    if (asked)
        return finish_read(op, s, buffer, ec);
    return in ? read_record(op, buffer, ec) : 0;
}

// The same, after the handshake and a first try to send what is unsent.
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
    if (!wire_.output.empty())
        op.bound.flush();
    op.bound.allow_input();
    return finish_read(op, B::read(connection_, op.bound, buffer), buffer, ec);
}

// What the engine's answer to a read means, and the same call again where it wants input.
template <backend B, detail::held_transport T>
std::size_t basic_stream<B, T>::finish_read(operation& op, step s, std::span<std::byte> buffer,
                                            std::error_code& ec) noexcept {
    for (;;) {
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
        if (wire_.output.empty())
            wire_.output.release(); // nothing more is written for now
        if (!send_then_await_input(op, ec))
            return 0;
        if (!wire_.output.empty())
            op.bound.flush();
        op.bound.allow_input();
        s = B::read(connection_, op.bound, buffer);
    }
}

// The plain case of a write, as read_now.
template <backend B, detail::held_transport T>
bool basic_stream<B, T>::write_now(bound_transport& bound, byte_view data, step& s) noexcept {
    if (!is_plain() || data.empty())
        return false;
    bound.allow_output(detail::most_output(B::record_payload));
    s = B::write(connection_, bound, data);
    return is_done(s, bound);
}

// Writes what one call of the engine takes, where write_now has not. The bytes are done when the
// transport has them; until then they are sealed, and a repeated call goes on where this one
// stopped.
template <backend B, detail::held_transport T>
std::size_t basic_stream<B, T>::write_once(operation& op, const step& s, byte_view data,
                                           std::error_code& ec) noexcept {
    const bool asked = is_plain() && !data.empty();
    const entry in{*this, ec};
    if (asked)
        return finish_write(op, s, data, ec);
    return in && may_write(op, data, ec) ? write_record(op, data, ec) : 0;
}

template <backend B, detail::held_transport T>
bool basic_stream<B, T>::may_write(operation& op, byte_view data, std::error_code& ec) noexcept {
    if (state_.close_begun)
        return report(errc::stream_closed, ec), false;
    if (wire_.write_error)
        return report(error_info{wire_.write_error}, ec), false;
    if (data.empty())
        return false;
    if (data.size() < state_.sealed)
        return report(errc::bad_write_retry, ec), false;
    return (established() || finish_handshake(op, ec)) && (wire_.output.empty() || flush(op, ec));
}

template <backend B, detail::held_transport T>
std::size_t basic_stream<B, T>::write_record(operation& op, byte_view data,
                                             std::error_code& ec) noexcept {
    if (state_.sealed != 0)
        return std::exchange(state_.sealed, 0);
    op.bound.allow_output(detail::most_output(B::record_payload));
    op.bound.allow_input();
    return finish_write(op, B::write(connection_, op.bound, data), data, ec);
}

// What the engine's answer to a write means, and the same call again where it wants input.
template <backend B, detail::held_transport T>
std::size_t basic_stream<B, T>::finish_write(operation& op, step s, byte_view data,
                                             std::error_code& ec) noexcept {
    while (s.next == want::read) {
        if (!send_then_await_input(op, ec))
            return 0;
        op.bound.allow_input();
        s = B::write(connection_, op.bound, data);
    }
    if (s.next != want::nothing)
        return fail(op, s.next, ec), 0;
    if (wire_.write_error)
        return report(error_info{wire_.write_error}, ec), 0;
    state_.sealed = s.bytes;
    wire_.written = wire_.output.size();
    if (!wire_.output.empty() && !flush(op, ec))
        return 0;
    return std::exchange(state_.sealed, 0);
}

// Writes data of more than one record: a group of them is kept together and sent at once. Where
// there is no memory for that, and where the engine stops on the way, as far as it goes.
template <backend B, detail::held_transport T>
std::size_t basic_stream<B, T>::write_several(operation& op, byte_view data,
                                              std::error_code& ec) noexcept {
    const entry in{*this, ec};
    if (!in || !may_write(op, data, ec))
        return 0;
    if (state_.sealed != 0)
        return std::exchange(state_.sealed, 0);
    const byte_view group = data.first(std::min(data.size(), detail::group_size));
    const std::size_t most = detail::most_output(group.size());
    if (wire_.output.reserve(most).empty())
        return write_record(op, data, ec);
    op.bound.allow_output(most);
    op.bound.allow_input();
    op.bound.keep_spill();
    op.bound.cork(true);
    step s;
    std::size_t sealed = 0;
    while (sealed != group.size() && wire_.output.size() < most && // records may be tiny
           (s = B::write(connection_, op.bound, group.subspan(sealed))).next == want::nothing)
        sealed += s.bytes;
    op.bound.cork(false);
    if (sealed != 0 && s.next == want::read)
        s.next = want::nothing;
    s.bytes = sealed;
    return finish_write(op, s, data, ec);
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

// For the engine that wants input: what it has written goes out, before and while the input is
// waited for, since the peer may wait for it.
template <backend B, detail::held_transport T>
bool basic_stream<B, T>::send_then_await_input(operation& op, std::error_code& ec) noexcept {
    if (!wire_.output.empty())
        op.bound.flush();
    return await(op, wire_.output.empty() ? direction::read : direction::both, ec);
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
    else if (wire_.write_error && // a read is about what was not read, unless a reset took it
             (!established() || wire_.write_error == std::errc::connection_reset))
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
