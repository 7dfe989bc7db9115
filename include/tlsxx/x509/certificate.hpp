// SPDX-License-Identifier: BSL-1.0
#pragma once

// A certificate that owns its bytes, for reports and for programs that look at a peer's.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tlsxx/pem.hpp>
#include <tlsxx/x509/certificate_view.hpp>
#include <tlsxx/x509/ip_address.hpp>
#include <tlsxx/x509/name_text.hpp>

namespace tlsxx {
inline namespace v0 {

/// certificate holds the DER bytes of an X.509 certificate and reads them with the library's own
/// reader, so that it says the same on every engine. Bytes that are no certificate can be held
/// too: a report of a failure must carry what the peer sent. A const certificate may be read from
/// several threads.
class certificate {
public:
    /// No bytes; not valid.
    certificate() noexcept = default;
    /// Takes DER bytes as they are.
    explicit certificate(std::vector<std::byte> der) noexcept
        : der_(std::move(der)), valid_(view().has_value()) {}
    /// Copies DER bytes.
    explicit certificate(std::span<const std::byte> der)
        : certificate(std::vector<std::byte>(der.begin(), der.end())) {}

    /// valid tells whether the bytes are a certificate. If not, texts say so, lists are empty and
    /// numbers are 0.
    bool valid() const noexcept { return valid_ && !der_.empty(); }
    /// der gives the bytes, owned by this object.
    std::span<const std::byte> der() const noexcept { return der_; }
    /// to_pem gives them as a PEM block.
    std::string to_pem() const { return tlsxx::to_pem("CERTIFICATE", der_); }

    /// subject and issuer as text for people, "CN=www.example.org, O=Example", with everything
    /// escaped that could upset a terminal. Not for comparing.
    std::string subject() const {
        const auto parsed = view();
        return parsed ? x509::name_text(parsed->subject()) : unreadable();
    }
    std::string issuer() const {
        const auto parsed = view();
        return parsed ? x509::name_text(parsed->issuer()) : unreadable();
    }

    /// serial_number is hexadecimal in upper case with an even number of digits, as Python gives
    /// it; a negative one has a minus sign.
    std::string serial_number() const {
        const auto parsed = view();
        return parsed ? hex_of(parsed->serial_number()) : std::string{};
    }

    /// not_before and not_after are seconds since 1970, both inclusive; 0 if the certificate gives
    /// no valid time.
    std::int64_t not_before() const noexcept {
        const auto parsed = view();
        return parsed ? parsed->not_before().value_or(0) : 0;
    }
    std::int64_t not_after() const noexcept {
        const auto parsed = view();
        return parsed ? parsed->not_after().value_or(0) : 0;
    }

    /// dns_names are the DNS entries of the subject alternative name, escaped like subject(). At
    /// most as many as the certificate has bytes for.
    std::vector<std::string> dns_names() const {
        std::vector<std::string> out;
        each_name(x509::general_name_type::dns_name, [&](x509::bytes content) {
            std::string text;
            for (const std::byte b : content) {
                const auto c = std::to_integer<std::uint8_t>(b);
                if (c > 0x20 && c < 0x7F && c != '\\') {
                    text += static_cast<char>(c);
                } else {
                    text += '\\';
                    x509::detail::append_hex(text, c);
                }
            }
            out.push_back(std::move(text));
        });
        return out;
    }
    /// ip_addresses are the IP entries of the subject alternative name as text.
    std::vector<std::string> ip_addresses() const {
        std::vector<std::string> out;
        each_name(x509::general_name_type::ip_address, [&](x509::bytes content) {
            if (content.size() == 4 || content.size() == 16)
                out.push_back(x509::ip_text(content));
        });
        return out;
    }

    /// Two certificates are equal if their bytes are.
    friend bool operator==(const certificate& a, const certificate& b) noexcept {
        return a.der_ == b.der_;
    }

private:
    // The view is made anew each time: it would point to the bytes of another object after a copy.
    std::optional<x509::certificate_view> view() const noexcept {
        return x509::certificate_view::parse(der_);
    }
    static std::string unreadable() { return "(unreadable certificate)"; }

    static std::string hex_of(x509::bytes number) {
        std::string out;
        std::vector<std::byte> magnitude(number.begin(), number.end());
        if (!magnitude.empty() && (magnitude.front() & std::byte{0x80}) != std::byte{}) {
            out += '-';
            bool carry = true;
            for (std::size_t i = magnitude.size(); i-- > 0;) {
                const auto flipped = std::to_integer<unsigned>(~magnitude[i]) + (carry ? 1U : 0U);
                carry = flipped > 0xFF;
                magnitude[i] = static_cast<std::byte>(flipped & 0xFFU);
            }
        }
        const bool sign_byte = magnitude.size() > 1 && magnitude.front() == std::byte{};
        for (std::size_t i = sign_byte ? 1 : 0; i < magnitude.size(); ++i) {
            x509::detail::append_hex(out, std::to_integer<std::uint8_t>(magnitude[i]));
        }
        return out;
    }

    template <class Each>
    void each_name(x509::general_name_type type, Each each) const {
        const auto parsed = view();
        if (!parsed || parsed->extensions_malformed())
            return;
        x509::general_names names = parsed->subject_alt_names();
        x509::general_name entry;
        while (names.next(entry)) {
            if (entry.type == type)
                each(entry.content);
        }
    }

    std::vector<std::byte> der_;
    bool valid_ = false;
};

} // namespace v0
} // namespace tlsxx
