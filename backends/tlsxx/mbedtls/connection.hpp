// SPDX-License-Identifier: BSL-1.0
#pragma once

// One connection: the engine's structure, what its callbacks need, and what went wrong.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include <tlsxx/backend.hpp>
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
    bool established = false;
    int failure = 0; // the engine's code
    std::optional<alert_description> alert_sent;
    plain_alert_reader alert_received;

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

inline int send_bytes(void* p, const unsigned char* data, std::size_t size) noexcept {
    auto& body = *static_cast<connection_body*>(p);
    if (body.bound == nullptr)
        return transport_failed;
    size = std::min<std::size_t>(size, 0x7FFFFFFF);
    if (!body.muted)
        body.bound->write({reinterpret_cast<const std::byte*>(data), size});
    return static_cast<int>(size);
}

inline int receive_bytes(void* p, unsigned char* data, std::size_t size) noexcept {
    auto& body = *static_cast<connection_body*>(p);
    if (body.bound == nullptr)
        return transport_failed;
    size = std::min<std::size_t>(size, 0x7FFFFFFF);
    const std::span<std::byte> buffer{reinterpret_cast<std::byte*>(data), size};
    const std::size_t got = body.bound->read(buffer);
    if (got == 0) {
        if (body.bound->read_blocked())
            return MBEDTLS_ERR_SSL_WANT_READ;
        return body.bound->ended() ? 0 : transport_failed;
    }
    if (!body.established)
        body.alert_received.feed(buffer.first(got));
    return static_cast<int>(got);
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
    body.verify.judge(*certificate, body.built, found);
    if (found.empty()) {
        body.accepted = true;
        return 0;
    }
    report(found, body.built, body.verdict);
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

// A verdict for a refusal that the engine raised by itself: its parser's, or a check that it makes
// around our callback.
inline void explain_refusal(connection_body& body, int code) noexcept {
    using enum verify_code;
    constexpr std::uint32_t usage =
        MBEDTLS_X509_BADCERT_KEY_USAGE | MBEDTLS_X509_BADCERT_EXT_KEY_USAGE;
    const byte_span leaf; // the engine's copy of the certificate is gone
    const std::uint32_t flags = ::mbedtls_ssl_get_verify_result(body.ssl.get());
    const error_names names = names_of(code);
    if (refuses_certificate(code))
        report(engine_limit_certificate_unsupported, names.main.reason, leaf, body.verdict);
    else if (main_code(code) == MBEDTLS_ERR_X509_FATAL_ERROR)
        report(cert_chain_too_long, "more intermediates than the engine takes", leaf, body.verdict);
    else if (flags != 0xFFFFFFFFU && (flags & usage) != 0)
        report(invalid_purpose, "key usage or extended key usage", leaf, body.verdict);
    else if (flags != 0xFFFFFFFFU && (flags & MBEDTLS_X509_BADCERT_BAD_KEY) != 0)
        report(engine_limit_certificate_unsupported, "the key's curve is not enabled", leaf,
               body.verdict);
    else
        report(engine_limit_unspecified, names.main.reason, leaf, body.verdict);
}

// Notes the failure and answers it.
inline step end_with(connection_body& body, int code) noexcept {
    body.failure = code;
    if (body.verdict && classify(code, body.established) == errc::verification_failed)
        explain_refusal(body, code);
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
    return code == MBEDTLS_ERR_SSL_WANT_READ ||
           code == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET;
}

// What the engine lets pass and we do not, looked at after each step of a server's handshake, that
// is before it sends anything more: no certificate where one is required, and the checks that it
// makes after our callback. 0 if there is nothing.
inline int check_client(connection_body& body) noexcept {
    const std::uint32_t flags = ::mbedtls_ssl_get_verify_result(body.ssl.get());
    if (body.as == role::client || body.mode == tlsxx::verify_mode::none || flags == 0 ||
        flags == 0xFFFFFFFFU)
        return 0;
    if (flags == MBEDTLS_X509_BADCERT_MISSING) {
        if (body.mode == tlsxx::verify_mode::optional)
            return 0;
        const bool has_own_alert =
            ::mbedtls_ssl_get_version_number(body.ssl.get()) == MBEDTLS_SSL_VERSION_TLS1_3;
        body.send_alert(has_own_alert ? alert_description::certificate_required
                                      : alert_description::handshake_failure);
        return MBEDTLS_ERR_SSL_NO_CLIENT_CERTIFICATE;
    }
    body.send_alert(alert_description::unsupported_certificate);
    return MBEDTLS_ERR_SSL_BAD_CERTIFICATE;
}

// The last look before any data: a peer that had to be judged was judged and accepted.
inline bool may_go_on(const connection_body& body) noexcept {
    if (body.mode == tlsxx::verify_mode::none || body.accepted)
        return true;
    return body.as == role::server && body.mode == tlsxx::verify_mode::optional &&
           ::mbedtls_ssl_get_peer_cert(body.ssl.get()) == nullptr;
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
