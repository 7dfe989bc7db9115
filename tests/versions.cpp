// SPDX-License-Identifier: BSL-1.0
// What a lane of tools/test is made of, for its summary.

#include <cstdio>

#include <tlsxx/mbedtls.hpp>
#include <tlsxx/openssl.hpp>

int main() {
#if defined(__clang__)
    std::printf("Clang %d.%d.%d", __clang_major__, __clang_minor__, __clang_patchlevel__);
#else
    std::printf("GCC %d.%d.%d", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
#endif
    std::printf(", OpenSSL %s, Mbed TLS %s\n",
                tlsxx::openssl::backend::engine_version().c_str(),
                tlsxx::mbedtls::engine_version().c_str());
}
