// SPDX-License-Identifier: BSL-1.0

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <tlsxx/socket.hpp>

#include "support/fault_transport.hpp"
#include "support/socket_tools.hpp"

using namespace std::chrono_literals;
using test::bytes_of;
using test::stopwatch;
using test::text_of;
using tlsxx::deadline;
using tlsxx::direction;
using tlsxx::errc;
using tlsxx::socket_transport;

namespace {

std::string receive(socket_transport& socket, std::size_t most, std::error_code& ec) {
    std::vector<std::byte> buffer(most);
    return text_of(std::span{buffer}.first(socket.receive(buffer, ec)));
}
std::string receive_to_end(socket_transport& socket, std::error_code& ec) {
    std::string all;
    for (;;) {
        const std::string piece = receive(socket, 65536, ec);
        all += piece;
        if (ec || piece.empty())
            return all;
    }
}

// As a stream's read_exactly does it: many reads and waits, one operation.
std::size_t read_as_one_operation(socket_transport& socket, std::span<std::byte> buffer,
                                  std::error_code& ec) {
    const deadline until = socket.start_operation();
    std::size_t done = 0;
    while (done != buffer.size()) {
        const tlsxx::io_result result = socket.read_some(buffer.subspan(done));
        done += result.n;
        ec = result.ec;
        if (ec == errc::want_read)
            ec = socket.wait(direction::read, until);
        if (ec)
            break;
    }
    return done;
}

// Fills the socket until it takes no more.
std::size_t fill(socket_transport& socket) {
    const std::vector<std::byte> block(65536);
    std::size_t sent = 0;
    for (;;) {
        const tlsxx::io_result result = socket.write_some(block);
        if (result.ec)
            return sent;
        sent += result.n;
    }
}

// What getaddrinfo might have said.
class fake_addresses {
public:
    fake_addresses(std::initializer_list<const char*> texts)
        : addresses_(texts.size()), entries_(texts.size()) {
        std::size_t i = 0;
        for (const char* text : texts) {
            tlsxx::detail::address_list found;
            tlsxx::error_info info;
            REQUIRE(!found.resolve(text, info));
            std::memcpy(&addresses_[i], found.first()->ai_addr, found.first()->ai_addrlen);
            entries_[i] = *found.first();
            entries_[i].ai_addr = reinterpret_cast<::sockaddr*>(&addresses_[i]);
            entries_[i].ai_next = i + 1 < texts.size() ? &entries_[i + 1] : nullptr;
            ++i;
        }
    }
    const ::addrinfo* first() const { return entries_.data(); }

private:
    std::vector<::sockaddr_storage> addresses_;
    std::vector<::addrinfo> entries_;
};

struct connection {
    socket_transport client;
    socket_transport server;
};
connection over_tcp(std::string_view address = "127.0.0.1") {
    auto listener = tlsxx::listen({.address = address});
    auto client = tlsxx::connect(address, listener.port());
    return {std::move(client), listener.accept()};
}

} // namespace

TEST_CASE("socket_transport: bytes both ways, endpoints and end, on every family") {
    const std::string family = GENERATE("127.0.0.1", "::1", "unix");
    CAPTURE(family);
    const test::temporary_folder folder;
    const std::string path = folder.file("socket");
    const bool is_unix = family == "unix";
    auto listener =
        is_unix ? tlsxx::listen({.unix_path = path}) : tlsxx::listen({.address = family});
    auto client = is_unix ? tlsxx::connect_unix(path) : tlsxx::connect(family, listener.port());
    auto server = listener.accept();

    std::error_code ec;
    client.send_all("question");
    CHECK(receive(server, 100, ec) == "question");
    server.send_all("answer");
    CHECK(receive(client, 3, ec) == "ans");
    CHECK(receive(client, 100, ec) == "wer");

    const auto remote = client.remote_endpoint();
    CHECK(remote.address == (is_unix ? path : family));
    CHECK(remote.port == listener.port());
    CHECK(remote == server.local_endpoint());
    CHECK(server.remote_endpoint() == client.local_endpoint());
    if (is_unix)
        CHECK(server.remote_endpoint() == tlsxx::socket_endpoint{});
    else
        CHECK(client.local_endpoint().port != 0);

    client.shutdown_write();
    CHECK(receive(server, 100, ec).empty());
    CHECK(!ec);
    std::array<std::byte, 4> buffer{};
    CHECK(server.read_some(buffer).ec == errc::end_of_stream);
    server.send_all("still here");
    CHECK(receive(client, 100, ec) == "still here");
}

TEST_CASE("socket_transport: a host's name") {
    auto listener = tlsxx::listen({.address = "127.0.0.1"});
    auto client = tlsxx::connect("localhost", listener.port());
    CHECK(client.is_open());
    CHECK(client.remote_endpoint().address == "127.0.0.1");
}

TEST_CASE("socket_transport: options of the socket by mode") {
    auto [client, server] = over_tcp();
    for (const socket_transport* socket : {&client, &server}) {
        const int handle = socket->native_handle();
        CHECK(test::is_close_on_exec(handle));
        CHECK(test::integer_option(handle, IPPROTO_TCP, TCP_NODELAY) != 0);
        // blocks in the kernel: a read is one system call
        CHECK(!test::is_non_blocking(handle));
        CHECK(socket->timeout() == tlsxx::no_timeout);
    }
    client.set_timeout(5s);
    CHECK(test::is_non_blocking(client.native_handle()));
    CHECK(client.timeout() == 5s);
    client.set_blocking(false);
    CHECK(test::is_non_blocking(client.native_handle()));
    CHECK(client.timeout() == 0s);
    client.set_blocking(true);
    CHECK(!test::is_non_blocking(client.native_handle()));
    CHECK(client.timeout() == tlsxx::no_timeout);

    auto listener = tlsxx::listen({.address = "127.0.0.1"});
    auto timed = tlsxx::connect("127.0.0.1", listener.port(), {.timeout = 3s});
    CHECK(timed.timeout() == 3s);
    CHECK(test::is_non_blocking(timed.native_handle()));
}

TEST_CASE("socket_transport: set not to wait, it says would-block at once") {
    auto [client, server] = over_tcp();
    client.set_timeout(0ms);
    std::array<std::byte, 8> buffer{};
    const stopwatch watch;
    CHECK(client.read_some(buffer).ec == errc::want_read);
    CHECK(client.wait(direction::read, client.start_operation()) == errc::want_read);
    fill(client);
    CHECK(client.write_some(bytes_of("x")).ec == errc::want_write);
    CHECK(client.wait(direction::write, client.start_operation()) == errc::want_write);
    std::error_code ec;
    CHECK(client.receive(buffer, ec) == 0);
    CHECK(ec == errc::want_read);
    CHECK(client.send_all("x", ec) == 0);
    CHECK(ec == errc::want_write);
    CHECK(watch.elapsed() < 1s);
}

TEST_CASE("socket_transport: a time-out ends a read and a write") {
    auto [client, server] = over_tcp();
    client.set_timeout(100ms);
    std::error_code ec;
    SECTION("read") {
        const stopwatch watch;
        CHECK(receive(client, 10, ec).empty());
        CHECK(ec == errc::timed_out);
        CHECK(ec == std::errc::timed_out);
        CHECK(watch.elapsed() >= 100ms);
        CHECK(watch.elapsed() < 2s);
        // the socket is as good as before
        server.send_all("late");
        CHECK(receive(client, 10, ec) == "late");
    }
    SECTION("write") {
        const std::string much(64 << 20, 'x');
        const stopwatch watch;
        const std::size_t sent = client.send_all(much, ec);
        CHECK(ec == errc::timed_out);
        CHECK(sent < much.size());
        CHECK(watch.elapsed() >= 100ms);
        CHECK(watch.elapsed() < 5s);
        std::string got;
        client.close();
        got = receive_to_end(server, ec);
        CHECK(got.size() == sent);
    }
}

TEST_CASE("socket_transport: a time-out bounds an operation as a whole: peers that dribble") {
    auto [client, server] = over_tcp();
    client.set_timeout(150ms);
    std::atomic<bool> stop = false;
    std::thread peer{[&stop, &server = server] {
        std::error_code ec;
        while (!stop && !ec) {
            server.send_all("x", ec);
            std::this_thread::sleep_for(10ms);
        }
    }};
    std::vector<std::byte> buffer(1000);
    std::error_code ec;
    const stopwatch watch;
    const std::size_t n = read_as_one_operation(client, buffer, ec);
    const auto elapsed = watch.elapsed();
    stop = true;
    peer.join();
    CHECK(ec == errc::timed_out);
    CHECK(n >= 2);
    CHECK(n < 100);
    CHECK(elapsed >= 150ms);
    CHECK(elapsed < 1s);
}

TEST_CASE("socket_transport: a deadline that has passed is the end, ready or not") {
    auto [client, server] = over_tcp();
    client.set_timeout(1s);
    server.send_all("x");
    CHECK(!client.wait(direction::read, client.start_operation()));
    CHECK(client.wait(direction::read, deadline{deadline::clock::now() - 1ms}) == errc::timed_out);
    CHECK(!client.wait(direction::read, deadline{}));
}

TEST_CASE("socket_transport: signals interrupt nothing") {
    auto [client, server] = over_tcp();
    std::error_code ec;
    std::thread peer;
    {
        const test::no_interruptions guard;
        peer = std::thread{[&server = server] {
            std::this_thread::sleep_for(150ms);
            std::error_code ignored;
            server.send_all("made it", ignored);
        }};
    }
    int interrupted = 0;
    SECTION("a read that blocks in the kernel") {
        const test::interruptions signals;
        CHECK(receive(client, 100, ec) == "made it");
        interrupted = signals.count();
    }
    SECTION("a read with a time-out") {
        client.set_timeout(5s);
        const test::interruptions signals;
        CHECK(receive(client, 100, ec) == "made it");
        interrupted = signals.count();
    }
    SECTION("a time-out, which they don't prolong") {
        client.set_timeout(100ms);
        const stopwatch watch;
        const test::interruptions signals;
        CHECK(receive(client, 100, ec).empty());
        CHECK(ec == errc::timed_out);
        CHECK(watch.elapsed() >= 100ms);
        CHECK(watch.elapsed() < 150ms + 1s);
        interrupted = signals.count();
    }
    CHECK(interrupted >= 5);
    peer.join();
}

TEST_CASE("socket_transport: signals don't disturb connect and accept") {
    const test::interruptions signals{500us};
    auto listener = tlsxx::listen({.address = "127.0.0.1"});
    for (int i = 0; i != 200; ++i) {
        auto client = tlsxx::connect("127.0.0.1", listener.port(), {.timeout = 5s});
        auto server = listener.accept();
        CHECK(server.is_open());
    }
    listener.set_timeout(100ms);
    std::error_code ec;
    const stopwatch watch;
    listener.accept(ec);
    CHECK(ec == errc::timed_out);
    CHECK(watch.elapsed() >= 100ms);
    CHECK(signals.count() > 0);
}

TEST_CASE("socket_transport: a reset keeps the system's code and is not an end") {
    auto [client, server] = over_tcp();
    test::close_with_reset(std::move(server));
    std::array<std::byte, 8> buffer{};
    const tlsxx::io_result result = client.read_some(buffer);
    CHECK(result.n == 0);
    CHECK(result.ec == std::errc::connection_reset);
    CHECK(result.ec == std::error_code{ECONNRESET, std::system_category()});
    CHECK(result.ec != errc::end_of_stream);
}

TEST_CASE("socket_transport: writing to a closed connection is an error and no SIGPIPE") {
    const test::counted_signal<SIGPIPE> signal;
    std::error_code ec;
    SECTION("TCP") {
        auto [client, server] = over_tcp();
        server.close();
        const stopwatch watch;
        while (!ec && watch.elapsed() < 5s)
            client.send_all("into the void", ec);
        CHECK((ec == std::errc::broken_pipe || ec == std::errc::connection_reset));
    }
    SECTION("Unix") {
        auto [client, server] = test::socket_pair();
        server.close();
        client.send_all("into the void", ec);
        CHECK(ec == std::errc::broken_pipe);
    }
    SECTION("after shutdown_write") {
        auto [client, server] = over_tcp();
        client.shutdown_write(ec);
        CHECK(!ec);
        client.send_all("too late", ec);
        CHECK(ec == std::errc::broken_pipe);
    }
    CHECK(signal.count() == 0);
}

TEST_CASE("socket_transport: a socket from elsewhere is adopted as it is") {
    int handles[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, handles) == 0);
    ::fcntl(handles[1], F_SETFL, O_NONBLOCK);
    const auto before = test::open_descriptors();
    {
        socket_transport blocking{handles[0]};
        socket_transport non_blocking{handles[1]};
        CHECK(blocking.native_handle() == handles[0]);
        CHECK(blocking.timeout() == tlsxx::no_timeout);
        CHECK(!test::is_non_blocking(handles[0]));
        CHECK(non_blocking.timeout() == 0ms);
        std::array<std::byte, 8> buffer{};
        CHECK(non_blocking.read_some(buffer).ec == errc::want_read);
        blocking.send_all("x");
        CHECK(non_blocking.read_some(buffer).n == 1);
    }
    CHECK(test::open_descriptors() == before - 2);
}

TEST_CASE("socket_transport: ownership moves, is released and ends") {
    auto [a, b] = test::socket_pair();
    const int handle = a.native_handle();
    a.set_timeout(2s);
    socket_transport moved{std::move(a)};
    CHECK(!a.is_open()); // NOLINT: this is the promise
    CHECK(moved.native_handle() == handle);
    CHECK(moved.timeout() == 2s);

    const auto before = test::open_descriptors();
    b = std::move(moved); // closes what b had
    CHECK(test::open_descriptors() == before - 1);
    CHECK(b.native_handle() == handle);
    auto& same = b;
    b = std::move(same);
    CHECK(b.is_open());

    const int released = b.release();
    CHECK(released == handle);
    CHECK(!b.is_open());
    b.close();
    CHECK(test::open_descriptors() == before - 1);
    CHECK(::close(released) == 0);
}

TEST_CASE("socket_transport: without a socket every operation fails, none waits") {
    socket_transport none;
    std::array<std::byte, 8> buffer{};
    const std::error_code bad{EBADF, std::system_category()};
    std::error_code ec;
    CHECK(!none.is_open());
    CHECK(none.read_some(buffer).ec == bad);
    CHECK(none.write_some(buffer).ec == bad);
    CHECK(none.wait(direction::read, none.start_operation()) == bad);
    none.set_timeout(1s, ec);
    CHECK(ec == bad);
    none.shutdown_write(ec);
    CHECK(ec == bad);
    none.local_endpoint(ec);
    CHECK(ec == bad);
    none.remote_endpoint(ec);
    CHECK(ec == bad);
    none.close();

    // one that was closed behind its back
    auto [a, b] = test::socket_pair();
    ::close(a.native_handle());
    CHECK(a.wait(direction::read, deadline{}) == bad);
    CHECK(a.release() != -1);
}

TEST_CASE("socket_transport: a negative time-out is refused and changes nothing") {
    auto [a, b] = test::socket_pair();
    a.set_timeout(1s);
    std::error_code ec;
    a.set_timeout(-1ms, ec);
    CHECK(ec == errc::invalid_argument);
    CHECK(a.timeout() == 1s);
    CHECK_THROWS_AS(a.set_timeout(-1ms), tlsxx::ssl_error);
}

TEST_CASE("socket_transport: reading and writing at the same time") {
    auto [client, server] = over_tcp();
    const std::string up(8 << 20, 'u');
    const std::string down(8 << 20, 'd');
    if (GENERATE(true, false)) {
        client.set_timeout(20s);
        server.set_timeout(20s);
    }
    std::string got_up;
    std::string got_down;
    std::error_code errors[4];
    std::thread threads[] = {
        std::thread{[&, &socket = client] {
            socket.send_all(up, errors[0]);
            socket.shutdown_write(errors[0]);
        }},
        std::thread{[&, &socket = client] { got_down = receive_to_end(socket, errors[1]); }},
        std::thread{[&, &socket = server] {
            socket.send_all(down, errors[2]);
            socket.shutdown_write(errors[2]);
        }},
        std::thread{[&, &socket = server] { got_up = receive_to_end(socket, errors[3]); }},
    };
    for (std::thread& thread : threads)
        thread.join();
    for (const std::error_code& ec : errors)
        CHECK(!ec);
    CHECK((got_up == up));
    CHECK((got_down == down));
}

TEST_CASE("connect: a port where nobody listens") {
    const std::uint16_t port = tlsxx::listen({.address = "127.0.0.1"}).port();
    std::error_code ec;
    tlsxx::error_info info;
    CHECK(!tlsxx::connect("127.0.0.1", port, ec, &info).is_open());
    CHECK(ec == std::error_code{ECONNREFUSED, std::system_category()});
    CHECK(info.code() == ec);
    const std::string expected = "connect to 127.0.0.1 port " + std::to_string(port) +
                                 ": 127.0.0.1:" + std::to_string(port) + " Connection refused";
    CHECK(info.detail() == expected);
    CHECK_THROWS_AS(tlsxx::connect("127.0.0.1", port), tlsxx::ssl_syscall_error);

    tlsxx::connect("::1", port, ec, &info);
    CHECK(ec == std::errc::connection_refused);
    CHECK(info.detail().find("[::1]:" + std::to_string(port)) != std::string_view::npos);

    // a name: every address is tried and named
    tlsxx::connect("localhost", port, {.timeout = 5s}, ec, &info);
    CHECK(ec == std::errc::connection_refused);
    CHECK(info.detail().find("127.0.0.1:" + std::to_string(port)) != std::string_view::npos);
}

TEST_CASE("connect: names that are none") {
    std::error_code ec;
    tlsxx::error_info info;
    const std::string host =
        GENERATE(std::string{"nonexistent.invalid"}, "", "[::1]", "a b",
                 std::string{"localhost\0.example", 18}, std::string(2000, 'a'));
    CAPTURE(host);
    CHECK(!tlsxx::connect(host, 443, ec, &info).is_open());
    CHECK(ec == errc::address_not_found);
    CHECK(info.code() == ec);
    CHECK(info.detail().find(std::string_view{host}.substr(0, 100)) != std::string_view::npos);
    CHECK(info.detail().starts_with("connect to "));
    try {
        tlsxx::connect(host, 443);
        FAIL("it connected");
    } catch (const tlsxx::ssl_error& e) {
        CHECK(e.code() == errc::address_not_found);
    }
}

TEST_CASE("connect: the deadline holds against a listener that is full") {
    // Fills the queue: what is beyond it gets no answer.
    const auto listener = tlsxx::listen({.address = "127.0.0.1", .backlog = 1});
    std::vector<socket_transport> waiting;
    std::error_code ec;
    while (!ec && waiting.size() < 10)
        waiting.push_back(tlsxx::connect("127.0.0.1", listener.port(), {.timeout = 100ms}, ec));
    if (waiting.size() == 10)
        SKIP("this system answers every connection, however full the queue");
    CHECK(ec == errc::timed_out);

    tlsxx::error_info info;
    const stopwatch watch;
    tlsxx::connect("127.0.0.1", listener.port(), {.timeout = 200ms}, ec, &info);
    CHECK(ec == errc::timed_out);
    CHECK(watch.elapsed() >= 200ms);
    CHECK(watch.elapsed() < 2s);
    CHECK(info.detail().find("timed out") != std::string_view::npos);
}

TEST_CASE("connect_unix: waits for room in the backlog, until its deadline") {
    const test::temporary_folder folder;
    const std::string path = folder.file("socket");
    auto listener = tlsxx::listen({.backlog = 1, .unix_path = path});
    std::vector<socket_transport> waiting;
    std::error_code ec;
    while (!ec && waiting.size() < 10)
        waiting.push_back(tlsxx::connect_unix(path, {.timeout = 50ms}, ec));
    CHECK(ec == errc::timed_out);

    std::thread acceptor{[&] {
        std::this_thread::sleep_for(100ms);
        std::error_code ignored;
        listener.accept(ignored);
    }};
    const stopwatch watch;
    CHECK(tlsxx::connect_unix(path, {.timeout = 10s}, ec).is_open());
    CHECK(!ec);
    CHECK(watch.elapsed() < 5s);
    acceptor.join();
}

TEST_CASE("connect_unix: paths that are none") {
    const test::temporary_folder folder;
    std::error_code ec;
    tlsxx::error_info info;
    tlsxx::connect_unix(folder.file("nothing"), ec, &info);
    CHECK(ec == std::errc::no_such_file_or_directory);
    CHECK(info.detail().find("nothing") != std::string_view::npos);
    tlsxx::connect_unix("", ec);
    CHECK(ec == errc::invalid_argument);
    tlsxx::connect_unix(std::string_view{"a\0b", 3}, ec);
    CHECK(ec == errc::invalid_argument);
    tlsxx::connect_unix(std::string(1000, 'x'), ec);
    CHECK(ec == std::errc::filename_too_long);
    CHECK_THROWS_AS(tlsxx::connect_unix(folder.file("nothing")), tlsxx::ssl_syscall_error);
}

TEST_CASE("connect: a time-out has to be more than zero") {
    std::error_code ec;
    tlsxx::error_info info;
    tlsxx::connect("127.0.0.1", 1, {.timeout = 0ms}, ec, &info);
    CHECK(ec == errc::invalid_argument);
    CHECK(info.detail().find("time-out") != std::string_view::npos);
    tlsxx::connect_unix("/nowhere", {.timeout = -1ms}, ec);
    CHECK(ec == errc::invalid_argument);
}

TEST_CASE("connect: success clears what an earlier failure has left") {
    auto listener = tlsxx::listen({.address = "127.0.0.1"});
    std::error_code ec = make_error_code(errc::timed_out);
    tlsxx::error_info info{errc::timed_out, "earlier"};
    CHECK(tlsxx::connect("127.0.0.1", listener.port(), ec, &info).is_open());
    CHECK(!ec);
    CHECK(!info);
    CHECK(info.detail().empty());
}

TEST_CASE("connect: IPv6 addresses come first, and all get a turn") {
    const fake_addresses list{"127.0.0.1", "::1", "127.0.0.2", "::2"};
    CHECK(tlsxx::detail::count_addresses(list.first()) == 4);
    std::error_code ec;
    tlsxx::error_info info;
    std::string order;
    auto refuse = [&](const tlsxx::detail::socket_address& address,
                      std::error_code& result) noexcept {
        tlsxx::detail::socket_address_text text;
        tlsxx::detail::socket_text(address, text);
        order += std::string{text.text} + " ";
        result = std::make_error_code(std::errc::connection_refused);
        return tlsxx::detail::owned_socket{};
    };
    tlsxx::detail::try_each_address(list.first(), 80, ec, info, refuse);
    CHECK(order == "::1 ::2 127.0.0.1 127.0.0.2 ");
    CHECK(ec == std::errc::connection_refused);
    CHECK(info.detail() == "[::1]:80 Connection refused; [::2]:80 Connection refused; "
                           "127.0.0.1:80 Connection refused; 127.0.0.2:80 Connection refused");
}

TEST_CASE("connect: an address that swallows everything leaves time for the next") {
    const auto swallows = tlsxx::listen({.address = "127.0.0.2", .backlog = 1});
    std::error_code ec;
    std::vector<socket_transport> waiting;
    while (!ec && waiting.size() < 10)
        waiting.push_back(tlsxx::connect("127.0.0.2", swallows.port(), {.timeout = 50ms}, ec));
    if (waiting.size() == 10)
        SKIP("this system answers every connection, however full the queue");
    const auto answers = tlsxx::listen({.address = "127.0.0.3", .port = swallows.port()});
    const fake_addresses list{"127.0.0.2", "127.0.0.3"};
    tlsxx::error_info info;
    const stopwatch watch;
    auto socket = tlsxx::detail::connect_first(list.first(), swallows.port(),
                                               deadline::after(600ms), ec, info);
    CHECK(socket);
    CHECK(!ec);
    CHECK(watch.elapsed() >= 299ms);
    CHECK(watch.elapsed() < 600ms);
}

TEST_CASE("connect: the time-out is shared out among the addresses left") {
    using tlsxx::detail::share_of;
    CHECK(share_of(deadline{}, 3).is_never());
    const deadline until = deadline::after(3000ms);
    CHECK(share_of(until, 1) == until);
    const auto third = share_of(until, 3).remaining();
    CHECK(third > 900ms);
    CHECK(third <= 1000ms);
    CHECK(share_of(deadline{deadline::clock::now() - 1s}, 2).passed());
}

TEST_CASE("deadline: never, soon, past and beyond what the clock holds") {
    CHECK(deadline{}.is_never());
    CHECK(!deadline{}.passed());
    CHECK(deadline{}.remaining() == tlsxx::no_timeout);
    CHECK(deadline::after(tlsxx::no_timeout).is_never());
    CHECK(deadline::after(tlsxx::no_timeout - 1ms).is_never());
    CHECK(deadline::after(std::chrono::hours{24 * 365 * 250}).remaining() > 1h);
    CHECK(!deadline::after(1h).passed());
    CHECK(deadline::after(1h).remaining() <= 1h);
    CHECK(deadline::after(1h).remaining() > 59min);
    CHECK(deadline::after(0ms).passed());
    CHECK(deadline::after(0ms).remaining() == 0ms);
    CHECK(deadline::after(1min) < deadline::after(1h));
    CHECK(deadline::after(1h) < deadline{});
    // rounded up: a wait for what remains is never too short, and never spins
    const deadline soon{deadline::clock::now() + 900us};
    const auto left = soon.remaining();
    CHECK((left == 1ms || soon.passed()));
}

TEST_CASE("sockets: no descriptor is left behind, whatever fails") {
    const auto before = test::open_descriptors();
    for (int i = 0; i != 3; ++i) {
        const test::temporary_folder folder;
        std::error_code ec;
        auto listener = tlsxx::listen({});
        auto client = tlsxx::connect("127.0.0.1", listener.port());
        auto server = listener.accept();
        auto again = std::move(client);
        tlsxx::listen({.port = listener.port()}, ec);
        CHECK(ec);
        tlsxx::connect("nonexistent.invalid", 1, ec);
        CHECK(ec);
        const std::uint16_t port = listener.port();
        listener.close();
        tlsxx::connect("localhost", port, ec);
        CHECK(ec);
        auto by_path = tlsxx::listen({.unix_path = folder.file("socket")});
        tlsxx::listen({.unix_path = folder.file("socket")}, ec);
        CHECK(ec);
        tlsxx::connect_unix(folder.file("other"), ec);
        CHECK(ec);
        by_path.set_timeout(1ms);
        by_path.accept(ec);
        CHECK(ec);
    }
    CHECK(test::open_descriptors() == before);
}
