// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>

namespace tlsxx {
inline namespace v0 {

/// no_timeout is the time-out that never comes.
/// (In parentheses because a Windows header may have made `max` a macro.)
inline constexpr std::chrono::milliseconds no_timeout = (std::chrono::milliseconds::max)();

/// deadline is the moment at which an operation gives up, on the clock that never jumps. An
/// operation fixes it once, when it begins: what then happens in between can't prolong it.
class deadline {
public:
    using clock = std::chrono::steady_clock;

    /// deadline is never reached.
    constexpr deadline() noexcept = default;
    constexpr explicit deadline(clock::time_point at) noexcept : at_{at} {}

    /// after is `timeout` from now; never for no_timeout, and for what the clock can't hold.
    static deadline after(std::chrono::milliseconds timeout) noexcept {
        if (timeout == no_timeout)
            return {};
        const clock::time_point now = clock::now();
        if (timeout >= std::chrono::duration_cast<std::chrono::milliseconds>(never_ - now))
            return {};
        return deadline{now + timeout};
    }

    constexpr bool is_never() const noexcept { return at_ == never_; }
    bool passed() const noexcept { return !is_never() && clock::now() >= at_; }
    constexpr clock::time_point time() const noexcept { return at_; }

    /// remaining is the time left, rounded up to whole milliseconds, 0 when it has passed and
    /// no_timeout if it never comes.
    std::chrono::milliseconds remaining() const noexcept {
        if (is_never())
            return no_timeout;
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(at_ - clock::now());
        return left.count() > 0 ? left : std::chrono::milliseconds::zero();
    }

    /// The earlier of two is the smaller.
    friend constexpr bool operator<(const deadline& a, const deadline& b) noexcept {
        return a.at_ < b.at_;
    }
    friend constexpr bool operator==(const deadline& a, const deadline& b) noexcept {
        return a.at_ == b.at_;
    }

private:
    static constexpr clock::time_point never_ = (clock::time_point::max)();
    clock::time_point at_ = never_;
};

} // namespace v0
} // namespace tlsxx
