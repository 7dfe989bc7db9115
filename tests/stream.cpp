// SPDX-License-Identifier: BSL-1.0
// What basic_stream does by itself, whatever the engine: the handshake, reading, writing, and what
// stays after a failure. The engine is a mock that plays what the test says.

#include <cerrno>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include <support/mock_stream.hpp>

using namespace test;

namespace {
const std::error_code broken_pipe{EPIPE, std::system_category()};
const std::error_code reset{ECONNRESET, std::system_category()};
} // namespace

// ---- handshake
// -----------------------------------------------------------------------------------

TEST_CASE("stream: a handshake waits for input, goes on and ends") {
    mock_case test;
    auto stream = test.open();
    auto* engine = stream.native_handle();
    engine->handshakes = {sends_and_reads("hello"), reads_a_byte(), answers(want::nothing)};

    stream.handshake(test.ec);
    CHECK(test.ec == errc::want_read);
    CHECK(test.wire.output == "hello");
    CHECK_FALSE(stream.is_handshake_done());
    CHECK(stream.version().empty());
    CHECK(stream.cipher().name.empty());

    test.wire.input = "x";
    stream.handshake(test.ec);
    CHECK_FALSE(test.ec);
    CHECK(stream.is_handshake_done());
    CHECK(stream.version() == "TLSv1.3");
    CHECK(stream.cipher().name == "PLAIN");
    CHECK(engine->calls == calls{"handshake", "handshake"});

    stream.handshake(test.ec); // nothing more to do
    CHECK_FALSE(test.ec);
    CHECK(engine->calls.size() == 2);
}

TEST_CASE("stream: output of the handshake that blocks is sent before the engine goes on") {
    mock_case test;
    auto stream = test.open();
    auto* engine = stream.native_handle();
    engine->handshakes = {sends("hello", want::read), answers(want::nothing)};
    test.wire.room = 2;

    stream.handshake(test.ec);
    CHECK(test.ec == errc::want_write);
    CHECK(stream.wants_write());
    CHECK(test.wire.output == "he");
    CHECK(stream.last_error().code() == errc::want_write);

    test.wire.room = fake_wire::unlimited;
    stream.handshake(test.ec);
    CHECK_FALSE(test.ec);
    CHECK_FALSE(stream.wants_write());
    CHECK(test.wire.output == "hello");
}

TEST_CASE("stream: the last flight of a handshake is part of it") {
    mock_case test;
    auto stream = test.open();
    stream.native_handle()->handshakes = {sends("finished", want::nothing)};
    test.wire.room = 0;
    stream.handshake(test.ec);
    CHECK(test.ec == errc::want_write);
    CHECK_FALSE(stream.is_handshake_done());
    test.wire.room = fake_wire::unlimited;
    stream.handshake(test.ec);
    CHECK_FALSE(test.ec);
    CHECK(stream.is_handshake_done());
    CHECK(test.wire.output == "finished");
}

TEST_CASE("stream: a failed handshake is described, and stays failed") {
    mock_case test;
    auto stream = test.open();
    auto* engine = stream.native_handle();
    engine->handshakes = {sends("alert", want::failed)};
    stream.handshake(test.ec);
    CHECK(test.ec == errc::protocol_error);
    CHECK(stream.last_error().library() == "MOCK");
    CHECK(stream.last_error().reason() == "BROKEN_RECORD");
    CHECK(stream.last_error().native_code() == -7);
    CHECK(stream.last_error().alert_sent() == tlsxx::alert_description::decode_error);
    CHECK(test.wire.output == "alert");

    // Nothing reaches the engine any more.
    stream.handshake(test.ec);
    CHECK(test.ec == errc::protocol_error);
    CHECK(test.read(stream).empty());
    CHECK(test.ec == errc::protocol_error);
    CHECK(test.write(stream, "x") == 0);
    CHECK(test.ec == errc::protocol_error);
    stream.close_notify(test.ec);
    CHECK(test.ec == errc::protocol_error);
    stream.shutdown(test.ec);
    CHECK(test.ec == errc::protocol_error);
    CHECK_FALSE(stream.unwrap(test.ec));
    CHECK(test.ec == errc::protocol_error);
    CHECK(engine->calls == calls{"handshake"});
    CHECK(stream.last_error().reason() == "BROKEN_RECORD");
}

TEST_CASE("stream: an alert is sent behind what is unsent, as far as the transport takes it") {
    mock_case test;
    auto stream = test.open();
    auto* engine = stream.native_handle();
    engine->handshakes = {sends("hello", want::read), sends("alert", want::failed)};
    test.wire.room = 2;
    stream.handshake(test.ec);
    CHECK(test.ec == errc::want_write);
    test.wire.room = 6;
    stream.handshake(test.ec);
    CHECK(test.ec == errc::protocol_error);
    CHECK(test.wire.output == "helloale");
}

TEST_CASE("stream: a transport that ends in the handshake is a truncation") {
    const want next = GENERATE(want::ended, want::closed);
    mock_case test;
    auto stream = test.open();
    stream.native_handle()->handshakes = {answers(next)};
    stream.handshake(test.ec);
    CHECK(test.ec == errc::stream_truncated);
    stream.handshake(test.ec);
    CHECK(test.ec == errc::stream_truncated);
}

TEST_CASE("stream: suppress_ragged_eofs does not make a handshake of a transport that ends") {
    mock_case test;
    auto stream = test.open({.suppress_ragged_eofs = true});
    stream.native_handle()->handshakes = {answers(want::ended)};
    CHECK(test.read(stream).empty());
    CHECK(test.ec == errc::stream_truncated);
}

TEST_CASE("stream: a transport's failure to read keeps its own code") {
    mock_case test;
    auto stream = test.open();
    stream.native_handle()->handshakes = {reads_a_byte()};
    test.wire.read_error = reset;
    stream.handshake(test.ec);
    CHECK(test.ec == reset);
    CHECK(stream.last_error().library().empty());
    stream.handshake(test.ec);
    CHECK(test.ec == reset);
}

TEST_CASE("stream: the alert of a peer that refuses is read although output is lost") {
    mock_case test;
    auto stream = test.open();
    stream.native_handle()->handshakes = {sends_and_reads("certificate"), reads_a_byte()};
    test.wire.write_error = broken_pipe;
    SECTION("it has come already") {
        test.wire.input = "?";
        stream.handshake(test.ec);
        CHECK(test.ec == errc::protocol_error);
    }
    SECTION("it comes later") {
        stream.handshake(test.ec);
        CHECK(test.ec == errc::want_read);
        test.wire.input = "?";
        stream.handshake(test.ec);
        CHECK(test.ec == errc::protocol_error);
    }
    SECTION("it never comes") {
        test.wire.ended = true;
        stream.handshake(test.ec);
        CHECK(test.ec == broken_pipe);
        stream.handshake(test.ec);
        CHECK(test.ec == broken_pipe);
    }
    SECTION("the peer did not refuse, and may have sent something: the next write reports it") {
        test.wire.input = "xdata|";
        stream.handshake(test.ec);
        CHECK_FALSE(test.ec);
        CHECK(test.read(stream) == "data");
        CHECK(test.write(stream, "x") == 0);
        CHECK(test.ec == broken_pipe);
        CHECK(test.read(stream).empty());
        CHECK(test.ec == errc::want_read);
    }
}

TEST_CASE("stream: reading and writing begin with the handshake, closing needs it") {
    mock_case test;
    auto stream = test.open();
    auto* engine = stream.native_handle();
    SECTION("read") {
        test.wire.input = "x|";
        CHECK(test.read(stream) == "x");
        CHECK(engine->calls == calls{"handshake", "read"});
    }
    SECTION("read, blocked in the handshake") {
        engine->handshakes = {answers(want::read)};
        CHECK(test.read(stream).empty());
        CHECK(test.ec == errc::want_read);
        CHECK(engine->calls == calls{"handshake"});
    }
    SECTION("write") {
        CHECK(test.write(stream, "x") == 1);
        CHECK(engine->calls == calls{"handshake", "write"});
    }
    SECTION("write, failing in the handshake") {
        engine->handshakes = {answers(want::failed)};
        CHECK(test.write(stream, "x") == 0);
        CHECK(test.ec == errc::protocol_error);
        CHECK(engine->calls == calls{"handshake"});
    }
    SECTION("close_notify") {
        stream.close_notify(test.ec);
        CHECK(test.ec == errc::handshake_required);
        CHECK(engine->calls.empty());
        CHECK(test.write(stream, "x") == 1); // that was no harm
    }
}

// ---- reading
// -------------------------------------------------------------------------------------

TEST_CASE("stream: a read gives what one record holds, and the rest of it later") {
    mock_case test;
    auto stream = test.open_established();
    test.wire.input = "first|second|";
    CHECK(test.read(stream, 3) == "fir");
    CHECK(stream.pending() == 2);
    CHECK(stream.has_pending());
    CHECK(test.read(stream) == "st");
    CHECK(stream.pending() == 0);
    CHECK(test.read(stream) == "second");
    CHECK_FALSE(stream.has_pending());
    CHECK(test.read(stream).empty());
    CHECK(test.ec == errc::want_read);
    // A would-block is not a failure that anything remembers.
    test.wire.input = "third|";
    CHECK(test.read(stream) == "third");
    CHECK_FALSE(test.ec);
}

TEST_CASE("stream: an empty buffer reads nothing, not even the handshake") {
    mock_case test;
    auto stream = test.open();
    CHECK(stream.read_some(std::span<std::byte>{}, test.ec) == 0);
    CHECK_FALSE(test.ec);
    CHECK(stream.native_handle()->calls.empty());
}

TEST_CASE("stream: a close_notify is a clean end that stays one") {
    mock_case test;
    auto stream = test.open_established();
    test.wire.input = "last|!";
    CHECK(test.read(stream) == "last");
    CHECK(test.read(stream).empty());
    CHECK_FALSE(test.ec);
    const auto before = stream.native_handle()->calls;
    test.wire.input = "ghost|";
    CHECK(test.read(stream).empty());
    CHECK_FALSE(test.ec);
    CHECK(stream.native_handle()->calls == before);
}

TEST_CASE("stream: an end without close_notify is a truncation, unless the program hides it") {
    mock_case test;
    SECTION("truncated") {
        auto stream = test.open_established();
        test.wire.input = "part";
        test.wire.ended = true;
        CHECK(test.read(stream).empty());
        CHECK(test.ec == errc::stream_truncated);
        CHECK(test.read(stream).empty());
        CHECK(test.ec == errc::stream_truncated);
        CHECK(test.write(stream, "x") == 0);
        CHECK(test.ec == errc::stream_truncated);
    }
    SECTION("suppress_ragged_eofs") {
        auto stream = test.open_established({.suppress_ragged_eofs = true});
        test.wire.ended = true;
        CHECK(test.read(stream).empty());
        CHECK_FALSE(test.ec);
        CHECK(test.write(stream, "x") == 1);
    }
}

TEST_CASE("stream: a broken record ends the connection with the engine's words") {
    mock_case test;
    auto stream = test.open_established();
    test.wire.input = "good|?";
    CHECK(test.read(stream) == "good");
    CHECK(test.read(stream).empty());
    CHECK(test.ec == errc::protocol_error);
    CHECK(stream.last_error().reason() == "BROKEN_RECORD");
    test.wire.input = "more|";
    CHECK(test.read(stream).empty());
    CHECK(test.ec == errc::protocol_error);
}

TEST_CASE("stream: read_exactly fills the buffer or says why not") {
    mock_case test;
    auto stream = test.open_established();
    std::string buffer(6, '.');
    const auto room = std::as_writable_bytes(std::span{buffer});
    SECTION("from several records") {
        test.wire.input = "ab||cd|ef|gh|";
        CHECK(stream.read_exactly(room, test.ec) == 6);
        CHECK_FALSE(test.ec);
        CHECK(buffer == "abcdef");
    }
    SECTION("a clean end comes too early") {
        test.wire.input = "abc|!";
        CHECK(stream.read_exactly(room, test.ec) == 3);
        CHECK(test.ec == errc::end_of_stream);
        CHECK(stream.read_exactly(room, test.ec) == 0); // an end, and no failure
        CHECK(test.ec == errc::end_of_stream);
    }
    SECTION("a cut") {
        test.wire.input = "abc|";
        test.wire.ended = true;
        CHECK(stream.read_exactly(room, test.ec) == 3);
        CHECK(test.ec == errc::stream_truncated);
    }
    SECTION("would block: what is there counts") {
        test.wire.input = "abc|";
        CHECK(stream.read_exactly(room, test.ec) == 3);
        CHECK(test.ec == errc::want_read);
        CHECK(buffer == "abc...");
    }
    SECTION("nothing to fill") {
        CHECK(stream.read_exactly({}, test.ec) == 0);
        CHECK_FALSE(test.ec);
    }
}

TEST_CASE("stream: read_all reads to the close_notify and appends") {
    mock_case test;
    auto stream = test.open_established();
    std::string text = "before ";
    SECTION("whole") {
        test.wire.input = "one |two|!";
        stream.read_all(text, test.ec);
        CHECK_FALSE(test.ec);
        CHECK(text == "before one two");
    }
    SECTION("large") {
        const std::string large(100'000, 'x');
        test.wire.input = large + "|" + large + "|!";
        stream.read_all(text, test.ec);
        CHECK_FALSE(test.ec);
        CHECK(text.size() == 200'007);
        CHECK(text.find_first_not_of('x', 7) == std::string::npos);
    }
    SECTION("cut: what was read is kept") {
        test.wire.input = "one |tw";
        test.wire.ended = true;
        stream.read_all(text, test.ec);
        CHECK(test.ec == errc::stream_truncated);
        CHECK(text == "before one ");
    }
    SECTION("the limit itself is allowed") {
        test.wire.input = "12345|!";
        stream.read_all(text, test.ec, 5);
        CHECK_FALSE(test.ec);
        CHECK(text == "before 12345");
    }
    SECTION("one byte more is not") {
        test.wire.input = "123|456|!";
        stream.read_all(text, test.ec, 5);
        CHECK(test.ec == errc::message_too_large);
        CHECK(text == "before 12345");
        stream.close_notify(test.ec); // the stream is none the worse for it
        CHECK_FALSE(test.ec);
    }
    SECTION("nothing at all") {
        test.wire.input = "!";
        stream.read_all(text, test.ec, 0);
        CHECK_FALSE(test.ec);
        CHECK(text == "before ");
    }
}

TEST_CASE("stream: bytes that were read before the stream was made come first") {
    mock_case test;
    test.wire.input = "lo|";
    auto stream = test.open_established({.initial_bytes = bytes("hel")});
    CHECK(stream.has_pending());
    CHECK(test.read(stream) == "hello");
}

TEST_CASE("stream: more than 16 KiB of initial_bytes are refused") {
    mock_case test;
    tlsxx::basic_context<mock> context{tlsxx::protocol::tls_server};
    const std::string most(16384, 'x');
    context.wrap(fake_transport{test.wire},
                 {.handshake = tlsxx::deferred, .initial_bytes = bytes(most)}, test.ec);
    CHECK_FALSE(test.ec);
    context.wrap(fake_transport{test.wire},
                 {.handshake = tlsxx::deferred, .initial_bytes = bytes(most + "x")}, test.ec);
    CHECK(test.ec == errc::invalid_argument);
}

// ---- reading beside writing
// ----------------------------------------------------------------------

TEST_CASE("stream: a read goes on although output is not taken, and sends what it can") {
    mock_case test;
    auto stream = test.open_established();
    test.wire.room = 0;
    CHECK(test.write(stream, "data") == 0);
    CHECK(test.ec == errc::want_write);

    test.wire.input = "answer|";
    CHECK(test.read(stream) == "answer");
    CHECK_FALSE(test.ec);
    CHECK(stream.wants_write());

    // The transport takes output again: a read that blocks has sent it all the same.
    test.wire.room = fake_wire::unlimited;
    CHECK(test.read(stream).empty());
    CHECK(test.ec == errc::want_read);
    CHECK(test.wire.output == "data|");
    CHECK_FALSE(stream.wants_write());
    CHECK(test.write(stream, "data") == 4); // done long ago, and not sent again
    CHECK(test.wire.output == "data|");
}

TEST_CASE("stream: a reply that the engine makes while it reads leaves before the read waits") {
    mock_case test;
    auto stream = test.open_established();
    stream.native_handle()->reads = {[](tlsxx::bound_transport& t) {
        t.write(bytes("reply|"));
        return reads_a_byte()(t);
    }};
    CHECK(test.read(stream).empty());
    CHECK(test.ec == errc::want_read);
    CHECK(test.wire.output == "reply|");
}

TEST_CASE("stream: a peer that makes the engine reply and reads nothing is cut off") {
    mock_case test;
    auto stream = test.open_established();
    auto* engine = stream.native_handle();
    for (int i = 0; i != 5; ++i)
        engine->reads.push_back([](tlsxx::bound_transport& t) {
            t.write(bytes(std::string(4000, 'r')));
            return reads_a_byte()(t);
        });
    test.wire.room = 0;
    for (int i = 0; i != 4; ++i) {
        CHECK(test.read(stream).empty());
        CHECK(test.ec == errc::want_read);
    }
    CHECK(test.read(stream).empty());
    CHECK(test.ec == errc::output_overflow);
    CHECK(test.read(stream).empty());
    CHECK(test.ec == errc::output_overflow);
    CHECK(test.write(stream, "x") == 0);
    CHECK(test.ec == errc::output_overflow);
}

TEST_CASE("stream: a blocked write of the program's own is not held against the engine's replies") {
    mock_case test;
    auto stream = test.open_established();
    auto* engine = stream.native_handle();
    engine->record = mock::record_payload;
    test.wire.room = 0;
    const std::string text(GENERATE(std::size_t{16'384}, std::size_t{65'536}), 'x');
    CHECK(stream.write_all(bytes(text), test.ec) == 0);
    CHECK(test.ec == errc::want_write);
    SECTION("a reply waits behind it, up to the limit") {
        const std::string reply(8'000, 'r');
        engine->reads = {sends(reply, want::read), sends(reply, want::read),
                         sends(reply, want::read)};
        CHECK(test.read(stream).empty());
        CHECK(test.ec == errc::want_read);
        CHECK(test.read(stream).empty());
        CHECK(test.ec == errc::want_read);
        SECTION("and leaves behind it") {
            engine->reads.clear();
            test.wire.room = fake_wire::unlimited;
            CHECK(stream.write_all(bytes(text), test.ec) == text.size());
            CHECK(test.wire.output.ends_with("|" + reply + reply));
        }
        SECTION("not beyond") {
            CHECK(test.read(stream).empty());
            CHECK(test.ec == errc::output_overflow);
        }
    }
    SECTION("a broken record is what is reported, though its alert can't leave") {
        engine->reads = {sends("alert", want::failed)};
        CHECK(test.read(stream).empty());
        CHECK(test.ec == errc::protocol_error);
        CHECK(stream.last_error().reason() == "BROKEN_RECORD");
    }
}

// ---- writing
// -------------------------------------------------------------------------------------

TEST_CASE("stream: a write says how much the engine took; write_all goes on") {
    mock_case test;
    auto stream = test.open_established();
    CHECK(test.write(stream, "0123456789abcdefXYZ") == 16);
    CHECK(test.wire.output == "0123456789abcdef|");
    test.wire.output.clear();
    CHECK(stream.write_all("0123456789abcdefXYZ", test.ec) == 19);
    CHECK_FALSE(test.ec);
    CHECK(test.wire.output == "0123456789abcdef|XYZ|");
}

TEST_CASE("stream: no data is no write: no record, no handshake, no error") {
    mock_case test;
    auto stream = test.open();
    CHECK(stream.write_some(tlsxx::byte_view{}, test.ec) == 0);
    CHECK_FALSE(test.ec);
    CHECK(stream.write_all(std::string_view{}, test.ec) == 0);
    CHECK_FALSE(test.ec);
    CHECK(stream.native_handle()->calls.empty());
    CHECK(test.wire.write_calls == 0);
}

TEST_CASE("stream: a blocked write is resumed, and the engine sees its bytes once") {
    mock_case test;
    auto stream = test.open_established();
    auto* engine = stream.native_handle();
    test.wire.room = 2;
    CHECK(test.write(stream, "secret") == 0);
    CHECK(test.ec == errc::want_write);
    CHECK(test.wire.output == "se");
    CHECK(stream.wants_write());
    SECTION("which may block again") {
        test.wire.room = 3;
        CHECK(test.write(stream, "secret") == 0);
        CHECK(test.ec == errc::want_write);
        CHECK(test.wire.output == "secre");
        test.wire.room = fake_wire::unlimited;
        CHECK(test.write(stream, "secret") == 6);
        CHECK(test.wire.output == "secret|");
    }
    test.wire.room = fake_wire::unlimited;

    SECTION("with the same data") {
        CHECK(test.write(stream, "secret") == 6);
        CHECK_FALSE(test.ec);
        CHECK(test.wire.output == "secret|");
    }
    SECTION("in another buffer: only its length counts") {
        CHECK(test.write(stream, "SECRET") == 6);
        CHECK(test.wire.output == "secret|");
    }
    SECTION("with more behind it, which is not taken yet") {
        CHECK(test.write(stream, "secret and more") == 6);
        CHECK(test.wire.output == "secret|");
    }
    SECTION("with less: an error, which breaks nothing") {
        CHECK(test.write(stream, "secre") == 0);
        CHECK(test.ec == errc::bad_write_retry);
        CHECK(stream.last_error().code() == errc::bad_write_retry);
        CHECK(test.write(stream, "secret") == 6);
        CHECK_FALSE(test.ec);
        CHECK(test.wire.output == "secret|");
    }
    SECTION("with nothing: nothing happens") {
        const int before = test.wire.write_calls;
        CHECK(test.write(stream, "") == 0);
        CHECK_FALSE(test.ec);
        CHECK(test.wire.write_calls == before);
        CHECK(test.write(stream, "secret") == 6);
    }
    SECTION("by flush; the write then has nothing left to send") {
        stream.flush(test.ec);
        CHECK_FALSE(test.ec);
        CHECK(test.wire.output == "secret|");
        CHECK_FALSE(stream.wants_write());
        CHECK(test.write(stream, "secret") == 6);
        CHECK(test.wire.output == "secret|");
    }
    CHECK(engine->calls == calls{"write"});
}

TEST_CASE("stream: write_all that blocks counts what is done and goes on with the rest") {
    mock_case test;
    auto stream = test.open_established();
    const std::string text = "0123456789abcdef0123456789ABCDEF.";
    test.wire.room = 17 + 5;
    CHECK(stream.write_all(text, test.ec) == 16);
    CHECK(test.ec == errc::want_write);
    test.wire.room = fake_wire::unlimited;
    CHECK(stream.write_all(std::string_view{text}.substr(16), test.ec) == 17);
    CHECK_FALSE(test.ec);
    CHECK(test.wire.output == "0123456789abcdef|0123456789ABCDEF|.|");
}

TEST_CASE("stream: no second record is begun while the first is not sent") {
    mock_case test;
    auto stream = test.open_established();
    auto* engine = stream.native_handle();
    // A reply of the engine's is in the way.
    engine->reads = {sends("reply|", want::read)};
    test.wire.room = 0;
    CHECK(test.read(stream).empty());
    CHECK(stream.wants_write());
    CHECK(test.write(stream, "data") == 0);
    CHECK(test.ec == errc::want_write);
    test.wire.room = fake_wire::unlimited;
    CHECK(engine->calls == calls{"read"});
    CHECK(test.write(stream, "other data") == 10); // nothing was taken before: anything goes
    CHECK(test.wire.output == "reply|other data|");
}

TEST_CASE("stream: output that is lost ends writing, and reading goes on") {
    mock_case test;
    auto stream = test.open_established();
    test.wire.write_error = broken_pipe;
    CHECK(test.write(stream, "data") == 0);
    CHECK(test.ec == broken_pipe);
    CHECK(test.write(stream, "data") == 0);
    CHECK(test.ec == broken_pipe);
    CHECK(test.wire.write_calls == 1);
    test.wire.input = "alert|";
    CHECK(test.read(stream) == "alert");
    CHECK_FALSE(test.ec);
    stream.close_notify(test.ec);
    CHECK(test.ec == broken_pipe);
}

TEST_CASE("stream: a reply that is lost while a read has data is the next write's error") {
    mock_case test;
    auto stream = test.open_established();
    auto* engine = stream.native_handle();
    engine->reads = {[](tlsxx::bound_transport& t) {
        t.write(bytes("reply|"));
        return mock_answer(want::nothing, 1);
    }};
    test.wire.write_error = broken_pipe;
    CHECK(test.read(stream).size() == 1);
    CHECK_FALSE(test.ec);
    CHECK_FALSE(stream.wants_write());
    test.wire.input = "more|";
    CHECK(test.read(stream) == "more");
    for (int i = 0; i != 2; ++i) {
        CHECK(test.write(stream, "x") == 0);
        CHECK(test.ec == broken_pipe);
        stream.flush(test.ec);
        CHECK(test.ec == broken_pipe);
    }
    CHECK(engine->calls == calls{"read", "read"});
    CHECK(test.wire.write_calls == 1);
}

TEST_CASE("stream: an end behind a reset that a write has met is that reset") {
    for (const std::error_code& met : {broken_pipe, reset}) {
        mock_case test;
        auto stream = test.open_established();
        test.wire.write_error = met;
        CHECK(test.write(stream, "data") == 0);
        CHECK(test.ec == met);
        test.wire.ended = true;
        for (int i = 0; i != 2; ++i) {
            CHECK(test.read(stream).empty());
            // who writes to a peer that went without a word has still read a truncated stream
            CHECK(test.ec == (met == reset ? reset : make_error_code(errc::stream_truncated)));
        }
    }
}

TEST_CASE("stream: output that is lost when it is retried is not wanted any more") {
    mock_case test;
    auto stream = test.open_established();
    test.wire.room = 0;
    CHECK(test.write(stream, "data") == 0);
    CHECK(stream.wants_write());
    test.wire.write_error = broken_pipe;
    stream.flush(test.ec);
    CHECK(test.ec == broken_pipe);
    CHECK_FALSE(stream.wants_write()); // or a loop would wait for ever to send it
    CHECK(test.write(stream, "data") == 0);
    CHECK(test.ec == broken_pipe);
    test.wire.input = "x|";
    CHECK(test.read(stream) == "x");
}

TEST_CASE("stream: a transport that takes nothing and gives no reason has failed") {
    struct idle : fake_transport {
        using fake_transport::fake_transport;
        tlsxx::io_result write_some(std::span<const std::byte>) noexcept { return {}; }
    };
    mock_case<idle> test;
    auto stream = test.open_established();
    CHECK(test.write(stream, "data") == 0);
    CHECK(test.ec == std::errc::io_error);
}

TEST_CASE("stream: a failing write ends the connection") {
    mock_case test;
    auto stream = test.open_established();
    stream.native_handle()->writes = {answers(want::failed)};
    CHECK(test.write(stream, "data") == 0);
    CHECK(test.ec == errc::protocol_error);
    CHECK(test.read(stream).empty());
    CHECK(test.ec == errc::protocol_error);
}

TEST_CASE("stream: what one write expands to is not held against the reply limit") {
    mock_case test;
    auto stream = test.open_established();
    auto* engine = stream.native_handle();
    engine->record = 16'384;
    test.wire.room = 0;
    const std::string large(16'384, 'x');
    CHECK(test.write(stream, large) == 0);
    CHECK(test.ec == errc::want_write);
    test.wire.room = fake_wire::unlimited;
    CHECK(test.write(stream, large) == 16'384);
    CHECK((test.wire.output == large + "|"));
}

TEST_CASE("stream: a write may want input, and takes nothing until it has it") {
    mock_case test;
    auto stream = test.open_established();
    auto* engine = stream.native_handle();
    engine->writes = {sends_and_reads("reply|")};
    CHECK(test.write(stream, "data") == 0);
    CHECK(test.ec == errc::want_read);
    CHECK(test.wire.output == "reply|");
    CHECK(test.write(stream, "other") == 5); // nothing was taken: anything goes
    CHECK(test.wire.output == "reply|other|");
    CHECK(engine->calls == calls{"write", "write"});
}

// ---- moving, freeing, accounting
// -----------------------------------------------------------------

TEST_CASE("stream: it can be moved at any time between operations") {
    mock_case test;
    auto first = test.open();
    auto* engine = first.native_handle();
    engine->handshakes = {answers(want::read)};
    first.handshake(test.ec);
    CHECK(test.ec == errc::want_read);

    auto second = std::move(first);
    CHECK(second.native_handle() == engine);
    test.wire.room = 0;
    CHECK(test.write(second, "moved") == 0);
    CHECK(test.ec == errc::want_write);

    auto third = std::make_unique<decltype(second)>(std::move(second));
    CHECK(third->wants_write());
    test.wire.input = "part";
    CHECK(test.read(*third).empty());

    auto other = test.open();
    other = std::move(*third);
    third.reset();
    test.wire.room = fake_wire::unlimited;
    CHECK(test.write(other, "moved") == 5);
    CHECK(test.wire.output == "moved|");
    test.wire.input += "ial|";
    CHECK(test.read(other) == "partial");
}

TEST_CASE("stream: a stream that was moved from is empty") {
    mock_case test;
    auto stream = test.open_established({.initial_bytes = bytes("over-read")});
    test.wire.room = 0;
    test.write(stream, "data");
    auto other = std::move(stream);
    CHECK(other.wants_write());
    CHECK(test.read(stream).empty()); // NOLINT: that is what is tested
    CHECK(test.ec == errc::invalid_argument);
    CHECK_FALSE(stream.wants_write());
    CHECK_FALSE(stream.has_pending());
    CHECK(stream.pending() == 0);
    CHECK_FALSE(stream.is_handshake_done());
    CHECK(stream.version().empty());
    CHECK(stream.server_name().empty());
    CHECK(stream.peer_chain().empty());
    CHECK(stream.native_handle() == nullptr);
    CHECK(stream.verification());
}

TEST_CASE("stream: one that was moved from, or unwrapped, stays empty whatever is called of it") {
    mock_case test;
    auto stream = test.open_established({.unwrappable = true});
    test.wire.input = "data|";
    CHECK(test.read(stream) == "data");
    std::optional<decltype(stream)> other;
    SECTION("moved from") {
        other = std::move(stream);
    }
    SECTION("moved from by assignment") {
        auto target = test.open();
        target = std::move(stream);
        CHECK(test.write(target, "works") == 5);
        other = std::move(target);
    }
    SECTION("unwrapped") {
        test.wire.input = "!";
        REQUIRE(stream.unwrap(test.ec));
    }
    for (int i = 0; i != 2; ++i) {
        CHECK(test.read(stream).empty()); // NOLINT: that is what is tested
        CHECK(test.ec == errc::invalid_argument);
        CHECK(test.write(stream, "x") == 0);
        CHECK(test.ec == errc::invalid_argument);
        CHECK(stream.write_all("x", test.ec) == 0);
        CHECK(test.ec == errc::invalid_argument);
        std::byte one[1];
        CHECK(stream.read_exactly(one, test.ec) == 0);
        CHECK(test.ec == errc::invalid_argument);
        stream.flush(test.ec);
        CHECK(test.ec == errc::invalid_argument);
        stream.handshake(test.ec);
        CHECK(test.ec == errc::invalid_argument);
        stream.shutdown(test.ec);
        CHECK(test.ec == errc::invalid_argument);
    }
    stream = test.open_established(); // and may be given another connection
    test.wire.input = "more|";
    CHECK(test.read(stream) == "more");
    CHECK(test.write(stream, "x") == 1);
}

TEST_CASE("stream: to move it to itself changes nothing") {
    mock_case test;
    auto stream = test.open_established();
    auto& same = stream;
    stream = std::move(same);
    CHECK(test.write(stream, "data") == 4);
    test.wire.room = 2;
    CHECK(test.write(stream, "data") == 0);
    stream = std::move(same);
    CHECK(stream.wants_write());
    test.wire.room = fake_wire::unlimited;
    CHECK(test.write(stream, "data") == 4);
    CHECK(test.wire.output == "data|data|");
}

TEST_CASE("stream: its destructor sends nothing and frees everything") {
    const int before = mock_engine::alive;
    mock_case test;
    {
        auto stream = test.open_established();
        CHECK(mock_engine::alive == before + 2); // its connection, and the configuration it holds
        CHECK(test.write(stream, "data") == 4);
        test.wire.room = 0;
        test.write(stream, "blocked");
        CHECK(stream.wants_write());
    }
    CHECK(mock_engine::alive == before);
    CHECK(test.wire.output == "data|");
}

TEST_CASE("stream: wrap that fails gives back the transport and the reason") {
    mock_case test;
    mock::next.refuse_connect = true;
    tlsxx::basic_context<mock> context{tlsxx::protocol::tls_server};
    auto stream = context.wrap(fake_transport{test.wire}, {}, test.ec);
    CHECK(test.ec == errc::engine_failure);
    CHECK(stream.last_error().code() == errc::engine_failure);
    CHECK(stream.transport().write_some(bytes("x")).n == 1);
    CHECK(test.wire.output == "x");
}

TEST_CASE("stream: a transport that is referred to stays the program's") {
    mock_case test;
    fake_transport transport{test.wire};
    tlsxx::basic_context<mock> context{tlsxx::protocol::tls_server};
    auto stream = context.wrap(std::ref(transport), {}, test.ec);
    static_assert(std::is_same_v<decltype(stream), tlsxx::basic_stream<mock, fake_transport&>>);
    CHECK(&stream.transport() == &transport);
    auto moved = std::move(stream);
    CHECK(&moved.transport() == &transport);
    CHECK(moved.write_all("x", test.ec) == 1);
    CHECK(test.wire.output == "x|");
}

TEST_CASE("stream: the throwing forms throw the class of the error, with all that is known") {
    mock_case test;
    auto stream = test.open_established();
    std::byte one{};
    CHECK_THROWS_AS(stream.read_some({&one, 1}), tlsxx::ssl_want_read_error);
    test.wire.room = 0;
    CHECK_THROWS_AS(stream.write_some(bytes("x")), tlsxx::ssl_want_write_error);
    test.wire.room = fake_wire::unlimited;
    stream.flush();
    test.wire.input = "text|";
    CHECK(stream.read_some({&one, 1}) == 1);
    stream.close_notify();
    CHECK_THROWS_AS(stream.write_all("x"), tlsxx::ssl_zero_return_error);
    SECTION("truncation") {
        test.wire.ended = true;
        std::byte rest[3];
        CHECK(stream.read_exactly(rest) == 3);
        CHECK_THROWS_AS(stream.read_all(), tlsxx::ssl_eof_error);
    }
    SECTION("the system") {
        test.wire.read_error = reset;
        CHECK_THROWS_AS(stream.read_all(), tlsxx::ssl_syscall_error);
    }
    SECTION("the engine") {
        test.wire.input = "?";
        try {
            stream.read_all();
            FAIL("nothing was thrown");
        } catch (const tlsxx::ssl_error& error) {
            CHECK(error.code() == errc::protocol_error);
            CHECK(error.library() == "MOCK");
            CHECK(error.reason() == "BROKEN_RECORD");
            CHECK(std::string_view{error.what()}.find("BROKEN_RECORD") != std::string_view::npos);
            CHECK(std::string_view{error.what()}.find("decode_error") != std::string_view::npos);
        }
    }
}

TEST_CASE("stream: a refused certificate is thrown with its reasons") {
    mock_case test;
    auto stream = test.open();
    auto* engine = stream.native_handle();
    engine->verdict.refuse(tlsxx::verify_code::cert_has_expired);
    engine->verdict.add({1, tlsxx::verify_code::cert_has_expired, "expired", "engine", {}});
    CHECK(stream.verification().code() == tlsxx::verify_code::cert_has_expired);
    tlsxx::error_info info{errc::verification_failed};
    CHECK_THROWS_AS(tlsxx::detail::raise(info, &stream.verification()), tlsxx::certificate_error);
    try {
        tlsxx::detail::raise(info, &stream.verification());
    } catch (const tlsxx::ssl_cert_verification_error& error) {
        const auto copy = error;
        CHECK(copy.verify_code() == tlsxx::verify_code::cert_has_expired);
        CHECK(copy.verify_message() == "expired");
        REQUIRE(copy.verification().reasons().size() == 1);
        CHECK(copy.verification().reasons()[0].depth == 1);
    }
}

TEST_CASE("stream: the records of one write leave together, 64 KiB at a time") {
    mock_case test;
    auto stream = test.open_established();
    const std::size_t record = mock::record_payload;
    stream.native_handle()->record = record;
    const auto calls_of = [&](std::size_t size) {
        const int before = test.wire.write_calls;
        test.wire.output.clear();
        const std::string text(size, 'x');
        CHECK(stream.write_all(bytes(text), test.ec) == size);
        CHECK_FALSE(test.ec);
        std::string records;
        for (std::size_t left = size; left != 0; left -= std::min(left, record))
            records += std::string(std::min(left, record), 'x') + "|";
        CHECK((test.wire.output == records));
        CHECK_FALSE(stream.wants_write());
        return test.wire.write_calls - before;
    };
    CHECK(calls_of(1) == 1);
    CHECK(calls_of(record) == 1);
    CHECK(calls_of(record + 1) == 1);
    CHECK(calls_of(65536) == 1);
    CHECK(calls_of(65537) == 2);
    CHECK(calls_of(10 * 65536) == 10);
    CHECK(test.read(stream).empty());
    CHECK(test.ec == errc::want_read);
}

TEST_CASE("stream: a group of records that blocks is done as a whole, and each byte leaves once") {
    mock_case test;
    auto stream = test.open_established();
    stream.native_handle()->record = mock::record_payload;
    const std::string text(40'000, 'x');
    test.wire.room = 20'000;
    CHECK(stream.write_all(bytes(text), test.ec) == 0);
    CHECK(test.ec == errc::want_write);
    CHECK(test.wire.output.size() == 20'000);
    test.wire.room = 0;
    CHECK(stream.write_all(bytes(text).first(39'999), test.ec) == 0);
    CHECK(test.ec == errc::bad_write_retry);
    test.wire.room = fake_wire::unlimited;
    CHECK(stream.write_all(bytes(text), test.ec) == text.size());
    CHECK(test.wire.output.size() == 40'003);
}

TEST_CASE("stream: an engine whose records are tiny writes a group all the same") {
    mock_case test;
    auto stream = test.open_established();
    stream.native_handle()->record = 1; // each with a byte around it
    const std::string text(70'000, 'x');
    SECTION("at once") {
        CHECK(stream.write_all(bytes(text), test.ec) == text.size());
        CHECK_FALSE(test.ec);
    }
    SECTION("blocked") {
        test.wire.room = 100;
        std::size_t sent = 0;
        for (int i = 0; i != 4000 && sent != text.size(); ++i) {
            sent += stream.write_all(bytes(text).subspan(sent), test.ec);
            REQUIRE((!test.ec || test.ec == errc::want_write));
            test.wire.room = 5000;
        }
        CHECK(sent == text.size());
    }
    CHECK(test.wire.output.size() == 2 * text.size());
}

TEST_CASE("stream: a write that blocks asks the transport once") {
    mock_case test;
    auto stream = test.open_established();
    test.wire.room = 0;
    const int before = test.wire.write_calls;
    CHECK(test.write(stream, "data") == 0);
    CHECK(test.ec == errc::want_write);
    CHECK(test.wire.write_calls == before + 1);
}
