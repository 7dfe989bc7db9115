// SPDX-License-Identifier: BSL-1.0
#pragma once

// A TLS server over a listening socket: accept gives streams whose handshake is done.

#include <chrono>
#include <concepts>
#include <cstddef>
#include <optional>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include <tlsxx/context.hpp>
#include <tlsxx/deadline.hpp>
#include <tlsxx/socket_listener.hpp>
#include <tlsxx/stream.hpp>
#include <tlsxx/wrap_options.hpp>

namespace tlsxx {
inline namespace v0 {

/// basic_listener accepts connections and does their handshakes side by side, so that a slow or
/// hostile peer holds up nobody else. basic_context::wrap makes it of a socket_listener; streams
/// are made under the context's settings at that time. Handshakes go on while `accept` runs.
/// It belongs to one thread at a time.
template <backend Backend, class Listener>
class basic_listener {
public:
    using transport_type =
        decltype(std::declval<Listener&>().try_accept(std::declval<std::error_code&>()));
    using stream_type = basic_stream<Backend, transport_type>;

    /// accept waits, as long as the listener's time-out allows, for a connection whose handshake
    /// has succeeded, and gives it; its transport blocks, without a time-out. `on_failure(stream)`
    /// is called with each stream whose handshake has failed or taken too long, before it is
    /// dropped: last_error(), verification() and transport() tell about it. On an error, which is
    /// the listening socket's (errc::timed_out; errc::want_read with a time-out of zero), the
    /// stream that is returned is empty.
    template <class OnFailure>
    stream_type accept(OnFailure&& on_failure, std::error_code& ec);
    stream_type accept(std::error_code& ec) {
        return accept([](stream_type&) {}, ec);
    }

    /// set_handshake_timeout sets how long one handshake may take, counting only time spent in
    /// `accept`. 10 seconds unless set.
    void set_handshake_timeout(std::chrono::milliseconds timeout) noexcept {
        handshake_timeout_ = timeout;
    }
    std::chrono::milliseconds handshake_timeout() const noexcept { return handshake_timeout_; }

    /// set_max_handshakes limits the handshakes that are under way at once, at least 1; the oldest
    /// gives way to a new connection, and when descriptors run out. 256 unless set. It allocates,
    /// so that `accept` does not.
    void set_max_handshakes(std::size_t limit) {
        max_handshakes_ = limit ? limit : 1;
        reserve();
    }
    std::size_t max_handshakes() const noexcept { return max_handshakes_; }

    /// listener is the listening socket: for its port, its time-out.
    Listener& listener() noexcept { return listener_; }
    const Listener& listener() const noexcept { return listener_; }
    auto port() const noexcept { return listener_.port(); }

    /// last_error describes why basic_context::wrap has refused to make this server.
    const error_info& last_error() const noexcept { return last_error_; }

#if defined(__cpp_exceptions)
    stream_type accept() {
        return accept([](stream_type&) {});
    }
    template <class OnFailure>
        requires std::invocable<OnFailure&, stream_type&>
            stream_type accept(OnFailure&& on_failure) {
            std::error_code ec;
            stream_type stream = accept(std::forward<OnFailure>(on_failure), ec);
            if (ec)
                detail::raise(error_info{ec});
            return stream;
        }
#endif

private:
    friend class basic_context<Backend>;

    struct handshake {
        stream_type stream;
        deadline until;
        direction wanted = direction::read;
        bool ready = true;
    };

    explicit basic_listener(Listener&& listener) noexcept : listener_{std::move(listener)} {}
    void serve(const basic_context<Backend>& context, const wrap_options& options) {
        context_.emplace(context);
        suppress_ragged_eofs_ = options.suppress_ragged_eofs;
        unwrappable_ = options.unwrappable;
        deferred_ = options.handshake == handshake_start::deferred;
        reserve();
    }
    void reserve() {
        handshakes_.reserve(max_handshakes_ + 1);
        polled_.reserve(max_handshakes_ + 1);
    }
    void report(const error_info& info, std::error_code& ec) noexcept {
        last_error_ = info;
        ec = info.code();
    }
#if defined(__cpp_exceptions)
    [[noreturn]] void raise() const {
        detail::raise(last_error_);
    }
#endif

    bool take_new(std::error_code& ec);
    bool wait(deadline until, std::error_code& ec);
    template <class OnFailure>
    void drop(std::size_t index, OnFailure& on_failure) {
        handshake failed = std::move(handshakes_[index]);
        handshakes_.erase(handshakes_.begin() + static_cast<std::ptrdiff_t>(index));
        on_failure(failed.stream);
    }
    template <class OnFailure>
    void drop_oldest(OnFailure& on_failure) {
        std::error_code ignored;
        handshakes_.front().stream.report(
            error_info{errc::cancelled, "too many handshakes are under way"}, ignored);
        drop(0, on_failure);
    }
    void resume_clocks() noexcept {
        const auto away = deadline::clock::now() - left_;
        for (handshake& h : handshakes_)
            if (!h.until.is_never())
                h.until = deadline{h.until.time() + away};
    }

    Listener listener_;
    std::optional<basic_context<Backend>> context_;
    std::vector<handshake> handshakes_; // the oldest first
    std::vector<poll_entry> polled_;
    std::chrono::milliseconds handshake_timeout_{10'000};
    std::size_t max_handshakes_ = 256;
    deadline::clock::time_point left_{};
    bool suppress_ragged_eofs_ = false;
    bool unwrappable_ = false;
    bool deferred_ = false;
    error_info last_error_;
};

} // namespace v0
} // namespace tlsxx

#include <tlsxx/impl/listener.hpp>
