// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <system_error>
#include <type_traits>

#include <tlsxx/error.hpp>
#include <tlsxx/error_info.hpp>

namespace tlsxx {
inline namespace v0 {
namespace detail {

#if defined(__cpp_exceptions)

// Makes the throwing form of an operation of the one with a std::error_code&.
template <class Call>
auto or_throw(Call&& call) {
    std::error_code ec;
    if constexpr (std::is_void_v<decltype(call(ec))>) {
        call(ec);
        if (ec)
            raise(error_info{ec});
    } else {
        auto result = call(ec);
        if (ec)
            raise(error_info{ec});
        return result;
    }
}

#endif

} // namespace detail
} // namespace v0
} // namespace tlsxx
