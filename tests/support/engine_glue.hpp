// SPDX-License-Identifier: BSL-1.0
#pragma once

// engines.hpp for one backend. Included by one source file for each engine.

#include <memory>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <tlsxx/context.hpp>
#include <tlsxx/socket.hpp>

#include <support/engines.hpp>

namespace test {

template <class B, class T>
class stream_glue final : public any_stream {
public:
    using stream_type = tlsxx::basic_stream<B, T>;
    explicit stream_glue(stream_type stream)
        : stream_{std::make_unique<stream_type>(std::move(stream))} {}

    void handshake(std::error_code& ec) override { stream_->handshake(ec); }
    std::size_t read_some(std::span<std::byte> buffer, std::error_code& ec) override {
        return stream_->read_some(buffer, ec);
    }
    std::size_t read_exactly(std::span<std::byte> buffer, std::error_code& ec) override {
        return stream_->read_exactly(buffer, ec);
    }
    void read_all(std::string& text, std::error_code& ec) override { stream_->read_all(text, ec); }
    std::size_t write_some(std::string_view text, std::error_code& ec) override {
        return stream_->write_some(bytes_of(text), ec);
    }
    std::size_t write_all(std::string_view text, std::error_code& ec) override {
        return stream_->write_all(text, ec);
    }
    void close_notify(std::error_code& ec) override { stream_->close_notify(ec); }
    void shutdown(std::error_code& ec) override { stream_->shutdown(ec); }
    void shutdown(std::chrono::milliseconds timeout, std::error_code& ec) override {
        if constexpr (tlsxx::waitable_transport<T>)
            stream_->shutdown(timeout, ec);
        else
            throw std::logic_error{"this transport has no time-out"};
    }
    std::optional<any_unwrapped> unwrap(std::error_code& ec) override {
        auto plain = stream_->unwrap(ec);
        if (!plain)
            return std::nullopt;
        any_unwrapped out;
        out.bytes = text_of(plain->bytes);
        if constexpr (std::is_base_of_v<pipe_end, T>)
            out.pipe = std::make_unique<pipe_end>(std::move(plain->transport));
        if constexpr (std::is_same_v<T, tlsxx::socket_transport>)
            out.socket = std::make_unique<tlsxx::socket_transport>(std::move(plain->transport));
        return out;
    }
    void flush(std::error_code& ec) override { stream_->flush(ec); }

    bool wants_write() const override { return stream_->wants_write(); }
    std::size_t pending() const override { return stream_->pending(); }
    bool has_pending() const override { return stream_->has_pending(); }
    bool is_handshake_done() const override { return stream_->is_handshake_done(); }
    std::string_view version() const override { return stream_->version(); }
    tlsxx::cipher_info cipher() const override { return stream_->cipher(); }
    std::optional<tlsxx::certificate> peer_certificate() const override {
        return stream_->peer_certificate();
    }
    std::vector<tlsxx::certificate> peer_chain() const override { return stream_->peer_chain(); }
    std::string server_name() const override { return stream_->server_name(); }
    const tlsxx::verification& verification() const override { return stream_->verification(); }
    tlsxx::error_info last_error() const override { return stream_->last_error(); }
    void* native_handle() const override {
        return const_cast<void*>(static_cast<const void*>(stream_->native_handle()));
    }

    void handshake() override { stream_->handshake(); }
    std::string read_all() override { return stream_->read_all(); }
    void write_all(std::string_view text) override { stream_->write_all(text); }

    void move() override {
        auto elsewhere = std::make_unique<stream_type>(std::move(*stream_));
        stream_ = std::move(elsewhere);
    }

    pipe_end& pipe() override { return transport<pipe_end>(); }
    tlsxx::memory_transport& memory() override { return transport<tlsxx::memory_transport>(); }
    tlsxx::socket_transport& socket() override { return transport<tlsxx::socket_transport>(); }

private:
    template <class Wanted>
    Wanted& transport() {
        if constexpr (std::is_base_of_v<Wanted, T>)
            return stream_->transport();
        else
            throw std::logic_error{"the stream is over another transport"};
    }

    std::unique_ptr<stream_type> stream_;
};

template <class B>
class listener_glue final : public any_listener {
public:
    using listener_type = tlsxx::basic_listener<B, tlsxx::socket_listener>;
    explicit listener_glue(listener_type listener) : listener_{std::move(listener)} {}

    stream_ptr accept(const std::function<void(const tlsxx::error_info&)>& on_failure,
                      std::error_code& ec) override {
        auto stream = listener_.accept(
            [&](auto& failed) {
                if (on_failure)
                    on_failure(failed.last_error());
            },
            ec);
        if (ec)
            return nullptr;
        return std::make_unique<stream_glue<B, tlsxx::socket_transport>>(std::move(stream));
    }
    void set_handshake_timeout(std::chrono::milliseconds timeout) override {
        listener_.set_handshake_timeout(timeout);
    }
    void set_max_handshakes(std::size_t most) override { listener_.set_max_handshakes(most); }
    tlsxx::socket_listener& listener() override { return listener_.listener(); }

private:
    listener_type listener_;
};

template <class B>
class context_glue final : public any_context {
public:
    using context_type = tlsxx::basic_context<B>;
    explicit context_glue(context_type context) : context_{std::move(context)} {}

    void load_cert_chain(const tlsxx::cert_chain& source, std::error_code& ec) override {
        context_.load_cert_chain(source, ec);
    }
    void load_verify_locations(const tlsxx::trust& from, std::error_code& ec) override {
        context_.load_verify_locations(from, ec);
    }
    std::size_t load_default_certs(std::error_code& ec) override {
        return context_.load_default_certs(ec);
    }
    std::size_t trust_anchor_count() const override { return context_.trust_anchor_count(); }
    void set_verify_mode(tlsxx::verify_mode mode, std::error_code& ec) override {
        context_.set_verify_mode(mode, ec);
    }
    tlsxx::verify_mode verify_mode() const override { return context_.verify_mode(); }
    void set_check_hostname(bool on, std::error_code& ec) override {
        context_.set_check_hostname(on, ec);
    }
    bool check_hostname() const override { return context_.check_hostname(); }
    void set_hostname_checks_common_name(bool on, std::error_code& ec) override {
        context_.set_hostname_checks_common_name(on, ec);
    }
    bool hostname_checks_common_name() const override {
        return context_.hostname_checks_common_name();
    }
    void set_verify_flags(tlsxx::verify_flags flags, std::error_code& ec) override {
        context_.set_verify_flags(flags, ec);
    }
    tlsxx::verify_flags verify_flags() const override { return context_.verify_flags(); }
    void set_verify_depth(int depth, std::error_code& ec) override {
        context_.set_verify_depth(depth, ec);
    }
    int verify_depth() const override { return context_.verify_depth(); }
    void set_minimum_version(tlsxx::tls_version v, std::error_code& ec) override {
        context_.set_minimum_version(v, ec);
    }
    tlsxx::tls_version minimum_version() const override { return context_.minimum_version(); }
    void set_maximum_version(tlsxx::tls_version v, std::error_code& ec) override {
        context_.set_maximum_version(v, ec);
    }
    tlsxx::tls_version maximum_version() const override { return context_.maximum_version(); }
    tlsxx::protocol protocol() const override { return context_.protocol(); }
    int security_level() const override { return context_.security_level(); }
    const tlsxx::error_info& last_error() const override { return context_.last_error(); }
    context_ptr copy() const override { return std::make_unique<context_glue>(context_); }

    stream_ptr wrap(pipe_end pipe, const tlsxx::wrap_options& options,
                    std::error_code& ec) const override {
        return any(context_.wrap(std::move(pipe), options, ec));
    }
    stream_ptr wrap(waiting_pipe pipe, const tlsxx::wrap_options& options,
                    std::error_code& ec) const override {
        return any(context_.wrap(std::move(pipe), options, ec));
    }
    stream_ptr wrap(tlsxx::memory_transport memory, const tlsxx::wrap_options& options,
                    std::error_code& ec) const override {
        return any(context_.wrap(std::move(memory), options, ec));
    }
    stream_ptr wrap(tlsxx::socket_transport socket, const tlsxx::wrap_options& options,
                    std::error_code& ec) const override {
        return any(context_.wrap(std::move(socket), options, ec));
    }
    std::unique_ptr<any_listener> wrap(tlsxx::socket_listener listener,
                                       const tlsxx::wrap_options& options,
                                       std::error_code& ec) const override {
        return std::make_unique<listener_glue<B>>(context_.wrap(std::move(listener), options, ec));
    }
    stream_ptr wrap(pipe_end pipe, const tlsxx::wrap_options& options) const override {
        return any(context_.wrap(std::move(pipe), options));
    }

private:
    template <class T>
    static stream_ptr any(tlsxx::basic_stream<B, T> stream) {
        return std::make_unique<stream_glue<B, T>>(std::move(stream));
    }

    context_type context_;
};

template <class B>
constexpr engine_functions make_engine_functions() {
    return {
        [](tlsxx::protocol p, std::error_code& ec) -> context_ptr {
            return std::make_unique<context_glue<B>>(tlsxx::basic_context<B>{p, ec});
        },
        [](tlsxx::purpose whose, const tlsxx::trust& anchors, std::error_code& ec,
           tlsxx::error_info* error) -> context_ptr {
            return std::make_unique<context_glue<B>>(
                tlsxx::create_default_context<B>(whose, anchors, ec, error));
        },
        [] { return std::string_view{B::name}; },
        [] { return B::engine_version(); },
        [](tlsxx::tls_version v) { return B::has_version(v); },
        B::capabilities.alert_details,
    };
}

} // namespace test
