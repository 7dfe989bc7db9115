// SPDX-License-Identifier: BSL-1.0
#pragma once

// ASN.1 times (RFC 5280 4.1.2.5) as seconds since 1970-01-01T00:00:00Z. No time zone of the
// machine, no locale and no calendar function of the system takes part.

#include <cstddef>
#include <cstdint>
#include <optional>

#include <tlsxx/x509/der.hpp>

namespace tlsxx {
inline namespace v0 {
namespace x509 {

/// rounding says which whole second stands for a time with a fraction, so that a certificate is
/// never valid for longer than it says: `down` for the end of a period, `up` for its start.
enum class rounding { down, up };

/// days_from_civil counts the days from 1970-01-01 to a date of the Gregorian calendar.
constexpr std::int64_t days_from_civil(std::int64_t year, int month, int day) noexcept {
    year -= month <= 2 ? 1 : 0;
    const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
    const std::int64_t year_of_era = year - era * 400;
    const std::int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    const std::int64_t day_of_era =
        year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

/// parse_time reads the content of a UTCTime or GeneralizedTime. Seconds and the final Z are
/// demanded, as RFC 5280 does; a fraction of a second is not allowed there but met, and rounded.
/// Two-digit years from 50 on are of the 20th century. Empty if it is not a time.
inline std::optional<std::int64_t> parse_time(std::uint8_t tag, bytes content,
                                              rounding round) noexcept {
    std::size_t at = 0;
    bool good = true;
    const auto digit = [&](std::size_t i) {
        const int value = i < content.size() ? std::to_integer<int>(content[i]) - '0' : -1;
        if (value < 0 || value > 9)
            good = false;
        return value;
    };
    const auto two = [&] {
        const int value = digit(at) * 10 + digit(at + 1);
        at += 2;
        return value;
    };

    int year = 0;
    if (tag == der::tag::utc_time) {
        year = two();
        year += year >= 50 ? 1900 : 2000;
    } else if (tag == der::tag::generalized_time) {
        const int century = two();
        year = century * 100 + two();
    } else {
        return std::nullopt;
    }
    const int month = two();
    const int day = two();
    const int hour = two();
    const int minute = two();
    const int second = two();
    if (!good)
        return std::nullopt;

    bool fraction = false;
    if (tag == der::tag::generalized_time && at < content.size() && content[at] == std::byte{'.'}) {
        const std::size_t first = ++at;
        for (; at < content.size() && content[at] != std::byte{'Z'}; ++at) {
            if (digit(at) > 0)
                fraction = true;
        }
        if (!good || at == first)
            return std::nullopt;
    }
    if (at + 1 != content.size() || content[at] != std::byte{'Z'})
        return std::nullopt;

    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    constexpr int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59)
        return std::nullopt;
    const int length = lengths[month - 1] + (month == 2 && leap ? 1 : 0);
    if (day < 1 || day > length)
        return std::nullopt;

    const std::int64_t seconds =
        ((days_from_civil(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    return seconds + (fraction && round == rounding::up ? 1 : 0);
}

} // namespace x509
} // namespace v0
} // namespace tlsxx
