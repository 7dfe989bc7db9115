// SPDX-License-Identifier: BSL-1.0
// expect: reports_failures
// A backend that describes failures in a way of its own.
#include <tlsxx/backend.hpp>

#include <concepts/archetypes.hpp>

static_assert(tlsxx::backend<archetype::secretive>);
