// SPDX-License-Identifier: BSL-1.0
// Asks a PostgreSQL server for its version, over TLS: an upgrade with one byte for an answer.

#include <iostream>
#include <stdexcept>
#include <string>

#include <tlsxx/openssl.hpp>
#include <tlsxx/socket.hpp>

std::string big_endian(std::uint32_t number) {
    std::string bytes;
    for (int shift = 24; shift >= 0; shift -= 8)
        bytes += static_cast<char>(number >> shift & 0xFF);
    return bytes;
}

struct message {
    char type;
    std::string body;
};

template <class Stream>
message read_message(Stream& stream) {
    std::byte head[5]; // the type, and a length that counts itself
    stream.read_exactly(head);
    std::uint32_t size = 0;
    for (int i = 1; i != 5; ++i)
        size = size << 8 | std::to_integer<std::uint32_t>(head[i]);
    if (size < 4 || size > 100'000)
        throw std::runtime_error{"that is not PostgreSQL"};
    message m{static_cast<char>(head[0]), std::string(size - 4, '\0')};
    stream.read_exactly(std::as_writable_bytes(std::span{m.body}));
    return m;
}

int main(int argc, char** argv) {
    if (argc != 4 && argc != 5) {
        std::cerr << "usage: postgresql_upgrade HOST PORT USER [CAFILE]\n";
        return 2;
    }
    try {
        const std::string host = argv[1], user = argv[3];
        const auto port = static_cast<std::uint16_t>(std::stoi(argv[2]));
        const auto context = tlsxx::openssl::create_default_context(
            argc == 5 ? tlsxx::trust{.cafile = argv[4]} : tlsxx::trust{});

        // [upgrade]
        auto socket = tlsxx::connect(host, port, {.timeout = std::chrono::seconds{30}});
        socket.send_all(big_endian(8) + big_endian(80877103)); // SSLRequest
        // One byte and no more: what lies behind it is TLS, or was put there by somebody in between
        // (CVE-2021-23222) and fails as TLS.
        std::byte answer[1];
        if (socket.receive(answer) != 1 || answer[0] != std::byte{'S'})
            throw std::runtime_error{"the server offers no TLS"};
        auto stream = context.wrap(std::move(socket), {.server_hostname = host});
        // []

        const std::string start = big_endian(3 << 16) + "user" + '\0' + user + '\0' + "database" +
                                  '\0' + "postgres" + '\0' + '\0';
        stream.write_all(big_endian(static_cast<std::uint32_t>(start.size() + 4)) + start);
        std::cout << stream.version() << '\n';
        for (char type = 0; type != 'Z';) { // ready for a query
            const message m = read_message(stream);
            type = m.type;
            if (type == 'E') // of several fields, each with a letter in front, M is for people
                throw std::runtime_error{m.body.c_str() + m.body.find(std::string{'\0', 'M'}) + 2};
            if (type == 'R' && m.body != big_endian(0))
                throw std::runtime_error{"the server asks for a password"};
            if (type == 'S' && m.body.starts_with("server_version"))
                std::cout << "PostgreSQL " << m.body.c_str() + m.body.find('\0') + 1 << '\n';
        }
        stream.write_all("X" + big_endian(4)); // goodbye
        stream.close_notify();
    } catch (const std::exception& error) {
        std::cerr << "postgresql_upgrade: " << error.what() << '\n';
        return 1;
    }
}
