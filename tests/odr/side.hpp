// SPDX-License-Identifier: BSL-1.0
#pragma once

// One end of a connection, made in one translation unit and used in another: the core's types cross
// between units that include different engines.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <tlsxx/connection_info.hpp>
#include <tlsxx/context.hpp>
#include <tlsxx/error_info.hpp>
#include <tlsxx/memory_transport.hpp>
#include <tlsxx/verification.hpp>

class side {
public:
    virtual ~side() = default;
    virtual void handshake(std::error_code& ec) = 0;
    virtual void write(std::string_view text, std::error_code& ec) = 0;
    virtual void read(std::string& text, std::error_code& ec) = 0;
    virtual tlsxx::cipher_info cipher() const = 0;
    virtual tlsxx::error_info last_error() const = 0;
    virtual const tlsxx::verification& verification() const = 0;
};

template <class Stream>
class stream_side final : public side {
public:
    explicit stream_side(Stream stream) : stream_{std::move(stream)} {}
    void handshake(std::error_code& ec) override { stream_.handshake(ec); }
    void write(std::string_view text, std::error_code& ec) override { stream_.write_all(text, ec); }
    void read(std::string& text, std::error_code& ec) override {
        text.resize(64);
        text.resize(stream_.read_some(std::as_writable_bytes(std::span{text}), ec));
    }
    tlsxx::cipher_info cipher() const override { return stream_.cipher(); }
    tlsxx::error_info last_error() const override { return stream_.last_error(); }
    const tlsxx::verification& verification() const override { return stream_.verification(); }

private:
    Stream stream_;
};

template <class Context>
std::unique_ptr<side> make_side(const Context& context, tlsxx::memory_transport& pipe) {
    const bool client = context.protocol() == tlsxx::protocol::tls_client;
    auto stream = context.wrap(std::ref(pipe), {.server_hostname = client ? "localhost" : "",
                                                .handshake = tlsxx::deferred});
    return std::make_unique<stream_side<decltype(stream)>>(std::move(stream));
}

struct engine_sides {
    std::unique_ptr<side> (*client)(tlsxx::memory_transport& pipe, const tlsxx::trust& anchors);
    std::unique_ptr<side> (*server)(tlsxx::memory_transport& pipe, const tlsxx::cert_chain& own);
};
extern const engine_sides openssl_sides;
extern const engine_sides mbedtls_sides;
