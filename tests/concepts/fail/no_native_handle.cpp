// SPDX-License-Identifier: BSL-1.0
// expect: exposes_native_handles
// A backend that hides the engine's configuration.
#include <tlsxx/backend.hpp>

#include <concepts/archetypes.hpp>

static_assert(tlsxx::backend<archetype::sealed>);
