// SPDX-License-Identifier: BSL-1.0
// Streams over transports that are slow, blocked, moved and peeked at, on every ordered pair of
// engines, TLS 1.2 and 1.3.

#include <support/pump.hpp>

using namespace test;

PAIR_CASE("transport: one byte at a time", "[engines:want-read-with-input]") {
    connection c{with, {.client_faults = {.most = 1}, .server_faults = {.most = 1}}};
    c.up();
    const std::string text = pattern(2000);
    CHECK((transfer(*c.client, *c.server, text) == text));
    CHECK((transfer(*c.server, *c.client, text, 7) == text));
    std::error_code ec;
    c.client->close_notify(ec);
    CHECK_FALSE(ec);
    CHECK(alternate(
        [&] {
            CHECK(read_once(*c.server, ec).empty());
            return !would_block(ec);
        },
        [] { return true; }));
    CHECK_FALSE(ec);
}

PAIR_CASE("transport: every other call would block", "[engines:blocked-write-retry]") {
    connection c{with,
                 {.client_faults = {.most = 1000, .every_other_blocks = true},
                  .server_faults = {.most = 1000, .every_other_blocks = true}}};
    c.up();
    const std::string text = pattern(100'000);
    CHECK((transfer(*c.client, *c.server, text) == text));
    CHECK((transfer(*c.server, *c.client, text) == text));
}

PAIR_CASE("transport: a pipe that holds only a few bytes", "[engines:blocked-write-retry]") {
    for (const std::size_t capacity : {1UL, 100UL, 5000UL}) {
        connection c{with, {.capacity = capacity}};
        CAPTURE(capacity);
        CHECK(exchange(*c.client, *c.server, pattern(20'000), pattern(30'000)));
        CHECK(c.client->is_handshake_done());
    }
}

PAIR_CASE("transport: a blocked write is retried with the same, more, or other bytes",
          "[engines:blocked-write-retry]") {
    connection c{with};
    c.up();
    auto& pipe = c.client->pipe();
    std::error_code ec;
    pipe.set_capacity(7);
    CHECK(c.client->write_some("hundred", ec) == 0);
    CHECK(ec == errc::want_write);
    CHECK(c.client->wants_write());
    CHECK(c.client->write_some("hundre", ec) == 0);
    CHECK(ec == errc::bad_write_retry);
    // Other bytes of the same length: what was taken first is what the peer gets.
    pipe.set_capacity(no_limit);
    CHECK(c.client->write_some("HUNDRED and more", ec) == 7);
    CHECK_FALSE(ec);
    CHECK_FALSE(c.client->wants_write());
    CHECK(read_once(*c.server, ec) == "hundred");
    CHECK((transfer(*c.client, *c.server, "next") == "next"));
}

PAIR_CASE("transport: a read while a write is blocked sends what it can",
          "[engines:read-with-pending-write]") {
    connection c{with};
    c.up();
    std::error_code ec;
    c.client->pipe().set_capacity(5);
    CHECK(c.client->write_some("question", ec) == 0);
    CHECK(ec == errc::want_write);
    c.server->write_all("news", ec);
    CHECK(read_once(*c.client, ec) == "news");
    CHECK(c.client->wants_write());
    c.client->pipe().set_capacity(no_limit);
    CHECK(read_once(*c.client, ec).empty());
    CHECK(ec == errc::want_read);
    CHECK_FALSE(c.client->wants_write()); // so a caller that waits for input does not wait in vain
    CHECK(read_once(*c.server, ec) == "question");
    CHECK(c.client->write_some("question", ec) == 8);
}

PAIR_CASE("transport: a broken record is reported although its alert is stuck behind a write",
          "[engines:read-with-pending-write]") {
    for (const std::size_t size : {16'384UL, 100'000UL}) {
        connection c{with};
        c.up();
        CAPTURE(size);
        std::error_code ec;
        c.client->pipe().set_capacity(5);
        CHECK(c.client->write_all(pattern(size), ec) == 0);
        CHECK(ec == errc::want_write);
        c.client->pipe().incoming().clear();
        c.client->pipe().inject(bytes_of(std::string{"\x17\x03\x03\x00\x40", 5} + pattern(64)));
        CHECK(read_once(*c.client, ec).empty());
        CHECK(ec == errc::protocol_error);
        CHECK(c.client->last_error().alert_sent().value_or(
                  tlsxx::alert_description::bad_record_mac) ==
              tlsxx::alert_description::bad_record_mac);
    }
}

PAIR_CASE("transport: a stream may be moved after every call", "[engines:moves]") {
    connection c{with,
                 {.client_faults = {.most = 300, .every_other_blocks = true},
                  .server_faults = {.most = 300}}};
    const auto side = [](any_stream& stream, std::error_code& ec) {
        return [&] {
            stream.handshake(ec);
            stream.move();
            return !would_block(ec);
        };
    };
    REQUIRE(alternate(side(*c.client, c.client_ec), side(*c.server, c.server_ec)));
    REQUIRE_FALSE(c.client_ec);
    REQUIRE_FALSE(c.server_ec);
    const std::string text = pattern(30'000);
    std::string got;
    std::size_t sent = 0;
    std::error_code write_ec, read_ec;
    CHECK(alternate(
        [&] {
            sent += c.client->write_some(std::string_view{text}.substr(sent), write_ec);
            c.client->move();
            return sent == text.size() || (write_ec && !would_block(write_ec));
        },
        [&] {
            got += read_once(*c.server, read_ec, 999);
            c.server->move();
            return got.size() >= text.size() || (read_ec && !would_block(read_ec));
        }));
    CHECK((got == text));
    CHECK(c.client->version() == to_string(with.version));
    CHECK(c.client->peer_chain().size() == 2);
}

PAIR_CASE("transport: the context may go before its streams", "[engines:context-gone]") {
    auto client_context = make_client(with.client, with.version);
    auto server_context = make_server(with.server, with.version);
    connection c{*client_context, *server_context};
    client_context.reset();
    server_context.reset();
    c.up();
    CHECK((transfer(*c.client, *c.server, "alone") == "alone"));
}

PAIR_CASE("transport: reading or writing does the handshake on the way", "") {
    connection c{with};
    std::string got;
    std::size_t sent = 0;
    std::error_code write_ec, read_ec;
    CHECK(alternate(
        [&] {
            sent = c.client->write_all("implied", write_ec);
            return sent != 0 || !would_block(write_ec);
        },
        [&] {
            got += read_once(*c.server, read_ec);
            return !got.empty() || !would_block(read_ec);
        }));
    CHECK(got == "implied");
    CHECK(c.client->is_handshake_done());
    CHECK(c.server->is_handshake_done());
}

PAIR_CASE("transport: a server that has peeked hands the bytes over as initial_bytes",
          "[engines:initial-bytes]") {
    auto client_context = make_client(with.client, with.version);
    auto server_context = make_server(with.server, with.version);
    pipe_pair pipes;
    std::error_code ec;
    auto client =
        client_context->wrap(std::move(pipes.client),
                             {.server_hostname = "localhost", .handshake = tlsxx::deferred}, ec);
    client->handshake(ec);
    CHECK(ec == errc::want_read);
    for (const std::size_t peeked : {5UL, 10'000UL}) {
        std::string hello(peeked, '\0');
        hello.resize(pipes.server.read_some(std::as_writable_bytes(std::span{hello})).n);
        REQUIRE(hello.size() >= 5);
        if (peeked == 5) { // put it back, as a peek would leave it
            std::string rest(100'000, '\0');
            rest.resize(pipes.server.read_some(std::as_writable_bytes(std::span{rest})).n);
            pipes.server.inject(bytes_of(hello + rest));
            continue;
        }
        auto server = server_context->wrap(
            std::move(pipes.server),
            {.handshake = tlsxx::deferred, .initial_bytes = bytes_of(hello)}, ec);
        REQUIRE_FALSE(ec);
        CHECK(server->has_pending());
        hello.assign(hello.size(), 'x'); // it was copied
        std::error_code server_ec;
        CHECK(alternate(
            [&] {
                client->handshake(ec);
                return !would_block(ec);
            },
            [&] {
                server->handshake(server_ec);
                return !would_block(server_ec);
            }));
        CHECK_FALSE(ec);
        CHECK_FALSE(server_ec);
        CHECK((transfer(*client, *server, "peeked") == "peeked"));
    }
}

PAIR_CASE("transport: memory_transport is enough to drive a connection from any loop", "") {
    auto client_context = make_client(with.client, with.version);
    auto server_context = make_server(with.server, with.version);
    std::error_code client_ec, server_ec;
    auto client = client_context->wrap(
        tlsxx::memory_transport{}, {.server_hostname = "localhost", .handshake = tlsxx::deferred},
        client_ec);
    // Its output is bounded: the stream has to cope.
    auto server = server_context->wrap(tlsxx::memory_transport{500}, {.handshake = tlsxx::deferred},
                                       server_ec);
    REQUIRE_FALSE(client_ec);
    REQUIRE_FALSE(server_ec);
    const auto carry = [&] {
        server->memory().put_incoming(client->memory().take_outgoing());
        client->memory().put_incoming(server->memory().take_outgoing());
    };
    CHECK(alternate(
        [&] {
            client->handshake(client_ec);
            carry();
            return !would_block(client_ec);
        },
        [&] {
            server->handshake(server_ec);
            carry();
            return !would_block(server_ec);
        }));
    CHECK_FALSE(client_ec);
    CHECK_FALSE(server_ec);
    const std::string text = pattern(5000);
    std::string got;
    std::size_t sent = 0;
    CHECK(alternate(
        [&] {
            sent += server->write_all(std::string_view{text}.substr(sent), server_ec);
            carry();
            return sent == text.size();
        },
        [&] {
            got += read_once(*client, client_ec);
            return got.size() == text.size();
        }));
    CHECK((got == text));
    server->close_notify(server_ec);
    carry();
    CHECK(read_once(*client, client_ec).empty());
    CHECK_FALSE(client_ec);
    client->memory().put_end_of_stream();
    CHECK(read_once(*client, client_ec).empty());
    CHECK_FALSE(client_ec);
}

PAIR_CASE("transport: a failure at any call of it is reported with its own code", "") {
    // Counts the calls of a whole exchange, then lets each of them fail in turn.
    const auto run = [&](std::size_t at) {
        connection c{with, {.client_faults = {.at = at}}};
        std::string got;
        std::error_code client_ec, server_ec;
        alternate(
            [&] {
                c.client->write_all("x", client_ec);
                if (!client_ec)
                    c.client->close_notify(client_ec);
                if (client_ec && !would_block(client_ec))
                    c.client->pipe().end_output();
                return !would_block(client_ec);
            },
            [&] {
                got += read_once(*c.server, server_ec);
                return !got.empty() || (server_ec && !would_block(server_ec));
            });
        return std::pair{c.client->pipe().calls(), client_ec};
    };
    const auto [calls, none] = run(0);
    REQUIRE_FALSE(none);
    REQUIRE(calls > 4);
    for (std::size_t at = 1; at <= calls; ++at) {
        CAPTURE(at, calls);
        CHECK(run(at).second == std::errc::connection_reset);
    }
}
