// SPDX-License-Identifier: BSL-1.0
// Asks a mail server what it can do, protected by STARTTLS (RFC 3207).

#include <iostream>
#include <stdexcept>
#include <string>

#include <tlsxx/openssl.hpp>
#include <tlsxx/socket.hpp>

// One reply of one or more lines, such as "250-SIZE 1000" and "250 HELP". `unread` keeps what has
// come behind it; `read` is told where to put more.
template <class Read>
std::string read_reply(std::string& unread, std::string_view expected, Read read) {
    std::string reply;
    for (;;) {
        const std::size_t end = unread.find("\r\n");
        if (end == unread.npos) {
            char buffer[512];
            const std::size_t n = read(std::span{buffer});
            if (n == 0 || unread.size() + reply.size() > 100'000)
                throw std::runtime_error{"the server breaks off"};
            unread.append(buffer, n);
            continue;
        }
        const std::string line = unread.substr(0, end);
        unread.erase(0, end + 2);
        if (!line.starts_with(expected))
            throw std::runtime_error{"the server says: " + line};
        reply += line + '\n';
        if (line.size() == 3 || line[3] != '-')
            return reply;
    }
}

int main(int argc, char** argv) {
    if (argc != 3 && argc != 4) {
        std::cerr << "usage: smtp_starttls HOST PORT [CAFILE]\n";
        return 2;
    }
    try {
        const std::string host = argv[1];
        const auto port = static_cast<std::uint16_t>(std::stoi(argv[2]));
        const auto context = tlsxx::openssl::create_default_context(
            argc == 4 ? tlsxx::trust{.cafile = argv[3]} : tlsxx::trust{});
        std::string unread;

        // [starttls]
        auto socket = tlsxx::connect(host, port, {.timeout = std::chrono::seconds{30}});
        const auto in_clear = [&](std::span<char> buffer) {
            return socket.receive(std::as_writable_bytes(buffer));
        };
        read_reply(unread, "220", in_clear);
        socket.send_all("EHLO localhost\r\n");
        if (read_reply(unread, "250", in_clear).find("STARTTLS") == std::string::npos)
            throw std::runtime_error{"the server offers no STARTTLS"};
        socket.send_all("STARTTLS\r\n");
        read_reply(unread, "220", in_clear);
        // Whoever sits in between could have put it there, to be taken for the server's protected
        // answers (CVE-2011-0411).
        if (!unread.empty())
            throw std::runtime_error{"there is plain text behind the answer to STARTTLS"};
        auto stream = context.wrap(std::move(socket), {.server_hostname = host});
        // []

        // What was said before counts for nothing: it begins anew.
        const auto encrypted = [&](std::span<char> buffer) { return stream.read_some(buffer); };
        stream.write_all("EHLO localhost\r\n");
        std::cout << stream.version() << '\n' << read_reply(unread, "250", encrypted);
        stream.write_all("QUIT\r\n");
        read_reply(unread, "221", encrypted);
        stream.close_notify();
    } catch (const std::exception& error) {
        std::cerr << "smtp_starttls: " << error.what() << '\n';
        return 1;
    }
}
