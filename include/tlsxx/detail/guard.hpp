// SPDX-License-Identifier: BSL-1.0
#pragma once

// The one place that knows whether the program is built with exceptions.

#include <new>
#include <system_error>
#include <utility>

#include <tlsxx/errc.hpp>

namespace tlsxx {
inline namespace v0 {
namespace detail {

#if defined(__cpp_exceptions)

// Runs `work`; false if it ran out of memory. For engine callbacks and for the forms of an
// operation that take a std::error_code: no std::bad_alloc leaves them.
template <class Work>
bool enough_memory_for(Work&& work) {
    try {
        std::forward<Work>(work)();
        return true;
    } catch (const std::bad_alloc&) {
        return false;
    }
}

#else

// Without exceptions an allocation that fails ends the program before it gets here.
template <class Work>
bool enough_memory_for(Work&& work) {
    std::forward<Work>(work)();
    return true;
}

#endif

} // namespace detail
} // namespace v0
} // namespace tlsxx
