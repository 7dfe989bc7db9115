// SPDX-License-Identifier: BSL-1.0
// The shortest server: greets COUNT peers and ends.

#include <chrono>
#include <iostream>
#include <string>

#include <tlsxx/openssl.hpp>
#include <tlsxx/socket.hpp>

int main(int argc, char** argv) {
    if (argc != 5) {
        std::cerr << "usage: hello_server PORT CERTFILE KEYFILE COUNT\n";
        return 2;
    }
    const auto port = static_cast<std::uint16_t>(std::stoi(argv[1]));
    const std::string certfile = argv[2], keyfile = argv[3];
    int greetings = std::stoi(argv[4]);
    try {
        // [server]
        tlsxx::openssl::context context{tlsxx::protocol::tls_server};
        context.load_cert_chain(certfile, keyfile);
        auto server = context.wrap(tlsxx::listen({.port = port}));
        std::cout << "port " << server.port() << std::endl;
        while (greetings-- > 0) {
            auto stream = server.accept([](auto& failed) {
                std::cerr << failed.last_error().what() << '\n';
            });
            std::error_code ec; // a peer that goes away ends its own connection, not the server
            stream.transport().set_timeout(std::chrono::seconds{30}, ec); // and none may stay mute
            const auto peer = stream.transport().remote_endpoint(ec);
            stream.write_all("hello, " + peer.address + "\n", ec);
            stream.shutdown(std::chrono::seconds{5}, ec);
        }
        // []
    } catch (const std::exception& error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
}
