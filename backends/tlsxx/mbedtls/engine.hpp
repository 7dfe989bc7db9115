// SPDX-License-Identifier: BSL-1.0
#pragma once

// The one header that includes Mbed TLS: which versions and builds of it will do, owners for its
// structures, and the calls that depend on how it was built.

#include <cstddef>
#include <mutex>
#include <string>

#include <mbedtls/version.h>

#if MBEDTLS_VERSION_NUMBER >= 0x04000000
#error "tlsxx: Mbed TLS 4 is not yet supported; use Mbed TLS 3.6.4 or a newer 3.6"
#elif MBEDTLS_VERSION_NUMBER < 0x03060400
#error "tlsxx: this Mbed TLS is too old; use Mbed TLS 3.6.4 or a newer 3.6"
#endif

#include <mbedtls/dhm.h>
#include <mbedtls/ecp.h>
#include <mbedtls/error.h>
#include <mbedtls/pem.h>
#include <mbedtls/pk.h>
#include <mbedtls/pkcs12.h>
#include <mbedtls/pkcs5.h>
#include <mbedtls/platform.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/rsa.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_ciphersuites.h>
#include <mbedtls/x509_crt.h>
#include <psa/crypto.h>

#if !defined(MBEDTLS_SSL_TLS_C) || !defined(MBEDTLS_SSL_CLI_C) || !defined(MBEDTLS_SSL_SRV_C)
#error "tlsxx needs an Mbed TLS with MBEDTLS_SSL_TLS_C, MBEDTLS_SSL_CLI_C and MBEDTLS_SSL_SRV_C"
#endif
#if !defined(MBEDTLS_X509_CRT_PARSE_C) || !defined(MBEDTLS_SSL_KEEP_PEER_CERTIFICATE)
#error "tlsxx needs an Mbed TLS with MBEDTLS_X509_CRT_PARSE_C and MBEDTLS_SSL_KEEP_PEER_CERTIFICATE"
#endif
#if !defined(MBEDTLS_PSA_CRYPTO_C) || !defined(MBEDTLS_SSL_SERVER_NAME_INDICATION)
#error "tlsxx needs an Mbed TLS with MBEDTLS_PSA_CRYPTO_C and MBEDTLS_SSL_SERVER_NAME_INDICATION"
#endif

namespace tlsxx {
inline namespace v0 {
namespace mbedtls {
namespace detail {

// An Mbed TLS structure that is initialised and freed with its owner and never moves.
template <class T, void (*Init)(T*), void (*Free)(T*)>
class owned {
public:
    owned() noexcept { Init(&object_); }
    owned(const owned&) = delete;
    owned& operator=(const owned&) = delete;
    ~owned() { Free(&object_); }

    T* get() noexcept { return &object_; }
    const T* get() const noexcept { return &object_; }
    T* operator->() noexcept { return &object_; }
    const T* operator->() const noexcept { return &object_; }

private:
    T object_;
};

using owned_certificates =
    owned<::mbedtls_x509_crt, ::mbedtls_x509_crt_init, ::mbedtls_x509_crt_free>;
using owned_key = owned<::mbedtls_pk_context, ::mbedtls_pk_init, ::mbedtls_pk_free>;
using owned_config =
    owned<::mbedtls_ssl_config, ::mbedtls_ssl_config_init, ::mbedtls_ssl_config_free>;
using owned_ssl = owned<::mbedtls_ssl_context, ::mbedtls_ssl_init, ::mbedtls_ssl_free>;

// Starts PSA once per process, or tries again where that has failed. It is never shut down: other
// parts of the program may use it.
inline ::psa_status_t start_psa() noexcept {
    static std::mutex one_at_a_time;
    const std::lock_guard lock{one_at_a_time};
    return ::psa_crypto_init();
}

// The engine's source of random bytes. PSA's generator locks for itself, so one serves all threads.
inline int random_bytes(void*, unsigned char* out, std::size_t size) noexcept {
    return ::psa_generate_random(out, size);
}

// Reads an extension that the engine does not know as if it did: the policy checker sees the same
// bytes and decides what to make of them.
inline int take_any_extension(void*, const ::mbedtls_x509_crt*, const ::mbedtls_x509_buf*, int,
                              const unsigned char*, const unsigned char*) noexcept {
    return 0;
}

#if defined(MBEDTLS_SSL_PROTO_TLS1_2)
inline constexpr bool has_tls_1_2 = true;
#else
inline constexpr bool has_tls_1_2 = false;
#endif

#if defined(MBEDTLS_SSL_PROTO_TLS1_3)
inline constexpr bool has_tls_1_3 = true;
#else
inline constexpr bool has_tls_1_3 = false;
#endif

#if defined(MBEDTLS_SSL_RENEGOTIATION)
inline void refuse_renegotiation(::mbedtls_ssl_config* config) noexcept {
    ::mbedtls_ssl_conf_renegotiation(config, MBEDTLS_SSL_RENEGOTIATION_DISABLED);
}
#else
inline void refuse_renegotiation(::mbedtls_ssl_config*) noexcept {}
#endif

// The tickets of TLS 1.2; those of TLS 1.3 are dropped by default.
#if defined(MBEDTLS_SSL_SESSION_TICKETS)
inline void ask_for_no_tickets(::mbedtls_ssl_config* config) noexcept {
    ::mbedtls_ssl_conf_session_tickets(config, MBEDTLS_SSL_SESSION_TICKETS_DISABLED);
}
#else
inline void ask_for_no_tickets(::mbedtls_ssl_config*) noexcept {}
#endif

#if defined(MBEDTLS_DHM_C)
inline void require_dh_bits(::mbedtls_ssl_config* config, unsigned int bits) noexcept {
    ::mbedtls_ssl_conf_dhm_min_bitlen(config, bits);
}
#else
inline void require_dh_bits(::mbedtls_ssl_config*, unsigned int) noexcept {}
#endif

#if !defined(MBEDTLS_X509_REMOVE_INFO)
// The engine's words for its verification flags, one line each; empty if they don't fit.
inline std::string flag_text(unsigned int flags) {
    std::string text(256, '\0');
    const int size = ::mbedtls_x509_crt_verify_info(text.data(), text.size(), "", flags);
    text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    while (!text.empty() && text.back() == '\n')
        text.pop_back();
    return text;
}
#else
inline std::string flag_text(unsigned int) {
    return {};
}
#endif

} // namespace detail

/// engine_version is the version of the library that the program runs with: "3.6.7".
#if defined(MBEDTLS_VERSION_C)
inline std::string engine_version() {
    const unsigned int number = ::mbedtls_version_get_number();
    return std::to_string(number >> 24U) + '.' + std::to_string(number >> 16U & 0xFFU) + '.' +
           std::to_string(number >> 8U & 0xFFU);
}
#else
inline std::string engine_version() {
    return MBEDTLS_VERSION_STRING;
}
#endif

} // namespace mbedtls
} // namespace v0
} // namespace tlsxx
