// SPDX-License-Identifier: BSL-1.0
#pragma once

// Names as text for people. What comes out may be written to a terminal or a log: every character
// that could move a cursor, reorder a line or hide itself is escaped, and the length is bounded.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <tlsxx/x509/der.hpp>
#include <tlsxx/x509/directory_string.hpp>
#include <tlsxx/x509/name.hpp>

namespace tlsxx {
inline namespace v0 {
namespace x509 {

/// name_text gives a name in the form of RFC 4514, most specific part first and with a space after
/// each comma: "CN=www.example.org, O=Example, C=GB". Control, invisible and direction characters
/// become \XX (hexadecimal UTF-8 bytes); a value that is not valid text becomes #hex. Very long
/// names end in "...". An empty name gives an empty string, a malformed one "(malformed name)".
inline std::string name_text(bytes name);

namespace detail {

inline constexpr std::size_t name_text_limit = 1000;

inline void append_hex(std::string& out, std::uint8_t byte) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    out += digits[byte >> 4U];
    out += digits[byte & 0x0FU];
}

inline void append_utf8(std::string& out, std::uint32_t c, bool escaped) {
    std::array<std::uint8_t, 4> unit{};
    std::size_t count = 0;
    if (c < 0x80) {
        unit[count++] = static_cast<std::uint8_t>(c);
    } else {
        const std::size_t more = c >= 0x10000 ? 3 : c >= 0x800 ? 2 : 1;
        constexpr std::array<std::uint8_t, 4> lead{0, 0xC0, 0xE0, 0xF0};
        unit[count++] = static_cast<std::uint8_t>(lead[more] | (c >> (6 * more)));
        for (std::size_t i = more; i-- > 0;) {
            unit[count++] = static_cast<std::uint8_t>(0x80U | ((c >> (6 * i)) & 0x3FU));
        }
    }
    for (std::size_t i = 0; i < count; ++i) {
        if (escaped) {
            out += '\\';
            append_hex(out, unit[i]);
        } else {
            out += static_cast<char>(unit[i]);
        }
    }
}

// True for characters that print as themselves: no control, no format or direction character, no
// private use, nothing that is not a character.
constexpr bool is_printable(std::uint32_t c) noexcept {
    if (c < 0xA0)
        return c >= 0x20 && c < 0x7F;
    const auto in = [c](std::uint32_t first, std::uint32_t last) {
        return c >= first && c <= last;
    };
    return !(c == 0xAD || c == 0x34F || c == 0x61C || in(0x115F, 0x1160) || in(0x17B4, 0x17B5) ||
             in(0x180B, 0x180F) || in(0x200B, 0x200F) || in(0x2028, 0x202E) || in(0x2060, 0x206F) ||
             c == 0x3164 || in(0xE000, 0xF8FF) || in(0xFDD0, 0xFDEF) || in(0xFE00, 0xFE0F) ||
             c == 0xFEFF || c == 0xFFA0 || in(0xFFF0, 0xFFFB) || (c & 0xFFFEU) == 0xFFFE ||
             in(0x1BCA0, 0x1BCA3) || in(0x1D173, 0x1D17A) || c >= 0xE0000);
}

inline std::string dotted(bytes type) {
    std::string out;
    std::uint64_t arc = 0;
    for (const std::byte b : type) {
        if (arc >> 56U != 0)
            return out + ".?";
        arc = (arc << 7U) | std::to_integer<std::uint64_t>(b & std::byte{0x7F});
        if ((b & std::byte{0x80}) != std::byte{})
            continue;
        if (out.empty()) {
            const std::uint64_t top = arc >= 80 ? 2 : arc / 40;
            out = std::to_string(top);
            arc -= top * 40;
        }
        out += '.';
        out += std::to_string(arc);
        arc = 0;
    }
    return out;
}

struct short_name {
    std::string_view text;
    std::uint8_t arc;
};

// Short names of 2.5.4.x, RFC 4519 and what everybody's tools print.
inline constexpr std::array<short_name, 16> x520_names{{
    {"CN", 3},
    {"SN", 4},
    {"serialNumber", 5},
    {"C", 6},
    {"L", 7},
    {"ST", 8},
    {"STREET", 9},
    {"O", 10},
    {"OU", 11},
    {"title", 12},
    {"businessCategory", 15},
    {"postalCode", 17},
    {"name", 41},
    {"GN", 42},
    {"dnQualifier", 46},
    {"organizationIdentifier", 97},
}};

inline std::string attribute_name(bytes type) {
    if (type.size() == 3 && type[0] == std::byte{0x55} && type[1] == std::byte{4}) {
        for (const short_name& known : x520_names) {
            if (type[2] == std::byte{known.arc})
                return std::string(known.text);
        }
    }
    if (equal(type, oid<0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 1>))
        return "emailAddress";
    if (equal(type, oid<0x09, 0x92, 0x26, 0x89, 0x93, 0xF2, 0x2C, 0x64, 1, 25>))
        return "DC";
    if (equal(type, oid<0x09, 0x92, 0x26, 0x89, 0x93, 0xF2, 0x2C, 0x64, 1, 1>))
        return "UID";
    return dotted(type);
}

inline bool valid_text(const der::element& value) noexcept {
    if (!is_text(value.tag))
        return false;
    characters in(value.tag, value.content);
    std::int32_t c = 0;
    while (c >= 0)
        c = in.next();
    return c == characters::end;
}

inline void append_value(std::string& out, const der::element& value) {
    if (!valid_text(value)) {
        out += '#';
        for (const std::byte b : value.whole) {
            if (out.size() > name_text_limit)
                return;
            append_hex(out, std::to_integer<std::uint8_t>(b));
        }
        return;
    }
    characters in(value.tag, value.content);
    constexpr std::string_view special = "\\\",+;<>";
    bool first = true;
    for (std::int32_t c = in.next(); c >= 0 && out.size() <= name_text_limit; first = false) {
        const std::int32_t following = in.next();
        const auto code = static_cast<std::uint32_t>(c);
        const bool edge_space = c == ' ' && (first || following == characters::end);
        if (c < 0x80 && (special.find(static_cast<char>(c)) != special.npos || edge_space ||
                         (first && c == '#'))) {
            out += '\\';
            out += static_cast<char>(c);
        } else {
            append_utf8(out, code, !is_printable(code));
        }
        c = following;
    }
}

} // namespace detail

inline std::string name_text(bytes name) {
    bytes content;
    if (!is_name(name) || !der::single(name, der::tag::sequence, content)) {
        return "(malformed name)";
    }
    // The last relative names are the most specific ones. A ring keeps as many as can be printed.
    std::array<bytes, 256> ring;
    std::size_t count = 0;
    for (der::reader in(content); in.more();) {
        bytes relative;
        if (in.next(der::tag::set, relative) && !relative.empty()) {
            ring[count++ % ring.size()] = relative;
        }
    }
    std::string out;
    for (std::size_t i = 0; i < count; ++i) {
        if (i == ring.size() || out.size() > detail::name_text_limit)
            return out + "...";
        if (i != 0)
            out += ", ";
        der::reader in(ring[(count - 1 - i) % ring.size()]);
        attribute part;
        for (bool first = true; in.more() && read_attribute(in, part); first = false) {
            if (out.size() > detail::name_text_limit)
                return out + "...";
            if (!first)
                out += '+';
            out += detail::attribute_name(part.type);
            out += '=';
            detail::append_value(out, part.value);
        }
    }
    if (out.size() > detail::name_text_limit)
        out += "...";
    return out;
}

} // namespace x509
} // namespace v0
} // namespace tlsxx
