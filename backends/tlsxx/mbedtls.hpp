// SPDX-License-Identifier: BSL-1.0
#pragma once

// The backend on Mbed TLS 3.6 (3.6.4 and newer).

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tlsxx/backend.hpp>
#include <tlsxx/context.hpp>
#include <tlsxx/mbedtls/anchors.hpp>
#include <tlsxx/mbedtls/configuration.hpp>
#include <tlsxx/mbedtls/connection.hpp>
#include <tlsxx/mbedtls/engine.hpp>
#include <tlsxx/stream.hpp>
#include <tlsxx/suites.hpp>

namespace tlsxx {
inline namespace v0 {
namespace mbedtls {

/// backend is the template argument that chooses Mbed TLS. Its functions are what the concepts of
/// backend.hpp ask for; programs use the aliases below.
struct backend {
    using configuration = mbedtls::configuration;
    using connection = mbedtls::connection;
    using anchor_batch = mbedtls::anchor_batch;

    static constexpr std::string_view name = "Mbed TLS";
    static constexpr capability_set capabilities{.alert_details = false};
    /// engine_version is the version of the library that the program runs with: "3.6.7".
    /// Engines: Mbed TLS mbedtls_version_get_number.
    static std::string engine_version() { return mbedtls::engine_version(); }

    static constexpr bool has_version(tls_version version) noexcept {
        return detail::is_supported(version);
    }

    /// Engines: Mbed TLS mbedtls_ssl_config_defaults.
    static configuration configure(const settings& s, error_info& error) {
        return make({s, std::make_shared<const detail::anchor_store>(), {}}, error);
    }
    static configuration share(const configuration& from, const settings& s, error_info& error) {
        detail::ingredients parts = from.body_->made_from;
        parts.settings = s;
        return make(std::move(parts), error);
    }
    static bool apply(configuration& c, const settings& s, error_info& error) {
        return replace(c, share(c, s, error));
    }

    /// Engines: Mbed TLS mbedtls_pk_parse_key, mbedtls_ssl_conf_own_cert. A second identity of the
    /// same type of key takes the place of the first.
    static bool add_identity(configuration& c, const std::vector<byte_view>& chain,
                             const private_key_source& key, error_info& error) {
        auto added = detail::make_identity(chain, key, error);
        if (!added)
            return false;
        detail::ingredients parts = c.body_->made_from;
        std::erase_if(parts.identities, [&](const detail::shared_identity& old) {
            return detail::same_kind(*old, *added);
        });
        parts.identities.push_back(std::move(added));
        return replace(c, make(std::move(parts), error));
    }
    static bool has_identity(const configuration& c) noexcept {
        return !c.body_->made_from.identities.empty();
    }

    /// Engines: Mbed TLS mbedtls_x509_crt_parse_der_with_ext_cb.
    static bool add_anchor(anchor_batch& batch, byte_view der, error_info& error) {
        return batch.add(der, error);
    }
    /// Engines: Mbed TLS mbedtls_ssl_conf_ca_chain.
    static bool commit_anchors(configuration& c, anchor_batch& batch, error_info& error) {
        detail::ingredients parts = c.body_->made_from;
        parts.anchors = detail::extended(*parts.anchors, batch.anchors_, error);
        return parts.anchors && replace(c, make(std::move(parts), error));
    }
    static std::size_t anchor_count(const configuration& c) noexcept {
        return c.body_->made_from.anchors->size();
    }

    /// Engines: Mbed TLS mbedtls_ssl_setup.
    static connection connect(const configuration& c, const settings& s,
                              const connection_options& options, error_info& error);
    /// reads_ahead: the over-read spill does it; the engine asks for a header and then for the
    /// rest.
    static constexpr bool reads_ahead(const connection_options&) noexcept { return true; }

    /// record_payload: under TLS 1.3 the content type takes a byte of the engine's buffer.
    static constexpr std::size_t record_payload = MBEDTLS_SSL_OUT_CONTENT_LEN - 1;
    /// Engines: Mbed TLS mbedtls_ssl_handshake_step, mbedtls_ssl_read, mbedtls_ssl_write,
    /// mbedtls_ssl_close_notify.
    static step handshake(connection& c, bound_transport& bound) noexcept;
    static step read(connection& c, bound_transport& bound, std::span<std::byte> buffer) noexcept;
    static step write(connection& c, bound_transport& bound, byte_view data) noexcept;
    static step close_notify(connection& c, bound_transport& bound) noexcept;

    /// Engines: Mbed TLS mbedtls_ssl_get_bytes_avail, mbedtls_ssl_check_pending.
    static std::size_t pending(const connection& c) noexcept {
        return ::mbedtls_ssl_get_bytes_avail(c.body_->ssl.get());
    }
    static bool has_pending(const connection& c) noexcept {
        return ::mbedtls_ssl_check_pending(c.body_->ssl.get()) != 0;
    }

    static void describe_failure(const connection& c, error_info& error) noexcept;
    static const verification* verdict(const connection& c) noexcept {
        return c.body_->verdict ? nullptr : &c.body_->verdict;
    }

    /// Engines: Mbed TLS mbedtls_ssl_get_version_number, mbedtls_ssl_get_ciphersuite_id_from_ssl,
    /// mbedtls_ssl_get_peer_cert, mbedtls_ssl_get_hs_sni.
    static tls_version version(const connection& c) noexcept {
        return static_cast<tls_version>(::mbedtls_ssl_get_version_number(c.body_->ssl.get()));
    }
    static cipher_info cipher(const connection& c) noexcept;
    static std::vector<certificate> peer_chain(const connection& c);
    static std::string server_name(const connection& c) {
        return std::string{c.body_->server_name.view()};
    }

    /// native_handle gives the engine's structures, to look at.
    static const ::mbedtls_ssl_context* native_handle(const connection& c) noexcept {
        return c.body_ ? c.body_->ssl.get() : nullptr;
    }
    /// That of a context is the configuration of its servers, or of its clients if it has none.
    static const ::mbedtls_ssl_config* native_handle(const configuration& c) noexcept {
        if (!c.body_)
            return nullptr;
        const bool clients = c.body_->made_from.settings.protocol == protocol::tls_client;
        return clients ? c.body_->client.get() : c.body_->server.get();
    }

private:
    static configuration make(detail::ingredients parts, error_info& error) {
        configuration made;
        made.body_ = detail::make_configuration(std::move(parts), error);
        return made;
    }
    static bool replace(configuration& c, configuration made) noexcept {
        if (!made)
            return false;
        c = std::move(made);
        return true;
    }
};

inline connection backend::connect(const configuration& c, const settings& s,
                                   const connection_options& options, error_info& error) {
    connection made;
    if (detail::lowest(s) > detail::highest(s)) {
        error = error_info{errc::invalid_version_range};
        return made;
    }
    auto body = std::make_unique<detail::connection_body>();
    detail::set_rules(*body, *c.body_, s, options);
    if (const int result = detail::set_up(*body, *c.body_, options); result != 0)
        detail::fail(error, errc::engine_failure, result, "mbedtls_ssl_setup");
    else
        made.body_ = std::move(body);
    return made;
}

inline step backend::handshake(connection& c, bound_transport& bound) noexcept {
    detail::connection_body& body = *c.body_;
    const detail::binding bind{body, bound};
    const detail::corked one_flight{bound};
    ::mbedtls_ssl_context* ssl = body.ssl.get();
    while (::mbedtls_ssl_is_handshake_over(ssl) == 0) {
        int code = ::mbedtls_ssl_handshake_step(ssl);
        if (code == MBEDTLS_ERR_SSL_WANT_READ && bound.read_blocked())
            return {0, want::read};
        if (code == 0 && !detail::speaks_tls_1_3(body))
            code = detail::check_client(body);
        if (code != 0 && !detail::goes_on(code))
            return detail::stop(body, bound, code);
    }
    if (const int code = detail::check_client(body); code != 0)
        return detail::end_with(body, code);
    if (!detail::may_go_on(body))
        return detail::end_with(body, MBEDTLS_ERR_SSL_BAD_CERTIFICATE);
    body.established = true;
    ::mbedtls_ssl_set_bio(body.ssl.get(), &body, detail::send_bytes, detail::receive_bytes,
                          nullptr);
    return {};
}

inline step backend::read(connection& c, bound_transport& bound,
                          std::span<std::byte> buffer) noexcept {
    detail::connection_body& body = *c.body_;
    const detail::binding bind{body, bound};
    auto* const into = reinterpret_cast<unsigned char*>(buffer.data());
    const int code = ::mbedtls_ssl_read(body.ssl.get(), into, buffer.size());
    return code > 0 ? step{static_cast<std::size_t>(code), want::nothing}
                    : detail::read_on(body, bound, buffer, code);
}

inline step backend::write(connection& c, bound_transport& bound, byte_view data) noexcept {
    detail::connection_body& body = *c.body_;
    const detail::binding bind{body, bound};
    const int code = ::mbedtls_ssl_write(body.ssl.get(), detail::as_uchar(data), data.size());
    return code > 0 ? step{static_cast<std::size_t>(code), want::nothing}
                    : detail::write_on(body, bound, data, code);
}

inline step backend::close_notify(connection& c, bound_transport& bound) noexcept {
    detail::connection_body& body = *c.body_;
    const detail::binding bind{body, bound};
    const int code = ::mbedtls_ssl_close_notify(body.ssl.get());
    return code == 0 ? step{} : detail::end_with(body, code);
}

inline void backend::describe_failure(const connection& c, error_info& error) noexcept {
    const detail::connection_body& body = *c.body_;
    const errc code = detail::reason_for(body);
    error = error_info{code};
    if (code == errc::verification_failed) {
        // Our callback can stop the engine with one code only: say what it stands for.
        const int native = detail::refuses_certificate(body.failure)
                               ? body.failure
                               : MBEDTLS_ERR_X509_CERT_VERIFY_FAILED;
        const error_name names = names_of(native).main;
        error.set_engine(names.library, names.reason, native);
    } else {
        if (body.failure == MBEDTLS_ERR_SSL_BAD_INPUT_DATA && code != errc::protocol_error)
            error << "Mbed TLS takes no handshake message above 16 KiB";
        else if (code == errc::post_handshake_message)
            error << "Mbed TLS has no KeyUpdate, the usual message of this kind";
        detail::name_code(error, body.failure);
    }
    if (const auto alert = body.received.alert(); alert && code == errc::alert_received)
        error.set_alert_received(*alert);
    if (const auto alert = body.alert_sent ? body.alert_sent : body.sent.alert())
        error.set_alert_sent(*alert);
}

inline cipher_info backend::cipher(const connection& c) noexcept {
    const int id = ::mbedtls_ssl_get_ciphersuite_id_from_ssl(c.body_->ssl.get());
    if (const cipher_info* known = find_suite(static_cast<std::uint16_t>(id)))
        return *known;
    const char* engine_name = ::mbedtls_ssl_get_ciphersuite(c.body_->ssl.get());
    return {engine_name != nullptr ? engine_name : "", to_string(version(c)), 0,
            static_cast<std::uint16_t>(id)};
}

inline std::vector<certificate> backend::peer_chain(const connection& c) {
    std::vector<certificate> chain;
    for (const auto* at = ::mbedtls_ssl_get_peer_cert(c.body_->ssl.get()); at != nullptr;
         at = at->next)
        if (at->raw.len != 0)
            chain.emplace_back(detail::der_of(*at));
    return chain;
}

static_assert(tlsxx::backend<backend>);

/// context is the settings of many connections, on Mbed TLS.
using context = basic_context<backend>;
/// stream is one connection over a `Transport`, or over one that it refers to (`Transport&`).
template <class Transport>
using stream = basic_stream<backend, Transport>;
/// listener is a TLS server over a `Listener` such as socket_listener: see listener.hpp.
template <class Listener>
using listener = basic_listener<backend, Listener>;
/// certificate is the same on every engine.
using certificate = tlsxx::certificate;

/// create_default_context is tlsxx::create_default_context on Mbed TLS.
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

} // namespace mbedtls
} // namespace v0
} // namespace tlsxx
