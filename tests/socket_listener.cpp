// SPDX-License-Identifier: BSL-1.0

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <tlsxx/socket.hpp>

#include "support/fault_transport.hpp"
#include "support/socket_tools.hpp"

using namespace std::chrono_literals;
using test::stopwatch;
using tlsxx::deadline;
using tlsxx::direction;
using tlsxx::errc;
using tlsxx::socket_transport;

TEST_CASE("listen: without an address, both families come in on one port") {
    auto listener = tlsxx::listen({});
    CHECK(listener.port() != 0);
    CHECK(test::is_close_on_exec(listener.native_handle()));
    for (const char* address : {"127.0.0.1", "::1"}) {
        auto client = tlsxx::connect(address, listener.port());
        CHECK(listener.accept().is_open());
    }
}

TEST_CASE("listen: with an address, only that one") {
    std::error_code ec;
    auto listener = tlsxx::listen({.address = "::1"});
    CHECK(listener.local_endpoint() == tlsxx::socket_endpoint{"::1", listener.port()});
    tlsxx::connect("127.0.0.1", listener.port(), ec);
    CHECK(ec == std::errc::connection_refused);
    auto by_name = tlsxx::listen({.address = "localhost"});
    CHECK(tlsxx::connect("localhost", by_name.port()).is_open());
    // "::" alone is IPv6 alone
    auto only_six = tlsxx::listen({.address = "::"});
    tlsxx::connect("127.0.0.1", only_six.port(), ec);
    CHECK(ec == std::errc::connection_refused);
}

TEST_CASE("listen: what fails, and what is said of it") {
    std::error_code ec;
    tlsxx::error_info info;
    auto listener = tlsxx::listen({.address = "127.0.0.1"});
    const std::string port = std::to_string(listener.port());

    tlsxx::listen({.address = "127.0.0.1", .port = listener.port()}, ec, &info);
    CHECK(ec == std::errc::address_in_use);
    CHECK(ec.category() == std::system_category());
    CHECK(info.detail() ==
          "listen on 127.0.0.1 port " + port + ": 127.0.0.1:" + port + " Address already in use");
    CHECK_THROWS_AS(tlsxx::listen({.address = "127.0.0.1", .port = listener.port()}),
                    tlsxx::ssl_syscall_error);

    auto any = tlsxx::listen({});
    tlsxx::listen({.port = any.port()}, ec, &info);
    CHECK(ec == std::errc::address_in_use);
    CHECK(info.detail().find(std::to_string(any.port())) != std::string_view::npos);

    tlsxx::listen({.address = "nonexistent.invalid"}, ec, &info);
    CHECK(ec == errc::address_not_found);
    CHECK(info.detail().find("nonexistent.invalid") != std::string_view::npos);
    // an address that is not this machine's
    tlsxx::listen({.address = "198.51.100.1"}, ec, &info);
    CHECK(ec == std::errc::address_not_available);

    tlsxx::listen({.address = "127.0.0.1"}, ec, &info);
    CHECK(!ec);
    CHECK(!info);
}

TEST_CASE("listen: a port can be taken again after connections on it have ended") {
    std::uint16_t port = 0;
    {
        auto listener = tlsxx::listen({.address = "127.0.0.1"});
        port = listener.port();
        auto client = tlsxx::connect("127.0.0.1", port);
        // the server closes first: its end stays behind for a while
        listener.accept().close();
    }
    std::error_code ec;
    CHECK(tlsxx::listen({.address = "127.0.0.1", .port = port}, ec).is_open());
    CHECK(!ec);
}

TEST_CASE("listen: the file of a Unix socket") {
    const test::temporary_folder folder;
    const std::string path = folder.file("socket");
    std::error_code ec;
    SECTION("goes with the listener, wherever that has moved") {
        auto listener = tlsxx::listen({.unix_path = path});
        CHECK(listener.port() == 0);
        CHECK(listener.local_endpoint().address == path);
        CHECK(std::filesystem::is_socket(path));
        {
            auto moved = std::move(listener);
            CHECK(tlsxx::connect_unix(path).is_open());
        }
        CHECK(!std::filesystem::exists(path));
        CHECK(tlsxx::listen({.unix_path = path}).is_open());
    }
    SECTION("that is there already is neither taken nor removed") {
        std::ofstream{path} << "precious";
        tlsxx::listen({.unix_path = path}, ec);
        CHECK(ec == std::errc::address_in_use);
        CHECK(std::filesystem::file_size(path) == 8);
    }
    SECTION("that another has put there since stays") {
        auto listener = tlsxx::listen({.unix_path = path});
        std::filesystem::remove(path);
        auto other = tlsxx::listen({.unix_path = path});
        listener.close();
        CHECK(std::filesystem::is_socket(path));
        CHECK(tlsxx::connect_unix(path).is_open());
    }
    SECTION("of an adopted listener stays") {
        const int handle = ::dup(tlsxx::listen({.unix_path = path}).native_handle());
        std::ofstream{path} << "not ours";
        tlsxx::socket_listener{handle}.close();
        CHECK(std::filesystem::exists(path));
    }
    SECTION("needs a path that can be one") {
        tlsxx::listen({.unix_path = std::string_view{"\0x", 2}}, ec);
        CHECK(ec == errc::invalid_argument);
        const std::string too_long(300, 'x');
        tlsxx::listen({.unix_path = too_long}, ec);
        CHECK(ec == std::errc::filename_too_long);
    }
}

TEST_CASE("accept: waits as long as it is told") {
    auto listener = tlsxx::listen({.address = "127.0.0.1"});
    std::error_code ec;
    SECTION("a time-out") {
        listener.set_timeout(80ms);
        const stopwatch watch;
        CHECK(!listener.accept(ec).is_open());
        CHECK(ec == errc::timed_out);
        CHECK(watch.elapsed() >= 80ms);
        CHECK(watch.elapsed() < 2s);
    }
    SECTION("not at all") {
        listener.set_timeout(0ms);
        CHECK(!listener.accept(ec).is_open());
        CHECK(ec == errc::want_read);
        CHECK_THROWS_AS(listener.accept(), tlsxx::ssl_want_read_error);
    }
    SECTION("for ever") {
        socket_transport client;
        std::thread peer{[&, port = listener.port()] {
            std::this_thread::sleep_for(100ms);
            std::error_code ignored;
            client = tlsxx::connect("127.0.0.1", port, ignored);
        }};
        CHECK(listener.accept(ec).is_open());
        CHECK(!ec);
        peer.join();
    }
    SECTION("a negative time is refused") {
        listener.set_timeout(-5ms, ec);
        CHECK(ec == errc::invalid_argument);
        CHECK(listener.timeout() == tlsxx::no_timeout);
    }
}

TEST_CASE("accept: the connection has no time-out; try_accept: it does not wait") {
    auto listener = tlsxx::listen({.address = "127.0.0.1"});
    std::error_code ec;
    CHECK(!listener.try_accept(ec).is_open());
    CHECK(ec == errc::want_read);
    listener.set_timeout(10s);
    auto first = tlsxx::connect("127.0.0.1", listener.port());
    auto second = tlsxx::connect("127.0.0.1", listener.port());
    auto waits = listener.accept();
    CHECK(waits.timeout() == tlsxx::no_timeout);
    CHECK(!test::is_non_blocking(waits.native_handle()));
    CHECK(!listener.wait(listener.start_operation()));
    auto waits_not = listener.try_accept(ec);
    CHECK(!ec);
    CHECK(waits_not.timeout() == 0ms);
    CHECK(test::is_non_blocking(waits_not.native_handle()));
    for (const socket_transport* socket : {&waits, &waits_not}) {
        CHECK(test::is_close_on_exec(socket->native_handle()));
        CHECK(test::integer_option(socket->native_handle(), IPPROTO_TCP, TCP_NODELAY) != 0);
    }
}

TEST_CASE("accept: connections that died in the queue hold up nobody") {
    auto listener = tlsxx::listen({.address = "127.0.0.1"});
    for (int i = 0; i != 5; ++i)
        test::close_with_reset(tlsxx::connect("127.0.0.1", listener.port()));
    auto client = tlsxx::connect("127.0.0.1", listener.port());
    client.send_all("alive");
    bool met = false;
    listener.set_timeout(2s);
    for (int i = 0; i != 6 && !met; ++i) {
        std::error_code ec;
        auto server = listener.accept(ec);
        REQUIRE(!ec);
        std::vector<std::byte> buffer(10);
        met = server.receive(buffer, ec) == 5;
    }
    CHECK(met);
}

TEST_CASE("accept: without a free descriptor it says so, and loses nobody") {
    auto listener = tlsxx::listen({.address = "127.0.0.1"});
    listener.set_timeout(2s);
    auto client = tlsxx::connect("127.0.0.1", listener.port());
    std::error_code ec;
    {
        const test::no_free_descriptors limit;
        const stopwatch watch;
        listener.accept(ec);
        CHECK(ec == std::error_code{EMFILE, std::system_category()});
        listener.try_accept(ec);
        CHECK(ec == std::errc::too_many_files_open);
        CHECK(watch.elapsed() < 1s);
        tlsxx::connect("127.0.0.1", listener.port(), ec);
        CHECK(ec == std::errc::too_many_files_open);
        tlsxx::listen({.address = "127.0.0.1"}, ec);
        CHECK(ec == std::errc::too_many_files_open);
    }
    CHECK(listener.accept(ec).is_open());
    CHECK(!ec);
}

TEST_CASE("socket_listener: without a socket every operation fails") {
    tlsxx::socket_listener none;
    std::error_code ec;
    none.accept(ec);
    CHECK(ec == std::errc::bad_file_descriptor);
    none.try_accept(ec);
    CHECK(ec == std::errc::bad_file_descriptor);
    CHECK(none.wait(deadline{}) == std::errc::bad_file_descriptor);
    CHECK(none.port() == 0);
    none.close();
    // a socket that does not listen
    auto [a, b] = test::socket_pair();
    tlsxx::socket_listener wrong{a.release()};
    wrong.accept(ec);
    CHECK((ec == std::errc::invalid_argument || ec == std::errc::operation_not_supported));
}

TEST_CASE("socket_listener: one from elsewhere is adopted") {
    auto original = tlsxx::listen({.address = "127.0.0.1"});
    tlsxx::socket_listener adopted{::dup(original.native_handle())};
    original.close();
    auto client = tlsxx::connect("127.0.0.1", adopted.port());
    auto server = adopted.accept();
    CHECK(test::integer_option(server.native_handle(), IPPROTO_TCP, TCP_NODELAY) != 0);
}

TEST_CASE("wait_any: tells who is ready") {
    auto listener = tlsxx::listen({.address = "127.0.0.1"});
    auto [a, b] = test::socket_pair();
    std::vector<tlsxx::poll_entry> entries{
        {.native_handle = listener.native_handle()},
        {.native_handle = a.native_handle()},
        {.native_handle = tlsxx::socket_transport{}.native_handle(), .ready = true},
    };
    SECTION("nobody") {
        const stopwatch watch;
        CHECK(tlsxx::wait_any(entries, deadline::after(60ms)) == errc::timed_out);
        CHECK(watch.elapsed() >= 60ms);
        for (const auto& entry : entries)
            CHECK(!entry.ready);
    }
    SECTION("a connection") {
        auto client = tlsxx::connect("127.0.0.1", listener.port());
        CHECK(!tlsxx::wait_any(entries, deadline{}));
        CHECK(entries[0].ready);
        CHECK(!entries[1].ready);
        CHECK(!entries[2].ready);
    }
    SECTION("input, even when the deadline has passed") {
        b.send_all("x");
        CHECK(!tlsxx::wait_any(entries, deadline{deadline::clock::now() - 1s}));
        CHECK(!entries[0].ready);
        CHECK(entries[1].ready);
        std::vector<std::byte> buffer(1);
        a.receive(buffer);
        CHECK(tlsxx::wait_any(entries, deadline{deadline::clock::now() - 1s}) == errc::timed_out);
    }
    SECTION("a peer that has gone") {
        b.close();
        CHECK(!tlsxx::wait_any(entries, deadline{}));
        CHECK(entries[1].ready);
    }
    SECTION("room to write") {
        entries[1].wanted = direction::write;
        CHECK(!tlsxx::wait_any(entries, deadline{}));
        CHECK(entries[1].ready);
        CHECK(!entries[0].ready);
    }
}

TEST_CASE("wait_any: more sockets than fit on the stack, with signals") {
    std::vector<std::pair<socket_transport, socket_transport>> pairs;
    for (int i = 0; i != 100; ++i)
        pairs.push_back(test::socket_pair());
    // each is asked for several times
    std::vector<tlsxx::poll_entry> entries;
    const std::size_t count = GENERATE(100U, 512U, 513U, 1000U);
    for (std::size_t i = 0; i != count; ++i)
        entries.push_back({.native_handle = pairs[i % 100].first.native_handle()});
    {
        const test::interruptions signals;
        const stopwatch watch;
        CHECK(tlsxx::wait_any(entries, deadline::after(60ms)) == errc::timed_out);
        CHECK(watch.elapsed() >= 60ms);
        CHECK(signals.count() >= 3);
    }
    pairs[7].second.send_all("x");
    pairs[99].second.send_all("x");
    CHECK(!tlsxx::wait_any(entries, deadline::after(5s)));
    std::size_t wrong = 0;
    for (std::size_t i = 0; i != count; ++i)
        wrong += entries[i].ready != (i % 100 == 7 || i % 100 == 99);
    CHECK(wrong == 0);
}
