// SPDX-License-Identifier: BSL-1.0
// expect: handshakes
// A backend whose handshake may throw.
#include <tlsxx/backend.hpp>

#include <concepts/archetypes.hpp>

static_assert(tlsxx::backend<archetype::rude>);
