// SPDX-License-Identifier: BSL-1.0
#pragma once

// What lies under every contender: a pair of sockets, or a pair of queues in memory.

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

namespace bench {

[[noreturn]] inline void die(const char* what) {
    std::fprintf(stderr, "bench: %s\n", what);
    std::exit(1);
}
inline void check(bool good, const char* what) {
    if (!good)
        die(what);
}

// Both kinds of end answer as recv and send do: -1 where they would block.

struct socket_end {
    int fd = -1;

    ssize_t receive(void* buffer, std::size_t size) const noexcept {
        return ::recv(fd, buffer, size, MSG_DONTWAIT);
    }
    ssize_t send(const void* data, std::size_t size) const noexcept {
        return ::send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
};

struct socket_wires {
    using end = socket_end;
    socket_end client, server;

    socket_wires() {
        int fds[2];
        check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0, "socketpair");
        constexpr int large = 1 << 20; // a slice never blocks: one thread plays both sides
        for (const int fd : fds)
            check(::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &large, sizeof large) == 0, "SO_SNDBUF");
        client.fd = fds[0];
        server.fd = fds[1];
    }
    socket_wires(const socket_wires&) = delete;
    socket_wires& operator=(const socket_wires&) = delete;
    ~socket_wires() {
        ::close(client.fd);
        ::close(server.fd);
    }
};

class queue {
public:
    queue() { bytes_.reserve(1 << 16); }

    ssize_t receive(void* buffer, std::size_t size) noexcept {
        const std::size_t n = std::min(size, bytes_.size() - begin_);
        if (n == 0)
            return -1;
        std::memcpy(buffer, bytes_.data() + begin_, n);
        begin_ += n;
        if (begin_ == bytes_.size()) {
            bytes_.clear();
            begin_ = 0;
        }
        return static_cast<ssize_t>(n);
    }
    ssize_t send(const void* data, std::size_t size) {
        const auto* const from = static_cast<const std::byte*>(data);
        bytes_.insert(bytes_.end(), from, from + size);
        return static_cast<ssize_t>(size);
    }
    void clear() noexcept {
        bytes_.clear();
        begin_ = 0;
    }

private:
    std::vector<std::byte> bytes_;
    std::size_t begin_ = 0;
};

struct memory_end {
    queue* in = nullptr;
    queue* out = nullptr;

    ssize_t receive(void* buffer, std::size_t size) const noexcept {
        return in->receive(buffer, size);
    }
    ssize_t send(const void* data, std::size_t size) const noexcept {
        return out->send(data, size);
    }
};

struct memory_wires {
    using end = memory_end;
    queue to_client, to_server;
    memory_end client{&to_client, &to_server}, server{&to_server, &to_client};

    void clear() noexcept {
        to_client.clear();
        to_server.clear();
    }
};

} // namespace bench
