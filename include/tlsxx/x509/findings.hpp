// SPDX-License-Identifier: BSL-1.0
#pragma once

// What was found wrong with a chain.

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

#include <tlsxx/x509/verify_code.hpp>

namespace tlsxx {
inline namespace v0 {
namespace x509 {

/// finding is one reason against a chain, and where in it.
struct finding {
    verify_code code = verify_code::ok;
    int depth = 0; ///< 0 is the peer's own certificate

    friend constexpr bool operator==(const finding&, const finding&) noexcept = default;
};

/// worse tells whether one finding is to be reported before another: by severity, then the one
/// nearer to the peer's certificate.
constexpr bool worse(const finding& a, const finding& b) noexcept {
    const int left = severity_rank(a.code);
    const int right = severity_rank(b.code);
    return left != right ? left < right : a.depth < b.depth;
}

/// findings collects reasons in the order in which they come. It allocates nothing: when it is
/// full, a worse finding takes the place of the mildest one, so the primary one is never lost.
class findings {
public:
    static constexpr std::size_t capacity = 16;

    /// add takes one finding. `ok` and what is there already are left out.
    constexpr void add(verify_code code, int depth) noexcept {
        const finding entry{code, depth};
        if (code == verify_code::ok || contains(entry))
            return;
        if (size_ < capacity) {
            entries_[size_++] = entry;
            return;
        }
        std::size_t mildest = 0;
        for (std::size_t i = 1; i < size_; ++i) {
            if (!worse(entries_[i], entries_[mildest]))
                mildest = i;
        }
        if (worse(entry, entries_[mildest]))
            entries_[mildest] = entry;
    }

    constexpr bool empty() const noexcept { return size_ == 0; }
    constexpr std::size_t size() const noexcept { return size_; }
    constexpr const finding* begin() const noexcept { return entries_.data(); }
    constexpr const finding* end() const noexcept { return entries_.data() + size_; }
    constexpr void clear() noexcept { size_ = 0; }

    /// primary is the finding to report first; of equal ones the first that came. {ok, 0} if there
    /// is none.
    constexpr finding primary() const noexcept {
        if (empty())
            return {};
        return *std::min_element(begin(), end(), worse);
    }

    constexpr bool contains(const finding& entry) const noexcept {
        return std::find(begin(), end(), entry) != end();
    }
    /// has_rank tells whether there is a finding of this severity.
    constexpr bool has_rank(int rank) const noexcept {
        return std::any_of(begin(), end(),
                           [rank](const finding& f) { return severity_rank(f.code) == rank; });
    }

private:
    std::array<finding, capacity> entries_{};
    std::size_t size_ = 0;
};

} // namespace x509
} // namespace v0
} // namespace tlsxx
