// SPDX-License-Identifier: BSL-1.0
#pragma once

// How many bits of security a key or a certificate's signature gives, and how many a security
// level asks for. The levels and figures are OpenSSL's (SSL_CTX_set_security_level), applied to
// every engine. Where OpenSSL rounds up (an RSA key of 2047 bits) ours does not.

#include <array>
#include <cstddef>
#include <cstdint>

#include <tlsxx/x509/certificate_view.hpp>
#include <tlsxx/x509/public_key.hpp>
#include <tlsxx/x509/verify_code.hpp>

namespace tlsxx {
inline namespace v0 {
namespace x509 {

/// required_bits gives the bits that a security level asks for: 0, 80, 112, 128, 192, 256. Levels
/// outside of 0 to 5 count as the nearest.
constexpr int required_bits(int security_level) noexcept {
    constexpr int bits[] = {0, 80, 112, 128, 192, 256};
    return bits[security_level < 0 ? 0 : security_level > 5 ? 5 : security_level];
}

/// security_bits of a key: NIST SP 800-57 part 1 for RSA, half the field for elliptic curves. 0 for
/// a key that is malformed or of a type or curve that we don't know.
constexpr int security_bits(const public_key& key) noexcept {
    switch (key.type) {
    case key_type::rsa:
    case key_type::rsa_pss:
        if (key.bits >= 15360)
            return 256;
        if (key.bits >= 7680)
            return 192;
        if (key.bits >= 3072)
            return 128;
        if (key.bits >= 2048)
            return 112;
        return key.bits >= 1024 ? 80 : 0;
    case key_type::ec: return key.bits == 521 ? 256 : key.bits / 2;
    case key_type::ed25519: return 128;
    case key_type::ed448: return 224;
    case key_type::ml_dsa: return key.bits == 87 ? 256 : key.bits == 65 ? 192 : 128;
    case key_type::unknown: break;
    }
    return 0;
}

/// digest_bits gives the security of a digest in a signature by its OID's content: half its length,
/// but 63 for SHA-1 and 39 for MD5, whose collisions cost less. 0 for an unknown digest.
inline int digest_bits(bytes id) noexcept {
    struct known {
        bytes id;
        int bits;
    };
    static constexpr auto md5 = oid<0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 2, 5>;
    static constexpr auto sha1 = oid<0x2B, 0x0E, 3, 2, 26>;
    // 2.16.840.1.101.3.4.2.x
    static constexpr auto nist = oid<0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2>;
    if (equal(id, md5))
        return 39;
    if (equal(id, sha1))
        return 63;
    if (id.size() != nist.size() + 1 || !equal(id.first(nist.size()), nist))
        return 0;
    switch (std::to_integer<int>(id.back())) {
    case 4: return 112;  // SHA-224
    case 1: return 128;  // SHA-256
    case 2: return 192;  // SHA-384
    case 3: return 256;  // SHA-512
    case 5: return 112;  // SHA-512/224
    case 6: return 128;  // SHA-512/256
    case 7: return 112;  // SHA3-224
    case 8: return 128;  // SHA3-256
    case 9: return 192;  // SHA3-384
    case 10: return 256; // SHA3-512
    default: return 0;
    }
}

/// pss_digest finds the digest in the parameters of an RSA-PSS signature (RFC 4055 3.1), which is
/// SHA-1 if not given. False if the parameters are malformed.
inline bool pss_digest(bytes parameters, bytes& digest) noexcept {
    static constexpr auto sha1 = oid<0x2B, 0x0E, 3, 2, 26>;
    digest = sha1;
    bytes content;
    if (!der::single(parameters, der::tag::sequence, content))
        return false;
    der::reader in(content);
    if (!in.next_is(der::tag::context(0, true)))
        return !in.failed();
    bytes wrapped;
    if (!in.next(der::tag::context(0, true), wrapped))
        return false;
    der::reader inner(wrapped);
    algorithm_identifier hash;
    if (!read_algorithm(inner, hash) || !inner.at_end())
        return false;
    digest = hash.id;
    return true;
}

/// signature_bits gives the security of a signature algorithm, which is that of its digest. 0 for
/// an unknown algorithm.
inline int signature_bits(const algorithm_identifier& algorithm) noexcept {
    const bytes id = algorithm.id;
    if (id.empty())
        return 0;
    const auto last = std::to_integer<int>(id.back());
    const bytes family = id.first(id.size() - 1);
    static constexpr auto pkcs1 = oid<0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1>;
    static constexpr auto ecdsa_sha2 = oid<0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3>;
    static constexpr auto ecdsa_sha1 = oid<0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 1>;
    // 2.16.840.1.101.3.4.3.x: ECDSA and RSA with SHA-3, ML-DSA
    static constexpr auto nist = oid<0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3>;
    if (equal(family, pkcs1)) {
        bytes digest;
        switch (last) {
        case 4: return 39; // MD5
        case 5: return 63; // SHA-1
        case 10: return pss_digest(algorithm.parameters, digest) ? digest_bits(digest) : 0;
        case 11: return 128;
        case 12: return 192;
        case 13: return 256;
        case 14: return 112;
        case 15: return 112;
        case 16: return 128;
        default: return 0;
        }
    }
    if (equal(id, ecdsa_sha1))
        return 63;
    if (equal(family, ecdsa_sha2)) {
        constexpr int bits[] = {112, 128, 192, 256};
        return last >= 1 && last <= 4 ? bits[last - 1] : 0;
    }
    if (equal(family, nist)) {
        // 9 to 12 are ECDSA, 13 to 16 RSA with SHA3-224, -256, -384, -512; 17 to 19 ML-DSA.
        constexpr int bits[] = {112, 128, 192, 256, 112, 128, 192, 256, 128, 192, 256};
        return last >= 9 && last <= 19 ? bits[last - 9] : 0;
    }
    if (equal(id, oids::ed25519))
        return 128;
    return equal(id, oids::ed448) ? 224 : 0;
}

/// check_key judges a certificate's key: ok, ee_key_too_small for the peer's own certificate,
/// ca_key_too_small for one above it. Level 0 accepts every key.
constexpr verify_code check_key(const public_key& key, int security_level, bool is_peer) noexcept {
    if (security_bits(key) >= required_bits(security_level))
        return verify_code::ok;
    return is_peer ? verify_code::ee_key_too_small : verify_code::ca_key_too_small;
}

/// check_signature judges the algorithm that a certificate is signed with: ok or ca_md_too_weak.
/// Not for the certificate at the top of a chain: its own signature proves nothing.
inline verify_code check_signature(const algorithm_identifier& algorithm,
                                   int security_level) noexcept {
    return signature_bits(algorithm) >= required_bits(security_level) ? verify_code::ok
                                                                      : verify_code::ca_md_too_weak;
}

} // namespace x509
} // namespace v0
} // namespace tlsxx
