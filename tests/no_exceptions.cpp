// SPDX-License-Identifier: BSL-1.0
// The library in a program without exceptions and RTTI: every member of context and stream is made,
// on both engines, and a connection between them works. Catch2 needs exceptions: this is a program
// of its own.

#include <tlsxx/mbedtls.hpp>
#include <tlsxx/memory_transport.hpp>
#include <tlsxx/openssl.hpp>
#include <tlsxx/socket.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>

#if defined(__cpp_exceptions) || defined(__cpp_rtti)
#error "build this with -fno-exceptions -fno-rtti"
#endif

template class tlsxx::basic_context<tlsxx::openssl::backend>;
template class tlsxx::basic_context<tlsxx::mbedtls::backend>;
template class tlsxx::basic_stream<tlsxx::openssl::backend, tlsxx::memory_transport>;
template class tlsxx::basic_stream<tlsxx::mbedtls::backend, tlsxx::socket_transport>;
template class tlsxx::basic_listener<tlsxx::openssl::backend, tlsxx::socket_listener>;
template class tlsxx::basic_listener<tlsxx::mbedtls::backend, tlsxx::socket_listener>;

namespace {

std::string pki;

bool failed(const char* what, const tlsxx::error_info& why) {
    std::printf("%s: %s\n", what, why.what().c_str());
    return false;
}

template <class Client, class Server>
bool connection_works() {
    std::error_code ec;
    tlsxx::basic_context<Client> client_context{tlsxx::protocol::tls_client, ec};
    const std::string root = pki + "/root.pem", chain = pki + "/good-chain.pem";
    client_context.load_verify_locations({.cafile = root}, ec);
    if (ec)
        return failed("client", client_context.last_error());
    tlsxx::basic_context<Server> server_context{tlsxx::protocol::tls_server, ec};
    // Failures are reported without an exception, and without an end of the program.
    server_context.load_cert_chain("/nowhere", "/nowhere", ec);
    if (ec != std::errc::no_such_file_or_directory)
        return failed("no such file", server_context.last_error());
    server_context.load_cert_chain(chain, pki + "/good.key", ec);
    if (ec)
        return failed("server", server_context.last_error());

    tlsxx::memory_transport client_pipe, server_pipe;
    auto client = client_context.wrap(
        std::ref(client_pipe), {.server_hostname = "localhost", .handshake = tlsxx::deferred}, ec);
    auto server = server_context.wrap(std::ref(server_pipe), {.handshake = tlsxx::deferred}, ec);
    std::error_code server_ec = make_error_code(tlsxx::errc::want_read);
    ec = server_ec;
    for (int i = 0; i != 20 && (ec || server_ec); ++i) {
        client.handshake(ec);
        server_pipe.put_incoming(client_pipe.take_outgoing());
        server.handshake(server_ec);
        client_pipe.put_incoming(server_pipe.take_outgoing());
    }
    if (ec)
        return failed("handshake", client.last_error());
    client.write_all("hello", ec);
    client.close_notify(ec);
    server_pipe.put_incoming(client_pipe.take_outgoing());
    std::string text;
    server.read_all(text, ec);
    return (!ec && text == "hello") || failed("data", server.last_error());
}

} // namespace

int main() {
    const char* folder = std::getenv("TLSXX_TEST_PKI");
#if defined(TLSXX_TEST_PKI)
    pki = TLSXX_TEST_PKI;
#endif
    if (folder != nullptr)
        pki = folder;
    using openssl = tlsxx::openssl::backend;
    using mbedtls = tlsxx::mbedtls::backend;
    return connection_works<openssl, mbedtls>() && connection_works<mbedtls, openssl>() ? 0 : 1;
}
