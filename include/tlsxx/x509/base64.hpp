// SPDX-License-Identifier: BSL-1.0
#pragma once

// Base64 (RFC 4648 4) for PEM.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <tlsxx/x509/der.hpp>

namespace tlsxx {
inline namespace v0 {
namespace x509 {

/// append_base64 writes bytes as base64 in lines of 64 characters, each with its line end.
inline void append_base64(std::string& out, bytes data) {
    constexpr std::string_view alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::size_t column = 0;
    for (std::size_t at = 0; at < data.size(); at += 3) {
        const std::size_t count = data.size() - at < 3 ? data.size() - at : 3;
        std::uint32_t group = 0;
        for (std::size_t i = 0; i < 3; ++i) {
            group <<= 8U;
            if (i < count)
                group |= std::to_integer<std::uint32_t>(data[at + i]);
        }
        for (std::size_t i = 0; i < 4; ++i) {
            out += i <= count ? alphabet[(group >> (18 - 6 * i)) & 0x3FU] : '=';
        }
        column += 4;
        if (column == 64) {
            out += '\n';
            column = 0;
        }
    }
    if (column != 0)
        out += '\n';
}

/// base64_decoder takes base64 in pieces and appends what it means to a vector. White space is not
/// skipped: that is for the caller, who knows where it may stand.
class base64_decoder {
public:
    explicit base64_decoder(std::vector<std::byte>& out) noexcept : out_(out) {}

    /// put takes one character. False if it has no place here.
    bool put(char c) {
        if (c == '=') {
            if (count_ < 2 || count_ + padding_ >= 4)
                return false;
            ++padding_;
            if (count_ + padding_ == 4)
                return flush();
            return true;
        }
        const int digit = value(c);
        if (digit < 0 || padding_ != 0)
            return false;
        group_ = (group_ << 6U) | static_cast<std::uint32_t>(digit);
        if (++count_ == 4) {
            for (unsigned i = 0; i < 3; ++i)
                push(group_ >> (16 - 8 * i));
            group_ = 0;
            count_ = 0;
        }
        return true;
    }
    /// complete tells whether the input may end here.
    bool complete() const noexcept { return count_ == 0 || count_ + padding_ == 4; }

private:
    static constexpr int value(char c) noexcept {
        if (c >= 'A' && c <= 'Z')
            return c - 'A';
        if (c >= 'a' && c <= 'z')
            return c - 'a' + 26;
        if (c >= '0' && c <= '9')
            return c - '0' + 52;
        if (c == '+')
            return 62;
        return c == '/' ? 63 : -1;
    }
    void push(std::uint32_t bits) { out_.push_back(static_cast<std::byte>(bits & 0xFFU)); }
    // The last group of two or three digits; the bits that it does not use must be zero, so that
    // each sequence of bytes has one form only.
    bool flush() {
        if (count_ == 2) {
            push(group_ >> 4U);
            return (group_ & 0x0FU) == 0;
        }
        push(group_ >> 10U);
        push(group_ >> 2U);
        return (group_ & 0x03U) == 0;
    }

    std::vector<std::byte>& out_;
    std::uint32_t group_ = 0;
    unsigned count_ = 0;
    unsigned padding_ = 0;
};

} // namespace x509
} // namespace v0
} // namespace tlsxx
