// SPDX-License-Identifier: BSL-1.0
// expect: loads_trust_anchors
// A backend whose anchors never come into force.
#include <tlsxx/backend.hpp>

#include <concepts/archetypes.hpp>

static_assert(tlsxx::backend<archetype::trustless>);
