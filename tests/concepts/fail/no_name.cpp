// SPDX-License-Identifier: BSL-1.0
// expect: names_its_engine
// A backend without a name.
#include <tlsxx/backend.hpp>

#include <concepts/archetypes.hpp>

static_assert(tlsxx::backend<archetype::nameless>);
