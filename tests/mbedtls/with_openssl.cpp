// SPDX-License-Identifier: BSL-1.0
// What an OpenSSL peer can do that Mbed TLS can't take. Needs both engines.

#include <tlsxx/openssl.hpp>

#include "loop.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

using namespace test;
namespace openssl = tlsxx::openssl;

TEST_CASE("mbedtls: a KeyUpdate is an engine limit that says so, on both sides") {
    loop mine{tls_version::tls_1_3};
    openssl::context other{tlsxx::protocol::tls_server};
    const std::string certificates = pki("good-chain.pem");
    const std::string key = pki("good.key");
    other.load_cert_chain({.certfile = certificates, .keyfile = key});

    std::error_code ec;
    auto c = mine.client.wrap(std::ref(mine.client_pipe),
                              {.server_hostname = "localhost", .handshake = tlsxx::deferred}, ec);
    auto s = other.wrap(std::ref(mine.server_pipe), {.handshake = tlsxx::deferred}, ec);
    for (int round = 0; round != 4; ++round) {
        c.handshake(ec);
        mine.move_bytes();
        s.handshake(ec);
        mine.move_bytes();
    }
    REQUIRE(c.is_handshake_done());
    REQUIRE(s.is_handshake_done());

    // Tickets come first; then the new keys.
    CHECK(s.write_all("before", ec) == 6);
    CHECK(::SSL_key_update(s.native_handle(), SSL_KEY_UPDATE_NOT_REQUESTED) == 1);
    CHECK(s.write_all("after", ec) == 5);
    mine.move_bytes();
    std::string text(6, '\0');
    CHECK(c.read_exactly(std::as_writable_bytes(std::span{text}), ec) == 6);
    CHECK(text == "before");
    CHECK(c.read_some(std::as_writable_bytes(std::span{text}), ec) == 0);
    CHECK(ec == errc::post_handshake_message);
    CHECK(c.last_error().detail().find("KeyUpdate") != std::string_view::npos);
    CHECK(c.last_error().alert_sent() == tlsxx::alert_description::unexpected_message);

    mine.move_bytes();
    CHECK(s.read_some(std::as_writable_bytes(std::span{text}), ec) == 0);
    CHECK(ec == errc::alert_received);
    CHECK(s.last_error().alert_received() == tlsxx::alert_description::unexpected_message);
}
