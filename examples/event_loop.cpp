// SPDX-License-Identifier: BSL-1.0
// No sockets in the library's hands: the program moves the bytes, as an event loop would.

#include <iostream>
#include <string>

#include <tlsxx/memory_transport.hpp>
#include <tlsxx/openssl.hpp>
#include <tlsxx/socket.hpp>

int main(int argc, char** argv) {
    if (argc != 4) {
        std::cerr << "usage: event_loop HOST PORT CAFILE\n";
        return 2;
    }
    try {
        const std::string host = argv[1];
        auto socket = tlsxx::connect(host, static_cast<std::uint16_t>(std::stoi(argv[2])));
        const auto send_to_peer = [&](const std::string& bytes) {
            std::error_code ec;
            socket.send_all(bytes, ec);
            if (ec)
                throw std::system_error(ec);
        };
        const auto receive_from_peer = [&] {
            std::string bytes(4096, '\0');
            std::error_code ec;
            bytes.resize(socket.receive(std::as_writable_bytes(std::span{bytes}), ec));
            if (ec || bytes.empty())
                throw std::runtime_error("the peer has gone");
            return bytes;
        };
        const auto context = tlsxx::openssl::create_default_context(tlsxx::purpose::server_auth,
                                                                    {.cafile = argv[3]});
        // [loop]
        tlsxx::memory_transport pipe;
        auto stream = context.wrap(std::ref(pipe),
                                   {.server_hostname = host, .handshake = tlsxx::deferred});
        while (true) {
            std::error_code ec;
            stream.handshake(ec);
            send_to_peer(pipe.take_outgoing());
            if (!ec)
                break;
            if (ec != tlsxx::errc::want_read)
                throw std::system_error(ec);
            pipe.put_incoming(receive_from_peer());
        }
        // []
        std::cout << stream.version() << ' ' << stream.cipher().name << '\n';
    } catch (const std::exception& error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
}
