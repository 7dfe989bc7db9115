// SPDX-License-Identifier: BSL-1.0
// Identities, anchors and settings of the OpenSSL backend: forms, failures, and that a failure
// changes nothing.

#include "loop.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace test;
using tlsxx::errc;
using tlsxx::error_info;

namespace {

engine::configuration server_configuration() {
    error_info error;
    auto made = engine::configure(server_options().settings, error);
    require(static_cast<bool>(made), error);
    return made;
}

} // namespace

TEST_CASE("openssl: keys in every form") {
    const struct {
        const char* certificate;
        const char* key;
        bool pem;
        bool encrypted;
    } forms[] = {
        {"good.pem", "good.key", true, false},
        {"good.pem", "good.pkcs8.der", false, false},
        {"good.pem", "good.sec1.pem", true, false},
        {"good.pem", "good.sec1.der", false, false},
        {"good.pem", "good.pkcs8.enc.pem", true, true},
        {"good.pem", "good.pkcs8.enc.der", false, true},
        {"good.pem", "good.sec1.enc.pem", true, true},
        {"rsa.pem", "rsa.pkcs8.der", false, false},
        {"rsa.pem", "rsa.pkcs1.pem", true, false},
        {"rsa.pem", "rsa.pkcs1.der", false, false},
        {"rsa.pem", "rsa.pkcs8.enc.pem", true, true},
        {"rsa.pem", "rsa.pkcs1.enc.pem", true, true},
    };
    for (const auto& f : forms) {
        CAPTURE(f.key);
        auto c = server_configuration();
        error_info error;
        const auto text = pki_text(f.key);
        CHECK(add_identity(c, f.certificate, text, f.pem, f.encrypted ? pki_password : "", error));
        CHECK(error.what() == "no error");
        CHECK(engine::has_identity(c));

        auto wrong = server_configuration();
        if (f.encrypted) {
            CHECK_FALSE(add_identity(wrong, f.certificate, text, f.pem, "guess", error));
            CHECK(error.code() == errc::bad_password);
            CHECK_FALSE(error.reason().empty());
        }
        error = {};
        const auto cut = text.substr(0, text.size() / 2);
        CHECK_FALSE(add_identity(wrong, f.certificate, cut, f.pem, pki_password, error));
        CHECK(error.code() == errc::bad_private_key);
        CHECK_FALSE(engine::has_identity(wrong));
        CHECK(::ERR_peek_error() == 0);
    }
}

TEST_CASE("openssl: no wrong password is taken for anything else") {
    // Now and then what a wrong password opens ends like good padding.
    for (const char* const name : {"good.pkcs8.enc.der", "good.sec1.enc.pem"}) {
        const auto text = pki_text(name);
        const bool pem = std::string_view{name}.ends_with(".pem");
        const int tries = pem ? 600 : 60; // the DER one is derived slowly
        for (int i = 0; i != tries; ++i) {
            const std::string password = "guess" + std::to_string(i);
            auto c = engine::configuration{};
            error_info error;
            CHECK_FALSE(add_identity(c, "good.pem", text, pem, password, error));
            CHECK(error.code() == errc::bad_password);
        }
    }
}

TEST_CASE("openssl: identities that are refused change nothing") {
    auto c = server_configuration();
    error_info error;
    REQUIRE(add_identity(c, "good", error));

    CHECK_FALSE(add_identity(c, "good-chain.pem", pki_text("rsa.key"), true, {}, error));
    CHECK(error.code() == errc::key_mismatch);
    error = {};
    CHECK_FALSE(add_identity(c, "good-chain.pem", pki_text("client.key"), true, {}, error));
    CHECK(error.code() == errc::key_mismatch);
    error = {};
    CHECK_FALSE(add_identity(c, "weak-rsa", error));
    CHECK(error.code() == errc::key_too_weak);
    CHECK(error.library() == "SSL");
    CHECK(error.reason() == "EE_KEY_TOO_SMALL");
    error = {};
    const std::string garbage = pki_text("garbage.der");
    const std::vector<tlsxx::byte_view> chain{std::as_bytes(std::span{garbage})};
    const std::string key = pki_text("good.key");
    CHECK_FALSE(engine::add_identity(c, chain, {std::as_bytes(std::span{key}), true, {}}, error));
    CHECK(error.code() == errc::bad_certificate);
    error = {};
    auto longer = certificates("good.pem")[0];
    longer.push_back(std::byte{0});
    CHECK_FALSE(engine::add_identity(c, {tlsxx::byte_view{longer}},
                                     {std::as_bytes(std::span{key}), true, {}}, error));
    CHECK(error.code() == errc::bad_certificate);
    CHECK(c.identities.size() == 1);
    CHECK(::ERR_peek_error() == 0);
}

TEST_CASE("openssl: one identity for each type of key") {
    auto c = server_configuration();
    error_info error;
    REQUIRE(add_identity(c, "good", error));
    REQUIRE(add_identity(c, "rsa", error));
    CHECK(c.identities.size() == 2);
    REQUIRE(add_identity(c, "other-host", error));
    CHECK(c.identities.size() == 2);
}

TEST_CASE("openssl: anchors are loaded all or nothing, and once") {
    auto c = server_configuration();
    error_info error;
    REQUIRE(trust_file(c, "two-roots.pem", error));
    CHECK(engine::anchor_count(c) == 2);
    REQUIRE(trust_file(c, "root.pem", error));
    CHECK(engine::anchor_count(c) == 2);

    engine::anchor_batch batch;
    const auto der = certificates("intermediate.pem")[0];
    REQUIRE(engine::add_anchor(batch, der, error));
    REQUIRE(engine::add_anchor(batch, der, error));
    const std::string garbage = pki_text("garbage.der");
    CHECK_FALSE(engine::add_anchor(batch, std::as_bytes(std::span{garbage}), error));
    CHECK(error.code() == errc::bad_certificate);
    CHECK(error.library() == "ASN1");
    CHECK(engine::anchor_count(c) == 2);
    error = {};
    REQUIRE(engine::commit_anchors(c, batch, error));
    CHECK(engine::anchor_count(c) == 3);
}

TEST_CASE("openssl: shared configurations are independent") {
    auto c = server_configuration();
    error_info error;
    REQUIRE(add_identity(c, "good", error));
    REQUIRE(trust_file(c, "root.pem", error));
    auto settings = server_options().settings;
    only(settings, tlsxx::tls_version::tls_1_2);
    auto other = engine::share(c, settings, error);
    REQUIRE(other);
    CHECK(engine::has_identity(other));
    CHECK(engine::anchor_count(other) == 1);
    REQUIRE(trust_file(other, "other-root.pem", error));
    REQUIRE(add_identity(other, "rsa", error));
    CHECK(engine::anchor_count(other) == 2);
    CHECK(engine::anchor_count(c) == 1);
    CHECK(c.identities.size() == 1);
    CHECK(SSL_CTX_get_max_proto_version(const_cast<SSL_CTX*>(engine::native_handle(other))) ==
          TLS1_2_VERSION);
    CHECK(SSL_CTX_get_max_proto_version(const_cast<SSL_CTX*>(engine::native_handle(c))) == 0);
}

TEST_CASE("openssl: settings that can't be applied change nothing") {
    auto settings = server_options().settings;
    settings.security_level = 0;
    error_info error;
    auto c = engine::configure(settings, error);
    REQUIRE(c);
    REQUIRE(add_identity(c, "weak-rsa", error));
    const auto* const before = engine::native_handle(c);
    settings.security_level = 2;
    CHECK_FALSE(engine::apply(c, settings, error));
    CHECK(error.code() == errc::key_too_weak);
    CHECK(engine::native_handle(c) == before);

    error = {};
    settings.security_level = 9;
    CHECK_FALSE(engine::apply(c, settings, error));
    CHECK(error.code() == errc::invalid_argument);
    error = {};
    settings.security_level = 0;
    settings.verify_flags = tlsxx::verify_flags::crl_check_leaf;
    CHECK_FALSE(engine::apply(c, settings, error));
    CHECK(error.code() == errc::not_supported);
    error = {};
    settings.verify_flags = tlsxx::verify_flags::none;
    settings.maximum_version = tlsxx::tls_version::ssl_3;
    CHECK_FALSE(engine::has_version(tlsxx::tls_version::ssl_3));
    CHECK_FALSE(engine::apply(c, settings, error));
    CHECK(error.code() == errc::not_supported);
    CHECK(error.detail().find("SSLv3") != std::string_view::npos);
    CHECK(engine::native_handle(c) == before);
}

TEST_CASE("openssl: versions") {
    CHECK(engine::has_version(tlsxx::tls_version::tls_1_2));
    CHECK(engine::has_version(tlsxx::tls_version::tls_1_3));
    CHECK_FALSE(engine::has_version(tlsxx::tls_version::minimum_supported));
    CHECK_FALSE(engine::has_version(tlsxx::tls_version::maximum_supported));
    CHECK_FALSE(engine::has_version(static_cast<tlsxx::tls_version>(0x400)));
    error_info error;
    auto settings = client_options().settings;
    settings.minimum_version = tlsxx::tls_version::ssl_3;
    CHECK(engine::configure(settings, error));
    settings.minimum_version = tlsxx::tls_version::tls_1_3;
    settings.maximum_version = tlsxx::tls_version::tls_1_2;
    const auto empty = engine::configure(settings, error);
    CHECK(empty);
    CHECK_FALSE(engine::connect(empty, settings, {}, error));
    CHECK(error.code() == errc::invalid_version_range);
    error = {};
    settings = server_options().settings;
    const auto server = engine::configure(settings, error);
    CHECK_FALSE(engine::connect(server, settings, {.role = tlsxx::role::client, .sni = {}}, error));
    CHECK(error.code() == errc::wrong_role);
}
