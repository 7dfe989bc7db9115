// SPDX-License-Identifier: BSL-1.0
#pragma once

// Contexts and streams of any engine behind one interface, so that what is tested on every engine
// and every pair of engines is compiled once, and each engine once (engines_*.cpp).

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <tlsxx/cert_chain.hpp>
#include <tlsxx/connection_info.hpp>
#include <tlsxx/constants.hpp>
#include <tlsxx/error_info.hpp>
#include <tlsxx/memory_transport.hpp>
#include <tlsxx/socket_listener.hpp>
#include <tlsxx/socket_transport.hpp>
#include <tlsxx/trust.hpp>
#include <tlsxx/verification.hpp>
#include <tlsxx/wrap_options.hpp>

#include <support/fault_transport.hpp>

namespace test {

enum class engine { openssl, mbedtls };
inline constexpr engine all_engines[] = {engine::openssl, engine::mbedtls};

inline std::string_view name_of(engine e) {
    return e == engine::openssl ? "openssl" : "mbedtls";
}

struct any_unwrapped {
    std::string bytes;
    std::unique_ptr<pipe_end> pipe; // where the stream was over a pipe, also one that waits
    std::unique_ptr<tlsxx::socket_transport> socket;
};

// A basic_stream of some engine over some transport.
class any_stream {
public:
    virtual ~any_stream() = default;

    virtual void handshake(std::error_code&) = 0;
    virtual std::size_t read_some(std::span<std::byte>, std::error_code&) = 0;
    virtual std::size_t read_exactly(std::span<std::byte>, std::error_code&) = 0;
    virtual void read_all(std::string&, std::error_code&) = 0;
    virtual std::size_t write_some(std::string_view, std::error_code&) = 0;
    virtual std::size_t write_all(std::string_view, std::error_code&) = 0;
    virtual void close_notify(std::error_code&) = 0;
    virtual void shutdown(std::error_code&) = 0;
    virtual void shutdown(std::chrono::milliseconds, std::error_code&) = 0; // where it can wait
    virtual std::optional<any_unwrapped> unwrap(std::error_code&) = 0;
    virtual void flush(std::error_code&) = 0;

    virtual bool wants_write() const = 0;
    virtual std::size_t pending() const = 0;
    virtual bool has_pending() const = 0;
    virtual bool is_handshake_done() const = 0;
    virtual std::string_view version() const = 0;
    virtual tlsxx::cipher_info cipher() const = 0;
    virtual std::optional<tlsxx::certificate> peer_certificate() const = 0;
    virtual std::vector<tlsxx::certificate> peer_chain() const = 0;
    virtual std::string server_name() const = 0;
    virtual const tlsxx::verification& verification() const = 0;
    virtual tlsxx::error_info last_error() const = 0;
    virtual void* native_handle() const = 0; // the engine's own connection object

    // The throwing forms.
    virtual void handshake() = 0;
    virtual std::string read_all() = 0;
    virtual void write_all(std::string_view) = 0;

    // Moves the stream itself to another place in memory.
    virtual void move() = 0;

    // The transport, where it is of that type.
    virtual pipe_end& pipe() = 0;
    virtual tlsxx::memory_transport& memory() = 0;
    virtual tlsxx::socket_transport& socket() = 0;
};
using stream_ptr = std::unique_ptr<any_stream>;

class any_listener {
public:
    virtual ~any_listener() = default;
    virtual stream_ptr accept(const std::function<void(const tlsxx::error_info&)>& on_failure,
                              std::error_code&) = 0;
    virtual void set_handshake_timeout(std::chrono::milliseconds) = 0;
    virtual void set_max_handshakes(std::size_t) = 0;
    virtual tlsxx::socket_listener& listener() = 0;
};

// A basic_context of some engine.
class any_context {
public:
    virtual ~any_context() = default;

    virtual void load_cert_chain(const tlsxx::cert_chain&, std::error_code&) = 0;
    virtual void load_verify_locations(const tlsxx::trust&, std::error_code&) = 0;
    virtual std::size_t load_default_certs(std::error_code&) = 0;
    virtual std::size_t trust_anchor_count() const = 0;
    virtual void set_verify_mode(tlsxx::verify_mode, std::error_code&) = 0;
    virtual tlsxx::verify_mode verify_mode() const = 0;
    virtual void set_check_hostname(bool, std::error_code&) = 0;
    virtual bool check_hostname() const = 0;
    virtual void set_hostname_checks_common_name(bool, std::error_code&) = 0;
    virtual bool hostname_checks_common_name() const = 0;
    virtual void set_verify_flags(tlsxx::verify_flags, std::error_code&) = 0;
    virtual tlsxx::verify_flags verify_flags() const = 0;
    virtual void set_verify_depth(int, std::error_code&) = 0;
    virtual int verify_depth() const = 0;
    virtual void set_minimum_version(tlsxx::tls_version, std::error_code&) = 0;
    virtual tlsxx::tls_version minimum_version() const = 0;
    virtual void set_maximum_version(tlsxx::tls_version, std::error_code&) = 0;
    virtual tlsxx::tls_version maximum_version() const = 0;
    virtual tlsxx::protocol protocol() const = 0;
    virtual int security_level() const = 0;
    virtual const tlsxx::error_info& last_error() const = 0;
    virtual std::unique_ptr<any_context> copy() const = 0;

    virtual stream_ptr wrap(pipe_end, const tlsxx::wrap_options&, std::error_code&) const = 0;
    virtual stream_ptr wrap(waiting_pipe, const tlsxx::wrap_options&, std::error_code&) const = 0;
    virtual stream_ptr wrap(tlsxx::memory_transport, const tlsxx::wrap_options&,
                            std::error_code&) const = 0;
    virtual stream_ptr wrap(tlsxx::socket_transport, const tlsxx::wrap_options&,
                            std::error_code&) const = 0;
    virtual std::unique_ptr<any_listener> wrap(tlsxx::socket_listener, const tlsxx::wrap_options&,
                                               std::error_code&) const = 0;
    // The throwing form.
    virtual stream_ptr wrap(pipe_end, const tlsxx::wrap_options&) const = 0;
};
using context_ptr = std::unique_ptr<any_context>;

// One engine: what its source file defines.
struct engine_functions {
    context_ptr (*make)(tlsxx::protocol, std::error_code&);
    context_ptr (*make_default)(tlsxx::purpose, const tlsxx::trust&, std::error_code&,
                                tlsxx::error_info*);
    std::string_view (*backend_name)();
    std::string (*version)();
    bool (*has_version)(tlsxx::tls_version);
    bool tells_alerts; // capabilities.alert_details
};
extern const engine_functions openssl_functions;
extern const engine_functions mbedtls_functions;

inline const engine_functions& functions_of(engine e) {
    return e == engine::openssl ? openssl_functions : mbedtls_functions;
}
inline context_ptr make_context(engine e, tlsxx::protocol p, std::error_code& ec) {
    return functions_of(e).make(p, ec);
}

} // namespace test
