// SPDX-License-Identifier: BSL-1.0
// expect: makes_connections
// A backend that makes no connections.
#include <tlsxx/backend.hpp>

#include <concepts/archetypes.hpp>

static_assert(tlsxx::backend<archetype::unconnected>);
