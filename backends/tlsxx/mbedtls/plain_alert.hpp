// SPDX-License-Identifier: BSL-1.0
#pragma once

// The number of an alert, read as it passes by: the engine says only that there was one. This works
// as long as records are not encrypted, which is all of a TLS 1.2 handshake up to its end and the
// first messages of a TLS 1.3 one.

#include <array>
#include <cstddef>
#include <optional>
#include <span>

#include <tlsxx/constants.hpp>

namespace tlsxx {
inline namespace v0 {
namespace mbedtls {
namespace detail {

class plain_alert_reader {
public:
    // Takes the bytes of the record layer (RFC 8446 5.1) in the order of their arrival.
    void feed(std::span<const std::byte> bytes) noexcept {
        while (!bytes.empty()) {
            if (at_ < header_size + alert_size) {
                start_[at_] = bytes.front();
                ++at_;
                bytes = bytes.subspan(1);
            } else {
                const std::size_t skipped =
                    bytes.size() < record_size() - at_ ? bytes.size() : record_size() - at_;
                at_ += skipped;
                bytes = bytes.subspan(skipped);
            }
            if (at_ >= header_size && at_ == record_size())
                end_record();
        }
    }

    // The last fatal one.
    std::optional<alert_description> alert() const noexcept { return alert_; }
    // True if the last header announces more than any version of TLS allows (RFC 5246 6.2.3).
    bool is_oversized() const noexcept {
        constexpr std::size_t most = (1 << 14) + 2048;
        return at_ >= header_size && record_size() - header_size > most;
    }

private:
    static constexpr std::size_t header_size = 5;
    static constexpr std::size_t alert_size = 2;

    std::size_t at(std::size_t i) const noexcept { return std::to_integer<std::size_t>(start_[i]); }
    // Only once the header is there.
    std::size_t record_size() const noexcept { return header_size + (at(3) << 8U | at(4)); }

    void end_record() noexcept {
        constexpr std::size_t alert_type = 21;
        constexpr std::size_t fatal = 2;
        if (at(0) == alert_type && at_ == header_size + alert_size && at(5) == fatal)
            alert_ = static_cast<alert_description>(at(6));
        at_ = 0;
    }

    std::array<std::byte, header_size + alert_size> start_{};
    std::size_t at_ = 0;
    std::optional<alert_description> alert_;
};

} // namespace detail
} // namespace mbedtls
} // namespace v0
} // namespace tlsxx
