// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <tlsxx/constants.hpp>

namespace tlsxx {
inline namespace v0 {

/// cipher_info is the negotiated cipher suite.
struct cipher_info {
    std::string_view name;     ///< OpenSSL's name on every engine; of static lifetime
    std::string_view protocol; ///< the version that defined it: "TLSv1.2" or "TLSv1.3"
    int secret_bits = 0;       ///< the strength of the key, in bits
    std::uint16_t id = 0;      ///< the IANA number
};

/// want is what a connection answers beside the bytes done: what stands in the way of more.
enum class want : std::uint8_t {
    nothing, ///< done
    read,    ///< the transport said would-block to a read in this call
    closed,  ///< the peer's close_notify has been read
    ended,   ///< the transport's byte stream ended without one
    failed,  ///< fatal; the connection can say why
};

/// step is the answer of one call into a connection.
struct step {
    std::size_t bytes = 0;
    want next = want::nothing;
};

} // namespace v0
} // namespace tlsxx
