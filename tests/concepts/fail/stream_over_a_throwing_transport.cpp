// SPDX-License-Identifier: BSL-1.0
// expect: held_transport
// expect: read_some(in)
// A transport that may throw.
#include <tlsxx/context.hpp>

#include <concepts/archetypes.hpp>

tlsxx::basic_stream<archetype::minimal, archetype::throwing_transport>* stream;
