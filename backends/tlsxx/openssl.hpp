// SPDX-License-Identifier: BSL-1.0
#pragma once

// OpenSSL as an engine: tlsxx::openssl::backend, and the names that a program uses.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <tlsxx/backend.hpp>
#include <tlsxx/context.hpp>
#include <tlsxx/stream.hpp>
#include <tlsxx/suites.hpp>
#include <tlsxx/trust.hpp>

#include <tlsxx/openssl/configuration.hpp>
#include <tlsxx/openssl/connection.hpp>
#include <tlsxx/openssl/engine.hpp>
#include <tlsxx/openssl/error_queue.hpp>

namespace tlsxx {
inline namespace v0 {
namespace openssl {

/// backend makes OpenSSL (3.0 and newer) an engine of the library. Its functions are the promises
/// of tlsxx/backend.hpp; programs use the aliases below instead.
struct backend {
    using configuration = openssl::configuration;
    using connection = openssl::connection;
    using anchor_batch = openssl::anchor_batch;

    static constexpr std::string_view name = "OpenSSL";
    static constexpr capability_set capabilities{.alert_details = true};

    /// engine_version is the linked library's, "3.0.19".
    /// Engines: OpenSSL OpenSSL_version.
    static std::string engine_version() { return ::OpenSSL_version(OPENSSL_VERSION_STRING); }

    /// has_version tells what the linked library was built with; the versions before TLS 1.2 need
    /// security level 0 beyond that.
    static bool has_version(tls_version v) noexcept { return detail::is_built_with(v); }

    /// Engines: OpenSSL SSL_CTX_new.
    static configuration configure(const settings& s, error_info& error) {
        const detail::own_error_queue queue;
        auto anchors = std::make_shared<detail::anchor_set>();
        if (!anchors->make_store()) {
            detail::report(errc::engine_failure, detail::take_reason(), error);
            return {};
        }
        configuration made;
        made.anchors = std::move(anchors);
        made.context = detail::make_context(s, *made.anchors, made.identities, error);
        return made;
    }

    static configuration share(const configuration& from, const settings& s, error_info& error) {
        const detail::own_error_queue queue;
        configuration made;
        made.anchors = from.anchors;
        made.identities.reserve(from.identities.size());
        for (const auto& id : from.identities)
            made.identities.push_back(id.share());
        made.context = detail::make_context(s, *made.anchors, made.identities, error);
        return made;
    }

    static bool apply(configuration& c, const settings& s, error_info& error) {
        const detail::own_error_queue queue;
        auto context = detail::make_context(s, *c.anchors, c.identities, error);
        if (!context)
            return false;
        c.context = std::move(context);
        return true;
    }

    /// Engines: OpenSSL SSL_CTX_use_cert_and_key. A second identity of the same type of key takes
    /// the place of the first.
    static bool add_identity(configuration& c, const std::vector<byte_view>& chain,
                             const private_key_source& key, error_info& error) {
        const detail::own_error_queue queue;
        detail::identity added;
        if (!detail::parse_identity(chain, key, added, error))
            return false;
        c.identities.reserve(c.identities.size() + 1);
        if (!detail::use_identity(c.context.get(), added, error))
            return false;
        for (auto& id : c.identities) {
            if (id.has_key_type_of(added)) {
                id = std::move(added);
                return true;
            }
        }
        c.identities.push_back(std::move(added));
        return true;
    }
    static bool has_identity(const configuration& c) noexcept { return !c.identities.empty(); }

    /// Engines: OpenSSL d2i_X509.
    static bool add_anchor(anchor_batch& batch, byte_view der, error_info& error) {
        const detail::own_error_queue queue;
        auto x = detail::parse_certificate(der, error);
        if (!x)
            return false;
        batch.certificates.push_back(std::move(x));
        return true;
    }

    /// Engines: OpenSSL X509_STORE_add_cert.
    static bool commit_anchors(configuration& c, anchor_batch& batch, error_info& error) {
        const detail::own_error_queue queue;
        auto merged = std::make_shared<detail::anchor_set>();
        merged->certificates.reserve(c.anchors->certificates.size() + batch.certificates.size());
        for (const auto& x : c.anchors->certificates)
            merged->certificates.push_back(detail::share(x));
        for (const auto& x : batch.certificates)
            merged->insert(detail::share(x));
        if (!merged->make_store())
            return detail::report(errc::not_enough_memory, detail::take_reason(), error);
        ::X509_STORE_up_ref(merged->store.get());
        ::SSL_CTX_set_cert_store(c.context.get(), merged->store.get());
        c.anchors = std::move(merged);
        batch.certificates.clear();
        return true;
    }
    static std::size_t anchor_count(const configuration& c) noexcept {
        return c.anchors ? c.anchors->certificates.size() : 0;
    }

    /// Engines: OpenSSL SSL_new.
    static connection connect(const configuration& c, const settings& s,
                              const connection_options& o, error_info& error) {
        if (!detail::check_options(s, o, error))
            return {};
        const detail::own_error_queue queue;
        auto body = std::make_unique<detail::connection_body>();
        detail::set_rules(*body, s, o);
        if (!detail::set_up(*body, c, s, o, error))
            return {};
        return connection{std::move(body)};
    }
    /// reads_ahead: OpenSSL's own read-ahead can't be got back after close_notify.
    static bool reads_ahead(const connection_options& o) noexcept { return o.unwrappable; }

    /// Engines: OpenSSL SSL_do_handshake.
    static step handshake(connection& c, bound_transport& t) noexcept {
        return detail::handshake(c.body(), t);
    }
    /// Engines: OpenSSL SSL_read_ex.
    static step read(connection& c, bound_transport& t, std::span<std::byte> in) noexcept {
        return detail::read(c.body(), t, in);
    }
    static constexpr std::size_t record_payload = SSL3_RT_MAX_PLAIN_LENGTH;
    /// Engines: OpenSSL SSL_write_ex.
    static step write(connection& c, bound_transport& t, byte_view out) noexcept {
        return detail::write(c.body(), t, out);
    }
    /// Engines: OpenSSL SSL_shutdown.
    static step close_notify(connection& c, bound_transport& t) noexcept {
        return detail::close_notify(c.body(), t);
    }

    static std::size_t pending(const connection& c) noexcept {
        const int n = ::SSL_pending(c.ssl());
        return n > 0 ? static_cast<std::size_t>(n) : 0;
    }
    static bool has_pending(const connection& c) noexcept {
        return ::SSL_has_pending(c.ssl()) != 0;
    }

    static void describe_failure(const connection& c, error_info& error) noexcept {
        const auto& body = c.body();
        error.set_code(body.failure);
        detail::describe(body.reason, error);
        if (body.alert_received)
            error.set_alert_received(*body.alert_received);
        if (body.alert_sent)
            error.set_alert_sent(*body.alert_sent);
    }
    static const verification* verdict(const connection& c) noexcept {
        return c.body().verdict.get();
    }
    static std::optional<alert_description> received_alert(const connection& c) noexcept {
        return c.body().alert_received;
    }

    /// Engines: OpenSSL SSL_version.
    static tls_version version(const connection& c) noexcept {
        return static_cast<tls_version>(::SSL_version(c.ssl()));
    }
    /// Engines: OpenSSL SSL_get_current_cipher.
    static cipher_info cipher(const connection& c) noexcept {
        const auto* const found = ::SSL_get_current_cipher(c.ssl());
        if (!found)
            return {};
        const auto id = ::SSL_CIPHER_get_protocol_id(found);
        if (const cipher_info* const known = find_suite(id))
            return *known;
        return {::SSL_CIPHER_get_name(found), ::SSL_CIPHER_get_version(found),
                ::SSL_CIPHER_get_bits(found, nullptr), id};
    }
    /// Engines: OpenSSL SSL_get_peer_cert_chain, SSL_get1_peer_certificate.
    static std::vector<certificate> peer_chain(const connection& c) {
        return detail::peer_chain(c.ssl());
    }
    /// Engines: OpenSSL SSL_get_servername.
    static std::string server_name(const connection& c) {
        const char* const sni = ::SSL_get_servername(c.ssl(), TLSEXT_NAMETYPE_host_name);
        return sni ? sni : std::string{};
    }

    /// native_handle is owned by the connection or configuration; null if that is null.
    static ::SSL* native_handle(const connection& c) noexcept { return c.ssl(); }
    static const ::SSL_CTX* native_handle(const configuration& c) noexcept {
        return c.context.get();
    }
};

static_assert(tlsxx::backend<backend>);

/// context is the settings of many connections, on OpenSSL.
using context = basic_context<backend>;
/// stream is one connection over a `Transport`, or over one that it refers to (`Transport&`).
template <class Transport>
using stream = basic_stream<backend, Transport>;
/// listener is a TLS server over a `Listener` such as socket_listener: see listener.hpp.
template <class Listener>
using listener = basic_listener<backend, Listener>;
/// certificate is the same on every engine.
using certificate = tlsxx::certificate;

/// create_default_context is tlsxx::create_default_context on OpenSSL.
inline context create_default_context(purpose whose, const trust& anchors, std::error_code& ec,
                                      error_info* error = nullptr) noexcept {
    return tlsxx::create_default_context<backend>(whose, anchors, ec, error);
}

#if defined(__cpp_exceptions)
inline context create_default_context(purpose whose = purpose::server_auth,
                                      const trust& anchors = {}) {
    return tlsxx::create_default_context<backend>(whose, anchors);
}
inline context create_default_context(const trust& anchors) {
    return tlsxx::create_default_context<backend>(anchors);
}
#endif

} // namespace openssl
} // namespace v0
} // namespace tlsxx
