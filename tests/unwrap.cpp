// SPDX-License-Identifier: BSL-1.0
// TLS that ends while the connection goes on in the clear (STARTTLS and the like): what is behind
// the peer's close_notify comes back whole and in order, however it arrives; on every ordered pair
// of engines, from peers that are nothing but an engine, under TLS 1.2 and 1.3.

#include <future>

#include <tlsxx/socket.hpp>

#include <interop/process.hpp>
#include <support/pump.hpp>
#include <support/raw_engine.hpp>

using namespace test;

namespace {

const connection_plan both_unwrappable{.client = {.unwrappable = true},
                                       .server = {.unwrappable = true}};

std::string take_all(std::deque<std::byte>& bytes) {
    std::string text;
    for (const std::byte b : bytes)
        text += static_cast<char>(b);
    bytes.clear();
    return text;
}

// What `from` sends when it says something, ends TLS, and goes on in the clear at once: one
// segment, that is on its way to `to` and is taken out of the pipe again.
std::string last_segment(any_stream& from, any_stream& to, std::string_view data,
                         std::string_view plain) {
    std::error_code ec;
    read_once(to, ec); // tickets of TLS 1.3, and no data
    REQUIRE(to.pipe().incoming().empty());
    from.write_all(data, ec);
    REQUIRE_FALSE(ec);
    from.close_notify(ec);
    REQUIRE_FALSE(ec);
    to.pipe().inject(bytes_of(plain));
    return take_all(to.pipe().incoming());
}

// Reads data as far as it goes, and gives the reason why it goes no further.
std::error_code read_on(any_stream& stream, std::string& data) {
    std::error_code ec;
    for (std::string part; !(part = read_once(stream, ec)).empty();)
        data += part;
    return ec;
}

// Everything behind TLS: what unwrap gave, and what the transport still has.
std::string plain_text(any_unwrapped& plain) {
    std::string text = std::move(plain.bytes);
    std::byte buffer[999];
    while (const std::size_t n = plain.pipe->read_some(buffer).n)
        text += text_of({buffer, n});
    return text;
}

// Handshakes that need no check of their own.
bool shake_hands(any_stream& client, any_stream& server) {
    const auto side = [](any_stream& stream) {
        return [&stream] {
            std::error_code ec;
            stream.handshake(ec);
            return !would_block(ec);
        };
    };
    return alternate(side(client), side(server)) && client.is_handshake_done() &&
           server.is_handshake_done();
}

} // namespace

PAIR_CASE("unwrap: data, close_notify and plain text in one segment, read at once",
          "[engines:unwrap]") {
    for (const bool to_client : {true, false}) {
        CAPTURE(to_client);
        connection c{with, both_unwrappable};
        c.up();
        any_stream& from = to_client ? *c.server : *c.client;
        any_stream& to = to_client ? *c.client : *c.server;
        const std::string segment = last_segment(from, to, "encrypted", "220 plain again\r\n");
        to.pipe().inject(bytes_of(segment));
        const std::size_t reads = to.pipe().reads();
        std::string data;
        CHECK_FALSE(read_on(to, data));
        CHECK(data == "encrypted");
        std::error_code ec;
        auto plain = to.unwrap(ec);
        CHECK_FALSE(ec);
        REQUIRE(plain);
        CHECK(plain->bytes == "220 plain again\r\n");
        CHECK(plain->pipe->reads() == reads + 1);
        // And the other side, with nothing behind.
        auto other = from.unwrap(ec);
        CHECK_FALSE(ec);
        REQUIRE(other);
        CHECK(other->bytes.empty());
        CHECK(plain->pipe->write_some(bytes_of("thanks")).n == 6);
        CHECK(plain_text(*other) == "thanks");
    }
}

PAIR_CASE("unwrap: the segment may be cut anywhere", "[engines:unwrap]") {
    // Each side in turn is the one that unwraps.
    const std::string data = "data", plain = "plain text";
    std::size_t size = 1;
    for (std::size_t cut = 0; cut <= size; ++cut) {
        const bool to_client = cut % 2 == 0;
        CAPTURE(cut, to_client);
        connection c{with, both_unwrappable};
        c.up();
        any_stream& from = to_client ? *c.server : *c.client;
        any_stream& to = to_client ? *c.client : *c.server;
        const std::string segment = last_segment(from, to, data, plain);
        size = std::max(size, segment.size()); // Mbed TLS pads its records, OpenSSL does not
        const std::size_t first = std::min(cut, segment.size());
        std::string got;
        std::error_code ec;
        to.pipe().inject(bytes_of(segment.substr(0, first)));
        if (read_on(to, got) == errc::want_read) {
            CHECK_FALSE(to.unwrap(ec)); // before its time: no harm is done
            CHECK((ec == errc::want_read || ec == errc::application_data_after_close));
        }
        to.pipe().inject(bytes_of(segment.substr(first)));
        CHECK_FALSE(read_on(to, got));
        CHECK(got == data);
        auto end = to.unwrap(ec);
        CHECK_FALSE(ec);
        REQUIRE(end);
        CHECK(plain_text(*end) == plain);
    }
    CHECK(size > data.size() + plain.size());
}

PAIR_CASE("unwrap: byte by byte, with much data before and much plain text behind",
          "[engines:unwrap]") {
    const std::string data = pattern(40'000), plain = pattern(9'000);
    for (const std::size_t most : {std::size_t{1}, std::size_t{1000}, no_limit}) {
        const bool to_client = most != 1000;
        CAPTURE(most, to_client);
        connection c{with, both_unwrappable};
        c.up();
        any_stream& from = to_client ? *c.server : *c.client;
        any_stream& to = to_client ? *c.client : *c.server;
        const std::string segment = last_segment(from, to, data, plain);
        to.pipe().knobs.most = most;
        to.pipe().inject(bytes_of(segment));
        std::string got;
        CHECK_FALSE(read_on(to, got));
        CHECK((got == data));
        std::error_code ec;
        auto end = to.unwrap(ec);
        CHECK_FALSE(ec);
        REQUIRE(end);
        CHECK((plain_text(*end) == plain));
    }
}

PAIR_CASE("unwrap: without the peer's whole close_notify it is a truncation", "[engines:unwrap]") {
    for (const std::size_t missing : {1U, 8U, 1000U}) { // the last: nothing comes at all
        CAPTURE(missing);
        connection c{with, both_unwrappable};
        c.up();
        const std::string segment = last_segment(*c.server, *c.client, "", "");
        c.client->pipe().inject(
            bytes_of(segment.substr(0, segment.size() - std::min(missing, segment.size()))));
        c.server->pipe().end_output();
        for (int i = 0; i != 3; ++i) {
            std::error_code ec;
            CHECK_FALSE(c.client->unwrap(ec));
            CHECK(ec == errc::stream_truncated);
        }
    }
}

PAIR_CASE("unwrap: a stream that has failed gives nothing back", "[engines:unwrap]") {
    connection c{with, both_unwrappable};
    c.up();
    std::string segment = last_segment(*c.server, *c.client, "data", "plain");
    segment[10] = static_cast<char>(segment[10] ^ 1);
    c.client->pipe().inject(bytes_of(segment));
    std::error_code first, ec;
    CHECK_FALSE(c.client->unwrap(first));
    CHECK(first);
    CHECK_FALSE(would_block(first));
    CHECK_FALSE(c.client->unwrap(ec));
    CHECK(ec == first);
    CHECK(read_once(*c.client, ec).empty());
    CHECK(ec == first);
}

PAIR_CASE("unwrap: what is behind TLS never reaches the reader of a stream that stays",
          "[engines:unwrap]") {
    connection c{with}; // not unwrappable: on OpenSSL its own buffer swallows what is behind
    c.up();
    c.client->pipe().inject(bytes_of(last_segment(*c.server, *c.client, "data", "plain text")));
    std::error_code ec;
    CHECK_FALSE(c.client->unwrap(ec));
    CHECK(ec == errc::not_supported);
    std::string data;
    CHECK_FALSE(read_on(*c.client, data));
    CHECK(data == "data");
    CHECK_FALSE(c.client->unwrap(ec));
    CHECK(ec == errc::not_supported);
    CHECK_FALSE(read_on(*c.client, data));
    CHECK(data == "data");
}

PAIR_CASE("unwrap: the second time there is nothing to unwrap", "") {
    connection c{with, both_unwrappable};
    c.up();
    c.client->pipe().inject(bytes_of(last_segment(*c.server, *c.client, "", "plain")));
    std::error_code ec;
    REQUIRE(c.client->unwrap(ec));
    CHECK_FALSE(c.client->unwrap(ec));
    CHECK(ec == errc::invalid_argument);
    CHECK(read_once(*c.client, ec).empty());
    CHECK(ec == errc::invalid_argument);
    CHECK(c.client->write_all("x", ec) == 0);
    CHECK(ec == errc::invalid_argument);
    CHECK_FALSE(c.client->has_pending());
}

PAIR_CASE("unwrap: where output is blocked, it comes after what was to be sent", "") {
    connection c{with, both_unwrappable};
    c.up();
    c.client->pipe().set_capacity(10);
    std::error_code ec;
    CHECK(c.client->write_some("last words", ec) == 0);
    CHECK(ec == errc::want_write);
    c.client->pipe().inject(bytes_of(last_segment(*c.server, *c.client, "", "plain")));
    CHECK_FALSE(c.client->unwrap(ec));
    CHECK(ec == errc::want_write);
    c.client->pipe().set_capacity(no_limit);
    auto plain = c.client->unwrap(ec);
    CHECK_FALSE(ec);
    REQUIRE(plain);
    CHECK(plain_text(*plain) == "plain");
    plain->pipe->write_some(bytes_of("in the clear"));
    std::string data;
    CHECK_FALSE(read_on(*c.server, data));
    CHECK(data == "last words");
    auto other = c.server->unwrap(ec);
    CHECK_FALSE(ec);
    REQUIRE(other);
    CHECK(plain_text(*other) == "in the clear");
}

PAIR_CASE("unwrap: TLS begins anew over what it gave back", "[engines:initial-bytes]") {
    const auto client_context = make_client(with.client, with.version);
    const auto server_context = make_server(with.server, with.version);
    pipe_pair pipes;
    auto client_pipe = std::make_unique<pipe_end>(std::move(pipes.client));
    auto server_pipe = std::make_unique<pipe_end>(std::move(pipes.server));
    std::string server_has; // read before its time, and handed on
    wrap_options as_client{
        .server_hostname = "localhost", .handshake = tlsxx::deferred, .unwrappable = true};
    std::error_code ec;
    auto client = client_context->wrap(std::move(*client_pipe), as_client, ec);
    for (int session = 0; session != 3; ++session) {
        CAPTURE(session, server_has.size());
        auto server = server_context->wrap(std::move(*server_pipe),
                                           {.handshake = tlsxx::deferred,
                                            .unwrappable = true,
                                            .initial_bytes = bytes_of(server_has)},
                                           ec);
        REQUIRE_FALSE(ec);
        REQUIRE(shake_hands(*client, *server));
        CHECK((transfer(*client, *server, "question") == "question"));
        CHECK((transfer(*server, *client, "answer") == "answer"));
        // The server ends, the client agrees, and its next ClientHello follows in one segment.
        server->close_notify(ec);
        REQUIRE_FALSE(ec);
        auto plain = client->unwrap(ec);
        REQUIRE_FALSE(ec);
        REQUIRE(plain);
        CHECK(plain->bytes.empty());
        client = client_context->wrap(std::move(*plain->pipe), as_client, ec);
        REQUIRE_FALSE(ec);
        client->handshake(ec);
        CHECK(ec == errc::want_read);
        auto again = server->unwrap(ec);
        REQUIRE_FALSE(ec);
        REQUIRE(again);
        server_has = again->bytes;
        CHECK(server_has.starts_with("\x16\x03")); // a handshake record
        server_pipe = std::move(again->pipe);
    }
}

namespace {

// One of ours, in the role that the raw engine has not; both handshakes are done.
struct beside_raw {
    beside_raw(engine ours, engine raw, bool raw_is_server, tlsxx::tls_version version)
        : peer{make_raw(raw, raw_is_server, version)} {
        pipe_pair pipes;
        std::error_code ec;
        const auto context =
            raw_is_server ? make_client(ours, version) : make_server(ours, version);
        stream = context->wrap(std::move(pipes.client),
                               {.server_hostname = raw_is_server ? "localhost" : "",
                                .handshake = tlsxx::deferred,
                                .unwrappable = true},
                               ec);
        REQUIRE_FALSE(ec);
        far = std::make_unique<pipe_end>(std::move(pipes.server));
        const bool done = alternate(
            [&] {
                stream->handshake(ec);
                return !would_block(ec);
            },
            [&] {
                const bool is_done = peer->handshake();
                carry();
                return is_done;
            });
        REQUIRE(done);
        REQUIRE_FALSE(ec);
        carry();
    }

    // Moves what each has for the other; `behind` is in the same segment as what the peer sends.
    void carry(std::string_view behind = {}) {
        peer->put(take_all(far->incoming()));
        far->write_some(bytes_of(peer->take() + std::string{behind}));
    }

    raw_engine_ptr peer;
    stream_ptr stream;
    std::unique_ptr<pipe_end> far;
};

void check_beside_raw(engine on, bool raw_is_server) {
    for (const engine raw : all_engines)
        for (const auto version : both_versions) {
            CAPTURE(name_of(raw), to_string(version));
            beside_raw b{on, raw, raw_is_server, version};
            b.peer->write("encrypted");
            b.peer->close_notify();
            b.carry("plain again");
            std::string data;
            CHECK_FALSE(read_on(*b.stream, data));
            CHECK(data == "encrypted");
            std::error_code ec;
            auto plain = b.stream->unwrap(ec);
            CHECK_FALSE(ec);
            REQUIRE(plain);
            CHECK(plain_text(*plain) == "plain again");
            b.carry();
            CHECK(b.peer->read().empty());
            CHECK(b.peer->is_closed());
        }
}

} // namespace

ENGINE_CASE("unwrap: beside a server that is nothing but an engine", "[engines:unwrap]") {
    check_beside_raw(on, true);
}

ENGINE_CASE("unwrap: beside a client that is nothing but an engine", "[engines:unwrap]") {
    check_beside_raw(on, false);
}

// ---- the other way: bytes of TLS that were read before TLS began

ENGINE_CASE("unwrap: a server may have read any part of the ClientHello",
            "[engines:initial-bytes]") {
    // OpenSSL's client is the faster one, and what the server is given counts.
    for (const auto version : both_versions) {
        const auto client_context = make_client(engine::openssl, version);
        const auto server_context = make_server(on, version);
        for (std::size_t peeked = 0, size = 1; peeked <= size; ++peeked) {
            CAPTURE(to_string(version), peeked);
            pipe_pair pipes;
            std::error_code ec;
            auto client = client_context->wrap(
                std::move(pipes.client),
                {.server_hostname = "localhost", .handshake = tlsxx::deferred}, ec);
            client->handshake(ec);
            const std::string hello = take_all(pipes.server.incoming());
            size = hello.size();
            pipes.server.inject(bytes_of(hello.substr(peeked)));
            auto server = server_context->wrap(
                std::move(pipes.server),
                {.handshake = tlsxx::deferred,
                 .initial_bytes = bytes_of(std::string_view{hello}.substr(0, peeked))},
                ec);
            REQUIRE_FALSE(ec);
            CHECK(shake_hands(*client, *server));
        }
    }
}

// ---- servers that upgrade, beside a client that nobody here wrote

namespace {

constexpr std::chrono::seconds patience{20};

std::string read_line(tlsxx::socket_transport& socket) {
    std::string line; // byte by byte, since what is behind it is not this function's
    std::error_code ec;
    for (std::byte b[1]; !line.ends_with('\n') && socket.receive(b, ec) == 1;)
        line += static_cast<char>(b[0]);
    return line;
}

bool smtp(tlsxx::socket_transport& socket) {
    std::error_code ec;
    socket.send_all("220 here\r\n", ec);
    if (!read_line(socket).starts_with("EHLO "))
        return false;
    socket.send_all("250-here\r\n250 STARTTLS\r\n", ec);
    if (read_line(socket) != "STARTTLS\r\n")
        return false;
    socket.send_all("220 go\r\n", ec);
    return !ec;
}

bool postgres(tlsxx::socket_transport& socket) {
    std::error_code ec;
    std::string request;
    for (std::byte b[1]; request.size() < 8 && socket.receive(b, ec) == 1;)
        request += static_cast<char>(b[0]);
    if (request != std::string_view{"\0\0\0\x08\x04\xd2\x16\x2f", 8})
        return false;
    socket.send_all("S", ec);
    return !ec;
}

} // namespace

ENGINE_CASE("unwrap: a server is upgraded to by openssl s_client -starttls", "") {
    const std::string openssl = find_program("openssl");
    REQUIRE_FALSE(openssl.empty());
    const auto context = make_server(on);
    for (const bool is_smtp : {true, false}) {
        CAPTURE(is_smtp);
        std::error_code ec;
        auto listener = tlsxx::listen({.address = "127.0.0.1"}, ec);
        REQUIRE_FALSE(ec);
        listener.set_timeout(patience, ec);
        auto server = std::async(std::launch::async, [&] {
            std::error_code server_ec;
            auto socket = listener.accept(server_ec);
            socket.set_timeout(patience, server_ec);
            if (server_ec || !(is_smtp ? smtp(socket) : postgres(socket)))
                return std::make_error_code(std::errc::protocol_error);
            auto stream = context->wrap(std::move(socket), {}, server_ec);
            if (!server_ec)
                stream->write_all("welcome to TLS\n", server_ec);
            if (!server_ec)
                stream->shutdown(server_ec);
            return server_ec;
        });
        process client{{openssl, "s_client", "-connect",
                        "127.0.0.1:" + std::to_string(listener.port()), "-starttls",
                        is_smtp ? "smtp" : "postgres", "-CAfile", pki("root.pem"),
                        "-verify_return_error", "-verify_hostname", "localhost", "-quiet"}};
        CHECK(client.prints("welcome to TLS"));
        CHECK_FALSE(server.get());
        INFO(client.printed());
        CHECK(client.exit_status() == 0);
    }
}
