// SPDX-License-Identifier: BSL-1.0
#pragma once

// GeneralName (RFC 5280 4.2.1.6), as in a subject alternative name.

#include <cstdint>

#include <tlsxx/x509/der.hpp>

namespace tlsxx {
inline namespace v0 {
namespace x509 {

/// general_name_type values are the tag numbers of RFC 5280.
enum class general_name_type : std::uint8_t {
    other_name = 0,
    rfc822_name = 1,
    dns_name = 2,
    x400_address = 3,
    directory_name = 4,
    edi_party_name = 5,
    uri = 6,
    ip_address = 7,
    registered_id = 8,
};

/// general_name is one name. `content` is the text or the octets of the simple types, and the
/// whole Name (header included) of a directory name.
struct general_name {
    general_name_type type = general_name_type::other_name;
    bytes content;
};

/// general_names walks over a GeneralNames value.
class general_names {
public:
    /// `value` is the whole SEQUENCE.
    explicit general_names(bytes value) noexcept : in_(bytes{}) {
        bytes content;
        malformed_ = !der::single(value, der::tag::sequence, content);
        in_ = der::reader(content);
    }

    /// next gives one name; false after the last and where the list is malformed.
    bool next(general_name& out) noexcept {
        der::element part;
        if (malformed_ || !in_.more())
            return false;
        malformed_ = true; // until this name has proved well-formed
        if (!in_.next(part) || (part.tag & 0xC0U) != 0x80U)
            return false;
        const unsigned number = part.tag & 0x1FU;
        const bool constructed = (part.tag & 0x20U) != 0;
        const bool must_be = number == 0 || number == 3 || number == 4 || number == 5;
        if (number > 8 || constructed != must_be)
            return false;
        out.type = static_cast<general_name_type>(number);
        out.content = part.content;
        malformed_ = false;
        return true;
    }
    /// complete is true once all names were read and nothing was wrong.
    bool complete() const noexcept { return !malformed_ && in_.at_end(); }

private:
    der::reader in_;
    bool malformed_ = false;
};

} // namespace x509
} // namespace v0
} // namespace tlsxx
