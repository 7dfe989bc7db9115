// SPDX-License-Identifier: BSL-1.0

// Both engines in one program, each in a translation unit of its own: what they share has one
// definition (the linker compares, -Wodr), and they talk to each other.

#include <cstdio>

#include "../support/pki.hpp"
#include "side.hpp"

namespace {

void exchange(tlsxx::memory_transport& a, tlsxx::memory_transport& b) {
    b.put_incoming(a.take_outgoing());
    a.put_incoming(b.take_outgoing());
}

bool connect(const char* name, const engine_sides& client_engine,
             const engine_sides& server_engine) {
    tlsxx::memory_transport client_pipe, server_pipe;
    const std::string root = test::pki("root.pem");
    const std::string chain = test::pki("good-chain.pem");
    const std::string key = test::pki("good.key");
    auto client = client_engine.client(client_pipe, {.cafile = root});
    auto server = server_engine.server(server_pipe, {.certfile = chain, .keyfile = key});

    std::error_code client_ec, server_ec;
    for (int round = 0; round != 10; ++round) {
        client->handshake(client_ec);
        exchange(client_pipe, server_pipe);
        server->handshake(server_ec);
        exchange(client_pipe, server_pipe);
        if (!client_ec && !server_ec)
            break;
    }
    std::string text;
    if (!client_ec && !server_ec) {
        client->write("across", client_ec);
        exchange(client_pipe, server_pipe);
        server->read(text, server_ec);
    }
    const bool good = !client_ec && !server_ec && text == "across" &&
                      client->verification().reasons().empty() &&
                      client->cipher().name == server->cipher().name;
    std::printf("%s: %s\n", name,
                good ? "good"
                     : (client->last_error().what() + "; " + server->last_error().what()).c_str());
    return good;
}

} // namespace

int main() {
    const bool there = connect("OpenSSL to Mbed TLS", openssl_sides, mbedtls_sides);
    const bool back = connect("Mbed TLS to OpenSSL", mbedtls_sides, openssl_sides);
    return there && back ? 0 : 1;
}
