// SPDX-License-Identifier: BSL-1.0

// Every engine with every engine: both sides verify each other, and bytes go both ways.

#include <chrono>
#include <string>
#include <thread>

#include <tlsxx/mbedtls.hpp>
#include <tlsxx/openssl.hpp>
#include <tlsxx/socket.hpp>

#include "parts.hpp"
#include "screen.hpp"

namespace demo {
namespace {

using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

// What one side has seen.
struct side {
    std::string version;
    std::string cipher;
    std::string peer; // the subject of the certificate that it has verified
    std::chrono::nanoseconds handshake{};
    std::string problem;
};

template <class Stream>
void look_at(const Stream& stream, side& seen) {
    seen.version = stream.version();
    seen.cipher = stream.cipher().name;
    if (const auto peer = stream.peer_certificate(); peer && stream.verification())
        seen.peer = peer->subject();
}

// Takes what comes and sends it back.
template <tlsxx::backend Backend>
void echo(const stage& where, tlsxx::socket_listener listener, side& seen) {
    try {
        auto context = tlsxx::create_default_context<Backend>(tlsxx::purpose::client_auth,
                                                              {.cafile = where.pki("root.pem")});
        context.load_cert_chain(where.pki("good-chain.pem"), where.pki("good.key"));
        context.set_verify_mode(tlsxx::verify_mode::required);
        listener.set_timeout(5s);
        auto server = context.wrap(std::move(listener));
        // A failed handshake is the last here, and nobody comes after it.
        auto stream = server.accept([&](auto& failed) {
            server.listener().set_timeout(1ms);
            seen.problem = "server: " + failed.last_error().what() + "; ";
        });
        stream.transport().set_timeout(5s);
        look_at(stream, seen);
        std::string bytes(where.data().size(), '\0');
        stream.read_exactly(std::as_writable_bytes(std::span{bytes}));
        stream.write_all(bytes);
        stream.shutdown();
    } catch (const std::exception& error) {
        seen.problem += "server: " + std::string{error.what()} + "; ";
    }
}

template <tlsxx::backend Backend>
void send(const stage& where, std::uint16_t port, tlsxx::tls_version version, side& seen) {
    try {
        auto context = tlsxx::create_default_context<Backend>(tlsxx::purpose::server_auth,
                                                              {.cafile = where.pki("root.pem")});
        context.load_cert_chain(where.pki("client-chain.pem"), where.pki("client.key"));
        context.set_minimum_version(version);
        context.set_maximum_version(version);
        auto socket = tlsxx::connect("127.0.0.1", port, {.timeout = 5s});
        const auto begin = clock_type::now();
        auto stream = context.wrap(std::move(socket), {.server_hostname = "localhost"});
        seen.handshake = clock_type::now() - begin;
        look_at(stream, seen);
        stream.write_all(where.data());
        stream.close_notify();
        if (stream.read_all() != where.data())
            seen.problem = "client: other bytes came back than were sent";
    } catch (const std::exception& error) {
        seen.problem = "client: " + std::string{error.what()};
    }
}

template <tlsxx::backend Client, tlsxx::backend Server>
void run_pair(const stage& where, tlsxx::tls_version version) {
    side client;
    side server;
    const auto begin = clock_type::now();
    {
        auto listener = tlsxx::listen({.address = "127.0.0.1"});
        const std::uint16_t port = listener.port();
        std::thread other{[&where, &server, l = std::move(listener)]() mutable {
            echo<Server>(where, std::move(l), server);
        }};
        send<Client>(where, port, version, client);
        other.join();
    }
    const auto time = clock_type::now() - begin;
    const bool agreed = client.version == to_string(version) && server.version == client.version &&
                        server.cipher == client.cipher && !client.cipher.empty();
    const bool verified =
        client.peer.starts_with("CN=good,") && server.peer.starts_with("CN=client,");
    const bool done = client.problem.empty() && server.problem.empty();
    print_check(agreed && verified && done,
                left(Client::name, 10) + left(Server::name, 10) + left(client.version, 9) +
                    left(client.cipher, 31) + left(verified ? "both" : "NO", 9) +
                    right(done ? grouped(2 * where.data().size()) : "-", 10) +
                    right(in_ms(client.handshake), 8) + right(in_ms(time), 9),
                server.problem + client.problem +
                    (agreed ? "" : "; the two sides do not name the same version and cipher"));
}

} // namespace

std::string engine_versions() {
    const auto version = []<tlsxx::backend Backend>(Backend) {
        return std::string{Backend::name} + ' ' + Backend::engine_version();
    };
    return version(tlsxx::openssl::backend{}) + " and on " + version(tlsxx::mbedtls::backend{});
}

void run_pairs(const stage& where) {
    print_title("Our engines with each other: both sides verify, 8 MiB go there and back");
    print_heads(left("client", 10) + left("server", 10) + left("version", 9) + left("cipher", 31) +
                left("verified", 9) + right("bytes", 10) + right("shake", 8) + right("time", 9));
    for (const auto version : {tlsxx::tls_version::tls_1_2, tlsxx::tls_version::tls_1_3}) {
        run_pair<tlsxx::openssl::backend, tlsxx::openssl::backend>(where, version);
        run_pair<tlsxx::openssl::backend, tlsxx::mbedtls::backend>(where, version);
        run_pair<tlsxx::mbedtls::backend, tlsxx::openssl::backend>(where, version);
        run_pair<tlsxx::mbedtls::backend, tlsxx::mbedtls::backend>(where, version);
    }
}

} // namespace demo
