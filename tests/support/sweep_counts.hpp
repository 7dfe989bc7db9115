// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a sweep has tried, printed at the end of the run: one line for each operation and engine.

#include <cstddef>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace test {

struct sweep_tally {
    std::size_t reached = 0; // the highest number of a call that was made to fail
    std::size_t faults = 0;  // how many were
    std::size_t runs = 0;    // with those that came to their end without meeting the fault
    std::size_t stride = 1;
    std::set<std::string> ways;                 // of failing
    std::map<std::string, std::size_t> results; // the codes that came of it, and how often
};

// By kind of fault ("I/O"), then by operation and engine.
inline std::map<std::string, std::map<std::string, sweep_tally>>& sweep_tallies() {
    static std::map<std::string, std::map<std::string, sweep_tally>> all;
    return all;
}

// True if everything is to be tried, which takes minutes: TLSXX_TEST_SWEEP=all.
inline bool sweeps_all() {
    const char* const value = std::getenv("TLSXX_TEST_SWEEP");
    return value && std::string_view{value} == "all";
}

} // namespace test
