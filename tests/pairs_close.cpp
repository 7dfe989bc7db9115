// SPDX-License-Identifier: BSL-1.0
// How connections end, on every ordered pair of engines, TLS 1.2 and 1.3.

#include <support/pump.hpp>

using namespace test;

namespace {

// What has reached `stream` and was not read: tickets and the like would come before it.
std::string rest_of(any_stream& stream, std::error_code& ec) {
    std::string text;
    stream.read_all(text, ec);
    return text;
}

} // namespace

PAIR_CASE("close: close_notify is a clean end, and stays one", "[engines:close-notify-latch]") {
    connection c{with};
    c.up();
    std::error_code ec;
    c.client->write_all("last words", ec);
    c.client->close_notify(ec);
    CHECK_FALSE(ec);
    CHECK(read_once(*c.server, ec) == "last words");
    for (int i = 0; i != 3; ++i) {
        CHECK(read_once(*c.server, ec).empty());
        CHECK_FALSE(ec);
    }
    c.client->pipe().end_output();
    CHECK(read_once(*c.server, ec).empty());
    CHECK_FALSE(ec);
}

PAIR_CASE("close: half close: the side that has closed goes on reading",
          "[engines:half-close-read]") {
    connection c{with};
    c.up();
    std::error_code ec;
    c.client->close_notify(ec);
    CHECK(rest_of(*c.server, ec).empty());
    CHECK_FALSE(ec);
    const std::string answer = pattern(50'000);
    CHECK((transfer(*c.server, *c.client, answer) == answer));
    c.server->close_notify(ec);
    CHECK_FALSE(ec);
    CHECK(read_once(*c.client, ec).empty());
    CHECK_FALSE(ec);
}

PAIR_CASE("close: half close: the side that was told goes on writing",
          "[engines:half-close-write]") {
    connection c{with};
    c.up();
    std::error_code ec;
    c.server->close_notify(ec);
    CHECK(rest_of(*c.client, ec).empty());
    CHECK_FALSE(ec);
    CHECK((transfer(*c.client, *c.server, "still open") == "still open"));
}

PAIR_CASE("close: nothing is sent behind one's own close_notify", "[engines:write-after-close]") {
    connection c{with};
    c.up();
    std::error_code ec;
    c.client->close_notify(ec);
    CHECK_FALSE(ec);
    const std::size_t sent = c.client->pipe().bytes_written();
    CHECK(c.client->write_some("x", ec) == 0);
    CHECK(ec == errc::stream_closed);
    CHECK(c.client->write_all("x", ec) == 0);
    CHECK(ec == errc::stream_closed);
    c.client->close_notify(ec);
    CHECK_FALSE(ec);
    CHECK(c.client->pipe().bytes_written() == sent);
}

PAIR_CASE("close: a transport that ends without close_notify is a truncation",
          "[engines:truncation]") {
    const bool after_data = with.client == with.server;
    connection c{with};
    c.up();
    std::error_code ec;
    if (after_data)
        CHECK((transfer(*c.client, *c.server, "data") == "data"));
    c.client->pipe().end_output();
    CHECK(read_once(*c.server, ec).empty());
    CHECK(ec == errc::stream_truncated);
    CHECK(read_once(*c.server, ec).empty());
    CHECK(ec == errc::stream_truncated);
    std::string text = "kept";
    c.server->read_all(text, ec);
    CHECK(ec == errc::stream_truncated);
    CHECK(text == "kept");
}

PAIR_CASE("close: a cut in the middle of a record is a truncation, and gives none of it",
          "[engines:truncation]") {
    connection c{with};
    c.up();
    std::error_code ec;
    c.client->write_all("a record that is cut", ec);
    auto& in_flight = c.server->pipe().incoming();
    in_flight.resize(in_flight.size() - 3);
    c.client->pipe().end_output();
    CHECK(read_once(*c.server, ec).empty());
    CHECK(ec == errc::stream_truncated);
}

PAIR_CASE("close: suppress_ragged_eofs reads a missing close_notify as an end", "") {
    connection c{with, {.server = {.suppress_ragged_eofs = true}}};
    c.up();
    std::error_code ec;
    c.client->write_all("data", ec);
    c.client->pipe().end_output();
    CHECK(rest_of(*c.server, ec) == "data");
    CHECK_FALSE(ec);
}

PAIR_CASE("close: a transport that ends in the handshake is a truncation",
          "[engines:eof-in-handshake]") {
    SECTION("before the first byte") {
        connection c{with};
        c.client->pipe().end_output();
        std::error_code ec;
        c.server->handshake(ec);
        CHECK(ec == errc::stream_truncated);
        c.server->handshake(ec);
        CHECK(ec == errc::stream_truncated);
    }
    SECTION("in the middle") {
        connection c{with};
        std::error_code ec;
        c.client->handshake(ec);
        CHECK(ec == errc::want_read);
        c.server->handshake(ec);
        CHECK(ec == errc::want_read);
        auto& in_flight = c.client->pipe().incoming();
        in_flight.resize(in_flight.size() / 2);
        c.server->pipe().end_output();
        c.client->handshake(ec);
        CHECK(ec == errc::stream_truncated);
    }
}

PAIR_CASE("close: shutdown closes both ways", "") {
    connection c{with};
    c.up();
    std::error_code client_ec, server_ec;
    CHECK(c.server->write_all("dropped", server_ec) == 7);
    CHECK(alternate(
        [&] {
            c.client->shutdown(client_ec);
            return !would_block(client_ec);
        },
        [&] {
            c.server->shutdown(server_ec);
            return !would_block(server_ec);
        }));
    CHECK_FALSE(client_ec);
    CHECK_FALSE(server_ec);
    CHECK(read_once(*c.client, client_ec).empty());
    CHECK_FALSE(client_ec);
    CHECK(c.client->write_all("x", client_ec) == 0);
    CHECK(client_ec == errc::stream_closed);
}

PAIR_CASE("close: shutdown towards a peer that just goes is a truncation", "") {
    connection c{with};
    c.up();
    std::error_code ec;
    c.server->pipe().end_output();
    c.client->shutdown(ec);
    CHECK(ec == errc::stream_truncated);
}

PAIR_CASE("close: close_notify that blocks is resumed and sent once",
          "[engines:close-notify-blocked]") {
    connection c{with};
    c.up();
    c.client->pipe().set_capacity(0);
    std::error_code ec;
    c.client->close_notify(ec);
    CHECK(ec == errc::want_write);
    c.client->close_notify(ec);
    CHECK(ec == errc::want_write);
    c.client->pipe().set_capacity(no_limit);
    c.client->close_notify(ec);
    CHECK_FALSE(ec);
    CHECK_FALSE(c.client->wants_write());
    const std::size_t sent = c.client->pipe().bytes_written();
    c.client->close_notify(ec);
    CHECK(c.client->pipe().bytes_written() == sent);
    CHECK(read_once(*c.server, ec).empty());
    CHECK_FALSE(ec);
}

PAIR_CASE("close: data that blocked comes before the close_notify, once",
          "[engines:blocked-write-then-close]") {
    connection c{with};
    c.up();
    // The pipe takes a part of the record and then nothing.
    c.client->pipe().set_capacity(10);
    std::error_code ec;
    CHECK(c.client->write_some("secret", ec) == 0);
    CHECK(ec == errc::want_write);
    c.client->close_notify(ec);
    CHECK(ec == errc::want_write);
    c.client->pipe().set_capacity(no_limit);
    c.client->close_notify(ec);
    CHECK_FALSE(ec);
    CHECK(read_once(*c.server, ec) == "secret");
    CHECK(read_once(*c.server, ec).empty());
    CHECK_FALSE(ec);
    CHECK(c.server->pipe().incoming().empty());
}

PAIR_CASE("close: the destructor sends nothing: the peer sees a truncation", "") {
    connection c{with};
    c.up();
    std::error_code ec;
    c.client->write_all("data", ec);
    c.client->pipe().set_capacity(0);
    CHECK(c.client->write_some("blocked", ec) == 0);
    pipe_end pipe = c.client->pipe(); // another hold on the same pipe
    const std::size_t before = c.server->pipe().incoming().size();
    pipe.set_capacity(no_limit);
    c.client.reset();
    CHECK(c.server->pipe().incoming().size() == before);
    pipe.end_output();
    CHECK(read_once(*c.server, ec) == "data");
    CHECK(read_once(*c.server, ec).empty());
    CHECK(ec == errc::stream_truncated);
}

PAIR_CASE("close: a stream dropped in mid-handshake is a truncation for the peer", "") {
    connection c{with};
    std::error_code ec;
    c.client->handshake(ec);
    c.server->handshake(ec);
    pipe_end pipe = c.client->pipe();
    c.client.reset();
    pipe.end_output();
    c.server->handshake(ec);
    CHECK(ec == errc::stream_truncated);
}

// ---- unwrap
// --------------------------------------------------------------------------------------

PAIR_CASE("unwrap: plain text in the same segment as the close_notify is given back whole",
          "[engines:unwrap]") {
    connection c{with, {.client = {.unwrappable = true}, .server = {.unwrappable = true}}};
    c.up();
    std::error_code ec;
    // TLS ends, and the server says something in the clear at once.
    c.server->write_all("encrypted", ec);
    c.server->close_notify(ec);
    CHECK_FALSE(ec);
    c.client->pipe().inject(bytes_of("220 plain again\r\n"));
    CHECK(read_once(*c.client, ec) == "encrypted");
    auto client = c.client->unwrap(ec);
    REQUIRE_FALSE(ec);
    REQUIRE(client);
    std::string text = client->bytes;
    char buffer[100];
    const auto n = client->pipe->read_some(std::as_writable_bytes(std::span{buffer}));
    text.append(buffer, n.n);
    CHECK(text == "220 plain again\r\n");

    auto server = c.server->unwrap(ec);
    REQUIRE_FALSE(ec);
    REQUIRE(server);
    CHECK(server->bytes.empty());
    server->pipe->write_some(bytes_of("more"));
    const auto more = client->pipe->read_some(std::as_writable_bytes(std::span{buffer}));
    CHECK(std::string_view(buffer, more.n) == "more");
}

PAIR_CASE("unwrap: data that comes before the close_notify is not lost", "[engines:unwrap]") {
    connection c{with, {.client = {.unwrappable = true}}};
    c.up();
    std::error_code ec;
    c.server->write_all("unread", ec);
    c.server->close_notify(ec);
    c.client->pipe().inject(bytes_of("plain"));
    CHECK_FALSE(c.client->unwrap(ec));
    CHECK(ec == errc::application_data_after_close);
    CHECK(rest_of(*c.client, ec) == "unread");
    CHECK_FALSE(ec);
    auto plain = c.client->unwrap(ec);
    REQUIRE(plain);
    std::string text = plain->bytes;
    char buffer[100];
    text.append(buffer, plain->pipe->read_some(std::as_writable_bytes(std::span{buffer})).n);
    CHECK(text == "plain");
}

PAIR_CASE("unwrap: a stream that was not made for it keeps its transport", "") {
    connection c{with};
    c.up();
    std::error_code ec;
    CHECK_FALSE(c.client->unwrap(ec));
    CHECK(ec == errc::not_supported);
    CHECK((transfer(*c.client, *c.server, "as before") == "as before"));
}

PAIR_CASE("unwrap: a truncated stream is not unwrapped", "") {
    connection c{with, {.client = {.unwrappable = true}}};
    c.up();
    c.server->pipe().end_output();
    std::error_code ec;
    CHECK_FALSE(c.client->unwrap(ec));
    CHECK(ec == errc::stream_truncated);
}
