// SPDX-License-Identifier: BSL-1.0
// expect: describes_connections
// A backend that gives no more than a name for a cipher suite.
#include <tlsxx/backend.hpp>

#include <concepts/archetypes.hpp>

static_assert(tlsxx::backend<archetype::vague>);
