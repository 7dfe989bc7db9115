// SPDX-License-Identifier: BSL-1.0

#include <array>
#include <cstddef>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include <tlsxx/memory_transport.hpp>

#include "support/fault_transport.hpp"

using test::bytes_of;
using test::text_of;
using tlsxx::errc;

namespace {

std::string read(tlsxx::memory_transport& pipe, std::size_t most, std::error_code& ec) {
    std::vector<std::byte> buffer(most);
    const tlsxx::io_result result = pipe.read_some(buffer);
    ec = result.ec;
    return text_of(std::span{buffer}.first(result.n));
}

} // namespace

TEST_CASE("memory_transport: what is put in is read in order, in any pieces") {
    tlsxx::memory_transport pipe;
    std::error_code ec;
    pipe.put_incoming("abc");
    pipe.put_incoming(bytes_of("def"));
    CHECK(text_of(pipe.incoming()) == "abcdef");
    CHECK(read(pipe, 2, ec) == "ab");
    pipe.put_incoming("gh");
    CHECK(read(pipe, 100, ec) == "cdefgh");
    CHECK(!ec);
    CHECK(pipe.incoming().empty());
}

TEST_CASE("memory_transport: without input a read would block, at the end it ends") {
    tlsxx::memory_transport pipe;
    std::error_code ec;
    CHECK(read(pipe, 10, ec).empty());
    CHECK(ec == errc::want_read);
    pipe.put_incoming("last");
    pipe.put_end_of_stream();
    CHECK(read(pipe, 10, ec) == "last");
    CHECK(!ec);
    CHECK(read(pipe, 10, ec).empty());
    CHECK(ec == errc::end_of_stream);
    CHECK(read(pipe, 10, ec).empty());
    CHECK(ec == errc::end_of_stream);
}

TEST_CASE("memory_transport: an empty put says nothing") {
    tlsxx::memory_transport pipe;
    std::error_code ec;
    pipe.put_incoming("");
    pipe.put_incoming(std::span<const std::byte>{});
    read(pipe, 1, ec);
    CHECK(ec == errc::want_read);
}

TEST_CASE("memory_transport: output is taken whole, or seen and dropped in parts") {
    tlsxx::memory_transport pipe;
    CHECK(pipe.take_outgoing().empty());
    CHECK(pipe.write_some(bytes_of("hello ")).n == 6);
    CHECK(pipe.write_some(bytes_of("world")).n == 5);
    CHECK(text_of(pipe.outgoing()) == "hello world");
    pipe.drop_outgoing(6);
    CHECK(text_of(pipe.outgoing()) == "world");
    CHECK(pipe.write_some(bytes_of("!")).n == 1);
    CHECK(pipe.take_outgoing() == "world!");
    CHECK(pipe.outgoing().empty());
    CHECK(pipe.take_outgoing().empty());
    pipe.write_some(bytes_of("abc"));
    pipe.drop_outgoing(100);
    CHECK(pipe.outgoing().empty());
}

TEST_CASE("memory_transport: a capacity makes writes block until output is taken") {
    tlsxx::memory_transport pipe{4};
    tlsxx::io_result result = pipe.write_some(bytes_of("abcdef"));
    CHECK(result.n == 4);
    CHECK(!result.ec);
    result = pipe.write_some(bytes_of("ef"));
    CHECK(result.n == 0);
    CHECK(result.ec == errc::want_write);
    pipe.drop_outgoing(1);
    CHECK(pipe.write_some(bytes_of("ef")).n == 1);
    CHECK(pipe.take_outgoing() == "bcde");
    CHECK(pipe.write_some({}).ec == std::error_code{});
}

TEST_CASE("memory_transport: moving takes everything along and leaves an empty one") {
    tlsxx::memory_transport pipe;
    std::error_code ec;
    pipe.put_incoming("xincoming");
    read(pipe, 1, ec);
    pipe.write_some(bytes_of("youtgoing"));
    pipe.drop_outgoing(1);
    tlsxx::memory_transport other{std::move(pipe)};
    CHECK(text_of(other.incoming()) == "incoming");
    CHECK(text_of(other.outgoing()) == "outgoing");
    CHECK(pipe.incoming().empty()); // NOLINT: this is the promise
    CHECK(pipe.outgoing().empty());
    pipe.put_incoming("new");
    CHECK(read(pipe, 9, ec) == "new");
    pipe = std::move(other);
    CHECK(text_of(pipe.incoming()) == "incoming");
    CHECK(pipe.take_outgoing() == "outgoing");
}

TEST_CASE("memory_transport: random traffic is what it would be in one string") {
    std::mt19937 random{7};
    tlsxx::memory_transport pipe;
    std::string put;
    std::string got;
    std::string written;
    std::string taken;
    std::error_code ec;
    for (int i = 0; i != 20'000; ++i) {
        std::string piece(random() % 40, static_cast<char>('a' + random() % 26));
        switch (random() % 4) {
        case 0:
            pipe.put_incoming(piece);
            put += piece;
            break;
        case 1: got += read(pipe, random() % 60, ec); break;
        case 2:
            pipe.write_some(bytes_of(piece));
            written += piece;
            break;
        default: {
            const std::size_t n = random() % 50;
            const auto seen = pipe.outgoing();
            taken += text_of(seen.first(std::min(n, seen.size())));
            pipe.drop_outgoing(n);
            if (random() % 20 == 0)
                taken += pipe.take_outgoing();
        }
        }
    }
    got += text_of(pipe.incoming());
    taken += pipe.take_outgoing();
    CHECK(got == put);
    CHECK(taken == written);
}

TEST_CASE("pipe_pair: knobs do what they say") {
    std::array<std::byte, 16> buffer{};
    SECTION("one byte at a time") {
        test::pipe_pair pair{{.most = 1}};
        CHECK(pair.server.write_some(bytes_of("ab")).n == 2);
        CHECK(pair.client.read_some(buffer).n == 1);
        CHECK(pair.client.write_some(bytes_of("ab")).n == 1);
    }
    SECTION("every other call blocks") {
        test::pipe_pair pair{{.every_other_blocks = true}};
        CHECK(pair.client.write_some(bytes_of("ab")).ec == errc::want_write);
        CHECK(pair.client.write_some(bytes_of("ab")).n == 2);
        pair.server.write_some(bytes_of("cd"));
        CHECK(pair.client.read_some(buffer).ec == errc::want_read);
        CHECK(pair.client.read_some(buffer).n == 2);
    }
    SECTION("the n-th call fails, and all behind it") {
        test::pipe_pair pair{{.at = 2}};
        CHECK(pair.client.write_some(bytes_of("ab")).n == 2);
        CHECK(pair.client.read_some(buffer).ec == std::errc::connection_reset);
        CHECK(pair.client.write_some(bytes_of("ab")).ec == std::errc::connection_reset);
    }
    SECTION("the n-th read blocks once") {
        test::pipe_pair pair{{.at_read = 1, .what = test::fault::block}};
        pair.server.write_some(bytes_of("cd"));
        CHECK(pair.client.read_some(buffer).ec == errc::want_read);
        CHECK(pair.client.read_some(buffer).n == 2);
    }
    SECTION("the n-th write meets the end") {
        test::pipe_pair pair{{.at_write = 1, .what = test::fault::end}};
        CHECK(pair.client.write_some(bytes_of("ab")).ec == std::errc::broken_pipe);
        CHECK(pair.client.read_some(buffer).ec == errc::end_of_stream);
    }
    SECTION("an end that was announced comes behind the bytes") {
        test::pipe_pair pair;
        pair.client.write_some(bytes_of("ab"));
        pair.client.end_output();
        CHECK(pair.server.read_some(buffer).n == 2);
        CHECK(pair.server.read_some(buffer).ec == errc::end_of_stream);
    }
    SECTION("capacity") {
        test::pipe_pair pair;
        pair.client.set_capacity(3);
        CHECK(pair.client.write_some(bytes_of("abcd")).n == 3);
        CHECK(pair.client.write_some(bytes_of("d")).ec == errc::want_write);
        CHECK(pair.server.read_some(buffer).n == 3);
        CHECK(pair.client.write_some(bytes_of("d")).n == 1);
    }
}
