// SPDX-License-Identifier: BSL-1.0
#pragma once

// What one connection keeps. It lies on the heap and never moves: OpenSSL's callbacks refer to it.

#include <cstdint>
#include <memory>
#include <optional>

#include <tlsxx/constants.hpp>
#include <tlsxx/detail/wire.hpp>
#include <tlsxx/errc.hpp>
#include <tlsxx/verification.hpp>
#include <tlsxx/x509/findings.hpp>
#include <tlsxx/x509/host_name.hpp>
#include <tlsxx/x509/policy.hpp>

#include <tlsxx/openssl/engine.hpp>
#include <tlsxx/openssl/error_queue.hpp>

namespace tlsxx {
inline namespace v0 {
namespace openssl {
namespace detail {

struct connection_body {
    // For the length of one call.
    bound_transport* bound = nullptr;
    bool blocked = false;       // the transport had nothing to read
    bool ended = false;         // its byte stream has ended
    bool broken = false;        // it has failed
    bool reading = false;       // the call is a read of data
    bool queue_is_ours = false; // no entry of the application lies in the error queue
    set_aside_errors application_errors;

    // How the peer's certificate is judged.
    bool verifies = false;
    bool trusted_first = true;
    x509::policy rules;
    std::optional<x509::reference_identity> name;
    x509::findings* engine_findings = nullptr; // what the engine's verification adds to

    // Why the connection has failed.
    bool lacked_memory = false; // in the verification, which has come to no verdict
    errc failure = errc::engine_failure;
    unsigned long reason = 0;
    std::optional<alert_description> alert_received;
    std::optional<alert_description> alert_sent;
    std::unique_ptr<verification> verdict;

    bool handshake_done = false;
    owned<::SSL> ssl; // the last member: freed first, while all else is still there
};

} // namespace detail
} // namespace openssl
} // namespace v0
} // namespace tlsxx
