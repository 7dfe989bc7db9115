// SPDX-License-Identifier: BSL-1.0
#pragma once

// The bodies of basic_context.

#include <string>
#include <vector>

#include <tlsxx/context.hpp>
#include <tlsxx/detail/guard.hpp>
#include <tlsxx/detail/load.hpp>
#include <tlsxx/x509/certificate_view.hpp>
#include <tlsxx/x509/host_name.hpp>
#include <tlsxx/x509/key_strength.hpp>

namespace tlsxx {
inline namespace v0 {
namespace detail {

// The lowest and the highest version that a pair of bounds lets through, on this engine.
template <backend B>
constexpr bool is_version_range(tls_version minimum, tls_version maximum) noexcept {
    const auto lowest = [](tls_version v) {
        return v == tls_version::minimum_supported   ? tls_version::ssl_3
               : v == tls_version::maximum_supported ? tls_version::tls_1_3
                                                     : v;
    };
    if (maximum == tls_version::maximum_supported)
        return true;
    if (maximum == tls_version::minimum_supported)
        return lowest(minimum) <= tls_version::tls_1_2;
    return lowest(minimum) <= maximum;
}

} // namespace detail

template <backend B>
basic_context<B>::basic_context(tlsxx::protocol protocol, std::error_code& ec) noexcept {
    ec.clear();
    settings_.protocol = protocol;
    if (protocol != tlsxx::protocol::tls_server) {
        settings_.verify_mode = tlsxx::verify_mode::required;
        settings_.check_hostname = true;
    }
    if (!detail::enough_memory_for([&] {
            if (auto made = B::configure(settings_, last_error_))
                box_ = detail::shared_box{std::move(made)};
        }))
        last_error_.set_code(errc::not_enough_memory);
    ec = last_error_.code();
}

// Runs `change(configuration, error) -> bool` on a configuration that no stream uses: the context's
// own while nobody shares it, a new one otherwise. False, with `ec` set, if nothing has changed.
template <backend B>
template <class Change>
bool basic_context<B>::change(Change&& change, std::error_code& ec) noexcept {
    ec.clear();
    last_error_ = {};
    if (!box_)
        return refuse(errc::invalid_argument, "the context is empty", ec), false;
    bool done = false;
    const bool enough = detail::enough_memory_for([&] {
        if (!box_.is_shared()) {
            done = change(box_.unshared(), last_error_);
        } else if (auto copy = B::share(*box_, settings_, last_error_)) {
            done = change(copy, last_error_);
            if (done)
                box_ = detail::shared_box{std::move(copy)};
        }
    });
    if (done && enough)
        return true;
    if (!enough)
        last_error_ = error_info{errc::not_enough_memory};
    else if (!last_error_)
        last_error_.set_code(errc::engine_failure);
    ec = last_error_.code();
    return false;
}

template <backend B>
void basic_context<B>::apply(const settings& next, std::error_code& ec) noexcept {
    if (change([&](auto& c, error_info& error) { return B::apply(c, next, error); }, ec))
        settings_ = next;
}

template <backend B>
void basic_context<B>::load_cert_chain(const cert_chain& source, std::error_code& ec) {
    ec.clear();
    detail::identity_material material;
    error_info error;
    // Outside `change`: the password may be the caller's own function.
    if (!detail::enough_memory_for([&] {
            if (detail::read_identity(source, material, error))
                detail::check_identity_strength(material, settings_.security_level, error);
        }))
        error = error_info{errc::not_enough_memory};
    if (!error && material.key_is_encrypted && !source.password.given())
        error = error_info{errc::password_required, material.key_place};
    if (error) {
        last_error_ = error;
        ec = error.code();
        return;
    }
    detail::secret secret;
    if (material.key_is_encrypted)
        secret.text = source.password.get();
    change(
        [&](auto& c, error_info& e) {
            const private_key_source key{
                std::as_bytes(std::span{material.key.text.data(), material.key.text.size()}),
                material.key_is_pem, secret.text};
            if (B::add_identity(c, material.chain_views(), key, e))
                return true;
            // What an engine lacks may be for the certificate or for the key.
            if (e.code() == errc::not_supported && material.key_place != material.chain_place)
                e.in(material.key_place);
            e.in(e.code() == errc::bad_certificate || e.code() == errc::not_supported
                     ? material.chain_place
                     : material.key_place);
            return false;
        },
        ec);
}

template <backend B>
void basic_context<B>::load_verify_locations(const trust& locations, std::error_code& ec) noexcept {
    if (!locations.given())
        return refuse(errc::invalid_argument, "cafile, capath and cadata are all empty", ec);
    change(
        [&](auto& c, error_info& error) {
            typename B::anchor_batch batch;
            const auto add = [&](byte_view der, error_info& e) {
                return B::add_anchor(batch, der, e);
            };
            return detail::read_trust(locations, add, error) && B::commit_anchors(c, batch, error);
        },
        ec);
}

template <backend B>
std::size_t basic_context<B>::load_default_certs(std::error_code& ec) noexcept {
    std::size_t skipped = 0;
    change(
        [&](auto& c, error_info& error) {
            typename B::anchor_batch batch;
            const std::size_t unreadable = detail::read_system_trust([&](byte_view der) {
                error_info unusable;
                if (!B::add_anchor(batch, der, unusable))
                    ++skipped;
            });
            skipped += unreadable;
            return B::commit_anchors(c, batch, error);
        },
        ec);
    return skipped;
}

template <backend B>
void basic_context<B>::set_verify_mode(tlsxx::verify_mode mode, std::error_code& ec) noexcept {
    if (mode == tlsxx::verify_mode::none && settings_.check_hostname)
        return refuse(errc::check_hostname_needs_verification, {}, ec);
    settings next = settings_;
    next.verify_mode = mode;
    next.verify_mode_given = true;
    apply(next, ec);
}

template <backend B>
void basic_context<B>::set_check_hostname(bool on, std::error_code& ec) noexcept {
    settings next = settings_;
    next.check_hostname = on;
    if (on && next.verify_mode == tlsxx::verify_mode::none)
        next.verify_mode = tlsxx::verify_mode::required;
    apply(next, ec);
}

template <backend B>
void basic_context<B>::set_hostname_checks_common_name(bool on, std::error_code& ec) noexcept {
    settings next = settings_;
    next.hostname_checks_common_name = on;
    apply(next, ec);
}

template <backend B>
void basic_context<B>::set_verify_flags(tlsxx::verify_flags flags, std::error_code& ec) noexcept {
    using enum tlsxx::verify_flags;
    if ((flags & (crl_check_chain | x509_strict | allow_proxy_certs)) != none)
        return refuse(errc::not_supported,
                      "verify_flags: of these only x509_trusted_first and x509_partial_chain are "
                      "available in this version",
                      ec);
    if ((flags & ~(x509_trusted_first | x509_partial_chain)) != none)
        return refuse(errc::invalid_argument, "verify_flags: unknown bit", ec);
    settings next = settings_;
    next.verify_flags = flags;
    apply(next, ec);
}

template <backend B>
void basic_context<B>::set_verify_depth(int intermediates, std::error_code& ec) noexcept {
    if (intermediates < 0 || intermediates > 8)
        return refuse(errc::invalid_argument, "verify_depth must be from 0 to 8", ec);
    settings next = settings_;
    next.verify_depth = intermediates;
    apply(next, ec);
}

template <backend B>
void basic_context<B>::set_minimum_version(tls_version version, std::error_code& ec) noexcept {
    settings next = settings_;
    next.minimum_version = version;
    apply(next, ec);
}

template <backend B>
void basic_context<B>::set_maximum_version(tls_version version, std::error_code& ec) noexcept {
    const bool is_bound =
        version == tls_version::minimum_supported || version == tls_version::maximum_supported;
    if (!is_bound && !B::has_version(version)) {
        refuse(errc::not_supported, {}, ec);
        last_error_ << "maximum_version " << to_string(version) << " on " << B::name;
        return;
    }
    settings next = settings_;
    next.maximum_version = version;
    apply(next, ec);
}

// What stands against any stream in this role, before a byte is sent.
template <backend B>
error_info basic_context<B>::check_role(tlsxx::role role) const noexcept {
    const bool client = role == tlsxx::role::client;
    if (!box_)
        return error_info{errc::invalid_argument, "the context is empty"};
    if (settings_.protocol == (client ? tlsxx::protocol::tls_server : tlsxx::protocol::tls_client))
        return error_info{errc::wrong_role, client ? "a tls_server context makes no clients"
                                                   : "a tls_client context makes no servers"};
    if (!detail::is_version_range<B>(settings_.minimum_version, settings_.maximum_version))
        return error_info{errc::invalid_version_range};
    if (!client && !B::has_identity(*box_))
        return error_info{errc::no_certificate_loaded, "a server needs load_cert_chain"};
    if (verify_mode_in(settings_, role) != tlsxx::verify_mode::none && trust_anchor_count() == 0)
        return error_info{errc::no_trust_anchors, "load_verify_locations or load_default_certs"};
    return {};
}

template <backend B>
template <class Stream>
void basic_context<B>::open(Stream& stream, const wrap_options& options, error_info& error) const {
    connection_options connection;
    connection.role = options.server_side || settings_.protocol == tlsxx::protocol::tls_server
                          ? role::server
                          : role::client;
    const bool client = connection.role == role::client;
    if ((error = check_role(connection.role)))
        return;
    if (!client && !options.server_hostname.empty()) {
        error = error_info{errc::invalid_argument, "server_hostname is for clients"};
        return;
    }
    x509::reference_identity name;
    if (!options.server_hostname.empty()) {
        error = detail::read_host_name(options.server_hostname, name);
        if (error)
            return;
        connection.sni = name.sni();
        if (settings_.check_hostname)
            connection.name = &name;
    } else if (client && settings_.check_hostname) {
        error = error_info{errc::server_hostname_required};
        return;
    }
    if (options.initial_bytes.size() > detail::reply_limit) {
        error = error_info{errc::invalid_argument, "initial_bytes: more than 16 KiB"};
        return;
    }
    connection.unwrappable = options.unwrappable;
    if (!stream.wire_.input.append(options.initial_bytes)) {
        error = error_info{errc::not_enough_memory};
        return;
    }
    stream.wire_.keep_over_read = B::reads_ahead(connection);
    stream.state_.suppress_ragged_eofs = options.suppress_ragged_eofs;
    stream.state_.unwrappable = options.unwrappable;
    stream.configuration_ = box_;
    stream.connection_ = B::connect(*box_, settings_, connection, error);
    if (!stream.connection_ && !error)
        error = error_info{errc::engine_failure};
}

template <backend B>
template <detail::given_transport Transport>
basic_stream<B, std::unwrap_ref_decay_t<Transport>>
basic_context<B>::wrap(Transport&& transport, const wrap_options& options,
                       std::error_code& ec) const noexcept {
    using held = std::unwrap_ref_decay_t<Transport>;
    ec.clear();
    basic_stream<B, held> stream{static_cast<held&&>(std::forward<Transport>(transport))};
    error_info error;
    if (!detail::enough_memory_for([&] { open(stream, options, error); }))
        error = error_info{errc::not_enough_memory};
    if (error)
        stream.report(error, ec);
    else if (options.handshake == handshake_start::immediate)
        stream.handshake(ec);
    if (ec == errc::want_read || ec == errc::want_write)
        stream.report(error_info{ec} << "the transport does not wait: wrap it with .handshake = "
                                        "tlsxx::deferred",
                      ec);
    return stream;
}

template <backend B>
template <detail::given_listener Listener>
basic_listener<B, std::remove_cvref_t<Listener>>
basic_context<B>::wrap(Listener&& listener, const wrap_options& options,
                       std::error_code& ec) const noexcept {
    ec.clear();
    basic_listener<B, std::remove_cvref_t<Listener>> server{std::forward<Listener>(listener)};
    error_info error = check_role(role::server);
    if (!error && !detail::enough_memory_for([&] { server.serve(*this, options); }))
        error = error_info{errc::not_enough_memory};
    if (error)
        server.report(error, ec);
    return server;
}

template <backend B>
basic_context<B> create_default_context(purpose whose, const trust& anchors, std::error_code& ec,
                                        error_info* error) noexcept {
    const bool client = whose == purpose::server_auth;
    basic_context<B> context{client ? protocol::tls_client : protocol::tls_server, ec};
    if (!ec)
        context.set_verify_flags(context.verify_flags() | verify_flags::x509_partial_chain, ec);
    if (!ec && anchors.given())
        context.load_verify_locations(anchors, ec);
    else if (!ec && client && !anchors.nothing)
        context.load_default_certs(ec);
    error_info info = context.last_error();
    if (!ec && client && !anchors.nothing && context.trust_anchor_count() == 0) {
        info = error_info{errc::no_trust_anchors};
        detail::describe_system_trust(info);
        ec = info.code();
    }
    if (error && ec)
        *error = info;
    return context;
}

} // namespace v0
} // namespace tlsxx
