// SPDX-License-Identifier: BSL-1.0
#pragma once

// Streams over the mock engine and transports that do as they are told.

#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <tlsxx/context.hpp>

#include <support/mock_backend.hpp>

namespace test {

using tlsxx::byte_view;
using tlsxx::errc;
using tlsxx::step;
using tlsxx::want;
using tlsxx::wrap_options;
using calls = std::vector<std::string>;

inline byte_view bytes(std::string_view text) {
    return std::as_bytes(std::span{text});
}

template <class Transport = fake_transport>
struct mock_case {
    using stream_type = tlsxx::basic_stream<mock, Transport>;

    mock_case() { mock::next = {}; }

    fake_wire wire;
    std::error_code ec;

    // A stream whose handshake is still to be done; as a server it needs no name and no anchors.
    stream_type open(wrap_options options = {}) {
        options.handshake = tlsxx::deferred;
        tlsxx::basic_context<mock> context{tlsxx::protocol::tls_server};
        auto stream = context.wrap(Transport{wire}, options, ec);
        REQUIRE_FALSE(ec);
        return stream;
    }
    // A stream whose handshake is done.
    stream_type open_established(wrap_options options = {}) {
        auto stream = open(options);
        stream.handshake(ec);
        REQUIRE_FALSE(ec);
        stream.native_handle()->calls.clear();
        return stream;
    }

    template <class Stream>
    std::string read(Stream& stream, std::size_t size = 100) {
        std::string text(size, '\0');
        text.resize(stream.read_some(std::as_writable_bytes(std::span{text}), ec));
        return text;
    }
    template <class Stream>
    std::size_t write(Stream& stream, std::string_view text) {
        return stream.write_some(bytes(text), ec);
    }
};

inline mock_call answers(want next) {
    return [=](tlsxx::bound_transport&) { return mock_answer(next); };
}
// The engine reads one byte and says what follows from the transport's answer.
inline mock_call reads_a_byte() {
    return [](tlsxx::bound_transport& t) -> step {
        std::byte one{};
        if (t.read({&one, 1}) == 0)
            return mock_engine::wants(t);
        return {0, one == std::byte{'?'} ? want::failed : want::nothing};
    };
}
// The engine writes something of its own, then answers.
inline mock_call sends(std::string text, want next) {
    return [=](tlsxx::bound_transport& t) {
        t.write(bytes(text));
        return mock_answer(next);
    };
}
// The same, then reads a byte.
inline mock_call sends_and_reads(std::string text) {
    return [text = std::move(text)](tlsxx::bound_transport& t) {
        t.write(bytes(text));
        return reads_a_byte()(t);
    };
}

} // namespace test
