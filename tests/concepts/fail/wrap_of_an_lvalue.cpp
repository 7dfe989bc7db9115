// SPDX-License-Identifier: BSL-1.0
// expect: given_transport
// A transport that would be moved from without the word for it: std::move, or std::ref.
#include <tlsxx/context.hpp>

#include <concepts/archetypes.hpp>

void wrap(const tlsxx::basic_context<archetype::minimal>& context, archetype::transport& below) {
    std::error_code ec;
    context.wrap(below, {}, ec);
}
