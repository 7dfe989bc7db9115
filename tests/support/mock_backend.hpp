// SPDX-License-Identifier: BSL-1.0
#pragma once

// An engine without cryptography, for what basic_stream does by itself. It speaks plain text:
//   data|   one record
//   !       close_notify
//   ?       a record that breaks the protocol
// and does anything else that a test puts into its script, call by call.

#include <algorithm>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tlsxx/backend.hpp>

namespace test {

// What a call of the engine does instead of what it would do by itself.
using mock_call = std::function<tlsxx::step(tlsxx::bound_transport&)>;

inline tlsxx::step mock_answer(tlsxx::want next, std::size_t bytes = 0) {
    return {bytes, next};
}

struct mock_engine {
    std::deque<mock_call> handshakes, reads, writes, closes;
    std::vector<std::string> calls; // every call that reached the engine, in order
    std::string decrypted;          // of a record that was not read to its end
    std::string partial;            // of a record that has not come to its end
    bool closed = false;
    std::size_t record = 16; // bytes that one write takes
    std::size_t taken = 0;   // by all writes so far
    tlsxx::verification verdict;

    static inline int alive = 0; // connections and configurations not yet freed
    mock_engine() noexcept { ++alive; }
    mock_engine(const mock_engine&) = delete;
    mock_engine& operator=(const mock_engine&) = delete;
    ~mock_engine() { --alive; }

    static tlsxx::step wants(const tlsxx::bound_transport& t) noexcept {
        using tlsxx::want;
        return {0, t.read_blocked() ? want::read : t.ended() ? want::ended : want::failed};
    }
    bool scripted(std::deque<mock_call>& script, std::string_view call, tlsxx::bound_transport& t,
                  tlsxx::step& answer) {
        calls.emplace_back(call);
        if (script.empty())
            return false;
        const mock_call next = std::move(script.front());
        script.pop_front();
        answer = next(t);
        return true;
    }

    tlsxx::step read(tlsxx::bound_transport& t, std::span<std::byte> buffer) {
        using tlsxx::want;
        tlsxx::step answer;
        if (scripted(reads, "read", t, answer))
            return answer;
        while (decrypted.empty()) {
            if (closed)
                return {0, want::closed};
            std::byte next{};
            if (t.read({&next, 1}) == 0)
                return wants(t);
            switch (const char c = std::to_integer<char>(next)) {
            case '|': decrypted = std::exchange(partial, {}); break;
            case '!': closed = true; break;
            case '?': return {0, want::failed};
            default: partial += c;
            }
        }
        const std::size_t n = std::min(buffer.size(), decrypted.size());
        for (std::size_t i = 0; i != n; ++i)
            buffer[i] = static_cast<std::byte>(decrypted[i]);
        decrypted.erase(0, n);
        return {n, want::nothing};
    }
    tlsxx::step write(tlsxx::bound_transport& t, tlsxx::byte_view data) {
        tlsxx::step answer;
        return scripted(writes, "write", t, answer) ? answer : seal(t, data);
    }
    tlsxx::step seal(tlsxx::bound_transport& t, tlsxx::byte_view data) {
        const std::size_t n = std::min(data.size(), record);
        std::string sealed{reinterpret_cast<const char*>(data.data()), n};
        t.write(std::as_bytes(std::span{sealed += '|'}));
        taken += n;
        return {n, tlsxx::want::nothing};
    }
};

// What a test sets beforehand: it is there before any connection is.
struct mock_plan {
    bool reads_ahead = false; // over-read bytes go to the stream's own spill
    bool refuse_connect = false;
};

struct mock {
    class configuration {
    public:
        configuration() = default;
        explicit operator bool() const noexcept { return engine_ != nullptr; }
        std::unique_ptr<mock_engine> engine_;
    };
    class connection {
    public:
        connection() = default;
        explicit operator bool() const noexcept { return engine_ != nullptr; }
        std::unique_ptr<mock_engine> engine_;
    };
    struct anchor_batch {};

    static constexpr std::string_view name = "mock";
    static constexpr tlsxx::capability_set capabilities{};
    static inline mock_plan next{};

    static std::string engine_version() { return "mock 1"; }
    static configuration configure(const tlsxx::settings&, tlsxx::error_info&) {
        configuration made;
        made.engine_ = std::make_unique<mock_engine>();
        return made;
    }
    static configuration share(const configuration&, const tlsxx::settings& s,
                               tlsxx::error_info& error) {
        return configure(s, error);
    }
    static bool apply(configuration&, const tlsxx::settings&, tlsxx::error_info&) { return true; }
    static bool has_version(tlsxx::tls_version) noexcept { return true; }
    static bool add_identity(configuration&, const std::vector<tlsxx::byte_view>&,
                             const tlsxx::private_key_source&, tlsxx::error_info&) {
        return true;
    }
    static bool has_identity(const configuration&) noexcept { return true; }
    static bool add_anchor(anchor_batch&, tlsxx::byte_view, tlsxx::error_info&) { return true; }
    static bool commit_anchors(configuration&, anchor_batch&, tlsxx::error_info&) { return true; }
    static std::size_t anchor_count(const configuration&) noexcept { return 1; }
    static connection connect(const configuration&, const tlsxx::settings&,
                              const tlsxx::connection_options&, tlsxx::error_info&) {
        connection made;
        if (!next.refuse_connect)
            made.engine_ = std::make_unique<mock_engine>();
        return made;
    }
    static bool reads_ahead(const tlsxx::connection_options& o) noexcept {
        return next.reads_ahead || o.unwrappable;
    }
    static tlsxx::step handshake(connection& c, tlsxx::bound_transport& t) noexcept {
        tlsxx::step answer;
        c.engine_->scripted(c.engine_->handshakes, "handshake", t, answer);
        return answer;
    }
    static tlsxx::step read(connection& c, tlsxx::bound_transport& t,
                            std::span<std::byte> buffer) noexcept {
        return c.engine_->read(t, buffer);
    }
    static constexpr std::size_t record_payload = 16384;
    static tlsxx::step write(connection& c, tlsxx::bound_transport& t,
                             tlsxx::byte_view data) noexcept {
        return c.engine_->write(t, data);
    }
    static tlsxx::step close_notify(connection& c, tlsxx::bound_transport& t) noexcept {
        tlsxx::step answer;
        if (!c.engine_->scripted(c.engine_->closes, "close_notify", t, answer))
            t.write(std::as_bytes(std::span{"!", 1}));
        return answer;
    }
    static std::size_t pending(const connection& c) noexcept { return c.engine_->decrypted.size(); }
    static bool has_pending(const connection& c) noexcept {
        return !c.engine_->decrypted.empty() || !c.engine_->partial.empty();
    }
    static void describe_failure(const connection&, tlsxx::error_info& error) noexcept {
        error.set_code(tlsxx::errc::protocol_error).set_engine("MOCK", "BROKEN_RECORD", -7);
        error.set_alert_sent(tlsxx::alert_description::decode_error);
    }
    static const tlsxx::verification* verdict(const connection& c) noexcept {
        return c.engine_->verdict ? nullptr : &c.engine_->verdict;
    }
    static tlsxx::tls_version version(const connection&) noexcept {
        return tlsxx::tls_version::tls_1_3;
    }
    static tlsxx::cipher_info cipher(const connection&) noexcept {
        return {"PLAIN", "TLSv1.3", 0, 0};
    }
    static std::vector<tlsxx::certificate> peer_chain(const connection&) { return {}; }
    static std::string server_name(const connection&) { return "server.name"; }
    // The engine behind a stream: `stream.native_handle()->reads.push_back(...)`.
    static mock_engine* native_handle(const connection& c) noexcept { return c.engine_.get(); }
    static mock_engine* native_handle(const configuration& c) noexcept { return c.engine_.get(); }
};

static_assert(tlsxx::backend<mock>);

// ---- transports that do as they are told
// ---------------------------------------------------------

// What a test sees of a transport that a stream owns.
struct fake_wire {
    std::string input;  // for the stream to read
    std::string output; // what it has written
    bool ended = false; // after the input: the end of the byte stream
    // How many more bytes are taken before it would block.
    static constexpr std::size_t unlimited = static_cast<std::size_t>(-1);
    std::size_t room = unlimited;
    std::error_code read_error, write_error;
    int read_calls = 0, write_calls = 0;

    // The waiting kind: each wait, with its operation, and what it answers: errc::timed_out, unless
    // a test says otherwise.
    struct wait_call {
        tlsxx::direction wanted;
        int operation;
    };
    std::vector<wait_call> waits;
    int operations = 0; // deadlines that were begun
    std::function<std::error_code(tlsxx::direction)> on_wait;
};

class fake_transport {
public:
    explicit fake_transport(fake_wire& wire) : wire_{&wire} {}
    fake_transport(fake_transport&&) = default;
    fake_transport& operator=(fake_transport&&) = default;

    tlsxx::io_result read_some(std::span<std::byte> buffer) noexcept {
        ++wire_->read_calls;
        if (wire_->read_error)
            return {0, wire_->read_error};
        const std::size_t n = std::min(buffer.size(), wire_->input.size());
        if (n == 0)
            return {0, make_error_code(wire_->ended ? tlsxx::errc::end_of_stream
                                                    : tlsxx::errc::want_read)};
        for (std::size_t i = 0; i != n; ++i)
            buffer[i] = static_cast<std::byte>(wire_->input[i]);
        wire_->input.erase(0, n);
        return {n, {}};
    }
    tlsxx::io_result write_some(std::span<const std::byte> bytes) noexcept {
        ++wire_->write_calls;
        if (wire_->write_error)
            return {0, wire_->write_error};
        if (wire_->room == 0)
            return {0, make_error_code(tlsxx::errc::want_write)};
        const std::size_t n = std::min(wire_->room, bytes.size());
        if (wire_->room != fake_wire::unlimited)
            wire_->room -= n;
        wire_->output.append(reinterpret_cast<const char*>(bytes.data()), n);
        return {n, {}};
    }

protected:
    fake_wire* wire_;
};

// The same, but it waits: each operation has a number for a deadline.
class waiting_transport : public fake_transport {
public:
    using fake_transport::fake_transport;
    int start_operation() noexcept { return ++wire_->operations; }
    std::error_code wait(tlsxx::direction wanted, int operation) noexcept {
        wire_->waits.push_back({wanted, operation});
        return wire_->on_wait ? wire_->on_wait(wanted) : make_error_code(tlsxx::errc::timed_out);
    }
    int timeout() const noexcept { return timeout_; }
    void set_timeout(int timeout, std::error_code& ec) noexcept {
        ec = timeout < 0 ? make_error_code(tlsxx::errc::invalid_argument) : std::error_code{};
        if (!ec)
            timeout_ = timeout;
    }

private:
    int timeout_ = 30;
};

static_assert(tlsxx::waitable_transport<waiting_transport>);
static_assert(!tlsxx::waitable_transport<fake_transport>);

} // namespace test
