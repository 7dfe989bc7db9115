// SPDX-License-Identifier: BSL-1.0
#pragma once

// The name that a user wants to talk to, and whether a certificate is for it (RFC 9525). One
// matcher for every engine, since no two engines agree.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <tlsxx/x509/certificate_view.hpp>
#include <tlsxx/x509/directory_string.hpp>
#include <tlsxx/x509/ip_address.hpp>
#include <tlsxx/x509/verify_code.hpp>

namespace tlsxx {
inline namespace v0 {
namespace x509 {

/// host_name_error says why a text cannot be the name of a host.
enum class host_name_error : std::uint8_t {
    none,
    empty,
    embedded_nul,
    not_ascii,
    leading_dot,
    empty_label,
    label_too_long,
    too_long,
};

/// message gives an English clause for an error. The text is static.
constexpr std::string_view message(host_name_error error) noexcept {
    switch (error) {
    case host_name_error::none: return "ok";
    case host_name_error::empty: return "host name is empty";
    case host_name_error::embedded_nul: return "host name contains a NUL character";
    case host_name_error::not_ascii:
        return "host name is not ASCII: give an internationalised name in its xn-- form";
    case host_name_error::leading_dot: return "host name starts with a dot";
    case host_name_error::empty_label: return "host name contains two dots in a row";
    case host_name_error::label_too_long: return "a part of the host name is longer than 63";
    case host_name_error::too_long: return "host name is longer than 253";
    }
    return "host name is not valid";
}

/// reference_identity is the host name that a certificate is to be matched with: an IP address if
/// the text is one in the exact form that inet_pton takes, a DNS name otherwise. One trailing dot
/// of a DNS name is dropped. Text that looks like an address but is none ("127.1", "[::1]",
/// "fe80::1%eth0") and text with characters that no host name has are allowed and match nothing.
/// Holds its own copy of the text and allocates nothing.
class reference_identity {
public:
    /// The identity of no host at all: error() is `empty`.
    constexpr reference_identity() noexcept = default;
    explicit constexpr reference_identity(std::string_view host) noexcept : error_(assign(host)) {}

    /// error tells what is wrong with the name. With an error, the name is empty and matches
    /// nothing.
    constexpr host_name_error error() const noexcept { return error_; }
    explicit constexpr operator bool() const noexcept { return error_ == host_name_error::none; }

    constexpr bool is_ip() const noexcept { return address_.size != 0; }
    /// address is the IP address in network order; size 0 for a DNS name.
    constexpr const ip_address& address() const noexcept { return address_; }
    /// name is the text as given, without the trailing dot. Owned by this object.
    constexpr std::string_view name() const noexcept { return {text_.data(), size_}; }
    /// sni is the name to send in the handshake: empty for an IP address (RFC 6066 3) and for text
    /// that cannot be a host name.
    constexpr std::string_view sni() const noexcept {
        return plain_ && !is_ip() ? name() : std::string_view{};
    }
    /// matchable is false for text that no certificate can be for.
    constexpr bool matchable() const noexcept {
        return *this && (is_ip() || (plain_ && !ends_in_number_));
    }

private:
    static constexpr std::size_t longest = 253;

    constexpr host_name_error assign(std::string_view host) noexcept {
        using enum host_name_error;
        for (const char c : host) {
            if (c == '\0')
                return embedded_nul;
        }
        for (const char c : host) {
            if (static_cast<unsigned char>(c) > 0x7F)
                return not_ascii;
        }
        if (parse_ip(host, address_)) {
            copy(host);
            return none;
        }
        if (!host.empty() && host.front() == '.' && host.size() > 1)
            return leading_dot;
        if (!host.empty() && host.back() == '.')
            host.remove_suffix(1);
        if (host.empty())
            return empty;
        std::size_t label = 0;
        bool digits = true;
        bool plain = true;
        for (const char c : host) {
            if (c == '.') {
                if (label == 0)
                    return empty_label;
                label = 0;
                digits = true;
                continue;
            }
            if (++label > 63)
                return label_too_long;
            const bool digit = c >= '0' && c <= '9';
            const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
            digits = digits && digit;
            plain = plain && (digit || letter || c == '-' || c == '_');
        }
        if (label == 0)
            return empty_label;
        if (host.size() > longest)
            return too_long;
        plain_ = plain;
        ends_in_number_ = digits;
        copy(host);
        return none;
    }

    constexpr void copy(std::string_view host) noexcept {
        for (const char c : host)
            text_[size_++] = c;
    }

    std::array<char, longest> text_{};
    std::uint8_t size_ = 0;
    ip_address address_{};
    bool plain_ = false;
    // "1.2.3" is an address to some programs; a name of the DNS never ends so.
    bool ends_in_number_ = false;
    host_name_error error_ = host_name_error::empty;
};

/// dns_name_matches compares one name out of a certificate with a host name that has no trailing
/// dot. Letters' case does not count. A wildcard counts only as the whole leftmost label, followed
/// by at least two labels, and stands for one label of letters, digits and hyphens.
constexpr bool dns_name_matches(std::string_view pattern, std::string_view host) noexcept {
    const auto lower = [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    };
    const auto same = [lower](std::string_view a, std::string_view b) {
        if (a.size() != b.size())
            return false;
        for (std::size_t i = 0; i < a.size(); ++i) {
            if (lower(a[i]) != lower(b[i]))
                return false;
        }
        return true;
    };
    if (pattern.find('*') == std::string_view::npos)
        return same(pattern, host);

    if (pattern.substr(0, 2) != "*.")
        return false;
    const std::string_view tail = pattern.substr(1);
    std::size_t label = 0;
    std::size_t dots = 0;
    char before = '.';
    for (const char c : tail.substr(1)) {
        const bool plain = (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9');
        if (c == '.') {
            if (label == 0 || before == '-')
                return false;
            label = 0;
            ++dots;
        } else {
            if (!plain && !(c == '-' && label != 0))
                return false;
            ++label;
        }
        before = c;
    }
    if (dots == 0 || label == 0 || before == '-')
        return false;

    const std::size_t dot = host.find('.');
    if (dot == 0 || dot == std::string_view::npos || !same(host.substr(dot), tail))
        return false;
    for (const char c : host.substr(0, dot)) {
        const bool plain = (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9');
        if (!plain && c != '-')
            return false;
    }
    return true;
}

namespace detail {

inline std::string_view as_text(bytes content) noexcept {
    return {reinterpret_cast<const char*>(content.data()), content.size()};
}

inline bool common_name_matches(const certificate_view& certificate,
                                const reference_identity& host) noexcept {
    name_reader in(certificate.subject());
    attribute part;
    while (in.next(part)) {
        if (!equal(part.type, oids::common_name) || !is_text(part.value.tag))
            continue;
        std::array<char, 253> buffer{};
        std::size_t size = 0;
        characters text(part.value.tag, part.value.content);
        std::int32_t c = text.next();
        for (; c > 0 && c < 0x80 && size < buffer.size(); c = text.next()) {
            buffer[size++] = static_cast<char>(c);
        }
        if (c == characters::end && dns_name_matches({buffer.data(), size}, host.name())) {
            return true;
        }
    }
    return false;
}

} // namespace detail

/// match tells whether a certificate is for a host: verify_code::ok, hostname_mismatch or
/// ip_address_mismatch. An IP address is looked for in IP entries of the subject alternative name
/// only, a DNS name in DNS entries only. With `check_common_name`, a DNS name is also looked for in
/// the subject's common names, if there is neither a DNS nor an IP entry. Allocates nothing.
inline verify_code match(const certificate_view& certificate, const reference_identity& host,
                         bool check_common_name) noexcept {
    const verify_code mismatch =
        host.is_ip() ? verify_code::ip_address_mismatch : verify_code::hostname_mismatch;
    if (!host.matchable())
        return mismatch;
    bool identified = false;
    bool matched = false;
    if (certificate.has(extension_kind::subject_alt_name)) {
        general_names names = certificate.subject_alt_names();
        general_name entry;
        while (names.next(entry)) {
            const bool ip = entry.type == general_name_type::ip_address;
            if (!ip && entry.type != general_name_type::dns_name)
                continue;
            identified = true;
            if (matched || ip != host.is_ip())
                continue;
            matched = ip ? equal(entry.content, host.address().data())
                         : dns_name_matches(detail::as_text(entry.content), host.name());
        }
        // Nothing in a malformed list counts, nor what would count if there were no list.
        if (!names.complete())
            return mismatch;
    }
    if (check_common_name && !identified && !host.is_ip()) {
        matched = detail::common_name_matches(certificate, host);
    }
    return matched ? verify_code::ok : mismatch;
}

} // namespace x509
} // namespace v0
} // namespace tlsxx
