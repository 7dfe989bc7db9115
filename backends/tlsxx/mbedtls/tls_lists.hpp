// SPDX-License-Identifier: BSL-1.0
#pragma once

// The suites, groups and signature algorithms that the engine is given: the library's defaults
// without what this build of the engine lacks and what the security level forbids.

#include <array>
#include <cstddef>
#include <cstdint>

#include <tlsxx/defaults.hpp>
#include <tlsxx/mbedtls/engine.hpp>
#include <tlsxx/suites.hpp>
#include <tlsxx/x509/key_strength.hpp>

namespace tlsxx {
inline namespace v0 {
namespace mbedtls {
namespace detail {

// One of the engine's lists: values up to the first 0.
template <class T, std::size_t Longest>
struct engine_list {
    std::array<T, Longest + 1> values{};
    std::size_t size = 0;

    constexpr void add(T value) noexcept { values[size++] = value; }
    constexpr const T* data() const noexcept { return values.data(); }
};

using suite_list =
    engine_list<int, defaults::suites_tls_1_3.size() + defaults::suites_tls_1_2.size()>;
using group_list = engine_list<std::uint16_t, defaults::groups.size()>;
using signature_list = engine_list<std::uint16_t, defaults::signature_algorithms.size()>;

// What this build of the engine can do, by the macros of its configuration.
struct build {
#if defined(PSA_WANT_ALG_FFDH)
    static constexpr bool ffdhe = true;
#else
    static constexpr bool ffdhe = false;
#endif
#if defined(MBEDTLS_RSA_C) && defined(MBEDTLS_PKCS1_V15)
    static constexpr bool pkcs1_v15 = true;
#else
    static constexpr bool pkcs1_v15 = false;
#endif
#if defined(MBEDTLS_RSA_C) && defined(MBEDTLS_PKCS1_V21)
    static constexpr bool pss = true;
#else
    static constexpr bool pss = false;
#endif
#if defined(MBEDTLS_KEY_EXCHANGE_ECDSA_CERT_REQ_ALLOWED_ENABLED)
    static constexpr bool ecdsa = true;
#else
    static constexpr bool ecdsa = false;
#endif
#if defined(PSA_WANT_ECC_SECP_R1_256)
    static constexpr bool p256 = true;
#else
    static constexpr bool p256 = false;
#endif
#if defined(PSA_WANT_ECC_SECP_R1_384)
    static constexpr bool p384 = true;
#else
    static constexpr bool p384 = false;
#endif
#if defined(PSA_WANT_ECC_SECP_R1_521)
    static constexpr bool p521 = true;
#else
    static constexpr bool p521 = false;
#endif
#if defined(PSA_WANT_ECC_MONTGOMERY_255)
    static constexpr bool x25519 = true;
#else
    static constexpr bool x25519 = false;
#endif
#if defined(PSA_WANT_ECC_MONTGOMERY_448)
    static constexpr bool x448 = true;
#else
    static constexpr bool x448 = false;
#endif
#if defined(PSA_WANT_ALG_SHA_224)
    static constexpr bool sha224 = true;
#else
    static constexpr bool sha224 = false;
#endif
#if defined(PSA_WANT_ALG_SHA_256)
    static constexpr bool sha256 = true;
#else
    static constexpr bool sha256 = false;
#endif
#if defined(PSA_WANT_ALG_SHA_384)
    static constexpr bool sha384 = true;
#else
    static constexpr bool sha384 = false;
#endif
#if defined(PSA_WANT_ALG_SHA_512)
    static constexpr bool sha512 = true;
#else
    static constexpr bool sha512 = false;
#endif
};

// Security bits of a group; 0 if the engine lacks it.
constexpr int group_bits(std::uint16_t group) noexcept {
    switch (group) {
    case MBEDTLS_SSL_IANA_TLS_GROUP_X25519: return build::x25519 ? 128 : 0;
    case MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1: return build::p256 ? 128 : 0;
    case MBEDTLS_SSL_IANA_TLS_GROUP_X448: return build::x448 ? 224 : 0;
    case MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1: return build::p384 ? 192 : 0;
    case MBEDTLS_SSL_IANA_TLS_GROUP_SECP521R1: return build::p521 ? 256 : 0;
    case MBEDTLS_SSL_IANA_TLS_GROUP_FFDHE2048: return build::ffdhe ? 112 : 0;
    case MBEDTLS_SSL_IANA_TLS_GROUP_FFDHE3072: return build::ffdhe ? 128 : 0;
    default: return 0;
    }
}

// Security bits of a signature algorithm; 0 if the engine lacks it.
constexpr int signature_scheme_bits(std::uint16_t scheme) noexcept {
    switch (scheme) {
    case 0x0403: return build::ecdsa && build::sha256 && build::p256 ? 128 : 0;
    case 0x0503: return build::ecdsa && build::sha384 && build::p384 ? 192 : 0;
    case 0x0603: return build::ecdsa && build::sha512 && build::p521 ? 256 : 0;
    case 0x0804: return build::pss && build::sha256 ? 128 : 0;
    case 0x0805: return build::pss && build::sha384 ? 192 : 0;
    case 0x0806: return build::pss && build::sha512 ? 256 : 0;
    case 0x0401: return build::pkcs1_v15 && build::sha256 ? 128 : 0;
    case 0x0501: return build::pkcs1_v15 && build::sha384 ? 192 : 0;
    case 0x0601: return build::pkcs1_v15 && build::sha512 ? 256 : 0;
    case 0x0303: return build::ecdsa && build::sha224 ? 112 : 0;
    case 0x0301: return build::pkcs1_v15 && build::sha224 ? 112 : 0;
    default: return 0;
    }
}

// Bits of a finite-field group that a security level asks for.
constexpr unsigned int dh_bits(int security_level) noexcept {
    constexpr unsigned int bits[] = {512, 1024, 2048, 3072, 7680, 15360};
    return bits[security_level < 0 ? 0 : security_level > 5 ? 5 : security_level];
}

inline suite_list usable_suites(int security_level) noexcept {
    suite_list list;
    const auto add = [&](std::uint16_t id) {
        const cipher_info* suite = find_suite(id);
        const bool strong =
            suite != nullptr && suite->secret_bits >= x509::required_bits(security_level);
        if (strong && ::mbedtls_ssl_ciphersuite_from_id(id) != nullptr)
            list.add(id);
    };
    for (const std::uint16_t id : defaults::suites_tls_1_3)
        add(id);
    for (const std::uint16_t id : defaults::suites_tls_1_2)
        add(id);
    return list;
}

constexpr group_list usable_groups(int security_level) noexcept {
    group_list list;
    for (const std::uint16_t group : defaults::groups) {
        const int bits = group_bits(group);
        if (bits != 0 && bits >= x509::required_bits(security_level))
            list.add(group);
    }
    return list;
}

constexpr signature_list usable_signatures(int security_level) noexcept {
    signature_list list;
    for (const std::uint16_t scheme : defaults::signature_algorithms) {
        const int bits = signature_scheme_bits(scheme);
        if (bits != 0 && bits >= x509::required_bits(security_level))
            list.add(scheme);
    }
    return list;
}

} // namespace detail
} // namespace mbedtls
} // namespace v0
} // namespace tlsxx
