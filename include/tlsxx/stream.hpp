// SPDX-License-Identifier: BSL-1.0
#pragma once

// One TLS connection over one transport.

#include <cstddef>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <tlsxx/backend.hpp>
#include <tlsxx/detail/guard.hpp>
#include <tlsxx/detail/shared_box.hpp>
#include <tlsxx/detail/stream_state.hpp>
#include <tlsxx/detail/wire.hpp>
#include <tlsxx/error.hpp>
#include <tlsxx/transport.hpp>

namespace tlsxx {
inline namespace v0 {

template <backend Backend>
class basic_context;
template <backend Backend, class Listener>
class basic_listener;

/// unwrapped is what `unwrap` gives back: the transport, and the bytes that had been read from it
/// past the peer's close_notify.
template <class Transport>
struct unwrapped {
    Transport transport;
    std::vector<std::byte> bytes;
};

/// basic_stream is one TLS connection of a basic_context, over a transport that it owns, or refers
/// to where `Transport` is a reference. basic_context::wrap makes it.
///
/// Each operation has two forms: with a std::error_code& it reports and does not throw; without, it
/// throws ssl_error. Over a waitable_transport an operation waits, within the transport's time-out,
/// which bounds the operation as a whole; over others, and where the transport is set not to wait,
/// it gives errc::want_read or errc::want_write, and is called again when the transport is ready.
/// Whoever waits for input waits for output too while wants_write() is true, and then calls
/// flush(). Fatal errors stay: every later operation gives the same one.
///
/// The destructor sends nothing and frees everything: without `close_notify` or `shutdown` the peer
/// sees a truncated stream. A stream belongs to one thread at a time. No operation may be called
/// from within a call of the stream's own transport. A stream may be moved between operations.
template <backend Backend, detail::held_transport Transport>
class basic_stream {
public:
    using backend_type = Backend;
    using transport_type = Transport;

    basic_stream(basic_stream&&) noexcept = default;
    basic_stream& operator=(basic_stream&& other) noexcept requires
        std::is_move_assignable_v<detail::transport_holder<Transport>> {
        connection_ = std::move(other.connection_); // while its old configuration still lives
        configuration_ = std::move(other.configuration_);
        transport_ = std::move(other.transport_);
        wire_ = std::move(other.wire_);
        state_ = std::move(other.state_);
        last_error_ = std::move(other.last_error_);
        return *this;
    }

    /// handshake does the handshake, or goes on with it; once done it does nothing.
    /// After errc::verification_failed verification() has the reasons.
    /// Engines: OpenSSL SSL_do_handshake; Mbed TLS mbedtls_ssl_handshake. RFC 8446 4, RFC 5246 7.
    void handshake(std::error_code& ec) noexcept;

    /// read_some reads at most `buffer.size()` bytes, at least one unless it fails or the peer has
    /// closed: 0 without an error is the peer's close_notify. A transport that ends without it is
    /// errc::stream_truncated. An empty buffer reads nothing and gives 0.
    /// Engines: OpenSSL SSL_read_ex; Mbed TLS mbedtls_ssl_read.
    std::size_t read_some(std::span<std::byte> buffer, std::error_code& ec) noexcept;
    std::size_t read_some(std::span<char> buffer, std::error_code& ec) noexcept {
        return read_some(std::as_writable_bytes(buffer), ec);
    }

    /// read_exactly fills the buffer. If the stream ends before, errc::end_of_stream (after a
    /// close_notify) or errc::stream_truncated; the result counts the bytes that were read.
    std::size_t read_exactly(std::span<std::byte> buffer, std::error_code& ec) noexcept;

    /// read_all reads to the peer's close_notify and appends to `text`. On an error `text` keeps
    /// what was read. More than `limit` bytes are errc::message_too_large.
    void read_all(std::string& text, std::error_code& ec,
                  std::size_t limit = static_cast<std::size_t>(-1)) noexcept;

    /// write_some writes at least one byte of `data` and says how many. A write that would block
    /// (errc::want_write) has taken its bytes already: repeat it with the same data, or more behind
    /// it; less is errc::bad_write_retry. Data that is empty writes nothing.
    /// Engines: OpenSSL SSL_write_ex; Mbed TLS mbedtls_ssl_write.
    std::size_t write_some(byte_view data, std::error_code& ec) noexcept;
    std::size_t write_some(std::string_view text, std::error_code& ec) noexcept {
        return write_some(std::as_bytes(std::span{text.data(), text.size()}), ec);
    }

    /// write_all writes all of `data`. On an error the result counts the bytes that are done:
    /// repeat with the rest.
    std::size_t write_all(byte_view data, std::error_code& ec) noexcept;
    std::size_t write_all(std::string_view text, std::error_code& ec) noexcept {
        return write_all(std::as_bytes(std::span{text.data(), text.size()}), ec);
    }

    /// close_notify tells the peer that no more data comes (RFC 8446 6.1). Reading goes on; writing
    /// is errc::stream_closed from here on. Repeating it resumes it, and then does nothing.
    /// Engines: OpenSSL SSL_shutdown; Mbed TLS mbedtls_ssl_close_notify.
    void close_notify(std::error_code& ec) noexcept;

    /// shutdown closes both ways: it sends close_notify and waits for the peer's, dropping data
    /// that comes before it. The transport's time-out bounds it as a whole. Over a transport that
    /// does not wait one call drops 1 MiB; if more is at hand, it is errc::message_too_large: call
    /// again, or give up on the peer.
    void shutdown(std::error_code& ec) noexcept;

    /// shutdown with a deadline of its own, `timeout` from now, for transports that have one.
    template <class Duration>
    void shutdown(Duration timeout, std::error_code& ec) noexcept requires
        detail::has_timeout<std::remove_reference_t<Transport>> {
        detail::timeout_override<std::remove_reference_t<Transport>> override{transport_.get(),
                                                                              timeout, ec};
        if (!ec)
            shutdown(ec);
    }

    /// unwrap ends TLS and gives the transport back, with every byte read past the peer's
    /// close_notify: it closes both ways. Data that arrives instead of a close_notify is
    /// errc::application_data_after_close, and can still be read. errc::not_supported if the stream
    /// was not made unwrappable. After success the stream is empty; on an error it is unchanged and
    /// the result has no value.
    std::optional<unwrapped<Transport>> unwrap(std::error_code& ec) noexcept;

    /// flush sends what the transport has not taken yet.
    void flush(std::error_code& ec) noexcept;

    /// wants_write is true while there is output that the transport has not taken.
    bool wants_write() const noexcept { return !wire_.output.empty(); }
    /// pending counts the decrypted bytes that the next read gives without the transport.
    /// Engines: OpenSSL SSL_pending; Mbed TLS mbedtls_ssl_get_bytes_avail.
    std::size_t pending() const noexcept {
        return established() ? Backend::pending(connection_) + (state_.unread ? 1 : 0) : 0;
    }
    /// has_pending is false only if the next read needs the transport; true promises nothing.
    /// Engines: OpenSSL SSL_has_pending; Mbed TLS mbedtls_ssl_check_pending.
    bool has_pending() const noexcept {
        return connection_ &&
               (!wire_.input.empty() || state_.unread || Backend::has_pending(connection_));
    }

    /// is_handshake_done is true once the handshake has succeeded.
    bool is_handshake_done() const noexcept { return established(); }
    /// version is "TLSv1.2" or "TLSv1.3"; empty before the handshake is done.
    /// Engines: OpenSSL SSL_version; Mbed TLS mbedtls_ssl_get_version_number.
    std::string_view version() const noexcept {
        return established() ? to_string(Backend::version(connection_)) : std::string_view{};
    }
    /// cipher is the negotiated suite; its name is empty before the handshake is done.
    /// Engines: OpenSSL SSL_get_current_cipher; Mbed TLS mbedtls_ssl_get_ciphersuite_id_from_ssl.
    cipher_info cipher() const noexcept {
        return established() ? Backend::cipher(connection_) : cipher_info{};
    }
    /// peer_certificate is the peer's own certificate, if it sent one.
    std::optional<certificate> peer_certificate() const {
        auto chain = peer_chain();
        return chain.empty() ? std::nullopt : std::optional{std::move(chain.front())};
    }
    /// peer_chain is the peer's certificates as it sent them, its own first. Not all need be part
    /// of the path that was verified.
    /// Engines: OpenSSL SSL_get_peer_cert_chain; Mbed TLS mbedtls_ssl_get_peer_cert.
    std::vector<certificate> peer_chain() const {
        return established() ? Backend::peer_chain(connection_) : std::vector<certificate>{};
    }
    /// server_name is the name that the client asked for by SNI (RFC 6066 3); empty without one.
    std::string server_name() const {
        return connection_ ? Backend::server_name(connection_) : std::string{};
    }
    /// verification has the reasons against the peer's certificate. The reference lives as long as
    /// the stream.
    const tlsxx::verification& verification() const noexcept {
        const tlsxx::verification* verdict = connection_ ? Backend::verdict(connection_) : nullptr;
        return verdict ? *verdict : detail::no_verdict();
    }
    /// last_error describes the last error that an operation of this stream has reported.
    error_info last_error() const noexcept {
        return last_error_ ? *last_error_ : error_info{state_.last_code};
    }
    /// transport is the one below: for its address, its time-out. Its bytes are the stream's.
    std::remove_reference_t<Transport>& transport() noexcept { return transport_.get(); }
    const std::remove_reference_t<Transport>& transport() const noexcept {
        return transport_.get();
    }
    /// native_handle is the engine's own connection object, owned by the stream. What is changed
    /// through it is outside every promise made here. Null for an empty stream.
    auto native_handle() const noexcept { return Backend::native_handle(connection_); }

#if defined(__cpp_exceptions)
    void handshake() {
        checked([&](std::error_code& ec) { handshake(ec); });
    }
    std::size_t read_some(std::span<std::byte> buffer) {
        return checked([&](std::error_code& ec) { return read_some(buffer, ec); });
    }
    std::size_t read_some(std::span<char> buffer) {
        return read_some(std::as_writable_bytes(buffer));
    }
    std::size_t read_exactly(std::span<std::byte> buffer) {
        return checked([&](std::error_code& ec) { return read_exactly(buffer, ec); });
    }
    /// read_all gives everything up to the peer's close_notify. When it throws, what was read is
    /// lost: the other form keeps it, for peers that end without a close_notify.
    std::string read_all(std::size_t limit = static_cast<std::size_t>(-1)) {
        std::string text;
        checked([&](std::error_code& ec) { read_all(text, ec, limit); });
        return text;
    }
    std::size_t write_some(byte_view data) {
        return checked([&](std::error_code& ec) { return write_some(data, ec); });
    }
    std::size_t write_some(std::string_view text) {
        return write_some(std::as_bytes(std::span{text.data(), text.size()}));
    }
    void write_all(byte_view data) {
        checked([&](std::error_code& ec) { write_all(data, ec); });
    }
    void write_all(std::string_view text) {
        write_all(std::as_bytes(std::span{text.data(), text.size()}));
    }
    void close_notify() {
        checked([&](std::error_code& ec) { close_notify(ec); });
    }
    void shutdown() {
        checked([&](std::error_code& ec) { shutdown(ec); });
    }
    template <class Duration>
    void
    shutdown(Duration timeout) requires detail::has_timeout<std::remove_reference_t<Transport>> {
        checked([&](std::error_code& ec) { shutdown(timeout, ec); });
    }
    unwrapped<Transport> unwrap() {
        return *checked([&](std::error_code& ec) { return unwrap(ec); });
    }
    void flush() {
        checked([&](std::error_code& ec) { flush(ec); });
    }
#endif

private:
    friend class basic_context<Backend>;
    template <backend B, class Listener>
    friend class basic_listener;
    using configuration_box = detail::shared_box<typename Backend::configuration>;
    using operation = detail::operation<std::remove_reference_t<Transport>>;

    explicit basic_stream(Transport&& transport) noexcept
        : transport_{std::forward<Transport>(transport)} {}

    bool established() const noexcept {
        return connection_ && state_.established;
    }
    // True if a read or write may go straight to the engine, and then whether that has settled it.
    bool is_plain() const noexcept {
        return state_.plain.on;
    }
    static bool is_done(const step& s, const bound_transport& bound) noexcept {
        return s.next == want::nothing && bound.all_sent();
    }
    std::size_t done(const step& s, std::error_code& ec) const noexcept {
        ec = state_.fatal; // none: cheaper than to clear it
        return s.bytes;
    }

    // What every other operation begins and ends with.
    class entry {
    public:
        entry(basic_stream& stream, std::error_code& ec) noexcept
            : stream_{stream}, open_{stream.begin(ec)} {}
        entry(const entry&) = delete;
        entry& operator=(const entry&) = delete;
        ~entry() {
            if (open_) // an empty stream is never plain
                stream_.state_.settle(stream_.wire_);
        }
        explicit operator bool() const noexcept { return open_; }

    private:
        basic_stream& stream_;
        bool open_;
    };

    bool begin(std::error_code& ec) noexcept;
    bool finish_handshake(operation& op, std::error_code& ec) noexcept;
    std::size_t read_record(operation& op, std::span<std::byte> buffer,
                            std::error_code& ec) noexcept;
    bool read_now(bound_transport& bound, std::span<std::byte> buffer, step& s) noexcept;
    std::size_t read_exactly(bound_transport& bound, bool now, step s, std::span<std::byte> buffer,
                             std::error_code& ec) noexcept;
    std::size_t read_once(operation& op, const step& s, std::span<std::byte> buffer,
                          std::error_code& ec) noexcept;
    std::size_t finish_read(operation& op, step s, std::span<std::byte> buffer,
                            std::error_code& ec) noexcept;
    bool write_now(bound_transport& bound, byte_view data, step& s) noexcept;
    std::size_t write_all(bound_transport& bound, bool now, step s, byte_view data,
                          std::error_code& ec) noexcept;
    bool may_write(operation& op, byte_view data, std::error_code& ec) noexcept;
    std::size_t write_once(operation& op, const step& s, byte_view data,
                           std::error_code& ec) noexcept;
    std::size_t write_record(operation& op, byte_view data, std::error_code& ec) noexcept;
    std::size_t write_several(operation& op, byte_view data, std::error_code& ec) noexcept;
    std::size_t finish_write(operation& op, step s, byte_view data, std::error_code& ec) noexcept;
    bool finish_close(operation& op, std::error_code& ec) noexcept;
    bool flush(operation& op, std::error_code& ec) noexcept;
    bool await(operation& op, direction d, std::error_code& ec) noexcept;
    bool is_late(operation& op, std::error_code& ec) noexcept;
    bool send_then_await_input(operation& op, std::error_code& ec) noexcept;
    void fail(operation& op, want why, std::error_code& ec) noexcept;
    void give_up(const error_info& info, std::error_code& ec) noexcept;
    void report(const error_info& info, std::error_code& ec) noexcept;
    void report(errc code, std::error_code& ec) noexcept {
        report(error_info{code}, ec);
    }

#if defined(__cpp_exceptions)
    [[noreturn]] void raise() const {
        detail::raise(last_error(), &verification());
    }
    template <class Call>
    auto checked(Call&& call) {
        std::error_code ec;
        if constexpr (std::is_void_v<decltype(call(ec))>) {
            call(ec);
            if (ec)
                raise();
        } else {
            auto result = call(ec);
            if (ec)
                raise();
            return result;
        }
    }
#endif

    // The engine's connection refers to its configuration: the order of these two matters.
    configuration_box configuration_;
    typename Backend::connection connection_;
    detail::transport_holder<Transport> transport_;
    detail::wire wire_;
    detail::stream_state state_;
    std::unique_ptr<error_info> last_error_;
};

} // namespace v0
} // namespace tlsxx

#include <tlsxx/impl/stream.hpp>
