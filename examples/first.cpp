// SPDX-License-Identifier: BSL-1.0
#include <tlsxx/openssl.hpp>
#include <tlsxx/socket.hpp>

#include <iostream>

int main(int argc, char** argv) try {
    const std::string host = argc > 1 ? argv[1] : "www.python.org";
    const auto port = static_cast<std::uint16_t>(argc > 2 ? std::stoi(argv[2]) : 443);

    auto context = tlsxx::openssl::create_default_context();
    auto stream = context.wrap(tlsxx::connect(host, port), {.server_hostname = host});
    stream.write_all("GET / HTTP/1.0\r\nHost: " + host + "\r\n\r\n");
    std::cout << stream.version() << '\n' << stream.read_all();
} catch (const std::exception& error) {
    std::cerr << "first: " << error.what() << '\n';
    return 1;
}
