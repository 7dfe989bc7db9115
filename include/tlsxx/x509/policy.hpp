// SPDX-License-Identifier: BSL-1.0
#pragma once

// The policy checker. The engine builds a path and checks its signatures; this judges the path, in
// the same way for every engine (RFC 5280 6.1 as far as it is decided here). Name constraints,
// revocation and the strict checks are not judged yet.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include <tlsxx/constants.hpp>
#include <tlsxx/x509/certificate_view.hpp>
#include <tlsxx/x509/findings.hpp>
#include <tlsxx/x509/host_name.hpp>
#include <tlsxx/x509/key_strength.hpp>
#include <tlsxx/x509/verify_code.hpp>

namespace tlsxx {
inline namespace v0 {
namespace x509 {

/// policy says what a chain is judged by.
struct policy {
    tlsxx::purpose purpose = tlsxx::purpose::server_auth;
    /// What the peer's key must be allowed for, if it has a key usage: key_encipherment for RSA key
    /// exchange, digital_signature for everything else.
    key_usage_bit leaf_usage = key_usage_bit::digital_signature;
    bool partial_chain = false;               ///< the top need not be self-signed
    int security_level = 2;                   ///< 0 to 5, see required_bits
    const reference_identity* name = nullptr; ///< to be matched; null: no name is checked
    bool check_common_name = false;
    std::int64_t now = 0; ///< seconds since 1970
    /// Set for an engine that does not enforce name constraints: chains that have any are refused
    /// as beyond the engine.
    bool refuse_name_constraints = false;
    int max_intermediates = 8; ///< not counting self-issued ones, nor the anchor
};

/// check_chain judges a path and adds what is wrong with it to `out`, in the order of the checks.
/// `leaf_first` is the path from the peer's certificate to its top. `anchored` tells that the
/// engine has built it to a trust anchor, the top one, and found its signatures good. If not, the
/// reason for that is added too, as the path shows it, unless `out` holds one already. The path is
/// accepted if `out` is still empty. Allocates nothing; the work is bounded by the path's bytes.
inline void check_chain(const policy& rules, std::span<const bytes> leaf_first, bool anchored,
                        findings& out) noexcept;

namespace detail {

// A chain that is longer than this is not looked at further up. Each of its certificates is still
// a peer's bytes, and no engine builds one.
inline constexpr std::size_t longest_chain = 100;

inline bytes purpose_id(purpose wanted) noexcept {
    return wanted == purpose::server_auth ? bytes(oids::server_auth) : bytes(oids::client_auth);
}

// nsCertType, from before extended key usage: bit 0 is a client, bit 1 a server.
inline bool netscape_type_fits(const certificate_view& certificate, purpose wanted) noexcept {
    if (!certificate.has(extension_kind::netscape_cert_type))
        return true;
    bytes content;
    der::bit_string bits;
    return der::single(certificate.value(extension_kind::netscape_cert_type), der::tag::bit_string,
                       content) &&
           der::read_bit_string(content, bits) && bits.bit(wanted == purpose::server_auth ? 1 : 0);
}

// What holds for every certificate of a chain, wherever it stands.
inline void check_any(const policy& rules, const certificate_view& certificate, int depth,
                      findings& out) noexcept {
    using enum verify_code;
    if (certificate.signature_algorithms_differ()) {
        out.add(signature_algorithm_inconsistency, depth);
    }
    if (certificate.extensions_malformed())
        out.add(invalid_extension, depth);
    if (certificate.has_unknown_critical())
        out.add(unhandled_critical_extension, depth);
    if (certificate.has(extension_kind::proxy_cert_info)) {
        out.add(proxy_certificates_not_allowed, depth);
    }
    if (certificate.has_extensions() && certificate.version() != 3) {
        out.add(extensions_require_version_3, depth);
    }
    if (certificate.has(extension_kind::ext_key_usage) &&
        !has_purpose(certificate.value(extension_kind::ext_key_usage), purpose_id(rules.purpose))) {
        out.add(invalid_purpose, depth);
    }
    if (!certificate.not_before()) {
        out.add(error_in_cert_not_before_field, depth);
    } else if (rules.now < *certificate.not_before()) {
        out.add(cert_not_yet_valid, depth);
    }
    if (!certificate.not_after()) {
        out.add(error_in_cert_not_after_field, depth);
    } else if (rules.now > *certificate.not_after()) {
        out.add(cert_has_expired, depth);
    }
    if (rules.refuse_name_constraints && certificate.has(extension_kind::name_constraints)) {
        out.add(engine_limit_name_constraints, depth);
    }
}

inline void check_leaf(const policy& rules, const certificate_view& certificate,
                       findings& out) noexcept {
    if (!certificate.may(rules.leaf_usage) || !netscape_type_fits(certificate, rules.purpose)) {
        out.add(verify_code::invalid_purpose, 0);
    }
    out.add(check_key(certificate.public_key(), rules.security_level, true), 0);
    if (rules.name != nullptr) {
        out.add(match(certificate, *rules.name, rules.check_common_name), 0);
    }
}

// A certificate that has issued another. `below` counts the certificates between it and the leaf
// that are not self-issued.
inline void check_issuer(const policy& rules, const certificate_view& certificate, int depth,
                         bool top, std::uint32_t below, findings& out) noexcept {
    // A version 1 root says nothing about itself; trusting it is the only statement there is.
    // Without the extension, version 3 is no CA even as an anchor: Mbed TLS would not take it.
    const bool version_1_root = top && certificate.version() == 1 &&
                                !certificate.has_extensions() && certificate.looks_self_signed();
    const bool ca = certificate.basic_constraints().ca || version_1_root;
    if (!ca || !certificate.may(key_usage_bit::key_cert_sign)) {
        out.add(verify_code::invalid_ca, depth);
    }
    const auto& limit = certificate.basic_constraints().path_length;
    if (certificate.basic_constraints().ca && limit && below > *limit) {
        out.add(verify_code::path_length_exceeded, depth);
    }
    out.add(check_key(certificate.public_key(), rules.security_level, false), depth);
}

// Why there is no trusted path, as the path that there is shows it.
inline verify_code unanchored_reason(bool self_signed_top, std::size_t length) noexcept {
    if (!self_signed_top)
        return verify_code::unable_to_get_issuer_cert_locally;
    return length == 1 ? verify_code::depth_zero_self_signed_cert
                       : verify_code::self_signed_cert_in_chain;
}

} // namespace detail

inline void check_chain(const policy& rules, std::span<const bytes> leaf_first, bool anchored,
                        findings& out) noexcept {
    using enum verify_code;
    const bool named_already = out.has_rank(0) || out.has_rank(1);
    if (leaf_first.empty()) {
        out.add(unspecified, 0);
        return;
    }
    const std::size_t length = std::min(leaf_first.size(), detail::longest_chain);
    std::size_t intermediates = 0;
    std::uint32_t below = 0;
    bool self_signed_top = false;
    bool unreadable_top = false;
    for (std::size_t i = 0; i < length; ++i) {
        const int depth = static_cast<int>(i);
        const bool top = i + 1 == leaf_first.size();
        const auto certificate = certificate_view::parse(leaf_first[i]);
        if (!certificate) {
            out.add(unspecified, depth);
            unreadable_top = top;
            continue;
        }
        detail::check_any(rules, *certificate, depth, out);
        if (i == 0) {
            detail::check_leaf(rules, *certificate, out);
        } else {
            detail::check_issuer(rules, *certificate, depth, top, below, out);
        }
        if (leaf_first.size() > 1 && certificate->public_key().explicit_parameters) {
            out.add(ec_key_explicit_params, depth);
        }
        if (!top) {
            out.add(check_signature(certificate->signature_algorithm(), rules.security_level),
                    depth);
        }
        if (i != 0 && !certificate->self_issued()) {
            ++below;
            if (!top || !anchored)
                ++intermediates;
        }
        self_signed_top = top && certificate->looks_self_signed();
    }

    const int last = static_cast<int>(leaf_first.size() - 1);
    const bool too_long =
        leaf_first.size() > length ||
        intermediates > static_cast<std::size_t>(std::max(rules.max_intermediates, 0));
    if (too_long) {
        out.add(cert_chain_too_long, last);
    } else if (anchored) {
        if (!self_signed_top && !unreadable_top && !rules.partial_chain) {
            out.add(unable_to_get_issuer_cert, last);
        }
    } else if (!named_already) {
        out.add(detail::unanchored_reason(self_signed_top, leaf_first.size()), last);
    }
}

} // namespace x509
} // namespace v0
} // namespace tlsxx
