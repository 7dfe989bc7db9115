// SPDX-License-Identifier: BSL-1.0
#pragma once

// The characters of ASN.1's many string types, one by one, without a buffer.

#include <cstddef>
#include <cstdint>

#include <tlsxx/x509/der.hpp>

namespace tlsxx {
inline namespace v0 {
namespace x509 {

/// is_text tells whether a tag is one of the string types that `characters` can read. NumericString
/// is not among them: OpenSSL compares it byte by byte, and so do we.
constexpr bool is_text(std::uint8_t tag) noexcept {
    return tag == der::tag::utf8_string || tag == der::tag::printable_string ||
           tag == der::tag::t61_string || tag == der::tag::ia5_string ||
           tag == der::tag::visible_string || tag == der::tag::universal_string ||
           tag == der::tag::bmp_string;
}

/// characters gives the Unicode code points of a string's content.
class characters {
public:
    static constexpr std::int32_t end = -1;
    static constexpr std::int32_t invalid = -2;

    characters(std::uint8_t tag, bytes content) noexcept : tag_(tag), rest_(content) {}

    /// next gives a code point, `end` after the last, or `invalid` where there is none. T61String
    /// is taken for Latin-1, as OpenSSL does and as nearly everyone wrote it.
    std::int32_t next() noexcept {
        if (rest_.empty())
            return end;
        switch (tag_) {
        case der::tag::utf8_string: return utf8();
        case der::tag::bmp_string: return wide(2);
        case der::tag::universal_string: return wide(4);
        case der::tag::t61_string: return take();
        default: return take_ascii();
        }
    }

private:
    std::int32_t take() noexcept {
        const auto value = std::to_integer<std::int32_t>(rest_.front());
        rest_ = rest_.subspan(1);
        return value;
    }
    std::int32_t take_ascii() noexcept {
        const std::int32_t value = take();
        return value < 0x80 ? value : invalid;
    }
    static constexpr bool scalar(std::uint32_t value) noexcept {
        return value <= 0x10FFFF && !(value >= 0xD800 && value <= 0xDFFF);
    }
    std::int32_t wide(std::size_t width) noexcept {
        if (rest_.size() < width)
            return invalid;
        std::uint32_t value = 0;
        for (std::size_t i = 0; i < width; ++i) {
            value = (value << 8U) | static_cast<std::uint32_t>(take());
        }
        return scalar(value) ? static_cast<std::int32_t>(value) : invalid;
    }
    std::int32_t utf8() noexcept {
        const std::int32_t first = take();
        if (first < 0x80)
            return first;
        const std::size_t more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
        if (first < 0xC2 || first > 0xF4 || rest_.size() < more)
            return invalid;
        auto value = static_cast<std::uint32_t>(first) & (0x3FU >> more);
        for (std::size_t i = 0; i < more; ++i) {
            const auto follower = static_cast<std::uint32_t>(take());
            if ((follower & 0xC0U) != 0x80U)
                return invalid;
            value = (value << 6U) | (follower & 0x3FU);
        }
        // The first byte ruled out two-byte forms of ASCII; these are the longer ones.
        const std::uint32_t least = more == 3 ? 0x10000 : more == 2 ? 0x800 : 0x80;
        return value >= least && scalar(value) ? static_cast<std::int32_t>(value) : invalid;
    }

    std::uint8_t tag_;
    bytes rest_;
};

/// normal_characters gives the code points by which names are compared: ASCII letters in lower
/// case, white space at both ends dropped and inner runs of it as one space.
class normal_characters {
public:
    normal_characters(std::uint8_t tag, bytes content) noexcept : raw_(tag, content) {}

    /// next gives a code point, characters::end or characters::invalid.
    std::int32_t next() noexcept {
        if (held_ != nothing_held) {
            const std::int32_t value = held_;
            held_ = nothing_held;
            return value;
        }
        std::int32_t value = raw_.next();
        if (is_space(value)) {
            while (is_space(value))
                value = raw_.next();
            if (started_ && value >= 0) {
                held_ = lower(value);
                return ' ';
            }
        }
        started_ = true;
        return lower(value);
    }

private:
    static constexpr std::int32_t nothing_held = -3;
    static constexpr bool is_space(std::int32_t c) noexcept {
        return c == ' ' || (c >= '\t' && c <= '\r');
    }
    static constexpr std::int32_t lower(std::int32_t c) noexcept {
        return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
    }

    characters raw_;
    std::int32_t held_ = nothing_held;
    bool started_ = false;
};

/// text_equal compares two attribute values: strings by their normal form whatever their type,
/// anything else, and strings that are not what their type says, by tag and bytes.
inline bool text_equal(std::uint8_t tag_a, bytes a, std::uint8_t tag_b, bytes b) noexcept {
    const bool same = tag_a == tag_b && equal(a, b);
    if (same || !is_text(tag_a) || !is_text(tag_b))
        return same;
    normal_characters left(tag_a, a);
    normal_characters right(tag_b, b);
    for (;;) {
        const std::int32_t c = left.next();
        if (c != right.next() || c == characters::invalid)
            return false;
        if (c == characters::end)
            return true;
    }
}

} // namespace x509
} // namespace v0
} // namespace tlsxx
