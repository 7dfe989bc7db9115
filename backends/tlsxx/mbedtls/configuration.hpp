// SPDX-License-Identifier: BSL-1.0
#pragma once

// Settings, trusted certificates and identities as the engine takes them. One set of engine
// structures serves one combination and is never changed: a change makes a new set and puts it in
// the old one's place, so that it happens as a whole or not at all.

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <tlsxx/error_info.hpp>
#include <tlsxx/mbedtls/anchors.hpp>
#include <tlsxx/mbedtls/engine.hpp>
#include <tlsxx/mbedtls/failure.hpp>
#include <tlsxx/mbedtls/identity.hpp>
#include <tlsxx/mbedtls/server_name.hpp>
#include <tlsxx/mbedtls/tls_lists.hpp>
#include <tlsxx/mbedtls/verify.hpp>
#include <tlsxx/settings.hpp>

namespace tlsxx {
inline namespace v0 {
namespace mbedtls {
namespace detail {

// What a configuration is made from.
struct ingredients {
    tlsxx::settings settings;
    std::shared_ptr<const anchor_store> anchors = std::make_shared<const anchor_store>();
    std::vector<shared_identity> identities;
};

struct configuration_body {
    explicit configuration_body(ingredients from) : made_from{std::move(from)} {}

    ingredients made_from; // outlives the engine's structures, which point into it
    suite_list suites;
    group_list groups;
    signature_list signatures;
    owned_config client;
    owned_config server;
};

inline bool verifies(const settings& s, role r) noexcept {
    return verify_mode_in(s, r) != verify_mode::none;
}

constexpr bool is_supported(tls_version version) noexcept {
    return (version == tls_version::tls_1_2 && has_tls_1_2) ||
           (version == tls_version::tls_1_3 && has_tls_1_3);
}

// The lowest version in use: older ones than 1.2 are accepted as a bound and never spoken.
constexpr tls_version lowest(const settings& s) noexcept {
    if (s.minimum_version == tls_version::tls_1_3 ||
        s.minimum_version == tls_version::maximum_supported || !has_tls_1_2)
        return has_tls_1_3 ? tls_version::tls_1_3 : tls_version::tls_1_2;
    return tls_version::tls_1_2;
}

constexpr tls_version highest(const settings& s) noexcept {
    switch (s.maximum_version) {
    case tls_version::maximum_supported:
    case tls_version::tls_1_3: return has_tls_1_3 ? tls_version::tls_1_3 : tls_version::tls_1_2;
    case tls_version::minimum_supported:
    case tls_version::tls_1_2: return has_tls_1_2 ? tls_version::tls_1_2 : tls_version::tls_1_3;
    case tls_version::ssl_3:
    case tls_version::tls_1:
    case tls_version::tls_1_1: break;
    }
    return s.maximum_version;
}

// True if the engine can follow the settings; otherwise `error` names what it can't do. A minimum
// above the maximum is no error here, but for whoever connects.
inline bool can_follow(const settings& s, error_info& error) noexcept {
    const auto refuse = [&error](std::string_view what) {
        error = error_info{errc::not_supported, what};
        return false;
    };
    if (!is_supported(highest(s)))
        return refuse("Mbed TLS has no TLS version below 1.2");
    if (s.minimum_version == tls_version::tls_1_3 && !has_tls_1_3)
        return refuse("this build of Mbed TLS has no TLS 1.3");
    if (has_flag(s.verify_flags, verify_flags::allow_proxy_certs))
        return refuse("Mbed TLS has no proxy certificates (verify_flags::allow_proxy_certs)");
    if (!has_flag(s.verify_flags, verify_flags::x509_trusted_first))
        return refuse("Mbed TLS always does verify_flags::x509_trusted_first");
    if ((s.verify_flags & (verify_flags::crl_check_chain | verify_flags::x509_strict)) !=
        verify_flags::none)
        return refuse("verify_flags::crl_check_* and x509_strict are not yet supported");
    if (usable_suites(s.security_level).size == 0 || usable_groups(s.security_level).size == 0)
        return refuse("Mbed TLS has no suite or group for this security level");
    return true;
}

constexpr ::mbedtls_ssl_protocol_version to_engine(tls_version version) noexcept {
    return version == tls_version::tls_1_3 ? MBEDTLS_SSL_VERSION_TLS1_3
                                           : MBEDTLS_SSL_VERSION_TLS1_2;
}

// Fills in one of the two engine configurations; 0 or the engine's code.
inline int set_up(owned_config& config, int endpoint, configuration_body& body) noexcept {
    int result = ::mbedtls_ssl_config_defaults(config.get(), endpoint, MBEDTLS_SSL_TRANSPORT_STREAM,
                                               MBEDTLS_SSL_PRESET_DEFAULT);
    if (result != 0)
        return result;
    const settings& s = body.made_from.settings;
    ::mbedtls_ssl_conf_rng(config.get(), random_bytes, nullptr);
    ::mbedtls_ssl_conf_ciphersuites(config.get(), body.suites.data());
    ::mbedtls_ssl_conf_groups(config.get(), body.groups.data());
    ::mbedtls_ssl_conf_sig_algs(config.get(), body.signatures.data());
    ::mbedtls_ssl_conf_min_tls_version(config.get(), to_engine(lowest(s)));
    ::mbedtls_ssl_conf_max_tls_version(config.get(), to_engine(highest(s)));
    ::mbedtls_ssl_conf_cert_profile(config.get(), &any_strength);
    const bool partial = has_flag(s.verify_flags, verify_flags::x509_partial_chain);
    ::mbedtls_ssl_conf_ca_chain(config.get(), body.made_from.anchors->trusted(partial), nullptr);
    refuse_renegotiation(config.get());
    for (const shared_identity& own : body.made_from.identities) {
        result = ::mbedtls_ssl_conf_own_cert(config.get(), own->chain.get(), own->key.get());
        if (result != 0)
            return result;
    }
    return 0;
}

inline void set_up_client(configuration_body& body) noexcept {
    const settings& s = body.made_from.settings;
    ::mbedtls_ssl_config* config = body.client.get();
    ::mbedtls_ssl_conf_authmode(config, verifies(s, role::client) ? MBEDTLS_SSL_VERIFY_REQUIRED
                                                                  : MBEDTLS_SSL_VERIFY_NONE);
    ::mbedtls_ssl_conf_legacy_renegotiation(config, MBEDTLS_SSL_LEGACY_BREAK_HANDSHAKE);
    require_dh_bits(config, dh_bits(s.security_level));
    ask_for_no_tickets(config);
}

// A server that verifies always asks for the engine's OPTIONAL: that a certificate is missing or
// bad is then decided in connection.hpp, which also sends the alert that the engine forgets.
inline void set_up_server(configuration_body& body) noexcept {
    ::mbedtls_ssl_config* config = body.server.get();
    ::mbedtls_ssl_conf_authmode(config, verifies(body.made_from.settings, role::server)
                                            ? MBEDTLS_SSL_VERIFY_OPTIONAL
                                            : MBEDTLS_SSL_VERIFY_NONE);
    ::mbedtls_ssl_conf_cert_req_ca_list(config, MBEDTLS_SSL_CERT_REQ_CA_LIST_DISABLED);
    ::mbedtls_ssl_conf_cert_cb(config, note_server_name);
}

inline std::unique_ptr<configuration_body> make_configuration(ingredients from, error_info& error) {
    if (!can_follow(from.settings, error))
        return nullptr;
    if (const ::psa_status_t status = start_psa(); status != PSA_SUCCESS) {
        fail(error, errc::engine_failure, status, "psa_crypto_init");
        return nullptr;
    }
    auto body = std::make_unique<configuration_body>(std::move(from));
    const int level = body->made_from.settings.security_level;
    body->suites = usable_suites(level);
    body->groups = usable_groups(level);
    body->signatures = usable_signatures(level);
    int result = set_up(body->client, MBEDTLS_SSL_IS_CLIENT, *body);
    if (result == 0)
        result = set_up(body->server, MBEDTLS_SSL_IS_SERVER, *body);
    if (result != 0) {
        fail(error, errc::engine_failure, result, "mbedtls_ssl_config_defaults");
        return nullptr;
    }
    set_up_client(*body);
    set_up_server(*body);
    return body;
}

} // namespace detail

/// configuration is the engine's side of a context. Null when made by default or moved from.
/// Threads may share a const one: nothing in it changes while connections use it.
class configuration {
public:
    configuration() noexcept = default;
    explicit operator bool() const noexcept { return body_ != nullptr; }

private:
    friend struct backend;
    std::unique_ptr<detail::configuration_body> body_;
};

} // namespace mbedtls
} // namespace v0
} // namespace tlsxx
