// SPDX-License-Identifier: BSL-1.0
#pragma once

// A client and a server of any two engines, joined by a pipe in memory and driven in one thread.

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <catch2/catch_test_macros.hpp>

#include <tlsxx/errc.hpp>

#include <support/cases.hpp>
#include <support/engines.hpp>
#include <support/fault_transport.hpp>
#include <support/pki.hpp>

namespace test {

using tlsxx::errc;
using tlsxx::wrap_options;

inline bool would_block(const std::error_code& ec) {
    return ec == errc::want_read || ec == errc::want_write;
}

// Calls both in turn until both have said that they are done. False if that never comes.
template <class A, class B>
bool alternate(A&& a, B&& b, int most_calls = 400'000) {
    bool a_done = false, b_done = false;
    for (int i = 0; i != most_calls; ++i) {
        a_done = a_done || a();
        b_done = b_done || b();
        if (a_done && b_done)
            return true;
    }
    return false;
}

inline context_ptr make_client(engine e, tlsxx::tls_version only = tlsxx::tls_version::tls_1_3,
                               const std::string& anchors = "root.pem") {
    std::error_code ec;
    auto context = make_context(e, tlsxx::protocol::tls_client, ec);
    REQUIRE_FALSE(ec);
    if (!anchors.empty())
        context->load_verify_locations({.cafile = pki(anchors)}, ec);
    REQUIRE_FALSE(ec);
    context->set_minimum_version(only, ec);
    context->set_maximum_version(only, ec);
    REQUIRE_FALSE(ec);
    return context;
}
inline context_ptr make_server(engine e, tlsxx::tls_version only = tlsxx::tls_version::tls_1_3,
                               const std::string& identity = "good") {
    std::error_code ec;
    auto context = make_context(e, tlsxx::protocol::tls_server, ec);
    REQUIRE_FALSE(ec);
    if (!identity.empty())
        context->load_cert_chain(
            {.certfile = pki(identity + "-chain.pem"), .keyfile = pki(identity + ".key")}, ec);
    INFO(context->last_error().what());
    REQUIRE_FALSE(ec);
    context->set_minimum_version(only, ec);
    context->set_maximum_version(only, ec);
    REQUIRE_FALSE(ec);
    return context;
}

struct connection_plan {
    std::string identity = "good"; // of the server
    std::string anchors = "root.pem";
    std::string host = "localhost";
    wrap_options client{};
    wrap_options server{};
    faults client_faults{};
    faults server_faults{};
    std::size_t capacity = no_limit; // of the pipe, each way
    std::function<void(any_context& client, any_context& server)> prepare{};
};

class connection {
public:
    explicit connection(const pairing& with, connection_plan plan = {}) {
        auto client_context = make_client(with.client, with.version, plan.anchors);
        auto server_context = make_server(with.server, with.version, plan.identity);
        if (plan.prepare)
            plan.prepare(*client_context, *server_context);
        open(*client_context, *server_context, std::move(plan));
    }
    connection(const any_context& client_context, const any_context& server_context,
               connection_plan plan = {}) {
        open(client_context, server_context, std::move(plan));
    }

    stream_ptr client, server;
    std::error_code client_ec, server_ec; // of the handshake

    // True if it succeeds on both sides. A side that fails goes, as a program would.
    bool handshake() {
        const auto side = [](any_stream& stream, std::error_code& ec) {
            return [&stream, &ec] {
                stream.handshake(ec);
                if (would_block(ec))
                    return false;
                if (ec)
                    stream.pipe().end_output();
                return true;
            };
        };
        if (!alternate(side(*client, client_ec), side(*server, server_ec)))
            FAIL("the handshake does not end");
        return !client_ec && !server_ec;
    }
    // The same, where nothing else is expected.
    connection& up() {
        const bool done = handshake();
        INFO("client: " << client_ec.message() << "; " << client->last_error().what());
        INFO("server: " << server_ec.message() << "; " << server->last_error().what());
        REQUIRE(done);
        return *this;
    }

private:
    void open(const any_context& client_context, const any_context& server_context,
              connection_plan plan) {
        pipe_pair pipes{plan.client_faults, plan.server_faults};
        pipes.client.set_capacity(plan.capacity);
        pipes.server.set_capacity(plan.capacity);
        plan.client.server_hostname = plan.host;
        plan.client.handshake = plan.server.handshake = tlsxx::deferred;
        std::error_code ec;
        client = client_context.wrap(std::move(pipes.client), plan.client, ec);
        INFO(client->last_error().what());
        REQUIRE_FALSE(ec);
        server = server_context.wrap(std::move(pipes.server), plan.server, ec);
        INFO(server->last_error().what());
        REQUIRE_FALSE(ec);
    }
};

// Text whose every part can be told from every other.
inline std::string pattern(std::size_t size) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i != size; ++i)
        text[i] = static_cast<char>((i * 2654435761U >> 13) ^ i);
    return text;
}

// What `from` writes and `to` reads, driven in turn. Not whole if one of them fails.
inline std::string transfer(any_stream& from, any_stream& to, std::string_view text,
                            std::size_t read_size = 16384) {
    std::string got, buffer(read_size, '\0');
    std::size_t sent = 0;
    std::error_code write_ec, read_ec;
    alternate(
        [&] {
            sent += from.write_all(text.substr(sent), write_ec);
            return sent == text.size() || !would_block(write_ec);
        },
        [&] {
            const std::size_t n = to.read_some(std::as_writable_bytes(std::span{buffer}), read_ec);
            got.append(buffer, 0, n);
            return got.size() >= text.size() || (n == 0 && !would_block(read_ec));
        });
    INFO("write: " << write_ec.message() << ", read: " << read_ec.message());
    CHECK(sent == text.size());
    return got;
}

// Both sides write and read at once, each driven in turn; the handshake is done on the way. True if
// both got what the other had for them.
inline bool exchange(any_stream& client, any_stream& server, std::string_view up,
                     std::string_view down) {
    struct half {
        any_stream& stream;
        std::string_view out;
        std::string_view expected;
        std::size_t sent = 0;
        std::string got{};

        bool step() {
            std::error_code ec;
            if (sent != out.size())
                sent += stream.write_all(out.substr(sent), ec);
            std::byte buffer[4096];
            const std::size_t n = stream.read_some(buffer, ec);
            got += text_of({buffer, n});
            return sent == out.size() && got.size() >= expected.size();
        }
    };
    half a{client, up, down}, b{server, down, up};
    return alternate([&] { return a.step(); }, [&] { return b.step(); }) && a.got == down &&
           b.got == up;
}

// One read that finds all it needs in flight.
inline std::string read_once(any_stream& stream, std::error_code& ec, std::size_t size = 16384) {
    std::string buffer(size, '\0');
    buffer.resize(stream.read_some(std::as_writable_bytes(std::span{buffer}), ec));
    return buffer;
}

} // namespace test
