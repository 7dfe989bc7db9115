// SPDX-License-Identifier: BSL-1.0
// A TLS server behind a load balancer that says by the PROXY protocol, version 1 or 2, for whom it
// connects. The header is believed: only the balancer may be able to reach the port.

#include <arpa/inet.h>
#include <array>
#include <chrono>
#include <iostream>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>

#include <tlsxx/openssl.hpp>
#include <tlsxx/socket.hpp>

struct proxy_header {
    std::size_t size;   // TLS begins behind it
    std::string client; // its address; empty where the balancer speaks for itself
};

// The header that `bytes` begin with; none as long as it is not whole.
std::optional<proxy_header> parse_proxy_header(std::string_view bytes) {
    const auto number = [&](std::size_t at) { return std::to_integer<int>(std::byte(bytes[at])); };
    const auto begins_with = [&](std::string_view text) {
        return bytes.substr(0, text.size()) == text.substr(0, bytes.size());
    };
    char client[INET6_ADDRSTRLEN] = "";
    if (begins_with({"\r\n\r\n\0\r\nQUIT\n", 12})) {
        if (bytes.size() < 16)
            return std::nullopt;
        const int command = number(12), family = number(13);
        const auto size = static_cast<std::size_t>(16 + number(14) * 256 + number(15));
        const std::size_t addresses = family == 0x11 ? 12 : family == 0x21 ? 36 : 0;
        if ((command != 0x20 && command != 0x21) || size < 16 + addresses || size > 2048)
            throw std::runtime_error{"malformed PROXY header"};
        if (bytes.size() < size)
            return std::nullopt;
        if (command == 0x21 && addresses != 0)
            ::inet_ntop(addresses == 12 ? AF_INET : AF_INET6, bytes.data() + 16, client,
                        sizeof client);
        return proxy_header{size, client};
    }
    // "PROXY TCP4 192.0.2.1 192.0.2.9 51000 443\r\n", at most 107 bytes
    const std::size_t end = bytes.substr(0, 107).find("\r\n");
    if (begins_with("PROXY ") && end == bytes.npos && bytes.size() < 107)
        return std::nullopt;
    std::istringstream line{std::string{bytes.substr(0, end)}};
    std::string proxy, protocol, address;
    line >> proxy >> protocol >> address;
    ::in6_addr parsed;
    if (!begins_with("PROXY ") || end == bytes.npos ||
        (protocol != "UNKNOWN" &&
         (protocol != "TCP4" || ::inet_pton(AF_INET, address.c_str(), &parsed) != 1) &&
         (protocol != "TCP6" || ::inet_pton(AF_INET6, address.c_str(), &parsed) != 1)))
        throw std::runtime_error{"malformed PROXY header"};
    return proxy_header{end + 2, protocol == "UNKNOWN" ? "" : address};
}

int main(int argc, char** argv) {
    if (argc != 5) {
        std::cerr << "usage: proxy_protocol PORT CERTFILE KEYFILE COUNT\n";
        return 2;
    }
    try {
        tlsxx::openssl::context context{tlsxx::protocol::tls_server};
        context.load_cert_chain(argv[2], argv[3]);
        auto listener = tlsxx::listen({.port = static_cast<std::uint16_t>(std::stoi(argv[1]))});
        std::cout << "port " << listener.port() << std::endl;
        for (int count = std::stoi(argv[4]); count > 0; --count) {
            auto socket = listener.accept();
            try {
                socket.set_timeout(std::chrono::seconds{5});
                // [peek]
                // As many bytes as there are: what lies behind the header is TLS's.
                std::array<char, 4096> buffer;
                std::size_t have = 0;
                std::optional<proxy_header> header;
                while (!(header = parse_proxy_header({buffer.data(), have}))) {
                    const auto room = std::as_writable_bytes(std::span{buffer}).subspan(have);
                    const std::size_t n = socket.receive(room);
                    if (n == 0)
                        throw std::runtime_error{"the balancer has gone"};
                    have += n;
                }
                const auto rest = std::as_bytes(std::span{buffer}.first(have));
                auto stream =
                    context.wrap(std::move(socket), {.initial_bytes = rest.subspan(header->size)});
                // []
                stream.write_all("hello, " + header->client + "\n");
                stream.shutdown();
            } catch (const std::exception& error) { // of this connection alone
                std::cerr << error.what() << std::endl;
            }
        }
    } catch (const std::exception& error) {
        std::cerr << "proxy_protocol: " << error.what() << '\n';
        return 1;
    }
}
