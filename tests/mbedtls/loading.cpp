// SPDX-License-Identifier: BSL-1.0
// Keys, certificates and trust anchors: what loads, why the rest does not, and that a failed load
// changes nothing.

#include "loop.hpp"

#include <catch2/catch_test_macros.hpp>

#include <tlsxx/pem.hpp>

#include <string>
#include <vector>

using namespace test;
using tlsxx::error_info;
using engine = tlsxx::mbedtls::backend;

namespace {

std::error_code load_key(context& c, std::string_view certificate, std::string_view key,
                         tlsxx::password password = {}) {
    const std::string certificate_path = pki(certificate);
    const std::string key_path = pki(key);
    std::error_code ec;
    c.load_cert_chain({.certfile = certificate_path, .keyfile = key_path, .password = password},
                      ec);
    return ec;
}

std::error_code load_key(std::string_view certificate, std::string_view key,
                         tlsxx::password password = {}) {
    context c{tlsxx::protocol::tls_server};
    return load_key(c, certificate, key, password);
}

// PKCS #8 of an Ed25519 key (RFC 8410 10.3).
constexpr std::string_view ed25519_key =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
    "-----END PRIVATE KEY-----\n";

// What stands before the ciphertext in a key encrypted with scrypt (RFC 7914 7.1).
constexpr unsigned char scrypt_key[] = {
    0x30, 0x64, 0x30, 0x4F, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x05, 0x0D,
    0x30, 0x42, 0x30, 0x21, 0x06, 0x09, 0x2B, 0x06, 0x01, 0x04, 0x01, 0xDA, 0x47, 0x04, 0x0B,
    0x30, 0x14, 0x04, 0x08, 1,    2,    3,    4,    5,    6,    7,    8,    0x02, 0x02, 0x40,
    0x00, 0x02, 0x01, 0x08, 0x02, 0x01, 0x01, 0x30, 0x1D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
    0x65, 0x03, 0x04, 0x01, 0x2A, 0x04, 0x10, 1,    2,    3,    4,    5,    6,    7,    8,
    9,    10,   11,   12,   13,   14,   15,   16,   0x04, 0x11, 1,    2,    3,    4,    5,
    6,    7,    8,    9,    10,   11,   12,   13,   14,   15,   16,   17};

engine::configuration server_configuration() {
    tlsxx::settings s;
    s.protocol = tlsxx::protocol::tls_server;
    error_info error;
    auto c = engine::configure(s, error);
    REQUIRE(c);
    return c;
}

} // namespace

TEST_CASE("mbedtls: keys load in each form") {
    for (const char* key : {"good.key", "good.pkcs8.der", "good.sec1.pem", "good.sec1.der"}) {
        INFO(key);
        CHECK_FALSE(load_key("good.pem", key));
    }
    for (const char* key : {"rsa.key", "rsa.pkcs8.der", "rsa.pkcs1.pem", "rsa.pkcs1.der"}) {
        INFO(key);
        CHECK_FALSE(load_key("rsa.pem", key));
    }
}

TEST_CASE("mbedtls: encrypted keys open with their password and no other") {
    struct {
        const char* certificate;
        const char* key;
    } const keys[] = {{"good.pem", "good.pkcs8.enc.pem"},
                      {"good.pem", "good.pkcs8.enc.der"},
                      {"good.pem", "good.sec1.enc.pem"},
                      {"rsa.pem", "rsa.pkcs8.enc.pem"},
                      {"rsa.pem", "rsa.pkcs1.enc.pem"}};
    for (const auto& [certificate, key] : keys) {
        INFO(key);
        CHECK_FALSE(load_key(certificate, key, pki_password));
        CHECK(load_key(certificate, key, "another") == errc::bad_password);
        CHECK(load_key(certificate, key, "") == errc::bad_password);
        CHECK(load_key(certificate, key) == errc::password_required);
    }
}

TEST_CASE("mbedtls: a key that belongs to another certificate") {
    CHECK(load_key("good.pem", "client.key") == errc::key_mismatch);
    CHECK(load_key("good.pem", "rsa.key") == errc::key_mismatch);
    CHECK(load_key("rsa.pem", "good.key") == errc::key_mismatch);
}

TEST_CASE("mbedtls: keys that the engine lacks are named") {
    const std::string certificate = pki("good.pem");
    context c{tlsxx::protocol::tls_server};
    std::error_code ec;

    c.load_cert_chain({.certfile = certificate, .keydata = ed25519_key}, ec);
    CHECK(ec == errc::not_supported);
    tlsxx::pem_scanner scanner{ed25519_key};
    const auto block = scanner.next();
    REQUIRE(block);
    const std::string der{reinterpret_cast<const char*>(block->data.data()), block->data.size()};
    c.load_cert_chain({.certfile = certificate, .keydata = der}, ec);
    CHECK(ec == errc::not_supported);
    CHECK(c.last_error().detail().find("Ed25519") != std::string_view::npos);

    const auto bytes = std::as_bytes(std::span{scrypt_key});
    const std::string scrypt_pem = tlsxx::to_pem("ENCRYPTED PRIVATE KEY", bytes);
    const std::string scrypt_der{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    for (const std::string_view key :
         {std::string_view{scrypt_pem}, std::string_view{scrypt_der}}) {
        c.load_cert_chain({.certfile = certificate, .keydata = key, .password = "password"}, ec);
        CHECK(ec == errc::not_supported);
        CHECK(c.last_error().detail().find("scrypt") != std::string_view::npos);
    }
}

TEST_CASE("mbedtls: a failed load leaves the identity as it was") {
    loop l{tls_version::tls_1_3};
    CHECK(load_key(l.server, "good.pem", "rsa.key") == errc::key_mismatch);
    CHECK(load_key(l.server, "good.pem", "good.pkcs8.enc.pem", "another") == errc::bad_password);
    l.handshake();
    CHECK_FALSE(l.client_error);
    REQUIRE(l.c->peer_certificate());
    CHECK(l.c->peer_certificate()->subject().find("CN=good") != std::string::npos);
}

TEST_CASE("mbedtls: a second key of the same kind takes the first one's place, another joins it") {
    loop l{tls_version::tls_1_2, "other-host"};
    load(l.server, "good");
    load(l.server, "rsa");
    l.handshake();
    CHECK_FALSE(l.client_error);
    CHECK(l.c->cipher().name == "ECDHE-ECDSA-AES256-GCM-SHA384");
    REQUIRE(l.c->peer_certificate());
    CHECK(l.c->peer_certificate()->subject().find("CN=good") != std::string::npos);
}

TEST_CASE("mbedtls: bytes behind a certificate are refused") {
    auto c = server_configuration();
    std::string text = pki_text("good.der");
    const std::string key = pki_text("good.key");
    const tlsxx::private_key_source source{std::as_bytes(std::span{key}), true, {}};
    error_info error;
    CHECK(engine::add_identity(c, {std::as_bytes(std::span{text})}, source, error));

    auto untouched = server_configuration();
    text += '\0';
    const auto longer = std::as_bytes(std::span{text});
    CHECK_FALSE(engine::add_identity(untouched, {longer}, source, error));
    CHECK(error.code() == errc::bad_certificate);
    CHECK_FALSE(engine::has_identity(untouched));

    engine::anchor_batch batch;
    CHECK_FALSE(engine::add_anchor(batch, longer, error));
    CHECK(error.code() == errc::bad_certificate);
}

TEST_CASE("mbedtls: a chain that the engine could not send is refused when it is loaded") {
    auto c = server_configuration();
    const std::string leaf = pki_text("good.der");
    const std::string key = pki_text("good.key");
    const std::vector<tlsxx::byte_view> chain(60, std::as_bytes(std::span{leaf}));
    error_info error;
    CHECK_FALSE(engine::add_identity(c, chain, {std::as_bytes(std::span{key}), true, {}}, error));
    CHECK(error.code() == errc::not_supported);
    CHECK_FALSE(engine::has_identity(c));
}

TEST_CASE("mbedtls: trust anchors") {
    context c{tlsxx::protocol::tls_client};
    trust(c, "two-roots.pem");
    CHECK(c.trust_anchor_count() == 2);
    trust(c, "root.pem"); // known already
    CHECK(c.trust_anchor_count() == 2);
    trust(c, "nc-intermediate.pem"); // with a critical extension that the engine does not know
    CHECK(c.trust_anchor_count() == 3);

    const std::string bad = pki("bundle-bad-block.pem");
    std::error_code ec;
    c.load_verify_locations({.cafile = bad}, ec);
    CHECK(ec == errc::bad_certificate);
    CHECK(c.trust_anchor_count() == 3);
}

TEST_CASE("mbedtls: a stream keeps the trust anchors that it was made with") {
    loop l{tls_version::tls_1_3, "good", "other-root.pem"};
    l.open();
    trust(l.client, "root.pem"); // reaches later streams only
    l.handshake();
    CHECK(l.client_error == errc::verification_failed);
    l.c.reset();
    l.s.reset();
    l.client_pipe = {};
    l.server_pipe = {};
    l.handshake();
    CHECK_FALSE(l.client_error);
    CHECK_FALSE(l.server_error);
}

TEST_CASE("mbedtls: what the engine can't do is refused by name") {
    tlsxx::settings s;
    auto c = server_configuration();
    error_info error;
    const auto refused = [&](const tlsxx::settings& wrong) {
        error = {};
        return !engine::apply(c, wrong, error) && error.code() == errc::not_supported &&
               !error.detail().empty() && static_cast<bool>(c);
    };
    auto wrong = s;
    wrong.maximum_version = tls_version::tls_1_1;
    CHECK(refused(wrong));
    wrong = s;
    wrong.verify_flags = tlsxx::verify_flags::none; // without x509_trusted_first
    CHECK(refused(wrong));
    wrong = s;
    wrong.verify_flags = s.verify_flags | tlsxx::verify_flags::allow_proxy_certs;
    CHECK(refused(wrong));
    wrong = s;
    wrong.minimum_version = tls_version::tls_1; // a bound only
    CHECK(engine::apply(c, wrong, error));
    CHECK(engine::has_version(tls_version::tls_1_2));
    CHECK(engine::has_version(tls_version::tls_1_3));
    CHECK_FALSE(engine::has_version(tls_version::tls_1_1));
}

TEST_CASE("mbedtls: a null connection and configuration have no native handle") {
    CHECK(engine::native_handle(engine::connection{}) == nullptr);
    CHECK(engine::native_handle(engine::configuration{}) == nullptr);
    CHECK(engine::native_handle(server_configuration()) != nullptr);
    CHECK(engine::engine_version().starts_with("3.6."));
}
