// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace tlsxx {
inline namespace v0 {

/// handshake_start says when the handshake is done: by `wrap` itself, or by the first call of
/// `handshake`, a read or a write.
enum class handshake_start : unsigned char { immediate, deferred };

/// deferred is short for handshake_start::deferred.
inline constexpr handshake_start deferred = handshake_start::deferred;

/// wrap_options are what one connection is told on top of its context. Views need to live only
/// during `wrap`.
struct wrap_options {
    /// server_hostname is the peer to be met: a DNS name in ASCII, or an IP address. A client sends
    /// it as SNI (never an address, RFC 6066 3) and matches it where check_hostname is on.
    std::string_view server_hostname{};
    /// handshake: `deferred` for transports that don't wait.
    handshake_start handshake = handshake_start::immediate;
    /// server_side chooses the role under protocol::tls; elsewhere the context's protocol does.
    bool server_side = false;
    /// suppress_ragged_eofs reads a missing close_notify as a clean end. It hides truncation.
    bool suppress_ragged_eofs = false;
    /// unwrappable lets `unwrap` give back every byte behind the peer's close_notify.
    bool unwrappable = false;
    /// initial_bytes were read from the transport before (a peeked ClientHello): the engine gets
    /// them first. At most 16 KiB.
    std::span<const std::byte> initial_bytes{};
};

} // namespace v0
} // namespace tlsxx
