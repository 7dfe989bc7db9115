// SPDX-License-Identifier: BSL-1.0
// Traps of the engines that a user of the library can't fall into: each by the id of its row in
// docs/engines.md. What a proper peer would not send comes from a peer made by hand.

#include <random>

#include <mbedtls/ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <support/pump.hpp>
#include <support/raw_engine.hpp>
#include <support/record_tap.hpp>

using namespace test;
using tlsxx::tls_version;

namespace {

::SSL* ssl_of(const any_stream& stream) {
    return static_cast<::SSL*>(stream.native_handle());
}

// Handshake messages (RFC 8446 B.3, RFC 5246 7.4), and one that there is none of.
constexpr unsigned char hello_request = 0, session_ticket = 4, certificate_request = 13,
                        server_hello_done = 14, key_update = 24, unknown_message = 99;

// TLS 1.3: a certificate, please, signed with ecdsa_secp256r1_sha256, in the context "c".
constexpr std::string_view certificate_request_body{"\x01"
                                                    "c"
                                                    "\x00\x08\x00\x0d\x00\x04\x00\x02\x04\x03",
                                                    12};
// RFC 8446 4.6.1.
constexpr std::string_view ticket_body{"\0\0\x0e\x10"
                                       "age!"
                                       "\x01"
                                       "n"
                                       "\0\x04"
                                       "tick"
                                       "\0\0",
                                       18};

// A connection of this engine, in one of the roles, with OpenSSL on the other side.
struct beside_openssl {
    beside_openssl(engine on, bool as_server, tls_version version, connection_plan plan = {})
        : both{as_server ? pairing{engine::openssl, on, version}
                         : pairing{on, engine::openssl, version},
               std::move(plan)},
          ours{as_server ? *both.server : *both.client}, theirs{as_server ? *both.client
                                                                          : *both.server} {}

    connection both;
    any_stream& ours;
    any_stream& theirs;
};

// The same, where OpenSSL's side is followed and can then send what OpenSSL would not.
struct forging_peer : beside_openssl {
    forging_peer(engine on, bool as_server, tls_version version)
        : beside_openssl{on, as_server, version}, tap{ssl_of(theirs), version} {
        ::SSL_set_num_tickets(ssl_of(theirs), 0);
        auto& to_us = ours.pipe().incoming();
        std::error_code our_ec, their_ec;
        REQUIRE(alternate(
            [&] {
                ours.handshake(our_ec);
                return !would_block(our_ec);
            },
            [&] {
                theirs.handshake(their_ec);
                const std::vector<std::byte> sent{to_us.begin(), to_us.end()};
                to_us.clear();
                for (const opened_record& record : tap.open(text_of(sent)))
                    ours.pipe().inject(bytes_of(tap.close(record)));
                return !would_block(their_ec);
            }));
        REQUIRE_FALSE(our_ec);
        REQUIRE_FALSE(their_ec);
    }
    void send(unsigned char type, std::string_view text) {
        ours.pipe().inject(bytes_of(tap.seal(type, text)));
    }

    record_tap tap;
};

// Mbed TLS 4 answers a ticket with a code of its own, as this one does when told to.
void signal_tickets(any_stream& mbedtls_client) {
    const auto* const ssl = static_cast<::mbedtls_ssl_context*>(mbedtls_client.native_handle());
    ::mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(
        const_cast<::mbedtls_ssl_config*>(::mbedtls_ssl_context_get_config(ssl)),
        MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED);
}

// A peer that is plain OpenSSL, joined to a pipe. TLS 1.3.
class raw_peer {
public:
    raw_peer(pipe_end pipe, bool server)
        : pipe_{std::move(pipe)}, engine_{make_raw_openssl(server, tls_version::tls_1_3)} {}

    ::SSL* ssl() { return static_cast<::SSL*>(engine_->native_handle()); }
    bool handshake() {
        carry();
        const bool done = engine_->handshake();
        carry();
        return done;
    }
    void write(std::string_view text) {
        engine_->write(text);
        carry();
    }
    std::string read() {
        carry();
        std::string text = engine_->read();
        carry();
        return text;
    }
    // Changes the keys and asks the other side to, if that can be now.
    bool update_keys() {
        if (::SSL_in_init(ssl()) != 0 || ::SSL_key_update(ssl(), SSL_KEY_UPDATE_REQUESTED) != 1)
            return false;
        return handshake(); // which sends it
    }

private:
    void carry() {
        char buffer[4096];
        for (tlsxx::io_result got;
             got = pipe_.read_some(std::as_writable_bytes(std::span{buffer})), got.n != 0;)
            engine_->put({buffer, got.n});
        held_ += engine_->take();
        held_.erase(0, pipe_.write_some(bytes_of(held_)).n);
    }

    pipe_end pipe_;
    raw_engine_ptr engine_;
    std::string held_;
};

template <class Body>
void for_both_roles_and_versions(Body body) {
    for (const bool as_server : {false, true}) {
        for (const auto version : both_versions) {
            INFO((as_server ? "server, " : "client, ") << to_string(version));
            body(as_server, version);
        }
    }
}

} // namespace

// ---- reading

PAIR_CASE("trap: no read waits for the transport while records are held",
          "[engines:want-read-with-input]") {
    connection c{with};
    c.up();
    std::error_code ec;
    for (const std::size_t size : {1UL, 700UL, 5000UL}) {
        const std::string text = pattern(size);
        for (int i = 0; i != 50; ++i)
            REQUIRE(c.server->write_all(text, ec) == size);
        std::size_t got = 0;
        while (got < 50 * size) {
            got += read_once(*c.client, ec, 3000).size();
            REQUIRE_FALSE(ec);
        }
        CHECK(read_once(*c.client, ec).empty());
        CHECK(ec == errc::want_read);
    }
}

ENGINE_CASE("trap: tickets, however many, are passed over in the read that meets them",
            "[engines:ticket-on-read]") {
    for (const bool signalled : {false, true}) {
        auto c = beside_openssl{on, false, tls_version::tls_1_3};
        if (signalled && on == engine::mbedtls)
            signal_tickets(c.ours);
        REQUIRE(::SSL_set_num_tickets(ssl_of(c.theirs), 30) == 1);
        c.both.up();
        std::error_code ec;
        c.theirs.write_all("behind them", ec);
        CHECK(c.ours.pipe().incoming().size() > 4096); // more than is read ahead at once
        CHECK(read_once(c.ours, ec) == "behind them");
        CHECK_FALSE(ec);
        // And one at a time, each of them all that there is.
        for (int i = 0; i != 3; ++i) {
            REQUIRE(::SSL_new_session_ticket(ssl_of(c.theirs)) == 1);
            c.theirs.write_all("x", ec); // behind a ticket
            CHECK(read_once(c.ours, ec) == "x");
        }
        CHECK(read_once(c.ours, ec).empty());
        CHECK(ec == errc::want_read);
        CHECK((transfer(c.ours, c.theirs, "goes on") == "goes on"));
    }
}

TEST_CASE("trap: a ticket that a write meets does not end the write: mbedtls",
          "[engines:ticket-on-write]") {
    auto c = beside_openssl{engine::mbedtls, false, tls_version::tls_1_3};
    signal_tickets(c.ours);
    c.both.up();
    // As Mbed TLS 4 stands when it has seen that a ticket comes: the next call takes it in.
    auto* const ssl = static_cast<::mbedtls_ssl_context*>(c.ours.native_handle());
    ssl->private_state = MBEDTLS_SSL_TLS1_3_NEW_SESSION_TICKET;
    std::error_code ec;
    CHECK(c.ours.write_all("request", ec) == 7);
    CHECK_FALSE(ec);
    CHECK(read_once(c.theirs, ec) == "request");
    CHECK((transfer(c.theirs, c.ours, "answer") == "answer"));
    // Where the rest of it has not come yet, the write says so.
    c.ours.pipe().incoming().clear();
    ssl->private_state = MBEDTLS_SSL_TLS1_3_NEW_SESSION_TICKET;
    CHECK(c.ours.write_some("more", ec) == 0);
    CHECK(ec == errc::want_read);
    REQUIRE(::SSL_new_session_ticket(ssl_of(c.theirs)) == 1);
    c.theirs.write_all("x", ec);
    CHECK(c.ours.write_some("more", ec) == 4);
    CHECK_FALSE(ec);
    CHECK(read_once(c.theirs, ec) == "more");
    CHECK(read_once(c.ours, ec) == "x");
}

ENGINE_CASE("trap: a write in the middle of a message behind the handshake is not lost",
            "[engines:write-in-mid-message]") {
    // A ticket that comes in two records.
    const std::string ticket = handshake_message(session_ticket, ticket_body);
    for (const bool read_first : {false, true}) {
        forging_peer c{on, false, tls_version::tls_1_3};
        c.send(handshake_type, std::string_view{ticket}.substr(0, 9));
        std::error_code ec;
        CHECK(read_once(c.ours, ec).empty());
        CHECK(ec == errc::want_read);
        std::size_t sent = c.ours.write_some("written", ec);
        CHECK((sent == 7 || ec == errc::want_read));
        c.send(handshake_type, std::string_view{ticket}.substr(9));
        if (read_first) { // what the write waits for is taken by a read
            CHECK(read_once(c.ours, ec).empty());
            CHECK(ec == errc::want_read);
        }
        if (sent == 0)
            sent = c.ours.write_some("written", ec);
        CHECK(sent == 7);
        CHECK(read_once(c.theirs, ec) == "written");
        CHECK_FALSE(ec);
        c.send(application_type, "read");
        CHECK(read_once(c.ours, ec) == "read");
    }
}

ENGINE_CASE("trap: an empty record is no end and no data", "[engines:empty-record]") {
    for_both_roles_and_versions([&](bool as_server, tls_version version) {
        forging_peer c{on, as_server, version};
        std::error_code ec;
        for (int empty = 1; empty <= 3; ++empty) {
            for (int i = 0; i != empty; ++i)
                c.send(application_type, "");
            c.send(application_type, "data");
            CHECK(read_once(c.ours, ec) == "data");
            CHECK_FALSE(ec);
            for (int i = 0; i != empty; ++i) {
                c.send(application_type, "");
                CHECK(read_once(c.ours, ec).empty());
                CHECK(ec == errc::want_read);
            }
            c.send(application_type, "x");
            CHECK(read_once(c.ours, ec) == "x");
        }
        c.send(application_type, "");
        c.theirs.pipe().end_output();
        CHECK(read_once(c.ours, ec).empty());
        CHECK(ec == errc::stream_truncated);
    });
}

ENGINE_CASE("trap: empty records without end are a broken protocol", "[engines:empty-record]") {
    for_both_roles_and_versions([&](bool as_server, tls_version version) {
        forging_peer c{on, as_server, version};
        for (int i = 0; i != 100; ++i)
            c.send(application_type, "");
        c.send(application_type, "data");
        std::error_code ec;
        CHECK(read_once(c.ours, ec).empty());
        CHECK(ec == errc::protocol_error);
        CHECK(read_once(c.ours, ec).empty());
        CHECK(ec == errc::protocol_error);
    });
}

PAIR_CASE("trap: has_pending false means that a read needs the transport; true may mean a part",
          "[engines:has-pending]") {
    connection c{with};
    c.up();
    std::error_code ec;
    (void)read_once(*c.client, ec); // tickets
    std::string got;
    const std::string text = pattern(3000);
    c.server->write_all(text, ec);
    c.server->write_all("end", ec);
    std::deque<std::byte> held;
    held.swap(c.client->pipe().incoming());
    std::mt19937 random{1};
    while (got.size() != text.size() + 3) {
        const bool pending = c.client->has_pending();
        const std::size_t reads = c.client->pipe().reads();
        const std::string more = read_once(*c.client, ec, 1000);
        got += more;
        if (!pending && !more.empty())
            CHECK(c.client->pipe().reads() > reads);
        if (more.empty()) {
            REQUIRE(ec == errc::want_read);
            REQUIRE_FALSE(held.empty());
            for (std::size_t n = 1 + random() % 400; n != 0 && !held.empty(); --n) {
                c.client->pipe().incoming().push_back(held.front());
                held.pop_front();
            }
        }
    }
    CHECK((got == text + "end"));
    CHECK_FALSE(c.client->has_pending());
}

PAIR_CASE("trap: at the end of the byte stream nothing waits for input any more",
          "[engines:eof-is-not-want-read]") {
    SECTION("in the handshake") {
        connection c{with};
        std::error_code ec;
        c.client->handshake(ec);
        CHECK(ec == errc::want_read);
        c.server->pipe().end_output();
        for (int i = 0; i != 3; ++i) {
            c.client->handshake(ec);
            CHECK(ec == errc::stream_truncated);
            CHECK(c.client->write_all("x", ec) == 0);
            CHECK(ec == errc::stream_truncated);
        }
    }
    SECTION("in a record that has begun") {
        connection c{with};
        c.up();
        std::error_code ec;
        c.server->write_all("a record", ec);
        auto& in_flight = c.client->pipe().incoming();
        in_flight.pop_back();
        CHECK(read_once(*c.client, ec).empty());
        CHECK(ec == errc::want_read);
        c.server->pipe().end_output();
        for (int i = 0; i != 3; ++i) {
            CHECK(read_once(*c.client, ec).empty());
            CHECK(ec == errc::stream_truncated);
        }
    }
}

// ---- writing and closing

PAIR_CASE("trap: a write that is given up leaves with flush, once", "[engines:flush]") {
    connection c{with};
    c.up();
    c.client->pipe().set_capacity(3);
    std::error_code ec;
    CHECK(c.client->write_some("given up", ec) == 0);
    CHECK(ec == errc::want_write);
    CHECK(c.client->wants_write());
    c.client->flush(ec);
    CHECK(ec == errc::want_write);
    c.client->pipe().set_capacity(no_limit);
    c.client->flush(ec);
    CHECK_FALSE(ec);
    CHECK_FALSE(c.client->wants_write());
    const std::size_t sent = c.client->pipe().bytes_written();
    c.client->flush(ec);
    CHECK(c.client->pipe().bytes_written() == sent);
    CHECK(read_once(*c.server, ec) == "given up");
    CHECK(read_once(*c.server, ec).empty());
    CHECK(ec == errc::want_read);
}

PAIR_CASE("trap: an alert comes behind the data that was blocked, each once",
          "[engines:blocked-write-then-alert]") {
    connection c{with};
    c.up();
    std::error_code ec;
    (void)read_once(*c.client, ec); // tickets
    c.client->pipe().set_capacity(10);
    CHECK(c.client->write_some("secret", ec) == 0);
    CHECK(ec == errc::want_write);
    c.server->write_all("broken on its way", ec);
    c.client->pipe().incoming().back() ^= std::byte{1};
    const bool opened_before = with.version == tls_version::tls_1_3;
    if (opened_before)
        c.client->pipe().set_capacity(no_limit);
    CHECK(read_once(*c.client, ec).empty());
    CHECK(ec == errc::protocol_error);
    c.client->pipe().set_capacity(no_limit);
    CHECK(c.client->write_some("secret", ec) == 0);
    CHECK(ec == errc::protocol_error);
    c.client->pipe().end_output();
    if (opened_before) {
        CHECK(read_once(*c.server, ec) == "secret");
        CHECK(read_once(*c.server, ec).empty());
        CHECK(ec == errc::alert_received);
    } else { // what was blocked until the end is cut, and not doubled
        CHECK(read_once(*c.server, ec).empty());
        CHECK(ec == errc::stream_truncated);
    }
}

PAIR_CASE("trap: reads and writes that are cancelled lose nothing and double nothing",
          "[engines:cancelled]") {
    auto client_context = make_client(with.client, with.version);
    auto server_context = make_server(with.server, with.version);
    pipe_pair pipes;
    pipes.client.set_capacity(3000);
    pipes.server.set_capacity(3000);
    std::error_code ec, server_ec;
    const auto server =
        server_context->wrap(std::move(pipes.server), {.handshake = tlsxx::deferred}, ec);
    REQUIRE_FALSE(ec);
    // While the client waits, the server sends back what it gets.
    std::string held;
    const auto clock = std::make_shared<waiting_pipe::clock>();
    std::size_t turns = 0;
    clock->on_wait = [&] {
        if (++turns % 3 == 0)
            clock->fails_at = clock->waits + 1; // the next one is cancelled
        held.erase(0, server->write_all(held, server_ec));
        held += read_once(*server, server_ec, 700);
    };
    const auto client =
        client_context->wrap(waiting_pipe{std::move(pipes.client), clock},
                             {.server_hostname = "localhost", .handshake = tlsxx::deferred}, ec);
    REQUIRE_FALSE(ec);
    std::size_t cancelled = 0;
    const auto again = [&] {
        REQUIRE((!ec || ec == errc::cancelled));
        REQUIRE(turns < 100'000);
        cancelled += ec ? 1U : 0U;
        return static_cast<bool>(ec);
    };
    do
        client->handshake(ec);
    while (again());
    const std::string text = pattern(50'000);
    std::string got;
    for (std::size_t sent = 0; sent != text.size();) {
        const std::size_t n = std::min<std::size_t>(text.size() - sent, 1 + sent % 5000);
        const std::size_t before = sent;
        while (sent != before + n) {
            sent += client->write_all(std::string_view{text}.substr(sent, before + n - sent), ec);
            again();
        }
        while (got.size() != sent) {
            got += read_once(*client, ec, 999);
            again();
        }
    }
    CHECK((got == text));
    CHECK(cancelled > 10);
}

PAIR_CASE("trap: errors of the program's own making break nothing", "[engines:own-errors]") {
    connection c{with};
    std::error_code ec;
    c.client->close_notify(ec);
    CHECK(ec == errc::handshake_required);
    c.client->shutdown(ec);
    CHECK(ec == errc::handshake_required);
    c.up();
    CHECK_FALSE(c.client->unwrap(ec));
    CHECK(ec == errc::not_supported);
    c.client->pipe().set_capacity(0);
    CHECK(c.client->write_some("four", ec) == 0);
    CHECK(ec == errc::want_write);
    CHECK(c.client->write_some("two", ec) == 0);
    CHECK(ec == errc::bad_write_retry);
    c.server->write_all("one", ec);
    CHECK(read_once(*c.client, ec) == "one");
    c.client->pipe().set_capacity(no_limit);
    CHECK(c.client->write_some("four", ec) == 4);
    c.client->close_notify(ec);
    CHECK_FALSE(ec);
    CHECK(c.client->write_some("x", ec) == 0);
    CHECK(ec == errc::stream_closed);
    CHECK((transfer(*c.server, *c.client, "still read") == "still read"));
    CHECK(read_once(*c.server, ec) == "four");
    CHECK(read_once(*c.server, ec).empty());
    CHECK_FALSE(ec);
}

PAIR_CASE("trap: no room to read reads nothing, and finds no end", "[engines:zero-length-read]") {
    connection c{with};
    std::error_code ec;
    const std::size_t calls = c.client->pipe().calls();
    CHECK(c.client->read_some({}, ec) == 0);
    CHECK_FALSE(ec);
    CHECK(c.client->pipe().calls() == calls);
    c.up();
    c.server->write_all("data", ec);
    CHECK(c.client->read_some({}, ec) == 0);
    CHECK_FALSE(ec);
    CHECK(read_once(*c.client, ec) == "data");
    c.server->pipe().end_output();
    CHECK(c.client->read_some({}, ec) == 0);
    CHECK_FALSE(ec);
    CHECK(read_once(*c.client, ec).empty());
    CHECK(ec == errc::stream_truncated);
}

// ---- the transport, the stream's place, the context

ENGINE_CASE("trap: the engine reaches the transport in a call of the stream and never else",
            "[engines:transport-per-call]") {
    auto c = beside_openssl{on, false, tls_version::tls_1_3};
    c.both.up();
    std::error_code ec;
    CHECK((transfer(c.theirs, c.ours, "tickets go before it") == "tickets go before it"));
    c.theirs.write_all("data", ec);
    const std::size_t calls = c.ours.pipe().calls();
    unsigned char byte = 0;
    if (on == engine::openssl) {
        std::size_t n = 0;
        CHECK(::SSL_read_ex(ssl_of(c.ours), &byte, 1, &n) == 0);
        CHECK(::SSL_get_error(ssl_of(c.ours), 0) == SSL_ERROR_WANT_READ);
    } else {
        auto* const ssl = static_cast<::mbedtls_ssl_context*>(c.ours.native_handle());
        CHECK(::mbedtls_ssl_read(ssl, &byte, 1) < 0);
    }
    CHECK(c.ours.pipe().calls() == calls);
    c.ours.move();
    CHECK(read_once(c.ours, ec) == "data");
    CHECK((transfer(c.ours, c.theirs, "goes on") == "goes on"));
}

PAIR_CASE("trap: a stream that moves in its handshake is judged for itself",
          "[engines:verdict-after-move]") {
    // Two at once, so that a verdict could reach the wrong one.
    connection bad{with, {.identity = "expired", .client_faults = {.most = 200}}};
    connection good{with, {.client_faults = {.most = 200}}};
    const auto side = [](any_stream& stream, std::error_code& ec) {
        return [&] {
            if (!ec || would_block(ec)) {
                stream.handshake(ec);
                stream.move();
            }
            return !would_block(ec);
        };
    };
    const auto bad_client = side(*bad.client, bad.client_ec),
               bad_server = side(*bad.server, bad.server_ec),
               good_client = side(*good.client, good.client_ec),
               good_server = side(*good.server, good.server_ec);
    for (int i = 0; i != 400; ++i) {
        bad_client();
        good_client();
        bad_server();
        good_server();
    }
    CHECK(bad.client_ec == errc::verification_failed);
    REQUIRE_FALSE(bad.client->verification().reasons().empty());
    CHECK(bad.client->verification().code() == tlsxx::verify_code::cert_has_expired);
    CHECK(bad.client->verification().reasons().front().depth == 0);
    CHECK(good.client->is_handshake_done());
    CHECK(good.client->verification().reasons().empty());
    CHECK((transfer(*good.client, *good.server, "unharmed") == "unharmed"));
}

PAIR_CASE("trap: each setter of a context reaches later streams only", "[engines:snapshot]") {
    struct change {
        const char* name;
        bool at_client;
        std::function<void(any_context&, std::error_code&)> apply;
    };
    const auto other =
        with.version == tls_version::tls_1_2 ? tls_version::tls_1_3 : tls_version::tls_1_2;
    // Each would make this handshake fail, or would weaken it.
    const change changes[] = {
        {"minimum_version", true,
         [&](any_context& c, std::error_code& ec) {
             c.set_maximum_version(tls_version::maximum_supported, ec);
             if (other == tls_version::tls_1_3)
                 c.set_minimum_version(other, ec);
         }},
        {"maximum_version", false,
         [&](any_context& c, std::error_code& ec) {
             c.set_minimum_version(tls_version::tls_1_2, ec);
             c.set_maximum_version(other, ec);
         }},
        {"verify_mode", false,
         [](any_context& c, std::error_code& ec) {
             c.load_verify_locations({.cafile = pki("root.pem")}, ec);
             c.set_verify_mode(tlsxx::verify_mode::required, ec);
         }},
        {"check_hostname", true,
         [](any_context& c, std::error_code& ec) {
             c.set_check_hostname(false, ec);
             c.set_verify_mode(tlsxx::verify_mode::none, ec);
         }},
        {"hostname_checks_common_name", true,
         [](any_context& c, std::error_code& ec) { c.set_hostname_checks_common_name(true, ec); }},
        {"verify_flags", true,
         [](any_context& c, std::error_code& ec) {
             c.set_verify_flags(c.verify_flags() | tlsxx::verify_flags::x509_partial_chain, ec);
         }},
        {"verify_depth", true,
         [](any_context& c, std::error_code& ec) { c.set_verify_depth(0, ec); }},
        {"load_verify_locations", true,
         [](any_context& c, std::error_code& ec) {
             c.load_verify_locations({.cafile = pki("other-root.pem")}, ec);
         }},
        {"load_cert_chain", false,
         [](any_context& c, std::error_code& ec) {
             c.load_cert_chain(
                 {.certfile = pki("expired-chain.pem"), .keyfile = pki("expired.key")}, ec);
         }},
    };
    for (const change& each : changes) {
        for (const bool bad : {false, true}) {
            CAPTURE(each.name, bad);
            // Bad: the name is another, so that what weakens the check would let it in.
            auto client = make_client(with.client, with.version);
            auto server = make_server(with.server, with.version);
            const connection_plan plan{.host = bad ? "elsewhere.test" : "localhost"};
            connection idle{*client, *server, plan}, under_way{*client, *server, plan};
            connection established{*client, *server};
            established.up();
            under_way.client->handshake(under_way.client_ec);
            REQUIRE(would_block(under_way.client_ec));
            std::error_code ec;
            each.apply(each.at_client ? *client : *server, ec);
            REQUIRE_FALSE(ec);
            for (connection* c : {&idle, &under_way}) {
                CHECK(c->handshake() == !bad);
                if (bad) {
                    CHECK(c->client_ec == errc::verification_failed);
                    CHECK(c->client->verification().code() ==
                          tlsxx::verify_code::hostname_mismatch);
                    continue;
                }
                CHECK(c->client->version() == to_string(with.version));
                const auto leaf = c->client->peer_certificate();
                REQUIRE(leaf);
                CHECK(leaf->subject().find("CN=good") != std::string::npos);
                CHECK(c->server->peer_chain().empty());
            }
            CHECK((transfer(*established.client, *established.server, "x") == "x"));
        }
    }
}

TEST_CASE("trap: no setter touches the SSL_CTX of a live connection: openssl",
          "[engines:snapshot]") {
    std::error_code ec;
    auto context = make_client(engine::openssl);
    connection before{*context, *make_server(engine::openssl)};
    const auto* const live = ::SSL_get_SSL_CTX(ssl_of(*before.client));
    const auto* const store = ::SSL_CTX_get_cert_store(live);
    auto* const anchors = ::X509_STORE_get0_objects(::SSL_CTX_get_cert_store(live));
    const int count = sk_X509_OBJECT_num(anchors);
    context->load_verify_locations({.cafile = pki("other-root.pem")}, ec);
    context->set_verify_depth(1, ec);
    REQUIRE_FALSE(ec);
    CHECK(::SSL_CTX_get_cert_store(live) == store);
    CHECK(sk_X509_OBJECT_num(anchors) == count);
    connection after{*context, *make_server(engine::openssl)};
    CHECK(::SSL_get_SSL_CTX(ssl_of(*after.client)) != live);
    before.up();
}

// ---- messages behind the handshake

ENGINE_CASE("trap: a message behind the handshake that the engine can't take has a name",
            "[engines:post-handshake-message]") {
    for_both_roles_and_versions([&](bool as_server, tls_version version) {
        std::vector<std::pair<unsigned char, std::string_view>> messages{
            {unknown_message, "xyz"},
            {server_hello_done, ""},
            {certificate_request, certificate_request_body}};
        if (version == tls_version::tls_1_3)
            messages.emplace_back(hello_request, "");
        if (as_server || version == tls_version::tls_1_2)
            messages.emplace_back(session_ticket, "no ticket");
        if (on == engine::mbedtls || version == tls_version::tls_1_2)
            messages.emplace_back(key_update, std::string_view{"\0", 1});
        for (const auto& [type, body] : messages) {
            CAPTURE(static_cast<int>(type));
            forging_peer c{on, as_server, version};
            c.send(application_type, "before");
            c.send(handshake_type, handshake_message(type, body));
            std::error_code ec;
            CHECK(read_once(c.ours, ec) == "before");
            CHECK(read_once(c.ours, ec).empty());
            CHECK(ec == errc::post_handshake_message);
            const auto error = c.ours.last_error();
            INFO(error.what());
            CHECK(error.alert_sent() == tlsxx::alert_description::unexpected_message);
            if (on == engine::mbedtls)
                CHECK(error.what().find("KeyUpdate") != std::string::npos);
            for (int i = 0; i != 2; ++i) {
                CHECK(read_once(c.ours, ec).empty());
                CHECK(ec == errc::post_handshake_message);
                CHECK(c.ours.write_all("x", ec) == 0);
                CHECK(ec == errc::post_handshake_message);
            }
            // The peer learns of it.
            CHECK(read_once(c.theirs, ec).empty());
            CHECK(ec == errc::alert_received);
            CHECK(c.theirs.last_error().alert_received() ==
                  tlsxx::alert_description::unexpected_message);
        }
    });
}

ENGINE_CASE("trap: a client does not offer to be asked for a certificate after the handshake",
            "[engines:post-handshake-message]") {
    pipe_pair pipes;
    std::error_code ec;
    auto context = make_client(on);
    context->load_cert_chain({.certfile = pki("client-chain.pem"), .keyfile = pki("client.key")},
                             ec);
    REQUIRE_FALSE(ec);
    auto client = context->wrap(std::move(pipes.client),
                                {.server_hostname = "localhost", .handshake = tlsxx::deferred}, ec);
    raw_peer server{std::move(pipes.server), true};
    ::SSL_set_verify(server.ssl(), SSL_VERIFY_PEER | SSL_VERIFY_POST_HANDSHAKE, nullptr);
    REQUIRE(alternate(
        [&] {
            client->handshake(ec);
            return !would_block(ec);
        },
        [&] { return server.handshake(); }));
    REQUIRE_FALSE(ec);
    CHECK(::SSL_verify_client_post_handshake(server.ssl()) == 0);
    CHECK(ERR_GET_REASON(::ERR_get_error()) == SSL_R_EXTENSION_NOT_RECEIVED);
    server.write("goes on");
    CHECK(read_once(*client, ec) == "goes on");
}

ENGINE_CASE("trap: a client that changes its keys is followed, or cut off with a name for it",
            "[engines:key-update]") {
    for (const int type : {SSL_KEY_UPDATE_NOT_REQUESTED, SSL_KEY_UPDATE_REQUESTED}) {
        auto c = beside_openssl{on, true, tls_version::tls_1_3};
        c.both.up();
        CHECK((transfer(c.theirs, c.ours, "before") == "before"));
        REQUIRE(::SSL_key_update(ssl_of(c.theirs), type) == 1);
        std::error_code ec;
        CHECK(c.theirs.write_all("after", ec) == 5);
        const std::string got = read_once(c.ours, ec);
        if (on == engine::openssl) {
            CHECK(got == "after");
            CHECK((transfer(c.ours, c.theirs, "back") == "back"));
        } else {
            CHECK(got.empty());
            CHECK(ec == errc::post_handshake_message);
            CHECK(c.ours.last_error().what().find("KeyUpdate") != std::string::npos);
        }
    }
}

namespace {

// One side of traffic both ways under new keys again and again. With `blocking`, the transport
// takes and gives what it likes.
class rekeying_side {
public:
    rekeying_side(any_stream& stream, unsigned seed, bool blocking, int updates)
        : stream_{stream}, random_{seed}, blocking_{blocking}, left_{updates} {}

    static const std::string& text() {
        static const std::string all = pattern(200'000);
        return all;
    }
    bool step() {
        auto& pipe = stream_.pipe();
        if (blocking_) {
            const std::size_t rooms[] = {0, 1, 30, 1000, 20'000, no_limit};
            pipe.set_capacity(rooms[random_() % 6]);
            pipe.knobs.most = 1 + random_() % 5000;
        }
        ::SSL* const ssl = ssl_of(stream_);
        if (left_ != 0 && !stream_.wants_write() && ::SSL_in_init(ssl) == 0 && random_() % 2 == 0)
            left_ -= ::SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED);
        std::error_code ec;
        if (sent_ != text().size()) {
            if (offered_ == 0)
                offered_ = 1 + random_() % 1200;
            const std::size_t n =
                stream_.write_some(std::string_view{text()}.substr(sent_, offered_), ec);
            REQUIRE((!ec || would_block(ec)));
            sent_ += n;
            if (n != 0)
                offered_ = 0;
        }
        got_ += read_once(stream_, ec, 1 + random_() % 3000);
        REQUIRE((!ec || would_block(ec)));
        return sent_ == text().size() && got_.size() == text().size() && left_ == 0 &&
               !stream_.wants_write();
    }
    bool is_whole() const { return got_ == text(); }

private:
    any_stream& stream_;
    std::mt19937 random_;
    bool blocking_;
    int left_;
    std::size_t sent_ = 0;
    std::size_t offered_ = 0;
    std::string got_;
};

} // namespace

TEST_CASE("trap: 300 key updates from each side in full duplex, however the transport blocks: "
          "openssl",
          "[engines:key-update-blocked]") {
    for (const unsigned seed : {1U, 2U}) {
        for (const bool blocking : {false, true}) {
            CAPTURE(seed, blocking);
            connection c{pairing{engine::openssl, engine::openssl, tls_version::tls_1_3}};
            c.up();
            rekeying_side client{*c.client, seed, blocking, 300};
            rekeying_side server{*c.server, seed + 100, blocking, 300};
            bool done = false;
            for (int i = 0; i != 400'000 && !done; ++i)
                done = static_cast<int>(client.step()) + static_cast<int>(server.step()) == 2;
            CHECK(done);
            CHECK(client.is_whole());
            CHECK(server.is_whole());
        }
    }
}

TEST_CASE("trap: 300 key updates from each side with a peer that is plain OpenSSL",
          "[engines:key-update-blocked]") {
    for (const bool as_server : {false, true}) {
        for (const bool blocking : {false, true}) {
            CAPTURE(as_server, blocking);
            pipe_pair pipes;
            std::error_code ec;
            auto stream = (as_server ? make_server(engine::openssl) : make_client(engine::openssl))
                              ->wrap(std::move(as_server ? pipes.server : pipes.client),
                                     {.server_hostname = as_server ? "" : "localhost",
                                      .handshake = tlsxx::deferred},
                                     ec);
            REQUIRE_FALSE(ec);
            raw_peer peer{std::move(as_server ? pipes.client : pipes.server), !as_server};
            REQUIRE(alternate(
                [&] {
                    stream->handshake(ec);
                    return !would_block(ec);
                },
                [&] { return peer.handshake(); }));
            REQUIRE_FALSE(ec);
            rekeying_side ours{*stream, as_server ? 7U : 8U, blocking, 300};
            const std::string& text = rekeying_side::text();
            std::mt19937 random{9};
            std::string got;
            std::size_t sent = 0;
            int left = 300;
            bool done = false;
            for (int i = 0; i != 400'000 && !done; ++i) {
                done = ours.step();
                left -= left != 0 && peer.update_keys() ? 1 : 0;
                if (!as_server && random() % 8 == 0) // a ticket among them
                    ::SSL_new_session_ticket(peer.ssl());
                if (sent != text.size()) {
                    const std::size_t n =
                        std::min<std::size_t>(1 + random() % 1200, text.size() - sent);
                    peer.write(std::string_view{text}.substr(sent, n));
                    sent += n;
                }
                got += peer.read();
                done = done && left == 0 && got.size() == text.size();
            }
            CHECK(done);
            CHECK(ours.is_whole());
            CHECK((got == text));
        }
    }
}

TEST_CASE("trap: replies of a stream that only reads leave when they can: openssl",
          "[engines:unsent-output]") {
    auto c = beside_openssl{engine::openssl, false, tls_version::tls_1_3};
    c.both.up();
    CHECK((transfer(c.theirs, c.ours, "begin") == "begin"));
    std::error_code ec;
    for (const bool by_flush : {false, true}) {
        c.ours.pipe().set_capacity(0);
        for (int i = 0; i != 100; ++i) {
            REQUIRE(::SSL_key_update(ssl_of(c.theirs), SSL_KEY_UPDATE_REQUESTED) == 1);
            CHECK(c.theirs.write_all("x", ec) == 1);
            CHECK(read_once(c.ours, ec) == "x"); // a read goes on, though its reply is not sent
            REQUIRE_FALSE(ec);
        }
        CHECK(c.ours.wants_write()); // so whoever waits for input waits for output too
        c.ours.pipe().set_capacity(no_limit);
        if (by_flush)
            c.ours.flush(ec);
        else
            CHECK(read_once(c.ours, ec).empty());
        CHECK(ec == (by_flush ? std::error_code{} : make_error_code(errc::want_read)));
        CHECK_FALSE(c.ours.wants_write());
        CHECK((transfer(c.ours, c.theirs, "back") == "back"));
        CHECK((transfer(c.theirs, c.ours, "forth") == "forth"));
    }
}

TEST_CASE("trap: a peer that asks for replies and takes none is cut off in the end: openssl",
          "[engines:unsent-output]") {
    auto c = beside_openssl{engine::openssl, false, tls_version::tls_1_3};
    c.both.up();
    std::error_code ec;
    c.ours.pipe().set_capacity(0);
    int updates = 0;
    for (; updates != 2000 && (!ec || ec == errc::want_read); ++updates) {
        REQUIRE(::SSL_key_update(ssl_of(c.theirs), SSL_KEY_UPDATE_REQUESTED) == 1);
        REQUIRE(c.theirs.write_all("x", ec) == 1);
        (void)read_once(c.ours, ec);
    }
    CHECK(ec == errc::output_overflow);
    CHECK(updates > 500); // 16 KiB of them
    CHECK(updates < 1000);
    CHECK(read_once(c.ours, ec).empty());
    CHECK(ec == errc::output_overflow);
}
