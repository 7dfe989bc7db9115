// SPDX-License-Identifier: BSL-1.0
// Says why a server is not trusted, or that it is.

#include <iostream>
#include <string>

#include <tlsxx/openssl.hpp>
#include <tlsxx/socket.hpp>

int main(int argc, char** argv) {
    if (argc != 4) {
        std::cerr << "usage: why HOST PORT CAFILE\n";
        return 2;
    }
    try {
        const std::string host = argv[1];
        const auto port = static_cast<std::uint16_t>(std::stoi(argv[2]));
        const auto context = tlsxx::openssl::create_default_context(tlsxx::purpose::server_auth,
                                                                    {.cafile = argv[3]});
        auto stream = context.wrap(tlsxx::connect(host, port),
                                   {.server_hostname = host, .handshake = tlsxx::deferred});
        // [why]
        std::error_code ec;
        stream.handshake(ec);
        if (ec == tlsxx::errc::verification_failed)
            for (const auto& reason : stream.verification().reasons())
                std::cerr << reason.depth << ' ' << reason.message << " (" << reason.verify_code
                          << "; " << reason.engine_message << ") " << reason.certificate.subject()
                          << '\n';
        else if (ec)
            std::cerr << stream.last_error().what() << '\n';
        // []
        else
            std::cout << stream.version() << ", " << stream.peer_certificate()->subject() << '\n';
        return ec ? 1 : 0;
    } catch (const std::exception& error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
}
