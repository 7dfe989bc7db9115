// SPDX-License-Identifier: BSL-1.0
#pragma once

// A strict reader of DER (ITU-T X.690 section 10). It works on untrusted bytes: nothing here
// allocates, throws, recurses, or reads outside the span that it was given. Callers descend by
// making a reader over an element's content, so the depth is bounded by the code that they write.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace tlsxx {
inline namespace v0 {
namespace x509 {

/// bytes is a view of bytes that belong to someone else.
using bytes = std::span<const std::byte>;

/// equal compares two views byte by byte.
inline bool equal(bytes a, bytes b) noexcept {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

namespace der {

/// tag values are whole identifier octets, class and constructed bit included.
namespace tag {
inline constexpr std::uint8_t boolean = 0x01;
inline constexpr std::uint8_t integer = 0x02;
inline constexpr std::uint8_t bit_string = 0x03;
inline constexpr std::uint8_t octet_string = 0x04;
inline constexpr std::uint8_t null = 0x05;
inline constexpr std::uint8_t oid = 0x06;
inline constexpr std::uint8_t utf8_string = 0x0C;
inline constexpr std::uint8_t numeric_string = 0x12;
inline constexpr std::uint8_t printable_string = 0x13;
inline constexpr std::uint8_t t61_string = 0x14;
inline constexpr std::uint8_t ia5_string = 0x16;
inline constexpr std::uint8_t utc_time = 0x17;
inline constexpr std::uint8_t generalized_time = 0x18;
inline constexpr std::uint8_t visible_string = 0x1A;
inline constexpr std::uint8_t universal_string = 0x1C;
inline constexpr std::uint8_t bmp_string = 0x1E;
inline constexpr std::uint8_t sequence = 0x30;
inline constexpr std::uint8_t set = 0x31;

/// context gives the identifier of a context-specific tag.
constexpr std::uint8_t context(unsigned number, bool constructed) noexcept {
    return static_cast<std::uint8_t>(0x80U | (constructed ? 0x20U : 0U) | number);
}
} // namespace tag

/// element is one tag, length and value.
struct element {
    std::uint8_t tag = 0;
    bytes content;
    bytes whole; ///< with its header
};

/// reader takes elements one after the other out of a span that it does not own. Once an element
/// is malformed or not of the expected tag, the reader has failed and gives nothing more.
class reader {
public:
    explicit reader(bytes input) noexcept : rest_(input) {}

    /// at_end is true when all was read and nothing was wrong.
    bool at_end() const noexcept { return !failed_ && rest_.empty(); }
    /// more is true while there is something left to read and nothing was wrong.
    bool more() const noexcept { return !failed_ && !rest_.empty(); }
    bool failed() const noexcept { return failed_; }
    bytes rest() const noexcept { return rest_; }
    /// next_is tells whether the next element bears this tag. It reads nothing.
    bool next_is(std::uint8_t tag) const noexcept {
        return more() && std::to_integer<std::uint8_t>(rest_.front()) == tag;
    }

    /// next reads one element of any tag. False if there is none or it is malformed.
    bool next(element& out) noexcept {
        if (failed_ || !split(out)) {
            failed_ = true;
            return false;
        }
        rest_ = rest_.subspan(out.whole.size());
        return true;
    }

    /// next reads one element that must bear this tag.
    bool next(std::uint8_t tag, element& out) noexcept {
        if (!next_is(tag))
            failed_ = true;
        return next(out);
    }

    /// next reads one element of this tag and gives its content only.
    bool next(std::uint8_t tag, bytes& content) noexcept {
        element out;
        if (!next(tag, out))
            return false;
        content = out.content;
        return true;
    }

    /// skip reads an element of this tag if there is one. False only if it is malformed.
    bool skip(std::uint8_t tag) noexcept {
        element ignored;
        return !next_is(tag) ? !failed_ : next(ignored);
    }

private:
    // Only single-byte tags, definite lengths and the shortest form of a length are DER as used by
    // X.509. Four length bytes are more than any certificate or CRL needs.
    bool split(element& out) const noexcept {
        if (rest_.size() < 2)
            return false;
        const auto tag = std::to_integer<std::uint8_t>(rest_[0]);
        if ((tag & 0x1FU) == 0x1FU)
            return false;
        const auto first = std::to_integer<std::uint8_t>(rest_[1]);
        std::size_t header = 2;
        std::size_t length = first;
        if (first >= 0x80U) {
            const std::size_t count = first & 0x7FU;
            if (count == 0 || count > 4 || rest_.size() < 2 + count)
                return false;
            length = 0;
            for (std::size_t i = 0; i < count; ++i) {
                length = (length << 8U) | std::to_integer<std::size_t>(rest_[2 + i]);
            }
            if (length < 0x80 || (length >> (8 * (count - 1))) == 0)
                return false;
            header += count;
        }
        if (rest_.size() - header < length)
            return false;
        out.tag = tag;
        out.content = rest_.subspan(header, length);
        out.whole = rest_.first(header + length);
        return true;
    }

    bytes rest_;
    bool failed_ = false;
};

/// single reads an element of this tag that must fill the input to its end.
inline bool single(bytes input, std::uint8_t tag, element& out) noexcept {
    reader in(input);
    return in.next(tag, out) && in.at_end();
}

/// single does the same and gives the content only.
inline bool single(bytes input, std::uint8_t tag, bytes& content) noexcept {
    reader in(input);
    return in.next(tag, content) && in.at_end();
}

/// read_boolean reads the content of a BOOLEAN: one byte, 0 or 255 (X.690 11.1).
inline bool read_boolean(bytes content, bool& out) noexcept {
    if (content.size() != 1)
        return false;
    const auto value = std::to_integer<std::uint8_t>(content[0]);
    out = value != 0;
    return value == 0 || value == 0xFF;
}

/// is_integer tells whether this is the content of an INTEGER in its shortest form (X.690 8.3.2).
inline bool is_integer(bytes content) noexcept {
    if (content.empty())
        return false;
    if (content.size() == 1)
        return true;
    const auto first = std::to_integer<std::uint8_t>(content[0]);
    const bool negative = (std::to_integer<std::uint8_t>(content[1]) & 0x80U) != 0;
    return !(first == 0x00 && !negative) && !(first == 0xFF && negative);
}

/// read_unsigned reads a non-negative INTEGER; what exceeds `limit` is given as `limit`, since
/// nobody who asks for a small number cares how much larger it is.
inline bool read_unsigned(bytes content, std::uint32_t limit, std::uint32_t& out) noexcept {
    if (!is_integer(content) || (content[0] & std::byte{0x80}) != std::byte{})
        return false;
    std::uint64_t value = 0;
    for (const std::byte b : content) {
        value = (value << 8U) | std::to_integer<std::uint64_t>(b);
        if (value >= limit) {
            out = limit;
            return true;
        }
    }
    out = static_cast<std::uint32_t>(value);
    return true;
}

/// bit_string is the content of a BIT STRING taken apart.
struct bit_string {
    bytes octets;
    unsigned unused = 0; ///< 0 to 7 bits at the end that do not count, all zero

    /// bit tells whether the named bit is set; one beyond the end is not. Bit 0 comes first.
    bool bit(std::size_t number) const noexcept {
        if (number / 8 >= octets.size())
            return false;
        return ((std::to_integer<unsigned>(octets[number / 8]) >> (7 - number % 8)) & 1U) != 0;
    }
};

/// read_bit_string takes a BIT STRING's content apart; padding bits must be zero (X.690 11.2.1).
inline bool read_bit_string(bytes content, bit_string& out) noexcept {
    if (content.empty())
        return false;
    const auto unused = std::to_integer<unsigned>(content[0]);
    const bytes octets = content.subspan(1);
    if (unused > 7 || (octets.empty() && unused != 0))
        return false;
    if (!octets.empty()) {
        const unsigned padding = (1U << unused) - 1U;
        if ((std::to_integer<unsigned>(octets.back()) & padding) != 0)
            return false;
    }
    out = {octets, unused};
    return true;
}

/// is_oid tells whether this is the content of an OBJECT IDENTIFIER: arcs complete and shortest.
inline bool is_oid(bytes content) noexcept {
    bool start = true;
    for (const std::byte b : content) {
        if (start && b == std::byte{0x80})
            return false;
        start = (b & std::byte{0x80}) == std::byte{};
    }
    return !content.empty() && start;
}

} // namespace der

/// oid holds the content bytes of an object identifier, written in the source.
template <std::uint8_t... Bytes>
inline constexpr std::array<std::byte, sizeof...(Bytes)> oid{std::byte{Bytes}...};

} // namespace x509
} // namespace v0
} // namespace tlsxx
