// SPDX-License-Identifier: BSL-1.0
// The one source file of these tests that includes this engine's backend.

#include <tlsxx/openssl.hpp>

#include <support/engine_glue.hpp>

namespace test {
const engine_functions openssl_functions = make_engine_functions<tlsxx::openssl::backend>();
} // namespace test
