// SPDX-License-Identifier: BSL-1.0
// expect: loads_identities
// A backend that loads no certificate of its own.
#include <tlsxx/backend.hpp>

#include <concepts/archetypes.hpp>

static_assert(tlsxx::backend<archetype::anonymous>);
