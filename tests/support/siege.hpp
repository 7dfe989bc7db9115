// SPDX-License-Identifier: BSL-1.0
#pragma once

// A connection of one engine, the victim, whose peer is told record by record what to send, and the
// table of what that cost the victim.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <support/heap_meter.hpp>
#include <support/pump.hpp>
#include <support/record_tap.hpp>
#include <support/socket_tools.hpp>

namespace test {

struct victim_kind {
    engine on = engine::openssl;
    bool is_server = false;
    tlsxx::tls_version version = tlsxx::tls_version::tls_1_3;

    bool is_1_3() const { return version == tlsxx::tls_version::tls_1_3; }
    std::string name() const {
        return (std::string{name_of(on)} + (is_server ? " server, " : " client, "))
            .append(to_string(version));
    }
};
inline std::vector<victim_kind> victims(engine on) {
    std::vector<victim_kind> all;
    for (const bool is_server : {false, true})
        for (const auto version : both_versions)
            all.push_back({on, is_server, version});
    return all;
}

// What a scenario came to, for the table at the end of the program (hostile_table.cpp).
struct hostile_row {
    std::string scenario;
    victim_kind victim;
    std::error_code outcome;
    std::size_t runs = 1;
    std::size_t peak = 0;  // heap bytes of the victim, its engine's included; the most of all runs
    std::size_t bytes = 0; // taken from the transport, the most of all runs
    std::size_t calls = 0; // of its operations, the most of all runs
    std::chrono::milliseconds time{0}; // of all runs
};
void add_row(const hostile_row&);

struct siege_plan {
    std::string identity = "good"; // of the server; empty: `prepare` loads it
    std::size_t outgoing = 20'000; // what is in flight from the victim before it blocks
    bool sockets = false;          // the victim is over a socket, and else over a pipe
    std::function<void(any_context& victim, any_context& peer)> prepare{};
};

class siege {
public:
    explicit siege(const victim_kind& kind, siege_plan plan = {}) : kind_{kind} {
        heap::reset();
        victim_context_ = kind.is_server ? make_server(kind.on, kind.version, plan.identity)
                                         : make_client(kind.on, kind.version);
        peer_context_ = kind.is_server ? make_client(engine::openssl, kind.version)
                                       : make_server(engine::openssl, kind.version, plan.identity);
        if (plan.prepare)
            plan.prepare(*victim_context_, *peer_context_);
        const wrap_options as_client{.server_hostname = "localhost", .handshake = tlsxx::deferred};
        const wrap_options as_server{.handshake = tlsxx::deferred};
        peer = peer_context_->wrap(std::move(to_peer_.client),
                                   kind.is_server ? as_client : as_server, ec);
        REQUIRE_FALSE(ec);
        tap =
            std::make_unique<record_tap>(static_cast<::SSL*>(peer->native_handle()), kind.version);
        const wrap_options& options = kind.is_server ? as_server : as_client;
        if (plan.sockets) {
            auto [theirs, ours] = socket_pair();
            theirs.set_blocking(false, ec);
            socket = std::make_unique<tlsxx::socket_transport>(std::move(theirs));
            const heap::counted scope;
            victim = victim_context_->wrap(std::move(ours), options, ec);
        } else {
            to_victim_.client.set_capacity(plan.outgoing);
            const heap::counted scope;
            victim = victim_context_->wrap(std::move(to_victim_.client), options, ec);
        }
        REQUIRE_FALSE(ec);
    }

    stream_ptr victim, peer;
    std::error_code ec; // of the victim's last call
    std::unique_ptr<record_tap> tap;
    // What goes on in place of a record of the peer's.
    std::function<std::vector<opened_record>(const opened_record&)> rewrite;
    std::unique_ptr<tlsxx::socket_transport> socket; // the end that the victim's is joined to

    const victim_kind& kind() const { return kind_; }

    // One call of the victim's, which is what is measured.
    template <class Call>
    void call(Call&& operation) {
        const heap::counted scope;
        ++calls_;
        operation(*victim);
    }
    std::string read(std::size_t size = 16384) {
        std::string buffer(size, '\0');
        call([&](any_stream& stream) {
            buffer.resize(
                stream.read_some(std::as_writable_bytes(std::span{buffer.data(), size}), ec));
        });
        return buffer;
    }
    // The victim's turn in the handshake. What it sends reaches the peer.
    void answer() {
        call([&](any_stream& stream) { stream.handshake(ec); });
        hear();
    }

    // Bytes for the victim. False if a socket is full.
    bool deliver(std::string_view bytes) {
        if (socket) {
            std::error_code full;
            delivered_ += socket->send_all(bytes, full);
            return !full;
        }
        delivered_ += bytes.size();
        to_victim_.server.write_some(bytes_of(bytes));
        return true;
    }
    void note_delivered(std::size_t n) { delivered_ += n; } // by another way
    // What the victim has sent reaches the peer.
    void hear() {
        std::byte buffer[16384];
        for (;;) {
            const auto got =
                socket ? socket->read_some(buffer) : to_victim_.server.read_some(buffer);
            if (got.n == 0)
                return;
            to_peer_.server.write_some(std::span{buffer}.first(got.n));
        }
    }
    // What the peer has to say now is in `said`.
    void speak() {
        std::error_code ignored;
        if (peer->is_handshake_done())
            read_once(*peer, ignored);
        else
            peer->handshake(ignored);
        collect();
    }
    void collect() {
        std::string bytes(1 << 16, '\0');
        const auto got = to_peer_.server.read_some(
            std::as_writable_bytes(std::span{bytes.data(), bytes.size()}));
        for (opened_record& r : tap->open(std::string_view{bytes}.substr(0, got.n))) {
            if (!rewrite) {
                said.push_back(std::move(r));
                continue;
            }
            for (opened_record& other : rewrite(r))
                said.push_back(std::move(other));
        }
    }
    std::deque<opened_record> said; // on its way to the victim

    // Makes the peer say something. False if there is nothing more, or the victim has failed.
    bool more() {
        if (said.empty())
            speak();
        if (said.empty()) {
            answer();
            if (ec && !would_block(ec))
                return false;
            speak();
        }
        return !said.empty();
    }
    std::string next_record() {
        const std::string bytes = tap->close(said.front());
        said.pop_front();
        return bytes;
    }
    // Goes on until `records` records have been delivered, of all.
    bool advance(std::size_t records) {
        for (; delivered_records_ != records; ++delivered_records_) {
            if (!more())
                return false;
            deliver(next_record());
        }
        return true;
    }
    // The whole handshake, and what follows it at once.
    siege& up() {
        advance(no_limit);
        INFO(kind_.name() << ": " << victim->last_error().what());
        REQUIRE(victim->is_handshake_done());
        REQUIRE(peer->is_handshake_done());
        answer(); // what the peer has said last is read
        read();
        REQUIRE(ec == errc::want_read);
        return *this;
    }
    std::size_t delivered_records() const { return delivered_records_; }

    std::size_t taken() const {
        return socket ? delivered_ : const_cast<any_stream&>(*victim).pipe().bytes_read();
    }
    void report(std::string_view scenario) const {
        add_row(
            {std::string{scenario}, kind_, ec, 1, heap::peak(), taken(), calls_, watch_.elapsed()});
    }

private:
    victim_kind kind_;
    context_ptr victim_context_, peer_context_;
    pipe_pair to_peer_, to_victim_;
    std::size_t delivered_ = 0, delivered_records_ = 0, calls_ = 0;
    stopwatch watch_;
};

} // namespace test
