// SPDX-License-Identifier: BSL-1.0
#pragma once

// Two connections of the OpenSSL backend, joined by two strings: the seam itself, without streams.

#include <tlsxx/openssl.hpp>
#include <tlsxx/pem.hpp>

#include "../support/pki.hpp"

#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace test {

using engine = tlsxx::openssl::backend;

// One direction of a connection.
struct channel {
    std::string bytes;
    bool ended = false;
    std::size_t chunk = static_cast<std::size_t>(-1); // bytes of one read at most
};

struct pipe_end {
    channel* in;
    channel* out;

    tlsxx::io_result read_some(std::span<std::byte> buffer) noexcept {
        if (in->bytes.empty())
            return {0, make_error_code(in->ended ? tlsxx::errc::end_of_stream
                                                 : tlsxx::errc::want_read)};
        const std::size_t n = std::min({buffer.size(), in->bytes.size(), in->chunk});
        std::memcpy(buffer.data(), in->bytes.data(), n);
        in->bytes.erase(0, n);
        return {n, {}};
    }
    tlsxx::io_result write_some(std::span<const std::byte> bytes) noexcept {
        out->bytes.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        return {bytes.size(), {}};
    }
};

// The certificates of a PEM file of the test PKI, as DER.
inline std::vector<std::vector<std::byte>> certificates(std::string_view file) {
    const std::string text = pki_text(file);
    std::vector<std::vector<std::byte>> found;
    tlsxx::pem_scanner scanner{text};
    while (auto block = scanner.next())
        if (block->label == "CERTIFICATE")
            found.push_back(block->data);
    return found;
}

inline bool add_identity(engine::configuration& c, std::string_view certificate_file,
                         std::string_view key_text, bool pem, std::string_view password,
                         tlsxx::error_info& error) {
    const auto ders = certificates(certificate_file);
    const std::vector<tlsxx::byte_view> chain{ders.begin(), ders.end()};
    return engine::add_identity(c, chain, {std::as_bytes(std::span{key_text}), pem, password},
                                error);
}

inline bool add_identity(engine::configuration& c, std::string_view name,
                         tlsxx::error_info& error) {
    return add_identity(c, std::string{name} + "-chain.pem", pki_text(std::string{name} + ".key"),
                        true, {}, error);
}

inline bool trust_file(engine::configuration& c, std::string_view file, tlsxx::error_info& error) {
    engine::anchor_batch batch;
    for (const auto& der : certificates(file))
        if (!engine::add_anchor(batch, der, error))
            return false;
    return engine::commit_anchors(c, batch, error);
}

inline void require(bool condition, const tlsxx::error_info& error) {
    if (!condition)
        throw std::runtime_error{error.what()};
}

struct side_options {
    std::string identity;
    std::string anchors;
    std::string host;
    bool check_host = true;
    bool unwrappable = false;
    tlsxx::settings settings{};
};

struct side {
    tlsxx::role role = tlsxx::role::client;
    engine::configuration configuration;
    engine::connection connection;
    tlsxx::detail::wire wire;
    pipe_end transport{};
    tlsxx::want state = tlsxx::want::read;

    side(tlsxx::role r, const side_options& o, channel& in, channel& out)
        : role{r}, transport{&in, &out} {
        tlsxx::error_info error;
        configuration = engine::configure(o.settings, error);
        require(static_cast<bool>(configuration), error);
        if (!o.identity.empty())
            require(add_identity(configuration, o.identity, error), error);
        if (!o.anchors.empty())
            require(trust_file(configuration, o.anchors, error), error);
        const tlsxx::x509::reference_identity name{o.host};
        const tlsxx::connection_options options{.role = r,
                                                .sni = name.sni(),
                                                .name = o.check_host && !o.host.empty() ? &name
                                                                                        : nullptr,
                                                .unwrappable = o.unwrappable};
        wire.keep_over_read = engine::reads_ahead(options);
        connection = engine::connect(configuration, o.settings, options, error);
        require(static_cast<bool>(connection), error);
    }

    void handshake() {
        tlsxx::bound_transport bound{wire, transport};
        state = engine::handshake(connection, bound).next;
    }
    tlsxx::step read(std::string& text, std::size_t size = 20000) {
        text.assign(size, '\0');
        tlsxx::bound_transport bound{wire, transport};
        const auto step = engine::read(connection, bound, std::as_writable_bytes(std::span{text}));
        text.resize(step.bytes);
        return step;
    }
    tlsxx::step write(std::string_view text) {
        tlsxx::bound_transport bound{wire, transport};
        bound.allow_output(text.size() * 2);
        return engine::write(connection, bound, std::as_bytes(std::span{text}));
    }
    tlsxx::step close_notify() {
        tlsxx::bound_transport bound{wire, transport};
        return engine::close_notify(connection, bound);
    }
    tlsxx::error_info failure() const {
        tlsxx::error_info error;
        engine::describe_failure(connection, error);
        return error;
    }
    tlsxx::verify_code code() const {
        const auto* verdict = engine::verdict(connection);
        return verdict ? verdict->code() : tlsxx::verify_code::ok;
    }
};

inline side_options client_options() {
    side_options o{.identity = "", .anchors = "root.pem", .host = "localhost"};
    o.settings.protocol = tlsxx::protocol::tls_client;
    o.settings.verify_mode = tlsxx::verify_mode::required;
    o.settings.check_hostname = true;
    return o;
}
inline side_options server_options(std::string identity = "good") {
    side_options o{.identity = std::move(identity), .anchors = "", .host = ""};
    o.settings.protocol = tlsxx::protocol::tls_server;
    return o;
}

struct loop {
    channel to_client;
    channel to_server;
    side client;
    side server;

    loop(const side_options& c, const side_options& s)
        : client{tlsxx::role::client, c, to_client, to_server}, server{tlsxx::role::server, s,
                                                                       to_server, to_client} {}

    // As far as it goes.
    void handshake() {
        for (int i = 0; i != 2000; ++i) {
            if (client.state == tlsxx::want::read)
                client.handshake();
            if (server.state == tlsxx::want::read)
                server.handshake();
            if (client.state != tlsxx::want::read && server.state != tlsxx::want::read)
                return;
            if (to_client.bytes.empty() && to_server.bytes.empty())
                return;
        }
    }
    bool both_done() const {
        return client.state == tlsxx::want::nothing && server.state == tlsxx::want::nothing;
    }
};

inline constexpr tlsxx::tls_version both_versions[] = {tlsxx::tls_version::tls_1_2,
                                                       tlsxx::tls_version::tls_1_3};

inline void only(tlsxx::settings& s, tlsxx::tls_version v) {
    s.minimum_version = s.maximum_version = v;
}

} // namespace test
