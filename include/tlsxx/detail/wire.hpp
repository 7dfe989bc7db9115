// SPDX-License-Identifier: BSL-1.0
#pragma once

// What lies between an engine and a transport: two small buffers of the stream's own, and the
// binding that gives both to the engine for the length of one call.

#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <system_error>
#include <utility>

#include <tlsxx/errc.hpp>
#include <tlsxx/transport.hpp>

namespace tlsxx {
inline namespace v0 {
namespace detail {

// Bytes in a heap block that is made when first needed and never zeroed.
class spill {
public:
    spill() noexcept = default;
    spill(spill&& other) noexcept
        : block_{std::move(other.block_)}, capacity_{std::exchange(other.capacity_, 0)},
          begin_{std::exchange(other.begin_, 0)}, end_{std::exchange(other.end_, 0)} {}
    spill& operator=(spill&& other) noexcept {
        block_ = std::move(other.block_);
        capacity_ = std::exchange(other.capacity_, 0);
        begin_ = std::exchange(other.begin_, 0);
        end_ = std::exchange(other.end_, 0);
        return *this;
    }

    bool empty() const noexcept { return begin_ == end_; }
    std::size_t size() const noexcept { return end_ - begin_; }
    std::span<const std::byte> bytes() const noexcept { return {block_.get() + begin_, size()}; }
    std::size_t capacity() const noexcept { return capacity_; }

    // Drops the first `n` bytes.
    void consume(std::size_t n) noexcept {
        begin_ += n;
        if (begin_ == end_)
            begin_ = end_ = 0;
    }
    // Room of at least `n` bytes behind what is held; an empty span if there is no memory.
    std::span<std::byte> reserve(std::size_t n) noexcept {
        if (capacity_ - end_ < n && !grow(n))
            return {};
        return {block_.get() + end_, capacity_ - end_};
    }
    void commit(std::size_t n) noexcept { end_ += n; }

    bool append(std::span<const std::byte> bytes) noexcept {
        if (bytes.empty())
            return true;
        const auto room = reserve(bytes.size());
        if (room.empty())
            return false;
        std::memcpy(room.data(), bytes.data(), bytes.size());
        commit(bytes.size());
        return true;
    }
    void release() noexcept {
        block_.reset();
        capacity_ = begin_ = end_ = 0;
    }

private:
    bool grow(std::size_t n) noexcept {
        const std::size_t held = size();
        if (begin_ != 0 && capacity_ - held >= n) {
            std::memmove(block_.get(), block_.get() + begin_, held);
        } else {
            std::size_t wanted = capacity_ == 0 ? 4096 : capacity_ * 2;
            while (wanted - held < n)
                wanted *= 2;
            std::unique_ptr<std::byte[]> larger{new (std::nothrow) std::byte[wanted]};
            if (!larger)
                return false;
            if (held != 0)
                std::memcpy(larger.get(), block_.get() + begin_, held);
            block_ = std::move(larger);
            capacity_ = wanted;
        }
        begin_ = 0;
        end_ = held;
        return true;
    }

    std::unique_ptr<std::byte[]> block_;
    std::size_t capacity_ = 0;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

// The part of a stream's state that belongs to neither engine nor transport.
struct wire {
    spill input;  // over-read: bytes that the engine has not asked for yet
    spill output; // unsent: bytes that the engine has written and the transport not taken
    bool keep_over_read = false; // read ahead into `input` (else the engine reads ahead by itself)
    std::error_code write_error; // output was lost: nothing more is sent, reads go on
};

// How many bytes a small read asks the transport for, and how many unsent bytes of the engine's
// own replies are kept for a peer that does not read.
inline constexpr std::size_t over_read_size = 4096;
inline constexpr std::size_t reply_limit = 16384;

// How many bytes one call of an engine may take from the transport: far above the largest flight of
// a handshake. Beyond it the peer sends only what engines pass over (tickets, warnings), and while
// it is fast enough the call would never come back for anybody to look at the deadline.
inline constexpr std::size_t input_limit = std::size_t{1} << 20;

} // namespace detail

/// bound_transport is a stream's transport and its two spills, given to the engine's binding for
/// the length of one call. The engine reads and writes through it and is never blocked on output:
/// what the transport does not take goes to the output spill and counts as written.
class bound_transport {
public:
    template <transport T>
    bound_transport(detail::wire& wire, T& transport) noexcept
        : wire_{wire}, transport_{const_cast<void*>(
                           static_cast<const void*>(std::addressof(transport)))},
          read_{[](void* t, std::span<std::byte> buffer) noexcept {
              return static_cast<T*>(t)->read_some(buffer);
          }},
          write_{[](void* t, std::span<const std::byte> bytes) noexcept {
              return static_cast<T*>(t)->write_some(bytes);
          }} {}
    bound_transport(const bound_transport&) = delete;
    bound_transport& operator=(const bound_transport&) = delete;

    /// read gives the engine at most `buffer.size()` bytes; 0 when the transport would block, has
    /// ended or failed: then read_blocked(), ended() or error() says which.
    std::size_t read(std::span<std::byte> buffer) noexcept {
        if (!wire_.input.empty())
            return take_over_read(buffer);
        if (!wire_.keep_over_read || buffer.size() >= detail::over_read_size)
            return read_transport(buffer);
        const auto room = wire_.input.reserve(detail::over_read_size);
        if (room.empty())
            return read_transport(buffer);
        const std::size_t n = read_transport(room.first(detail::over_read_size));
        wire_.input.commit(n);
        return n == 0 ? 0 : take_over_read(buffer);
    }

    /// write takes all of `bytes` from the engine: the transport's part at once, the rest into the
    /// output spill. The engine never learns that output is blocked or lost; the stream does.
    void write(std::span<const std::byte> bytes) noexcept {
        if (wire_.write_error)
            return;
        if (wire_.output.empty() && !corked_) {
            while (!bytes.empty()) {
                const io_result result = write_(transport_, bytes);
                if (!accept(result))
                    break;
                bytes = bytes.subspan(result.n);
            }
        } else if (wire_.output.size() + bytes.size() > reply_capacity_) {
            lose(make_error_code(errc::output_overflow));
        }
        if (!wire_.write_error && !wire_.output.append(bytes))
            lose(make_error_code(errc::not_enough_memory));
    }

    /// cork keeps what the engine writes in the output spill until it is off again, so that the
    /// records of one flight leave in one system call: the stream flushes after the engine's call.
    void cork(bool on) noexcept { corked_ = on; }

    /// flush sends the output spill. True when it is empty; otherwise output is blocked or lost.
    bool flush() noexcept {
        while (!wire_.output.empty() && !wire_.write_error) {
            const io_result result = write_(transport_, wire_.output.bytes());
            if (!accept(result))
                return false;
            wire_.output.consume(result.n);
        }
        if (wire_.write_error)
            return false;
        wire_.output.release();
        return true;
    }

    /// read_blocked is true if the last read of this call found nothing to read yet.
    bool read_blocked() const noexcept { return read_blocked_; }
    /// ended is true if the byte stream of the transport has ended.
    bool ended() const noexcept { return ended_; }
    /// error is the transport's failure to read.
    std::error_code error() const noexcept { return error_; }
    /// flooded is true if a call of the engine wanted more input than any message needs; error() is
    /// errc::protocol_error then.
    bool flooded() const noexcept { return flooded_; }
    /// has_over_read is true if bytes for the engine are held here.
    bool has_over_read() const noexcept { return !wire_.input.empty(); }

    /// allow_output lifts the limit on the output spill: for the one call in which the application
    /// itself writes, `n` bytes of output are expected.
    void allow_output(std::size_t n) noexcept { reply_capacity_ = detail::reply_limit + n; }
    /// allow_input begins another call of the engine, for the limit on its input.
    void allow_input() noexcept { input_left_ = detail::input_limit; }

private:
    std::size_t take_over_read(std::span<std::byte> buffer) noexcept {
        const auto held = wire_.input.bytes();
        const std::size_t n = buffer.size() < held.size() ? buffer.size() : held.size();
        if (n != 0)
            std::memcpy(buffer.data(), held.data(), n);
        wire_.input.consume(n);
        return n;
    }

    std::size_t read_transport(std::span<std::byte> buffer) noexcept {
        read_blocked_ = false;
        if (error_ || ended_)
            return 0;
        if (input_left_ == 0) {
            flooded_ = true;
            error_ = make_error_code(errc::protocol_error);
            return 0;
        }
        const io_result result = read_(transport_, buffer);
        if (!result.ec && result.n != 0) {
            input_left_ -= result.n < input_left_ ? result.n : input_left_;
            return result.n;
        }
        if (!result.ec || result.ec == errc::end_of_stream)
            ended_ = true;
        else if (result.ec == errc::want_read)
            read_blocked_ = true;
        else
            error_ = result.ec;
        return 0;
    }

    // True if the transport took something; would-block and failures end the attempt.
    bool accept(const io_result& result) noexcept {
        if (!result.ec && result.n != 0)
            return true;
        if (result.ec != errc::want_write)
            lose(result.ec ? result.ec : make_error_code(std::errc::io_error));
        return false;
    }

    // Nothing is sent from here on, so nothing waits to be sent.
    void lose(std::error_code ec) noexcept {
        wire_.write_error = ec;
        wire_.output.release();
    }

    detail::wire& wire_;
    void* transport_;
    io_result (*read_)(void*, std::span<std::byte>) noexcept;
    io_result (*write_)(void*, std::span<const std::byte>) noexcept;
    std::size_t reply_capacity_ = detail::reply_limit;
    std::size_t input_left_ = detail::input_limit;
    std::error_code error_;
    bool read_blocked_ = false;
    bool corked_ = false;
    bool ended_ = false;
    bool flooded_ = false;
};

} // namespace v0
} // namespace tlsxx
