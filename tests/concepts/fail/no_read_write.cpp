// SPDX-License-Identifier: BSL-1.0
// expect: reads_and_writes
// A backend that answers a write as POSIX does.
#include <tlsxx/backend.hpp>

#include <concepts/archetypes.hpp>

static_assert(tlsxx::backend<archetype::mute>);
