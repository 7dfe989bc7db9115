// SPDX-License-Identifier: BSL-1.0
// The blocks lie in a table of their own, and not behind headers, since some are made before main
// and some by a loader that does not ask us.

#include <support/heap_meter.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <iterator>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#if defined(__SANITIZE_ADDRESS__)
#define TEST_HEAP_HOOKS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TEST_HEAP_HOOKS 1
#endif
#endif

namespace {

struct slot {
    const void* block;
    std::size_t size;
};
constexpr std::size_t slots = std::size_t{1} << 18;
slot table[slots]; // open addressing, at most half full
std::size_t used, live_bytes, peak_bytes, made;
std::atomic_flag busy = ATOMIC_FLAG_INIT;
thread_local int depth; // of `counted` scopes

class locked {
public:
    locked() {
        while (busy.test_and_set(std::memory_order_acquire)) {
        }
    }
    locked(const locked&) = delete;
    locked& operator=(const locked&) = delete;
    ~locked() { busy.clear(std::memory_order_release); }
};

std::size_t home_of(const void* block) {
    return (reinterpret_cast<std::uintptr_t>(block) >> 4) * 0x9E3779B97F4A7C15U >> (64 - 18);
}

void add(const void* block, std::size_t size) {
    const locked lock;
    if (++used > slots / 2)
        std::abort();
    std::size_t at = home_of(block);
    while (table[at].block != nullptr)
        at = (at + 1) % slots;
    table[at] = {block, size};
    live_bytes += size;
    peak_bytes = std::max(peak_bytes, live_bytes);
    ++made;
}

// True if it was counted.
bool remove(const void* block) {
    const locked lock;
    if (used == 0)
        return false;
    std::size_t at = home_of(block);
    for (; table[at].block != block; at = (at + 1) % slots)
        if (table[at].block == nullptr)
            return false;
    live_bytes -= table[at].size;
    --used;
    // What has slid past the hole moves up.
    for (std::size_t next = (at + 1) % slots; table[next].block != nullptr;
         next = (next + 1) % slots)
        if ((next - home_of(table[next].block)) % slots >= (next - at) % slots) {
            table[at] = table[next];
            at = next;
        }
    table[at] = {};
    return true;
}

} // namespace

#if defined(TEST_HEAP_HOOKS)

extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*made)(const volatile void*,
                                                                      std::size_t),
                                                         void (*freed)(const volatile void*));

namespace {
const bool counts = __sanitizer_install_malloc_and_free_hooks(
                        [](const volatile void* block, std::size_t size) {
                            if (depth != 0 && block != nullptr)
                                add(const_cast<const void*>(block), size);
                        },
                        [](const volatile void* block) {
                            if (block != nullptr)
                                remove(const_cast<const void*>(block));
                        }) != 0;
} // namespace

#elif defined(__GLIBC__)

namespace {
constexpr bool counts = true;
void* noted(void* block) {
    if (depth != 0 && block != nullptr)
        add(block, ::malloc_usable_size(block));
    return block;
}
} // namespace

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
void __libc_free(void*);

void* malloc(std::size_t size) noexcept {
    return noted(__libc_malloc(size));
}
void* calloc(std::size_t count, std::size_t size) noexcept {
    return noted(__libc_calloc(count, size));
}
void* realloc(void* block, std::size_t size) noexcept {
    if (block == nullptr)
        return malloc(size);
    const std::size_t before = ::malloc_usable_size(block);
    const bool was_counted = remove(block);
    void* const moved = __libc_realloc(block, size);
    if (moved == nullptr && size != 0 && was_counted)
        add(block, before); // it is where it was
    else if (moved != nullptr && (was_counted || depth != 0))
        add(moved, ::malloc_usable_size(moved));
    return moved;
}
void* memalign(std::size_t alignment, std::size_t size) noexcept {
    return noted(__libc_memalign(alignment, size));
}
void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
    return memalign(alignment, size);
}
int posix_memalign(void** block, std::size_t alignment, std::size_t size) noexcept {
    *block = memalign(alignment, size);
    return *block != nullptr ? 0 : ENOMEM;
}
void free(void* block) noexcept {
    if (block != nullptr)
        remove(block);
    __libc_free(block);
}
} // extern "C"

#else

namespace {
constexpr bool counts = false;
}

#endif

namespace test::heap {

bool is_counted() noexcept {
    return counts;
}
bool is_sanitized() noexcept {
#if defined(TEST_HEAP_HOOKS)
    return true;
#else
    return false;
#endif
}
void reset() noexcept {
    const locked lock;
    if (used != 0)
        std::fill(std::begin(table), std::end(table), slot{});
    used = live_bytes = peak_bytes = made = 0;
}
std::size_t live() noexcept {
    const locked lock;
    return live_bytes;
}
std::size_t peak() noexcept {
    const locked lock;
    return peak_bytes;
}
std::size_t calls() noexcept {
    const locked lock;
    return made;
}
counted::counted() noexcept {
    ++depth;
}
counted::~counted() {
    --depth;
}

} // namespace test::heap
