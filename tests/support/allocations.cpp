// SPDX-License-Identifier: BSL-1.0

#include <support/allocations.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

#include <openssl/crypto.h>

#if defined(__has_feature)
#define TEST_HAS_FEATURE(x) __has_feature(x)
#else
#define TEST_HAS_FEATURE(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||                               \
    TEST_HAS_FEATURE(address_sanitizer) || TEST_HAS_FEATURE(thread_sanitizer) ||                   \
    TEST_HAS_FEATURE(memory_sanitizer) || !defined(__GLIBC__)
#define TEST_REPLACES_MALLOC 0
#else
#define TEST_REPLACES_MALLOC 1
#endif

#if defined(__GLIBC__)
#include <execinfo.h>
#endif

namespace {

using std::size_t;

constexpr int most_frames = 24;
struct block {
    void* at;
    int frames;
    std::array<void*, most_frames> trace;
};

// All of it without an initialiser that runs: allocations come before those.
constinit long live = 0;
constinit bool counting = false;
constinit bool all_after = false;
constinit bool inside = false; // backtrace() allocates when it is first called
constinit size_t failing = 0;
constinit size_t made = 0;
constinit size_t failed = 0;
constinit bool recording = false;
constinit size_t recorded = 0;
std::array<block, 40'000> blocks;
block first_failure;

void trace(block& b) {
    inside = true;
#if defined(__GLIBC__)
    b.frames = ::backtrace(b.trace.data(), most_frames);
#else
    b.frames = 0;
#endif
    inside = false;
}

// True if the allocation that is asked for is to fail.
bool fails() {
    if (!counting || inside)
        return false;
    const size_t number = made++;
    if (number < failing || (number != failing && !all_after))
        return false;
    if (failed++ == 0)
        trace(first_failure);
    return true;
}

void* taken(void* p) {
    if (!p || inside)
        return p;
    ++live;
    if (recording && recorded != blocks.size()) {
        blocks[recorded].at = p;
        trace(blocks[recorded++]);
    }
    return p;
}
void given_back(void* p) {
    if (!p || inside)
        return;
    --live;
    if (!recording)
        return;
    for (size_t i = recorded; i != 0; --i) {
        if (blocks[i - 1].at == p) {
            blocks[i - 1].at = nullptr;
            return;
        }
    }
}

std::string lines_of(const block& b) {
    std::string text;
#if defined(__GLIBC__)
    char** const names = ::backtrace_symbols(b.trace.data(), b.frames);
    for (int i = 1; names && i < b.frames; ++i)
        text.append("  ").append(names[i]) += '\n';
    std::free(static_cast<void*>(names));
#else
    static_cast<void>(b);
#endif
    return text;
}

} // namespace

#if TEST_REPLACES_MALLOC

// glibc's own, under the names by which it can be reached when malloc is replaced.
extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);
void __libc_free(void*);

void* malloc(size_t size) {
    if (fails()) {
        errno = ENOMEM;
        return nullptr;
    }
    return taken(__libc_malloc(size));
}
void* calloc(size_t count, size_t size) {
    if (fails()) {
        errno = ENOMEM;
        return nullptr;
    }
    return taken(__libc_calloc(count, size));
}
void* realloc(void* p, size_t size) {
    if (fails()) {
        errno = ENOMEM;
        return nullptr;
    }
    given_back(p);
    return taken(__libc_realloc(p, size));
}
void* memalign(size_t alignment, size_t size) {
    if (fails()) {
        errno = ENOMEM;
        return nullptr;
    }
    return taken(__libc_memalign(alignment, size));
}
void* aligned_alloc(size_t alignment, size_t size) {
    return memalign(alignment, size);
}
int posix_memalign(void** p, size_t alignment, size_t size) {
    *p = memalign(alignment, size);
    return *p ? 0 : ENOMEM;
}
void free(void* p) {
    given_back(p);
    __libc_free(p);
}
}

#else

// NOLINTBEGIN: the names are the linker's
extern "C" {
void* __real_calloc(size_t, size_t) __attribute__((weak));
void* __wrap_calloc(size_t, size_t);
void* __wrap_calloc(size_t count, size_t size) {
    return fails() ? nullptr : __real_calloc(count, size);
}
}
// NOLINTEND

void* operator new(size_t size, const std::nothrow_t&) noexcept {
    return fails() ? nullptr : taken(std::malloc(size));
}
void* operator new(size_t size) {
    void* const p = operator new(size, std::nothrow);
    if (!p)
        throw std::bad_alloc{};
    return p;
}
void* operator new[](size_t size) {
    return operator new(size);
}
void* operator new[](size_t size, const std::nothrow_t&) noexcept {
    return operator new(size, std::nothrow);
}
void operator delete(void* p) noexcept {
    given_back(p);
    std::free(p);
}
void operator delete(void* p, size_t) noexcept {
    operator delete(p);
}
void operator delete(void* p, const std::nothrow_t&) noexcept {
    operator delete(p);
}
void operator delete[](void* p) noexcept {
    operator delete(p);
}
void operator delete[](void* p, size_t) noexcept {
    operator delete(p);
}
void operator delete[](void* p, const std::nothrow_t&) noexcept {
    operator delete(p);
}

namespace {
// Before anything of OpenSSL is used: it takes no other allocator afterwards.
[[maybe_unused]] const bool hooked = [] {
    return ::CRYPTO_set_mem_functions(
               [](size_t size, const char*, int) -> void* {
                   return fails() ? nullptr : taken(std::malloc(size));
               },
               [](void* p, size_t size, const char*, int) -> void* {
                   if (fails())
                       return nullptr;
                   given_back(p);
                   return taken(std::realloc(p, size));
               },
               [](void* p, const char*, int) {
                   given_back(p);
                   std::free(p);
               }) == 1;
}();
} // namespace

#endif

// What an engine loses by itself when an allocation fails: docs/engines.md.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() {
    return "leak:mbedtls_ssl_tls13_populate_transform\n";
}

namespace test {

long live_allocations() noexcept {
    return live;
}

void fail_allocation(std::size_t n, bool and_all_after) noexcept {
    static const bool warm = [] {
        trace(first_failure);
        return true;
    }();
    static_cast<void>(warm);
    made = failed = 0;
    failing = n;
    all_after = and_all_after;
    counting = true;
}
allocation_count stop_failing() noexcept {
    counting = false;
    return {made, failed};
}

allocations_paused::allocations_paused() noexcept : before_{counting} {
    counting = false;
}
allocations_paused::~allocations_paused() {
    counting = before_;
}

std::string place_of_failure() {
    return lines_of(first_failure);
}

void begin_recording() noexcept {
    trace(first_failure);
    recorded = 0;
    recording = true;
}
std::string end_recording() {
    recording = false;
    std::string text;
    int shown = 0;
    for (std::size_t i = 0; i != recorded; ++i)
        if (blocks[i].at && ++shown <= 3)
            text += "a block from\n" + lines_of(blocks[i]);
    return text;
}

} // namespace test
