// SPDX-License-Identifier: BSL-1.0
#pragma once

// Counts what is allocated, and lets the n-th allocation fail. Linked into the programs of the
// sweeps only (allocations.cpp).
//
// Without a sanitizer all of malloc's family is replaced: what the library, the engines and the C
// library allocate. With one, malloc is the sanitizer's: then operator new, OpenSSL's own hooks and
// the calls of calloc that are linked in (a static Mbed TLS) are counted.

#include <cstddef>
#include <string>

namespace test {

// How many blocks are allocated and not freed.
long live_allocations() noexcept;

// From here on allocations are counted, and the one with number `n`, from 0, fails; with
// `and_all_after` all later ones too. Until stop_failing().
void fail_allocation(std::size_t n, bool and_all_after) noexcept;
struct allocation_count {
    std::size_t made;   // were asked for
    std::size_t failed; // of these
};
allocation_count stop_failing() noexcept;

// For the length of a scope nothing fails and nothing is counted: in what belongs to the test.
class allocations_paused {
public:
    allocations_paused() noexcept;
    allocations_paused(const allocations_paused&) = delete;
    allocations_paused& operator=(const allocations_paused&) = delete;
    ~allocations_paused();

private:
    bool before_;
};

// Where the allocation was asked for that failed first: one line for each caller.
std::string place_of_failure();

// Where blocks come from that are allocated and not freed until this is asked.
void begin_recording() noexcept;
std::string end_recording();

// True if `work` leaves blocks behind each time that it is done, which is a leak: what an engine
// keeps for later use grows once.
template <class Work>
bool leaks_each_time(Work&& work) {
    for (int i = 0; i != 4; ++i) {
        const long before = live_allocations();
        work();
        if (live_allocations() <= before)
            return false;
    }
    return true;
}

} // namespace test
