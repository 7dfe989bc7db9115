// SPDX-License-Identifier: BSL-1.0
// The one source file of these tests that includes this engine's backend.

#include <tlsxx/mbedtls.hpp>

#include <support/engine_glue.hpp>

namespace test {
const engine_functions mbedtls_functions = make_engine_functions<tlsxx::mbedtls::backend>();
} // namespace test
