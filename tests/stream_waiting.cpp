// SPDX-License-Identifier: BSL-1.0
// How basic_stream waits over a transport that can: for what the engine wants, within one deadline
// for the whole operation.

#include <cerrno>
#include <utility>

#include <support/mock_stream.hpp>

using namespace test;
using tlsxx::direction;

namespace {

using waiting_case = mock_case<waiting_transport>;

// Each wait for input brings the next piece of it; when there is none left it is a time-out. Each
// wait for output makes room for five bytes.
auto brings(fake_wire& wire, std::deque<std::string> pieces) {
    return [&wire, pieces = std::move(pieces)](direction wanted) mutable -> std::error_code {
        if (wanted == direction::write) {
            wire.room = 5;
            return {};
        }
        if (pieces.empty())
            return make_error_code(errc::timed_out);
        wire.input += pieces.front();
        pieces.pop_front();
        return {};
    };
}

} // namespace

TEST_CASE("stream: an operation that need not wait asks for no deadline") {
    waiting_case test;
    auto stream = test.open_established();
    test.wire.input = "data|";
    CHECK(test.read(stream) == "data");
    CHECK(test.write(stream, "data") == 4);
    stream.close_notify(test.ec);
    CHECK_FALSE(test.ec);
    CHECK(test.wire.operations == 0);
    CHECK(test.wire.waits.empty());
}

TEST_CASE("stream: a handshake waits in both directions, within one deadline") {
    waiting_case test;
    auto stream = test.open();
    stream.native_handle()->handshakes = {sends("hello", want::read), sends("more", want::read),
                                          sends("end", want::nothing)};
    test.wire.room = 2;
    test.wire.on_wait = brings(test.wire, {"x", "y"});
    stream.handshake(test.ec);
    CHECK_FALSE(test.ec);
    CHECK(test.wire.output == "hellomoreend");
    std::string waits;
    for (const auto& wait : test.wire.waits) {
        waits += wait.wanted == direction::read ? 'r' : 'w';
        CHECK(wait.operation == 1);
    }
    CHECK(waits == "wrwr"); // he, llo, mo, re, end
    CHECK(test.wire.operations == 1);
}

TEST_CASE("stream: one deadline bounds a read that comes in small pieces, and each has its own") {
    waiting_case test;
    auto stream = test.open_established();
    test.wire.on_wait = brings(test.wire, {"a", "b", "c", "|"});
    CHECK(test.read(stream) == "abc");
    CHECK(test.wire.waits.size() == 4);
    CHECK(test.wire.operations == 1);
    for (const auto& wait : test.wire.waits) {
        CHECK(wait.wanted == direction::read);
        CHECK(wait.operation == 1);
    }
    CHECK(test.read(stream).empty());
    CHECK(test.ec == errc::timed_out);
    CHECK(test.wire.operations == 2);
}

TEST_CASE("stream: one deadline bounds read_exactly, read_all and write_all as a whole") {
    waiting_case test;
    auto stream = test.open_established();
    std::byte buffer[4];
    std::string text;
    SECTION("read_exactly") {
        test.wire.on_wait = brings(test.wire, {"ab|", "cd|"});
        CHECK(stream.read_exactly(buffer, test.ec) == 4);
    }
    SECTION("read_all") {
        test.wire.on_wait = brings(test.wire, {"ab|", "cd|", "!"});
        stream.read_all(text, test.ec);
        CHECK(text == "abcd");
    }
    SECTION("write_all") {
        test.wire.room = 7;
        test.wire.on_wait = brings(test.wire, {});
        CHECK(stream.write_all("0123456789abcdef0123456789ABCDEF", test.ec) == 32);
        CHECK(test.wire.output == "0123456789abcdef|0123456789ABCDEF|");
    }
    CHECK_FALSE(test.ec);
    CHECK(test.wire.waits.size() >= 2);
    CHECK(test.wire.operations == 1);
}

TEST_CASE("stream: a time-out breaks nothing: the operation is simply called again") {
    waiting_case test;
    auto stream = test.open_established();
    SECTION("read") {
        test.wire.input = "da";
        CHECK(test.read(stream).empty());
        CHECK(test.ec == errc::timed_out);
        CHECK(stream.last_error().code() == errc::timed_out);
        test.wire.input += "ta|";
        CHECK(test.read(stream) == "data");
    }
    SECTION("write") {
        test.wire.room = 2;
        CHECK(test.write(stream, "data") == 0);
        CHECK(test.ec == errc::timed_out);
        CHECK(stream.wants_write());
        test.wire.room = fake_wire::unlimited;
        CHECK(test.write(stream, "data") == 4);
        CHECK(test.wire.output == "data|");
    }
    SECTION("close") {
        test.wire.room = 0;
        stream.close_notify(test.ec);
        CHECK(test.ec == errc::timed_out);
        test.wire.room = fake_wire::unlimited;
        stream.close_notify(test.ec);
        CHECK_FALSE(test.ec);
        CHECK(test.wire.output == "!");
    }
}

TEST_CASE("stream: what a wait says is what the operation says") {
    waiting_case test;
    auto stream = test.open_established();
    SECTION("set not to wait") {
        test.wire.on_wait = [](direction d) {
            return make_error_code(d == direction::read ? errc::want_read : errc::want_write);
        };
        CHECK(test.read(stream).empty());
        CHECK(test.ec == errc::want_read);
        test.wire.room = 0;
        CHECK(test.write(stream, "x") == 0);
        CHECK(test.ec == errc::want_write);
    }
    SECTION("cancelled") {
        test.wire.on_wait = [](direction) { return make_error_code(errc::cancelled); };
        CHECK(test.read(stream).empty());
        CHECK(test.ec == errc::cancelled);
        test.wire.input = "data|";
        CHECK(test.read(stream) == "data");
    }
    SECTION("a failure of the system") {
        test.wire.on_wait = [](direction) { return std::error_code{EIO, std::system_category()}; };
        CHECK(test.read(stream).empty());
        CHECK(test.ec == std::errc::io_error);
    }
}

TEST_CASE("stream: a wait that was for nothing is repeated, not trusted") {
    waiting_case test;
    auto stream = test.open_established();
    int left = 3;
    test.wire.on_wait = [&](direction) -> std::error_code {
        if (--left == 0)
            test.wire.input = "data|";
        return {};
    };
    CHECK(test.read(stream) == "data");
    CHECK(test.wire.waits.size() == 3);
}

TEST_CASE("stream: a read that finds its output blocked waits for both, and sends") {
    waiting_case test;
    auto stream = test.open_established();
    test.wire.room = 0;
    CHECK(test.write(stream, "data") == 0);
    CHECK(test.ec == errc::timed_out);
    test.wire.waits.clear();
    test.wire.on_wait = [&](direction) {
        if (test.wire.room == 0)
            test.wire.room = fake_wire::unlimited;
        else
            test.wire.input = "x|";
        return std::error_code{};
    };
    CHECK(test.read(stream) == "x");
    REQUIRE(test.wire.waits.size() == 2);
    CHECK(test.wire.waits[0].wanted == direction::both);
    CHECK(test.wire.waits[1].wanted == direction::read);
    CHECK(test.wire.output == "data|");
}

TEST_CASE("stream: a peer that never stops sending can't prolong a shutdown") {
    waiting_case test;
    auto stream = test.open_established();
    for (int i = 0; i != 10'000; ++i)
        test.wire.input += "x|";
    // Ready each time, until the deadline is over.
    int ready = 3;
    test.wire.on_wait = [&](direction) {
        return ready-- > 0 ? std::error_code{} : make_error_code(errc::timed_out);
    };
    stream.shutdown(test.ec);
    CHECK(test.ec == errc::timed_out);
    CHECK(test.wire.waits.size() == 4);
    CHECK(test.wire.operations == 1);
    CHECK(test.wire.waits.back().operation == 1);
}

TEST_CASE("stream: a shutdown that can't wait drops 1 MiB, and gives control back") {
    const auto floods = [](auto& test) {
        auto stream = test.open_established();
        for (int i = 0; i != 20'000; ++i)
            test.wire.input += "x|";
        stream.shutdown(test.ec);
        CHECK(test.ec == errc::message_too_large);
        CHECK_FALSE(test.wire.input.empty());
        // It goes on, if it is asked to.
        stream.shutdown(test.ec);
        CHECK(test.ec == errc::want_read);
        test.wire.input += "!";
        stream.shutdown(test.ec);
        CHECK_FALSE(test.ec);
    };
    SECTION("since it has no wait") {
        mock_case<> test;
        floods(test);
    }
    SECTION("since it is told not to") {
        waiting_case test;
        test.wire.on_wait = [](direction) { return make_error_code(errc::want_read); };
        floods(test);
    }
}

TEST_CASE("stream: shutdown with a time-out of its own leaves the transport's as it was") {
    waiting_case test;
    auto stream = test.open_established();
    int seen = 0;
    test.wire.on_wait = [&](direction) {
        seen = stream.transport().timeout();
        test.wire.input = "!";
        return std::error_code{};
    };
    stream.shutdown(5, test.ec);
    CHECK_FALSE(test.ec);
    CHECK(seen == 5);
    CHECK(stream.transport().timeout() == 30);
    stream.shutdown(-1, test.ec);
    CHECK(test.ec == errc::invalid_argument);
    CHECK(stream.transport().timeout() == 30);
}

TEST_CASE("stream: a transport that is set not to wait still has deadlines of zero length") {
    waiting_case test;
    auto stream = test.open();
    stream.native_handle()->handshakes = {answers(want::read)};
    test.wire.on_wait = [](direction) { return make_error_code(errc::want_read); };
    stream.handshake(test.ec);
    CHECK(test.ec == errc::want_read);
    stream.handshake(test.ec);
    CHECK_FALSE(test.ec);
}
