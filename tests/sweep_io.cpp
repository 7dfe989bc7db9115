// SPDX-License-Identifier: BSL-1.0
// Every operation of a stream while the n-th call of its transport fails, for n = 1, 2, … until the
// operation no longer gets so far: in every way of failing, in both roles, on every ordered pair of
// engines, TLS 1.2 and 1.3. What comes of it is the error that belongs to the fault or success,
// data in order and once, and a stream that can be used further or fails as before.

#include <set>
#include <vector>

#include <support/allocations.hpp>
#include <support/pump.hpp>
#include <support/sweep_counts.hpp>

using namespace test;
using tlsxx::direction;
using tlsxx::role;

namespace {

const std::string& our_text() {
    static const std::string text = pattern(40'000);
    return text;
}
const std::string& peer_text() {
    static const std::string text = pattern(20'001).substr(1);
    return text;
}
constexpr std::string_view plain_text = "plain text behind the close_notify";

// A connection between the stream under test and a peer whose transport does what it should.
class bout {
public:
    bout(const any_context& ours, const any_context& peers, role as, bool waits) : as_{as} {
        pipe_pair pipes;
        const bool client = as == role::client;
        wrap_options client_options{.server_hostname = "localhost", .handshake = tlsxx::deferred};
        wrap_options server_options{.handshake = tlsxx::deferred};
        auto& our_options = client ? client_options : server_options;
        our_options.unwrappable = true;
        auto& our_end = client ? pipes.client : pipes.server;
        auto& peer_end = client ? pipes.server : pipes.client;
        std::error_code ec;
        if (waits) {
            clock = std::make_shared<waiting_pipe::clock>();
            clock->on_wait = [this] { peer_step(); };
            us = ours.wrap(waiting_pipe{std::move(our_end), clock}, our_options, ec);
        } else {
            us = ours.wrap(std::move(our_end), our_options, ec);
        }
        REQUIRE_FALSE(ec);
        peer = peers.wrap(std::move(peer_end), client ? server_options : client_options, ec);
        REQUIRE_FALSE(ec);
    }
    bout(const bout&) = delete;
    bout& operator=(const bout&) = delete;

    stream_ptr us, peer;
    std::shared_ptr<waiting_pipe::clock> clock; // where our transport waits
    // Ours.
    std::size_t sent = 0; // of our_text(), as far as we know
    std::string got;
    std::optional<any_unwrapped> plain;
    bool closing = false;
    // The peer's.
    std::string_view peer_out;  // what it has to send
    bool peer_closes = false;   // after that
    bool peer_is_plain = false; // and after that goes on without TLS
    std::string peer_got;
    bool peer_over = false;
    bool peer_saw_close = false;
    std::error_code peer_ec;

    bool is_client() const { return as_ == role::client; }
    pipe_end& pipe() { return plain ? *plain->pipe : us->pipe(); }

    // Lets the peer do what it can.
    void peer_step() {
        if (peer_over)
            return;
        std::error_code ec;
        peer->handshake(ec);
        if (ec)
            return peer_met(ec);
        if (peer_sent_ != peer_out.size())
            peer_sent_ += peer->write_all(peer_out.substr(peer_sent_), ec);
        if (ec && !would_block(ec))
            return peer_met(ec);
        if (peer_sent_ == peer_out.size() && (peer_closes || peer_saw_close)) {
            peer->close_notify(ec);
            if (!ec && peer_is_plain && !std::exchange(plain_is_out_, true))
                us->pipe().inject(bytes_of(plain_text));
        }
        std::byte buffer[4096];
        for (std::size_t n = 1; n != 0;) {
            n = peer->read_some(buffer, ec);
            peer_got += text_of({buffer, n});
        }
        if (!ec && !std::exchange(peer_saw_close, true))
            return peer_step();
        if (peer_saw_close)
            peer_over = true;
        else
            peer_met(ec);
    }

    void establish() {
        std::error_code ec;
        for (int i = 0; i != 100 && !(us->is_handshake_done() && peer->is_handshake_done()); ++i) {
            us->handshake(ec);
            peer_step();
        }
        REQUIRE(us->is_handshake_done());
        REQUIRE(peer->is_handshake_done());
    }

private:
    void peer_met(const std::error_code& ec) {
        peer_ec = ec;
        peer_over = !would_block(ec);
    }

    role as_;
    std::size_t peer_sent_ = 0;
    bool plain_is_out_ = false;
};

// ---- the operations
// ------------------------------------------------------------------------------

struct operation {
    const char* name;
    bool established; // before the fault
    bool reads;       // data
    bool writes;
    bool closes;
    void (*prepare)(bout&);
    // One call; true when the whole is done.
    bool (*call)(bout&, std::error_code&);
};

void nothing(bout&) {}
void peer_sends(bout& b) {
    b.peer_out = peer_text();
}
void peer_sends_and_closes(bout& b) {
    b.peer_out = peer_text();
    b.peer_closes = true;
}

bool read_some_of_it(bout& b, std::error_code& ec) {
    std::byte buffer[3000];
    const std::size_t n = b.us->read_some(buffer, ec);
    b.got += text_of({buffer, n});
    return b.got.size() == peer_text().size();
}
bool write_all_of_it(bout& b, std::error_code& ec) {
    b.sent += b.us->write_all(std::string_view{our_text()}.substr(b.sent), ec);
    return b.sent == our_text().size();
}

constexpr operation operations[] = {
    {"handshake", false, false, false, false, nothing,
     [](bout& b, std::error_code& ec) {
         b.us->handshake(ec);
         return true;
     }},
    {"handshake by read_some", false, true, false, false, peer_sends, read_some_of_it},
    {"handshake by write_all", false, false, true, false, nothing, write_all_of_it},
    {"read_some", true, true, false, false, peer_sends, read_some_of_it},
    {"read_exactly", true, true, false, false, peer_sends,
     [](bout& b, std::error_code& ec) {
         std::string buffer(peer_text().size() - b.got.size(), '\0');
         const std::size_t n = b.us->read_exactly(std::as_writable_bytes(std::span{buffer}), ec);
         b.got.append(buffer, 0, n);
         return b.got.size() == peer_text().size();
     }},
    {"read_all", true, true, false, false, peer_sends_and_closes,
     [](bout& b, std::error_code& ec) {
         b.us->read_all(b.got, ec);
         return true;
     }},
    {"write_some", true, false, true, false, nothing,
     [](bout& b, std::error_code& ec) {
         b.sent += b.us->write_some(std::string_view{our_text()}.substr(b.sent), ec);
         return b.sent == our_text().size();
     }},
    {"write_all", true, false, true, false, nothing, write_all_of_it},
    {"flush", true, false, true, false,
     [](bout& b) {
         std::error_code ec;
         b.us->pipe().set_capacity(100);
         const std::string_view text{our_text()};
         if (b.clock) { // nobody takes what is written, so that the write times out
             auto peer = std::exchange(b.clock->on_wait, nullptr);
             CHECK(b.us->write_some(text, ec) == 0);
             CHECK(ec == errc::timed_out);
             b.clock->on_wait = std::move(peer);
         } else {
             CHECK(b.us->write_some(text, ec) == 0);
             CHECK(ec == errc::want_write);
         }
         b.us->pipe().set_capacity(25'000);
     },
     [](bout& b, std::error_code& ec) {
         b.us->flush(ec);
         if (ec)
             return false;
         CHECK_FALSE(b.us->wants_write());
         return write_all_of_it(b, ec);
     }},
    {"close_notify", true, false, false, true, nothing,
     [](bout& b, std::error_code& ec) {
         b.closing = true;
         b.us->close_notify(ec);
         return true;
     }},
    {"shutdown", true, false, false, true, peer_sends,
     [](bout& b, std::error_code& ec) {
         b.closing = true;
         b.us->shutdown(ec);
         return true;
     }},
    {"unwrap", true, false, false, true,
     [](bout& b) {
         b.peer_closes = true;
         b.peer_is_plain = true;
     },
     [](bout& b, std::error_code& ec) {
         b.closing = true;
         b.plain = b.us->unwrap(ec);
         return b.plain.has_value();
     }},
};

// ---- the ways of failing
// -------------------------------------------------------------------------

struct way {
    const char* name;
    fault what;
    std::error_code code = std::make_error_code(std::errc::connection_reset);
    bool of_wait = false; // not a read or a write fails, but a wait: once
};
const way ways[] = {
    {"reset", fault::error},
    {"I/O error", fault::error, std::make_error_code(std::errc::io_error)},
    {"reset that discards", fault::discard},
    {"end", fault::end},
    {"nothing moved", fault::empty},
    {"would-block once", fault::block},
    {"would-block for long", fault::stall},
    {"one byte at a time", fault::trickle},
    {"writes lost", fault::deaf, std::make_error_code(std::errc::host_unreachable)},
    {"wait times out", fault::block, make_error_code(errc::timed_out), true},
    {"wait is cancelled", fault::block, make_error_code(errc::cancelled), true},
    {"wait fails", fault::block, std::make_error_code(std::errc::bad_file_descriptor), true},
};

bool is_harmless(const way& w) {
    return w.what == fault::block || w.what == fault::stall || w.what == fault::trickle;
}

// The codes that may come of a fault at a call in this direction; none stands for success.
std::vector<std::error_code> expected(const operation& op, const way& w, direction struck) {
    const std::error_code none;
    const std::error_code truncated = make_error_code(errc::stream_truncated);
    const std::error_code code = w.code;
    if (is_harmless(w))
        return {none};
    const bool reading = struck == direction::read;
    const bool handshake_only = !op.reads && !op.writes && !op.closes;
    // The last message of a handshake may be lost: the next operation meets that.
    const auto or_success = [&](std::error_code ec) {
        return handshake_only && !reading ? std::vector{ec, none} : std::vector{ec};
    };
    switch (w.what) {
    case fault::error:
    case fault::discard: return or_success(code);
    case fault::end:
        if (reading)
            return {truncated};
        if (!op.established && op.reads)
            return {std::make_error_code(std::errc::broken_pipe), truncated};
        return or_success(std::make_error_code(std::errc::broken_pipe));
    case fault::empty:
    case fault::deaf: {
        if (reading)
            return {truncated};
        const std::error_code lost =
            w.what == fault::deaf ? code : std::make_error_code(std::errc::io_error);
        // Who only reads waits for a peer that waits too.
        if (!op.established && op.reads)
            return {lost, none, make_error_code(errc::want_read), make_error_code(errc::timed_out)};
        return or_success(lost);
    }
    case fault::block:
    case fault::stall:
    case fault::trickle: break;
    }
    return {};
}

bool holds(const std::vector<std::error_code>& codes, const std::error_code& ec) {
    return std::find(codes.begin(), codes.end(), ec) != codes.end();
}

// ---- a run
// ---------------------------------------------------------------------------------------

// What can be asked at any time, and what has to agree.
void check_queries(bout& b, const std::error_code& ec) {
    any_stream& us = *b.us;
    const bool done = us.is_handshake_done();
    CHECK(us.version().empty() != done);
    CHECK(us.cipher().name.empty() != done);
    CHECK(us.peer_certificate().has_value() == (done && b.is_client()));
    CHECK(us.peer_chain().empty() == !(done && b.is_client()));
    CHECK(us.verification());
    CHECK(us.verification().reasons().empty());
    if (us.pending() != 0)
        CHECK(us.has_pending());
    if (done && !b.is_client())
        CHECK(us.server_name() == "localhost");
    if (ec) {
        CHECK(us.last_error().code() == ec);
        CHECK_FALSE(us.last_error().what().empty());
        const bool can_go_on = would_block(ec) || ec == errc::timed_out || ec == errc::cancelled ||
                               ec == std::errc::bad_file_descriptor; // of a wait
        if (!can_go_on)
            CHECK_FALSE(us.wants_write());
    }
}

// Each operation on a stream whose transport is gone for good: the code it gives.
std::vector<std::error_code> codes_of_later_use(bout& b) {
    std::vector<std::error_code> codes;
    std::byte buffer[64];
    std::string text;
    const auto note = [&](auto&& call) {
        std::error_code ec;
        call(*b.us, ec);
        check_queries(b, ec);
        codes.push_back(ec);
    };
    note([&](any_stream& s, std::error_code& ec) { CHECK(s.write_some("x", ec) == 0); });
    note([&](any_stream& s, std::error_code& ec) { CHECK(s.write_all("x", ec) == 0); });
    note([&](any_stream& s, std::error_code& ec) { s.flush(ec); });
    note([&](any_stream& s, std::error_code& ec) { CHECK(s.read_some(buffer, ec) == 0); });
    note([&](any_stream& s, std::error_code& ec) { CHECK(s.read_exactly(buffer, ec) == 0); });
    note([&](any_stream& s, std::error_code& ec) {
        s.read_all(text, ec);
        CHECK(text.empty());
    });
    note([&](any_stream& s, std::error_code& ec) { s.handshake(ec); });
    note([&](any_stream& s, std::error_code& ec) { s.close_notify(ec); });
    note([&](any_stream& s, std::error_code& ec) { s.shutdown(ec); });
    note([&](any_stream& s, std::error_code& ec) { CHECK_FALSE(s.unwrap(ec)); });
    return codes;
}

void check_later_use(bout& b, const way& w, const std::error_code& first) {
    // What is still in flight to here may be read, as far as it was not.
    if (w.what == fault::deaf || w.what == fault::empty)
        return;
    std::set<std::error_code> allowed{first, w.code};
    if (w.what == fault::end)
        allowed = {make_error_code(errc::stream_truncated),
                   std::make_error_code(std::errc::broken_pipe), first};
    codes_of_later_use(b); // a loss that was not reported yet is met here
    const auto codes = codes_of_later_use(b);
    for (std::size_t i = 0; i != codes.size(); ++i) {
        CAPTURE(i, codes[i], first);
        CHECK(codes[i]);
        CHECK(allowed.count(codes[i]) == 1);
    }
    CHECK(codes == codes_of_later_use(b));
}

struct run_result {
    bool struck;
    std::error_code ec;
};

// Calls the operation until it has succeeded or failed; false if that does not come, or if it would
// block and `stop` says so.
template <class Stop>
bool finish(bout& b, const operation& op, std::error_code& ec, Stop stop) {
    for (int steps = 0; steps != 2000; ++steps) {
        if (op.call(b, ec) && !ec)
            return true;
        if (ec && stop())
            return false;
        if (ec && !would_block(ec))
            return true;
        if (!b.clock)
            b.peer_step();
    }
    return false;
}

void check_stall(bout& b, const operation& op, std::error_code& ec) {
    const auto wanted = b.clock                                ? errc::timed_out
                        : b.pipe().struck() == direction::read ? errc::want_read
                                                               : errc::want_write;
    for (int i = 0; i != 3; ++i) {
        CHECK(ec == wanted);
        if (ec == errc::want_write)
            CHECK(b.us->wants_write());
        check_queries(b, ec);
        b.us->move();
        if (!b.clock)
            b.peer_step();
        if (op.call(b, ec) && !ec)
            FAIL("it goes on though the transport does not");
    }
    b.pipe().heal();
}

run_result run(const any_context& ours, const any_context& peers, role as, const operation& op,
               const way& w, std::size_t n, bool waits) {
    bout b{ours, peers, as, waits};
    if (op.established)
        b.establish();
    op.prepare(b);
    if (op.established)
        b.peer_step();
    auto& pipe = b.us->pipe();
    pipe.knobs.what = w.what;
    pipe.knobs.code = w.code;
    const std::size_t wait = w.of_wait ? b.clock->waits + n : 0;
    if (w.of_wait) {
        b.clock->fails_at = wait;
        b.clock->code = w.code;
    } else if (w.what == fault::deaf)
        pipe.knobs.at_write = pipe.writes() + n;
    else
        pipe.knobs.at = pipe.calls() + n;

    std::error_code ec;
    bool done = finish(b, op, ec, [&] {
        return w.of_wait ? b.clock->waits >= wait : b.pipe().struck() && w.what == fault::stall;
    });
    if (!done && b.pipe().struck() && w.what == fault::stall) {
        check_stall(b, op, ec);
        done = finish(b, op, ec, [] { return false; });
    }
    if (w.of_wait && !done && b.clock->waits >= wait) {
        CHECK(ec == w.code);
        check_queries(b, ec);
        b.us->move();
        done = finish(b, op, ec, [] { return false; });
    }
    const auto struck =
        w.of_wait && b.clock->waits >= wait ? std::optional{direction::read} : b.pipe().struck();
    const auto allowed = struck ? expected(op, w, *struck) : std::vector<std::error_code>{{}};
    CAPTURE(ec, b.us->last_error().what(), done);
    CHECK(holds(allowed, ec));
    CHECK((done || holds(allowed, make_error_code(errc::want_read))));
    check_queries(b, b.plain ? std::error_code{} : ec);

    // Nothing was made up, and on success nothing is missing.
    const bool in_order = peer_text().compare(0, b.got.size(), b.got) == 0;
    CHECK(in_order);
    if (!ec && op.reads)
        CHECK(b.got.size() == peer_text().size());
    if (!ec && op.writes)
        CHECK(b.sent == our_text().size());
    if (b.plain) {
        auto& rest = b.plain->pipe->incoming();
        std::string text = b.plain->bytes;
        for (const std::byte c : rest)
            text += static_cast<char>(c);
        CHECK(text == plain_text);
    }
    if (ec && !would_block(ec) && ec != errc::timed_out && !is_harmless(w))
        check_later_use(b, w, ec);
    if (!ec && struck && !is_harmless(w) && w.what != fault::empty) {
        // The loss that a handshake's last message met is told now.
        std::error_code later;
        b.us->write_some("x", later);
        CHECK(later);
    }

    // The peer comes to an end too, and has seen nothing but what was sent.
    b.pipe().end_output();
    for (int i = 0; i != 2000 && !b.peer_over; ++i)
        b.peer_step();
    CHECK(b.peer_over);
    const bool whole = !ec && op.writes;
    CHECK(b.peer_got.size() >= b.sent);
    CHECK((whole ? b.peer_got == our_text()
                 : our_text().compare(0, b.peer_got.size(), b.peer_got) == 0));
    if (!b.closing)
        CHECK_FALSE(b.peer_saw_close);
    if (!ec && b.closing)
        CHECK(b.peer_saw_close);
    return {struck.has_value(), ec};
}

void sweep(const pairing& with, bool waits) {
    const auto client = make_client(with.client, with.version);
    const auto server = make_server(with.server, with.version);
    for (const role as : {role::client, role::server}) {
        const any_context& ours = as == role::client ? *client : *server;
        const any_context& peers = as == role::client ? *server : *client;
        const engine our_engine = as == role::client ? with.client : with.server;
        const engine peer_engine = as == role::client ? with.server : with.client;
        for (const operation& op : operations) {
            // Beside the handshake it hardly matters who the peer is: the quicker engine is.
            if (!sweeps_all() && peer_engine != engine::openssl && (waits || op.established))
                continue;
            auto& tally = sweep_tallies()[waits ? "I/O of a transport that waits" : "I/O"]
                                         [op.name + (", " + std::string{name_of(our_engine)})];
            for (const way& w : ways) {
                if (w.of_wait && !waits)
                    continue;
                tally.ways.insert(w.name);
                for (std::size_t n = 1;; ++n) {
                    CAPTURE(op.name, w.name, n, as == role::client);
                    run_result result{};
                    const bool leaks =
                        leaks_each_time([&] { result = run(ours, peers, as, op, w, n, waits); });
                    CHECK_FALSE(leaks);
                    ++tally.runs;
                    if (!result.struck)
                        break;
                    ++tally.faults;
                    tally.reached = std::max(tally.reached, n);
                    REQUIRE(n < 1000);
                }
            }
        }
    }
}

} // namespace

PAIR_CASE("sweep: each call of a transport fails under each operation",
          "[sweep][engines:transport-fault]") {
    sweep(with, false);
}
PAIR_CASE("sweep: each call of a transport that waits fails under each operation",
          "[sweep][engines:transport-fault]") {
    sweep(with, true);
}
