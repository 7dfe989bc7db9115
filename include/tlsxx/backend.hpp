// SPDX-License-Identifier: BSL-1.0
#pragma once

// The seam: what an engine must offer to be a template argument of basic_context and basic_stream.
// A backend is a stateless struct of static functions and two types of its own:
//   configuration  the engine's settings and what it has parsed; movable, owning, null when made by
//                  default. It is changed only while no connection uses it, and shared by many
//                  threads afterwards.
//   connection     one TLS connection; movable, owning, null when made by default. Its engine
//                  objects never move. It is a state machine that never waits.
// Each promise is a concept of its own; `backend` is their conjunction. docs/architecture.md says
// how the parts work together.

#include <concepts>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tlsxx/connection_info.hpp>
#include <tlsxx/constants.hpp>
#include <tlsxx/detail/wire.hpp>
#include <tlsxx/error_info.hpp>
#include <tlsxx/settings.hpp>
#include <tlsxx/verification.hpp>

namespace tlsxx {
inline namespace v0 {

/// byte_view is a span of bytes that somebody else owns.
using byte_view = std::span<const std::byte>;

/// private_key_source is a private key as it was found: one PEM block with its header lines, or
/// DER (PKCS #8, PKCS #1, SEC 1), and the password if it is encrypted. Valid for the call.
struct private_key_source {
    byte_view bytes;
    bool pem = false;
    std::string_view password;
};

/// capability_set says what a backend can do beyond what every backend must. Each flag is true
/// exactly if the concept `supports_` plus its name holds, which `backend` checks.
struct capability_set {
    bool alert_details = false; ///< the number of a fatal alert received is known
};

// clang-format off: version 14 does not know compound requirements
/// names_its_engine: `B::name` is the engine's name; `B::engine_version()` is the version of the
/// library that the program runs with.
template <class B>
concept names_its_engine = requires {
    { B::name } -> std::convertible_to<std::string_view>;
    { B::engine_version() } -> std::same_as<std::string>;
};

/// has_configuration and has_connection: the two types own what they hold, move, and tell by
/// conversion to bool that they are not null.
template <class B>
concept has_configuration = std::movable<typename B::configuration> &&
                            std::default_initializable<typename B::configuration> &&
                            std::constructible_from<bool, const typename B::configuration&>;
template <class B>
concept has_connection = std::movable<typename B::connection> &&
                         std::default_initializable<typename B::connection> &&
                         std::constructible_from<bool, const typename B::connection&>;

/// makes_configurations: `configure` makes one from settings; `share` makes another one under other
/// settings that holds the same certificates, keys and anchors by reference. Null on failure, which
/// the error_info then describes.
template <class B>
concept makes_configurations =
    requires(const typename B::configuration& c, const settings& s, error_info& error) {
        { B::configure(s, error) } -> std::same_as<typename B::configuration>;
        { B::share(c, s, error) } -> std::same_as<typename B::configuration>;
    };

/// applies_settings: `apply` puts settings into a configuration that no connection uses; false
/// if it can't, and then nothing has changed.
template <class B>
concept applies_settings =
    requires(typename B::configuration& c, const settings& s, error_info& error) {
        { B::apply(c, s, error) } -> std::same_as<bool>;
    };

/// knows_its_versions: `has_version` is true if the engine as built speaks this version.
template <class B>
concept knows_its_versions = requires(tls_version v) {
    { B::has_version(v) } noexcept -> std::same_as<bool>;
};

/// loads_identities: `add_identity` parses a certificate chain (DER, leaf first) and its key,
/// checks that they belong together, and adds them; false if it can't,
/// and then nothing has changed.
template <class B>
concept loads_identities = requires(typename B::configuration& c,
                                    const typename B::configuration& in_force,
                                    const std::vector<byte_view>& chain,
                                    const private_key_source& key, error_info& error) {
    { B::add_identity(c, chain, key, error) } -> std::same_as<bool>;
    { B::has_identity(in_force) } noexcept -> std::same_as<bool>;
};

/// loads_trust_anchors: `add_anchor` takes one certificate (DER) into a batch that is not yet part
/// of the configuration; `commit_anchors` makes the batch part of it, all or nothing. A certificate
/// that is already there is taken as it is. `anchor_count` counts those in force.
template <class B>
concept loads_trust_anchors = requires(typename B::configuration& c,
                                       const typename B::configuration& in_force,
                                       typename B::anchor_batch& batch, byte_view der,
                                       error_info& error) {
    requires std::default_initializable<typename B::anchor_batch>;
    { B::add_anchor(batch, der, error) } -> std::same_as<bool>;
    { B::commit_anchors(c, batch, error) } -> std::same_as<bool>;
    { B::anchor_count(in_force) } noexcept -> std::same_as<std::size_t>;
};

/// makes_connections: `connect` makes one connection under a configuration that outlives it.
/// Nothing is sent. Null on failure.
template <class B>
concept makes_connections =
    requires(const typename B::configuration& c, const settings& s, const connection_options& o,
             error_info& error) {
        { B::connect(c, s, o, error) } -> std::same_as<typename B::connection>;
        { B::reads_ahead(o) } noexcept -> std::same_as<bool>;
    };

/// handshakes: goes on with the handshake as far as the transport lets it.
template <class B>
concept handshakes = requires(typename B::connection& c, bound_transport& t) {
    { B::handshake(c, t) } noexcept -> std::same_as<step>;
};

/// reads_and_writes: `read` gives decrypted bytes, at most one record's; `write` takes bytes, at
/// least one and at most one record's if it succeeds: `record_payload` of them if there are as many.
/// It never blocks on output, since the bound transport takes all of it, but may want input in the
/// middle of a message after the handshake. Neither is called with an empty span or before the
/// handshake is done.
template <class B>
concept reads_and_writes = requires(typename B::connection& c, bound_transport& t,
                                    std::span<std::byte> in, byte_view out) {
    { B::read(c, t, in) } noexcept -> std::same_as<step>;
    { B::write(c, t, out) } noexcept -> std::same_as<step>;
    { B::record_payload } -> std::convertible_to<std::size_t>;
};

/// closes: `close_notify` sends the alert (RFC 8446 6.1), once.
template <class B>
concept closes = requires(typename B::connection& c, bound_transport& t) {
    { B::close_notify(c, t) } noexcept -> std::same_as<step>;
};

/// reports_pending: `pending` counts decrypted bytes that the next read returns without the
/// transport; `has_pending` is false only if the next read needs the transport.
template <class B>
concept reports_pending = requires(const typename B::connection& c) {
    { B::pending(c) } noexcept -> std::same_as<std::size_t>;
    { B::has_pending(c) } noexcept -> std::same_as<bool>;
};

/// reports_failures: after want::failed `describe_failure` gives code, library, reason and alert,
/// without allocating; `verdict` gives the reasons against the peer's certificate, null if there
/// are none.
template <class B>
concept reports_failures = requires(const typename B::connection& c, error_info& error) {
    { B::describe_failure(c, error) } noexcept -> std::same_as<void>;
    { B::verdict(c) } noexcept -> std::same_as<const verification*>;
};

/// describes_connections: what the handshake has settled. `peer_chain` is the peer's certificates
/// as sent, its own first; empty if it sent none. `server_name` is what the client asked for by
/// SNI.
template <class B>
concept describes_connections = requires(const typename B::connection& c) {
    { B::version(c) } noexcept -> std::same_as<tls_version>;
    { B::cipher(c) } noexcept -> std::same_as<cipher_info>;
    { B::peer_chain(c) } -> std::same_as<std::vector<certificate>>;
    { B::server_name(c) } -> std::same_as<std::string>;
};

/// exposes_native_handles: `native_handle` is the engine's own object, null for a null connection.
template <class B>
concept exposes_native_handles =
    requires(const typename B::connection& c, const typename B::configuration& configuration) {
        { B::native_handle(c) } noexcept;
        { B::native_handle(configuration) } noexcept;
    };

/// supports_alert_details: the engine tells the number of an alert that it received.
template <class B>
concept supports_alert_details = requires(const typename B::connection& c) {
    { B::received_alert(c) } noexcept -> std::same_as<std::optional<alert_description>>;
};

/// declares_capabilities: `B::capabilities` claims what the backend does and hides nothing.
template <class B>
concept declares_capabilities = requires {
    { B::capabilities } -> std::convertible_to<const capability_set&>;
} && (B::capabilities.alert_details == supports_alert_details<B>);

/// backend is the conjunction of what every engine must offer.
template <class B>
concept backend =
    names_its_engine<B> && has_configuration<B> && has_connection<B> && makes_configurations<B> &&
    applies_settings<B> && knows_its_versions<B> && loads_identities<B> &&
    loads_trust_anchors<B> && makes_connections<B> && handshakes<B> && reads_and_writes<B> &&
    closes<B> && reports_pending<B> && reports_failures<B> && describes_connections<B> &&
    exposes_native_handles<B> && declares_capabilities<B>;

// clang-format on

} // namespace v0
} // namespace tlsxx
