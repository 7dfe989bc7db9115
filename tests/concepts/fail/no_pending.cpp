// SPDX-License-Identifier: BSL-1.0
// expect: reports_pending
// A backend that can't tell what is pending in a const connection.
#include <tlsxx/backend.hpp>

#include <concepts/archetypes.hpp>

static_assert(tlsxx::backend<archetype::unaware>);
