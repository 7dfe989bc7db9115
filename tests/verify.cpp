// SPDX-License-Identifier: BSL-1.0
// One verdict on every engine: the same certificates are refused with the same code, at the same
// depth, under TLS 1.2 and 1.3. What is expected stands in the tables.

#include <support/pump.hpp>

#include <tlsxx/error.hpp>
#include <tlsxx/pem.hpp>

using namespace test;
using tlsxx::alert_description;
using tlsxx::verify_code;
using tlsxx::verify_flags;
using tlsxx::verify_mode;

namespace {

std::vector<std::vector<std::byte>> ders_of(const std::string& text) {
    std::vector<std::vector<std::byte>> out;
    tlsxx::pem_scanner scanner{text};
    while (auto block = scanner.next())
        out.push_back(std::move(block->data));
    return out;
}

// The primary reason, and what it comes with.
void check_refusal(const any_stream& stream, const std::error_code& ec, verify_code code, int depth,
                   const std::vector<std::vector<std::byte>>& sent) {
    CHECK(ec == errc::verification_failed);
    const tlsxx::verification& verdict = stream.verification();
    CHECK_FALSE(verdict);
    CHECK(verdict.code() == code);
    CHECK(verdict.message() == message(code));
    REQUIRE_FALSE(verdict.reasons().empty());
    const tlsxx::verification_reason& primary = verdict.reasons().front();
    CHECK(primary.verify_code == code);
    CHECK(primary.depth == depth);
    CHECK(primary.message == message(code));
    REQUIRE(static_cast<std::size_t>(depth) < sent.size());
    CHECK(std::ranges::equal(primary.certificate.der(), sent[static_cast<std::size_t>(depth)]));
    // The engine's own words are there as well, and its summary says why.
    CHECK_FALSE(stream.last_error().library().empty());
    CHECK_FALSE(stream.last_error().reason().empty());
    CHECK(stream.last_error().what().find(message(code)) != std::string::npos);
}

// The peer of a side that has refused it learns of it at once, or by its next read.
void check_told(any_stream& stream, std::error_code ec, alert_description alert) {
    if (!ec)
        CHECK(read_once(stream, ec).empty());
    CHECK(ec == errc::alert_received);
    // Where the engine tells the number, it is the right one.
    CHECK(stream.last_error().alert_received().value_or(alert) == alert);
}

struct server_row {
    const char* identity; // NAME-chain.pem and NAME.key
    const char* host;
    verify_code code;
    int depth = 0;
    alert_description alert = alert_description::bad_certificate;
    const char* anchors = "root.pem";
};

constexpr server_row server_rows[] = {
    {"good", "localhost", verify_code::ok},
    {"good", "LOCALHOST", verify_code::ok},
    {"good", "localhost.", verify_code::ok},
    {"good", "a.wild.test", verify_code::ok},
    {"good", "127.0.0.1", verify_code::ok},
    {"good", "::1", verify_code::ok},
    {"good", "0:0::1", verify_code::ok},
    {"good", "b.a.wild.test", verify_code::hostname_mismatch},
    {"good", "wild.test", verify_code::hostname_mismatch},
    {"good", "xlocalhost", verify_code::hostname_mismatch},
    {"good", "127.0.0.2", verify_code::ip_address_mismatch},
    {"good", "::2", verify_code::ip_address_mismatch},
    {"good", "127.1", verify_code::hostname_mismatch}, // no address, whatever some resolvers think
    {"other-host", "localhost", verify_code::hostname_mismatch},
    {"other-host", "other.test", verify_code::ok},
    {"dns-ip", "127.0.0.1", verify_code::ip_address_mismatch}, // a DNS name is no address
    {"cn-only", "localhost", verify_code::hostname_mismatch},
    {"rsa", "localhost", verify_code::ok},
    {"root-issued", "localhost", verify_code::ok},
    {"expired", "localhost", verify_code::cert_has_expired, 0,
     alert_description::certificate_expired},
    {"not-yet-valid", "localhost", verify_code::cert_not_yet_valid},
    {"by-expired-intermediate", "localhost", verify_code::cert_has_expired, 1,
     alert_description::certificate_expired},
    {"no-purpose", "localhost", verify_code::ok},
    {"wrong-purpose", "localhost", verify_code::invalid_purpose, 0,
     alert_description::unsupported_certificate},
    {"any-purpose", "localhost", verify_code::invalid_purpose, 0,
     alert_description::unsupported_certificate},
    // Wherever in the chain it is said, the anchor included.
    {"by-client-only", "localhost", verify_code::invalid_purpose, 1,
     alert_description::unsupported_certificate},
    {"by-client-only-root", "localhost", verify_code::invalid_purpose, 1,
     alert_description::unsupported_certificate, "client-only-root.pem"},
    {"untrusted", "localhost", verify_code::self_signed_cert_in_chain, 1,
     alert_description::unknown_ca},
    {"untrusted", "localhost", verify_code::ok, 0, {}, "other-root.pem"},
    {"self-signed", "localhost", verify_code::depth_zero_self_signed_cert, 0,
     alert_description::unknown_ca},
    {"self-signed", "localhost", verify_code::ok, 0, {}, "self-signed.pem"},
    {"good", "localhost", verify_code::self_signed_cert_in_chain, 1, alert_description::unknown_ca,
     "-"}, // see below: "-" sends the root along and trusts another one
    {"good", "localhost", verify_code::unable_to_get_issuer_cert, 1, alert_description::unknown_ca,
     "intermediate.pem"},
};

void run(const pairing& with, const server_row& row) {
    CAPTURE(row.identity, row.host, row.anchors);
    std::string chain = pki_text(std::string{row.identity} + "-chain.pem");
    int depth = row.depth;
    std::string anchors = row.anchors;
    if (anchors == "-") {
        chain += pki_text("root.pem");
        anchors = "other-root.pem";
        depth = 2;
    }
    auto server_context = make_server(with.server, with.version, "");
    std::error_code ec;
    server_context->load_cert_chain(
        {.keyfile = pki(std::string{row.identity} + ".key"), .certdata = chain}, ec);
    INFO(server_context->last_error().what());
    REQUIRE_FALSE(ec);
    connection c{
        *make_client(with.client, with.version, anchors), *server_context, {.host = row.host}};
    const bool done = c.handshake();
    if (row.code == verify_code::ok) {
        INFO(c.client->last_error().what());
        CHECK(done);
        CHECK(c.client->verification());
        CHECK(c.client->verification().code() == verify_code::ok);
        CHECK(c.client->verification().message() == "ok");
        return;
    }
    CHECK_FALSE(done);
    check_refusal(*c.client, c.client_ec, row.code, depth, ders_of(chain));
    CHECK(c.client->last_error().alert_sent() == row.alert);
    check_told(*c.server, c.server_ec, row.alert);
    // A refused peer is not talked to.
    CHECK(c.client->write_all("secret", ec) == 0);
    CHECK(ec == errc::verification_failed);
    CHECK(read_once(*c.client, ec).empty());
    CHECK(ec == errc::verification_failed);
    CHECK_FALSE(c.client->is_handshake_done());
}

} // namespace

PAIR_CASE("verify: a server's certificate, by the table", "[engines:verdict]") {
    for (const server_row& row : server_rows)
        run(with, row);
}

PAIR_CASE("verify: several reasons are all reported, the gravest first",
          "[engines:verify-reasons]") {
    connection c{with, {.identity = "expired", .host = "nowhere.test"}};
    CHECK_FALSE(c.handshake());
    const auto& verdict = c.client->verification();
    CHECK(verdict.code() == verify_code::hostname_mismatch);
    REQUIRE(verdict.reasons().size() == 2);
    CHECK(verdict.reasons()[0].verify_code == verify_code::hostname_mismatch);
    CHECK(verdict.reasons()[1].verify_code == verify_code::cert_has_expired);
    CHECK(verdict.reasons()[1].depth == 0);

    connection d{with, {.identity = "by-expired-intermediate", .anchors = "other-root.pem"}};
    CHECK_FALSE(d.handshake());
    REQUIRE(d.client->verification().reasons().size() == 2);
    CHECK(d.client->verification().reasons()[0].verify_code ==
          verify_code::unable_to_get_issuer_cert_locally);
    CHECK(d.client->verification().reasons()[1].verify_code == verify_code::cert_has_expired);
    CHECK(d.client->verification().reasons()[1].depth == 1);
    CHECK_FALSE(d.client->verification().reasons()[0].engine_message.empty());
}

PAIR_CASE("verify: a chain that lacks the intermediate can't be built",
          "[engines:intermediate-among-anchors]") {
    auto server_context = make_server(with.server, with.version, "");
    std::error_code ec;
    server_context->load_cert_chain({.certfile = pki("good.pem"), .keyfile = pki("good.key")}, ec);
    connection c{*make_client(with.client, with.version), *server_context};
    CHECK_FALSE(c.handshake());
    check_refusal(*c.client, c.client_ec, verify_code::unable_to_get_issuer_cert_locally, 0,
                  ders_of(pki_text("good.pem")));
    check_told(*c.server, c.server_ec, alert_description::unknown_ca);
    // A client that has it among its anchors, beside the root, needs no more.
    auto client_context = make_client(with.client, with.version);
    client_context->load_verify_locations({.cafile = pki("intermediate.pem")}, ec);
    connection d{*client_context, *server_context};
    d.up();
}

PAIR_CASE("verify: an intermediate as anchor needs x509_partial_chain", "[engines:partial-chain]") {
    const auto partial = [](any_context& client, any_context&) {
        std::error_code ec;
        client.set_verify_flags(client.verify_flags() | verify_flags::x509_partial_chain, ec);
        REQUIRE_FALSE(ec);
    };
    connection c{with, {.anchors = "intermediate.pem", .prepare = partial}};
    c.up();
    // Even a leaf, if it is the very one that is trusted.
    connection d{with,
                 {.identity = "root-issued", .anchors = "root-issued.pem", .prepare = partial}};
    d.up();
    connection e{with, {.identity = "root-issued", .anchors = "root-issued.pem"}};
    CHECK_FALSE(e.handshake());
    CHECK(e.client->verification().code() == verify_code::unable_to_get_issuer_cert_locally);
    // It is no pass for anything else.
    connection f{with, {.identity = "expired", .anchors = "intermediate.pem", .prepare = partial}};
    CHECK_FALSE(f.handshake());
    CHECK(f.client->verification().code() == verify_code::cert_has_expired);
    connection g{with, {.anchors = "good.pem", .host = "nowhere.test", .prepare = partial}};
    CHECK_FALSE(g.handshake());
    CHECK(g.client->verification().code() == verify_code::hostname_mismatch);
}

PAIR_CASE("verify: more intermediates than the depth allows", "[engines:depth]") {
    const auto depth = [](int most) {
        return [most](any_context& client, any_context&) {
            std::error_code ec;
            client.set_verify_depth(most, ec);
            REQUIRE_FALSE(ec);
        };
    };
    connection none{with, {.identity = "root-issued", .prepare = depth(0)}};
    none.up();
    connection one{with, {.prepare = depth(1)}};
    one.up();
    connection too_many{with, {.prepare = depth(0)}};
    CHECK_FALSE(too_many.handshake());
    CHECK(too_many.client_ec == errc::verification_failed);
    CHECK(too_many.client->verification().code() == verify_code::cert_chain_too_long);
}

PAIR_CASE("verify: chains with name constraints are judged by OpenSSL and beyond Mbed TLS",
          "[engines:name-constraints]") {
    connection inside{with, {.identity = "nc-inside", .host = "www.allowed.test"}};
    connection outside{with, {.identity = "nc-outside"}};
    if (with.client == engine::openssl) {
        inside.up();
        CHECK_FALSE(outside.handshake());
        CHECK(outside.client_ec == errc::verification_failed);
        CHECK(outside.client->verification().code() == verify_code::permitted_violation);
        return;
    }
    // Its parser refuses the certificate: that is said to be the engine's limit, and fails closed.
    for (connection* c : {&inside, &outside}) {
        CHECK_FALSE(c->handshake());
        CHECK(c->client_ec == errc::verification_failed);
        const verify_code code = c->client->verification().code();
        CHECK(is_engine_limit(code));
    }
}

PAIR_CASE("verify: the common name counts only where it is asked for", "[engines:common-name]") {
    const auto with_cn = [](any_context& client, any_context&) {
        std::error_code ec;
        client.set_hostname_checks_common_name(true, ec);
        REQUIRE_FALSE(ec);
    };
    connection c{with, {.identity = "cn-only", .prepare = with_cn}};
    c.up();
    connection d{with, {.identity = "cn-only", .host = "elsewhere.test", .prepare = with_cn}};
    CHECK_FALSE(d.handshake());
    CHECK(d.client->verification().code() == verify_code::hostname_mismatch);
    // A certificate that has other names is judged by those.
    connection e{with, {.identity = "other-host", .host = "other-host", .prepare = with_cn}};
    CHECK_FALSE(e.handshake());
    CHECK(e.client->verification().code() == verify_code::hostname_mismatch);
}

PAIR_CASE("verify: without verification anything goes, and is still seen", "") {
    const auto nothing = [](any_context& client, any_context&) {
        std::error_code ec;
        client.set_check_hostname(false, ec);
        client.set_verify_mode(verify_mode::none, ec);
        REQUIRE_FALSE(ec);
    };
    for (const char* identity : {"self-signed", "expired", "wrong-purpose", "untrusted"}) {
        CAPTURE(identity);
        connection c{with,
                     {.identity = identity, .anchors = "", .host = "x.test", .prepare = nothing}};
        c.up();
        CHECK(c.client->verification());
        REQUIRE(c.client->peer_certificate());
        CHECK(c.client->peer_certificate()->subject().find(identity) != std::string::npos);
    }
}

PAIR_CASE("verify: the chain is verified although the name is not checked", "") {
    const auto no_name = [](any_context& client, any_context&) {
        std::error_code ec;
        client.set_check_hostname(false, ec);
        REQUIRE_FALSE(ec);
    };
    connection good{with, {.identity = "other-host", .prepare = no_name}};
    good.up();
    connection bad{with, {.identity = "untrusted", .prepare = no_name}};
    CHECK_FALSE(bad.handshake());
    CHECK(bad.client->verification().code() == verify_code::self_signed_cert_in_chain);
}

PAIR_CASE("verify: a client that says `optional` means `required`", "[engines:optional-client]") {
    const auto optional = [](any_context& client, any_context&) {
        std::error_code ec;
        client.set_verify_mode(verify_mode::optional, ec);
        REQUIRE_FALSE(ec);
    };
    for (const char* identity : {"untrusted", "self-signed", "expired", "wrong-purpose"}) {
        CAPTURE(identity);
        connection c{with, {.identity = identity, .prepare = optional}};
        CHECK_FALSE(c.handshake());
        CHECK(c.client_ec == errc::verification_failed);
    }
}

// ---- client certificates
// -------------------------------------------------------------------------

namespace {

struct client_row {
    const char* identity; // null: none
    verify_code code;
    int depth = 0;
    alert_description alert = alert_description::bad_certificate;
};
constexpr client_row client_rows[] = {
    {"client", verify_code::ok},
    {"client-expired", verify_code::cert_has_expired, 0, alert_description::certificate_expired},
    {"client-wrong-purpose", verify_code::invalid_purpose, 0,
     alert_description::unsupported_certificate},
    {"client-untrusted", verify_code::self_signed_cert_in_chain, 1, alert_description::unknown_ca},
    {"good", verify_code::invalid_purpose, 0, alert_description::unsupported_certificate},
    {"self-signed", verify_code::depth_zero_self_signed_cert, 0, alert_description::unknown_ca},
    {"no-purpose", verify_code::ok},
};

connection_plan asking(verify_mode mode, const char* identity) {
    return {.prepare = [=](any_context& client, any_context& server) {
        std::error_code ec;
        if (identity != nullptr)
            client.load_cert_chain({.certfile = pki(std::string{identity} + "-chain.pem"),
                                    .keyfile = pki(std::string{identity} + ".key")},
                                   ec);
        INFO(client.last_error().what());
        REQUIRE_FALSE(ec);
        server.load_verify_locations({.cafile = pki("root.pem")}, ec);
        server.set_verify_mode(mode, ec);
        REQUIRE_FALSE(ec);
    }};
}

} // namespace

PAIR_CASE("client certificates: good and bad ones, by the table, under optional and required",
          "[engines:client-certificate]") {
    for (const verify_mode mode : {verify_mode::optional, verify_mode::required}) {
        for (const client_row& row : client_rows) {
            CAPTURE(row.identity, mode == verify_mode::optional);
            connection c{with, asking(mode, row.identity)};
            const bool done = c.handshake();
            if (row.code == verify_code::ok) {
                CHECK(done);
                REQUIRE(c.server->peer_certificate());
                CHECK(c.server->peer_certificate()->subject().find(row.identity) !=
                      std::string::npos);
                continue;
            }
            CHECK_FALSE(done);
            check_refusal(*c.server, c.server_ec, row.code, row.depth,
                          ders_of(pki_text(std::string{row.identity} + "-chain.pem")));
            // Under TLS 1.3 the client learns of it by a later read.
            check_told(*c.client, c.client_ec, row.alert);
        }
    }
}

PAIR_CASE("client certificates: none is fine under optional and ends the handshake under required",
          "[engines:no-client-certificate]") {
    connection optional{with, asking(verify_mode::optional, nullptr)};
    optional.up();
    CHECK(optional.server->peer_chain().empty());
    CHECK(optional.server->verification());

    connection required{with, asking(verify_mode::required, nullptr)};
    CHECK_FALSE(required.handshake());
    CHECK(required.server_ec == errc::certificate_required);
    CHECK(required.server->verification()); // there was nothing to verify
    std::error_code ec = required.client_ec;
    if (!ec)
        CHECK(read_once(*required.client, ec).empty());
    CHECK(ec == errc::alert_received);
}

PAIR_CASE("client certificates: one that nobody asks for is not sent", "") {
    connection c{with, {.prepare = [](any_context& client, any_context&) {
                     std::error_code ec;
                     client.load_cert_chain(
                         {.certfile = pki("client-chain.pem"), .keyfile = pki("client.key")}, ec);
                     REQUIRE_FALSE(ec);
                 }}};
    c.up();
    CHECK(c.server->peer_chain().empty());
}

// ---- thrown
// --------------------------------------------------------------------------------------

PAIR_CASE("verify: the exception has the code, the message and all reasons", "") {
    connection c{with, {.identity = "expired"}};
    std::error_code ignored;
    bool thrown = false;
    for (int i = 0; i != 10 && !thrown; ++i) {
        try {
            c.client->handshake();
        } catch (const tlsxx::ssl_want_read_error&) {
            c.server->handshake(ignored);
        } catch (const tlsxx::certificate_error& error) {
            thrown = true;
            CHECK(error.code() == errc::verification_failed);
            CHECK(error.verify_code() == verify_code::cert_has_expired);
            CHECK(error.verify_message() == message(verify_code::cert_has_expired));
            REQUIRE(error.verification().reasons().size() == 1);
            CHECK(error.verification().reasons()[0].certificate.subject().find("CN=expired") !=
                  std::string::npos);
            c.client.reset(); // the exception needs nothing of the stream
            CHECK(error.verification().reasons()[0].certificate.valid());
            CHECK_FALSE(error.reason().empty());
        }
    }
    CHECK(thrown);
}
