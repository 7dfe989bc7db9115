// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a stream runs over: anything that moves bytes both ways.

#include <concepts>
#include <cstddef>
#include <span>
#include <system_error>
#include <type_traits>

#include <tlsxx/errc.hpp>

namespace tlsxx {
inline namespace v0 {

/// io_result is a transport's answer: bytes moved, or why none were. `n` is 0 whenever `ec` is set.
/// Would-block is `errc::want_read` from a read and `errc::want_write` from a write; the end of the
/// byte stream is `errc::end_of_stream`. A read of a non-empty span that answers 0 bytes and no
/// error also counts as the end of the byte stream.
struct io_result {
    std::size_t n = 0;
    std::error_code ec;
};

// clang-format off: version 14 does not know compound requirements
/// transport is what a stream needs: two functions that move some bytes, never throw, and say
/// would-block with the codes of io_result.
template <class T>
concept transport = requires(T& t, std::span<std::byte> in, std::span<const std::byte> out) {
    { t.read_some(in) } noexcept -> std::same_as<io_result>;
    { t.write_some(out) } noexcept -> std::same_as<io_result>;
};

/// direction is what a wait is for; `both` ends when either is ready.
enum class direction : unsigned char { read, write, both };

/// waitable_transport can wait: a stream over one blocks, within the transport's own time-out,
/// where it would otherwise return errc::want_read or errc::want_write.
/// `start_operation()` gives a deadline for the operation that begins now (its type is the
/// transport's own); `wait(direction, deadline)` returns no error when the transport is ready,
/// errc::timed_out once the deadline has passed, ready or not, and for a transport that is set not
/// to wait at once errc::want_write (direction::write) or errc::want_read (the others). A deadline
/// with a member `passed()` is looked at even where nothing has to wait, against peers that never
/// stop sending.
template <class T>
concept waitable_transport = transport<T> && requires(T& t, direction d) {
    { t.wait(d, t.start_operation()) } noexcept -> std::same_as<std::error_code>;
};

namespace detail {

// What basic_context::wrap makes a server of: see listener.hpp.
template <class L>
concept listening = requires(L& l, std::error_code& ec) {
    { l.try_accept(ec) } noexcept;
};

// The transport inside a stream that owns it (`T`) or refers to one (`T&`).
template <class T>
concept held_transport = transport<std::remove_reference_t<T>> &&
                         (std::is_lvalue_reference_v<T> || std::move_constructible<T>);

// An argument that is handed over, or referred to as std::ref: never moved from an lvalue.
template <class T>
concept handed_over =
    !std::is_lvalue_reference_v<T> || std::is_lvalue_reference_v<std::unwrap_ref_decay_t<T>>;
template <class T>
concept given_transport = handed_over<T> && held_transport<std::unwrap_ref_decay_t<T>>;
template <class T>
concept given_listener = !std::is_lvalue_reference_v<T> && listening<std::remove_cvref_t<T>>;

} // namespace detail

// clang-format on

} // namespace v0
} // namespace tlsxx
