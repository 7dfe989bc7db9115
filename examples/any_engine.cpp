// SPDX-License-Identifier: BSL-1.0
// The engine as a template parameter: the same function on every engine that is built in.

#include <iostream>
#include <string>
#include <string_view>

#include <tlsxx/socket.hpp>
#if defined(HAVE_OPENSSL)
#include <tlsxx/openssl.hpp>
#endif
#if defined(HAVE_MBEDTLS)
#include <tlsxx/mbedtls.hpp>
#endif

// [fetch]
template <tlsxx::backend Backend>
std::string fetch(const std::string& host, std::uint16_t port, const tlsxx::trust& trust) {
    auto context = tlsxx::create_default_context<Backend>(tlsxx::purpose::server_auth, trust);
    auto stream = context.wrap(tlsxx::connect(host, port), {.server_hostname = host});
    stream.write_all("GET / HTTP/1.0\r\nHost: " + host + "\r\n\r\n");
    return stream.read_all();
}
// []

int main(int argc, char** argv) {
    if (argc != 4) {
        std::cerr << "usage: any_engine HOST PORT CAFILE\n";
        return 2;
    }
    const auto port = static_cast<std::uint16_t>(std::stoi(argv[2]));
    const tlsxx::trust trust{.cafile = argv[3]};
    try {
#if defined(HAVE_OPENSSL)
        std::cout << "OpenSSL: " << fetch<tlsxx::openssl::backend>(argv[1], port, trust).size()
                  << " bytes\n";
#endif
#if defined(HAVE_MBEDTLS)
        std::cout << "Mbed TLS: " << fetch<tlsxx::mbedtls::backend>(argv[1], port, trust).size()
                  << " bytes\n";
#endif
    } catch (const std::exception& error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
}
