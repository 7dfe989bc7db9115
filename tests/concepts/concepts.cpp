// SPDX-License-Identifier: BSL-1.0
// The seam's concepts take what keeps their promises and refuse what lacks one: said by the
// compiler. That the facade needs no more than they promise, too.

#include <utility>

#include <catch2/catch_test_macros.hpp>

#include <tlsxx/context.hpp>
#include <tlsxx/memory_transport.hpp>

#include <concepts/archetypes.hpp>

using namespace tlsxx;

namespace {

// How many of the mandatory concepts hold: 17 for a backend.
template <class B>
constexpr int promises_kept() {
    return names_its_engine<B> + has_configuration<B> + has_connection<B> +
           makes_configurations<B> + applies_settings<B> + knows_its_versions<B> +
           loads_identities<B> + loads_trust_anchors<B> + makes_connections<B> + handshakes<B> +
           reads_and_writes<B> + closes<B> + reports_pending<B> + reports_failures<B> +
           describes_connections<B> + exposes_native_handles<B> + declares_capabilities<B>;
}

// True for a type that lacks exactly the promise `Kept`, and so is no backend.
template <class B, bool Kept>
inline constexpr bool lacks_only = !Kept && promises_kept<B>() == 16 && !backend<B>;

static_assert(backend<archetype::minimal> && promises_kept<archetype::minimal>() == 17);
static_assert(!supports_alert_details<archetype::minimal>);
static_assert(backend<archetype::with_alerts>);
static_assert(supports_alert_details<archetype::with_alerts>);

template <class B>
inline constexpr bool contradicts = lacks_only<B, declares_capabilities<B>>;
static_assert(contradicts<archetype::claiming>);
static_assert(contradicts<archetype::hiding>);
static_assert(contradicts<archetype::silent>);
static_assert(contradicts<archetype::throwing_alerts>);

using namespace archetype;
static_assert(lacks_only<nameless, names_its_engine<nameless>>);
static_assert(lacks_only<versionless, names_its_engine<versionless>>);
static_assert(lacks_only<unconfigurable, makes_configurations<unconfigurable>>);
static_assert(lacks_only<unshared, makes_configurations<unshared>>);
static_assert(lacks_only<unsettled, applies_settings<unsettled>>);
static_assert(lacks_only<ageless, knows_its_versions<ageless>>);
static_assert(lacks_only<anonymous, loads_identities<anonymous>>);
static_assert(lacks_only<forgetful, loads_identities<forgetful>>);
static_assert(lacks_only<trustless, loads_trust_anchors<trustless>>);
static_assert(lacks_only<batchless, loads_trust_anchors<batchless>>);
static_assert(lacks_only<unconnected, makes_connections<unconnected>>);
static_assert(lacks_only<unsaid_read_ahead, makes_connections<unsaid_read_ahead>>);
static_assert(lacks_only<rude, handshakes<rude>>);
static_assert(lacks_only<deaf, reads_and_writes<deaf>>);
static_assert(lacks_only<mute, reads_and_writes<mute>>);
static_assert(lacks_only<endless, closes<endless>>);
static_assert(lacks_only<unaware, reports_pending<unaware>>);
static_assert(lacks_only<secretive, reports_failures<secretive>>);
static_assert(lacks_only<unjudging, reports_failures<unjudging>>);
static_assert(lacks_only<vague, describes_connections<vague>>);
static_assert(lacks_only<sealed, exposes_native_handles<sealed>>);
// Another type for a handle takes other promises with it.
static_assert(!has_configuration<stuck_configuration> && !backend<stuck_configuration>);
static_assert(!has_connection<unasked_connection> && !backend<unasked_connection>);
static_assert(!backend<int> && promises_kept<int>() == 0);

static_assert(tlsxx::transport<archetype::transport>);
static_assert(!waitable_transport<archetype::transport>);
static_assert(tlsxx::transport<archetype::waitable> && waitable_transport<archetype::waitable>);
static_assert(!tlsxx::transport<throwing_transport>);
static_assert(!tlsxx::transport<counting_transport>);
static_assert(!tlsxx::transport<one_way_transport>);
static_assert(!tlsxx::transport<changing_transport>);
static_assert(tlsxx::transport<impatient> && !waitable_transport<impatient>);
static_assert(tlsxx::transport<timeless> && !waitable_transport<timeless>);
static_assert(tlsxx::transport<memory_transport> && !waitable_transport<memory_transport>);

// A stream owns what it can move and refers to the rest.
static_assert(tlsxx::detail::held_transport<archetype::transport>);
static_assert(tlsxx::detail::held_transport<archetype::transport&>);
static_assert(!tlsxx::detail::held_transport<unmovable>);
static_assert(tlsxx::detail::held_transport<unmovable&>);
static_assert(!tlsxx::detail::held_transport<int>);

// Moving must not throw, or moving a stream into a container copies it.
using archetype_stream = basic_stream<minimal, archetype::transport>;
static_assert(std::is_nothrow_move_constructible_v<archetype_stream>);
static_assert(std::is_nothrow_move_assignable_v<archetype_stream>);
static_assert(!std::is_copy_constructible_v<archetype_stream>);
static_assert(!std::is_default_constructible_v<archetype_stream>);
static_assert(std::is_nothrow_copy_constructible_v<error_info>);

} // namespace

// Every member, made for types that promise nothing more than they have to.
template class tlsxx::basic_context<archetype::minimal>;
template class tlsxx::basic_stream<archetype::minimal, archetype::transport>;
template class tlsxx::basic_stream<archetype::minimal, archetype::transport&>;
template class tlsxx::basic_stream<archetype::minimal, archetype::waitable>;
template class tlsxx::basic_stream<archetype::minimal, archetype::unmovable&>;

TEST_CASE("the facade needs no more of an engine and a transport than the concepts say") {
    std::error_code ec;
    basic_context<minimal> context{protocol::tls_client, ec};
    // This engine gives no configuration, and says nothing of why.
    auto stream = context.wrap(archetype::waitable{0}, {.server_hostname = "localhost"}, ec);
    CHECK(ec == errc::invalid_argument);
    stream.handshake(ec);
    CHECK(ec == errc::invalid_argument);
    CHECK_FALSE(stream.is_handshake_done());
    CHECK(stream.native_handle() == nullptr);
}
