// SPDX-License-Identifier: BSL-1.0
// expect: declares_capabilities
// A backend that claims what it can't do.
#include <tlsxx/backend.hpp>

#include <concepts/archetypes.hpp>

static_assert(tlsxx::backend<archetype::claiming>);
