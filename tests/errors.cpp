// SPDX-License-Identifier: BSL-1.0
// What an error says, on each engine: library and reason by the engine's own names, what() in one
// line, codes that compare, and both forms of every operation.

#include <set>

#include <catch2/matchers/catch_matchers_string.hpp>

#include <tlsxx/error.hpp>

#include <support/pump.hpp>

using namespace test;
using Catch::Matchers::ContainsSubstring;
using tlsxx::error_info;

namespace {

bool is_mnemonic(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == ' ';
    });
}

// A client's handshake with a peer that answers these bytes.
error_info answered_with(engine e, std::string_view bytes, bool then_ends = false) {
    pipe_pair pipes;
    std::error_code ec;
    auto client =
        make_client(e)->wrap(std::move(pipes.client),
                             {.server_hostname = "localhost", .handshake = tlsxx::deferred}, ec);
    client->handshake(ec);
    REQUIRE(ec == errc::want_read);
    pipes.server.write_some(bytes_of(bytes));
    if (then_ends)
        pipes.server.end_output();
    client->handshake(ec);
    CHECK(client->last_error().code() == ec);
    return client->last_error();
}

std::string alert_record(tlsxx::alert_description alert) {
    return {'\x15', '\x03', '\x03', '\0', '\2', '\2', static_cast<char>(alert)};
}

} // namespace

// ---- codes and conditions, without an engine
// -----------------------------------------------------

TEST_CASE("errors: every errc has words of its own, and compares as a condition") {
    std::set<std::string> messages;
    int count = 0;
    for (int value = 1; value != 100; ++value) {
        const auto e = static_cast<errc>(value);
        const std::string text{message(e)};
        if (text == "unknown error")
            continue;
        ++count;
        messages.insert(text);
        CHECK(text.back() != '.');
        const std::error_code code = make_error_code(e);
        CHECK(code == e);
        CHECK(code.message() == text);
        CHECK(code.category().name() == std::string_view{"tlsxx"});
        CHECK_FALSE(code == static_cast<errc>(value + 1));
    }
    CHECK(count >= 40);
    CHECK(static_cast<int>(messages.size()) == count);
}

TEST_CASE("errors: the codes that the standard has names for compare with those") {
    CHECK(make_error_code(errc::want_read) == std::errc::operation_would_block);
    CHECK(make_error_code(errc::want_write) == std::errc::operation_would_block);
    CHECK(make_error_code(errc::timed_out) == std::errc::timed_out);
    CHECK(make_error_code(errc::cancelled) == std::errc::operation_canceled);
    CHECK(make_error_code(errc::not_supported) == std::errc::not_supported);
    CHECK(make_error_code(errc::invalid_argument) == std::errc::invalid_argument);
    CHECK(make_error_code(errc::not_enough_memory) == std::errc::not_enough_memory);
    CHECK_FALSE(make_error_code(errc::want_read) == errc::want_write);
    CHECK_FALSE(make_error_code(errc::stream_truncated) == std::errc::connection_reset);
}

TEST_CASE("errors: categories compare by their name, as they must across shared objects") {
    // What a second copy of the library, in another shared object, would have.
    struct other_copy : std::error_category {
        const char* name() const noexcept override { return "tlsxx"; }
        std::string message(int) const override { return "the other copy's"; }
    } const other;
    const std::error_code theirs{static_cast<int>(errc::timed_out), other};
    CHECK(theirs == errc::timed_out);
    CHECK_FALSE(theirs == errc::cancelled);
    CHECK(make_error_code(errc::timed_out) ==
          std::error_condition{static_cast<int>(errc::timed_out), other});
}

TEST_CASE("errors: an error_info keeps all that it is told, in bounds") {
    error_info info{errc::bad_certificate, "the detail"};
    info.in("ca.pem").set_engine("X509", "INVALID_FORMAT", -0x2180);
    info.set_alert_sent(tlsxx::alert_description::unknown_ca);
    CHECK(info);
    CHECK(info.code() == errc::bad_certificate);
    CHECK(info.detail() == "ca.pem: the detail");
    CHECK(info.native_code() == -0x2180);
    CHECK(info.what() == "unusable certificate: ca.pem: the detail [X509: INVALID_FORMAT], alert "
                         "sent: unknown_ca");
    info << std::string(2000, 'x') << 42;
    CHECK(info.detail().size() <= 512);
    CHECK(info.detail().ends_with("..."));
    CHECK_FALSE(error_info{});
    CHECK(error_info{}.what() == "no error");
}

// ---- the engines' reasons
// ------------------------------------------------------------------------

ENGINE_CASE("errors: a failure in the engine has its library, its reason and its number", "") {
    const error_info junk = answered_with(on, "HTTP/1.1 400 Bad Request\r\n\r\n");
    CHECK(junk.code() == errc::protocol_error);
    CHECK(is_mnemonic(junk.library()));
    CHECK(is_mnemonic(junk.reason()));
    CHECK(junk.library() == "SSL");
    CHECK(junk.reason() == (on == engine::openssl ? "WRONG_VERSION_NUMBER" : "INVALID_RECORD"));
    CHECK(junk.native_code() != 0);
    CHECK_THAT(junk.what(), ContainsSubstring(std::string{junk.reason()}));
    CHECK_THAT(junk.what(), ContainsSubstring(std::string{message(errc::protocol_error)}));
    CHECK(junk.what().find('\n') == std::string::npos);
}

ENGINE_CASE("errors: an alert that was received is named", "[engines:alert-received]") {
    using enum tlsxx::alert_description;
    for (const auto alert : {handshake_failure, protocol_version, unrecognized_name, internal_error,
                             insufficient_security, unknown_ca}) {
        const error_info info = answered_with(on, alert_record(alert));
        CAPTURE(info.what());
        CHECK(info.code() == errc::alert_received);
        CHECK(info.alert_received() == alert);
        CHECK_FALSE(info.alert_sent());
        CHECK_THAT(info.what(), ContainsSubstring(std::string{to_string(alert)}));
        CHECK(is_mnemonic(info.reason()));
    }
}

ENGINE_CASE("errors: what the transport says is passed on, and no engine is blamed", "") {
    const error_info cut = answered_with(on, "", true);
    CHECK(cut.code() == errc::stream_truncated);
    CHECK(cut.library().empty());
    CHECK(cut.native_code() == 0);
    // A close_notify where the handshake should be is an end as well.
    const error_info closed =
        answered_with(on, std::string{"\x15\x03\x03\x00\x02\x01\x00", 7}, true);
    CHECK(closed.code() == errc::stream_truncated);
}

ENGINE_CASE("errors: a load that fails in the engine has its reason, behind file and place", "") {
    std::error_code ec;
    const auto context = make_server(on);
    context->load_cert_chain({.certfile = pki("good-chain.pem"),
                              .keyfile = pki("good.pkcs8.enc.pem"),
                              .password = "wrong"},
                             ec);
    const error_info& info = context->last_error();
    CHECK(info.code() == errc::bad_password);
    CHECK(is_mnemonic(info.library()));
    CHECK(is_mnemonic(info.reason()));
    CHECK(info.native_code() != 0);
    CHECK_THAT(info.what(), ContainsSubstring("good.pkcs8.enc.pem"));
    CHECK_THAT(info.what(), !ContainsSubstring("wrong\"")); // no password in any message
}

PAIR_CASE("errors: no common suite is a handshake_failure that both sides name", "") {
    connection c{with};
    std::error_code ec;
    c.client->handshake(ec);
    auto& hello = c.server->pipe().incoming();
    // The offered suites become unknown ones: after record (5), header (4), version (2), random
    // (32) and session id (1 + n).
    const auto at = [&](std::size_t i) { return std::to_integer<std::size_t>(hello[i]); };
    const std::size_t session = at(43);
    const std::size_t suites = 44 + session;
    const std::size_t size = at(suites) * 256 + at(suites + 1);
    REQUIRE(suites + 2 + size < hello.size());
    for (std::size_t i = 0; i != size; i += 2) {
        hello[suites + 2 + i] = std::byte{0xFE};
        hello[suites + 3 + i] = static_cast<std::byte>(i);
    }
    c.server->handshake(c.server_ec);
    CHECK(c.server_ec == errc::handshake_failure);
    CHECK(c.server->last_error().alert_sent() == tlsxx::alert_description::handshake_failure);
    c.client->handshake(ec);
    CHECK(ec == errc::alert_received);
    CHECK(c.client->last_error().alert_received() == tlsxx::alert_description::handshake_failure);
}
