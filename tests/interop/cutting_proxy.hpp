// SPDX-License-Identifier: BSL-1.0
#pragma once

// A proxy between a client and a server that cuts their connection (POSIX).

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <tlsxx/socket.hpp>

#include <interop/process.hpp>
#include <support/socket_tools.hpp>

namespace test {

enum class cut_way { end, reset }; // what the one that is cut off sees: FIN or RST

struct cut {
    static constexpr std::size_t when_told = std::numeric_limits<std::size_t>::max();

    bool client_side; // who is cut off: the client, else the server
    cut_way how;
    std::size_t after = when_told; // this many bytes, counted on the way to it
};

// Joins one client to a server on a port of this machine and cuts off one of them:
// - by an end: nothing more reaches it, what it says is passed on until it ends itself;
// - by a reset: its connection is gone both ways, and the other one gets an end.
// The other one's bytes are taken all the same: it can't notice by its writing.
class cutting_proxy {
public:
    cutting_proxy(std::uint16_t server_port, const cut& what)
        : server_port_{server_port}, cut_{what}, listener_{
                                                     tlsxx::listen({.address = "127.0.0.1"})} {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0)
            throw std::runtime_error{"pipe"};
        wake_ = ends[0];
        waker_ = ends[1];
        thread_ = std::thread{[this] { run(); }};
    }
    cutting_proxy(const cutting_proxy&) = delete;
    cutting_proxy& operator=(const cutting_proxy&) = delete;
    ~cutting_proxy() {
        stop_ = true;
        wake();
        thread_.join();
        ::close(wake_);
        ::close(waker_);
    }

    std::uint16_t port() const { return listener_.port(); }
    // Cuts at once; what has come so far is on its way. May be called from any thread.
    void cut_now() {
        told_ = true;
        wake();
    }

private:
    // One of the two, and what goes to it.
    struct leg {
        tlsxx::socket_transport socket;
        std::size_t taken = 0;  // bytes on the way to it
        bool is_cut = false;    // gets nothing more
        bool has_ended = false; // says nothing more
    };

    void wake() {
        const char byte = 0;
        while (::write(waker_, &byte, 1) < 0 && errno == EINTR) {
        }
    }

    void run() {
        ::pollfd entries[]{{listener_.native_handle(), POLLIN, 0}, {wake_, POLLIN, 0}};
        while ((::poll(entries, 2, -1) < 0 && errno == EINTR) || take_wake(entries[1])) {
            if (stop_)
                return;
        }
        std::error_code ec;
        client_.socket = listener_.accept(ec);
        if (ec)
            return;
        client_.socket.set_timeout(program_deadline, ec);
        server_.socket =
            tlsxx::connect("127.0.0.1", server_port_, {.timeout = program_deadline}, ec);
        if (ec)
            return;
        while (!stop_ && !(client_.has_ended && server_.has_ended)) {
            ::pollfd ready[]{{client_.has_ended ? -1 : client_.socket.native_handle(), POLLIN, 0},
                             {server_.has_ended ? -1 : server_.socket.native_handle(), POLLIN, 0},
                             {wake_, POLLIN, 0}};
            if (::poll(ready, 3, -1) < 0)
                continue;
            if (take_wake(ready[2]) && told_)
                cut_off(victim());
            if (ready[0].revents != 0 && !client_.has_ended)
                pass(client_, server_);
            if (ready[1].revents != 0 && !server_.has_ended)
                pass(server_, client_);
        }
    }
    bool take_wake(const ::pollfd& entry) {
        char byte;
        return entry.revents != 0 && ::read(wake_, &byte, 1) == 1;
    }

    void pass(leg& from, leg& to) {
        std::byte buffer[16384];
        std::error_code ec;
        const std::size_t n = from.socket.receive(buffer, ec);
        if (n == 0) {
            from.has_ended = true;
            end(to);
            return;
        }
        if (to.is_cut)
            return;
        const bool aimed = &to == &victim();
        const std::size_t wanted = aimed ? std::min(n, cut_.after - to.taken) : n;
        to.taken += wanted;
        to.socket.send_all(std::span{buffer, wanted}, ec); // who is gone takes nothing
        if (aimed && to.taken == cut_.after)
            cut_off(to);
    }
    void end(leg& to) {
        std::error_code ignored;
        if (!std::exchange(to.is_cut, true))
            to.socket.shutdown_write(ignored);
    }
    void cut_off(leg& side) {
        if (cut_.how == cut_way::end || side.is_cut)
            return end(side);
        side.is_cut = side.has_ended = true;
        close_with_reset(std::move(side.socket));
        end(&side == &client_ ? server_ : client_);
    }
    leg& victim() { return cut_.client_side ? client_ : server_; }

    const std::uint16_t server_port_;
    const cut cut_;
    tlsxx::socket_listener listener_;
    int wake_ = -1, waker_ = -1;
    std::atomic<bool> stop_{false}, told_{false};
    leg client_, server_;
    std::thread thread_;
};

} // namespace test
