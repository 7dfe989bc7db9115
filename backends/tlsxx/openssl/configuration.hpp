// SPDX-License-Identifier: BSL-1.0
#pragma once

// The engine's side of a context: an SSL_CTX made from settings, and what was parsed for it.
//
// An SSL_CTX is never changed by new settings: they make another one, which shares store, anchors
// and identities by reference. So a failure changes nothing, and what is left out of the code below
// can't be left over from before.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <tlsxx/constants.hpp>
#include <tlsxx/detail/guard.hpp>
#include <tlsxx/error_info.hpp>
#include <tlsxx/settings.hpp>

#include <tlsxx/openssl/engine.hpp>
#include <tlsxx/openssl/error_queue.hpp>
#include <tlsxx/openssl/identity.hpp>
#include <tlsxx/openssl/names.hpp>
#include <tlsxx/openssl/verify.hpp>

namespace tlsxx {
inline namespace v0 {
namespace openssl {
namespace detail {

// Trust anchors in X509_cmp's order, each once, and the store made of them. Never changed once it
// is in a configuration.
struct anchor_set {
    std::vector<owned<::X509>> certificates;
    owned<::X509_STORE> store;

    static bool before(const owned<::X509>& a, const owned<::X509>& b) noexcept {
        return ::X509_cmp(a.get(), b.get()) < 0;
    }
    // False if the certificate is there already.
    bool insert(owned<::X509> x) {
        const auto at = std::lower_bound(certificates.begin(), certificates.end(), x, before);
        if (at != certificates.end() && ::X509_cmp(at->get(), x.get()) == 0)
            return false;
        certificates.insert(at, std::move(x));
        return true;
    }
    bool make_store() noexcept {
        store.reset(::X509_STORE_new());
        bool complete = store != nullptr;
        for (std::size_t i = 0; complete && i != certificates.size(); ++i)
            complete = ::X509_STORE_add_cert(store.get(), certificates[i].get()) == 1;
        return complete;
    }
};

#if defined(SSL_OP_NO_RX_CERTIFICATE_COMPRESSION)
// Decompressing is work that an unauthenticated peer orders; no other engine offers it.
inline constexpr std::uint64_t no_certificate_compression =
    SSL_OP_NO_TX_CERTIFICATE_COMPRESSION | SSL_OP_NO_RX_CERTIFICATE_COMPRESSION;
#else
inline constexpr std::uint64_t no_certificate_compression = 0;
#endif

inline constexpr std::uint64_t context_options =
    SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
    SSL_OP_ENABLE_MIDDLEBOX_COMPAT | no_certificate_compression;

// AUTO_RETRY: a record without data for the application doesn't end a read. NO_AUTO_CHAIN: what is
// sent is what was loaded, not what the trust store would add to it.
inline constexpr long context_modes = SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_AUTO_RETRY |
                                      SSL_MODE_NO_AUTO_CHAIN;

inline constexpr long certificate_message_limit = 100 * 1024;
inline constexpr long tickets_per_handshake = 2;

inline const ::SSL_METHOD* method_for(protocol p) noexcept {
    switch (p) {
    case protocol::tls_client: return ::TLS_client_method();
    case protocol::tls_server: return ::TLS_server_method();
    case protocol::tls: break;
    }
    return ::TLS_method();
}

// 0 is OpenSSL's own lowest or highest. A minimum that the library lacks is the lowest it has.
inline long native_minimum(tls_version v) noexcept {
    return is_built_with(v) ? static_cast<long>(v) : 0;
}
inline long native_maximum(tls_version v) noexcept {
    return v == tls_version::minimum_supported || v == tls_version::maximum_supported
               ? 0
               : static_cast<long>(v);
}
constexpr bool is_empty_range(const settings& s) noexcept {
    return static_cast<int>(s.maximum_version) > 0 && s.minimum_version > s.maximum_version;
}

inline bool set_versions(::SSL_CTX* context, const settings& s, error_info& error) noexcept {
    const auto set = [context](int command, long version) {
        return ::SSL_CTX_ctrl(context, command, version, nullptr) == 1;
    };
    set(SSL_CTRL_SET_MIN_PROTO_VERSION, 0);
    set(SSL_CTRL_SET_MAX_PROTO_VERSION, 0);
    const bool has_maximum = native_maximum(s.maximum_version) != 0;
    if (has_maximum && !is_built_with(s.maximum_version)) {
        error.set_code(errc::not_supported)
            << "OpenSSL as linked has no " << to_string(s.maximum_version);
        return false;
    }
    // An empty range is an error of connect(), so that the bounds can be set one after the other.
    return is_empty_range(s) ||
           (set(SSL_CTRL_SET_MAX_PROTO_VERSION, native_maximum(s.maximum_version)) &&
            set(SSL_CTRL_SET_MIN_PROTO_VERSION, native_minimum(s.minimum_version))) ||
           report(errc::not_supported, take_reason(), error);
}

inline bool set_algorithms(::SSL_CTX* context, const default_lists& lists,
                           error_info& error) noexcept {
    const auto set_list = [context](int command, const std::string& list) {
        return ::SSL_CTX_ctrl(context, command, 0, const_cast<char*>(list.c_str())) == 1;
    };
    return (::SSL_CTX_set_cipher_list(context, lists.suites_tls_1_2.c_str()) == 1 &&
            ::SSL_CTX_set_ciphersuites(context, lists.suites_tls_1_3.c_str()) == 1 &&
            set_list(SSL_CTRL_SET_GROUPS_LIST, lists.groups) &&
            set_list(SSL_CTRL_SET_SIGALGS_LIST, lists.signature_algorithms) &&
            set_list(SSL_CTRL_SET_CLIENT_SIGALGS_LIST, lists.signature_algorithms)) ||
           report(errc::engine_failure, take_reason(), error);
}

// Everything else that openssl.cnf or a distribution could have set otherwise.
inline bool set_the_rest(::SSL_CTX* context, const anchor_set& anchors,
                         error_info& error) noexcept {
    ::SSL_CTX_clear_options(context, ~std::uint64_t{0});
    ::SSL_CTX_set_options(context, context_options);
    ::SSL_CTX_ctrl(context, SSL_CTRL_CLEAR_MODE,
                   static_cast<long>(SSL_CTX_ctrl(context, SSL_CTRL_MODE, 0, nullptr)), nullptr);
    ::SSL_CTX_ctrl(context, SSL_CTRL_MODE, context_modes, nullptr);
    ::SSL_CTX_ctrl(context, SSL_CTRL_SET_DH_AUTO, 1, nullptr);
    ::SSL_CTX_ctrl(context, SSL_CTRL_SET_SESS_CACHE_MODE, SSL_SESS_CACHE_OFF, nullptr);
    ::SSL_CTX_ctrl(context, SSL_CTRL_SET_MAX_CERT_LIST, certificate_message_limit, nullptr);
    ::SSL_CTX_ctrl(context, SSL_CTRL_SET_VERIFY_CERT_STORE, 0, nullptr);
    ::SSL_CTX_ctrl(context, SSL_CTRL_SET_CHAIN_CERT_STORE, 0, nullptr);
    ::SSL_CTX_set0_CA_list(context, nullptr);
    ::SSL_CTX_set_client_CA_list(context, nullptr);
    ::SSL_CTX_set_block_padding(context, 0);
    ::SSL_CTX_set_cert_verify_callback(context, verify_chain, nullptr);
    if (::X509_STORE_up_ref(anchors.store.get()) == 1)
        ::SSL_CTX_set_cert_store(context, anchors.store.get());
    return ::SSL_CTX_set_num_tickets(context, tickets_per_handshake) == 1 ||
           report(errc::engine_failure, take_reason(), error);
}

// Flags that would need what this version does not have: better refused than ignored.
inline bool refuse_unknown(const settings& s, error_info& error) noexcept {
    constexpr auto known = verify_flags::x509_trusted_first | verify_flags::x509_partial_chain;
    if ((s.verify_flags & ~known) != verify_flags::none) {
        error.set_code(errc::not_supported) << "verify_flags other than x509_trusted_first and "
                                               "x509_partial_chain with OpenSSL";
        return false;
    }
    if (s.security_level < 0 || s.security_level > 5 || s.verify_depth < 0) {
        error.set_code(errc::invalid_argument) << "security_level is 0 to 5, verify_depth 0 to 8";
        return false;
    }
    return true;
}

// Within own_error_queue.
inline owned<::SSL_CTX> make_context(const settings& s, const anchor_set& anchors,
                                     const std::vector<identity>& identities, error_info& error) {
    if (!refuse_unknown(s, error))
        return nullptr;
    const default_lists* const lists = linked_defaults();
    if (!lists) {
        error.set_code(errc::not_enough_memory);
        return nullptr;
    }
    owned<::SSL_CTX> made{::SSL_CTX_new(method_for(s.protocol))};
    if (!made) {
        report(errc::engine_failure, take_reason(), error);
        return nullptr;
    }
    ::SSL_CTX_set_security_level(made.get(), s.security_level);
    bool complete = set_versions(made.get(), s, error) &&
                    set_algorithms(made.get(), *lists, error) &&
                    set_the_rest(made.get(), anchors, error);
    for (std::size_t i = 0; complete && i != identities.size(); ++i)
        complete = use_identity(made.get(), identities[i], error);
    if (!complete)
        made.reset();
    return made;
}

} // namespace detail

/// configuration is what a context keeps of OpenSSL. It owns an SSL_CTX; certificates and keys are
/// shared, by reference, with the configurations made from it.
class configuration {
public:
    configuration() noexcept = default;
    explicit operator bool() const noexcept { return context != nullptr; }

    detail::owned<::SSL_CTX> context;
    std::shared_ptr<const detail::anchor_set> anchors;
    std::vector<detail::identity> identities;
};

/// anchor_batch is parsed trust anchors that are not part of a configuration yet.
struct anchor_batch {
    std::vector<detail::owned<::X509>> certificates;
};

} // namespace openssl
} // namespace v0
} // namespace tlsxx
