// SPDX-License-Identifier: BSL-1.0
// Handshakes and data: pieces of any size, ends, peers that don't speak TLS, threads.

#include "loop.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <thread>
#include <utility>

using namespace test;

namespace {

std::string pattern(std::size_t size) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i != size; ++i)
        text[i] = static_cast<char>(i * 31 + i / 256);
    return text;
}

// What the server has for the client to read, in one call if it can.
std::string read_all_there(memory_stream& stream, std::error_code& ec) {
    std::string text;
    std::array<char, 5000> buffer{};
    for (;;) {
        const std::size_t n = stream.read_some(std::as_writable_bytes(std::span{buffer}), ec);
        if (ec || n == 0)
            return text;
        text.append(buffer.data(), n);
    }
}

} // namespace

TEST_CASE("mbedtls: what a handshake settles") {
    for (const auto version : both_versions) {
        loop l{version};
        l.handshake();
        REQUIRE_FALSE(l.client_error);
        REQUIRE_FALSE(l.server_error);
        const bool newest = version == tls_version::tls_1_3;
        CHECK(l.c->version() == (newest ? "TLSv1.3" : "TLSv1.2"));
        CHECK(l.s->version() == l.c->version());
        CHECK(l.c->cipher().name ==
              (newest ? "TLS_AES_256_GCM_SHA384" : "ECDHE-ECDSA-AES256-GCM-SHA384"));
        CHECK(l.c->cipher().id == l.s->cipher().id);
        CHECK(l.c->peer_chain().size() == 2);
        CHECK(l.s->peer_chain().empty());
        CHECK(l.s->server_name() == "localhost");
        CHECK(l.c->server_name() == "localhost");
        CHECK(l.c->native_handle() != nullptr);
    }
}

TEST_CASE("mbedtls: an address is matched and not sent as a name") {
    for (const char* host : {"127.0.0.1", "::1"}) {
        loop l{tls_version::tls_1_3};
        l.host = host;
        l.handshake();
        CHECK_FALSE(l.client_error);
        CHECK(l.s->server_name().empty());
    }
}

TEST_CASE("mbedtls: bytes may come one by one") {
    for (const auto version : both_versions) {
        loop l{version};
        l.open();
        std::string to_server;
        std::string to_client;
        const auto move_one = [](std::string& from, tlsxx::memory_transport& to) {
            to.put_incoming(from.substr(0, 1));
            from.erase(0, 1);
        };
        for (int i = 0; i != 10000 && (l.client_error || l.server_error); ++i) {
            if (l.client_error == errc::want_read)
                l.c->handshake(l.client_error);
            if (l.server_error == errc::want_read)
                l.s->handshake(l.server_error);
            to_server += l.client_pipe.take_outgoing();
            to_client += l.server_pipe.take_outgoing();
            if (!to_server.empty())
                move_one(to_server, l.server_pipe);
            if (!to_client.empty())
                move_one(to_client, l.client_pipe);
        }
        CHECK_FALSE(l.client_error);
        CHECK_FALSE(l.server_error);
    }
}

TEST_CASE("mbedtls: data of several records arrives whole, both ways, and streams may move") {
    for (const auto version : both_versions) {
        loop l{version};
        l.handshake();
        REQUIRE_FALSE(l.server_error);
        const std::string sent = pattern(200000);
        std::error_code ec;
        CHECK(l.c->write_all(sent, ec) == sent.size());
        CHECK_FALSE(ec);
        l.move_bytes();
        memory_stream moved = std::move(*l.s);
        CHECK(read_all_there(moved, ec) == sent);
        CHECK(ec == errc::want_read);
        CHECK(moved.write_all(sent, ec) == sent.size());
        l.move_bytes();
        CHECK(read_all_there(*l.c, ec) == sent);
        CHECK(ec == errc::want_read);
    }
}

TEST_CASE("mbedtls: a close_notify is a clean end, the transport's end alone is not") {
    for (const auto version : both_versions) {
        loop closed{version};
        closed.handshake();
        std::error_code ec;
        closed.c->close_notify(ec);
        CHECK_FALSE(ec);
        closed.move_bytes();
        CHECK(read_all_there(*closed.s, ec).empty());
        CHECK_FALSE(ec);
        CHECK(closed.s->write_all("still", ec) == 5); // the other direction stays open
        closed.move_bytes();
        CHECK(read_all_there(*closed.c, ec) == "still");

        loop cut{version};
        cut.handshake();
        cut.server_pipe.put_end_of_stream();
        CHECK(read_all_there(*cut.s, ec).empty());
        CHECK(ec == errc::stream_truncated);
    }
}

TEST_CASE("mbedtls: peers that don't speak TLS") {
    loop l{tls_version::tls_1_3};
    l.open();
    l.server_pipe.put_incoming("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    l.s->handshake(l.server_error);
    CHECK(l.server_error == errc::protocol_error);
    l.c->handshake(l.client_error);
    l.client_pipe.put_incoming("HTTP/1.1 400 Bad Request\r\n\r\n");
    l.c->handshake(l.client_error);
    CHECK(l.client_error == errc::protocol_error);
    CHECK(l.c->last_error().library() == "SSL");
    CHECK(l.c->last_error().reason() == "INVALID_RECORD");
}

TEST_CASE("mbedtls: a handshake that is cut") {
    loop l{tls_version::tls_1_2};
    l.open();
    l.c->handshake(l.client_error);
    l.client_pipe.put_end_of_stream();
    l.c->handshake(l.client_error);
    CHECK(l.client_error == errc::stream_truncated);
}

TEST_CASE("mbedtls: no common version") {
    loop l{tls_version::tls_1_2};
    only(l.client, tls_version::tls_1_3);
    l.handshake();
    CHECK(l.server_error == errc::handshake_failure);
    CHECK(l.client_error == errc::alert_received);
    CHECK(l.s->last_error().alert_sent() == l.c->last_error().alert_received());
}

TEST_CASE("mbedtls: connections of several threads share a context") {
    loop shared{tls_version::tls_1_3};
    trust(shared.server, "root.pem");
    shared.server.set_verify_mode(verify_mode::required);
    load(shared.client, "client");
    std::array<int, 4> done{};
    std::array<std::thread, 4> threads;
    for (std::size_t t = 0; t != threads.size(); ++t)
        threads[t] = std::thread{[&shared, &count = done[t]] {
            for (int i = 0; i != 5; ++i) {
                tlsxx::memory_transport to_server;
                tlsxx::memory_transport to_client;
                std::error_code ec;
                auto c = shared.client.wrap(
                    std::ref(to_server),
                    {.server_hostname = "localhost", .handshake = tlsxx::deferred}, ec);
                auto s =
                    shared.server.wrap(std::ref(to_client), {.handshake = tlsxx::deferred}, ec);
                for (int round = 0; round != 6; ++round) {
                    c.handshake(ec);
                    to_client.put_incoming(to_server.take_outgoing());
                    s.handshake(ec);
                    to_server.put_incoming(to_client.take_outgoing());
                }
                count += c.is_handshake_done() && s.is_handshake_done() ? 1 : 0;
            }
        }};
    for (std::thread& thread : threads)
        thread.join();
    for (const int count : done)
        CHECK(count == 5);
}
