// SPDX-License-Identifier: BSL-1.0
// What lies between engine and transport: the two spills, and the binding that lends them out.

#include <cerrno>

#include <support/mock_stream.hpp>

using namespace test;
using tlsxx::bound_transport;
using tlsxx::detail::spill;
using tlsxx::detail::wire;

namespace {

std::string text_of(std::span<const std::byte> data) {
    return {reinterpret_cast<const char*>(data.data()), data.size()};
}
std::string read(bound_transport& bound, std::size_t size) {
    std::string text(size, '\0');
    text.resize(bound.read(std::as_writable_bytes(std::span{text})));
    return text;
}

} // namespace

TEST_CASE("spill: it holds nothing until it is used, and nothing when it is released") {
    spill s;
    CHECK(s.empty());
    CHECK(s.capacity() == 0);
    CHECK(s.append({}));
    CHECK(s.capacity() == 0);
    CHECK(s.append(bytes("x")));
    CHECK(s.capacity() == 4096);
    s.release();
    CHECK(s.empty());
    CHECK(s.capacity() == 0);
}

TEST_CASE("spill: bytes come out in the order in which they went in, however it grows") {
    spill s;
    std::string expected, sent;
    unsigned next = 0;
    std::size_t largest = 0;
    for (std::size_t round = 1; round != 400; ++round) {
        std::string piece;
        for (std::size_t i = 0; i != round % 97 * 31; ++i)
            piece += static_cast<char>(next++ % 251);
        expected += piece;
        REQUIRE(s.append(bytes(piece)));
        const std::size_t take = std::min(s.size(), round * 53 % 4099);
        sent += text_of(s.bytes().first(take));
        s.consume(take);
        largest = std::max(largest, s.capacity());
    }
    sent += text_of(s.bytes());
    CHECK((sent == expected));
    CHECK(largest < 2 * 65536); // consumed room is used again
}

TEST_CASE("spill: moving takes the bytes along") {
    spill a;
    REQUIRE(a.append(bytes("bytes")));
    a.consume(2);
    spill b{std::move(a)};
    CHECK(text_of(b.bytes()) == "tes");
    CHECK(a.empty()); // NOLINT: that is what is tested
    CHECK(a.capacity() == 0);
    a = std::move(b);
    CHECK(text_of(a.bytes()) == "tes");
    CHECK(b.empty()); // NOLINT
}

TEST_CASE("bound transport: a small read takes more from the transport if the stream keeps it") {
    fake_wire io;
    fake_transport transport{io};
    wire w;
    bound_transport bound{w, transport};
    io.input = "0123456789";
    SECTION("it does not") {
        CHECK(read(bound, 3) == "012");
        CHECK_FALSE(bound.has_over_read());
        CHECK(read(bound, 3) == "345");
        CHECK(io.read_calls == 2);
    }
    SECTION("it does") {
        w.keep_over_read = true;
        CHECK(read(bound, 3) == "012");
        CHECK(bound.has_over_read());
        CHECK(read(bound, 3) == "345");
        CHECK(read(bound, 30) == "6789"); // what is held, and no more for now
        CHECK(io.read_calls == 1);
        CHECK_FALSE(bound.has_over_read());
        CHECK(read(bound, 3).empty());
        CHECK(bound.read_blocked());
    }
    SECTION("a large read is the transport's own") {
        w.keep_over_read = true;
        io.input = std::string(10'000, 'x');
        CHECK(read(bound, 8000).size() == 8000);
        CHECK_FALSE(bound.has_over_read());
        CHECK(w.input.capacity() == 0);
    }
}

TEST_CASE("bound transport: it says why there is nothing to read") {
    fake_wire io;
    fake_transport transport{io};
    wire w;
    bound_transport bound{w, transport};
    SECTION("blocked: only for the last read") {
        CHECK(read(bound, 3).empty());
        CHECK(bound.read_blocked());
        io.input = "x";
        CHECK(read(bound, 3) == "x");
        CHECK_FALSE(bound.read_blocked());
    }
    SECTION("ended: the transport is not asked again") {
        io.ended = true;
        CHECK(read(bound, 3).empty());
        CHECK(bound.ended());
        io.input = "ghost";
        CHECK(read(bound, 3).empty());
        CHECK_FALSE(bound.read_blocked());
    }
    SECTION("ended, as nothing and no error") {
        struct silent : fake_transport {
            using fake_transport::fake_transport;
            tlsxx::io_result read_some(std::span<std::byte>) noexcept { return {}; }
        } none{io};
        bound_transport other{w, none};
        CHECK(read(other, 3).empty());
        CHECK(other.ended());
    }
    SECTION("failed: it claims to have read more than there is room for") {
        struct liar : fake_transport {
            using fake_transport::fake_transport;
            tlsxx::io_result read_some(std::span<std::byte> buffer) noexcept {
                return {buffer.size() + 1, {}};
            }
        } more{io};
        w.keep_over_read = GENERATE(false, true);
        bound_transport other{w, more};
        CHECK(read(other, 3).empty());
        CHECK(other.error() == std::errc::io_error);
        CHECK(w.input.empty());
    }
    SECTION("failed: the transport is not asked again") {
        io.read_error = {ECONNRESET, std::system_category()};
        CHECK(read(bound, 3).empty());
        CHECK(bound.error() == std::errc::connection_reset);
        CHECK_FALSE(bound.ended());
        io.read_error = {};
        io.input = "ghost";
        CHECK(read(bound, 3).empty());
        CHECK(io.read_calls == 1);
    }
}

TEST_CASE("bound transport: output is in order, whatever the transport takes of it") {
    fake_wire io;
    fake_transport transport{io};
    wire w;
    {
        bound_transport bound{w, transport};
        io.room = 5;
        bound.write(bytes("first part"));
        CHECK(io.output == "first");
        CHECK(text_of(w.output.bytes()) == " part");
        io.room = 3;
        bound.write(bytes(", second")); // behind what waits, without trying
        CHECK(io.write_calls == 2);
    }
    bound_transport bound{w, transport};
    io.room = 2;
    CHECK_FALSE(bound.flush());
    CHECK(io.output == "first p");
    CHECK_FALSE(w.write_error);
    io.room = fake_wire::unlimited;
    const int calls = io.write_calls;
    CHECK_FALSE(bound.flush()); // not asked again before somebody has waited
    CHECK(io.write_calls == calls);
    bound.resume();
    CHECK(bound.flush());
    CHECK(io.output == "first part, second");
    CHECK(w.output.capacity() == 0); // freed when drained
}

TEST_CASE("bound transport: replies that nobody reads are limited to 16 KiB, a write is not") {
    fake_wire io;
    fake_transport transport{io};
    io.room = 0;
    wire w;
    const std::string full(16384, 'x');
    SECTION("the limit") {
        bound_transport bound{w, transport};
        bound.write(bytes(full));
        CHECK_FALSE(w.write_error);
        bound.write(bytes("x"));
        CHECK(w.write_error == errc::output_overflow);
    }
    SECTION("lifted for the one call in which the application writes") {
        {
            bound_transport bound{w, transport};
            bound.allow_output(2 * full.size());
            bound.write(bytes(full));
            bound.write(bytes(full));
            bound.write(bytes(full));
            CHECK_FALSE(w.write_error);
            bound.write(bytes("x"));
            CHECK(w.write_error == errc::output_overflow);
        }
    }
    SECTION("after a loss nothing is kept") {
        io.write_error = {EPIPE, std::system_category()};
        bound_transport bound{w, transport};
        bound.write(bytes(full));
        bound.write(bytes(full));
        CHECK(w.write_error == std::errc::broken_pipe);
        CHECK(w.output.empty());
        CHECK(io.write_calls == 1);
    }
}
