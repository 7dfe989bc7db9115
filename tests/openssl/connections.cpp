// SPDX-License-Identifier: BSL-1.0
// Connections of the OpenSSL backend: handshakes, data, ends, and what is reported of them.

#include "loop.hpp"

#include <array>
#include <memory>

#include <catch2/catch_test_macros.hpp>

using namespace test;
using tlsxx::errc;
using tlsxx::tls_version;
using tlsxx::verify_code;
using tlsxx::want;

TEST_CASE("openssl: handshake, data and close") {
    for (const auto version : both_versions) {
        for (const char* const identity : {"good", "rsa"}) {
            for (const bool unwrappable : {false, true}) {
                for (const std::size_t chunk : {std::size_t{1}, std::size_t{100000}}) {
                    CAPTURE(to_string(version), identity, unwrappable, chunk);
                    auto c = client_options();
                    auto s = server_options(identity);
                    c.unwrappable = s.unwrappable = unwrappable;
                    only(c.settings, version);
                    loop l{c, s};
                    l.to_client.chunk = l.to_server.chunk = chunk;
                    l.handshake();
                    REQUIRE(l.both_done());
                    CHECK(engine::version(l.client.connection) == version);
                    CHECK(engine::version(l.server.connection) == version);
                    CHECK(engine::cipher(l.client.connection).id ==
                          engine::cipher(l.server.connection).id);
                    CHECK(engine::cipher(l.client.connection).protocol == to_string(version));
                    CHECK(engine::server_name(l.server.connection) == "localhost");
                    CHECK(engine::server_name(l.client.connection) == "localhost");
                    const auto chain = engine::peer_chain(l.client.connection);
                    REQUIRE(chain.size() == 2);
                    const auto sent = certificates(std::string{identity} + "-chain.pem");
                    CHECK(std::ranges::equal(chain[0].der(), sent[0]));
                    CHECK(std::ranges::equal(chain[1].der(), sent[1]));
                    CHECK(engine::peer_chain(l.server.connection).empty());
                    CHECK(engine::verdict(l.client.connection) == nullptr);

                    std::string got;
                    CHECK(l.client.read(got).next == want::read); // tickets, if any, are silent
                    CHECK(l.client.write("ping").bytes == 4);
                    CHECK(l.server.read(got).next == want::nothing);
                    CHECK(got == "ping");
                    const std::string large(50000, 'x');
                    std::size_t written = 0;
                    while (written != large.size())
                        written += l.server.write(std::string_view{large}.substr(written)).bytes;
                    std::string all;
                    while (all.size() != large.size()) {
                        REQUIRE(l.client.read(got).next == want::nothing);
                        all += got;
                    }
                    CHECK(all == large);
                    CHECK(engine::pending(l.client.connection) == 0);

                    // half close: the other direction stays open
                    CHECK(l.client.close_notify().next == want::nothing);
                    CHECK(l.client.close_notify().next == want::nothing);
                    CHECK(l.server.read(got).next == want::closed);
                    CHECK(l.server.read(got).next == want::closed);
                    CHECK(l.server.write("late").bytes == 4);
                    CHECK(l.client.read(got).next == want::nothing);
                    CHECK(got == "late");
                    CHECK(l.server.close_notify().next == want::nothing);
                    CHECK(l.client.read(got).next == want::closed);
                }
            }
        }
    }
}

TEST_CASE("openssl: pending counts what a short read has left") {
    loop l{client_options(), server_options()};
    l.handshake();
    REQUIRE(l.both_done());
    REQUIRE(l.server.write("0123456789").bytes == 10);
    std::string got;
    REQUIRE(l.client.read(got, 4).bytes == 4);
    CHECK(engine::pending(l.client.connection) == 6);
    CHECK(engine::has_pending(l.client.connection));
    REQUIRE(l.client.read(got, 6).bytes == 6);
    CHECK(engine::pending(l.client.connection) == 0);
}

TEST_CASE("openssl: the end of the byte stream is not a close, and no alert answers it") {
    for (const auto version : both_versions) {
        CAPTURE(to_string(version));
        auto c = client_options();
        only(c.settings, version);
        loop l{c, server_options()};
        SECTION("in the handshake" + std::string{to_string(version)}) {
            l.client.handshake();
            l.to_client.ended = true;
            const std::size_t sent = l.to_server.bytes.size();
            l.client.handshake();
            CHECK(l.client.state == want::ended);
            CHECK(l.to_server.bytes.size() == sent);
        }
        SECTION("after it" + std::string{to_string(version)}) {
            l.handshake();
            REQUIRE(l.both_done());
            std::string got;
            l.client.read(got);
            l.to_client.ended = true;
            CHECK(l.client.read(got).next == want::ended);
            CHECK(l.to_server.bytes.empty());
            CHECK(::ERR_peek_error() == 0);
        }
    }
}

TEST_CASE("openssl: bytes behind close_notify stay in the stream's spill") {
    auto c = client_options();
    c.unwrappable = true;
    loop l{c, server_options()};
    l.handshake();
    REQUIRE(l.both_done());
    REQUIRE(l.server.close_notify().next == want::nothing);
    l.to_client.bytes += "plain text";
    std::string got;
    REQUIRE(l.client.read(got).next == want::closed);
    const auto rest = l.client.wire.input.bytes();
    const std::string held{reinterpret_cast<const char*>(rest.data()), rest.size()};
    CHECK(held + l.to_client.bytes == "plain text");
}

TEST_CASE("openssl: a handshake can be moved while it is under way") {
    loop l{client_options(), server_options()};
    l.client.handshake();
    engine::connection moved = std::move(l.client.connection);
    l.client.connection = std::move(moved);
    l.handshake();
    CHECK(l.both_done());
}

TEST_CASE("openssl: what a peer that breaks the protocol makes") {
    SECTION("plain HTTP to a server") {
        loop l{client_options(), server_options()};
        l.to_server.bytes = "GET / HTTP/1.0\r\n\r\n";
        l.server.handshake();
        REQUIRE(l.server.state == want::failed);
        const auto error = l.server.failure();
        CHECK(error.code() == errc::protocol_error);
        CHECK(error.library() == "SSL");
        CHECK(error.reason() == "HTTP_REQUEST");
        CHECK(error.native_code() != 0);
    }
    SECTION("plain HTTP to a client") {
        loop l{client_options(), server_options()};
        l.client.handshake();
        l.to_client.bytes = "HTTP/1.0 400 Bad Request\r\n\r\n";
        l.client.handshake();
        REQUIRE(l.client.state == want::failed);
        const auto error = l.client.failure();
        CHECK(error.code() == errc::protocol_error);
        CHECK(error.reason() == "WRONG_VERSION_NUMBER");
    }
    SECTION("a record that does not decrypt") {
        for (const auto version : both_versions) {
            CAPTURE(to_string(version));
            auto c = client_options();
            only(c.settings, version);
            loop l{c, server_options()};
            l.handshake();
            REQUIRE(l.both_done());
            std::string got;
            l.client.read(got);
            l.server.write("hello");
            l.to_client.bytes.back() = static_cast<char>(l.to_client.bytes.back() ^ 1);
            REQUIRE(l.client.read(got).next == want::failed);
            auto error = l.client.failure();
            CHECK(error.code() == errc::protocol_error);
            CHECK(error.reason() == "DECRYPTION_FAILED_OR_BAD_RECORD_MAC");
            CHECK(error.alert_sent() == tlsxx::alert_description::bad_record_mac);
            CHECK(::ERR_peek_error() == 0);
            REQUIRE(l.server.read(got).next == want::failed);
            error = l.server.failure();
            CHECK(error.code() == errc::alert_received);
            CHECK(error.alert_received() == tlsxx::alert_description::bad_record_mac);
            CHECK(error.reason() == "SSLV3_ALERT_BAD_RECORD_MAC");
            CHECK(engine::received_alert(l.server.connection) ==
                  tlsxx::alert_description::bad_record_mac);
            CHECK(::ERR_peek_error() == 0);
        }
    }
    SECTION("no version in common") {
        auto c = client_options();
        auto s = server_options();
        only(c.settings, tls_version::tls_1_2);
        only(s.settings, tls_version::tls_1_3);
        loop l{c, s};
        l.handshake();
        REQUIRE(l.server.state == want::failed);
        CHECK(l.server.failure().code() == errc::handshake_failure);
        CHECK(l.server.failure().reason() == "UNSUPPORTED_PROTOCOL");
        REQUIRE(l.client.state == want::failed);
        CHECK(l.client.failure().code() == errc::alert_received);
        CHECK(l.client.failure().alert_received() == tlsxx::alert_description::protocol_version);
    }
}

TEST_CASE("openssl: KeyUpdate and renegotiation asked by the peer") {
    loop l{client_options(), server_options()};
    l.handshake();
    REQUIRE(l.both_done());
    std::string got;
    REQUIRE(::SSL_key_update(engine::native_handle(l.server.connection),
                             SSL_KEY_UPDATE_REQUESTED) == 1);
    REQUIRE(l.server.write("a").bytes == 1);
    REQUIRE(l.client.read(got).next == want::nothing);
    CHECK(got == "a");
    REQUIRE(l.client.write("b").bytes == 1);
    REQUIRE(l.server.read(got).next == want::nothing);
    CHECK(got == "b");
}

TEST_CASE("openssl: finite-field Diffie-Hellman, without parameters being loaded") {
    auto c = client_options();
    only(c.settings, tls_version::tls_1_2);
    loop l{c, server_options("rsa")};
    REQUIRE(::SSL_set_cipher_list(engine::native_handle(l.client.connection),
                                  "DHE-RSA-AES256-GCM-SHA384") == 1);
    l.handshake();
    REQUIRE(l.both_done());
    CHECK(engine::cipher(l.server.connection).name == "DHE-RSA-AES256-GCM-SHA384");
}

TEST_CASE("openssl: a session made without a certificate is not resumed where one is required") {
    for (const auto version : both_versions) {
        CAPTURE(to_string(version));
        auto c = client_options();
        auto s = server_options();
        only(c.settings, version);
        s.anchors = "root.pem";
        loop first{c, s};
        first.handshake();
        REQUIRE(first.both_done());
        std::string got;
        first.client.read(got);
        SSL_SESSION* const session =
            ::SSL_get1_session(engine::native_handle(first.client.connection));
        // the same configuration, once with the same rules and once with stricter ones
        for (const bool stricter : {false, true}) {
            CAPTURE(stricter);
            loop second{c, s};
            tlsxx::error_info error;
            auto rules = s.settings;
            rules.verify_mode = stricter ? tlsxx::verify_mode::required : tlsxx::verify_mode::none;
            second.server.connection = engine::connect(
                first.server.configuration, rules, {.role = tlsxx::role::server, .sni = {}}, error);
            REQUIRE(::SSL_set_session(engine::native_handle(second.client.connection), session) ==
                    1);
            second.handshake();
            CHECK(::SSL_session_reused(engine::native_handle(second.server.connection)) ==
                  (stricter ? 0 : 1));
            if (stricter)
                CHECK(second.server.failure().code() == errc::certificate_required);
            else
                CHECK(second.both_done());
        }
        ::SSL_SESSION_free(session);
    }
}

TEST_CASE("openssl: an engine's defaults are the library's own") {
    loop l{client_options(), server_options()};
    ::SSL* const ssl = engine::native_handle(l.client.connection);
    std::vector<std::uint16_t> offered;
    const auto* const list = SSL_get_ciphers(ssl);
    for (int i = 0; i != sk_SSL_CIPHER_num(list); ++i)
        offered.push_back(SSL_CIPHER_get_protocol_id(sk_SSL_CIPHER_value(list, i)));
    std::vector<std::uint16_t> wanted{tlsxx::defaults::suites_tls_1_3.begin(),
                                      tlsxx::defaults::suites_tls_1_3.end()};
    wanted.insert(wanted.end(), tlsxx::defaults::suites_tls_1_2.begin(),
                  tlsxx::defaults::suites_tls_1_2.end());
    CHECK(offered == wanted);
    CHECK(SSL_get_security_level(ssl) == 2);
    CHECK((SSL_get_options(ssl) & SSL_OP_NO_RENEGOTIATION) != 0);
    CHECK((SSL_get_options(ssl) & SSL_OP_IGNORE_UNEXPECTED_EOF) == 0);
    CHECK((SSL_get_options(ssl) & SSL_OP_LEGACY_SERVER_CONNECT) == 0);
    CHECK(SSL_get_min_proto_version(ssl) == TLS1_2_VERSION);
    CHECK(SSL_get_max_proto_version(ssl) == 0);
    CHECK((SSL_get_mode(ssl) & SSL_MODE_RELEASE_BUFFERS) == 0);
    CHECK(SSL_get_num_tickets(ssl) == 2);
}

namespace {

// The two-byte numbers in an extension of a client's hello, behind their length.
struct hello_list {
    unsigned int extension;
    std::vector<std::uint16_t> ids;
};
using hello_lists = std::array<hello_list, 2>;

int look_at_hello(::SSL* ssl, int*, void* to) {
    for (hello_list& list : *static_cast<hello_lists*>(to)) {
        const unsigned char* data = nullptr;
        std::size_t size = 0;
        if (::SSL_client_hello_get0_ext(ssl, list.extension, &data, &size) != 1)
            continue;
        for (std::size_t i = 2; i + 1 < size; i += 2)
            list.ids.push_back(static_cast<std::uint16_t>(data[i] << 8U | data[i + 1]));
    }
    return SSL_CLIENT_HELLO_ERROR;
}

} // namespace

TEST_CASE("openssl: what drops out of the default lists, by OpenSSL's version") {
    loop l{client_options(), server_options()};
    l.client.handshake();
    hello_lists sent{{{TLSEXT_TYPE_supported_groups, {}}, {TLSEXT_TYPE_signature_algorithms, {}}}};
    const std::unique_ptr<::SSL_CTX, decltype(&::SSL_CTX_free)> context{
        ::SSL_CTX_new(::TLS_server_method()), ::SSL_CTX_free};
    ::SSL_CTX_set_client_hello_cb(context.get(), look_at_hello, &sent);
    const std::unique_ptr<::SSL, decltype(&::SSL_free)> server{::SSL_new(context.get()),
                                                               ::SSL_free};
    ::BIO* const hello = ::BIO_new(::BIO_s_mem());
    ::SSL_set_bio(server.get(), hello, hello);
    REQUIRE(::BIO_write(hello, l.to_server.bytes.data(),
                        static_cast<int>(l.to_server.bytes.size())) > 0);
    CHECK(::SSL_accept(server.get()) == -1);
    ::ERR_clear_error();

    const auto expected = [](const auto& defaults) {
        std::vector<std::uint16_t> ids{defaults.begin(), defaults.end()};
        if (::OpenSSL_version_num() < 0x30200000)
            std::erase_if(ids, [](auto id) { return id >= 0x081A && id <= 0x081C; });
        if (::OpenSSL_version_num() < 0x30500000)
            std::erase_if(ids, [](auto id) { return id == 0x11EC || id >> 8U == 0x09; });
        return ids;
    };
    CHECK(sent[0].ids == expected(tlsxx::defaults::groups));
    CHECK(sent[1].ids == expected(tlsxx::defaults::signature_algorithms));
    l.handshake();
    CHECK(l.both_done()); // without a second hello, in the first group that both have
    CHECK((SSL_get_negotiated_group(engine::native_handle(l.client.connection)) & 0xFFFF) ==
          (::OpenSSL_version_num() < 0x30500000 ? NID_X25519 : 0x11EC));
}

TEST_CASE("openssl: a message after the handshake that arrives in parts") {
    auto c = client_options();
    auto s = server_options();
    c.identity = "client";
    s.anchors = "root.pem";
    s.settings.verify_mode = tlsxx::verify_mode::required;
    loop l{c, s};
    // A ticket holds the client's certificate, so it takes two records of this size.
    REQUIRE(::SSL_set_max_send_fragment(engine::native_handle(l.server.connection), 512) == 1);
    l.handshake();
    REQUIRE(l.both_done());
    std::string got;
    const std::string tickets = std::exchange(l.to_client.bytes, {});
    REQUIRE(tickets.size() > 1024);
    l.to_client.bytes = tickets.substr(0, 600);
    CHECK(l.client.read(got).next == want::read);
    SECTION("a write then needs the rest") {
        CHECK(l.client.write("x").next == want::read);
        CHECK(l.client.write("x").next == want::read);
        l.to_client.bytes = tickets.substr(600);
        const auto step = l.client.write("x");
        CHECK(step.next == want::nothing);
        CHECK(step.bytes == 1);
        REQUIRE(l.server.read(got).next == want::nothing);
        CHECK(got == "x");
    }
    SECTION("and so does close_notify") {
        CHECK(l.client.close_notify().next == want::read);
        l.to_client.bytes = tickets.substr(600);
        CHECK(l.client.close_notify().next == want::nothing);
        CHECK(l.server.read(got).next == want::closed);
    }
    SECTION("and the end is found by either") {
        l.to_client.ended = true;
        CHECK(l.client.write("x").next == want::ended);
        CHECK(l.client.close_notify().next == want::ended);
    }
}
