// SPDX-License-Identifier: BSL-1.0
// expect: handshakes
// The message is the same where a program meets it.
#include <tlsxx/context.hpp>

#include <concepts/archetypes.hpp>

tlsxx::basic_context<archetype::rude>* context;
