// SPDX-License-Identifier: BSL-1.0
#pragma once

// One connection: the engine's structure, what its callbacks need, and what went wrong.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include <tlsxx/backend.hpp>
#include <tlsxx/detail/fixed_string.hpp>
#include <tlsxx/mbedtls/configuration.hpp>
#include <tlsxx/mbedtls/engine.hpp>
#include <tlsxx/mbedtls/failure.hpp>
#include <tlsxx/mbedtls/plain_alert.hpp>
#include <tlsxx/mbedtls/server_name.hpp>
#include <tlsxx/mbedtls/verify.hpp>

namespace tlsxx {
inline namespace v0 {
namespace mbedtls {
namespace detail {

// What the receive callback answers when the transport has failed; the stream knows the reason.
inline constexpr int transport_failed = MBEDTLS_ERR_ERROR_GENERIC_ERROR;

struct connection_body {
    owned_ssl ssl;
    bound_transport* bound = nullptr; // for the length of one call
    role as = role::client;
    tlsxx::verify_mode mode = tlsxx::verify_mode::none;
    bool accepted = false; // the peer's certificates were judged and found good
    bool muted = false;    // the last word, an alert, is out: what the engine adds is dropped
    bool has_sent = false; // anything at all
    bool established = false;
    int failure = 0; // the engine's code
    bool lacked_memory = false; // so that the code may blame the peer instead
    std::optional<alert_description> alert_sent;
    plain_alert_reader sent;
    plain_alert_reader received;

    verifier verify;
    std::optional<x509::reference_identity> name; // what verify.rules.name points to
    path built;
    verification verdict;
    server_name_note server_name;

    // Ends the connection with an alert that the peer sees in place of the engine's own.
    void send_alert(alert_description alert) noexcept {
        ::mbedtls_ssl_send_alert_message(ssl.get(), MBEDTLS_SSL_ALERT_LEVEL_FATAL,
                                         static_cast<unsigned char>(alert));
        alert_sent = alert;
        muted = true;
    }
};

// The engine's callbacks of the handshake: they look for alerts, and read only after all that was
// kept back is sent, since the peer waits for it.
inline int send_handshake(void* p, const unsigned char* data, std::size_t size) noexcept {
    auto& body = *static_cast<connection_body*>(p);
    if (body.bound == nullptr)
        return transport_failed;
    const byte_span bytes{reinterpret_cast<const std::byte*>(data), size};
    if (!body.muted) {
        body.bound->write(bytes);
        body.sent.feed(bytes);
    }
    body.has_sent = true;
    return static_cast<int>(size);
}

inline int why_no_input(const bound_transport& bound) noexcept {
    if (bound.read_blocked())
        return MBEDTLS_ERR_SSL_WANT_READ;
    return bound.ended() ? 0 : transport_failed;
}

inline int receive_handshake(void* p, unsigned char* data, std::size_t size) noexcept {
    auto& body = *static_cast<connection_body*>(p);
    if (body.bound == nullptr)
        return transport_failed;
    body.bound->flush();
    const std::span<std::byte> buffer{reinterpret_cast<std::byte*>(data), size};
    const std::size_t got = body.bound->read(buffer);
    if (got == 0)
        return why_no_input(*body.bound);
    body.received.feed(buffer.first(got));
    return static_cast<int>(got);
}

// The engine's callbacks afterwards.
inline int send_bytes(void* p, const unsigned char* data, std::size_t size) noexcept {
    const auto& body = *static_cast<const connection_body*>(p);
    if (body.bound == nullptr)
        return transport_failed;
    if (!body.muted)
        body.bound->write({reinterpret_cast<const std::byte*>(data), size});
    return static_cast<int>(size);
}

inline int receive_bytes(void* p, unsigned char* data, std::size_t size) noexcept {
    bound_transport* const bound = static_cast<const connection_body*>(p)->bound;
    if (bound == nullptr)
        return transport_failed;
    const std::size_t got = bound->read({reinterpret_cast<std::byte*>(data), size});
    return got != 0 ? static_cast<int>(got) : why_no_input(*bound);
}

inline bool speaks_tls_1_3(const connection_body& body) noexcept {
    return ::mbedtls_ssl_get_version_number(body.ssl.get()) == MBEDTLS_SSL_VERSION_TLS1_3;
}

// The engine's verification callback: collects the path from the top down, and judges it at the
// peer's own certificate, which comes last.
inline int verify_callback(void* p, ::mbedtls_x509_crt* certificate, int depth,
                           std::uint32_t* flags) noexcept {
    auto& body = *static_cast<connection_body*>(p);
    if (!body.built.take(*certificate, depth, *flags))
        return MBEDTLS_ERR_X509_FATAL_ERROR;
    *flags = 0;
    if (depth != 0)
        return 0;
    x509::findings found;
    if (certificate->raw.len == 0) // all that the peer sent has unknown signature algorithms
        found.add(verify_code::engine_limit_certificate_unsupported, 0);
    else if (body.verify.lacked_memory(*certificate, body.built))
        return MBEDTLS_ERR_X509_ALLOC_FAILED;
    body.verify.judge(*certificate, body.built, found);
    body.accepted = found.empty();
    if (body.accepted)
        return 0;
    report(found, body.built, body.verdict);
    // A TLS 1.3 server says so at the end of the handshake: see check_client.
    if (body.as == role::server && speaks_tls_1_3(body))
        return 0;
    body.send_alert(static_cast<alert_description>(alert_for(body.verdict.code())));
    return MBEDTLS_ERR_X509_FATAL_ERROR;
}

// Gives the engine the transport for the length of one call.
class binding {
public:
    binding(connection_body& body, bound_transport& bound) noexcept : body_{body} {
        body_.bound = &bound;
    }
    binding(const binding&) = delete;
    binding& operator=(const binding&) = delete;
    ~binding() { body_.bound = nullptr; }

private:
    connection_body& body_;
};

// The engine writes each message of a handshake by itself: they are kept together until it reads,
// or its call is over.
class corked {
public:
    explicit corked(bound_transport& bound) noexcept : bound_{bound} { bound_.cork(true); }
    corked(const corked&) = delete;
    corked& operator=(const corked&) = delete;
    ~corked() { bound_.cork(false); }

private:
    bound_transport& bound_;
};

// True if the engine gave up on a message that does not fit its buffer where the peer's
// certificates are due.
inline bool is_certificate_too_long(const connection_body& body) noexcept {
    return body.failure == MBEDTLS_ERR_SSL_BAD_INPUT_DATA && !body.established && body.has_sent &&
           body.mode != tlsxx::verify_mode::none && body.built.length == 0 &&
           !body.received.is_oversized();
}

// The errc of the failure that ended a connection.
inline errc reason_for(const connection_body& body) noexcept {
    if (body.lacked_memory)
        return errc::not_enough_memory;
    if (!body.verdict || is_certificate_too_long(body))
        return errc::verification_failed;
    // A peer may send an alert that the engine can't read: unencrypted where it expects otherwise,
    // as clients do that refuse a TLS 1.3 server.
    if (!body.established && main_code(body.failure) == MBEDTLS_ERR_SSL_INVALID_MAC &&
        body.received.alert())
        return errc::alert_received;
    // TLS 1.3: the peer does not have the key of the certificate that it shows. A client's alert can
    // be seen; a server chooses nothing any more once it has judged its client.
    if (main_code(body.failure) == MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE && speaks_tls_1_3(body) &&
        (body.sent.alert() == alert_description::decrypt_error ||
         (body.as == role::server && body.accepted)))
        return errc::protocol_error;
    // What does not fit the engine's buffer: a record that is too large, or else a message.
    if (body.failure == MBEDTLS_ERR_SSL_BAD_INPUT_DATA && body.established)
        return errc::post_handshake_message;
    if (body.failure == MBEDTLS_ERR_SSL_BAD_INPUT_DATA && body.received.is_oversized())
        return errc::protocol_error;
    return classify(body.failure, body.established);
}

// The code for a refusal that the engine raised by itself: its parser's, or a check that it makes
// around our callback.
inline verify_code engine_refusal(const connection_body& body) noexcept {
    using enum verify_code;
    constexpr std::uint32_t usage =
        MBEDTLS_X509_BADCERT_KEY_USAGE | MBEDTLS_X509_BADCERT_EXT_KEY_USAGE;
    const std::uint32_t flags = ::mbedtls_ssl_get_verify_result(body.ssl.get());
    if (is_certificate_too_long(body))
        return engine_limit_message_too_long;
    if (refuses_certificate(body.failure))
        return engine_limit_certificate_unsupported;
    if (main_code(body.failure) == MBEDTLS_ERR_X509_FATAL_ERROR)
        return cert_chain_too_long; // more intermediates than the engine takes
    if (flags == 0xFFFFFFFFU)
        return engine_limit_unspecified;
    if ((flags & usage) != 0)
        return invalid_purpose;
    // The key's curve is not in our list.
    return (flags & MBEDTLS_X509_BADCERT_BAD_KEY) != 0 ? engine_limit_certificate_unsupported
                                                       : engine_limit_unspecified;
}

inline void explain_refusal(connection_body& body) noexcept {
    const error_names names = names_of(body.failure);
    tlsxx::detail::fixed_string<96> words{names.main.reason};
    if (!names.beside.reason.empty())
        (((words += ", ") += names.beside.library) += " ") += names.beside.reason;
    report(engine_refusal(body), words, body.verdict);
}

// Notes the failure and answers it, and tells the peer where the engine does not.
inline step end_with(connection_body& body, int code) noexcept {
    body.failure = code;
    body.lacked_memory = out_of_memory(code) || (body.verdict && is_out_of_memory());
    if (body.verdict && reason_for(body) == errc::verification_failed)
        explain_refusal(body);
    if (is_certificate_too_long(body))
        body.send_alert(alert_description::unsupported_certificate);
    else if (body.established && code == MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE)
        body.send_alert(alert_description::unexpected_message);
    return {0, want::failed};
}

// What a code that stops an operation means, when the transport has not blocked.
inline step stop(connection_body& body, const bound_transport& bound, int code) noexcept {
    if (code == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY)
        return {0, want::closed};
    if (bound.ended() && (code == MBEDTLS_ERR_SSL_CONN_EOF || code == 0))
        return {0, want::ended};
    return end_with(body, code);
}

// True for codes after which the same call is made again.
constexpr bool goes_on(int code) noexcept {
    return code == MBEDTLS_ERR_SSL_WANT_READ || code == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET;
}

// Reads on after an answer that is no data.
inline step read_on(connection_body& body, const bound_transport& bound,
                    std::span<std::byte> buffer, int code) noexcept {
    // A peer may send empty records and tickets for ever; a few of them in a row are in order.
    constexpr int most_empty = 64;
    auto* const into = reinterpret_cast<unsigned char*>(buffer.data());
    for (int empty = 0; code <= 0;) {
        if (code == MBEDTLS_ERR_SSL_WANT_READ && bound.read_blocked())
            return {0, want::read};
        // 0 is the transport's end, or an empty record.
        const bool nothing_yet = code == 0 && !bound.ended();
        if (nothing_yet && ++empty > most_empty)
            return end_with(body, MBEDTLS_ERR_SSL_UNEXPECTED_RECORD);
        if (!nothing_yet && !goes_on(code))
            return stop(body, bound, code);
        code = ::mbedtls_ssl_read(body.ssl.get(), into, buffer.size());
    }
    return {static_cast<std::size_t>(code), want::nothing};
}

// Writes again after an answer that says nothing of the data.
inline step write_on(connection_body& body, const bound_transport& bound, byte_view data,
                     int code) noexcept {
    while (code <= 0) {
        // It takes in a ticket that a read has met but not finished.
        if (code == MBEDTLS_ERR_SSL_WANT_READ && bound.read_blocked())
            return {0, want::read};
        if (!goes_on(code))
            return stop(body, bound, code);
        code = ::mbedtls_ssl_write(body.ssl.get(), as_uchar(data), data.size());
    }
    return {static_cast<std::size_t>(code), want::nothing};
}

// What the engine lets pass in a client and we do not: no certificate where one is required, a bad
// one, and what it finds wrong after our callback. 0 if there is nothing.
// Under TLS 1.2 it is asked after each step of the handshake, that is before the server sends
// anything more. Under TLS 1.3 it is asked at the end: only then have both sides changed to the
// keys that the client can read an alert with. No data has been read or written by then.
inline int check_client(connection_body& body) noexcept {
    if (body.as == role::client || body.mode == tlsxx::verify_mode::none)
        return 0;
    if (!body.verdict) {
        body.send_alert(static_cast<alert_description>(alert_for(body.verdict.code())));
        return MBEDTLS_ERR_X509_CERT_VERIFY_FAILED;
    }
    const std::uint32_t flags = ::mbedtls_ssl_get_verify_result(body.ssl.get());
    if (flags == 0 || flags == 0xFFFFFFFFU) // nothing wrong, or nothing seen yet
        return 0;
    if (flags != MBEDTLS_X509_BADCERT_MISSING) {
        body.send_alert(alert_description::unsupported_certificate);
        return MBEDTLS_ERR_SSL_BAD_CERTIFICATE;
    }
    if (body.mode == tlsxx::verify_mode::optional)
        return 0;
    body.send_alert(speaks_tls_1_3(body) ? alert_description::certificate_required
                                         : alert_description::handshake_failure);
    return MBEDTLS_ERR_SSL_NO_CLIENT_CERTIFICATE;
}

// The last look before any data: a peer that had to be judged was judged and accepted.
inline bool may_go_on(const connection_body& body) noexcept {
    if (body.mode == tlsxx::verify_mode::none || (body.accepted && body.verdict))
        return true;
    return body.as == role::server && body.mode == tlsxx::verify_mode::optional &&
           ::mbedtls_ssl_get_peer_cert(body.ssl.get()) == nullptr;
}

// What the connection judges its peer by.
inline void set_rules(connection_body& body, const configuration_body& c, const settings& s,
                      const connection_options& options) noexcept {
    body.as = options.role;
    body.mode = verify_mode_in(s, options.role);
    if (options.name != nullptr)
        body.name = *options.name;
    body.verify.store = c.made_from.anchors.get();
    x509::policy& rules = body.verify.rules;
    rules.purpose = options.role == role::client ? purpose::server_auth : purpose::client_auth;
    rules.partial_chain = has_flag(s.verify_flags, verify_flags::x509_partial_chain);
    rules.security_level = s.security_level;
    rules.name = body.name ? &*body.name : nullptr;
    rules.check_common_name = s.hostname_checks_common_name;
    rules.refuse_name_constraints = true;
    rules.max_intermediates = s.verify_depth;
}

// Makes the engine's side ready; 0 or the engine's code.
inline int set_up(connection_body& body, const configuration_body& c,
                  const connection_options& options) {
    const bool client = body.as == role::client;
    ::mbedtls_ssl_context* ssl = body.ssl.get();
    int result = ::mbedtls_ssl_setup(ssl, client ? c.client.get() : c.server.get());
    if (result == 0 && client) {
        // Always called, or the engine refuses to verify. No name: no SNI.
        const std::string sni{options.sni};
        result = ::mbedtls_ssl_set_hostname(ssl, sni.empty() ? nullptr : sni.c_str());
        body.server_name.set(sni);
    }
    ::mbedtls_ssl_set_verify(ssl, verify_callback, &body);
    ::mbedtls_ssl_set_user_data_p(ssl, &body.server_name);
    ::mbedtls_ssl_set_bio(ssl, &body, send_handshake, receive_handshake, nullptr);
    return result;
}

} // namespace detail

/// connection is the engine's side of a stream. Null when made by default or moved from.
class connection {
public:
    connection() noexcept = default;
    explicit operator bool() const noexcept { return body_ != nullptr; }

private:
    friend struct backend;
    std::unique_ptr<detail::connection_body> body_;
};

} // namespace mbedtls
} // namespace v0
} // namespace tlsxx
