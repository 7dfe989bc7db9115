// SPDX-License-Identifier: BSL-1.0
// What a hostile peer, a hostile path or a lack of memory must not bring about.

#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <support/pump.hpp>

using namespace test;

namespace {

std::string repeated(std::string_view unit, std::size_t size) {
    std::string text;
    while (text.size() < size)
        text += unit;
    return text;
}

// Plain records that an engine may pass over in a handshake.
constexpr std::string_view change_cipher_spec{"\x14\x03\x03\x00\x01\x01", 6};
constexpr std::string_view warning_alert{"\x15\x03\x03\x00\x02\x01\x5A", 7};
constexpr std::string_view hello_request{"\x16\x03\x03\x00\x04\x00\x00\x00\x00", 9};

} // namespace

ENGINE_CASE("hardening: a flood of records that say nothing ends the handshake", "") {
    for (const bool server : {false, true}) {
        for (const auto unit : {change_cipher_spec, warning_alert, hello_request}) {
            const auto context = server ? make_server(on, tlsxx::tls_version::tls_1_2)
                                        : make_client(on, tlsxx::tls_version::tls_1_2);
            std::error_code ec;
            if (!server)
                context->set_maximum_version(tlsxx::tls_version::tls_1_3, ec);
            tlsxx::memory_transport memory;
            memory.put_incoming(repeated(unit, 3 << 20));
            const auto stream = context->wrap(
                std::move(memory),
                {.server_hostname = server ? "" : "localhost", .handshake = tlsxx::deferred}, ec);
            REQUIRE_FALSE(ec);
            stream->handshake(ec);
            INFO(stream->last_error().what());
            // Not "more input, please", which would mean that it has read everything.
            CHECK(ec == errc::protocol_error);
            CHECK(stream->memory().incoming().size() > 1 << 20);
            CHECK_FALSE(stream->is_handshake_done());
        }
    }
}

PAIR_CASE("hardening: shutdown finds the close_notify behind any number of small records", "") {
    for (const int records : {255, 256, 257, 512}) {
        connection c{with};
        c.up();
        std::error_code ec;
        for (int i = 0; i != records; ++i)
            c.server->write_all("x", ec);
        c.server->close_notify(ec);
        REQUIRE_FALSE(ec);
        c.client->shutdown(ec);
        INFO(records << " records");
        CHECK_FALSE(ec);
    }
}

ENGINE_CASE("hardening: a handshake whose output is lost for want of memory does not wait", "") {
    connection_plan plan;
    plan.client_faults = {
        .at_write = 1, .what = fault::error, .code = make_error_code(errc::not_enough_memory)};
    connection c{pairing{on, on, tlsxx::tls_version::tls_1_3}, std::move(plan)};
    c.client->handshake(c.client_ec);
    CHECK(c.client_ec == errc::not_enough_memory);
    c.client->handshake(c.client_ec);
    CHECK(c.client_ec == errc::not_enough_memory);
}

ENGINE_CASE("hardening: a NUL in a path is not its end", "") {
    const auto context = make_client(on, tlsxx::tls_version::tls_1_3, "");
    const auto with_nul = [](std::string path) { return path + '\0' + "x"; };
    const std::string cafile = with_nul(pki("root.pem"));
    const std::string capath = with_nul(pki("hashed"));
    const std::string certfile = with_nul(pki("good.combined.pem"));
    std::error_code ec;
    context->load_verify_locations({.cafile = cafile}, ec);
    CHECK(ec == errc::invalid_argument);
    context->load_verify_locations({.capath = capath}, ec);
    CHECK(ec == errc::invalid_argument);
    context->load_cert_chain({.certfile = certfile}, ec);
    CHECK(ec == errc::invalid_argument);
    CHECK(context->trust_anchor_count() == 0);
}

PAIR_CASE("hardening: a server name with a NUL in it is refused", "") {
    connection_plan plan;
    plan.host = "good.localhost";
    connection c{with, std::move(plan)};
    c.client->handshake(c.client_ec);
    auto& hello = c.server->pipe().incoming();
    const std::string text{text_of(std::vector<std::byte>(hello.begin(), hello.end()))};
    const std::size_t at = text.find("good.localhost");
    REQUIRE(at != std::string::npos);
    hello[at + 4] = std::byte{0};
    c.server->handshake(c.server_ec);
    INFO(c.server->last_error().what());
    CHECK(c.server_ec == errc::protocol_error);
    CHECK(c.server->server_name().find('\0') == std::string::npos);
}
