// SPDX-License-Identifier: BSL-1.0
// expect: closes
// A backend that can't send a close_notify.
#include <tlsxx/backend.hpp>

#include <concepts/archetypes.hpp>

static_assert(tlsxx::backend<archetype::endless>);
