// SPDX-License-Identifier: BSL-1.0
#pragma once

// A client and a server of the Mbed TLS backend over two memory transports.

#include <tlsxx/mbedtls.hpp>
#include <tlsxx/memory_transport.hpp>

#include "../support/pki.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace test {

using context = tlsxx::mbedtls::context;
using memory_stream = tlsxx::mbedtls::stream<tlsxx::memory_transport&>;
using tlsxx::errc;
using tlsxx::tls_version;
using tlsxx::verify_mode;

inline constexpr tls_version both_versions[] = {tls_version::tls_1_2, tls_version::tls_1_3};

// NAME-chain.pem and NAME.key of the test PKI.
inline void load(context& c, std::string_view name) {
    const std::string certificates = pki(std::string{name} + "-chain.pem");
    const std::string key = pki(std::string{name} + ".key");
    c.load_cert_chain({.certfile = certificates, .keyfile = key});
}

inline void trust(context& c, std::string_view file) {
    const std::string path = pki(file);
    c.load_verify_locations({.cafile = path});
}

inline void only(context& c, tls_version v) {
    c.set_minimum_version(v);
    c.set_maximum_version(v);
}

// A client that trusts `anchors` and a server that shows `identity`, in one TLS version.
struct loop {
    context client{tlsxx::protocol::tls_client};
    context server{tlsxx::protocol::tls_server};
    std::string host = "localhost";

    tlsxx::memory_transport client_pipe;
    tlsxx::memory_transport server_pipe;
    std::optional<memory_stream> c;
    std::optional<memory_stream> s;
    std::error_code client_error;
    std::error_code server_error;

    explicit loop(tls_version version, std::string_view identity = "good",
                  std::string_view anchors = "root.pem") {
        only(client, version);
        only(server, version);
        load(server, identity);
        if (!anchors.empty())
            trust(client, anchors);
    }

    void open() {
        std::error_code ec;
        c.emplace(client.wrap(std::ref(client_pipe),
                              {.server_hostname = host, .handshake = tlsxx::deferred}, ec));
        if (!ec)
            s.emplace(server.wrap(std::ref(server_pipe), {.handshake = tlsxx::deferred}, ec));
        if (ec)
            throw std::system_error(ec);
        client_error = server_error = make_error_code(errc::want_read);
    }
    void move_bytes() {
        server_pipe.put_incoming(client_pipe.take_outgoing());
        client_pipe.put_incoming(server_pipe.take_outgoing());
    }
    // Handshakes on both sides as far as they go.
    void handshake() {
        if (!c)
            open();
        for (int round = 0; round != 10; ++round) {
            if (client_error == errc::want_read)
                c->handshake(client_error);
            move_bytes();
            if (server_error == errc::want_read)
                s->handshake(server_error);
            move_bytes();
        }
    }
    // What the client finds when it reads: under TLS 1.3 it learns of a refusal only then.
    std::error_code client_reads() {
        std::error_code ec;
        char byte = 0;
        c->read_some(std::as_writable_bytes(std::span{&byte, 1}), ec);
        return ec;
    }
};

} // namespace test
