// SPDX-License-Identifier: BSL-1.0
// What the backend decides about certificates beside the engine: reasons, alerts on both sides, and
// what the engine would let pass.

#include "loop.hpp"

#include <catch2/catch_test_macros.hpp>

#include <optional>

using namespace test;
using tlsxx::alert_description;
using tlsxx::verify_code;
using tlsxx::verify_flags;

namespace {

struct server_case {
    const char* identity;
    const char* host;
    verify_code code;
    alert_description alert;
};

constexpr server_case bad_servers[] = {
    {"expired", "localhost", verify_code::cert_has_expired, alert_description::certificate_expired},
    {"not-yet-valid", "localhost", verify_code::cert_not_yet_valid,
     alert_description::bad_certificate},
    {"other-host", "localhost", verify_code::hostname_mismatch, alert_description::bad_certificate},
    {"dns-ip", "127.0.0.1", verify_code::ip_address_mismatch, alert_description::bad_certificate},
    {"cn-only", "localhost", verify_code::hostname_mismatch, alert_description::bad_certificate},
    {"untrusted", "localhost", verify_code::self_signed_cert_in_chain,
     alert_description::unknown_ca},
    {"self-signed", "localhost", verify_code::depth_zero_self_signed_cert,
     alert_description::unknown_ca},
    // The engine would not even send these two, or would take them.
    {"wrong-purpose", "localhost", verify_code::invalid_purpose,
     alert_description::unsupported_certificate},
    {"any-purpose", "localhost", verify_code::invalid_purpose,
     alert_description::unsupported_certificate},
    {"nc-inside", "www.allowed.test", verify_code::engine_limit_certificate_unsupported,
     alert_description::bad_certificate},
};

struct client_case {
    const char* identity;
    verify_code code;
    alert_description alert;
};

constexpr client_case bad_clients[] = {
    {"client-expired", verify_code::cert_has_expired, alert_description::certificate_expired},
    {"client-wrong-purpose", verify_code::invalid_purpose,
     alert_description::unsupported_certificate},
    {"client-untrusted", verify_code::self_signed_cert_in_chain, alert_description::unknown_ca},
};

} // namespace

TEST_CASE("mbedtls: a bad server is refused with its reason, and learns of it by the alert") {
    for (const auto version : both_versions)
        for (const server_case& bad : bad_servers) {
            INFO(to_string(version) << " " << bad.identity);
            loop l{version, bad.identity};
            l.host = bad.host;
            l.handshake();
            CHECK(l.client_error == errc::verification_failed);
            CHECK(l.c->verification().code() == bad.code);
            REQUIRE_FALSE(l.c->verification().reasons().empty());
            CHECK(l.c->verification().reasons().front().verify_code == bad.code);
            CHECK(l.c->last_error().alert_sent() == bad.alert);
            CHECK(l.server_error == errc::alert_received);
            CHECK(l.s->last_error().alert_received() == bad.alert);
        }
}

TEST_CASE("mbedtls: a bad client ends the handshake of a server that requires a certificate or "
          "only asks for one") {
    for (const auto version : both_versions)
        for (const auto mode : {verify_mode::optional, verify_mode::required})
            for (const client_case& bad : bad_clients) {
                INFO(to_string(version) << " " << bad.identity << " " << static_cast<int>(mode));
                loop l{version};
                trust(l.server, "root.pem");
                l.server.set_verify_mode(mode);
                load(l.client, bad.identity);
                l.handshake();
                CHECK(l.server_error == errc::verification_failed);
                CHECK(l.s->verification().code() == bad.code);
                CHECK(l.s->last_error().alert_sent() == bad.alert);
                CHECK_FALSE(l.s->is_handshake_done());
                const auto seen = l.client_error ? l.client_error : l.client_reads();
                CHECK(seen == errc::alert_received);
                if (version == tls_version::tls_1_2) // later ones are encrypted
                    CHECK(l.c->last_error().alert_received() == bad.alert);
            }
}

TEST_CASE("mbedtls: nothing that a refused client has sent is read") {
    for (const auto version : both_versions) {
        INFO(to_string(version));
        loop l{version};
        trust(l.server, "root.pem");
        l.server.set_verify_mode(verify_mode::optional);
        load(l.client, "client-expired");
        l.open();
        for (int round = 0; round != 6; ++round) {
            l.c->handshake(l.client_error);
            std::error_code ignored;
            if (!l.client_error)
                l.c->write_all("early", ignored);
            l.move_bytes();
            std::string text(100, '\0');
            CHECK(l.s->read_some(std::as_writable_bytes(std::span{text}), l.server_error) == 0);
            CHECK(l.server_error);
            l.move_bytes();
        }
        CHECK(l.server_error == errc::verification_failed);
        CHECK_FALSE(l.s->is_handshake_done());
    }
}

TEST_CASE("mbedtls: a missing client certificate") {
    for (const auto version : both_versions) {
        INFO(to_string(version));
        loop optional{version};
        trust(optional.server, "root.pem");
        optional.server.set_verify_mode(verify_mode::optional);
        optional.handshake();
        CHECK_FALSE(optional.client_error);
        CHECK_FALSE(optional.server_error);
        CHECK(optional.s->peer_chain().empty());

        loop required{version};
        trust(required.server, "root.pem");
        required.server.set_verify_mode(verify_mode::required);
        required.handshake();
        CHECK(required.server_error == errc::certificate_required);
        CHECK(required.s->last_error().alert_sent() ==
              (version == tls_version::tls_1_3 ? alert_description::certificate_required
                                               : alert_description::handshake_failure));
        CHECK((required.client_error ? required.client_error : required.client_reads()) ==
              errc::alert_received);
    }
}

TEST_CASE("mbedtls: a good client is accepted, and its chain is there") {
    for (const auto version : both_versions)
        for (const auto mode : {verify_mode::optional, verify_mode::required}) {
            INFO(to_string(version));
            loop l{version};
            trust(l.server, "root.pem");
            l.server.set_verify_mode(mode);
            load(l.client, "client");
            l.handshake();
            CHECK_FALSE(l.client_error);
            CHECK_FALSE(l.server_error);
            CHECK(l.s->peer_chain().size() == 2);
            CHECK(l.client_reads() == errc::want_read);
        }
}

TEST_CASE("mbedtls: where a path may end") {
    struct {
        const char* anchors;
        const char* more;
        bool partial_chain;
        verify_code code;
    } const cases[] = {
        {"root.pem", nullptr, false, verify_code::ok},
        {"intermediate.pem", nullptr, true, verify_code::ok},
        {"intermediate.pem", nullptr, false, verify_code::unable_to_get_issuer_cert},
        {"intermediate.pem", "root.pem", false, verify_code::ok},
        {"root.pem", "intermediate.pem", true, verify_code::ok},
        {"good.pem", nullptr, true, verify_code::ok}, // the leaf itself
        {"good.pem", nullptr, false, verify_code::unable_to_get_issuer_cert_locally},
        {"other-root.pem", nullptr, true, verify_code::unable_to_get_issuer_cert_locally},
        {"other-root.pem", "intermediate.pem", false, verify_code::unable_to_get_issuer_cert},
    };
    for (const auto& entry : cases) {
        INFO(entry.anchors << " " << (entry.more ? entry.more : "") << entry.partial_chain);
        loop l{tls_version::tls_1_3, "good", entry.anchors};
        if (entry.more)
            trust(l.client, entry.more);
        if (entry.partial_chain)
            l.client.set_verify_flags(l.client.verify_flags() | verify_flags::x509_partial_chain);
        l.handshake();
        CHECK(l.c->verification().code() == entry.code);
        CHECK((l.client_error == errc::verification_failed) == (entry.code != verify_code::ok));
        CHECK(static_cast<bool>(l.client_error) == (entry.code != verify_code::ok));
    }
}

TEST_CASE("mbedtls: the store's own intermediate completes a path that the peer left open") {
    for (const bool with_intermediate : {false, true}) {
        INFO(with_intermediate);
        loop l{tls_version::tls_1_3};
        const std::string leaf = pki("good.pem");
        const std::string key = pki("good.key");
        l.server.load_cert_chain({.certfile = leaf, .keyfile = key}); // without its issuer
        if (with_intermediate)
            trust(l.client, "intermediate.pem");
        l.handshake();
        CHECK(
            l.c->verification().code() ==
            (with_intermediate ? verify_code::ok : verify_code::unable_to_get_issuer_cert_locally));
        CHECK(static_cast<bool>(l.client_error) == !with_intermediate);
    }
}

TEST_CASE("mbedtls: the engine's words stand beside ours where it objects too") {
    loop l{tls_version::tls_1_2, "expired"};
    l.handshake();
    REQUIRE(l.c->verification().reasons().size() == 1);
    const auto& reason = l.c->verification().reasons().front();
    CHECK(reason.engine_message == "The certificate validity has expired");
    CHECK(reason.certificate.subject().find("expired") != std::string::npos);
    CHECK(l.c->last_error().library() == "X509");
    CHECK(l.c->last_error().reason() == "CERT_VERIFY_FAILED");
}
