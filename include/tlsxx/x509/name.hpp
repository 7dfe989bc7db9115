// SPDX-License-Identifier: BSL-1.0
#pragma once

// Distinguished names (RFC 5280 4.1.2.4): walking and comparing them. A name is handled as the
// bytes of its SEQUENCE, header included, as it stands in the certificate.

#include <cstddef>
#include <cstdint>

#include <tlsxx/x509/der.hpp>
#include <tlsxx/x509/directory_string.hpp>

namespace tlsxx {
inline namespace v0 {
namespace x509 {

/// attribute is one type and value of a name.
struct attribute {
    bytes type;         ///< content of the OID
    der::element value; ///< mostly a string of one of several types
};

/// read_attribute takes one AttributeTypeAndValue out of a relative name.
inline bool read_attribute(der::reader& relative_name, attribute& out) noexcept {
    bytes pair;
    if (!relative_name.next(der::tag::sequence, pair))
        return false;
    der::reader in(pair);
    return in.next(der::tag::oid, out.type) && der::is_oid(out.type) && in.next(out.value) &&
           in.at_end();
}

/// name_reader gives the attributes of a name in the order of the encoding, as if each relative
/// name were flat.
class name_reader {
public:
    /// `name` is the whole SEQUENCE.
    explicit name_reader(bytes name) noexcept : names_(bytes{}), attributes_(bytes{}) {
        bytes content;
        malformed_ = !der::single(name, der::tag::sequence, content);
        names_ = der::reader(content);
    }

    /// next gives one attribute; false after the last and where the name is malformed.
    bool next(attribute& out) noexcept {
        while (attributes_.at_end()) {
            bytes relative;
            if (!names_.more() || !names_.next(der::tag::set, relative))
                return false;
            attributes_ = der::reader(relative);
        }
        malformed_ = malformed_ || !read_attribute(attributes_, out);
        return !malformed_;
    }
    /// complete is true once `next` gave false because there was nothing left.
    bool complete() const noexcept {
        return !malformed_ && names_.at_end() && attributes_.at_end();
    }

private:
    der::reader names_;
    der::reader attributes_;
    bool malformed_ = false;
};

/// is_name tells whether these bytes are one well-formed name and nothing else.
inline bool is_name(bytes name) noexcept {
    name_reader in(name);
    attribute ignored;
    while (in.next(ignored)) {
    }
    return in.complete();
}

/// name_empty is true for a name without any relative name.
inline bool name_empty(bytes name) noexcept {
    bytes inner;
    return der::single(name, der::tag::sequence, inner) && inner.empty();
}

/// relative_names_equal compares the contents of two SETs of attributes, in any order.
inline bool relative_names_equal(bytes a, bytes b) noexcept {
    // More attributes than this in one relative name are compared as bytes only, so that the work
    // grows with the size of the name and not with its square.
    constexpr std::size_t most = 16;
    if (equal(a, b))
        return true;
    attribute right[most];
    std::size_t count = 0;
    for (der::reader in(b); !in.at_end(); ++count) {
        if (count == most || !read_attribute(in, right[count]))
            return false;
    }
    std::uint32_t used = 0;
    std::size_t matched = 0;
    for (der::reader in(a); !in.at_end(); ++matched) {
        attribute left;
        if (matched == count || !read_attribute(in, left))
            return false;
        std::size_t i = 0;
        for (; i < count; ++i) {
            if ((used >> i & 1U) == 0 && equal(left.type, right[i].type) &&
                text_equal(left.value.tag, left.value.content, right[i].value.tag,
                           right[i].value.content)) {
                break;
            }
        }
        if (i == count)
            return false;
        used |= 1U << i;
    }
    return matched == count;
}

/// names_equal compares two names in their normal form: case and runs of space do not count, nor
/// does the string type, nor the order inside a relative name. A malformed name equals none but
/// its own bytes.
inline bool names_equal(bytes a, bytes b) noexcept {
    if (equal(a, b))
        return true;
    bytes left_content;
    bytes right_content;
    if (!der::single(a, der::tag::sequence, left_content) ||
        !der::single(b, der::tag::sequence, right_content)) {
        return false;
    }
    der::reader left(left_content);
    der::reader right(right_content);
    while (left.more() && right.more()) {
        bytes x;
        bytes y;
        if (!left.next(der::tag::set, x) || !right.next(der::tag::set, y))
            return false;
        if (!relative_names_equal(x, y))
            return false;
    }
    return left.at_end() && right.at_end();
}

} // namespace x509
} // namespace v0
} // namespace tlsxx
