// SPDX-License-Identifier: BSL-1.0
// expect: held_transport
// A transport that can only be referred to.
#include <tlsxx/context.hpp>

#include <concepts/archetypes.hpp>

tlsxx::basic_stream<archetype::minimal, archetype::unmovable>* stream;
