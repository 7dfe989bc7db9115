// SPDX-License-Identifier: BSL-1.0
// Contexts and streams in many threads: `wrap` and the getters are const and may be called at once,
// copies are changed meanwhile, and each stream belongs to one thread at a time. Made to be run
// under a race detector as well.

#include <atomic>
#include <thread>
#include <vector>

#include <support/pump.hpp>

using namespace test;

namespace {

// Makes a connection under both contexts and says something over it. No check is made here:
// Catch2's belong to the main thread.
bool works(const any_context& client_context, const any_context& server_context,
           std::string_view host, std::string_view expected_leaf) {
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
    std::error_code ec;
    return client->write_all("hello", ec) == 5 && read_once(*server, ec) == "hello" && leaf &&
           leaf->subject().find(expected_leaf) != std::string::npos;
}

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
                failures += works(*client_context, *server_context, "localhost", "CN=good") ? 0 : 1;
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
                works(*client_copy, *server_copy, "elsewhere.test", "CN=root-issued") ? 0 : 1;
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
                failures += works(*good_client, server, "localhost", "CN=good") == expected ? 0 : 1;
            }
        });
    for (std::thread& t : threads)
        t.join();
    CHECK(failures == 0);
}
