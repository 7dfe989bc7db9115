// SPDX-License-Identifier: BSL-1.0
// What the application has in OpenSSL's error queue stays there, in order, through everything that
// the backend does; nothing of the backend's stays.

#include "loop.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace test;
using tlsxx::want;

namespace {

// Entries as an application may have left them, one of libssl's own among them.
void fill() {
    ::ERR_clear_error();
    ::ERR_new();
    ::ERR_set_debug("app.c", 11, "first");
    ::ERR_set_error(ERR_LIB_SSL, SSL_R_BAD_LENGTH, "text %d", 1);
    ::ERR_new();
    ::ERR_set_debug("app.c", 12, "second");
    ::ERR_set_error(ERR_LIB_USER, 77, nullptr);
    ::ERR_new();
    ::ERR_set_debug("app.c", 13, "third");
    ::ERR_set_error(ERR_LIB_SYS, 2, nullptr);
}

void check_untouched() {
    const char* file = nullptr;
    const char* function = nullptr;
    const char* data = nullptr;
    int line = 0;
    int flags = 0;
    unsigned long code = ::ERR_get_error_all(&file, &line, &function, &data, &flags);
    CHECK(ERR_GET_LIB(code) == ERR_LIB_SSL);
    CHECK(ERR_GET_REASON(code) == SSL_R_BAD_LENGTH);
    CHECK(line == 11);
    REQUIRE(file);
    CHECK(std::string_view{file} == "app.c");
    REQUIRE(function);
    CHECK(std::string_view{function} == "first");
    REQUIRE(data);
    CHECK(std::string_view{data} == "text 1");
    code = ::ERR_get_error_all(&file, &line, &function, &data, &flags);
    CHECK(ERR_GET_LIB(code) == ERR_LIB_USER);
    CHECK(ERR_GET_REASON(code) == 77);
    CHECK(line == 12);
    code = ::ERR_get_error_all(&file, &line, &function, &data, &flags);
    CHECK(ERR_GET_LIB(code) == ERR_LIB_SYS);
    CHECK(ERR_GET_REASON(code) == 2);
    CHECK(line == 13);
    CHECK(::ERR_peek_error() == 0);
}

} // namespace

TEST_CASE("openssl: the error queue through handshake, data and ends") {
    for (const auto version : both_versions) {
        for (const bool unwrappable : {false, true}) {
            CAPTURE(to_string(version), unwrappable);
            auto c = client_options();
            only(c.settings, version);
            c.unwrappable = unwrappable;
            fill();
            loop l{c, server_options()};
            check_untouched();
            fill();
            l.handshake();
            REQUIRE(l.both_done());
            check_untouched();

            std::string got;
            fill();
            CHECK(l.client.read(got).next == want::read); // meets the tickets
            check_untouched();
            fill();
            REQUIRE(l.client.write("x").bytes == 1);
            REQUIRE(l.server.read(got).bytes == 1);
            check_untouched();
            if (version == tlsxx::tls_version::tls_1_3) {
                ::SSL_key_update(engine::native_handle(l.server.connection),
                                 SSL_KEY_UPDATE_REQUESTED);
                l.server.write("x");
                fill();
                REQUIRE(l.client.read(got).bytes == 1);
                check_untouched();
            }

            SECTION("a record that does not decrypt" + std::string{to_string(version)} +
                    (unwrappable ? " u" : "")) {
                l.server.write("hello");
                l.to_client.bytes.back() = static_cast<char>(l.to_client.bytes.back() ^ 1);
                fill();
                CHECK(l.client.read(got).next == want::failed);
                check_untouched();
                CHECK(l.client.failure().reason() == "DECRYPTION_FAILED_OR_BAD_RECORD_MAC");
                fill();
                CHECK(l.server.read(got).next == want::failed);
                check_untouched();
                CHECK(l.server.failure().reason() == "SSLV3_ALERT_BAD_RECORD_MAC");
            }
            SECTION("close_notify" + std::string{to_string(version)} + (unwrappable ? " u" : "")) {
                fill();
                CHECK(l.client.close_notify().next == want::nothing);
                CHECK(l.server.read(got).next == want::closed);
                check_untouched();
            }
            SECTION("end" + std::string{to_string(version)} + (unwrappable ? " u" : "")) {
                l.to_client.ended = true;
                fill();
                CHECK(l.client.read(got).next == want::ended);
                check_untouched();
            }
        }
    }
}

TEST_CASE("openssl: the error queue through a refused handshake and failed loads") {
    fill();
    loop l{client_options(), server_options("expired")};
    l.handshake();
    CHECK(l.client.state == want::failed);
    CHECK(l.client.failure().reason() == "CERTIFICATE_VERIFY_FAILED");
    check_untouched();

    fill();
    tlsxx::error_info error;
    auto c = engine::configure(server_options().settings, error);
    CHECK_FALSE(add_identity(c, "good.pem", pki_text("good.pkcs8.enc.pem"), true, "no", error));
    CHECK_FALSE(add_identity(c, "good.pem", pki_text("rsa.key"), true, {}, error));
    CHECK(trust_file(c, "two-roots.pem", error));
    engine::anchor_batch batch;
    CHECK_FALSE(engine::add_anchor(batch, {}, error));
    check_untouched();
}

TEST_CASE("openssl: what a failing data call has left is told from the application's entries") {
    using tlsxx::openssl::detail::record_layer_failure;
    struct left {
        std::vector<std::pair<int, int>> entries; // of the failure, oldest first
        int reason;
    };
    const int alert = SSL_AD_REASON_OFFSET + SSL_AD_BAD_RECORD_MAC;
    const int bad_mac = SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC;
    const std::pair failed_cipher{ERR_LIB_PROV, PROV_R_CIPHER_OPERATION_FAILED};
    const std::pair internal{ERR_LIB_SSL, ERR_R_INTERNAL_ERROR};
    const std::pair no_memory{ERR_LIB_CRYPTO, ERR_R_MALLOC_FAILURE};
    const std::pair record_layer{ERR_LIB_SSL, record_layer_failure};
    for (const left& each :
         {left{{{ERR_LIB_SSL, alert}}, alert}, left{{{ERR_LIB_SSL, bad_mac}}, bad_mac},
          left{{failed_cipher, {ERR_LIB_SSL, bad_mac}}, bad_mac},
          left{{failed_cipher, {ERR_LIB_SSL, bad_mac}, record_layer}, bad_mac},
          left{{internal}, ERR_R_INTERNAL_ERROR}, left{{no_memory, internal}, ERR_R_MALLOC_FAILURE},
          left{{no_memory, internal, no_memory, internal}, ERR_R_MALLOC_FAILURE},
          left{{internal, no_memory, no_memory}, ERR_R_MALLOC_FAILURE}}) {
        CAPTURE(each.reason, each.entries.size());
        ::ERR_clear_error();
        const std::pair<int, int> before[] = {{ERR_LIB_PROV, PROV_R_CIPHER_OPERATION_FAILED},
                                              {ERR_LIB_SSL, SSL_R_BAD_LENGTH},
                                              {ERR_LIB_SSL, alert}};
        for (const auto& [library, reason] : before)
            ERR_raise(library, reason);
        for (const auto& [library, reason] : each.entries)
            ERR_raise(library, reason);
        tlsxx::openssl::detail::set_aside_errors all;
        all.take();
        CHECK(ERR_GET_REASON(all.drop_newest_failure()) == each.reason);
        all.put_back();
        for (const auto& [library, reason] : before) {
            const unsigned long code = ::ERR_get_error();
            CHECK(ERR_GET_LIB(code) == library);
            CHECK(ERR_GET_REASON(code) == reason);
        }
        CHECK(::ERR_get_error() == 0);
    }
}

TEST_CASE("openssl: names of libraries and reasons are Python's") {
    using tlsxx::openssl::detail::reason_name;
    CHECK(reason_name(ERR_PACK(ERR_LIB_SSL, 0, SSL_R_CERTIFICATE_VERIFY_FAILED)).view() ==
          "CERTIFICATE_VERIFY_FAILED");
    CHECK(reason_name(ERR_PACK(ERR_LIB_SSL, 0, SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE)).view() ==
          "SSLV3_ALERT_HANDSHAKE_FAILURE");
    CHECK(reason_name(ERR_PACK(ERR_LIB_SSL, 0, SSL_R_TLSV1_ALERT_UNKNOWN_CA)).view() ==
          "TLSV1_ALERT_UNKNOWN_CA");
    CHECK(reason_name(ERR_PACK(ERR_LIB_USER, 0, 9)).view() == "REASON_9");
    CHECK(tlsxx::openssl::detail::library_name(ERR_LIB_X509) == "X509");
}
