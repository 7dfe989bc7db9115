// SPDX-License-Identifier: BSL-1.0
// expect: has_configuration
// A backend whose configuration can't be moved.
#include <tlsxx/backend.hpp>

#include <concepts/archetypes.hpp>

static_assert(tlsxx::backend<archetype::stuck_configuration>);
