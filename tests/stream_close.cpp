// SPDX-License-Identifier: BSL-1.0
// How basic_stream ends: close_notify, shutdown, and unwrap.

#include <cerrno>
#include <utility>

#include <support/mock_stream.hpp>

using namespace test;

namespace {

std::string text_of(const std::vector<std::byte>& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
const wrap_options unwrappable{.unwrappable = true};

} // namespace

// ---- close_notify
// --------------------------------------------------------------------------------

TEST_CASE("stream: close_notify is sent once and leaves reading open") {
    mock_case test;
    auto stream = test.open_established();
    stream.close_notify(test.ec);
    CHECK_FALSE(test.ec);
    CHECK(test.wire.output == "!");
    stream.close_notify(test.ec);
    CHECK_FALSE(test.ec);
    CHECK(test.wire.output == "!");
    CHECK(stream.native_handle()->calls == calls{"close_notify"});

    CHECK(test.write(stream, "x") == 0);
    CHECK(test.ec == errc::stream_closed);
    CHECK(stream.last_error().code() == errc::stream_closed);
    CHECK(stream.write_all("x", test.ec) == 0);
    CHECK(test.ec == errc::stream_closed);
    CHECK(test.write(stream, "") == 0);
    CHECK(test.ec == errc::stream_closed);

    test.wire.input = "still here|!";
    CHECK(test.read(stream) == "still here");
    CHECK(test.read(stream).empty());
    CHECK_FALSE(test.ec);
}

TEST_CASE("stream: after the peer's close_notify writing goes on") {
    mock_case test;
    auto stream = test.open_established();
    test.wire.input = "!";
    CHECK(test.read(stream).empty());
    CHECK_FALSE(test.ec);
    CHECK(test.write(stream, "answer") == 6);
    CHECK(test.wire.output == "answer|");
    stream.close_notify(test.ec);
    CHECK_FALSE(test.ec);
    CHECK(test.wire.output == "answer|!");
}

TEST_CASE("stream: a close_notify that blocks is resumed, and the engine asked once") {
    mock_case test;
    auto stream = test.open_established();
    test.wire.room = 0;
    stream.close_notify(test.ec);
    CHECK(test.ec == errc::want_write);
    CHECK(stream.wants_write());
    CHECK(test.write(stream, "x") == 0); // it has begun: nothing may come behind it
    CHECK(test.ec == errc::stream_closed);
    stream.close_notify(test.ec);
    CHECK(test.ec == errc::want_write);
    test.wire.room = fake_wire::unlimited;
    stream.close_notify(test.ec);
    CHECK_FALSE(test.ec);
    CHECK(test.wire.output == "!");
    CHECK(stream.native_handle()->calls == calls{"close_notify"});
}

TEST_CASE("stream: a close_notify leaves behind the data that was blocked before it") {
    mock_case test;
    auto stream = test.open_established();
    test.wire.room = 3;
    CHECK(test.write(stream, "secret") == 0);
    stream.close_notify(test.ec);
    CHECK(test.ec == errc::want_write);
    CHECK(stream.native_handle()->calls == calls{"write"}); // not yet asked for one
    test.wire.room = fake_wire::unlimited;
    stream.close_notify(test.ec);
    CHECK_FALSE(test.ec);
    CHECK(test.wire.output == "secret|!");
}

TEST_CASE("stream: a close_notify may want input first") {
    mock_case test;
    auto stream = test.open_established();
    stream.native_handle()->closes = {reads_a_byte()};
    stream.close_notify(test.ec);
    CHECK(test.ec == errc::want_read);
    CHECK(test.write(stream, "x") == 0); // it has begun all the same
    CHECK(test.ec == errc::stream_closed);
    stream.close_notify(test.ec);
    CHECK_FALSE(test.ec);
    CHECK(test.wire.output == "!");
}

TEST_CASE("stream: a close_notify that the engine can't make ends the connection") {
    mock_case test;
    auto stream = test.open_established();
    stream.native_handle()->closes = {answers(want::failed)};
    stream.close_notify(test.ec);
    CHECK(test.ec == errc::protocol_error);
    CHECK(test.read(stream).empty());
    CHECK(test.ec == errc::protocol_error);
}

TEST_CASE("stream: a close_notify that is lost is the transport's error") {
    mock_case test;
    auto stream = test.open_established();
    test.wire.write_error = {EPIPE, std::system_category()};
    stream.close_notify(test.ec);
    CHECK(test.ec == std::errc::broken_pipe);
    test.wire.input = "x|";
    CHECK(test.read(stream) == "x");
}

// ---- shutdown
// ------------------------------------------------------------------------------------

TEST_CASE("stream: shutdown closes both ways and drops what comes in between") {
    mock_case test;
    auto stream = test.open_established();
    test.wire.input = "late|" + std::string(5000, 'x') + "|data|!";
    stream.shutdown(test.ec);
    CHECK_FALSE(test.ec);
    CHECK(test.wire.output == "!");
    stream.shutdown(test.ec);
    CHECK_FALSE(test.ec);
    CHECK(test.wire.output == "!");
    CHECK(test.read(stream).empty());
    CHECK_FALSE(test.ec);
}

TEST_CASE("stream: shutdown needs a handshake") {
    mock_case test;
    auto stream = test.open();
    stream.shutdown(test.ec);
    CHECK(test.ec == errc::handshake_required);
    CHECK(stream.native_handle()->calls.empty());
}

TEST_CASE("stream: shutdown is resumed in either direction") {
    mock_case test;
    auto stream = test.open_established();
    test.wire.room = 0;
    stream.shutdown(test.ec);
    CHECK(test.ec == errc::want_write);
    test.wire.room = fake_wire::unlimited;
    stream.shutdown(test.ec);
    CHECK(test.ec == errc::want_read);
    CHECK(test.wire.output == "!");
    test.wire.input = "late|";
    stream.shutdown(test.ec);
    CHECK(test.ec == errc::want_read);
    test.wire.input = "!";
    stream.shutdown(test.ec);
    CHECK_FALSE(test.ec);
    CHECK(test.wire.output == "!");
}

TEST_CASE("stream: shutdown after the peer has closed waits for nothing") {
    mock_case test;
    auto stream = test.open_established();
    test.wire.input = "!";
    CHECK(test.read(stream).empty());
    test.wire.read_calls = 0;
    stream.shutdown(test.ec);
    CHECK_FALSE(test.ec);
    CHECK(test.wire.output == "!");
    CHECK(test.wire.read_calls == 0);
}

TEST_CASE("stream: shutdown of a peer that just goes is a truncation") {
    mock_case test;
    test.wire.ended = true;
    SECTION("as it is") {
        auto stream = test.open_established();
        stream.shutdown(test.ec);
        CHECK(test.ec == errc::stream_truncated);
    }
    SECTION("unless the program hides it") {
        auto stream = test.open_established({.suppress_ragged_eofs = true});
        stream.shutdown(test.ec);
        CHECK_FALSE(test.ec);
    }
}

// ---- unwrap
// --------------------------------------------------------------------------------------

TEST_CASE("stream: unwrap gives back the transport and every byte behind the close_notify") {
    mock_case test;
    auto stream = test.open_established(unwrappable);
    test.wire.input = "last|!plain text";
    CHECK(test.read(stream) == "last");
    auto plain = stream.unwrap(test.ec);
    REQUIRE_FALSE(test.ec);
    REQUIRE(plain);
    CHECK(test.wire.output == "!");
    CHECK(text_of(plain->bytes) + test.wire.input == "plain text");
    CHECK_FALSE(plain->bytes.empty()); // so the spill was at work
    CHECK(plain->transport.write_some(bytes("plain")).n == 5);
    CHECK(test.wire.output == "!plain");

    // Nothing is left of the stream.
    CHECK(stream.native_handle() == nullptr);
    CHECK_FALSE(stream.is_handshake_done());
    CHECK_FALSE(stream.has_pending());
    CHECK(test.read(stream).empty());
    CHECK(test.ec == errc::invalid_argument);
    CHECK_FALSE(stream.unwrap(test.ec));
    CHECK(test.ec == errc::invalid_argument);
}

TEST_CASE("stream: unwrap frees the engine's connection at once") {
    mock_case test;
    const int before = mock_engine::alive;
    auto stream = test.open_established(unwrappable);
    test.wire.input = "!";
    REQUIRE(stream.unwrap(test.ec));
    CHECK(mock_engine::alive == before + 1); // its configuration is still held
}

TEST_CASE("stream: unwrap waits for the peer's close_notify and can be repeated") {
    mock_case test;
    auto stream = test.open_established(unwrappable);
    test.wire.room = 0;
    CHECK_FALSE(stream.unwrap(test.ec));
    CHECK(test.ec == errc::want_write);
    test.wire.room = fake_wire::unlimited;
    CHECK_FALSE(stream.unwrap(test.ec));
    CHECK(test.ec == errc::want_read);
    test.wire.input = "!";
    CHECK(stream.unwrap(test.ec));
    CHECK_FALSE(test.ec);
    CHECK(test.wire.output == "!");
}

TEST_CASE("stream: unwrap sends the whole of a blocked write before it closes") {
    mock_case test;
    auto stream = test.open_established(unwrappable);
    test.wire.room = 2;
    CHECK(test.write(stream, "secret") == 0);
    test.wire.room = 2;
    CHECK_FALSE(stream.unwrap(test.ec));
    CHECK(test.ec == errc::want_write);
    CHECK(test.write(stream, "secret") == 0); // it has begun to close
    CHECK(test.ec == errc::stream_closed);
    test.wire.room = fake_wire::unlimited;
    test.wire.input = "!plain";
    const auto plain = stream.unwrap(test.ec);
    REQUIRE(plain);
    CHECK(test.wire.output == "secret|!");
    CHECK(text_of(plain->bytes) + test.wire.input == "plain");
}

TEST_CASE("stream: unwrap does not drop data that comes before the close_notify") {
    mock_case test;
    auto stream = test.open_established(unwrappable);
    test.wire.input = "unread|!rest";
    SECTION("not decrypted yet") {}
    SECTION("half read") {
        CHECK(test.read(stream, 2) == "un");
    }
    CHECK_FALSE(stream.unwrap(test.ec));
    CHECK(test.ec == errc::application_data_after_close);
    CHECK_FALSE(stream.unwrap(test.ec)); // it stays so until it is read
    CHECK(test.ec == errc::application_data_after_close);
    CHECK(stream.has_pending());
    const std::size_t unread = stream.pending();
    CHECK(unread != 0);

    std::string data;
    for (std::string part; !(part = test.read(stream)).empty();)
        data += part;
    CHECK_FALSE(test.ec);
    CHECK((data == "unread" || data == "read"));
    const auto plain = stream.unwrap(test.ec);
    REQUIRE(plain);
    CHECK(text_of(plain->bytes) + test.wire.input == "rest");
}

TEST_CASE("stream: unwrap of a stream that was not made for it is not supported") {
    mock_case test;
    auto stream = test.open_established();
    test.wire.input = "data|!";
    CHECK_FALSE(stream.unwrap(test.ec));
    CHECK(test.ec == errc::not_supported);
    CHECK(stream.last_error().detail().find("unwrappable") != std::string_view::npos);
    CHECK(test.wire.output.empty());
    CHECK(test.read(stream) == "data");
}

TEST_CASE("stream: unwrap of a truncated or failed stream is its error") {
    mock_case test;
    auto stream = test.open_established(unwrappable);
    SECTION("truncated") {
        test.wire.ended = true;
        CHECK_FALSE(stream.unwrap(test.ec));
        CHECK(test.ec == errc::stream_truncated);
        CHECK_FALSE(stream.unwrap(test.ec));
        CHECK(test.ec == errc::stream_truncated);
    }
    SECTION("failed") {
        test.wire.input = "?";
        CHECK_FALSE(stream.unwrap(test.ec));
        CHECK(test.ec == errc::protocol_error);
    }
    CHECK(stream.native_handle() != nullptr);
}

TEST_CASE("stream: unwrap before the handshake is refused") {
    mock_case test;
    auto stream = test.open(unwrappable);
    CHECK_FALSE(stream.unwrap(test.ec));
    CHECK(test.ec == errc::handshake_required);
}

TEST_CASE("stream: unwrap of a transport that is referred to gives the reference back") {
    mock_case test;
    fake_transport transport{test.wire};
    tlsxx::basic_context<mock> context{tlsxx::protocol::tls_server};
    auto stream = context.wrap(std::ref(transport), unwrappable, test.ec);
    test.wire.input = "!";
    auto plain = stream.unwrap(test.ec);
    REQUIRE(plain);
    CHECK(&plain->transport == &transport);
}
