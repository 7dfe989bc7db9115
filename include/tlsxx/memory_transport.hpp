// SPDX-License-Identifier: BSL-1.0
#pragma once

// A transport without input and output: any event loop can drive a stream through it.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <tlsxx/detail/guard.hpp>
#include <tlsxx/errc.hpp>
#include <tlsxx/transport.hpp>

namespace tlsxx {
inline namespace v0 {
namespace detail {

// Bytes in order of arrival: appended at the end, dropped from the front without moving the rest.
class byte_queue {
public:
    byte_queue() noexcept = default;
    byte_queue(byte_queue&& other) noexcept
        : bytes_{std::exchange(other.bytes_, {})}, begin_{std::exchange(other.begin_, 0)} {}
    byte_queue& operator=(byte_queue&& other) noexcept {
        if (this != &other) {
            bytes_ = std::exchange(other.bytes_, {});
            begin_ = std::exchange(other.begin_, 0);
        }
        return *this;
    }

    std::size_t size() const noexcept { return bytes_.size() - begin_; }
    std::span<const std::byte> bytes() const noexcept {
        return std::as_bytes(std::span{bytes_.data() + begin_, size()});
    }
    // False if there is no memory; then nothing is appended.
    bool append(std::span<const std::byte> more) noexcept {
        // Moves what is held only when at least as much has been dropped: linear on the whole.
        if (begin_ != 0 && begin_ >= size())
            compact();
        return enough_memory_for(
            [&] { bytes_.append(reinterpret_cast<const char*>(more.data()), more.size()); });
    }
    void drop(std::size_t n) noexcept {
        begin_ += n < size() ? n : size();
        if (begin_ == bytes_.size())
            compact();
    }
    std::string take() noexcept {
        compact();
        return std::exchange(bytes_, {});
    }

private:
    void compact() noexcept { bytes_.erase(0, std::exchange(begin_, 0)); }

    std::string bytes_;
    std::size_t begin_ = 0;
};

} // namespace detail

/// memory_transport keeps both directions of a connection in memory: what MemoryBIO and SSLObject
/// are for. The program gives it what the peer has sent (`put_incoming`) and sends what the stream
/// has written (`take_outgoing`); an operation that lacks input gives errc::want_read. To keep
/// access to it, give it to a stream as `std::ref(pipe)`, or through `stream.transport()`.
///
/// No function throws. An object belongs to one thread at a time. A moved-from one is empty.
class memory_transport {
public:
    /// memory_transport takes any amount of output.
    memory_transport() noexcept = default;
    /// memory_transport holds at most `outgoing_capacity` bytes of output: beyond it a write gives
    /// errc::want_write until output has been taken.
    explicit memory_transport(std::size_t outgoing_capacity) noexcept
        : capacity_{outgoing_capacity} {}

    /// put_incoming adds bytes that the peer has sent; they are copied. Without the memory for
    /// it the bytes are lost, and from then on `read_some` gives errc::not_enough_memory.
    void put_incoming(std::span<const std::byte> bytes) noexcept {
        if (!bytes.empty() && !incoming_.append(bytes))
            lost_ = true;
    }
    void put_incoming(std::string_view bytes) noexcept {
        put_incoming(std::as_bytes(std::span{bytes.data(), bytes.size()}));
    }
    /// put_end_of_stream says that the peer sends no more: `read_some` gives errc::end_of_stream
    /// once everything put in has been read.
    void put_end_of_stream() noexcept { ended_ = true; }

    /// take_outgoing moves out what is to be sent to the peer; empty if there is nothing.
    std::string take_outgoing() noexcept { return outgoing_.take(); }
    /// outgoing shows what is to be sent and leaves it there, for a sender that may take only a
    /// part. The span is good until the next call of the stream or of this object.
    std::span<const std::byte> outgoing() const noexcept { return outgoing_.bytes(); }
    /// drop_outgoing removes the first `n` bytes of `outgoing()`, those that have been sent.
    void drop_outgoing(std::size_t n) noexcept { outgoing_.drop(n); }
    /// incoming shows the bytes that the stream has not read yet, as `outgoing` does.
    std::span<const std::byte> incoming() const noexcept { return incoming_.bytes(); }

    /// read_some gives bytes put in before; errc::want_read if there are none.
    io_result read_some(std::span<std::byte> buffer) noexcept {
        if (lost_)
            return {0, make_error_code(errc::not_enough_memory)};
        const auto held = incoming_.bytes();
        if (held.empty())
            return {0, make_error_code(ended_ ? errc::end_of_stream : errc::want_read)};
        const std::size_t n = buffer.size() < held.size() ? buffer.size() : held.size();
        for (std::size_t i = 0; i != n; ++i)
            buffer[i] = held[i];
        incoming_.drop(n);
        return {n, {}};
    }
    /// write_some adds to the output; errc::want_write when the capacity is used up.
    io_result write_some(std::span<const std::byte> bytes) noexcept {
        const std::size_t held = outgoing_.size();
        const std::size_t room = held < capacity_ ? capacity_ - held : 0;
        const std::size_t n = bytes.size() < room ? bytes.size() : room;
        if (n == 0 && !bytes.empty())
            return {0, make_error_code(errc::want_write)};
        if (!outgoing_.append(bytes.first(n)))
            return {0, make_error_code(errc::not_enough_memory)};
        return {n, {}};
    }

private:
    detail::byte_queue incoming_;
    detail::byte_queue outgoing_;
    std::size_t capacity_ = static_cast<std::size_t>(-1);
    bool ended_ = false;
    bool lost_ = false;
};

static_assert(transport<memory_transport>);

} // namespace v0
} // namespace tlsxx
