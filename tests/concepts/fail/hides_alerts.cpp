// SPDX-License-Identifier: BSL-1.0
// expect: declares_capabilities
// A backend that can do more than it says.
#include <tlsxx/backend.hpp>

#include <concepts/archetypes.hpp>

static_assert(tlsxx::backend<archetype::hiding>);
