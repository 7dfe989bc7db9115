// SPDX-License-Identifier: BSL-1.0
#pragma once

// A certificate (RFC 5280 4.1) taken apart where it lies.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include <tlsxx/x509/der.hpp>
#include <tlsxx/x509/extensions.hpp>
#include <tlsxx/x509/general_name.hpp>
#include <tlsxx/x509/name.hpp>
#include <tlsxx/x509/public_key.hpp>
#include <tlsxx/x509/time.hpp>

namespace tlsxx {
inline namespace v0 {
namespace x509 {

/// certificate_view gives the parts of a DER certificate. It owns nothing: the bytes must stay
/// where they are as long as it is used. Copies are cheap enough to pass by reference only.
class certificate_view {
public:
    /// parse takes a certificate apart; empty if it is not well-formed DER of a certificate, if
    /// bytes follow it, or if an extension occurs twice. Times and the content of extensions may
    /// still be wrong: see not_before and extensions_malformed. Allocates nothing.
    static std::optional<certificate_view> parse(bytes input) noexcept {
        certificate_view out;
        if (!out.read(input))
            return std::nullopt;
        return out;
    }

    bytes der() const noexcept { return der_; }
    /// tbs is the signed part, header included.
    bytes tbs() const noexcept { return tbs_; }
    /// version is 1, 2 or 3.
    int version() const noexcept { return version_; }
    /// serial_number is the content of the INTEGER, a sign byte included.
    bytes serial_number() const noexcept { return serial_number_; }
    /// issuer and subject are whole names, for name.hpp.
    bytes issuer() const noexcept { return issuer_; }
    bytes subject() const noexcept { return subject_; }
    /// not_before and not_after are seconds since 1970, both inclusive; empty if the certificate
    /// does not give a valid time.
    std::optional<std::int64_t> not_before() const noexcept { return not_before_; }
    std::optional<std::int64_t> not_after() const noexcept { return not_after_; }
    const x509::public_key& public_key() const noexcept { return public_key_; }
    const algorithm_identifier& signature_algorithm() const noexcept { return algorithm_; }
    /// signature_algorithms_differ tells that the signed copy of the algorithm is another one.
    bool signature_algorithms_differ() const noexcept { return algorithms_differ_; }
    bytes signature() const noexcept { return signature_; }

    /// has_extensions tells whether there is an Extensions field, in whatever version.
    bool has_extensions() const noexcept { return has_extensions_; }
    /// extensions is the content of Extensions, for read_extension.
    bytes extensions() const noexcept { return extensions_; }
    /// has, critical and value look an extension up. The value of an absent one is empty.
    bool has(extension_kind kind) const noexcept { return at(kind).present; }
    bool critical(extension_kind kind) const noexcept { return at(kind).critical; }
    bytes value(extension_kind kind) const noexcept { return at(kind).value; }
    /// extensions_malformed tells that an extension that we use is not what it should be. Nothing
    /// that this class says about extensions may then be relied on.
    bool extensions_malformed() const noexcept { return extensions_malformed_; }
    /// has_unknown_critical tells whether a critical extension is not understood.
    bool has_unknown_critical() const noexcept { return unknown_critical_; }

    /// basic_constraints is the default one if the extension is absent.
    const x509::basic_constraints& basic_constraints() const noexcept { return basic_constraints_; }
    /// may tells whether the key usage, where present, allows a use.
    bool may(key_usage_bit use) const noexcept {
        return !has(extension_kind::key_usage) || key_usage_.has(use);
    }
    /// subject_alt_names gives nothing, and is not complete(), if there is no such extension.
    general_names subject_alt_names() const noexcept {
        return general_names(value(extension_kind::subject_alt_name));
    }
    /// Key identifiers are empty if absent.
    bytes subject_key_identifier() const noexcept { return subject_key_identifier_; }
    bytes authority_key_identifier() const noexcept { return authority_key_identifier_; }

    /// self_issued tells whether subject and issuer are the same name.
    bool self_issued() const noexcept { return self_issued_; }
    /// looks_self_signed demands also that the key identifiers, where both are given, agree. The
    /// signature is not checked.
    bool looks_self_signed() const noexcept {
        return self_issued_ &&
               (subject_key_identifier_.empty() || authority_key_identifier_.empty() ||
                equal(subject_key_identifier_, authority_key_identifier_));
    }

private:
    struct slot {
        bool present = false;
        bool critical = false;
        bytes value;
    };
    // Certificates with more extensions than this are refused, since looking for duplicates takes
    // the square of the number.
    static constexpr std::size_t most_extensions = 100;

    certificate_view() noexcept = default;
    const slot& at(extension_kind kind) const noexcept {
        return slots_[static_cast<std::size_t>(kind)];
    }

    bool read(bytes input) noexcept {
        der::element whole;
        if (!der::single(input, der::tag::sequence, whole))
            return false;
        der_ = whole.whole;
        der::reader in(whole.content);
        der::element tbs;
        bytes signature;
        der::bit_string bits;
        if (!in.next(der::tag::sequence, tbs) || !read_algorithm(in, algorithm_) ||
            !in.next(der::tag::bit_string, signature) || !in.at_end() ||
            !der::read_bit_string(signature, bits) || bits.unused != 0) {
            return false;
        }
        tbs_ = tbs.whole;
        signature_ = bits.octets;
        return read_tbs(tbs.content);
    }

    bool read_tbs(bytes content) noexcept {
        der::reader in(content);
        if (!read_version(in))
            return false;
        algorithm_identifier inner;
        der::element issuer;
        bytes validity;
        der::element subject;
        if (!in.next(der::tag::integer, serial_number_) || !der::is_integer(serial_number_) ||
            !read_algorithm(in, inner) || !in.next(der::tag::sequence, issuer) ||
            !is_name(issuer.whole) || !in.next(der::tag::sequence, validity) ||
            !read_validity(validity) || !in.next(der::tag::sequence, subject) ||
            !is_name(subject.whole) || !read_public_key(in, public_key_)) {
            return false;
        }
        issuer_ = issuer.whole;
        subject_ = subject.whole;
        self_issued_ = names_equal(issuer_, subject_);
        algorithms_differ_ = !equal(inner.whole, algorithm_.whole);
        // issuerUniqueID and subjectUniqueID: obsolete, and of no use to anybody.
        if (!in.skip(der::tag::context(1, false)) || !in.skip(der::tag::context(2, false))) {
            return false;
        }
        if (in.next_is(der::tag::context(3, true))) {
            bytes wrapped;
            if (!in.next(der::tag::context(3, true), wrapped) ||
                !der::single(wrapped, der::tag::sequence, extensions_) || !read_extensions()) {
                return false;
            }
            has_extensions_ = true;
        }
        return in.at_end();
    }

    bool read_version(der::reader& in) noexcept {
        version_ = 1;
        if (!in.next_is(der::tag::context(0, true)))
            return !in.failed();
        bytes wrapped;
        bytes content;
        std::uint32_t number = 0;
        if (!in.next(der::tag::context(0, true), wrapped) ||
            !der::single(wrapped, der::tag::integer, content) ||
            !der::read_unsigned(content, 3, number) || number > 2) {
            return false;
        }
        version_ = static_cast<int>(number) + 1;
        return true;
    }

    bool read_validity(bytes content) noexcept {
        der::reader in(content);
        der::element first;
        der::element last;
        if (!in.next(first) || !in.next(last) || !in.at_end())
            return false;
        not_before_ = parse_time(first.tag, first.content, rounding::up);
        not_after_ = parse_time(last.tag, last.content, rounding::down);
        return true;
    }

    bool read_extensions() noexcept {
        std::array<bytes, most_extensions> seen;
        std::size_t count = 0;
        for (der::reader in(extensions_); in.more(); ++count) {
            extension entry;
            if (count == most_extensions || !read_extension(in, entry))
                return false;
            for (std::size_t i = 0; i < count; ++i) {
                if (equal(seen[i], entry.id))
                    return false;
            }
            seen[count] = entry.id;
            const auto kind = kind_of(entry.id);
            if (entry.critical && (!kind || !may_be_critical(*kind)))
                unknown_critical_ = true;
            if (!kind)
                continue;
            slots_[static_cast<std::size_t>(*kind)] = {true, entry.critical, entry.value};
            if (!read_value(*kind, entry.value))
                extensions_malformed_ = true;
        }
        return true;
    }

    bool read_value(extension_kind kind, bytes value) noexcept {
        switch (kind) {
        case extension_kind::basic_constraints:
            return read_basic_constraints(value, basic_constraints_);
        case extension_kind::key_usage: return read_key_usage(value, key_usage_);
        case extension_kind::ext_key_usage: return is_list_of_oids(value);
        case extension_kind::subject_alt_name: {
            general_names names(value);
            general_name ignored;
            while (names.next(ignored)) {
            }
            return names.complete();
        }
        case extension_kind::subject_key_identifier:
            return read_key_identifier(value, subject_key_identifier_);
        case extension_kind::authority_key_identifier:
            return read_authority_key_identifier(value, authority_key_identifier_);
        case extension_kind::netscape_cert_type: {
            x509::key_usage ignored;
            return read_key_usage(value, ignored);
        }
        case extension_kind::name_constraints:
        case extension_kind::crl_distribution_points:
        case extension_kind::certificate_policies:
        case extension_kind::policy_mappings:
        case extension_kind::policy_constraints:
        case extension_kind::proxy_cert_info: {
            bytes ignored;
            return der::single(value, der::tag::sequence, ignored);
        }
        case extension_kind::inhibit_any_policy:
        case extension_kind::ocsp_no_check: return true;
        }
        return false;
    }

    static bool is_list_of_oids(bytes value) noexcept {
        bytes content;
        if (!der::single(value, der::tag::sequence, content))
            return false;
        der::reader in(content);
        bytes id;
        while (in.more()) {
            if (!in.next(der::tag::oid, id) || !der::is_oid(id))
                return false;
        }
        return in.at_end();
    }

    bytes der_;
    bytes tbs_;
    bytes serial_number_;
    bytes issuer_;
    bytes subject_;
    bytes signature_;
    bytes extensions_;
    bytes subject_key_identifier_;
    bytes authority_key_identifier_;
    algorithm_identifier algorithm_;
    x509::public_key public_key_;
    std::optional<std::int64_t> not_before_;
    std::optional<std::int64_t> not_after_;
    x509::basic_constraints basic_constraints_;
    x509::key_usage key_usage_;
    std::array<slot, extension_kinds> slots_{};
    int version_ = 1;
    bool algorithms_differ_ = false;
    bool self_issued_ = false;
    bool has_extensions_ = false;
    bool extensions_malformed_ = false;
    bool unknown_critical_ = false;
};

} // namespace x509
} // namespace v0
} // namespace tlsxx
