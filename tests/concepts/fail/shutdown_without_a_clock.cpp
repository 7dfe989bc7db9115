// SPDX-License-Identifier: BSL-1.0
// expect: has_timeout
// A time-out for a transport that knows no time.
#include <tlsxx/context.hpp>

#include <concepts/archetypes.hpp>

void close(tlsxx::basic_stream<archetype::minimal, archetype::transport>& stream) {
    std::error_code ec;
    stream.shutdown(1, ec);
}
