// SPDX-License-Identifier: BSL-1.0
// expect: applies_settings
// A backend that does not say whether settings were taken.
#include <tlsxx/backend.hpp>

#include <concepts/archetypes.hpp>

static_assert(tlsxx::backend<archetype::unsettled>);
