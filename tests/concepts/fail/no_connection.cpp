// SPDX-License-Identifier: BSL-1.0
// expect: has_connection
// A backend whose connection can't be null.
#include <tlsxx/backend.hpp>

#include <concepts/archetypes.hpp>

static_assert(tlsxx::backend<archetype::unasked_connection>);
