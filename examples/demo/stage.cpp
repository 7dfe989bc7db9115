// SPDX-License-Identifier: BSL-1.0

#include "stage.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <random>
#include <stdexcept>
#include <utility>

#include <netdb.h>
#include <netinet/in.h>

#include <tlsxx/socket.hpp>

namespace demo {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view loopback = "127.0.0.1";
constexpr std::size_t data_size = 8 << 20;

bool localhost_is_known() {
    ::addrinfo wanted{};
    wanted.ai_family = AF_INET;
    ::addrinfo* found = nullptr;
    if (::getaddrinfo("localhost", nullptr, &wanted, &found) != 0)
        return false;
    const auto* address = reinterpret_cast<const ::sockaddr_in*>(found->ai_addr);
    const bool answer = address->sin_addr.s_addr == ::htonl(INADDR_LOOPBACK);
    ::freeaddrinfo(found);
    return answer;
}

std::uint16_t port_in(const std::string& text) {
    return static_cast<std::uint16_t>(std::stoi(text));
}

bool somebody_listens(std::uint16_t port) {
    std::error_code ec;
    tlsxx::connect(loopback, port, ec);
    return !ec;
}

} // namespace

stage::stage(const std::filesystem::path& folder, const std::filesystem::path& programs,
             const std::filesystem::path& pki_script)
    : folder_{folder}, programs_{programs}, host_{localhost_is_known() ? "localhost"
                                                                       : std::string{loopback}} {
    const finished made =
        run({{"sh", pki_script.string(), (folder / "pki").string()}}, folder, "pki", 60s);
    if (made.code != 0)
        throw std::runtime_error{"the certificates could not be made: " + made.err};

    std::mt19937 random{20240101};
    data_.resize(data_size);
    for (char& c : data_)
        c = static_cast<char>(random());
    std::filesystem::create_directory(www());
    write_file(www() / "data", data_);
    write_file(www() / "index.html", "nginx speaks <!--# echo var=\"ssl_protocol\" --> "
                                     "<!--# echo var=\"ssl_cipher\" --> with you.\n");
}

nginx::nginx(const stage& where) {
    // Nobody keeps a port free for us until nginx takes it: rarely, somebody is quicker.
    for (int tries = 0; !process_; ++tries) {
        try {
            start(where);
        } catch (const std::exception&) {
            process_.reset();
            if (tries == 3)
                throw;
        }
    }
}

void nginx::start(const stage& where) {
    const std::filesystem::path prefix = where.folder() / "nginx";
    std::filesystem::create_directories(prefix / "temporary");
    {
        const auto one = tlsxx::listen({.address = loopback});
        const auto two = tlsxx::listen({.address = loopback});
        tls_port_ = one.port();
        plain_port_ = two.port();
    }
    const auto address = [](std::uint16_t port) {
        return std::string{loopback} + ':' + std::to_string(port);
    };
    std::string text = "daemon off;\n" // one process, as whoever runs the demo
                       "master_process off;\n"
                       "pid nginx.pid;\n"
                       "error_log error.log;\n"
                       "events { worker_connections 64; }\n"
                       "http {\n"
                       "    access_log off;\n"
                       "    types { text/html html; }\n"
                       "    default_type application/octet-stream;\n";
    for (const char* what : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"})
        text += "    " + std::string{what} + "_temp_path temporary;\n";
    text += "    ssl_protocols TLSv1.2 TLSv1.3;\n"
            "    root \"" +
            where.www().string() +
            "\";\n"
            "    ssi on;\n"
            "    server {\n"
            "        listen " +
            address(tls_port_) +
            " ssl;\n"
            "        ssl_certificate \"" +
            where.pki("good-chain.pem") +
            "\";\n"
            "        ssl_certificate_key \"" +
            where.pki("good.key") +
            "\";\n"
            "    }\n"
            "    server { listen " +
            address(plain_port_) +
            "; }\n"
            "}\n";
    write_file(prefix / "nginx.conf", text);
    process_.emplace(
        command{{"nginx", "-p", prefix.string() + '/', "-c", "nginx.conf", "-e", "error.log"}},
        where.folder(), "nginx");
    for (int i = 0; i != 1000 && process_->is_running(); ++i) {
        if (somebody_listens(tls_port_) && somebody_listens(plain_port_) && process_->is_running())
            return;
        std::this_thread::sleep_for(5ms);
    }
    throw std::runtime_error{"nginx does not start: " + process_->err() +
                             read_file(prefix / "error.log")};
}

s_server::s_server(const stage& where, std::string_view certificate)
    : process_{{{"openssl", "s_server", "-accept", std::string{loopback} + ":0", "-cert",
                 where.pki(std::string{certificate} + ".pem"), "-key",
                 where.pki(std::string{certificate} + ".key"), "-cert_chain",
                 where.pki("intermediate.pem"), "-www"}},
               where.folder(),
               "s_server-" + std::string{certificate}} {}

std::uint16_t s_server::port() {
    if (port_ == 0)
        port_ = port_in(process_.wait_for("ACCEPT " + std::string{loopback} + ':', 5s));
    return port_;
}

cutting_proxy::cutting_proxy(std::uint16_t target, std::size_t bytes) {
    auto listener = tlsxx::listen({.address = loopback});
    listener.set_timeout(5s);
    port_ = listener.port();
    thread_ = std::thread{[target, bytes, listener = std::move(listener)]() mutable {
        // Whatever fails here, the client sees an end, and what it says of it is judged.
        std::error_code ec;
        auto client = listener.accept(ec);
        auto server = tlsxx::connect(loopback, target, {.timeout = 5s}, ec);
        if (ec)
            return;
        client.set_timeout(5s, ec);
        std::thread upwards{[&] {
            std::array<std::byte, 4096> buffer;
            std::error_code up;
            for (;;) {
                const auto n = client.receive(buffer, up);
                if (up || n == 0)
                    break;
                server.send_all(std::span{buffer}.first(n), up);
            }
        }};
        std::array<std::byte, 4096> buffer;
        for (std::size_t left = bytes; left != 0 && !ec;) {
            const auto n =
                server.receive(std::span{buffer}.first(std::min(left, buffer.size())), ec);
            if (ec || n == 0)
                break;
            client.send_all(std::span{buffer}.first(n), ec);
            left -= n;
        }
        // An orderly end of the socket, and not a reset: it is TLS that has to notice.
        client.shutdown_write(ec);
        upwards.join();
    }};
}

} // namespace demo
