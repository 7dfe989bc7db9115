// SPDX-License-Identifier: BSL-1.0
// What a connection is and carries, on every ordered pair of engines, TLS 1.2 and 1.3.

#include <support/pump.hpp>

#include <tlsxx/pem.hpp>

using namespace test;

namespace {

std::vector<std::vector<std::byte>> ders_of(const std::string& file) {
    std::vector<std::vector<std::byte>> out;
    const std::string text = pki_text(file);
    tlsxx::pem_scanner scanner{text};
    while (auto block = scanner.next())
        out.push_back(std::move(block->data));
    return out;
}

} // namespace

PAIR_CASE("handshake: both sides tell the same version and cipher", "[engines:one-program]") {
    connection c{with};
    CHECK_FALSE(c.client->is_handshake_done());
    CHECK(c.client->version().empty());
    CHECK(c.client->peer_chain().empty());
    c.up();
    CHECK(c.client->is_handshake_done());
    CHECK(c.server->is_handshake_done());
    CHECK(c.client->version() == to_string(with.version));
    CHECK(c.server->version() == to_string(with.version));
    const auto ours = c.client->cipher(), theirs = c.server->cipher();
    CHECK(ours.name == theirs.name);
    CHECK(ours.id == theirs.id);
    // The first of our list that fits a P-256 key, which both engines have.
    if (with.version == tlsxx::tls_version::tls_1_3) {
        CHECK(ours.name == "TLS_AES_256_GCM_SHA384");
        CHECK(ours.protocol == "TLSv1.3");
        CHECK(ours.id == 0x1302);
    } else {
        CHECK(ours.name == "ECDHE-ECDSA-AES256-GCM-SHA384");
        CHECK(ours.protocol == "TLSv1.2");
        CHECK(ours.id == 0xC02C);
    }
    CHECK(ours.secret_bits == 256);
    CHECK(theirs.secret_bits == 256);
    CHECK(c.client->native_handle() != nullptr);
    CHECK(c.client->verification());
    CHECK(c.client->verification().reasons().empty());
    CHECK(c.server->verification());
}

PAIR_CASE("handshake: an RSA certificate is served as well", "") {
    connection c{with, {.identity = "rsa"}};
    c.up();
    if (with.version == tlsxx::tls_version::tls_1_2)
        CHECK(c.client->cipher().name == "ECDHE-RSA-AES256-GCM-SHA384");
    CHECK((transfer(*c.client, *c.server, "over RSA") == "over RSA"));
}

PAIR_CASE("handshake: with keys of two types the server uses one that fits", "") {
    connection c{with, {.identity = "rsa", .prepare = [](any_context&, any_context& server) {
                            std::error_code ec;
                            server.load_cert_chain(
                                {.certfile = pki("good-chain.pem"), .keyfile = pki("good.key")},
                                ec);
                            REQUIRE_FALSE(ec);
                        }}};
    c.up();
    const auto leaf = c.client->peer_certificate();
    REQUIRE(leaf);
    CHECK(leaf->subject().find("good") != std::string::npos); // ECDSA comes first in our list
}

PAIR_CASE("handshake: the peer's chain is what it loaded, byte for byte", "") {
    connection c{with};
    c.up();
    const auto expected = ders_of("good-chain.pem");
    const auto chain = c.client->peer_chain();
    REQUIRE(chain.size() == 2);
    for (std::size_t i = 0; i != chain.size(); ++i)
        CHECK(std::ranges::equal(chain[i].der(), expected[i]));
    REQUIRE(c.client->peer_certificate());
    CHECK(*c.client->peer_certificate() == chain[0]);
    CHECK(c.server->peer_chain().empty()); // nobody has asked the client for one
    CHECK_FALSE(c.server->peer_certificate());
}

PAIR_CASE("handshake: a client's chain is seen by the server, byte for byte", "") {
    connection c{with, {.prepare = [](any_context& client, any_context& server) {
                     std::error_code ec;
                     client.load_cert_chain(
                         {.certfile = pki("client-chain.pem"), .keyfile = pki("client.key")}, ec);
                     REQUIRE_FALSE(ec);
                     server.load_verify_locations({.cafile = pki("root.pem")}, ec);
                     server.set_verify_mode(tlsxx::verify_mode::required, ec);
                     REQUIRE_FALSE(ec);
                 }}};
    c.up();
    const auto expected = ders_of("client-chain.pem");
    const auto chain = c.server->peer_chain();
    REQUIRE(chain.size() == 2);
    for (std::size_t i = 0; i != chain.size(); ++i)
        CHECK(std::ranges::equal(chain[i].der(), expected[i]));
}

PAIR_CASE("handshake: the server sees the name that the client asks for", "[engines:sni]") {
    connection c{with};
    c.up();
    CHECK(c.server->server_name() == "localhost");
    connection dotted{with, {.host = "localhost."}};
    dotted.up();
    CHECK(dotted.server->server_name() == "localhost");
    connection wild{with, {.host = "A.Wild.Test"}};
    wild.up();
    CHECK(wild.server->server_name() == "A.Wild.Test");
}

PAIR_CASE("handshake: an IP address is matched, and never sent as a name", "[engines:sni-ip]") {
    for (const char* address : {"127.0.0.1", "::1"}) {
        connection c{with, {.host = address}};
        c.up();
        CHECK(c.server->server_name().empty());
    }
}

PAIR_CASE("handshake: a name can be sent without being checked, and none at all", "") {
    const auto unchecked = [](any_context& client, any_context&) {
        std::error_code ec;
        client.set_check_hostname(false, ec);
        REQUIRE_FALSE(ec);
    };
    connection named{with, {.host = "elsewhere.test", .prepare = unchecked}};
    named.up();
    CHECK(named.server->server_name() == "elsewhere.test");
    connection none{with, {.host = "", .prepare = unchecked}};
    none.up();
    CHECK(none.server->server_name().empty());
}

PAIR_CASE("data: from one byte to a mebibyte, both ways", "[engines:write-some]") {
    connection c{with};
    c.up();
    for (const std::size_t size :
         {1UL, 2UL, 100UL, 16383UL, 16384UL, 16385UL, 40000UL, 1UL << 20}) {
        const std::string text = pattern(size);
        CAPTURE(size);
        CHECK((transfer(*c.client, *c.server, text) == text));
        CHECK((transfer(*c.server, *c.client, text) == text));
    }
}

PAIR_CASE("data: a read takes as much as it has room for and keeps the rest", "") {
    connection c{with};
    c.up();
    const std::string text = pattern(3000);
    std::error_code ec;
    CHECK(c.client->write_all(text, ec) == text.size());
    std::string got = read_once(*c.server, ec, 1);
    CHECK(c.server->pending() == 2999);
    CHECK(c.server->has_pending());
    got += read_once(*c.server, ec, 1999);
    got += read_once(*c.server, ec);
    CHECK((got == text));
    CHECK(c.server->pending() == 0);
    CHECK(read_once(*c.server, ec).empty());
    CHECK(ec == errc::want_read);
}

PAIR_CASE("data: one write is at most one record, and says how much it took",
          "[engines:write-some]") {
    connection c{with};
    c.up();
    const std::string text = pattern(40'000);
    std::error_code ec;
    const std::size_t n = c.client->write_some(text, ec);
    CHECK_FALSE(ec);
    CHECK(n > 0);
    CHECK(n <= 16384);
    std::string got;
    while (got.size() < n && !ec)
        got += read_once(*c.server, ec);
    CHECK((got == text.substr(0, n)));
}

PAIR_CASE("data: nothing to write writes nothing, no room to read reads nothing",
          "[engines:zero-length-write]") {
    connection c{with};
    c.up();
    std::error_code ec;
    while (read_once(*c.client, ec).empty() && !ec) {
    }
    const std::size_t calls = c.client->pipe().calls();
    CHECK(c.client->write_some("", ec) == 0);
    CHECK_FALSE(ec);
    CHECK(c.client->write_all("", ec) == 0);
    CHECK_FALSE(ec);
    CHECK(c.client->read_some({}, ec) == 0);
    CHECK_FALSE(ec);
    CHECK(c.client->pipe().calls() == calls);
    CHECK((transfer(*c.client, *c.server, "after it") == "after it"));
}

PAIR_CASE("data: both directions at once", "") {
    connection c{with, {.capacity = 5000}};
    CHECK(exchange(*c.client, *c.server, pattern(100'000), pattern(90'000)));
}

PAIR_CASE("handshake: a version that only one side speaks is refused on both", "") {
    const auto other = with.version == tlsxx::tls_version::tls_1_2 ? tlsxx::tls_version::tls_1_3
                                                                   : tlsxx::tls_version::tls_1_2;
    connection c{*make_client(with.client, with.version), *make_server(with.server, other)};
    CHECK_FALSE(c.handshake());
    CHECK(c.client_ec == errc::alert_received);
    CHECK(c.server_ec == errc::handshake_failure);
    // Mbed TLS without TLS 1.3 misses a suite rather than a version.
    const auto alert = c.server->last_error().alert_sent();
    CHECK((alert == tlsxx::alert_description::protocol_version ||
           alert == tlsxx::alert_description::handshake_failure));
    CHECK(c.client->last_error().alert_received() == alert);
}

PAIR_CASE("handshake: both sides choose the highest version that both speak", "") {
    std::error_code ec;
    const auto allow = [&](context_ptr context, tlsxx::tls_version highest) {
        context->set_minimum_version(tlsxx::tls_version::tls_1_2, ec);
        context->set_maximum_version(highest, ec);
        REQUIRE_FALSE(ec);
        return context;
    };
    using tlsxx::tls_version;
    for (const auto& [ours, theirs] : {std::pair{tls_version::maximum_supported, with.version},
                                       std::pair{with.version, tls_version::maximum_supported},
                                       std::pair{with.version, with.version}}) {
        connection c{*allow(make_client(with.client), ours),
                     *allow(make_server(with.server), theirs)};
        c.up();
        CHECK(c.client->version() == to_string(with.version));
        CHECK((transfer(*c.server, *c.client, "x") == "x"));
    }
}

PAIR_CASE("tickets and other messages behind the handshake are not the reader's business",
          "[engines:ticket-on-read]") {
    connection c{with};
    c.up();
    // Whatever the server has sent behind its handshake is in flight now, and the data behind it:
    // one read gets to the data, without asking for the transport in between.
    std::error_code ec;
    CHECK(c.server->write_all("data", ec) == 4);
    CHECK(read_once(*c.client, ec) == "data");
    CHECK_FALSE(ec);
}

PAIR_CASE("tickets are no obstacle to a client that writes first", "[engines:ticket-on-write]") {
    connection c{with};
    c.up();
    std::error_code ec;
    CHECK(c.client->write_all("request", ec) == 7);
    CHECK_FALSE(ec);
    CHECK(read_once(*c.server, ec) == "request");
    CHECK(c.server->write_all("answer", ec) == 6);
    CHECK(read_once(*c.client, ec) == "answer");
}

PAIR_CASE("a record that was changed on its way ends the connection on both sides",
          "[engines:fatal-latch]") {
    connection c{with};
    c.up();
    std::error_code ec;
    CHECK(c.client->write_all("data", ec) == 4);
    c.server->pipe().incoming().back() ^= std::byte{1};
    CHECK(read_once(*c.server, ec).empty());
    CHECK(ec == errc::protocol_error);
    CHECK(c.server->last_error().library() == "SSL");
    CHECK_FALSE(c.server->last_error().reason().empty());
    CHECK(c.server->last_error().alert_sent().value_or(tlsxx::alert_description::bad_record_mac) ==
          tlsxx::alert_description::bad_record_mac);
    // It stays so, whatever is called.
    for (int i = 0; i != 3; ++i) {
        CHECK(read_once(*c.server, ec).empty());
        CHECK(ec == errc::protocol_error);
        CHECK(c.server->write_all("x", ec) == 0);
        CHECK(ec == errc::protocol_error);
        c.server->close_notify(ec);
        CHECK(ec == errc::protocol_error);
    }
    while (read_once(*c.client, ec).size() != 0) {
    }
    CHECK(ec == errc::alert_received);
    if (functions_of(with.client).tells_alerts)
        CHECK(c.client->last_error().alert_received() == tlsxx::alert_description::bad_record_mac);
    CHECK(c.client->write_all("x", ec) == 0);
    CHECK(ec == errc::alert_received);
}

PAIR_CASE("plain text on the TLS port is a broken protocol, not a puzzle", "") {
    auto server_context = make_server(with.server, with.version);
    pipe_pair pipes;
    std::error_code ec;
    auto server = server_context->wrap(std::move(pipes.server), {.handshake = tlsxx::deferred}, ec);
    REQUIRE_FALSE(ec);
    pipes.client.write_some(bytes_of("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    server->handshake(ec);
    CHECK(ec == errc::protocol_error);

    auto client_context = make_client(with.client, with.version);
    pipe_pair other;
    auto client =
        client_context->wrap(std::move(other.client),
                             {.server_hostname = "localhost", .handshake = tlsxx::deferred}, ec);
    client->handshake(ec);
    CHECK(ec == errc::want_read);
    other.server.write_some(bytes_of("HTTP/1.1 400 Bad Request\r\n\r\n"));
    client->handshake(ec);
    CHECK(ec == errc::protocol_error);
}

PAIR_CASE("a stream of the throwing kind says the same", "") {
    connection c{with};
    c.up();
    CHECK_THROWS_AS(c.client->read_all(), tlsxx::ssl_want_read_error);
    c.server->write_all("all of it");
    std::error_code ec;
    c.server->close_notify(ec);
    CHECK(c.client->read_all() == "all of it");
    c.client->close_notify(ec);
    CHECK_THROWS_AS(c.client->write_all("x"), tlsxx::ssl_zero_return_error);
    c.client->pipe().end_output();
    CHECK(c.server->read_all().empty());
}
