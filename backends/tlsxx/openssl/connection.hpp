// SPDX-License-Identifier: BSL-1.0
#pragma once

// One connection: making it, and the calls into libssl.
//
// Data calls leave the error queue alone unless they fail: to protect it on each of them would cost
// 7 % of a small message. libssl itself clears it where it runs its handshake machine, which it
// does for messages after the handshake too: only then are the application's entries moved aside.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tlsxx/backend.hpp>

#include <tlsxx/openssl/bio.hpp>
#include <tlsxx/openssl/body.hpp>
#include <tlsxx/openssl/configuration.hpp>
#include <tlsxx/openssl/engine.hpp>
#include <tlsxx/openssl/error_queue.hpp>
#include <tlsxx/openssl/failure.hpp>
#include <tlsxx/openssl/verify.hpp>

namespace tlsxx {
inline namespace v0 {
namespace openssl {

/// connection is one TLS connection: an SSL and what belongs to it, behind a pointer.
class connection {
public:
    connection() noexcept = default;
    explicit connection(std::unique_ptr<detail::connection_body> body) noexcept
        : body_{std::move(body)} {}
    explicit operator bool() const noexcept { return body_ != nullptr; }

    detail::connection_body& body() const noexcept { return *body_; }
    ::SSL* ssl() const noexcept { return body_ ? body_->ssl.get() : nullptr; }

private:
    std::unique_ptr<detail::connection_body> body_;
};

namespace detail {

inline void take_over_queue(connection_body& body) noexcept {
    if (!body.queue_is_ours && ::ERR_peek_error() != 0)
        body.application_errors.take();
    body.queue_is_ours = true;
}

// Gives the transport to the BIO for the length of one call, and the application its error queue
// back at the end.
class bound_call {
public:
    bound_call(connection_body& body, bound_transport& transport) noexcept : body_{body} {
        body.bound = &transport;
        body.blocked = body.ended = body.broken = false;
        if (::SSL_in_init(body.ssl.get()) != 0)
            take_over_queue(body);
    }
    ~bound_call() {
        body_.bound = nullptr;
        body_.reading = false;
        if (body_.queue_is_ours)
            give_queue_back();
    }
    bound_call(const bound_call&) = delete;
    bound_call& operator=(const bound_call&) = delete;

private:
    void give_queue_back() noexcept {
        body_.queue_is_ours = false;
        if (::ERR_peek_last_error() != 0)
            ::ERR_clear_error();
        if (!body_.application_errors.empty())
            body_.application_errors.put_back();
    }

    connection_body& body_;
};

// libssl's report of every message and record header.
inline void on_message(int sent, int version, int type, const void* bytes, std::size_t size, ::SSL*,
                       void* argument) noexcept {
    auto& body = *static_cast<connection_body*>(argument);
    const auto* const at = static_cast<const unsigned char*>(bytes);
    if (type == SSL3_RT_ALERT && size == 2) {
        const auto alert = static_cast<alert_description>(at[1]);
        // TLS 1.3 has no warnings but two (RFC 8446 6).
        const bool fatal = at[0] == SSL3_AL_FATAL ||
                           (version == TLS1_3_VERSION && alert != alert_description::close_notify &&
                            alert != alert_description::user_cancelled);
        if (fatal)
            (sent != 0 ? body.alert_sent : body.alert_received) = alert;
    } else if (sent == 0 && body.reading && size != 0 && at[0] == SSL3_RT_HANDSHAKE &&
               (type == SSL3_RT_INNER_CONTENT_TYPE || type == SSL3_RT_HEADER)) {
        take_over_queue(body);
    }
}

// The reason for a failure that has just happened, out of the queue. Where entries of the
// application may lie below it, only what such a failure leaves is taken.
inline unsigned long take_failure(const connection_body& body) noexcept {
    if (body.queue_is_ours)
        return take_reason();
    set_aside_errors all;
    all.take();
    const unsigned long reason = all.drop_newest_failure();
    all.put_back();
    return reason;
}

// Why a call did not succeed. SSL_get_error would ask the queue, where the application's entries
// may lie; the transport's own answers in this call tell the same.
inline step why_not(connection_body& body) noexcept {
    if ((::SSL_get_shutdown(body.ssl.get()) & SSL_RECEIVED_SHUTDOWN) != 0 && !body.alert_received)
        return {0, want::closed};
    if (body.blocked)
        return {0, want::read};
    if (body.ended)
        return {0, want::ended};
    if (body.broken)
        return {0, want::failed};
    body.reason = take_failure(body);
    body.failure = is_out_of_memory() ? errc::not_enough_memory
                                      : class_of_failure(body.reason, body.alert_sent,
                                                         body.handshake_done);
    if (const auto alert = alert_in(body.reason))
        body.alert_received = alert;
    if (body.failure == errc::verification_failed && !body.verdict && !body.lacked_memory)
        refuse_unread(body);
    // A peer that could not be judged for lack of memory was not found to be bad.
    if (body.failure == errc::not_enough_memory ||
        (body.failure == errc::verification_failed && !body.verdict)) {
        body.failure = errc::not_enough_memory;
        body.verdict.reset();
    }
    return {0, want::failed};
}

inline step handshake(connection_body& body, bound_transport& transport) noexcept {
    const bound_call call{body, transport};
    if (::SSL_do_handshake(body.ssl.get()) != 1)
        return why_not(body);
    body.handshake_done = true;
    return {};
}

inline step read(connection_body& body, bound_transport& transport,
                 std::span<std::byte> buffer) noexcept {
    const bound_call call{body, transport};
    body.reading = true;
    std::size_t n = 0;
    if (::SSL_read_ex(body.ssl.get(), buffer.data(), buffer.size(), &n) != 1)
        return why_not(body);
    return {n, want::nothing};
}

// In the middle of a message after the handshake libssl reads the rest of it before it writes: then
// even a write may want input. Where it owes the peer a KeyUpdate, the write sends that first, by
// the handshake machine.
inline step write(connection_body& body, bound_transport& transport, byte_view bytes) noexcept {
    const bound_call call{body, transport};
    if (::SSL_get_key_update_type(body.ssl.get()) != SSL_KEY_UPDATE_NONE)
        take_over_queue(body);
    std::size_t n = 0;
    if (::SSL_write_ex(body.ssl.get(), bytes.data(), bytes.size(), &n) != 1)
        return why_not(body);
    return {n, want::nothing};
}

inline step close_notify(connection_body& body, bound_transport& transport) noexcept {
    ::SSL* const ssl = body.ssl.get();
    if (!body.handshake_done) {
        body.failure = errc::handshake_required;
        return {0, want::failed};
    }
    if ((::SSL_get_shutdown(ssl) & SSL_SENT_SHUTDOWN) != 0)
        return {};
    const bound_call call{body, transport};
    // SSL_shutdown refuses in the middle of a message after the handshake.
    if (::SSL_in_init(ssl) != 0 && ::SSL_do_handshake(ssl) != 1)
        return why_not(body);
    return ::SSL_shutdown(ssl) < 0 ? why_not(body) : step{};
}

inline certificate to_certificate(const ::X509* x) {
    const int size = ::i2d_X509(x, nullptr);
    std::vector<std::byte> der(static_cast<std::size_t>(size > 0 ? size : 0));
    auto* at = reinterpret_cast<unsigned char*>(der.data());
    if (size > 0)
        ::i2d_X509(x, &at);
    return certificate{std::move(der)};
}

inline std::vector<certificate> peer_chain(const ::SSL* ssl) {
    std::vector<certificate> chain;
    // A server's list lacks the leaf; a client's has it.
    const owned<::X509> leaf{::SSL_get1_peer_certificate(ssl)};
    if (!leaf)
        return chain;
    chain.push_back(to_certificate(leaf.get()));
    const auto* const sent = ::SSL_get_peer_cert_chain(ssl);
    const int count = sent ? sk_X509_num(sent) : 0;
    for (int i = ::SSL_is_server(ssl) != 0 ? 0 : 1; i < count; ++i)
        chain.push_back(to_certificate(sk_X509_value(sent, i)));
    return chain;
}

inline int native_verify_mode(verify_mode mode) noexcept {
    switch (mode) {
    case verify_mode::none: return SSL_VERIFY_NONE;
    case verify_mode::optional: return SSL_VERIFY_PEER;
    case verify_mode::required: break;
    }
    return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
}

inline void set_rules(connection_body& body, const settings& s, const connection_options& o) {
    body.verifies = verify_mode_in(s, o.role) != verify_mode::none;
    body.trusted_first = has_flag(s.verify_flags, verify_flags::x509_trusted_first);
    body.rules.purpose = o.role == role::client ? purpose::server_auth : purpose::client_auth;
    body.rules.partial_chain = has_flag(s.verify_flags, verify_flags::x509_partial_chain);
    body.rules.security_level = s.security_level;
    body.rules.check_common_name = s.hostname_checks_common_name;
    body.rules.max_intermediates = s.verify_depth;
    if (o.name)
        body.name = *o.name;
}

inline bool check_options(const settings& s, const connection_options& o,
                          error_info& error) noexcept {
    const auto unfit = o.role == role::client ? protocol::tls_server : protocol::tls_client;
    if (s.protocol == unfit)
        error.set_code(errc::wrong_role);
    else if (is_empty_range(s))
        error.set_code(errc::invalid_version_range);
    return !error;
}

// What a client has shown under other rules does not count: a ticket is taken only by a server that
// asks for the same. (Without such a context no server that asks for certificates resumes.)
inline bool set_session_context(::SSL* ssl, const settings& s) noexcept {
    const auto flags = static_cast<std::uint32_t>(s.verify_flags);
    const unsigned char context[] = {'t',
                                     'l',
                                     's',
                                     'x',
                                     'x',
                                     static_cast<unsigned char>(verify_mode_in(s, role::server)),
                                     static_cast<unsigned char>(s.security_level),
                                     static_cast<unsigned char>(s.verify_depth),
                                     static_cast<unsigned char>(flags >> 16 & 0xFF),
                                     static_cast<unsigned char>(flags >> 8 & 0xFF),
                                     static_cast<unsigned char>(flags & 0xFF)};
    return ::SSL_set_session_id_context(ssl, context, sizeof context) == 1;
}

// Within own_error_queue.
inline bool set_up(connection_body& body, const configuration& c, const settings& s,
                   const connection_options& o, error_info& error) {
    body.ssl.reset(::SSL_new(c.context.get()));
    owned<::BIO> bio = make_bio(body);
    if (!body.ssl || !bio)
        return report(errc::engine_failure, take_reason(), error);
    ::SSL* const ssl = body.ssl.get();
    // Before anything else: 3.5 does not report records to a callback that is set later.
    ::SSL_set_msg_callback(ssl, on_message);
    ::SSL_ctrl(ssl, SSL_CTRL_SET_MSG_CALLBACK_ARG, 0, &body);
    ::BIO* const both = bio.release();
    ::SSL_set_bio(ssl, both, both);
    ::SSL_set_read_ahead(ssl, o.unwrappable ? 0 : 1);
    ::SSL_set_verify(ssl, native_verify_mode(verify_mode_in(s, o.role)), nullptr);
    // openssl.cnf may name a certificate for everybody.
    if (c.identities.empty())
        ::SSL_certs_clear(ssl);
    ::ERR_clear_error();
    if (o.role == role::server)
        ::SSL_set_accept_state(ssl);
    else
        ::SSL_set_connect_state(ssl);
    // From 3.2 on these allocate, and tell by the queue alone when they can't.
    if (::ERR_peek_last_error() != 0)
        return report(errc::engine_failure, take_reason(), error);
    if (o.role == role::server)
        return set_session_context(ssl, s) || report(errc::engine_failure, take_reason(), error);
    if (o.sni.empty())
        return true;
    std::string name{o.sni};
    if (::SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data()) == 1)
        return true;
    // The one reason beside a bad name is that it could not be copied.
    const unsigned long reason = take_reason();
    const bool refused = ERR_GET_REASON(reason) == SSL_R_SSL3_EXT_INVALID_SERVERNAME;
    return report(refused ? errc::server_hostname_invalid : errc::not_enough_memory, reason, error);
}

} // namespace detail
} // namespace openssl
} // namespace v0
} // namespace tlsxx
