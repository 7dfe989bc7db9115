// SPDX-License-Identifier: BSL-1.0
// A server that reads its certificate, its key and the authorities of its clients anew on SIGHUP,
// without losing a connection. What can't be read changes nothing.

#include <chrono>
#include <csignal>
#include <iostream>
#include <mutex>
#include <string>
#include <thread>

#include <tlsxx/openssl.hpp>
#include <tlsxx/socket.hpp>

// What new connections are made under. Each keeps the context that it was made under until it ends.
class current_context {
public:
    explicit current_context(tlsxx::openssl::context first) : context_{std::move(first)} {}
    tlsxx::openssl::context get() const { // a copy is cheap: it shares all that was loaded
        const std::lock_guard lock{mutex_};
        return context_;
    }
    void set(tlsxx::openssl::context next) {
        const std::lock_guard lock{mutex_};
        std::swap(context_, next);
    }

private:
    mutable std::mutex mutex_;
    tlsxx::openssl::context context_;
};

int main(int argc, char** argv) {
    if (argc != 4 && argc != 5) {
        std::cerr << "usage: reload PORT CERTFILE KEYFILE [CLIENT_CAFILE]\n";
        return 2;
    }
    const auto load = [&] {
        tlsxx::openssl::context context{tlsxx::protocol::tls_server};
        context.load_cert_chain(argv[2], argv[3]);
        if (argc == 5) {
            context.load_verify_locations({.cafile = argv[4]});
            context.set_verify_mode(tlsxx::verify_mode::required);
        }
        return context;
    };
    const auto greet = [](const tlsxx::openssl::context& context, tlsxx::socket_transport socket) {
        std::error_code ec; // a peer that fails ends its own connection
        socket.set_timeout(std::chrono::seconds{30}, ec);
        auto stream = context.wrap(std::move(socket), {}, ec);
        if (!ec)
            stream.write_all("hello\n", ec);
        if (!ec)
            stream.shutdown(ec);
        if (ec)
            std::cerr << stream.last_error().what() + '\n';
    };
    try {
        auto listener = tlsxx::listen({.port = static_cast<std::uint16_t>(std::stoi(argv[1]))});
        // [reload]
        current_context current{load()};
        ::sigset_t signals;
        ::sigemptyset(&signals);
        ::sigaddset(&signals, SIGHUP);
        ::pthread_sigmask(SIG_BLOCK, &signals, nullptr); // everywhere; the next thread waits for it
        std::thread{[&] {
            for (int signal; ::sigwait(&signals, &signal) == 0;) {
                try {
                    current.set(load());
                    std::cout << "reloaded" << std::endl;
                } catch (const std::exception& error) {
                    std::cerr << "not reloaded: " << error.what() << std::endl;
                }
            }
        }}.detach();
        // []
        std::cout << "port " << listener.port() << std::endl;
        for (;;) {
            try { // a thread for each connection, for brevity
                auto socket = listener.accept();
                std::thread{greet, current.get(), std::move(socket)}.detach();
            } catch (const std::exception& error) { // too many; perhaps some end
                std::cerr << error.what() << std::endl;
                std::this_thread::sleep_for(std::chrono::milliseconds{100});
            }
        }
    } catch (const std::exception& error) {
        std::cerr << "reload: " << error.what() << '\n';
        return 1;
    }
}
