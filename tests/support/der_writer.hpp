// SPDX-License-Identifier: BSL-1.0
#pragma once

// Writes DER, well-formed or not, and whole certificates whose signatures are empty words. For
// tests of readers: what openssl would refuse to make is made here.

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace test {

using der = std::vector<std::byte>;

inline der raw(std::initializer_list<int> values) {
    der out;
    for (const int v : values)
        out.push_back(static_cast<std::byte>(v));
    return out;
}

inline der text_bytes(std::string_view text) {
    der out;
    for (const char c : text)
        out.push_back(static_cast<std::byte>(c));
    return out;
}

template <class... Parts>
der join(const Parts&... parts) {
    der out;
    (out.insert(out.end(), parts.begin(), parts.end()), ...);
    return out;
}

inline der tlv(int tag, const der& content) {
    der out{static_cast<std::byte>(tag)};
    const std::size_t n = content.size();
    if (n < 0x80) {
        out.push_back(static_cast<std::byte>(n));
    } else {
        der length;
        for (std::size_t left = n; left != 0; left >>= 8U) {
            length.insert(length.begin(), static_cast<std::byte>(left & 0xFFU));
        }
        out.push_back(static_cast<std::byte>(0x80U | length.size()));
        out.insert(out.end(), length.begin(), length.end());
    }
    return join(out, content);
}

template <class... Parts>
der sequence(const Parts&... parts) {
    return tlv(0x30, join(parts...));
}
template <class... Parts>
der set(const Parts&... parts) {
    return tlv(0x31, join(parts...));
}

// "2.5.29.17" as a whole OBJECT IDENTIFIER element.
inline der oid(std::string_view dotted) {
    std::vector<unsigned long> arcs(1, 0);
    for (const char c : dotted) {
        if (c == '.') {
            arcs.push_back(0);
        } else {
            arcs.back() = arcs.back() * 10 + static_cast<unsigned long>(c - '0');
        }
    }
    der content;
    const auto put = [&](unsigned long arc) {
        der groups;
        do {
            const unsigned long more = groups.empty() ? 0U : 0x80U;
            groups.insert(groups.begin(), static_cast<std::byte>((arc & 0x7FU) | more));
            arc >>= 7U;
        } while (arc != 0);
        content.insert(content.end(), groups.begin(), groups.end());
    };
    put(arcs.at(0) * 40 + arcs.at(1));
    for (std::size_t i = 2; i < arcs.size(); ++i)
        put(arcs[i]);
    return tlv(0x06, content);
}

inline der integer(int small) {
    return tlv(0x02, raw({small}));
}
inline der boolean(bool value) {
    return tlv(0x01, raw({value ? 0xFF : 0}));
}
inline der octets(const der& content) {
    return tlv(0x04, content);
}
inline der bits(const der& content, int unused = 0) {
    return tlv(0x03, join(raw({unused}), content));
}
inline der utf8(std::string_view text) {
    return tlv(0x0C, text_bytes(text));
}
inline der printable(std::string_view text) {
    return tlv(0x13, text_bytes(text));
}
inline der ia5(std::string_view text) {
    return tlv(0x16, text_bytes(text));
}
inline der utc_time(std::string_view text) {
    return tlv(0x17, text_bytes(text));
}
inline der general_time(std::string_view text) {
    return tlv(0x18, text_bytes(text));
}
inline der null() {
    return tlv(0x05, {});
}

// ---- names
// ---------------------------------------------------------------------------------------

inline der attribute(std::string_view type, const der& value) {
    return sequence(oid(type), value);
}
inline der common_name(std::string_view text) {
    return attribute("2.5.4.3", utf8(text));
}
inline der name(std::string_view cn) {
    return cn.empty() ? sequence(der{}) : sequence(set(common_name(cn)));
}

// ---- extensions
// ----------------------------------------------------------------------------------

inline der extension(std::string_view id, bool critical, const der& value) {
    return critical ? sequence(oid(id), boolean(true), octets(value))
                    : sequence(oid(id), octets(value));
}
inline der basic_constraints(bool ca, int path_length = -1, bool critical = true) {
    return extension(
        "2.5.29.19", critical,
        sequence(ca ? boolean(true) : der{}, path_length < 0 ? der{} : integer(path_length)));
}
// Bit 0 of the RFC is the highest bit of the first byte.
inline der key_usage(std::initializer_list<int> which) {
    unsigned value = 0;
    for (const int bit : which)
        value |= 1U << static_cast<unsigned>(15 - bit);
    return extension("2.5.29.15", true,
                     bits(raw({static_cast<int>(value >> 8U), static_cast<int>(value & 0xFFU)})));
}
template <class... Ids>
der ext_key_usage(const Ids&... ids) {
    return extension("2.5.29.37", false, sequence(oid(ids)...));
}
inline constexpr std::string_view server_auth = "1.3.6.1.5.5.7.3.1";
inline constexpr std::string_view client_auth = "1.3.6.1.5.5.7.3.2";

inline der dns(std::string_view text) {
    return tlv(0x82, text_bytes(text));
}
inline der ip(std::initializer_list<int> values) {
    return tlv(0x87, raw(values));
}
inline der uri(std::string_view text) {
    return tlv(0x86, text_bytes(text));
}
inline der email(std::string_view text) {
    return tlv(0x81, text_bytes(text));
}
inline der other_name(std::string_view text) {
    return tlv(0xA0, join(oid("1.3.6.1.4.1.311.20.2.3"), tlv(0xA0, utf8(text))));
}
template <class... Names>
der alt_names(const Names&... names) {
    return extension("2.5.29.17", false, sequence(names...));
}

// ---- keys and algorithms
// -------------------------------------------------------------------------

inline der rsa_key(std::size_t modulus_bits) {
    der modulus((modulus_bits + 7) / 8, std::byte{0x5A});
    const auto top = static_cast<unsigned>((modulus_bits - 1) % 8);
    modulus.front() = static_cast<std::byte>(1U << top);
    if (top == 7)
        modulus.insert(modulus.begin(), std::byte{0});
    return sequence(sequence(oid("1.2.840.113549.1.1.1"), null()),
                    bits(sequence(tlv(0x02, modulus), tlv(0x02, raw({1, 0, 1})))));
}
inline der ec_key(std::string_view curve = "1.2.840.10045.3.1.7") {
    return sequence(sequence(oid("1.2.840.10045.2.1"), oid(curve)),
                    bits(join(raw({4}), der(64, std::byte{0x11}))));
}
inline der simple_key(std::string_view algorithm) {
    return sequence(sequence(oid(algorithm)), bits(der(32, std::byte{0x22})));
}
inline der algorithm(std::string_view id) {
    return sequence(oid(id));
}
inline constexpr std::string_view ecdsa_sha256 = "1.2.840.10045.4.3.2";

// ---- certificates
// --------------------------------------------------------------------------------

// 2020-01-01 and 2039-12-31, and a time between.
inline constexpr std::int64_t valid_from = 1577836800;
inline constexpr std::int64_t valid_to = 2208988799;
inline constexpr std::int64_t noon = 1700000000;

struct certificate {
    int version = 3;
    der serial = integer(1);
    der signature_algorithm = algorithm(ecdsa_sha256);
    der outer_algorithm = {}; // the same, if empty
    der issuer = name("Test CA");
    der not_before = utc_time("200101000000Z");
    der not_after = utc_time("391231235959Z");
    der subject = name("leaf.test");
    der key = ec_key();
    std::vector<der> extensions = {};
    der unique_ids = {};
    bool extensions_field = true; // only if there are any

    der build() const {
        der list;
        for (const der& e : extensions)
            list.insert(list.end(), e.begin(), e.end());
        const der tbs = sequence(
            version == 1 ? der{} : tlv(0xA0, integer(version - 1)), serial, signature_algorithm,
            issuer, sequence(not_before, not_after), subject, key, unique_ids,
            extensions_field && !extensions.empty() ? tlv(0xA3, sequence(list)) : der{});
        return sequence(tbs, outer_algorithm.empty() ? signature_algorithm : outer_algorithm,
                        bits(der(8, std::byte{0x33})));
    }
};

} // namespace test
