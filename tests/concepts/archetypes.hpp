// SPDX-License-Identifier: BSL-1.0
#pragma once

// The least that satisfies each concept of the seam, and types that lack one promise each. None of
// them does anything: what counts is what the compiler says of them.

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <tlsxx/backend.hpp>
#include <tlsxx/transport.hpp>

namespace archetype {

// Can be made, moved, destroyed and asked whether it is null: nothing else.
class handle {
public:
    handle() noexcept = default;
    handle(handle&&) noexcept = default;
    handle& operator=(handle&&) noexcept = default;
    handle(const handle&) = delete;
    handle& operator=(const handle&) = delete;
    void operator&() const = delete;
    explicit operator bool() const noexcept { return false; }
};

// Can be made and destroyed.
struct batch {
    batch() = default;
    batch(const batch&) = delete;
    batch& operator=(const batch&) = delete;
};

// A pointer of nobody's knowledge.
class opaque;

struct minimal {
    class configuration : public handle {};
    class connection : public handle {};
    using anchor_batch = batch;

    static constexpr std::string_view name = "archetype";
    static constexpr tlsxx::capability_set capabilities{};

    static std::string engine_version() { return {}; }
    static configuration configure(const tlsxx::settings&, tlsxx::error_info&) { return {}; }
    static configuration share(const configuration&, const tlsxx::settings&, tlsxx::error_info&) {
        return {};
    }
    static bool apply(configuration&, const tlsxx::settings&, tlsxx::error_info&) { return false; }
    static bool has_version(tlsxx::tls_version) noexcept { return false; }
    static bool add_identity(configuration&, const std::vector<tlsxx::byte_view>&,
                             const tlsxx::private_key_source&, tlsxx::error_info&) {
        return false;
    }
    static bool has_identity(const configuration&) noexcept { return false; }
    static bool add_anchor(anchor_batch&, tlsxx::byte_view, tlsxx::error_info&) { return false; }
    static bool commit_anchors(configuration&, anchor_batch&, tlsxx::error_info&) { return false; }
    static std::size_t anchor_count(const configuration&) noexcept { return 0; }
    static connection connect(const configuration&, const tlsxx::settings&,
                              const tlsxx::connection_options&, tlsxx::error_info&) {
        return {};
    }
    static bool reads_ahead(const tlsxx::connection_options&) noexcept { return false; }
    static tlsxx::step handshake(connection&, tlsxx::bound_transport&) noexcept { return {}; }
    static tlsxx::step read(connection&, tlsxx::bound_transport&, std::span<std::byte>) noexcept {
        return {};
    }
    static constexpr std::size_t record_payload = 16384;
    static tlsxx::step write(connection&, tlsxx::bound_transport&, tlsxx::byte_view) noexcept {
        return {};
    }
    static tlsxx::step close_notify(connection&, tlsxx::bound_transport&) noexcept { return {}; }
    static std::size_t pending(const connection&) noexcept { return 0; }
    static bool has_pending(const connection&) noexcept { return false; }
    static void describe_failure(const connection&, tlsxx::error_info&) noexcept {}
    static const tlsxx::verification* verdict(const connection&) noexcept { return nullptr; }
    static tlsxx::tls_version version(const connection&) noexcept { return {}; }
    static tlsxx::cipher_info cipher(const connection&) noexcept { return {}; }
    static std::vector<tlsxx::certificate> peer_chain(const connection&) { return {}; }
    static std::string server_name(const connection&) { return {}; }
    static opaque* native_handle(const connection&) noexcept { return nullptr; }
    static const opaque* native_handle(const configuration&) noexcept { return nullptr; }
};

// ---- with what is optional, and contradicting it both ways
// ---------------------------------------

struct with_alerts : minimal {
    static constexpr tlsxx::capability_set capabilities{.alert_details = true};
    static std::optional<tlsxx::alert_description> received_alert(const connection&) noexcept {
        return {};
    }
};
struct claiming : minimal {
    static constexpr tlsxx::capability_set capabilities{.alert_details = true};
};
struct hiding : with_alerts {
    static constexpr tlsxx::capability_set capabilities{};
};
struct silent : minimal {
    static void capabilities();
};
// What it claims it does, but in a way that may throw.
struct throwing_alerts : minimal {
    static constexpr tlsxx::capability_set capabilities{.alert_details = true};
    static std::optional<tlsxx::alert_description> received_alert(const connection&) { return {}; }
};

// ---- one promise missing
// ------------------------------------------------------------------------- A declaration in the
// derived type hides the base's.

struct nameless : minimal {
    static void name();
};
struct versionless : minimal {
    static int engine_version();
};
struct stuck_configuration : minimal {
    class configuration : public minimal::configuration {
    public:
        configuration() = default;
        configuration(configuration&&) = delete;
    };
};
struct unasked_connection : minimal {
    class connection {}; // can't be asked whether it is null
};
struct unconfigurable : minimal {
    static void configure();
};
struct unshared : minimal {
    static bool share(const configuration&, const tlsxx::settings&, tlsxx::error_info&);
};
struct unsettled : minimal {
    static void apply(configuration&, const tlsxx::settings&, tlsxx::error_info&);
};
struct ageless : minimal {
    static bool has_version(tlsxx::tls_version); // may throw
};
struct anonymous : minimal {
    static void add_identity();
};
struct forgetful : minimal {
    static bool has_identity(configuration&) noexcept; // not for a const one
};
struct trustless : minimal {
    static void commit_anchors();
};
struct batchless : minimal {
    struct anchor_batch {
        explicit anchor_batch(int);
    };
    static bool add_anchor(anchor_batch&, tlsxx::byte_view, tlsxx::error_info&);
    static bool commit_anchors(configuration&, anchor_batch&, tlsxx::error_info&);
};
struct unconnected : minimal {
    static void connect();
};
struct unsaid_read_ahead : minimal {
    static int reads_ahead(const tlsxx::connection_options&) noexcept;
};
struct rude : minimal {
    static tlsxx::step handshake(connection&, tlsxx::bound_transport&); // may throw
};
struct deaf : minimal {
    static void read();
};
struct mute : minimal {
    static int write(connection&, tlsxx::bound_transport&, tlsxx::byte_view) noexcept;
};
struct endless : minimal {
    static void close_notify();
};
struct unaware : minimal {
    static std::size_t pending(connection&) noexcept; // not for a const one
};
struct secretive : minimal {
    static std::string describe_failure(const connection&, tlsxx::error_info&) noexcept;
};
struct unjudging : minimal {
    static tlsxx::verification verdict(const connection&) noexcept; // by value
};
struct vague : minimal {
    static std::string_view cipher(const connection&) noexcept;
};
struct sealed : minimal {
    static opaque* native_handle(const connection&) noexcept; // none for a configuration
};

// ---- transports
// ----------------------------------------------------------------------------------

class transport : public handle {
public:
    explicit transport(int) {}
    tlsxx::io_result read_some(std::span<std::byte>) noexcept { return {}; }
    tlsxx::io_result write_some(std::span<const std::byte>) noexcept { return {}; }
};

class waitable : public transport {
public:
    class moment {
    public:
        explicit moment(int) {}
    };
    using transport::transport;
    moment start_operation() noexcept { return moment{0}; }
    std::error_code wait(tlsxx::direction, const moment&) noexcept { return {}; }
};

struct throwing_transport {
    tlsxx::io_result read_some(std::span<std::byte>);
    tlsxx::io_result write_some(std::span<const std::byte>) noexcept;
};
struct counting_transport { // as POSIX does
    long read_some(std::span<std::byte>) noexcept;
    long write_some(std::span<const std::byte>) noexcept;
};
struct one_way_transport {
    tlsxx::io_result read_some(std::span<std::byte>) noexcept;
};
struct changing_transport { // wants to change what it is to send
    tlsxx::io_result read_some(std::span<std::byte>) noexcept;
    tlsxx::io_result write_some(std::span<std::byte>) noexcept;
};
struct impatient : transport { // its wait may throw
    using transport::transport;
    int start_operation() noexcept;
    std::error_code wait(tlsxx::direction, int);
};
struct timeless : transport { // waits, but for no moment
    using transport::transport;
    std::error_code wait(tlsxx::direction) noexcept;
};
class unmovable : public transport {
public:
    using transport::transport;
    unmovable(unmovable&&) = delete;
};

} // namespace archetype
