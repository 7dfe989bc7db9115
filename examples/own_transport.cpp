// SPDX-License-Identifier: BSL-1.0
// A transport of one's own: what passes through a socket is counted.

#include <iostream>
#include <string>

#include <tlsxx/openssl.hpp>
#include <tlsxx/socket.hpp>

// [transport]
struct counting_transport {
    tlsxx::socket_transport socket;
    std::size_t received = 0;
    std::size_t sent = 0;

    // Neither may throw. Would-block is make_error_code(tlsxx::errc::want_read) or want_write, the
    // end of the bytes make_error_code(tlsxx::errc::end_of_stream), other errors the system's codes.
    tlsxx::io_result read_some(std::span<std::byte> buffer) noexcept {
        const tlsxx::io_result result = socket.read_some(buffer);
        received += result.n;
        return result;
    }
    tlsxx::io_result write_some(std::span<const std::byte> bytes) noexcept {
        const tlsxx::io_result result = socket.write_some(bytes);
        sent += result.n;
        return result;
    }
};
static_assert(tlsxx::transport<counting_transport>);
// []

int main(int argc, char** argv) {
    if (argc != 4) {
        std::cerr << "usage: own_transport HOST PORT CAFILE\n";
        return 2;
    }
    try {
        const std::string host = argv[1];
        const auto port = static_cast<std::uint16_t>(std::stoi(argv[2]));
        const auto context = tlsxx::openssl::create_default_context({.cafile = argv[3]});
        auto stream = context.wrap(counting_transport{tlsxx::connect(host, port)},
                                   {.server_hostname = host});
        std::cout << stream.read_all() << stream.transport().received << " bytes received, "
                  << stream.transport().sent << " sent\n";
    } catch (const std::exception& error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
}
