// SPDX-License-Identifier: BSL-1.0
#pragma once

// What lies between an engine and a transport: two small buffers of the stream's own, and the
// binding that gives both to the engine for the length of one call.

#include <cstddef>
#include <cstdint>
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

// How many bytes a small read asks the transport for: enough for a burst of small records.
inline constexpr std::size_t over_read_size = 4096;

// Bytes in a heap block that is made when first needed and never zeroed.
class spill {
public:
    spill() noexcept = default;
    spill(spill&& other) noexcept
        : block_{std::move(other.block_)}, capacity_{std::exchange(other.capacity_, 0)},
          begin_{std::exchange(other.begin_, nullptr)}, end_{std::exchange(other.end_, nullptr)} {}
    spill& operator=(spill&& other) noexcept {
        block_ = std::move(other.block_);
        capacity_ = std::exchange(other.capacity_, 0);
        begin_ = std::exchange(other.begin_, nullptr);
        end_ = std::exchange(other.end_, nullptr);
        return *this;
    }

    bool empty() const noexcept { return begin_ == end_; }
    std::size_t size() const noexcept { return static_cast<std::size_t>(end_ - begin_); }
    std::span<const std::byte> bytes() const noexcept { return {begin_, size()}; }
    std::size_t capacity() const noexcept { return capacity_; }

    // Drops the first `n` bytes.
    void consume(std::size_t n) noexcept {
        begin_ += n;
        if (begin_ == end_)
            begin_ = end_ = block_.get();
    }
    // Moves bytes out, as many as there are and fit; there are some.
    std::size_t take(std::span<std::byte> buffer) noexcept {
        const std::size_t n = size() < buffer.size() ? size() : buffer.size();
        if (n == 5) // a record's header, in two instructions
            std::memcpy(buffer.data(), begin_, 5);
        else
            std::memcpy(buffer.data(), begin_, n);
        consume(n);
        return n;
    }
    // Room of at least `n` bytes behind what is held; an empty span if there is no memory.
    std::span<std::byte> reserve(std::size_t n) noexcept {
        return room().size() >= n || grow(n) ? room() : std::span<std::byte>{};
    }
    std::span<std::byte> room() const noexcept {
        return {end_, capacity_ - static_cast<std::size_t>(end_ - block_.get())};
    }
    void commit(std::size_t n) noexcept { end_ += n; }

    bool append(std::span<const std::byte> bytes) noexcept {
        if (bytes.empty())
            return true;
        if (reserve(bytes.size()).empty())
            return false;
        std::memcpy(end_, bytes.data(), bytes.size());
        commit(bytes.size());
        return true;
    }
    void release() noexcept {
        block_.reset();
        capacity_ = 0;
        begin_ = end_ = nullptr;
    }

private:
    bool grow(std::size_t n) noexcept {
        const std::size_t held = size();
        if (capacity_ - held >= n) {
            std::memmove(block_.get(), begin_, held);
        } else {
            std::size_t wanted = capacity_ < over_read_size / 2 ? over_read_size : capacity_ * 2;
            if (wanted - held < n)
                wanted = held + n;
            std::unique_ptr<std::byte[]> larger{new (std::nothrow) std::byte[wanted]};
            if (!larger)
                return false;
            if (held != 0)
                std::memcpy(larger.get(), begin_, held);
            block_ = std::move(larger);
            capacity_ = wanted;
        }
        begin_ = block_.get();
        end_ = begin_ + held;
        return true;
    }

    std::unique_ptr<std::byte[]> block_;
    std::size_t capacity_ = 0;
    std::byte* begin_ = nullptr;
    std::byte* end_ = nullptr;
};

// The part of a stream's state that belongs to neither engine nor transport.
struct wire {
    spill input;  // over-read: bytes that the engine has not asked for yet
    spill output; // unsent: bytes that the engine has written and the transport not taken
    std::size_t written = 0;     // how many of them a blocked write has put there
    bool keep_over_read = false; // read ahead into `input` (else the engine reads ahead by itself)
    std::error_code write_error; // output was lost: nothing more is sent, reads go on
};

// How many unsent bytes of the engine's own replies are kept for a peer that does not read.
inline constexpr std::uint32_t reply_limit = 16384;

// How many bytes one call of an engine may take from the transport: far above the largest flight of
// a handshake. Beyond it the peer sends only what engines pass over (tickets, warnings), and while
// it is fast enough the call would never come back for anybody to look at the deadline.
inline constexpr std::uint32_t input_limit = 1 << 20;

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
          calls_{calls_to<T>} {}
    bound_transport(const bound_transport&) = delete;
    bound_transport& operator=(const bound_transport&) = delete;

    /// read gives the engine at most `buffer.size()` bytes; 0 when the transport would block, has
    /// ended or failed: then read_blocked(), ended() or error() says which.
    std::size_t read(std::span<std::byte> buffer) noexcept {
        return wire_.input.empty() ? read_more(buffer) : wire_.input.take(buffer);
    }

    /// write takes all of `bytes` from the engine: the transport's part at once, the rest into the
    /// output spill. The engine never learns that output is blocked or lost; the stream does.
    void write(std::span<const std::byte> bytes) noexcept {
        if (wire_.write_error || corked_ || !wire_.output.empty()) [[unlikely]]
            append(bytes);
        else
            calls_.write(*this, bytes);
    }

    /// cork keeps what the engine writes in the output spill until it is off again, so that several
    /// records leave in one system call: the stream flushes after the engine's call.
    void cork(bool on) noexcept { corked_ = on; }

    /// flush sends the output spill. True when it is empty; otherwise output is blocked or lost.
    /// Once the transport has blocked it is not asked again before resume().
    bool flush() noexcept {
        while (!wire_.output.empty()) {
            if (write_blocked_)
                return false;
            const auto unsent = wire_.output.bytes();
            const io_result result = calls_.write_some(transport_, unsent);
            if (!accept(result, unsent.size()))
                return false;
            wire_.output.consume(result.n);
        }
        if (wire_.write_error)
            return false;
        wire_.written = 0;
        if (!keeps_spill_)
            wire_.output.release();
        return true;
    }
    /// keep_spill leaves the output spill its memory when it is empty: for data that is written on
    /// and on. Whoever waits for input then frees it.
    void keep_spill() noexcept { keeps_spill_ = true; }

    /// all_sent is false once output has had to be kept, or was lost.
    bool all_sent() const noexcept { return all_sent_; }
    /// read_blocked is true if the last read of this call found nothing to read yet.
    bool read_blocked() const noexcept { return read_blocked_; }
    /// ended is true if the byte stream of the transport has ended.
    bool ended() const noexcept { return ended_; }
    /// error is the transport's failure to read.
    std::error_code error() const noexcept { return failed_ ? error_ : std::error_code{}; }
    /// flooded is true if a call of the engine wanted more input than any message needs; error() is
    /// errc::protocol_error then.
    bool flooded() const noexcept { return flooded_; }
    /// has_over_read is true if bytes for the engine are held here.
    bool has_over_read() const noexcept { return !wire_.input.empty(); }

    /// allow_output lifts the limit on the output spill: for the one call in which the application
    /// itself writes, `n` bytes of output are expected.
    void allow_output(std::size_t n) noexcept {
        reply_capacity_ = detail::reply_limit + static_cast<std::uint32_t>(n);
    }
    /// allow_input begins another call of the engine, for the limit on its input.
    void allow_input() noexcept { input_left_ = stopped_ ? 0 : detail::input_limit; }
    /// resume says that the transport was waited for, and may take output again.
    void resume() noexcept { write_blocked_ = false; }

private:
    // What is called of a transport whose type is forgotten here. The first two are whole
    // operations of this class, so that each costs one indirect call.
    struct calls {
        std::size_t (*read)(bound_transport&, std::span<std::byte>) noexcept;
        void (*write)(bound_transport&, std::span<const std::byte>) noexcept;
        io_result (*write_some)(void*, std::span<const std::byte>) noexcept;
    };
    template <class T>
    static std::size_t read_from(bound_transport& self, std::span<std::byte> buffer) noexcept {
        self.read_blocked_ = false;
        if (self.input_left_ == 0)
            return self.refuse_input();
        const io_result result = static_cast<T*>(self.transport_)->read_some(buffer);
        if (result.n - 1 >= buffer.size() || result.ec) [[unlikely]] // none, or too many
            return self.stop_input(result);
        self.input_left_ = result.n < self.input_left_
                               ? self.input_left_ - static_cast<std::uint32_t>(result.n)
                               : 0;
        return result.n;
    }
    template <class T>
    static void write_to(bound_transport& self, std::span<const std::byte> bytes) noexcept {
        const io_result result = static_cast<T*>(self.transport_)->write_some(bytes);
        if (result.n != bytes.size() || result.ec) [[unlikely]]
            self.write_rest(result, bytes);
    }
    template <class T>
    static io_result write_some_to(void* transport, std::span<const std::byte> bytes) noexcept {
        return static_cast<T*>(transport)->write_some(bytes);
    }
    template <class T>
    static constexpr calls calls_to{read_from<T>, write_to<T>, write_some_to<T>};

    // Reads from the transport: a small read by way of the spill, if there is memory for it.
    std::size_t read_more(std::span<std::byte> buffer) noexcept {
        detail::spill& held = wire_.input;
        if (!wire_.keep_over_read || buffer.size() >= detail::over_read_size ||
            (held.capacity() < detail::over_read_size &&
             held.reserve(detail::over_read_size).empty()))
            return calls_.read(*this, buffer);
        const std::size_t n = calls_.read(*this, held.room().first(detail::over_read_size));
        held.commit(n);
        return n == 0 ? 0 : held.take(buffer);
    }

    // No input is left to take: it has ended or failed before, or one call has had too much of it.
    std::size_t refuse_input() noexcept {
        if (!stopped_) {
            flooded_ = stopped_ = true;
            fail(make_error_code(errc::protocol_error));
        }
        return 0;
    }
    void fail(const std::error_code& ec) noexcept {
        ::new (static_cast<void*>(&error_)) std::error_code{ec};
        failed_ = true;
    }
    std::size_t stop_input(const io_result& result) noexcept {
        if (result.ec == errc::want_read) {
            read_blocked_ = true;
            return 0;
        }
        if (result.n != 0 && !result.ec) // a transport that is broken
            fail(make_error_code(std::errc::io_error));
        else if (!result.ec || result.ec == errc::end_of_stream)
            ended_ = true;
        else
            fail(result.ec);
        input_left_ = 0;
        stopped_ = true;
        return 0;
    }

    void append(std::span<const std::byte> bytes) noexcept {
        all_sent_ = false;
        if (wire_.write_error)
            return;
        const std::size_t most = reply_capacity_ + wire_.written;
        if (bytes.size() > most || wire_.output.size() > most - bytes.size())
            lose(make_error_code(errc::output_overflow));
        else if (!wire_.output.append(bytes))
            lose(make_error_code(errc::not_enough_memory));
    }
    void write_rest(io_result result, std::span<const std::byte> bytes) noexcept {
        while (accept(result, bytes.size())) {
            bytes = bytes.subspan(result.n);
            if (bytes.empty())
                return;
            result = calls_.write_some(transport_, bytes);
        }
        append(bytes);
    }

    // True if the transport took something; would-block and failures end the attempt. A transport
    // that claims to have taken more than it was offered is broken.
    bool accept(const io_result& result, std::size_t offered) noexcept {
        if (!result.ec && result.n != 0 && result.n <= offered)
            return true;
        if (result.ec == errc::want_write)
            write_blocked_ = true;
        else
            lose(result.ec ? result.ec : make_error_code(std::errc::io_error));
        return false;
    }

    // Nothing is sent from here on, so nothing waits to be sent.
    void lose(std::error_code ec) noexcept {
        all_sent_ = false;
        wire_.write_error = ec;
        wire_.output.release();
    }

    detail::wire& wire_;
    void* transport_;
    const calls& calls_;
    std::uint32_t reply_capacity_ = detail::reply_limit;
    std::uint32_t input_left_ = detail::input_limit; // of this call of the engine
    union {
        std::error_code error_; // if failed_: to make one on each call is not free
    };
    bool failed_ = false;
    bool read_blocked_ = false;
    bool write_blocked_ = false;
    bool corked_ = false;
    bool keeps_spill_ = false;
    bool all_sent_ = true;
    bool stopped_ = false; // there is no more input, for one of the reasons around
    bool ended_ = false;
    bool flooded_ = false;
};

} // namespace v0
} // namespace tlsxx
