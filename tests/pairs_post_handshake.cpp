// SPDX-License-Identifier: BSL-1.0
// What a peer may send behind the handshake: key updates, requests to begin anew. The peer is
// OpenSSL, told through its native handle.

#include <openssl/ssl.h>

#include <support/pump.hpp>

using namespace test;
using tlsxx::tls_version;

namespace {

::SSL* ssl_of(const any_stream& stream) {
    return static_cast<::SSL*>(stream.native_handle());
}

// A connection of this engine, as the client, with a server of OpenSSL's.
connection with_openssl(engine client, tls_version version) {
    return connection{pairing{client, engine::openssl, version}};
}

} // namespace

ENGINE_CASE("key update: a peer that changes its keys is followed, or cut off with a name for it",
            "[engines:key-update]") {
    for (const int type : {SSL_KEY_UPDATE_NOT_REQUESTED, SSL_KEY_UPDATE_REQUESTED}) {
        auto c = with_openssl(on, tls_version::tls_1_3);
        c.up();
        CHECK((transfer(*c.server, *c.client, "before") == "before"));
        REQUIRE(::SSL_key_update(ssl_of(*c.server), type) == 1);
        std::error_code ec;
        CHECK(c.server->write_all("after", ec) == 5);
        const std::string got = read_once(*c.client, ec);
        if (on == engine::openssl) {
            CHECK(got == "after");
            CHECK((transfer(*c.client, *c.server, "back") == "back"));
            CHECK((transfer(*c.server, *c.client, "and forth") == "and forth"));
        } else {
            // An engine limit: no code for it. It fails closed, and stays failed.
            CHECK(got.empty());
            CHECK(ec == errc::post_handshake_message);
            CHECK(c.client->write_all("x", ec) == 0);
            CHECK(ec == errc::post_handshake_message);
            CHECK(c.client->last_error().what().find("Mbed TLS") != std::string::npos);
        }
    }
}

TEST_CASE("key update: replies to it are no obstacle to a write that is blocked: openssl",
          "[engines:key-update-blocked]") {
    // A record that is blocked in the engine, and a read that meets two key updates of which one
    // asks for a reply: left to itself OpenSSL fails with "bad length".
    auto c = with_openssl(engine::openssl, tls_version::tls_1_3);
    c.up();
    CHECK((transfer(*c.server, *c.client, "begin") == "begin"));
    std::error_code ec;
    const std::string large = pattern(16'000);
    c.client->pipe().set_capacity(5);
    CHECK(c.client->write_some(large, ec) == 0);
    CHECK(ec == errc::want_write);
    for (int i = 0; i != 4; ++i) {
        REQUIRE(::SSL_key_update(ssl_of(*c.server), SSL_KEY_UPDATE_REQUESTED) == 1);
        CHECK(c.server->write_all("x", ec) == 1);
        CHECK_FALSE(ec);
        CHECK(read_once(*c.client, ec) == "x");
        CHECK_FALSE(ec);
        CHECK(c.client->wants_write());
    }
    c.client->pipe().set_capacity(no_limit);
    const std::size_t n = c.client->write_some(large, ec);
    CHECK_FALSE(ec);
    std::string got;
    while (got.size() < n && !ec)
        got += read_once(*c.server, ec);
    CHECK((got == large.substr(0, n)));
    CHECK((transfer(*c.server, *c.client, "end") == "end"));
}

TEST_CASE("key update: in the middle of traffic both ways: openssl", "[engines:key-update]") {
    auto c = with_openssl(engine::openssl, tls_version::tls_1_3);
    c.up();
    for (const std::size_t capacity : {no_limit, std::size_t{3000}}) {
        c.client->pipe().set_capacity(capacity);
        c.server->pipe().set_capacity(capacity);
        const std::string text = pattern(60'000);
        std::string up, down;
        std::size_t sent_up = 0, sent_down = 0;
        int updates = 0;
        const auto side = [&](any_stream& stream, std::size_t& sent, std::string& got) {
            std::error_code ec;
            // libssl takes the wish only between two records of its own.
            if (!stream.wants_write() && updates < 100)
                updates += ::SSL_key_update(ssl_of(stream), SSL_KEY_UPDATE_REQUESTED);
            if (sent != text.size())
                sent += stream.write_some(
                    std::string_view{text}.substr(sent, std::min(text.size() - sent, 1000UL)), ec);
            REQUIRE((!ec || would_block(ec)));
            got += read_once(stream, ec, 700);
            REQUIRE((!ec || would_block(ec)));
            return sent == text.size() && got.size() == text.size();
        };
        CHECK(alternate([&] { return side(*c.client, sent_up, down); },
                        [&] { return side(*c.server, sent_down, up); }));
        CHECK((up == text));
        CHECK((down == text));
        CHECK(updates > 20);
    }
}

ENGINE_CASE("renegotiation: a client that asks for it is refused, and nothing is begun anew",
            "[engines:renegotiation]") {
    connection c{pairing{engine::openssl, on, tls_version::tls_1_2}};
    c.up();
    ::SSL* const ssl = ssl_of(*c.client);
    ::SSL_clear_options(ssl, SSL_OP_NO_RENEGOTIATION);
    REQUIRE(::SSL_renegotiate(ssl) == 1);
    const std::size_t before = c.client->pipe().bytes_written();
    std::error_code client_ec, server_ec;
    CHECK(c.client->write_all("x", client_ec) == 0); // sends a ClientHello instead
    CHECK(client_ec == errc::want_read);
    REQUIRE(c.client->pipe().bytes_written() > before);
    // The server says no, by a warning, and goes on.
    CHECK(read_once(*c.server, server_ec).empty());
    CHECK(server_ec == errc::want_read);
    CHECK(read_once(*c.client, client_ec).empty());
    CHECK(client_ec == errc::handshake_failure);
    CHECK(c.client->last_error().reason() == "NO_RENEGOTIATION");
}

ENGINE_CASE("renegotiation: a server that asks for it is refused", "[engines:renegotiation]") {
    auto c = with_openssl(on, tls_version::tls_1_2);
    c.up();
    ::SSL* const ssl = ssl_of(*c.server);
    ::SSL_clear_options(ssl, SSL_OP_NO_RENEGOTIATION);
    REQUIRE(::SSL_renegotiate(ssl) == 1);
    std::error_code client_ec, server_ec;
    CHECK(c.server->write_all("x", server_ec) == 1); // behind a HelloRequest
    // The client says no, by a warning, and goes on.
    CHECK(read_once(*c.client, client_ec) == "x");
    CHECK_FALSE(client_ec);
    CHECK(read_once(*c.server, server_ec).empty());
    CHECK(server_ec == errc::handshake_failure);
    CHECK(c.server->last_error().reason() == "NO_RENEGOTIATION");
}
