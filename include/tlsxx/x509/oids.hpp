// SPDX-License-Identifier: BSL-1.0
#pragma once

// The object identifiers that certificates are read by, as the content bytes of their DER.

#include <tlsxx/x509/der.hpp>

namespace tlsxx {
inline namespace v0 {
namespace x509 {
namespace oids {

// Extensions, RFC 5280 4.2: 2.5.29.x
inline constexpr auto subject_key_identifier = oid<0x55, 0x1D, 14>;
inline constexpr auto key_usage = oid<0x55, 0x1D, 15>;
inline constexpr auto subject_alt_name = oid<0x55, 0x1D, 17>;
inline constexpr auto basic_constraints = oid<0x55, 0x1D, 19>;
inline constexpr auto name_constraints = oid<0x55, 0x1D, 30>;
inline constexpr auto crl_distribution_points = oid<0x55, 0x1D, 31>;
inline constexpr auto certificate_policies = oid<0x55, 0x1D, 32>;
inline constexpr auto policy_mappings = oid<0x55, 0x1D, 33>;
inline constexpr auto authority_key_identifier = oid<0x55, 0x1D, 35>;
inline constexpr auto policy_constraints = oid<0x55, 0x1D, 36>;
inline constexpr auto ext_key_usage = oid<0x55, 0x1D, 37>;
inline constexpr auto inhibit_any_policy = oid<0x55, 0x1D, 54>;
// 1.3.6.1.5.5.7.48.1.5, 1.3.6.1.5.5.7.1.14, 2.16.840.1.113730.1.1
inline constexpr auto ocsp_no_check = oid<0x2B, 6, 1, 5, 5, 7, 48, 1, 5>;
inline constexpr auto proxy_cert_info = oid<0x2B, 6, 1, 5, 5, 7, 1, 14>;
inline constexpr auto netscape_cert_type = oid<0x60, 0x86, 0x48, 1, 0x86, 0xF8, 0x42, 1, 1>;

// Purposes, RFC 5280 4.2.1.12
inline constexpr auto server_auth = oid<0x2B, 6, 1, 5, 5, 7, 3, 1>;
inline constexpr auto client_auth = oid<0x2B, 6, 1, 5, 5, 7, 3, 2>;

// Public keys
inline constexpr auto rsa_encryption = oid<0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 1>;
inline constexpr auto rsa_pss = oid<0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 10>;
inline constexpr auto ec_public_key = oid<0x2A, 0x86, 0x48, 0xCE, 0x3D, 2, 1>;
inline constexpr auto ed25519 = oid<0x2B, 0x65, 0x70>;
inline constexpr auto ed448 = oid<0x2B, 0x65, 0x71>;

// Attribute types of names
inline constexpr auto common_name = oid<0x55, 4, 3>;
inline constexpr auto email_address = oid<0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 1>;

} // namespace oids
} // namespace x509
} // namespace v0
} // namespace tlsxx
