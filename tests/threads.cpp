// SPDX-License-Identifier: BSL-1.0
// Contexts and streams in many threads: `wrap` and the getters are const and may be called at once,
// copies are changed meanwhile, and each stream belongs to one thread at a time. Made to be run
// under a race detector as well.

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include <support/pump.hpp>

using namespace test;

namespace {

// Makes a connection under both contexts and says something over it. No check is made here:
// Catch2's belong to the main thread.
bool works(const any_context& client_context, const any_context& server_context,
           std::string_view host, std::initializer_list<std::string_view> expected_leafs) {
    pipe_pair pipes;
    std::error_code client_ec, server_ec;
    auto client =
        client_context.wrap(std::move(pipes.client),
                            {.server_hostname = host, .handshake = tlsxx::deferred}, client_ec);
    auto server =
        server_context.wrap(std::move(pipes.server), {.handshake = tlsxx::deferred}, server_ec);
    if (client_ec || server_ec)
        return false;
    const bool ended = alternate(
        [&] {
            client->handshake(client_ec);
            return !would_block(client_ec);
        },
        [&] {
            server->handshake(server_ec);
            return !would_block(server_ec);
        });
    if (!ended || client_ec || server_ec)
        return false;
    const auto leaf = client->peer_certificate();
    const std::string subject = leaf ? leaf->subject() : std::string{};
    std::error_code ec;
    return client->write_all("hello", ec) == 5 && read_once(*server, ec) == "hello" &&
           std::ranges::any_of(expected_leafs, [&](std::string_view expected) {
               return subject.find(expected) != std::string::npos;
           });
}

// How a program puts a new context in the place of the one that its threads use: each of these
// takes a hold on what is there, and the old one goes with the last that has one.
class published_context {
public:
    explicit published_context(context_ptr first) : current_{std::move(first)} {}
    std::shared_ptr<const any_context> get() const {
        const std::lock_guard lock{mutex_};
        return current_;
    }
    void publish(std::shared_ptr<const any_context> next) {
        const std::lock_guard lock{mutex_};
        current_.swap(next);
    }

private:
    mutable std::mutex mutex_;
    std::shared_ptr<const any_context> current_;
};

// Where the race detector looks on; elsewhere a tenth of it says as much.
#if defined(__SANITIZE_THREAD__)
constexpr int share = 1;
#else
constexpr int share = 10;
#endif

// Ten thousand in all, the most of them where they are cheap: a handshake of Mbed TLS takes several
// times as long as one of OpenSSL.
constexpr int handshakes_of(engine client, engine server) {
    if (client == server)
        return client == engine::openssl ? 4200 : 200;
    return 300;
}
static_assert(2 * (handshakes_of(engine::openssl, engine::openssl) +
                   handshakes_of(engine::openssl, engine::mbedtls) +
                   handshakes_of(engine::mbedtls, engine::openssl) +
                   handshakes_of(engine::mbedtls, engine::mbedtls)) ==
              10'000);

} // namespace

PAIR_CASE("threads: many wrap under one context while copies of it are changed",
          "[engines:threads]") {
    const auto client_context = make_client(with.client, with.version);
    const auto server_context = make_server(with.server, with.version);
    const std::string other_root = pki("other-root.pem");
    const std::string chain = pki("root-issued-chain.pem"), key = pki("root-issued.key");
    std::atomic<int> failures{0}, connections{0};
    std::atomic<bool> enough{false};
    std::vector<std::thread> threads;
    for (int i = 0; i != 3; ++i)
        threads.emplace_back([&] {
            for (int n = 0; n != 6; ++n) {
                failures +=
                    works(*client_context, *server_context, "localhost", {"CN=good"}) ? 0 : 1;
                failures +=
                    client_context->verify_depth() == 8 && client_context->trust_anchor_count() == 1
                        ? 0
                        : 1;
                ++connections;
            }
        });
    threads.emplace_back([&] {
        while (!enough) {
            std::error_code ec;
            auto client_copy = client_context->copy();
            auto server_copy = server_context->copy();
            client_copy->load_verify_locations({.cafile = other_root}, ec);
            client_copy->set_check_hostname(false, ec);
            server_copy->load_cert_chain({.certfile = chain, .keyfile = key}, ec);
            failures += ec ? 1 : 0;
            failures +=
                works(*client_copy, *server_copy, "elsewhere.test", {"CN=root-issued"}) ? 0 : 1;
        }
    });
    for (int i = 0; i != 3; ++i)
        threads[static_cast<std::size_t>(i)].join();
    enough = true;
    threads.back().join();
    CHECK(failures == 0);
    CHECK(connections == 18);
    CHECK(client_context->check_hostname());
    CHECK(client_context->trust_anchor_count() == 1);
}

PAIR_CASE("threads: eight make connections while new contexts are published", "[engines:threads]") {
    const int all = handshakes_of(with.client, with.server) / share;
    published_context client_context{make_client(with.client, with.version)};
    published_context server_context{make_server(with.server, with.version)};
    std::atomic<int> begun{0}, done{0}, failures{0}, published{0}, working{8};
    std::vector<std::thread> threads;
    for (int i = 0; i != 8; ++i)
        threads.emplace_back([&] {
            while (begun++ < all || published < 5) {
                const auto client = client_context.get();
                const auto server = server_context.get();
                failures += works(*client, *server, "localhost", {"CN=good", "CN=rsa"}) ? 0 : 1;
                ++done;
            }
            --working;
        });
    // Each is a changed copy of the last, as a reload makes it; few have RSA keys, which are dear.
    std::error_code ec;
    while (working != 0) {
        const std::string identity = published % 16 == 3 ? "rsa" : "good";
        auto client = client_context.get()->copy();
        client->set_verify_depth(published % 8 + 1, ec);
        failures += ec ? 1 : 0;
        auto server = make_server(with.server, with.version, identity);
        client_context.publish(std::move(client));
        server_context.publish(std::move(server));
        ++published;
        // once a dozen connections, as far as they are that fast
        for (const int next = done + 12; done < next && working != 0;)
            std::this_thread::sleep_for(std::chrono::microseconds{200});
    }
    for (std::thread& t : threads)
        t.join();
    CHECK(failures == 0);
    CHECK(done >= all);
}

PAIR_CASE("threads: streams of one context live on in other threads, and the context goes", "") {
    std::vector<std::unique_ptr<connection>> made;
    {
        const auto client_context = make_client(with.client, with.version);
        const auto server_context = make_server(with.server, with.version);
        for (int i = 0; i != 4; ++i)
            made.push_back(std::make_unique<connection>(*client_context, *server_context));
    }
    std::atomic<int> failures{0};
    std::vector<std::thread> threads;
    for (auto& c : made)
        threads.emplace_back([&failures, c = std::move(c)]() mutable {
            std::error_code a, b;
            alternate(
                [&] {
                    c->client->handshake(a);
                    return !would_block(a);
                },
                [&] {
                    c->server->handshake(b);
                    return !would_block(b);
                });
            std::error_code ec;
            const bool good =
                !a && !b && c->client->write_all("x", ec) == 1 && read_once(*c->server, ec) == "x";
            failures += good ? 0 : 1;
            c.reset();
        });
    for (std::thread& t : threads)
        t.join();
    CHECK(failures == 0);
}

ENGINE_CASE("threads: the first contexts of a process may be made by many threads at once", "") {
    // In a run of its own this is the first use of the engine.
    std::atomic<int> failures{0};
    std::vector<std::thread> threads;
    for (int i = 0; i != 8; ++i)
        threads.emplace_back([&] {
            std::error_code ec;
            const auto context = make_context(on, tlsxx::protocol::tls_client, ec);
            failures += ec ? 1 : 0;
        });
    for (std::thread& t : threads)
        t.join();
    CHECK(failures == 0);
}

ENGINE_CASE("threads: errors of one thread are nobody else's", "") {
    const auto good_client = make_client(on), good_server = make_server(on);
    const auto bad_server = make_server(on, tlsxx::tls_version::tls_1_3, "expired");
    std::atomic<int> failures{0};
    std::vector<std::thread> threads;
    for (int i = 0; i != 4; ++i)
        threads.emplace_back([&, i] {
            for (int n = 0; n != 8; ++n) {
                const bool expected = (i + n) % 2 == 0;
                const any_context& server = expected ? *good_server : *bad_server;
                failures +=
                    works(*good_client, server, "localhost", {"CN=good"}) == expected ? 0 : 1;
            }
        });
    for (std::thread& t : threads)
        t.join();
    CHECK(failures == 0);
}

PAIR_CASE("threads: in one thread a read and a write may be in progress together", "") {
    connection c{with};
    c.up();
    auto& pipe = c.client->pipe();
    std::error_code read_ec, write_ec;
    // A read that waits does not stop a write,
    CHECK(read_once(*c.client, read_ec).empty());
    CHECK(read_ec == errc::want_read);
    CHECK(c.client->write_some("first", write_ec) == 5);
    CHECK(read_once(*c.server, read_ec) == "first");
    // a write that waits does not stop a read,
    pipe.set_capacity(3);
    CHECK(c.client->write_some("second", write_ec) == 0);
    CHECK(write_ec == errc::want_write);
    CHECK(read_once(*c.client, read_ec).empty());
    CHECK(read_ec == errc::want_read);
    c.server->write_all("news", read_ec);
    CHECK(read_once(*c.client, read_ec) == "news");
    // and neither forgets where it was, in whatever order they are called again.
    CHECK(c.client->write_some("second", write_ec) == 0);
    CHECK(write_ec == errc::want_write);
    c.server->write_all("more news", read_ec);
    pipe.set_capacity(no_limit);
    CHECK(c.client->write_some("second", write_ec) == 6);
    CHECK_FALSE(write_ec);
    CHECK(read_once(*c.client, read_ec) == "more news");
    CHECK(read_once(*c.server, read_ec) == "second");
    // Both at once and all the time, over a pipe that is always full.
    connection narrow{with, {.capacity = 37}};
    CHECK(exchange(*narrow.client, *narrow.server, pattern(20'000), pattern(20'000)));
}
