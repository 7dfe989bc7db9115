// SPDX-License-Identifier: BSL-1.0
// expect: makes_configurations
// A backend whose configurations can't be shared.
#include <tlsxx/backend.hpp>

#include <concepts/archetypes.hpp>

static_assert(tlsxx::backend<archetype::unshared>);
