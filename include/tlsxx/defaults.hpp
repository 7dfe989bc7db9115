// SPDX-License-Identifier: BSL-1.0
#pragma once

// The default suites, groups and signature algorithms, as IANA numbers, in order of preference.
// Every engine is given these, so that neither openssl.cnf nor a distribution changes them; what an
// engine lacks drops out (docs/engines.md lists what that is).

#include <array>
#include <cstdint>

namespace tlsxx {
inline namespace v0 {
namespace defaults {

/// suites_tls_1_3 are the suites of RFC 8446 that Python's defaults enable.
inline constexpr std::array<std::uint16_t, 3> suites_tls_1_3{
    0x1302, // TLS_AES_256_GCM_SHA384
    0x1303, // TLS_CHACHA20_POLY1305_SHA256
    0x1301, // TLS_AES_128_GCM_SHA256
};

/// suites_tls_1_2 is Python's default string resolved: forward secrecy, no SHA-1, no CCM.
inline constexpr std::array<std::uint16_t, 14> suites_tls_1_2{
    0xC02C, // ECDHE-ECDSA-AES256-GCM-SHA384
    0xC030, // ECDHE-RSA-AES256-GCM-SHA384
    0xC02B, // ECDHE-ECDSA-AES128-GCM-SHA256
    0xC02F, // ECDHE-RSA-AES128-GCM-SHA256
    0xCCA9, // ECDHE-ECDSA-CHACHA20-POLY1305
    0xCCA8, // ECDHE-RSA-CHACHA20-POLY1305
    0xC024, // ECDHE-ECDSA-AES256-SHA384
    0xC028, // ECDHE-RSA-AES256-SHA384
    0xC023, // ECDHE-ECDSA-AES128-SHA256
    0xC027, // ECDHE-RSA-AES128-SHA256
    0x009F, // DHE-RSA-AES256-GCM-SHA384
    0x009E, // DHE-RSA-AES128-GCM-SHA256
    0x006B, // DHE-RSA-AES256-SHA256
    0x0067, // DHE-RSA-AES128-SHA256
};

/// groups are OpenSSL 3.5's defaults at security level 2.
inline constexpr std::array<std::uint16_t, 8> groups{
    0x11EC, // X25519MLKEM768
    0x001D, // x25519
    0x0017, // secp256r1
    0x001E, // x448
    0x0018, // secp384r1
    0x0019, // secp521r1
    0x0100, // ffdhe2048
    0x0101, // ffdhe3072
};

/// signature_algorithms are OpenSSL 3.5's defaults at security level 2.
inline constexpr std::array<std::uint16_t, 22> signature_algorithms{
    0x0905, // mldsa65
    0x0906, // mldsa87
    0x0904, // mldsa44
    0x0403, // ecdsa_secp256r1_sha256
    0x0503, // ecdsa_secp384r1_sha384
    0x0603, // ecdsa_secp521r1_sha512
    0x0807, // ed25519
    0x0808, // ed448
    0x081A, // ecdsa_brainpoolP256r1tls13_sha256
    0x081B, // ecdsa_brainpoolP384r1tls13_sha384
    0x081C, // ecdsa_brainpoolP512r1tls13_sha512
    0x0809, // rsa_pss_pss_sha256
    0x080A, // rsa_pss_pss_sha384
    0x080B, // rsa_pss_pss_sha512
    0x0804, // rsa_pss_rsae_sha256
    0x0805, // rsa_pss_rsae_sha384
    0x0806, // rsa_pss_rsae_sha512
    0x0401, // rsa_pkcs1_sha256
    0x0501, // rsa_pkcs1_sha384
    0x0601, // rsa_pkcs1_sha512
    0x0303, // ecdsa_sha224
    0x0301, // rsa_pkcs1_sha224
};

} // namespace defaults
} // namespace v0
} // namespace tlsxx
