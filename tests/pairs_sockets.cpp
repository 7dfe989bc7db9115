// SPDX-License-Identifier: BSL-1.0
// Streams over sockets, on every ordered pair of engines or on each: blocking, with time-outs, and
// set not to wait; and servers whose slow or hostile peers hold up nobody.
// (Checks are made in the test's own thread alone; others just do their work and give it back.)

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include <tlsxx/error.hpp>
#include <tlsxx/socket.hpp>

#include <support/pump.hpp>
#include <support/socket_tools.hpp>

using namespace test;
using std::chrono::milliseconds;
using tlsxx::socket_transport;

namespace {

// Longer than any pause of a busy machine, shorter than the patience of a test run.
constexpr milliseconds patience{20'000};

struct socket_streams {
    stream_ptr client, server;
};

// Both ends with their handshake done, over a pair of Unix sockets.
socket_streams connected(engine client_engine, engine server_engine,
                         tlsxx::tls_version version = tlsxx::tls_version::tls_1_3,
                         const wrap_options& client_options = {}) {
    auto [a, b] = socket_pair();
    const auto client_context = make_client(client_engine, version);
    const auto server_context = make_server(server_engine, version);
    auto server = std::async(std::launch::async, [&, s = std::move(b)]() mutable {
        std::error_code ec;
        return server_context->wrap(std::move(s), {}, ec);
    });
    wrap_options options = client_options;
    options.server_hostname = "localhost";
    std::error_code ec;
    socket_streams out;
    out.client = client_context->wrap(std::move(a), options, ec);
    out.server = server.get();
    INFO(out.client->last_error().what() << "; " << out.server->last_error().what());
    REQUIRE(out.client->is_handshake_done());
    REQUIRE(out.server->is_handshake_done());
    return out;
}

void set_timeout(any_stream& stream, milliseconds timeout) {
    std::error_code ec;
    stream.socket().set_timeout(timeout, ec);
    REQUIRE_FALSE(ec);
}

tlsxx::socket_listener listen_anywhere() {
    std::error_code ec;
    auto listener = tlsxx::listen({.address = "127.0.0.1"}, ec);
    REQUIRE_FALSE(ec);
    listener.set_timeout(patience, ec);
    return listener;
}

} // namespace

PAIR_CASE("socket: a connection over TCP, a mebibyte both ways, and both ends closed", "") {
    const std::string up = pattern(1 << 20), down = pattern(1'000'000);
    auto listener = listen_anywhere();
    const auto port = listener.port();
    const auto server_context = make_server(with.server, with.version);
    auto server = std::async(std::launch::async, [&] {
        std::error_code ec;
        auto socket = listener.accept(ec);
        auto stream = server_context->wrap(std::move(socket), {}, ec);
        std::string got(up.size(), '\0');
        if (!ec)
            stream->read_exactly(std::as_writable_bytes(std::span{got}), ec);
        if (!ec)
            stream->write_all(down, ec);
        if (!ec)
            stream->shutdown(ec);
        return std::pair{got, ec};
    });
    std::error_code ec;
    auto socket = tlsxx::connect("localhost", port, {.timeout = patience}, ec);
    REQUIRE_FALSE(ec);
    auto client = make_client(with.client, with.version)
                      ->wrap(std::move(socket), {.server_hostname = "localhost"}, ec);
    REQUIRE_FALSE(ec);
    CHECK(client->write_all(up, ec) == up.size());
    std::string got;
    client->read_all(got, ec);
    CHECK_FALSE(ec);
    client->shutdown(ec);
    CHECK_FALSE(ec);
    const auto [server_got, server_ec] = server.get();
    CHECK_FALSE(server_ec);
    CHECK((server_got == up));
    CHECK((got == down));
}

PAIR_CASE("socket: two directions at once, one of them blocked", "") {
    auto [client, server] = connected(with.client, with.server, with.version);
    // The client writes more than the socket takes, while the server writes as well: one that only
    // wrote would hang, so each end has its time-out and goes on where it was.
    set_timeout(*client, milliseconds{0});
    set_timeout(*server, milliseconds{0});
    CHECK(exchange(*client, *server, pattern(1 << 20), pattern(1 << 20)));
}

// ---- time-outs
// -----------------------------------------------------------------------------------

ENGINE_CASE("time-out: a peer that says nothing can't hold up a handshake", "") {
    auto [a, b] = socket_pair();
    std::error_code ec;
    a.set_timeout(milliseconds{100}, ec);
    b.set_timeout(milliseconds{100}, ec);
    const stopwatch watch;
    SECTION("client") {
        auto stream = make_client(on)->wrap(std::move(a), {.server_hostname = "localhost"}, ec);
        CHECK(ec == errc::timed_out);
        CHECK_FALSE(stream->is_handshake_done());
        CHECK(watch.elapsed() >= milliseconds{95});
        CHECK(watch.elapsed() < patience);
        // Nothing is broken: with a peer it goes on.
        set_timeout(*stream, patience);
        const auto context = make_server(on);
        auto server = std::async(std::launch::async, [&, s = std::move(b)]() mutable {
            std::error_code server_ec;
            s.set_timeout(patience, server_ec);
            auto peer = context->wrap(std::move(s), {}, server_ec);
            return server_ec;
        });
        stream->handshake(ec);
        CHECK_FALSE(ec);
        CHECK_FALSE(server.get());
    }
    SECTION("server") {
        auto stream = make_server(on)->wrap(std::move(b), {}, ec);
        CHECK(ec == errc::timed_out);
        CHECK(watch.elapsed() >= milliseconds{95});
    }
    SECTION("server, of a peer that stops in the middle of its hello") {
        a.send_all(std::string{"\x16\x03\x01\x02\x00\x01", 6}, ec);
        auto stream = make_server(on)->wrap(std::move(b), {}, ec);
        CHECK(ec == errc::timed_out);
    }
}

ENGINE_CASE("time-out: it bounds a read as a whole, however the peer dribbles", "") {
    auto [client, server] = connected(on, on);
    set_timeout(*client, milliseconds{300});
    std::error_code ec;
    CHECK(read_once(*client, ec).empty());
    CHECK(ec == errc::timed_out);

    // One record, in single bytes: each comes well within the time-out, all of them do not.
    const stopwatch watch;
    std::atomic<bool> enough{false};
    auto dribble = std::async(std::launch::async, [&, s = server->socket().native_handle()] {
        for (int i = 0; i != 100 && !enough; ++i) {
            const char byte = i < 5 ? "\x17\x03\x03\x01\x00"[i] : 'x';
            if (::send(s, &byte, 1, MSG_NOSIGNAL) != 1)
                return;
            std::this_thread::sleep_for(milliseconds{50});
        }
    });
    CHECK(read_once(*client, ec).empty());
    CHECK(ec == errc::timed_out);
    CHECK(watch.elapsed() >= milliseconds{290});
    CHECK(watch.elapsed() < milliseconds{3000}); // 100 bytes would take five seconds
    enough = true;
    dribble.get();
}

ENGINE_CASE("time-out: a handshake that dribbles is over when its time is", "") {
    auto [a, b] = socket_pair();
    std::error_code ec;
    b.set_timeout(milliseconds{300}, ec);
    std::atomic<bool> enough{false};
    auto dribble = std::async(std::launch::async, [&, s = a.native_handle()] {
        for (int i = 0; i != 100 && !enough; ++i) {
            const char byte = i < 6 ? "\x16\x03\x01\x01\x00\x01"[i] : '\0';
            if (::send(s, &byte, 1, MSG_NOSIGNAL) != 1)
                return;
            std::this_thread::sleep_for(milliseconds{50});
        }
    });
    const stopwatch watch;
    auto stream = make_server(on)->wrap(std::move(b), {}, ec);
    CHECK(ec == errc::timed_out);
    CHECK(watch.elapsed() < milliseconds{3000});
    enough = true;
    dribble.get();
}

ENGINE_CASE("time-out: a write to a peer that does not read is over, and can go on", "") {
    auto [client, server] = connected(on, on);
    set_timeout(*client, milliseconds{200});
    const std::string text = pattern(4 << 20);
    std::error_code ec;
    const stopwatch watch;
    std::size_t sent = client->write_all(text, ec);
    CHECK(ec == errc::timed_out);
    CHECK(client->wants_write());
    CHECK(sent < text.size());
    CHECK(watch.elapsed() >= milliseconds{195});
    CHECK(watch.elapsed() < patience);
    set_timeout(*client, patience);
    auto reader = std::async(std::launch::async, [&, s = server.get()] {
        std::string got(text.size(), '\0');
        std::error_code read_ec;
        s->read_exactly(std::as_writable_bytes(std::span{got}), read_ec);
        return got;
    });
    sent += client->write_all(std::string_view{text}.substr(sent), ec);
    CHECK_FALSE(ec);
    CHECK(sent == text.size());
    CHECK((reader.get() == text));
}

ENGINE_CASE("time-out: shutdown has one of its own, and ends although the peer talks on", "") {
    auto [client, server] = connected(on, on);
    set_timeout(*client, patience);
    std::error_code ec;
    SECTION("silence") {
        const stopwatch watch;
        client->shutdown(milliseconds{150}, ec);
        CHECK(ec == errc::timed_out);
        CHECK(watch.elapsed() >= milliseconds{145});
        CHECK(watch.elapsed() < patience / 2);
    }
    SECTION("talk") {
        std::atomic<bool> enough{false};
        auto talk = std::async(std::launch::async, [&, s = server.get()] {
            std::error_code write_ec;
            while (!enough && !write_ec)
                s->write_all("on and on", write_ec);
        });
        const stopwatch watch;
        client->shutdown(milliseconds{150}, ec);
        CHECK(ec == errc::timed_out);
        CHECK(watch.elapsed() < patience / 2);
        enough = true;
        client->socket().close();
        talk.get();
    }
    if (client->socket().is_open())
        CHECK(client->socket().timeout() == patience);
}

ENGINE_CASE("socket: set not to wait, it says what to wait for", "") {
    auto [client, server] = connected(on, on);
    set_timeout(*client, milliseconds{0});
    std::error_code ec;
    while (!read_once(*client, ec).empty() || !ec) {
    }
    CHECK(ec == errc::want_read);
    const std::string text = pattern(4 << 20);
    std::size_t sent = client->write_all(text, ec);
    CHECK(ec == errc::want_write);
    CHECK(sent < text.size());
    CHECK(client->wants_write());
    // A read in between is no obstacle.
    CHECK(read_once(*client, ec).empty());
    CHECK(ec == errc::want_read);
    auto reader = std::async(std::launch::async, [&, s = server.get()] {
        std::string got(text.size(), '\0');
        std::error_code read_ec;
        s->read_exactly(std::as_writable_bytes(std::span{got}), read_ec);
        return got;
    });
    const stopwatch watch;
    while (sent != text.size() && watch.elapsed() < patience) {
        sent += client->write_all(std::string_view{text}.substr(sent), ec);
        if (ec == errc::want_write)
            tlsxx::detail::socket_wait(client->socket().native_handle(), tlsxx::direction::write,
                                       tlsxx::deadline::after(milliseconds{1000}));
    }
    CHECK(sent == text.size());
    CHECK((reader.get() == text));
}

// ---- peers that go
// -------------------------------------------------------------------------------

ENGINE_CASE("socket: a peer that is reset or gone is the system's error, and no signal", "") {
    auto listener = listen_anywhere();
    std::error_code ec;
    auto a = tlsxx::connect("127.0.0.1", listener.port(), {.timeout = patience}, ec);
    auto b = listener.accept(ec);
    REQUIRE_FALSE(ec);
    const auto context = make_server(on);
    auto server = std::async(std::launch::async, [&, s = std::move(b)]() mutable {
        std::error_code server_ec;
        return context->wrap(std::move(s), {}, server_ec);
    });
    auto client = make_client(on)->wrap(std::move(a), {.server_hostname = "localhost"}, ec);
    auto peer = server.get();
    REQUIRE_FALSE(ec);
    close_with_reset(std::move(peer->socket()));
    CHECK(read_once(*client, ec).empty());
    CHECK(ec == std::errc::connection_reset);
    CHECK(read_once(*client, ec).empty());
    CHECK(ec == std::errc::connection_reset);
}

ENGINE_CASE("socket: writing to a peer that has closed is an error, and its data can be read", "") {
    auto [client, server] = connected(on, on);
    std::error_code ec;
    server->write_all("goodbye", ec);
    server.reset();
    for (int i = 0; i != 3 && !ec; ++i)
        client->write_all("anybody there?", ec);
    CHECK((ec == std::errc::broken_pipe || ec == std::errc::connection_reset));
    CHECK(read_once(*client, ec) == "goodbye");
    CHECK(read_once(*client, ec).empty());
    CHECK((ec == errc::stream_truncated || ec == std::errc::connection_reset));
}

PAIR_CASE("socket: unwrap gives the socket back, and every byte behind TLS", "[engines:unwrap]") {
    auto [client, server] =
        connected(with.client, with.server, with.version, {.unwrappable = true});
    std::error_code ec;
    set_timeout(*client, patience);
    server->write_all("last", ec);
    server->close_notify(ec);
    server->socket().send_all("plain ", ec);
    CHECK(read_once(*client, ec) == "last");
    auto plain = client->unwrap(ec);
    REQUIRE_FALSE(ec);
    REQUIRE(plain);
    server->socket().send_all("again", ec);
    std::string text = plain->bytes;
    while (text.size() < 11 && !ec) {
        char buffer[100];
        text.append(buffer, plain->socket->receive(std::as_writable_bytes(std::span{buffer}), ec));
    }
    CHECK(text == "plain again");
}

// ---- servers
// -------------------------------------------------------------------------------------

ENGINE_CASE("listener: neither a silent nor a hostile peer holds up the next", "") {
    auto listener = listen_anywhere();
    const auto port = listener.port();
    std::error_code ec;
    auto server = make_server(on)->wrap(std::move(listener), {}, ec);
    REQUIRE_FALSE(ec);
    const auto connect = [&] {
        std::error_code connect_ec;
        auto socket = tlsxx::connect("127.0.0.1", port, {.timeout = patience}, connect_ec);
        REQUIRE_FALSE(connect_ec);
        return socket;
    };
    // All of them are there before the good one comes.
    auto silent = connect(), half = connect(), junk = connect(), gone = connect();
    half.send_all(std::string{"\x16\x03\x01\x02\x00\x01\x00", 7}, ec);
    junk.send_all("GET / HTTP/1.1\r\n\r\n", ec);
    gone.close();
    const auto client_context = make_client(on);
    auto good = std::async(std::launch::async, [&, s = connect()]() mutable {
        std::error_code client_ec;
        auto stream =
            client_context->wrap(std::move(s), {.server_hostname = "localhost"}, client_ec);
        std::string got;
        if (!client_ec)
            stream->read_all(got, client_ec);
        return got;
    });
    std::vector<std::error_code> failures;
    const stopwatch watch;
    auto stream =
        server->accept([&](const tlsxx::error_info& e) { failures.push_back(e.code()); }, ec);
    REQUIRE_FALSE(ec);
    REQUIRE(stream);
    CHECK(watch.elapsed() < milliseconds{9000}); // less than one handshake's time-out
    CHECK(stream->is_handshake_done());
    CHECK(stream->socket().timeout() == tlsxx::no_timeout); // it blocks, as its user expects
    stream->write_all("welcome", ec);
    stream->close_notify(ec);
    CHECK(good.get() == "welcome");

    // Those that have failed were reported; the slow ones fail in their own time.
    server->listener().set_timeout(milliseconds{800}, ec);
    server->set_handshake_timeout(milliseconds{100});
    auto late = connect();
    CHECK_FALSE(
        server->accept([&](const tlsxx::error_info& e) { failures.push_back(e.code()); }, ec));
    CHECK(ec == errc::timed_out);
    const auto count = [&](errc code) {
        return std::ranges::count(failures, make_error_code(code));
    };
    CHECK(count(errc::protocol_error) == 1);
    CHECK(count(errc::stream_truncated) == 1);
    CHECK(count(errc::timed_out) == 1); // `late`; the others began with ten seconds
    CHECK(failures.size() == 3);
}

ENGINE_CASE("listener: of too many handshakes at once the oldest gives way", "") {
    auto listener = listen_anywhere();
    const auto port = listener.port();
    std::error_code ec;
    auto server = make_server(on)->wrap(std::move(listener), {}, ec);
    server->set_max_handshakes(2);
    server->listener().set_timeout(milliseconds{200}, ec);
    std::vector<socket_transport> silent;
    for (int i = 0; i != 5; ++i)
        silent.push_back(tlsxx::connect("127.0.0.1", port, {.timeout = patience}, ec));
    std::vector<std::error_code> failures;
    CHECK_FALSE(
        server->accept([&](const tlsxx::error_info& e) { failures.push_back(e.code()); }, ec));
    CHECK(ec == errc::timed_out);
    CHECK(failures == std::vector<std::error_code>(3, make_error_code(errc::cancelled)));
}

ENGINE_CASE("listener: a bad client certificate is the peer's failure, told to the server", "") {
    auto listener = listen_anywhere();
    const auto port = listener.port();
    std::error_code ec;
    auto context = make_server(on);
    context->load_verify_locations({.cafile = pki("root.pem")}, ec);
    context->set_verify_mode(tlsxx::verify_mode::required, ec);
    auto server = context->wrap(std::move(listener), {}, ec);
    REQUIRE_FALSE(ec);
    server->listener().set_timeout(milliseconds{1000}, ec);
    const auto client_context = make_client(on);
    client_context->load_cert_chain(
        {.certfile = pki("client-untrusted-chain.pem"), .keyfile = pki("client-untrusted.key")},
        ec);
    REQUIRE_FALSE(ec);
    auto client = std::async(std::launch::async, [&] {
        std::error_code client_ec;
        auto stream = client_context->wrap(
            tlsxx::connect("127.0.0.1", port, {.timeout = patience}, client_ec),
            {.server_hostname = "localhost"}, client_ec);
        if (!client_ec)
            read_once(*stream, client_ec);
        return client_ec;
    });
    std::vector<std::error_code> failures;
    CHECK_FALSE(
        server->accept([&](const tlsxx::error_info& e) { failures.push_back(e.code()); }, ec));
    CHECK(ec == errc::timed_out);
    CHECK(failures == std::vector{make_error_code(errc::verification_failed)});
    CHECK(client.get() == errc::alert_received);
}

ENGINE_CASE("listener: what no server could do is refused when it is made", "") {
    std::error_code ec;
    auto client = make_client(on)->wrap(listen_anywhere(), {}, ec);
    CHECK(ec == errc::wrong_role);
    CHECK_FALSE(client->accept({}, ec));
    CHECK(ec == errc::wrong_role);
    make_server(on, tlsxx::tls_version::tls_1_3, "")->wrap(listen_anywhere(), {}, ec);
    CHECK(ec == errc::no_certificate_loaded);
}

ENGINE_CASE("listener: it waits no longer than it was told", "") {
    std::error_code ec;
    auto server = make_server(on)->wrap(listen_anywhere(), {}, ec);
    server->listener().set_timeout(milliseconds{50}, ec);
    const stopwatch watch;
    CHECK_FALSE(server->accept({}, ec));
    CHECK(ec == errc::timed_out);
    CHECK(watch.elapsed() >= milliseconds{45});
    server->listener().set_timeout(milliseconds{0}, ec);
    CHECK_FALSE(server->accept({}, ec));
    CHECK(would_block(ec));
}
