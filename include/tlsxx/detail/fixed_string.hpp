// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace tlsxx {
inline namespace v0 {
namespace detail {

// Text of bounded length: an error can be described when there is no memory left to do so.
template <std::size_t Capacity>
class fixed_string {
public:
    constexpr fixed_string() noexcept = default;
    constexpr fixed_string(std::string_view text) noexcept { *this += text; }

    constexpr std::string_view view() const noexcept { return {text_.data(), size_}; }
    constexpr operator std::string_view() const noexcept { return view(); }
    constexpr bool empty() const noexcept { return size_ == 0; }
    constexpr void clear() noexcept { size_ = 0; }

    friend constexpr bool operator==(const fixed_string& a, const fixed_string& b) noexcept {
        return a.view() == b.view();
    }

    // Appends as much of `text` as fits; the end shows "..." where something was cut.
    constexpr fixed_string& operator+=(std::string_view text) noexcept {
        const std::size_t room = Capacity - size_;
        const std::size_t count = text.size() < room ? text.size() : room;
        for (std::size_t i = 0; i != count; ++i)
            text_[size_ + i] = text[i];
        size_ += count;
        if (count < text.size())
            for (std::size_t i = 1; i <= 3; ++i)
                text_[Capacity - i] = '.';
        return *this;
    }

    constexpr fixed_string& append_number(long long value) noexcept {
        char digits[24]{};
        std::size_t at = sizeof digits;
        const bool negative = value < 0;
        auto rest = negative ? 0ULL - static_cast<unsigned long long>(value)
                             : static_cast<unsigned long long>(value);
        do {
            digits[--at] = static_cast<char>('0' + rest % 10);
            rest /= 10;
        } while (rest != 0);
        if (negative)
            digits[--at] = '-';
        return *this += std::string_view{digits + at, sizeof digits - at};
    }

private:
    static_assert(Capacity >= 3);
    std::size_t size_ = 0;
    std::array<char, Capacity> text_{};
};

} // namespace detail
} // namespace v0
} // namespace tlsxx
