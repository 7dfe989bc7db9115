// SPDX-License-Identifier: BSL-1.0
#include <cstdio>

#include <tlsxx/mbedtls.hpp>

int main() {
    std::error_code ec;
    tlsxx::mbedtls::context context{tlsxx::protocol::tls_client, ec};
    std::printf("%s: %s\n", "mbedtls", ec ? ec.message().c_str() : "a context is made");
    return ec ? 1 : 0;
}
