// SPDX-License-Identifier: BSL-1.0
#pragma once

// Why a certificate was refused, as a number that means the same on every engine.

#include <cstdint>
#include <iosfwd>
#include <string_view>

namespace tlsxx {
inline namespace v0 {

/// verify_code is the reason for which a certificate or chain was refused. The numbers up to 999
/// are OpenSSL's X509_V_ERR_*, so that programs and logs can go on using them with any engine.
/// From 1000 up come our own: engine limits, where nothing is wrong with the peer's certificate
/// but the engine in use cannot handle it.
enum class verify_code : int {
    ok = 0,
    unspecified = 1,
    unable_to_get_issuer_cert = 2,
    unable_to_get_crl = 3,
    unable_to_decrypt_cert_signature = 4,
    unable_to_decrypt_crl_signature = 5,
    unable_to_decode_issuer_public_key = 6,
    cert_signature_failure = 7,
    crl_signature_failure = 8,
    cert_not_yet_valid = 9,
    cert_has_expired = 10,
    crl_not_yet_valid = 11,
    crl_has_expired = 12,
    error_in_cert_not_before_field = 13,
    error_in_cert_not_after_field = 14,
    error_in_crl_last_update_field = 15,
    error_in_crl_next_update_field = 16,
    out_of_mem = 17,
    depth_zero_self_signed_cert = 18,
    self_signed_cert_in_chain = 19,
    unable_to_get_issuer_cert_locally = 20,
    unable_to_verify_leaf_signature = 21,
    cert_chain_too_long = 22,
    cert_revoked = 23,
    no_issuer_public_key = 24,
    path_length_exceeded = 25,
    invalid_purpose = 26,
    cert_untrusted = 27,
    cert_rejected = 28,
    subject_issuer_mismatch = 29,
    akid_skid_mismatch = 30,
    akid_issuer_serial_mismatch = 31,
    keyusage_no_certsign = 32,
    unable_to_get_crl_issuer = 33,
    unhandled_critical_extension = 34,
    keyusage_no_crl_sign = 35,
    unhandled_critical_crl_extension = 36,
    invalid_non_ca = 37,
    proxy_path_length_exceeded = 38,
    keyusage_no_digital_signature = 39,
    proxy_certificates_not_allowed = 40,
    invalid_extension = 41,
    invalid_policy_extension = 42,
    no_explicit_policy = 43,
    different_crl_scope = 44,
    unsupported_extension_feature = 45,
    unnested_resource = 46,
    permitted_violation = 47,
    excluded_violation = 48,
    subtree_minmax = 49,
    application_verification = 50,
    unsupported_constraint_type = 51,
    unsupported_constraint_syntax = 52,
    unsupported_name_syntax = 53,
    crl_path_validation_error = 54,
    path_loop = 55,
    suite_b_invalid_version = 56,
    suite_b_invalid_algorithm = 57,
    suite_b_invalid_curve = 58,
    suite_b_invalid_signature_algorithm = 59,
    suite_b_los_not_allowed = 60,
    suite_b_cannot_sign_p_384_with_p_256 = 61,
    hostname_mismatch = 62,
    email_mismatch = 63,
    ip_address_mismatch = 64,
    dane_no_match = 65,
    ee_key_too_small = 66,
    ca_key_too_small = 67,
    ca_md_too_weak = 68,
    invalid_call = 69,
    store_lookup = 70,
    no_valid_scts = 71,
    proxy_subject_name_violation = 72,
    ocsp_verify_needed = 73,
    ocsp_verify_failed = 74,
    ocsp_cert_unknown = 75,
    unsupported_signature_algorithm = 76,
    signature_algorithm_mismatch = 77,
    signature_algorithm_inconsistency = 78,
    invalid_ca = 79,
    pathlen_invalid_for_non_ca = 80,
    pathlen_without_ku_key_cert_sign = 81,
    ku_key_cert_sign_invalid_for_non_ca = 82,
    issuer_name_empty = 83,
    subject_name_empty = 84,
    missing_authority_key_identifier = 85,
    missing_subject_key_identifier = 86,
    empty_subject_alt_name = 87,
    empty_subject_san_not_critical = 88,
    ca_bcons_not_critical = 89,
    authority_key_identifier_critical = 90,
    subject_key_identifier_critical = 91,
    ca_cert_missing_key_usage = 92,
    extensions_require_version_3 = 93,
    ec_key_explicit_params = 94,
    rpk_untrusted = 95,

    engine_limit_unspecified = 1000,
    engine_limit_name_constraints = 1001,
    engine_limit_certificate_unsupported = 1002,
    engine_limit_chain_too_long = 1003,
    engine_limit_message_too_long = 1004,
};

/// is_engine_limit is true for a refusal that is the engine's shortcoming and not the peer's fault.
constexpr bool is_engine_limit(verify_code code) noexcept {
    return static_cast<int>(code) >= 1000;
}

/// message gives one English clause for a code, without a full stop; for a number not listed in
/// verify_code a general one. The text is static.
constexpr std::string_view message(verify_code code) noexcept {
    using enum verify_code;
    switch (code) {
    case ok: return "ok";
    case unspecified: return "certificate could not be read or judged";
    case unable_to_get_issuer_cert: return "no self-signed root at the top of the trusted chain";
    case unable_to_get_crl: return "no revocation list (CRL) of the issuer";
    case unable_to_decrypt_cert_signature: return "certificate's signature cannot be decoded";
    case unable_to_decrypt_crl_signature: return "CRL's signature cannot be decoded";
    case unable_to_decode_issuer_public_key: return "issuer's public key cannot be decoded";
    case cert_signature_failure: return "certificate's signature is wrong";
    case crl_signature_failure: return "CRL's signature is wrong";
    case cert_not_yet_valid: return "certificate is not yet valid";
    case cert_has_expired: return "certificate has expired";
    case crl_not_yet_valid: return "CRL is not yet valid";
    case crl_has_expired: return "CRL has expired";
    case error_in_cert_not_before_field: return "certificate's notBefore is not a valid time";
    case error_in_cert_not_after_field: return "certificate's notAfter is not a valid time";
    case error_in_crl_last_update_field: return "CRL's lastUpdate is not a valid time";
    case error_in_crl_next_update_field: return "CRL's nextUpdate is not a valid time";
    case out_of_mem: return "out of memory";
    case depth_zero_self_signed_cert: return "self-signed certificate that is not trusted";
    case self_signed_cert_in_chain: return "self-signed certificate in chain that is not trusted";
    case unable_to_get_issuer_cert_locally: return "no trusted issuer found for the certificate";
    case unable_to_verify_leaf_signature: return "unable to verify the first certificate";
    case cert_chain_too_long: return "certificate chain too long";
    case cert_revoked: return "certificate is revoked";
    case no_issuer_public_key: return "issuer's certificate has no usable public key";
    case path_length_exceeded: return "CA's path length constraint exceeded";
    case invalid_purpose: return "certificate is not meant for this purpose";
    case cert_untrusted: return "certificate is not trusted for this purpose";
    case cert_rejected: return "certificate is marked as rejected";
    case subject_issuer_mismatch: return "issuer's subject is not the certificate's issuer";
    case akid_skid_mismatch: return "authority key identifier is not the issuer's key identifier";
    case akid_issuer_serial_mismatch:
        return "authority key identifier names another issuer or serial number";
    case keyusage_no_certsign: return "issuer's key usage does not include certificate signing";
    case unable_to_get_crl_issuer: return "no certificate of the CRL's issuer";
    case unhandled_critical_extension: return "unknown critical extension";
    case keyusage_no_crl_sign: return "issuer's key usage does not include CRL signing";
    case unhandled_critical_crl_extension: return "unknown critical extension in CRL";
    case invalid_non_ca: return "CA certificate where none is allowed";
    case proxy_path_length_exceeded: return "proxy path length constraint exceeded";
    case keyusage_no_digital_signature: return "key usage does not include digital signature";
    case proxy_certificates_not_allowed: return "proxy certificates are not allowed";
    case invalid_extension: return "malformed or inconsistent certificate extension";
    case invalid_policy_extension: return "malformed or inconsistent policy extension";
    case no_explicit_policy: return "no explicit policy";
    case different_crl_scope: return "CRL does not cover this certificate";
    case unsupported_extension_feature: return "extension uses an unsupported feature";
    case unnested_resource: return "RFC 3779 resource is not among the issuer's";
    case permitted_violation: return "name is outside the CA's permitted names";
    case excluded_violation: return "name is among the CA's excluded names";
    case subtree_minmax: return "name constraint with minimum or maximum is not supported";
    case application_verification: return "refused by the application";
    case unsupported_constraint_type: return "name constraint of an unsupported type";
    case unsupported_constraint_syntax: return "malformed name constraint";
    case unsupported_name_syntax: return "malformed name, cannot be checked against constraints";
    case crl_path_validation_error: return "no valid path to the CRL's issuer";
    case path_loop: return "certificate chain loops";
    case suite_b_invalid_version: return "Suite B: invalid certificate version";
    case suite_b_invalid_algorithm: return "Suite B: invalid public key algorithm";
    case suite_b_invalid_curve: return "Suite B: invalid curve";
    case suite_b_invalid_signature_algorithm: return "Suite B: invalid signature algorithm";
    case suite_b_los_not_allowed: return "Suite B: curve not allowed at this level of security";
    case suite_b_cannot_sign_p_384_with_p_256: return "Suite B: P-256 must not sign P-384";
    case hostname_mismatch: return "certificate is not for this host name";
    case email_mismatch: return "certificate is not for this e-mail address";
    case ip_address_mismatch: return "certificate is not for this IP address";
    case dane_no_match: return "no matching DANE TLSA record";
    case ee_key_too_small: return "peer's key is too weak";
    case ca_key_too_small: return "CA's key is too weak";
    case ca_md_too_weak: return "certificate's signature algorithm is too weak";
    case invalid_call: return "verification was called wrongly";
    case store_lookup: return "looking up the issuer failed";
    case no_valid_scts: return "no valid certificate transparency timestamps";
    case proxy_subject_name_violation: return "proxy certificate's subject is not allowed";
    case ocsp_verify_needed: return "OCSP response needed";
    case ocsp_verify_failed: return "OCSP response could not be verified";
    case ocsp_cert_unknown: return "OCSP responder does not know the certificate";
    case unsupported_signature_algorithm: return "unsupported signature algorithm";
    case signature_algorithm_mismatch: return "signature algorithm does not fit the issuer's key";
    case signature_algorithm_inconsistency:
        return "certificate names two different signature algorithms";
    case invalid_ca: return "issuer's certificate is not a CA certificate";
    case pathlen_invalid_for_non_ca: return "path length given in a certificate that is not a CA";
    case pathlen_without_ku_key_cert_sign:
        return "path length given without certificate signing in key usage";
    case ku_key_cert_sign_invalid_for_non_ca:
        return "key usage has certificate signing in a certificate that is not a CA";
    case issuer_name_empty: return "issuer's name is empty";
    case subject_name_empty: return "CA's subject is empty";
    case missing_authority_key_identifier: return "authority key identifier is missing";
    case missing_subject_key_identifier: return "CA's subject key identifier is missing";
    case empty_subject_alt_name: return "subject alternative name is empty";
    case empty_subject_san_not_critical:
        return "subject is empty and subject alternative name is not critical";
    case ca_bcons_not_critical: return "CA's basic constraints are not critical";
    case authority_key_identifier_critical: return "authority key identifier is critical";
    case subject_key_identifier_critical: return "subject key identifier is critical";
    case ca_cert_missing_key_usage: return "CA certificate has no key usage";
    case extensions_require_version_3: return "certificate with extensions is not of version 3";
    case ec_key_explicit_params: return "elliptic curve is given by parameters and not by name";
    case rpk_untrusted: return "raw public key is not trusted";
    case engine_limit_unspecified: return "limit of the engine: certificate cannot be handled";
    case engine_limit_name_constraints:
        return "limit of the engine: chains with name constraints cannot be checked";
    case engine_limit_certificate_unsupported:
        return "limit of the engine: certificate cannot be read or its algorithm is unsupported";
    case engine_limit_chain_too_long: return "limit of the engine: certificate chain too long";
    case engine_limit_message_too_long: return "limit of the engine: certificate message too long";
    }
    return "unknown verification error";
}

/// severity_rank orders reasons: when several apply, the one of the lowest rank is reported first.
/// Engine limits that keep a path from being built come first, for the chain reasons beside them
/// only follow from them; then chain building and signatures, CA and extensions, purpose and key
/// usage, key strength, name, validity, revocation, name constraints.
constexpr int severity_rank(verify_code code) noexcept {
    using enum verify_code;
    switch (code) {
    case engine_limit_unspecified:
    case engine_limit_certificate_unsupported:
    case engine_limit_chain_too_long:
    case engine_limit_message_too_long: return 0;

    case path_length_exceeded:
    case keyusage_no_certsign:
    case unhandled_critical_extension:
    case invalid_non_ca:
    case proxy_path_length_exceeded:
    case proxy_certificates_not_allowed:
    case invalid_extension:
    case invalid_policy_extension:
    case no_explicit_policy:
    case unsupported_extension_feature:
    case unnested_resource:
    case proxy_subject_name_violation:
    case invalid_ca:
    case pathlen_invalid_for_non_ca:
    case pathlen_without_ku_key_cert_sign:
    case ku_key_cert_sign_invalid_for_non_ca:
    case issuer_name_empty:
    case subject_name_empty:
    case missing_authority_key_identifier:
    case missing_subject_key_identifier:
    case empty_subject_alt_name:
    case empty_subject_san_not_critical:
    case ca_bcons_not_critical:
    case authority_key_identifier_critical:
    case subject_key_identifier_critical:
    case ca_cert_missing_key_usage:
    case extensions_require_version_3:
    case ec_key_explicit_params: return 2;

    case invalid_purpose:
    case keyusage_no_digital_signature: return 3;

    case suite_b_invalid_version:
    case suite_b_invalid_algorithm:
    case suite_b_invalid_curve:
    case suite_b_invalid_signature_algorithm:
    case suite_b_los_not_allowed:
    case suite_b_cannot_sign_p_384_with_p_256:
    case ee_key_too_small:
    case ca_key_too_small:
    case ca_md_too_weak: return 4;

    case hostname_mismatch:
    case email_mismatch:
    case ip_address_mismatch:
    case no_valid_scts: return 5;

    case cert_not_yet_valid:
    case cert_has_expired:
    case error_in_cert_not_before_field:
    case error_in_cert_not_after_field: return 6;

    case unable_to_get_crl:
    case unable_to_decrypt_crl_signature:
    case crl_signature_failure:
    case crl_not_yet_valid:
    case crl_has_expired:
    case error_in_crl_last_update_field:
    case error_in_crl_next_update_field:
    case cert_revoked:
    case unable_to_get_crl_issuer:
    case keyusage_no_crl_sign:
    case unhandled_critical_crl_extension:
    case different_crl_scope:
    case crl_path_validation_error:
    case ocsp_verify_needed:
    case ocsp_verify_failed:
    case ocsp_cert_unknown: return 7;

    case permitted_violation:
    case excluded_violation:
    case subtree_minmax:
    case unsupported_constraint_type:
    case unsupported_constraint_syntax:
    case unsupported_name_syntax:
    case engine_limit_name_constraints: return 8;

    case ok: return 9;

    case unspecified:
    case unable_to_get_issuer_cert:
    case unable_to_decrypt_cert_signature:
    case unable_to_decode_issuer_public_key:
    case cert_signature_failure:
    case out_of_mem:
    case depth_zero_self_signed_cert:
    case self_signed_cert_in_chain:
    case unable_to_get_issuer_cert_locally:
    case unable_to_verify_leaf_signature:
    case cert_chain_too_long:
    case no_issuer_public_key:
    case cert_untrusted:
    case cert_rejected:
    case subject_issuer_mismatch:
    case akid_skid_mismatch:
    case akid_issuer_serial_mismatch:
    case application_verification:
    case path_loop:
    case dane_no_match:
    case invalid_call:
    case store_lookup:
    case unsupported_signature_algorithm:
    case signature_algorithm_mismatch:
    case signature_algorithm_inconsistency:
    case rpk_untrusted: return 1;
    }
    return is_engine_limit(code) ? 0 : 1;
}

/// alert_for gives the number of the TLS alert (RFC 8446 6.2) that tells the peer of this refusal:
/// the one that OpenSSL sends, and unsupported_certificate for an engine limit.
constexpr std::uint8_t alert_for(verify_code code) noexcept {
    using enum verify_code;
    constexpr std::uint8_t handshake_failure = 40;
    constexpr std::uint8_t bad_certificate = 42;
    constexpr std::uint8_t unsupported_certificate = 43;
    constexpr std::uint8_t certificate_revoked = 44;
    constexpr std::uint8_t certificate_expired = 45;
    constexpr std::uint8_t certificate_unknown = 46;
    constexpr std::uint8_t unknown_ca = 48;
    constexpr std::uint8_t decrypt_error = 51;
    constexpr std::uint8_t internal_error = 80;
    // No switch: what is not named here is certificate_unknown, as in OpenSSL.
    const auto any = [code](auto... codes) { return ((code == codes) || ...); };
    if (is_engine_limit(code) || code == invalid_purpose)
        return unsupported_certificate;
    if (any(unable_to_get_issuer_cert, unable_to_get_crl, depth_zero_self_signed_cert,
            self_signed_cert_in_chain, unable_to_get_issuer_cert_locally,
            unable_to_verify_leaf_signature, cert_chain_too_long, path_length_exceeded,
            unable_to_get_crl_issuer, invalid_ca)) {
        return unknown_ca;
    }
    if (any(cert_has_expired, crl_has_expired))
        return certificate_expired;
    if (any(cert_revoked))
        return certificate_revoked;
    if (any(cert_signature_failure, crl_signature_failure))
        return decrypt_error;
    if (any(unable_to_decrypt_cert_signature, unable_to_decrypt_crl_signature,
            unable_to_decode_issuer_public_key, cert_not_yet_valid, crl_not_yet_valid,
            error_in_cert_not_before_field, error_in_cert_not_after_field,
            error_in_crl_last_update_field, error_in_crl_next_update_field, cert_untrusted,
            cert_rejected, hostname_mismatch, email_mismatch, ip_address_mismatch, dane_no_match,
            ee_key_too_small, ca_key_too_small, ca_md_too_weak, ec_key_explicit_params)) {
        return bad_certificate;
    }
    if (any(unspecified, out_of_mem, invalid_call, store_lookup))
        return internal_error;
    if (any(application_verification))
        return handshake_failure;
    return certificate_unknown;
}

/// operator<< writes the number.
template <class Char, class Traits>
std::basic_ostream<Char, Traits>& operator<<(std::basic_ostream<Char, Traits>& out,
                                             verify_code code) {
    return out << static_cast<int>(code);
}

} // namespace v0
} // namespace tlsxx
