// SPDX-License-Identifier: BSL-1.0
#pragma once

// The cipher suites that the library knows by name: one table for all engines, since OpenSSL and
// Mbed TLS both answer with the IANA number.

#include <array>
#include <cstdint>
#include <string_view>

#include <tlsxx/connection_info.hpp>

namespace tlsxx {
inline namespace v0 {

/// suites is the table: OpenSSL's name, the version that defined the suite, key bits, IANA number.
inline constexpr std::array<cipher_info, 17> suites{{
    {"TLS_AES_256_GCM_SHA384", "TLSv1.3", 256, 0x1302},
    {"TLS_CHACHA20_POLY1305_SHA256", "TLSv1.3", 256, 0x1303},
    {"TLS_AES_128_GCM_SHA256", "TLSv1.3", 128, 0x1301},
    {"ECDHE-ECDSA-AES256-GCM-SHA384", "TLSv1.2", 256, 0xC02C},
    {"ECDHE-RSA-AES256-GCM-SHA384", "TLSv1.2", 256, 0xC030},
    {"ECDHE-ECDSA-AES128-GCM-SHA256", "TLSv1.2", 128, 0xC02B},
    {"ECDHE-RSA-AES128-GCM-SHA256", "TLSv1.2", 128, 0xC02F},
    {"ECDHE-ECDSA-CHACHA20-POLY1305", "TLSv1.2", 256, 0xCCA9},
    {"ECDHE-RSA-CHACHA20-POLY1305", "TLSv1.2", 256, 0xCCA8},
    {"ECDHE-ECDSA-AES256-SHA384", "TLSv1.2", 256, 0xC024},
    {"ECDHE-RSA-AES256-SHA384", "TLSv1.2", 256, 0xC028},
    {"ECDHE-ECDSA-AES128-SHA256", "TLSv1.2", 128, 0xC023},
    {"ECDHE-RSA-AES128-SHA256", "TLSv1.2", 128, 0xC027},
    {"DHE-RSA-AES256-GCM-SHA384", "TLSv1.2", 256, 0x009F},
    {"DHE-RSA-AES128-GCM-SHA256", "TLSv1.2", 128, 0x009E},
    {"DHE-RSA-AES256-SHA256", "TLSv1.2", 256, 0x006B},
    {"DHE-RSA-AES128-SHA256", "TLSv1.2", 128, 0x0067},
}};

/// find_suite looks a suite up by its IANA number; null if the table has no such suite.
constexpr const cipher_info* find_suite(std::uint16_t id) noexcept {
    for (const cipher_info& suite : suites)
        if (suite.id == id)
            return &suite;
    return nullptr;
}

} // namespace v0
} // namespace tlsxx
