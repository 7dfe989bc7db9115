// SPDX-License-Identifier: BSL-1.0
// What the OpenSSL backend says of bad certificates, on both sides.

#include "loop.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace test;
using tlsxx::alert_description;
using tlsxx::errc;
using tlsxx::verify_code;
using tlsxx::verify_mode;
using tlsxx::want;

namespace {

struct fault {
    const char* identity;
    const char* host;
    verify_code code;
    int depth;
    alert_description alert;
    bool engine_objects;
};

constexpr fault faults[] = {
    {"expired", "localhost", verify_code::cert_has_expired, 0,
     alert_description::certificate_expired, false},
    {"not-yet-valid", "localhost", verify_code::cert_not_yet_valid, 0,
     alert_description::bad_certificate, false},
    {"other-host", "localhost", verify_code::hostname_mismatch, 0,
     alert_description::bad_certificate, false},
    {"dns-ip", "127.0.0.1", verify_code::ip_address_mismatch, 0, alert_description::bad_certificate,
     false},
    {"cn-only", "localhost", verify_code::hostname_mismatch, 0, alert_description::bad_certificate,
     false},
    {"wrong-purpose", "localhost", verify_code::invalid_purpose, 0,
     alert_description::unsupported_certificate, true},
    {"any-purpose", "localhost", verify_code::invalid_purpose, 0,
     alert_description::unsupported_certificate, true},
    {"weak-rsa", "localhost", verify_code::ee_key_too_small, 0, alert_description::bad_certificate,
     false},
    {"sha1", "localhost", verify_code::ca_md_too_weak, 0, alert_description::bad_certificate,
     false},
    {"nc-outside", "localhost", verify_code::permitted_violation, 0,
     alert_description::certificate_unknown, true},
    {"untrusted", "localhost", verify_code::self_signed_cert_in_chain, 1,
     alert_description::unknown_ca, true},
    {"self-signed", "localhost", verify_code::depth_zero_self_signed_cert, 0,
     alert_description::unknown_ca, true},
};

} // namespace

TEST_CASE("openssl: a server's certificate is refused for what is wrong with it") {
    for (const auto version : both_versions) {
        for (const fault& f : faults) {
            CAPTURE(to_string(version), f.identity);
            auto c = client_options();
            auto s = server_options(f.identity);
            c.host = f.host;
            s.settings.security_level = 0; // so that weak ones load
            only(c.settings, version);
            loop l{c, s};
            l.handshake();
            REQUIRE(l.client.state == want::failed);
            const auto error = l.client.failure();
            CHECK(error.code() == errc::verification_failed);
            CHECK(error.reason() == "CERTIFICATE_VERIFY_FAILED");
            CHECK(error.alert_sent() == f.alert);
            CHECK(static_cast<int>(l.client.code()) == static_cast<int>(f.code));
            REQUIRE(engine::verdict(l.client.connection));
            const auto reasons = engine::verdict(l.client.connection)->reasons();
            REQUIRE(reasons.size() == 1);
            CHECK(reasons[0].depth == f.depth);
            CHECK(reasons[0].message == message(f.code));
            CHECK(reasons[0].engine_message.empty() != f.engine_objects);
            CHECK(
                std::ranges::equal(reasons[0].certificate.der(),
                                   certificates(std::string{f.identity} +
                                                "-chain.pem")[static_cast<std::size_t>(f.depth)]));
            std::string got;
            if (l.server.state == want::nothing)
                CHECK(l.server.read(got).next == want::failed);
            CHECK(l.server.failure().alert_received() == f.alert);
            CHECK(::ERR_peek_error() == 0);
        }
    }
}

TEST_CASE("openssl: good certificates, and those refused only if asked for") {
    auto c = client_options();
    SECTION("an address") {
        c.host = "127.0.0.1";
        loop l{c, server_options()};
        l.handshake();
        CHECK(l.both_done());
        CHECK(engine::server_name(l.server.connection).empty());
    }
    SECTION("without purpose, inside constraints, issued by the root") {
        for (const char* const identity : {"no-purpose", "nc-inside", "root-issued"}) {
            CAPTURE(identity);
            c.host = std::string_view{identity} == "nc-inside" ? "www.allowed.test" : "localhost";
            loop l{c, server_options(identity)};
            l.handshake();
            CHECK(l.both_done());
        }
    }
    SECTION("the name is not checked unless given") {
        c.check_host = false;
        loop l{c, server_options("other-host")};
        l.handshake();
        CHECK(l.both_done());
    }
    SECTION("nothing is verified") {
        c.settings.verify_mode = verify_mode::none;
        c.check_host = false;
        loop l{c, server_options("self-signed")};
        l.handshake();
        CHECK(l.both_done());
        CHECK(l.client.code() == verify_code::ok);
        CHECK(engine::peer_chain(l.client.connection).size() == 1);
    }
    SECTION("the common name, where it is asked for") {
        c.settings.hostname_checks_common_name = true;
        loop l{c, server_options("cn-only")};
        l.handshake();
        CHECK(l.both_done());
    }
}

TEST_CASE("openssl: several reasons come in the order of severity") {
    auto c = client_options();
    c.host = "nowhere.test";
    loop l{c, server_options("expired")};
    l.handshake();
    REQUIRE(engine::verdict(l.client.connection));
    const auto reasons = engine::verdict(l.client.connection)->reasons();
    REQUIRE(reasons.size() == 2);
    CHECK(reasons[0].verify_code == verify_code::hostname_mismatch);
    CHECK(reasons[1].verify_code == verify_code::cert_has_expired);
    CHECK(l.client.failure().alert_sent() == alert_description::bad_certificate);
}

TEST_CASE("openssl: paths that end elsewhere than in a self-signed root") {
    auto c = client_options();
    SECTION("the intermediate alone is trusted") {
        c.anchors = "intermediate.pem";
        loop strict{c, server_options()};
        strict.handshake();
        CHECK(static_cast<int>(strict.client.code()) ==
              static_cast<int>(verify_code::unable_to_get_issuer_cert));
        CHECK(engine::verdict(strict.client.connection)->reasons().size() == 1);
        c.settings.verify_flags = c.settings.verify_flags | tlsxx::verify_flags::x509_partial_chain;
        loop partial{c, server_options()};
        partial.handshake();
        CHECK(partial.both_done());
    }
    SECTION("the leaf alone is trusted") {
        c.anchors = "good.pem";
        loop strict{c, server_options()};
        strict.handshake();
        CHECK(strict.client.state == want::failed);
        c.settings.verify_flags = c.settings.verify_flags | tlsxx::verify_flags::x509_partial_chain;
        loop partial{c, server_options()};
        partial.handshake();
        CHECK(partial.both_done());
    }
    SECTION("nothing is trusted") {
        c.anchors = "";
        loop l{c, server_options()};
        l.handshake();
        CHECK(static_cast<int>(l.client.code()) ==
              static_cast<int>(verify_code::unable_to_get_issuer_cert_locally));
        CHECK(engine::verdict(l.client.connection)->reasons().size() == 1);
    }
    SECTION("no intermediate is allowed") {
        c.settings.verify_depth = 0;
        loop l{c, server_options()};
        l.handshake();
        CHECK(l.client.code() == verify_code::cert_chain_too_long);
        loop direct{c, server_options("root-issued")};
        direct.handshake();
        CHECK(direct.both_done());
    }
}

TEST_CASE("openssl: clients' certificates") {
    for (const auto version : both_versions) {
        for (const auto mode : {verify_mode::optional, verify_mode::required}) {
            CAPTURE(to_string(version), static_cast<int>(mode));
            auto c = client_options();
            auto s = server_options();
            s.settings.verify_mode = mode;
            s.anchors = "root.pem";
            only(c.settings, version);

            loop none{c, s};
            none.handshake();
            if (mode == verify_mode::optional) {
                CHECK(none.both_done());
            } else {
                CHECK(none.server.failure().code() == errc::certificate_required);
                CHECK(none.server.failure().reason() == "PEER_DID_NOT_RETURN_A_CERTIFICATE");
            }

            c.identity = "client";
            loop good{c, s};
            good.handshake();
            CHECK(good.both_done());
            const auto chain = engine::peer_chain(good.server.connection);
            REQUIRE(chain.size() == 2);
            CHECK(std::ranges::equal(chain[0].der(), certificates("client.pem")[0]));

            const std::pair<const char*, verify_code> bad[] = {
                {"client-expired", verify_code::cert_has_expired},
                {"client-wrong-purpose", verify_code::invalid_purpose},
                {"client-untrusted", verify_code::self_signed_cert_in_chain},
            };
            for (const auto& [identity, code] : bad) {
                CAPTURE(identity);
                c.identity = identity;
                loop l{c, s};
                l.handshake();
                REQUIRE(l.server.state == want::failed);
                CHECK(l.server.failure().code() == errc::verification_failed);
                CHECK(static_cast<int>(l.server.code()) == static_cast<int>(code));
                std::string got;
                if (l.client.state == want::nothing)
                    CHECK(l.client.read(got).next == want::failed);
                CHECK(l.client.failure().code() == errc::alert_received);
            }
        }
    }
}

TEST_CASE("openssl: bytes that are no certificate") {
    const auto number = [](std::size_t n, int size) {
        std::string text;
        while (size-- > 0)
            text += static_cast<char>(n >> (8 * size) & 0xFF);
        return text;
    };
    const auto message = [&](char type, const std::string& body) {
        return type + number(body.size(), 3) + body;
    };
    const std::string junk = "no certificate at all";
    const std::string hello = "\x03\x03" + std::string(32, 'r') + number(0, 1) + "\xC0\x2F" +
                              number(0, 1) + number(5, 2) + "\xFF\x01" + number(1, 2) +
                              number(0, 1);
    const std::string list = number(junk.size(), 3) + junk;
    const std::string flight = message(2, hello) + message(11, number(list.size(), 3) + list);
    auto c = client_options();
    only(c.settings, tlsxx::tls_version::tls_1_2);
    loop l{c, server_options()};
    l.client.handshake();
    l.to_client.bytes = "\x16\x03\x03" + number(flight.size(), 2) + flight;
    l.client.handshake();
    REQUIRE(l.client.state == want::failed);
    CHECK(l.client.failure().code() == errc::verification_failed);
    CHECK(l.client.failure().alert_sent() == alert_description::bad_certificate);
    CHECK(l.client.code() == verify_code::unspecified);
    REQUIRE(engine::verdict(l.client.connection)->reasons().size() == 1);
    CHECK_FALSE(engine::verdict(l.client.connection)->reasons()[0].engine_message.empty());
}
