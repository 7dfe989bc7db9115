// SPDX-License-Identifier: BSL-1.0
#pragma once

// IP addresses as text: exactly what inet_pton takes, on systems without one too.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <tlsxx/x509/der.hpp>

namespace tlsxx {
inline namespace v0 {
namespace x509 {

/// ip_address is 4 or 16 octets in network order.
struct ip_address {
    std::array<std::byte, 16> octets{};
    std::size_t size = 0; ///< 4, 16, or 0 for none

    bytes data() const noexcept { return bytes(octets).first(size); }
};

/// parse_ipv4 takes four decimal numbers without leading zeros, and nothing shorter.
constexpr bool parse_ipv4(std::string_view text, std::byte* out) noexcept {
    std::size_t at = 0;
    for (int part = 0; part < 4; ++part) {
        if (part != 0 && (at >= text.size() || text[at++] != '.'))
            return false;
        unsigned value = 0;
        const std::size_t start = at;
        for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
            if (at != start && value == 0)
                return false;
            value = value * 10 + static_cast<unsigned>(text[at] - '0');
            if (value > 255)
                return false;
        }
        if (at == start)
            return false;
        out[part] = static_cast<std::byte>(value);
    }
    return at == text.size();
}

/// parse_ipv6 takes the text forms of RFC 4291 2.2, no zone and no brackets.
constexpr bool parse_ipv6(std::string_view text, std::array<std::byte, 16>& out) noexcept {
    const auto digit = [](char c) {
        if (c >= '0' && c <= '9')
            return c - '0';
        if (c >= 'a' && c <= 'f')
            return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
            return c - 'A' + 10;
        return -1;
    };
    std::array<std::byte, 16> parsed{};
    std::size_t filled = 0;
    constexpr std::size_t no_gap = 17;
    std::size_t gap = no_gap;
    std::size_t at = 0;
    if (text.substr(0, 2) == "::") {
        gap = 0;
        at = 2;
    }
    while (at < text.size()) {
        if (filled > 14)
            return false;
        unsigned value = 0;
        const std::size_t start = at;
        for (; at < text.size() && digit(text[at]) >= 0; ++at) {
            if (at - start == 4)
                return false;
            value = value * 16 + static_cast<unsigned>(digit(text[at]));
        }
        if (at < text.size() && text[at] == '.') {
            // The last four octets may be written as an IPv4 address.
            if (filled > 12 || !parse_ipv4(text.substr(start), parsed.data() + filled)) {
                return false;
            }
            filled += 4;
            break;
        }
        if (at == start)
            return false;
        parsed[filled++] = static_cast<std::byte>(value >> 8U);
        parsed[filled++] = static_cast<std::byte>(value & 0xFFU);
        if (at == text.size())
            break;
        if (text[at++] != ':' || at == text.size())
            return false;
        if (text[at] == ':') {
            if (gap != no_gap)
                return false;
            gap = filled;
            ++at;
        }
    }
    if (gap == no_gap ? filled != 16 : filled > 14)
        return false;
    for (std::size_t i = 0; i < filled; ++i) {
        const std::size_t moved = gap != no_gap && i >= gap ? i + 16 - filled : i;
        out[moved] = parsed[i];
    }
    if (gap != no_gap) {
        for (std::size_t i = gap; i < gap + 16 - filled; ++i)
            out[i] = std::byte{};
    }
    return true;
}

/// parse_ip reads an IPv4 or IPv6 address. False, and `out` empty, for anything else.
constexpr bool parse_ip(std::string_view text, ip_address& out) noexcept {
    out = {};
    if (parse_ipv4(text, out.octets.data())) {
        out.size = 4;
    } else if (parse_ipv6(text, out.octets)) {
        out.size = 16;
    } else {
        out = {};
    }
    return out.size != 0;
}

/// ip_text writes 4 or 16 octets as text (RFC 5952 for IPv6); empty for any other number.
inline std::string ip_text(bytes octets) {
    std::string out;
    if (octets.size() == 4) {
        for (const std::byte b : octets) {
            if (!out.empty())
                out += '.';
            out += std::to_string(std::to_integer<unsigned>(b));
        }
    }
    if (octets.size() != 16)
        return out;
    std::array<unsigned, 8> group{};
    for (std::size_t i = 0; i < 8; ++i) {
        group[i] = std::to_integer<unsigned>(octets[2 * i]) << 8U |
                   std::to_integer<unsigned>(octets[2 * i + 1]);
    }
    // The first of the longest runs of at least two zero groups becomes "::".
    std::size_t best = 8;
    std::size_t best_length = 1;
    for (std::size_t i = 0; i < 8; ++i) {
        std::size_t length = 0;
        while (i + length < 8 && group[i + length] == 0)
            ++length;
        if (length > best_length) {
            best = i;
            best_length = length;
        }
    }
    for (std::size_t i = 0; i < 8; ++i) {
        if (i == best) {
            out += "::";
            i += best_length - 1;
            continue;
        }
        if (!out.empty() && out.back() != ':')
            out += ':';
        constexpr std::string_view digits = "0123456789abcdef";
        bool started = false;
        for (unsigned shift = 16; shift != 0; shift -= 4) {
            const unsigned nibble = (group[i] >> (shift - 4)) & 0xFU;
            started = started || nibble != 0 || shift == 4;
            if (started)
                out += digits[nibble];
        }
    }
    return out;
}

} // namespace x509
} // namespace v0
} // namespace tlsxx
