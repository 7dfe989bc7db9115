// SPDX-License-Identifier: BSL-1.0
// expect: knows_its_versions
// A backend whose has_version may throw.
#include <tlsxx/backend.hpp>

#include <concepts/archetypes.hpp>

static_assert(tlsxx::backend<archetype::ageless>);
