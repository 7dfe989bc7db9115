// SPDX-License-Identifier: BSL-1.0
#pragma once

// The settings that many connections share.

#include <cstddef>
#include <string_view>
#include <system_error>
#include <utility>

#include <tlsxx/backend.hpp>
#include <tlsxx/cert_chain.hpp>
#include <tlsxx/constants.hpp>
#include <tlsxx/detail/shared_box.hpp>
#include <tlsxx/error.hpp>
#include <tlsxx/stream.hpp>
#include <tlsxx/trust.hpp>
#include <tlsxx/wrap_options.hpp>

namespace tlsxx {
inline namespace v0 {

template <backend Backend, class Listener>
class basic_listener; // in listener.hpp, which socket.hpp brings

/// basic_context holds what connections are made from: versions, certificates, keys, anchors, and
/// how peers are verified. Setters check and parse at once and change nothing when they fail.
/// A change concerns only streams made afterwards: those made before keep what they were made with,
/// which lives as long as they do. A copy is cheap and independent.
///
/// Each operation has two forms: with a std::error_code& it reports and does not throw; without, it
/// throws ssl_error. Setters need exclusive access; `wrap` and the getters may be called by many
/// threads at once.
template <backend Backend>
class basic_context {
public:
    using backend_type = Backend;

    /// basic_context makes a context for a role. For `tls_client` and `tls` verification and the
    /// name check are on; a server asks for no certificate. Nothing is trusted yet. Versions are
    /// TLS 1.2 and up, suites, groups and signature algorithms those of defaults.hpp, security
    /// level 2. After an error the context is empty: only assignment and destruction are left.
    /// Engines: OpenSSL SSL_CTX_new; Mbed TLS mbedtls_ssl_config_defaults.
    basic_context(tlsxx::protocol protocol, std::error_code& ec) noexcept;

    /// load_cert_chain loads a certificate chain and its key, from files or memory; more than one
    /// may be loaded, of different key types. The key must belong to the leaf and be as strong as
    /// the security level asks.
    /// Engines: OpenSSL SSL_CTX_use_cert_and_key; Mbed TLS mbedtls_ssl_conf_own_cert.
    void load_cert_chain(const cert_chain& source, std::error_code& ec);
    void load_cert_chain(std::string_view certfile, std::string_view keyfile,
                         const password& password, std::error_code& ec) {
        load_cert_chain({.certfile = certfile, .keyfile = keyfile, .password = password}, ec);
    }
    void load_cert_chain(std::string_view certfile, std::string_view keyfile, std::error_code& ec) {
        load_cert_chain({.certfile = certfile, .keyfile = keyfile}, ec);
    }
    void load_cert_chain(std::string_view certfile, std::error_code& ec) {
        load_cert_chain({.certfile = certfile}, ec);
    }

    /// load_verify_locations adds trust anchors, all or none.
    /// Engines: OpenSSL X509_STORE_add_cert; Mbed TLS mbedtls_ssl_conf_ca_chain.
    void load_verify_locations(const trust& locations, std::error_code& ec) noexcept;

    /// load_default_certs adds the system's trust anchors: what SSL_CERT_FILE and SSL_CERT_DIR name
    /// if either is set, otherwise the distribution's bundle. Certificates in it that the engine
    /// can't use are passed over, and the result counts them. That nothing was found is no error
    /// here.
    std::size_t load_default_certs(std::error_code& ec) noexcept;

    /// trust_anchor_count counts the trust anchors in force.
    std::size_t trust_anchor_count() const noexcept {
        return box_ ? Backend::anchor_count(*box_) : 0;
    }

    /// set_verify_mode: `none` is errc::check_hostname_needs_verification while check_hostname is
    /// on.
    void set_verify_mode(tlsxx::verify_mode mode, std::error_code& ec) noexcept;
    tlsxx::verify_mode verify_mode() const noexcept { return settings_.verify_mode; }

    /// set_check_hostname switches the match of the peer's certificate with server_hostname, which
    /// concerns clients. Switching it on turns verify_mode `none` into `required`; off leaves it.
    void set_check_hostname(bool on, std::error_code& ec) noexcept;
    bool check_hostname() const noexcept { return settings_.check_hostname; }

    /// set_hostname_checks_common_name lets the subject's CN count where the certificate has
    /// neither a DNS name nor an IP address. Off unless set.
    void set_hostname_checks_common_name(bool on, std::error_code& ec) noexcept;
    bool hostname_checks_common_name() const noexcept {
        return settings_.hostname_checks_common_name;
    }

    /// set_verify_flags replaces the flags. What the engine can't do is errc::not_supported.
    void set_verify_flags(tlsxx::verify_flags flags, std::error_code& ec) noexcept;
    tlsxx::verify_flags verify_flags() const noexcept { return settings_.verify_flags; }

    /// set_verify_depth limits the intermediates between the leaf and the anchor: 0 to 8.
    void set_verify_depth(int intermediates, std::error_code& ec) noexcept;
    int verify_depth() const noexcept { return settings_.verify_depth; }

    /// set_minimum_version: a version below what the engine has is accepted and read back. A
    /// minimum above the maximum is errc::invalid_version_range in `wrap`. Engines: OpenSSL
    /// SSL_CTX_set_min_proto_version; Mbed TLS mbedtls_ssl_conf_min_tls_version.
    void set_minimum_version(tls_version version, std::error_code& ec) noexcept;
    tls_version minimum_version() const noexcept { return settings_.minimum_version; }

    /// set_maximum_version: a version that the engine lacks is errc::not_supported.
    /// Engines: OpenSSL SSL_CTX_set_max_proto_version; Mbed TLS mbedtls_ssl_conf_max_tls_version.
    void set_maximum_version(tls_version version, std::error_code& ec) noexcept;
    tls_version maximum_version() const noexcept { return settings_.maximum_version; }

    /// protocol is what the context was made for.
    tlsxx::protocol protocol() const noexcept { return settings_.protocol; }
    /// security_level is OpenSSL's scale: 2 means keys of at least 112 bits of strength and no
    /// SHA-1 signatures.
    int security_level() const noexcept { return settings_.security_level; }

    /// wrap makes a TLS stream over a connected transport, which it takes over, or refers to if it
    /// is given as std::ref, and does the handshake unless `options` says deferred. On an error the
    /// stream is still returned: it holds the transport, last_error() and verification(). Before a
    /// byte is sent it refuses a client without a name to check or without anything to trust, and a
    /// server without a certificate. Under TLS 1.3 a client's handshake is done before the server
    /// has looked at the client's certificate: a refusal comes out of the first read.
    /// Engines: OpenSSL SSL_new; Mbed TLS mbedtls_ssl_setup.
    template <detail::given_transport Transport>
    basic_stream<Backend, std::unwrap_ref_decay_t<Transport>>
    wrap(Transport&& transport, const wrap_options& options, std::error_code& ec) const noexcept;

    /// wrap makes a TLS server of a listening socket: basic_listener::accept gives its streams.
    template <detail::given_listener Listener>
    basic_listener<Backend, std::remove_cvref_t<Listener>>
    wrap(Listener&& listener, const wrap_options& options, std::error_code& ec) const noexcept;

    /// last_error describes the error of the last operation that changes this context.
    const error_info& last_error() const noexcept { return last_error_; }
    /// native_handle is the engine's own configuration object, to look at. What is changed through
    /// it is outside every promise made here.
    auto native_handle() const noexcept { return Backend::native_handle(*box_); }

#if defined(__cpp_exceptions)
    explicit basic_context(tlsxx::protocol protocol) {
        std::error_code ec;
        *this = basic_context{protocol, ec};
        check(ec);
    }
    void load_cert_chain(const cert_chain& source) {
        checked([&](std::error_code& ec) { load_cert_chain(source, ec); });
    }
    void load_cert_chain(std::string_view certfile, std::string_view keyfile = {},
                         const password& password = {}) {
        checked([&](std::error_code& ec) { load_cert_chain(certfile, keyfile, password, ec); });
    }
    void load_verify_locations(const trust& locations) {
        checked([&](std::error_code& ec) { load_verify_locations(locations, ec); });
    }
    std::size_t load_default_certs() {
        std::size_t skipped = 0;
        checked([&](std::error_code& ec) { skipped = load_default_certs(ec); });
        return skipped;
    }
    void set_verify_mode(tlsxx::verify_mode mode) {
        checked([&](std::error_code& ec) { set_verify_mode(mode, ec); });
    }
    void set_check_hostname(bool on) {
        checked([&](std::error_code& ec) { set_check_hostname(on, ec); });
    }
    void set_hostname_checks_common_name(bool on) {
        checked([&](std::error_code& ec) { set_hostname_checks_common_name(on, ec); });
    }
    void set_verify_flags(tlsxx::verify_flags flags) {
        checked([&](std::error_code& ec) { set_verify_flags(flags, ec); });
    }
    void set_verify_depth(int intermediates) {
        checked([&](std::error_code& ec) { set_verify_depth(intermediates, ec); });
    }
    void set_minimum_version(tls_version version) {
        checked([&](std::error_code& ec) { set_minimum_version(version, ec); });
    }
    void set_maximum_version(tls_version version) {
        checked([&](std::error_code& ec) { set_maximum_version(version, ec); });
    }
    template <class T>
    auto wrap(T&& below, const wrap_options& options = {}) const {
        static_assert(detail::given_transport<T> || detail::given_listener<T>,
                      "wrap takes over a transport (noexcept read_some and write_some that give "
                      "io_result) or a listening socket: give it by std::move, or as std::ref");
        std::error_code ec;
        auto above = wrap(std::forward<T>(below), options, ec);
        if (ec)
            above.raise();
        return above;
    }
#endif

private:
    template <class Change>
    bool change(Change&& change, std::error_code& ec) noexcept;
    void apply(const settings& next, std::error_code& ec) noexcept;
    void refuse(errc code, std::string_view detail, std::error_code& ec) noexcept {
        last_error_ = error_info{code, detail};
        ec = last_error_.code();
    }
    error_info check_role(tlsxx::role role) const noexcept;
    template <class Stream>
    void open(Stream& stream, const wrap_options& options, error_info& error) const;

#if defined(__cpp_exceptions)
    void check(const std::error_code& ec) const {
        if (ec)
            detail::raise(last_error_);
    }
    template <class Call>
    void checked(Call&& call) {
        std::error_code ec;
        call(ec);
        check(ec);
    }
#endif

    tlsxx::settings settings_;
    detail::shared_box<typename Backend::configuration> box_;
    error_info last_error_;
};

/// create_default_context makes a context with the settings that a program should begin with:
/// `purpose::server_auth` for a client, which verifies chain and name against `anchors` or the
/// system's; `purpose::client_auth` for a server. The flag x509_partial_chain is set.
/// A client for whom no trust argument is given and no system anchors are found is
/// errc::no_trust_anchors; trust::none defers that to `wrap`.
template <backend Backend>
basic_context<Backend> create_default_context(purpose whose, const trust& anchors,
                                              std::error_code& ec,
                                              error_info* error = nullptr) noexcept;

#if defined(__cpp_exceptions)
template <backend Backend>
basic_context<Backend> create_default_context(purpose whose = purpose::server_auth,
                                              const trust& anchors = {}) {
    std::error_code ec;
    error_info error;
    auto context = create_default_context<Backend>(whose, anchors, ec, &error);
    if (ec)
        detail::raise(error);
    return context;
}
template <backend Backend>
basic_context<Backend> create_default_context(const trust& anchors) {
    return create_default_context<Backend>(purpose::server_auth, anchors);
}
#endif

} // namespace v0
} // namespace tlsxx

#include <tlsxx/impl/context.hpp>
