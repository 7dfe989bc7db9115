// SPDX-License-Identifier: BSL-1.0
#pragma once

// How much heap a part of a program holds: every block that is made by this thread within a
// `counted` scope, by whomever it is freed. The engines' own blocks count as well. heap_meter.cpp
// belongs into the program: it takes the place of malloc, or hooks into the sanitizer's.

#include <cstddef>

namespace test::heap {

// True if blocks are counted at all: with glibc, and under AddressSanitizer.
bool is_counted() noexcept;
// True under AddressSanitizer, where everything takes ten times as long.
bool is_sanitized() noexcept;

// Begins anew: blocks that live now are forgotten.
void reset() noexcept;
std::size_t live() noexcept;  // bytes
std::size_t peak() noexcept;  // the most since the last reset
std::size_t calls() noexcept; // blocks made since then

class counted {
public:
    counted() noexcept;
    counted(const counted&) = delete;
    counted& operator=(const counted&) = delete;
    ~counted();
};

} // namespace test::heap
