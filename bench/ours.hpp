// SPDX-License-Identifier: BSL-1.0
#pragma once

// The library, over the same ends and with its defaults.

#include <cstddef>
#include <span>
#include <string>
#include <system_error>

#include <tlsxx/context.hpp>
#include <tlsxx/openssl.hpp>

#include "wires.hpp"

namespace bench {

template <class End>
struct end_transport {
    End* end;

    tlsxx::io_result read_some(std::span<std::byte> buffer) noexcept {
        const ssize_t n = end->receive(buffer.data(), buffer.size());
        if (n > 0)
            return {static_cast<std::size_t>(n), {}};
        return {0, make_error_code(n < 0 ? tlsxx::errc::want_read : tlsxx::errc::end_of_stream)};
    }
    tlsxx::io_result write_some(std::span<const std::byte> bytes) noexcept {
        const ssize_t n = end->send(bytes.data(), bytes.size());
        if (n >= 0)
            return {static_cast<std::size_t>(n), {}};
        return {0, make_error_code(tlsxx::errc::want_write)};
    }
};

template <class Backend>
struct tlsxx_context {
    tlsxx::basic_context<Backend> client, server;

    explicit tlsxx_context(const std::string& pki)
        : client{tlsxx::create_default_context<Backend>(tlsxx::purpose::server_auth,
                                                        {.cafile = pki + "/root.pem"})},
          server{tlsxx::protocol::tls_server} {
        server.load_cert_chain(pki + "/good-chain.pem", pki + "/good.key");
    }
};

template <class Backend, class End>
class tlsxx_link {
public:
    using context = tlsxx_context<Backend>;
    using session = ::SSL_SESSION*;
    // There are no sessions yet: on OpenSSL one goes through the engine's own handle.
    static constexpr bool resumes = std::is_same_v<Backend, tlsxx::openssl::backend>;

    tlsxx_link(context& c, End& client, End& server)
        : client_{c.client.wrap(end_transport<End>{&client},
                                {.server_hostname = "localhost", .handshake = tlsxx::deferred})},
          server_{c.server.wrap(end_transport<End>{&server}, {.handshake = tlsxx::deferred})} {}

    void handshake() {
        std::error_code by_client, by_server;
        do {
            client_.handshake(by_client);
            server_.handshake(by_server);
            check((!by_client || by_client == tlsxx::errc::want_read) &&
                      (!by_server || by_server == tlsxx::errc::want_read),
                  "handshake");
        } while (by_client || by_server);
    }
    void write(bool by_client, std::span<const std::byte> data) {
        std::error_code ec;
        (by_client ? client_ : server_).write_all(data, ec);
        check(!ec, "write_all");
    }
    void read(bool by_client, std::span<std::byte> buffer) {
        std::error_code ec;
        (by_client ? client_ : server_).read_exactly(buffer, ec);
        check(!ec, "read_exactly");
    }

    session take_session() {
        ::SSL_set_shutdown(client_.native_handle(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        return ::SSL_get1_session(client_.native_handle());
    }
    void offer(session s) {
        check(::SSL_set_session(client_.native_handle(), s) == 1, "SSL_set_session");
    }
    bool resumed() const { return ::SSL_session_reused(client_.native_handle()) == 1; }

private:
    tlsxx::basic_stream<Backend, end_transport<End>> client_, server_;
};

} // namespace bench
