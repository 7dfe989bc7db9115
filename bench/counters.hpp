// SPDX-License-Identifier: BSL-1.0
#pragma once

namespace bench {

// Calls of this process so far: of the heap (malloc, calloc, realloc: the engine's and everybody
// else's) and of the system.
struct counts {
    unsigned long heap = 0;
    unsigned long receive = 0;
    unsigned long send = 0;
    unsigned long wait = 0;
};
counts count() noexcept;

} // namespace bench
