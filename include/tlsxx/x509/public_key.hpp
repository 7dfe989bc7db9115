// SPDX-License-Identifier: BSL-1.0
#pragma once

// AlgorithmIdentifier and SubjectPublicKeyInfo (RFC 5280 4.1.1.2 and 4.1.2.7), read as far as
// judging a key's strength needs.

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <iterator>

#include <tlsxx/x509/der.hpp>
#include <tlsxx/x509/oids.hpp>

namespace tlsxx {
inline namespace v0 {
namespace x509 {

/// algorithm_identifier is an OID with parameters.
struct algorithm_identifier {
    bytes whole;
    bytes id;         ///< content of the OID
    bytes parameters; ///< one element, header included; empty if absent
};

/// read_algorithm takes an AlgorithmIdentifier apart.
inline bool read_algorithm(der::reader& in, algorithm_identifier& out) noexcept {
    der::element sequence;
    if (!in.next(der::tag::sequence, sequence))
        return false;
    out = {sequence.whole, {}, {}};
    der::reader inner(sequence.content);
    if (!inner.next(der::tag::oid, out.id) || !der::is_oid(out.id))
        return false;
    if (inner.at_end())
        return true;
    der::element parameters;
    if (!inner.next(parameters) || !inner.at_end())
        return false;
    out.parameters = parameters.whole;
    return true;
}

enum class key_type : std::uint8_t { unknown, rsa, rsa_pss, ec, ed25519, ed448, ml_dsa };

/// public_key describes the key of a certificate.
struct public_key {
    bytes whole; ///< the SubjectPublicKeyInfo, header included
    algorithm_identifier algorithm;
    key_type type = key_type::unknown;
    /// Bits of an RSA modulus, of an elliptic curve's field, or 44, 65, 87 for ML-DSA; 0 if the
    /// key's type or curve is not known or the key is malformed.
    int bits = 0;
    bytes curve;                      ///< content of the curve's OID; empty unless named
    bool explicit_parameters = false; ///< an EC key whose curve is spelt out (RFC 5480 forbids)
};

/// curve_bits gives the size of a named curve's field, 0 for an unknown curve.
inline int curve_bits(bytes curve) noexcept {
    struct known {
        bytes id;
        int bits;
    };
    static constexpr auto p192 = oid<0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 1>;
    static constexpr auto p256 = oid<0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7>;
    // 1.3.132.0.x of SEC 2
    static constexpr auto k256 = oid<0x2B, 0x81, 0x04, 0, 10>;
    static constexpr auto k192 = oid<0x2B, 0x81, 0x04, 0, 31>;
    static constexpr auto k224 = oid<0x2B, 0x81, 0x04, 0, 32>;
    static constexpr auto p224 = oid<0x2B, 0x81, 0x04, 0, 33>;
    static constexpr auto p384 = oid<0x2B, 0x81, 0x04, 0, 34>;
    static constexpr auto p521 = oid<0x2B, 0x81, 0x04, 0, 35>;
    // 1.3.36.3.3.2.8.1.1.x of RFC 5639; the last arc is looked at below
    static constexpr auto brainpool = oid<0x2B, 0x24, 3, 3, 2, 8, 1, 1>;
    const known table[] = {{p192, 192}, {p256, 256}, {k256, 256}, {k192, 192},
                           {k224, 224}, {p224, 224}, {p384, 384}, {p521, 521}};
    for (const known& entry : table) {
        if (equal(entry.id, curve))
            return entry.bits;
    }
    if (curve.size() == brainpool.size() + 1 && equal(curve.first(brainpool.size()), brainpool)) {
        constexpr int bits[] = {160, 160, 192, 192, 224, 224, 256,
                                256, 320, 320, 384, 384, 512, 512};
        const auto last = std::to_integer<std::size_t>(curve.back());
        if (last >= 1 && last <= std::size(bits))
            return bits[last - 1];
    }
    return 0;
}

/// rsa_modulus_bits reads an RSAPublicKey (RFC 8017 A.1.1); 0 if it is malformed.
inline int rsa_modulus_bits(bytes key) noexcept {
    bytes sequence;
    bytes modulus;
    bytes exponent;
    if (!der::single(key, der::tag::sequence, sequence))
        return 0;
    der::reader in(sequence);
    if (!in.next(der::tag::integer, modulus) || !in.next(der::tag::integer, exponent) ||
        !in.at_end() || !der::is_integer(modulus) || !der::is_integer(exponent)) {
        return 0;
    }
    if ((modulus[0] & std::byte{0x80}) != std::byte{})
        return 0;
    if (modulus[0] == std::byte{})
        modulus = modulus.subspan(1);
    constexpr std::size_t most = 1U << 20U; // bytes; far above any key that an engine takes
    if (modulus.empty() || modulus.size() > most)
        return 0;
    const auto top = std::to_integer<std::uint8_t>(modulus[0]);
    return static_cast<int>((modulus.size() - 1) * 8) + std::bit_width(top);
}

/// read_public_key takes a SubjectPublicKeyInfo apart. An unknown algorithm is no error.
inline bool read_public_key(der::reader& in, public_key& out) noexcept {
    der::element whole;
    if (!in.next(der::tag::sequence, whole))
        return false;
    out = {};
    out.whole = whole.whole;
    der::reader inner(whole.content);
    bytes content;
    der::bit_string key;
    if (!read_algorithm(inner, out.algorithm) || !inner.next(der::tag::bit_string, content) ||
        !inner.at_end() || !der::read_bit_string(content, key) || key.unused != 0) {
        return false;
    }
    const bytes id = out.algorithm.id;
    // 2.16.840.1.101.3.4.3.17 to 19, FIPS 204
    static constexpr auto nist_signature = oid<0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3>;
    if (equal(id, oids::rsa_encryption) || equal(id, oids::rsa_pss)) {
        out.type = equal(id, oids::rsa_pss) ? key_type::rsa_pss : key_type::rsa;
        out.bits = rsa_modulus_bits(key.octets);
    } else if (equal(id, oids::ec_public_key)) {
        out.type = key_type::ec;
        der::reader parameters(out.algorithm.parameters);
        if (parameters.next_is(der::tag::oid)) {
            der::single(out.algorithm.parameters, der::tag::oid, out.curve);
            out.bits = curve_bits(out.curve);
        }
        out.explicit_parameters = parameters.next_is(der::tag::sequence);
    } else if (equal(id, oids::ed25519)) {
        out.type = key_type::ed25519;
        out.bits = 256;
    } else if (equal(id, oids::ed448)) {
        out.type = key_type::ed448;
        out.bits = 456;
    } else if (id.size() == nist_signature.size() + 1 &&
               equal(id.first(nist_signature.size()), nist_signature)) {
        const auto last = std::to_integer<int>(id.back());
        if (last >= 17 && last <= 19) {
            constexpr int sets[] = {44, 65, 87};
            out.type = key_type::ml_dsa;
            out.bits = sets[last - 17];
        }
    }
    return true;
}

} // namespace x509
} // namespace v0
} // namespace tlsxx
