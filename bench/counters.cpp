// SPDX-License-Identifier: BSL-1.0
// The allocator's functions stand before the C library's own, in this program and in every shared
// library it loads. System calls are counted by strace's rule: one function, one call.

#include "counters.hpp"

#include <cstddef>
#include <dlfcn.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
}

namespace {

constinit bench::counts now;

template <class F>
F* next(const char* name) noexcept {
    return reinterpret_cast<F*>(::dlsym(RTLD_NEXT, name));
}

} // namespace

namespace bench {

counts count() noexcept {
    return now;
}

} // namespace bench

extern "C" {

void* malloc(std::size_t size) noexcept {
    ++now.heap;
    return __libc_malloc(size);
}
void* calloc(std::size_t n, std::size_t size) noexcept {
    ++now.heap;
    return __libc_calloc(n, size);
}
void* realloc(void* block, std::size_t size) noexcept {
    ++now.heap;
    return __libc_realloc(block, size);
}

ssize_t recv(int fd, void* buffer, std::size_t size, int flags) {
    static auto* const real = next<ssize_t(int, void*, std::size_t, int)>("recv");
    ++now.receive;
    return real(fd, buffer, size, flags);
}
ssize_t read(int fd, void* buffer, std::size_t size) {
    static auto* const real = next<ssize_t(int, void*, std::size_t)>("read");
    ++now.receive;
    return real(fd, buffer, size);
}
ssize_t send(int fd, const void* data, std::size_t size, int flags) {
    static auto* const real = next<ssize_t(int, const void*, std::size_t, int)>("send");
    ++now.send;
    return real(fd, data, size, flags);
}
ssize_t write(int fd, const void* data, std::size_t size) {
    static auto* const real = next<ssize_t(int, const void*, std::size_t)>("write");
    ++now.send;
    return real(fd, data, size);
}
int poll(::pollfd* entries, ::nfds_t n, int milliseconds) {
    static auto* const real = next<int(::pollfd*, ::nfds_t, int)>("poll");
    ++now.wait;
    return real(entries, n, milliseconds);
}

} // extern "C"
