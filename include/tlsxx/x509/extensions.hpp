// SPDX-License-Identifier: BSL-1.0
#pragma once

// The extensions of a certificate (RFC 5280 4.2): which ones we know, and readers of the ones that
// the policy checker uses.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include <tlsxx/x509/der.hpp>
#include <tlsxx/x509/oids.hpp>

namespace tlsxx {
inline namespace v0 {
namespace x509 {

/// extension is one entry of a certificate's Extensions.
struct extension {
    bytes id; ///< content of the OID
    bool critical = false;
    bytes value; ///< content of the OCTET STRING
};

/// read_extension takes one entry of Extensions apart.
inline bool read_extension(der::reader& in, extension& out) noexcept {
    bytes entry;
    out = {};
    if (!in.next(der::tag::sequence, entry))
        return false;
    der::reader inner(entry);
    if (!inner.next(der::tag::oid, out.id) || !der::is_oid(out.id))
        return false;
    // An explicit FALSE is not DER, for it is the default, but nearly every CA has written it.
    bytes critical;
    if (inner.next_is(der::tag::boolean) &&
        (!inner.next(der::tag::boolean, critical) || !der::read_boolean(critical, out.critical))) {
        return false;
    }
    return inner.next(der::tag::octet_string, out.value) && inner.at_end();
}

/// extension_kind names the extensions that we know.
enum class extension_kind : std::uint8_t {
    subject_key_identifier,
    key_usage,
    subject_alt_name,
    basic_constraints,
    name_constraints,
    crl_distribution_points,
    certificate_policies,
    policy_mappings,
    authority_key_identifier,
    policy_constraints,
    ext_key_usage,
    inhibit_any_policy,
    ocsp_no_check,
    proxy_cert_info,
    netscape_cert_type,
};
inline constexpr std::size_t extension_kinds = 15;

/// kind_of finds the kind of an extension by its OID; empty for an unknown one.
inline std::optional<extension_kind> kind_of(bytes id) noexcept {
    // In the order of the enumeration.
    const std::array<bytes, extension_kinds> ids{
        oids::subject_key_identifier, oids::key_usage,        oids::subject_alt_name,
        oids::basic_constraints,      oids::name_constraints, oids::crl_distribution_points,
        oids::certificate_policies,   oids::policy_mappings,  oids::authority_key_identifier,
        oids::policy_constraints,     oids::ext_key_usage,    oids::inhibit_any_policy,
        oids::ocsp_no_check,          oids::proxy_cert_info,  oids::netscape_cert_type,
    };
    for (std::size_t i = 0; i < ids.size(); ++i) {
        if (equal(ids[i], id))
            return static_cast<extension_kind>(i);
    }
    return std::nullopt;
}

/// may_be_critical tells whether a critical extension of this kind is understood. Key identifiers
/// must never be critical (RFC 5280 4.2.1.1 and 4.2.1.2), and OpenSSL 3.0 takes critical ones for
/// unknown; so do we. Policies are not evaluated, as in OpenSSL unless asked for.
constexpr bool may_be_critical(extension_kind kind) noexcept {
    return kind != extension_kind::subject_key_identifier &&
           kind != extension_kind::authority_key_identifier;
}

/// basic_constraints, RFC 5280 4.2.1.9.
struct basic_constraints {
    bool ca = false;
    std::optional<std::uint32_t> path_length; ///< a larger number than 65535 is given as that
};

inline bool read_basic_constraints(bytes value, basic_constraints& out) noexcept {
    bytes content;
    bytes part;
    out = {};
    if (!der::single(value, der::tag::sequence, content))
        return false;
    der::reader in(content);
    if (in.next_is(der::tag::boolean) &&
        (!in.next(der::tag::boolean, part) || !der::read_boolean(part, out.ca))) {
        return false;
    }
    if (in.next_is(der::tag::integer)) {
        std::uint32_t length = 0;
        if (!in.next(der::tag::integer, part) || !der::read_unsigned(part, 65535, length)) {
            return false;
        }
        out.path_length = length;
    }
    return in.at_end();
}

/// key_usage bits, RFC 5280 4.2.1.3, as the numbers that the RFC gives them.
enum class key_usage_bit : std::uint8_t {
    digital_signature = 0,
    content_commitment = 1,
    key_encipherment = 2,
    data_encipherment = 3,
    key_agreement = 4,
    key_cert_sign = 5,
    crl_sign = 6,
    encipher_only = 7,
    decipher_only = 8,
};

/// key_usage is the set of allowed uses of a key.
class key_usage {
public:
    key_usage() noexcept = default;
    explicit key_usage(der::bit_string bits) noexcept : bits_(bits) {}
    bool has(key_usage_bit use) const noexcept { return bits_.bit(static_cast<std::size_t>(use)); }

private:
    der::bit_string bits_;
};

inline bool read_key_usage(bytes value, key_usage& out) noexcept {
    bytes content;
    der::bit_string bits;
    if (!der::single(value, der::tag::bit_string, content) ||
        !der::read_bit_string(content, bits)) {
        return false;
    }
    out = key_usage(bits);
    return true;
}

/// has_purpose tells whether an extended key usage lists this very purpose. anyExtendedKeyUsage
/// is a purpose like any other here.
inline bool has_purpose(bytes value, bytes purpose) noexcept {
    bytes content;
    if (!der::single(value, der::tag::sequence, content))
        return false;
    bytes id;
    for (der::reader in(content); in.more();) {
        if (!in.next(der::tag::oid, id))
            return false;
        if (equal(id, purpose))
            return true;
    }
    return false;
}

/// read_key_identifier reads a subject key identifier; read_authority_key_identifier the key
/// identifier of an authority key identifier, which leaves `out` empty if there is none.
inline bool read_key_identifier(bytes value, bytes& out) noexcept {
    return der::single(value, der::tag::octet_string, out);
}
inline bool read_authority_key_identifier(bytes value, bytes& out) noexcept {
    bytes content;
    out = {};
    if (!der::single(value, der::tag::sequence, content))
        return false;
    der::reader in(content);
    if (in.next_is(der::tag::context(0, false)) && !in.next(der::tag::context(0, false), out)) {
        return false;
    }
    return in.skip(der::tag::context(1, true)) && in.skip(der::tag::context(2, false)) &&
           in.at_end();
}

} // namespace x509
} // namespace v0
} // namespace tlsxx
