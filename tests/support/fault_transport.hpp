// SPDX-License-Identifier: BSL-1.0
#pragma once

// Transports that misbehave on demand, and a way to run both sides of a connection in one thread.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <tlsxx/errc.hpp>
#include <tlsxx/transport.hpp>

namespace test {

inline constexpr std::size_t no_limit = static_cast<std::size_t>(-1);

inline std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span{text.data(), text.size()});
}
inline std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// What happens at one call of a transport instead of what should.
enum class fault {
    error,   // the code of `faults::code`, from then on at every call
    end,     // the byte stream ends, from then on: end_of_stream to a read, EPIPE to a write
    block,   // would-block, this time
    empty,   // 0 bytes and no error, this time: to a read also the end
    stall,   // would-block, from then on at every call, until `heal`
    trickle, // one byte at a time, from then on
    discard, // as error, and what is in flight to here is lost
    deaf,    // writes fail as in error, reads go on
};

// The knobs of one end of a pipe. They may be turned at any time.
struct faults {
    std::size_t most = no_limit; // a call moves this many bytes at most
    bool every_other_blocks =
        false;                // of reads and of writes: the first would block, the second not
    std::size_t at = 0;       // `what` happens at the n-th call, counted from 1; 0: never
    std::size_t at_read = 0;  // the same, of the reads alone
    std::size_t at_write = 0; // the same, of the writes alone
    fault what = fault::error;
    std::error_code code = std::make_error_code(std::errc::connection_reset);
};

// One direction of a pipe.
struct pipe_channel {
    std::deque<std::byte> bytes;
    std::size_t capacity = no_limit;
    bool ended = false;
};

// One end of a pipe in memory. It never waits. Moving it keeps it joined to the other.
class pipe_end {
public:
    pipe_end(std::shared_ptr<pipe_channel> in, std::shared_ptr<pipe_channel> out)
        : in_{std::move(in)}, out_{std::move(out)} {}

    faults knobs;

    tlsxx::io_result read_some(std::span<std::byte> buffer) noexcept {
        ++reads_;
        if (const auto stop = interfere(tlsxx::errc::want_read, reads_, knobs.at_read))
            return {0, *stop};
        if (in_->bytes.empty())
            return {0, make_error_code(in_->ended ? tlsxx::errc::end_of_stream
                                                  : tlsxx::errc::want_read)};
        const std::size_t n = std::min({buffer.size(), in_->bytes.size(), knobs.most});
        const auto end = in_->bytes.begin() + static_cast<std::ptrdiff_t>(n);
        std::copy(in_->bytes.begin(), end, buffer.begin());
        in_->bytes.erase(in_->bytes.begin(), end);
        bytes_read_ += n;
        return {n, {}};
    }

    tlsxx::io_result write_some(std::span<const std::byte> bytes) noexcept {
        ++writes_;
        if (const auto stop = interfere(tlsxx::errc::want_write, writes_, knobs.at_write))
            return {0, *stop};
        if (out_->ended)
            return {0, std::make_error_code(std::errc::broken_pipe)};
        const std::size_t held = out_->bytes.size();
        const std::size_t room = held < out_->capacity ? out_->capacity - held : 0;
        const std::size_t n = std::min({bytes.size(), room, knobs.most});
        if (n == 0 && !bytes.empty())
            return {0, make_error_code(tlsxx::errc::want_write)};
        out_->bytes.insert(out_->bytes.end(), bytes.begin(),
                           bytes.begin() + static_cast<std::ptrdiff_t>(n));
        bytes_written_ += n;
        return {n, {}};
    }

    // The other end reads the end of the byte stream behind what is in flight.
    void end_output() noexcept { out_->ended = true; }
    // How many bytes may be in flight from here before a write would block.
    void set_capacity(std::size_t capacity) noexcept { out_->capacity = capacity; }

    // What is in flight to here: to look at, to change, to drop.
    std::deque<std::byte>& incoming() noexcept { return in_->bytes; }
    // Puts bytes in flight to here, as if the other end had written them.
    void inject(std::span<const std::byte> bytes) {
        in_->bytes.insert(in_->bytes.end(), bytes.begin(), bytes.end());
    }

    std::size_t reads() const noexcept { return reads_; }
    std::size_t writes() const noexcept { return writes_; }
    std::size_t calls() const noexcept { return reads_ + writes_; }
    // The first call of this end that did not do what it should; none if there was no such call.
    std::optional<tlsxx::direction> struck() const noexcept { return struck_; }
    // From here on the calls do what they should.
    void heal() noexcept {
        knobs.at = knobs.at_read = knobs.at_write = 0;
        knobs.most = no_limit;
        stalled_ = broken_ = false;
    }
    std::size_t bytes_read() const noexcept { return bytes_read_; }
    std::size_t bytes_written() const noexcept { return bytes_written_; }

private:
    // The answer to a call that is not to move bytes.
    std::optional<std::error_code> interfere(tlsxx::errc blocked, std::size_t nth,
                                             std::size_t at) noexcept {
        const bool is_read = blocked == tlsxx::errc::want_read;
        if (stalled_)
            return make_error_code(blocked);
        if (broken_ && !(is_read && knobs.what == fault::deaf))
            return failure(blocked);
        if ((knobs.at != 0 && calls() == knobs.at) || (at != 0 && nth == at)) {
            struck_ = is_read ? tlsxx::direction::read : tlsxx::direction::write;
            switch (knobs.what) {
            case fault::stall: stalled_ = true; return make_error_code(blocked);
            case fault::block: return make_error_code(blocked);
            case fault::empty: return std::error_code{};
            case fault::trickle: knobs.most = 1; return std::nullopt;
            case fault::discard: in_->bytes.clear(); break;
            case fault::error:
            case fault::end:
            case fault::deaf: break;
            }
            broken_ = true;
            return failure(blocked);
        }
        bool& blocks_next = blocked == tlsxx::errc::want_read ? read_blocks_ : write_blocks_;
        if (knobs.every_other_blocks && (blocks_next = !blocks_next))
            return make_error_code(blocked);
        return std::nullopt;
    }
    std::error_code failure(tlsxx::errc blocked) const noexcept {
        if (knobs.what != fault::end)
            return knobs.code;
        return blocked == tlsxx::errc::want_read ? make_error_code(tlsxx::errc::end_of_stream)
                                                 : std::make_error_code(std::errc::broken_pipe);
    }

    std::shared_ptr<pipe_channel> in_;
    std::shared_ptr<pipe_channel> out_;
    std::size_t reads_ = 0;
    std::size_t writes_ = 0;
    std::size_t bytes_read_ = 0;
    std::size_t bytes_written_ = 0;
    bool read_blocks_ = false;
    bool write_blocks_ = false;
    bool stalled_ = false;
    bool broken_ = false;
    std::optional<tlsxx::direction> struck_;
};

static_assert(tlsxx::transport<pipe_end>);

// A pipe's end that waits: each wait lets somebody else run, and takes a millisecond of its clock.
class waiting_pipe : public pipe_end {
public:
    // What a test sees of an end that a stream owns.
    struct clock {
        std::function<void()> on_wait; // runs the other side
        std::size_t waits = 0;
        std::size_t fails_at = 0; // this wait, counted from 1, answers `code`; 0: none
        std::error_code code = make_error_code(tlsxx::errc::cancelled);
    };

    waiting_pipe(pipe_end end, std::shared_ptr<clock> c)
        : pipe_end{std::move(end)}, clock_{std::move(c)} {}

    std::size_t start_operation() noexcept {
        return clock_->waits + static_cast<std::size_t>(timeout_.count());
    }
    std::error_code wait(tlsxx::direction, std::size_t deadline) noexcept {
        if (clock_->waits >= deadline)
            return make_error_code(tlsxx::errc::timed_out);
        if (++clock_->waits == clock_->fails_at)
            return clock_->code;
        if (clock_->on_wait)
            clock_->on_wait();
        return {};
    }
    std::chrono::milliseconds timeout() const noexcept { return timeout_; }
    void set_timeout(std::chrono::milliseconds timeout, std::error_code& ec) noexcept {
        ec.clear();
        timeout_ = timeout;
    }

private:
    std::shared_ptr<clock> clock_;
    std::chrono::milliseconds timeout_{500};
};

static_assert(tlsxx::waitable_transport<waiting_pipe>);

// Two ends that are joined to each other.
struct pipe_pair {
    explicit pipe_pair(const faults& client_knobs = {}, const faults& server_knobs = {})
        : pipe_pair{std::make_shared<pipe_channel>(), std::make_shared<pipe_channel>()} {
        client.knobs = client_knobs;
        server.knobs = server_knobs;
    }

    pipe_end client;
    pipe_end server;

private:
    pipe_pair(const std::shared_ptr<pipe_channel>& up, const std::shared_ptr<pipe_channel>& down)
        : client{down, up}, server{up, down} {}
};

// Calls the tasks in an order drawn from `seed`, until each has answered true: then it is done and
// not called again. False if `most_calls` were not enough, which is a deadlock in all likelihood.
inline bool pump_in_any_order(std::uint32_t seed,
                              std::initializer_list<std::function<bool()>> tasks,
                              std::size_t most_calls = 200'000) {
    std::vector<const std::function<bool()>*> open;
    for (const auto& task : tasks)
        open.push_back(&task);
    std::mt19937 random{seed};
    for (std::size_t calls = 0; !open.empty(); ++calls) {
        if (calls == most_calls)
            return false;
        const auto at = open.begin() + static_cast<std::ptrdiff_t>(random() % open.size());
        if ((**at)())
            open.erase(at);
    }
    return true;
}

} // namespace test
