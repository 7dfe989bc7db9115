// SPDX-License-Identifier: BSL-1.0
// The settings of a context on each engine: defaults, setters, their errors, what `wrap` refuses
// before a byte is sent, and that a stream keeps what it was made with.

#include <cstdlib>
#include <thread>

#include <support/pump.hpp>

using namespace test;
using tlsxx::protocol;
using tlsxx::purpose;
using tlsxx::tls_version;
using tlsxx::verify_flags;
using tlsxx::verify_mode;

namespace {

context_ptr bare(engine e, protocol p) {
    std::error_code ec;
    auto context = make_context(e, p, ec);
    REQUIRE_FALSE(ec);
    return context;
}

// The code of `wrap`, which must not have sent anything if it fails.
std::error_code wrap_code(const any_context& context, wrap_options options) {
    options.handshake = tlsxx::deferred;
    pipe_pair pipes;
    std::error_code ec;
    auto stream = context.wrap(std::move(pipes.client), options, ec);
    if (ec) {
        CHECK(stream->last_error().code() == ec);
        CHECK(stream->pipe().calls() == 0);
        std::error_code again;
        stream->handshake(again); // there is no connection to go on with
        CHECK(again == errc::invalid_argument);
        CHECK(stream->pipe().calls() == 0);
    }
    CHECK(pipes.server.incoming().empty());
    return ec;
}

} // namespace

// ---- how a context begins
// ------------------------------------------------------------------------

ENGINE_CASE("context: a client verifies chain and name from the start, a server asks for nothing",
            "") {
    for (const protocol p : {protocol::tls_client, protocol::tls, protocol::tls_server}) {
        const auto context = bare(on, p);
        const bool client = p != protocol::tls_server;
        CHECK(context->protocol() == p);
        CHECK(context->verify_mode() == (client ? verify_mode::required : verify_mode::none));
        CHECK(context->check_hostname() == client);
        CHECK_FALSE(context->hostname_checks_common_name());
        CHECK(context->verify_flags() == verify_flags::x509_trusted_first);
        CHECK(context->verify_depth() == 8);
        CHECK(context->minimum_version() == tls_version::tls_1_2);
        CHECK(context->maximum_version() == tls_version::maximum_supported);
        CHECK(context->security_level() == 2);
        CHECK(context->trust_anchor_count() == 0);
        CHECK_FALSE(context->last_error());
    }
}

ENGINE_CASE("default context: Python's settings, without x509_strict until every engine has it",
            "") {
    std::error_code ec;
    const std::string root = pki("root.pem");
    const auto client =
        functions_of(on).make_default(purpose::server_auth, {.cafile = root}, ec, nullptr);
    REQUIRE_FALSE(ec);
    CHECK(client->protocol() == protocol::tls_client);
    CHECK(client->verify_mode() == verify_mode::required);
    CHECK(client->check_hostname());
    CHECK(client->minimum_version() == tls_version::tls_1_2);
    CHECK(client->security_level() == 2);
    CHECK(client->verify_flags() ==
          (verify_flags::x509_trusted_first | verify_flags::x509_partial_chain));
    CHECK(client->trust_anchor_count() == 1);

    const auto server = functions_of(on).make_default(purpose::client_auth, {}, ec, nullptr);
    REQUIRE_FALSE(ec);
    CHECK(server->protocol() == protocol::tls_server);
    CHECK(server->verify_mode() == verify_mode::none);
    CHECK_FALSE(server->check_hostname());
    CHECK(server->trust_anchor_count() == 0);
    CHECK(server->verify_flags() ==
          (verify_flags::x509_trusted_first | verify_flags::x509_partial_chain));
}

ENGINE_CASE("default context: trust::none trusts nobody, and wrap says so", "") {
    std::error_code ec;
    const auto context =
        functions_of(on).make_default(purpose::server_auth, tlsxx::trust::none, ec, nullptr);
    REQUIRE_FALSE(ec);
    CHECK(context->trust_anchor_count() == 0);
    CHECK(wrap_code(*context, {.server_hostname = "localhost"}) == errc::no_trust_anchors);
}

ENGINE_CASE("default context: anchors that do not load make none, and say which file", "") {
    std::error_code ec;
    tlsxx::error_info error;
    const std::string bad = pki("bundle-bad-block.pem");
    functions_of(on).make_default(purpose::server_auth, {.cafile = bad}, ec, &error);
    CHECK(ec == errc::bad_certificate);
    CHECK(error.code() == ec);
    CHECK(error.what().find("bundle-bad-block.pem") != std::string::npos);
}

// ---- verify_mode, check_hostname
// -----------------------------------------------------------------

ENGINE_CASE("context: the name check turns verification on, and keeps it on", "") {
    const auto context = bare(on, protocol::tls_client);
    std::error_code ec;

    context->set_verify_mode(verify_mode::none, ec);
    CHECK(ec == errc::check_hostname_needs_verification);
    CHECK(context->last_error().code() == ec);
    CHECK(context->verify_mode() == verify_mode::required); // nothing has changed

    context->set_check_hostname(false, ec);
    CHECK_FALSE(ec);
    CHECK_FALSE(context->check_hostname());
    CHECK(context->verify_mode() == verify_mode::required); // off leaves it
    context->set_verify_mode(verify_mode::none, ec);
    CHECK_FALSE(ec);
    CHECK(context->verify_mode() == verify_mode::none);
    CHECK_FALSE(context->last_error()); // a success takes the last error away

    context->set_check_hostname(true, ec);
    CHECK_FALSE(ec);
    CHECK(context->verify_mode() == verify_mode::required); // promoted

    context->set_verify_mode(verify_mode::optional, ec);
    CHECK_FALSE(ec);
    context->set_check_hostname(false, ec);
    context->set_check_hostname(true, ec);
    CHECK(context->verify_mode() == verify_mode::optional); // only `none` is promoted
}

ENGINE_CASE("context: a server's verify_mode is what it was set to", "") {
    const auto context = bare(on, protocol::tls_server);
    std::error_code ec;
    for (const verify_mode mode :
         {verify_mode::required, verify_mode::optional, verify_mode::none}) {
        context->set_verify_mode(mode, ec);
        CHECK_FALSE(ec);
        CHECK(context->verify_mode() == mode);
    }
    context->set_hostname_checks_common_name(true, ec);
    CHECK_FALSE(ec);
    CHECK(context->hostname_checks_common_name());
}

// ---- versions
// ------------------------------------------------------------------------------------

ENGINE_CASE("context: a minimum below what the engine has is accepted and read back", "") {
    const auto context = make_client(on);
    std::error_code ec;
    for (const tls_version v :
         {tls_version::ssl_3, tls_version::tls_1, tls_version::tls_1_1, tls_version::tls_1_2,
          tls_version::tls_1_3, tls_version::minimum_supported, tls_version::maximum_supported}) {
        context->set_maximum_version(tls_version::maximum_supported, ec);
        context->set_minimum_version(v, ec);
        CHECK_FALSE(ec);
        CHECK(context->minimum_version() == v);
        CHECK_FALSE(wrap_code(*context, {.server_hostname = "localhost"}));
    }
}

ENGINE_CASE("context: a maximum that the engine lacks is not supported", "") {
    const auto context = make_client(on);
    std::error_code ec;
    context->set_minimum_version(tls_version::minimum_supported, ec);
    for (const tls_version v : {tls_version::ssl_3, tls_version::tls_1, tls_version::tls_1_1,
                                tls_version::tls_1_2, tls_version::tls_1_3}) {
        CAPTURE(v);
        context->set_maximum_version(tls_version::maximum_supported, ec);
        context->set_maximum_version(v, ec);
        if (functions_of(on).has_version(v)) {
            CHECK_FALSE(ec);
            CHECK(context->maximum_version() == v);
        } else {
            CHECK(ec == errc::not_supported);
            CHECK(context->maximum_version() == tls_version::maximum_supported);
            const std::string what = context->last_error().what();
            CHECK(what.find(functions_of(on).backend_name()) != std::string::npos);
            CHECK(what.find(to_string(v)) != std::string::npos);
        }
    }
    CHECK(functions_of(on).has_version(tls_version::tls_1_2));
    CHECK(functions_of(on).has_version(tls_version::tls_1_3));
    CHECK_FALSE(functions_of(on).has_version(tls_version::ssl_3));
    context->set_maximum_version(tls_version::minimum_supported, ec);
    CHECK_FALSE(ec);
}

ENGINE_CASE("context: a minimum above the maximum is an error of wrap", "") {
    const auto context = bare(on, protocol::tls_client);
    std::error_code ec;
    context->load_verify_locations({.cafile = pki("root.pem")}, ec);
    context->set_minimum_version(tls_version::tls_1_3, ec);
    CHECK_FALSE(ec);
    context->set_maximum_version(tls_version::tls_1_2, ec); // the bounds can be set in any order
    CHECK_FALSE(ec);
    CHECK(wrap_code(*context, {.server_hostname = "localhost"}) == errc::invalid_version_range);
    context->set_minimum_version(tls_version::maximum_supported, ec);
    CHECK_FALSE(ec);
    CHECK(wrap_code(*context, {.server_hostname = "localhost"}) == errc::invalid_version_range);
    context->set_minimum_version(tls_version::tls_1_2, ec);
    CHECK_FALSE(ec);
    CHECK_FALSE(wrap_code(*context, {.server_hostname = "localhost"}));
}

// ---- the other settings
// --------------------------------------------------------------------------

ENGINE_CASE("context: flags that are not there yet are refused, never ignored", "") {
    const auto context = bare(on, protocol::tls_client);
    std::error_code ec;
    using enum verify_flags;
    for (const verify_flags flag :
         {crl_check_leaf, crl_check_chain, x509_strict, allow_proxy_certs}) {
        context->set_verify_flags(flag | x509_trusted_first, ec);
        CHECK(ec == errc::not_supported);
        CHECK(context->verify_flags() == x509_trusted_first);
    }
    context->set_verify_flags(static_cast<verify_flags>(0x100000), ec);
    CHECK(ec == errc::invalid_argument);
    context->set_verify_flags(x509_trusted_first | x509_partial_chain, ec);
    CHECK_FALSE(ec);
    CHECK(context->verify_flags() == (x509_trusted_first | x509_partial_chain));
    // Mbed TLS looks for trust first, always.
    context->set_verify_flags(x509_partial_chain, ec);
    if (on == engine::mbedtls) {
        CHECK(ec == errc::not_supported);
        CHECK(context->last_error().what().find("Mbed TLS") != std::string::npos);
        CHECK(has_flag(context->verify_flags(), x509_trusted_first));
    } else {
        CHECK_FALSE(ec);
        CHECK(context->verify_flags() == x509_partial_chain);
    }
}

ENGINE_CASE("context: the depth is from 0 to 8", "") {
    const auto context = bare(on, protocol::tls_client);
    std::error_code ec;
    for (const int depth : {-1, 9, 100}) {
        context->set_verify_depth(depth, ec);
        CHECK(ec == errc::invalid_argument);
        CHECK(context->verify_depth() == 8);
    }
    for (const int depth : {0, 8, 1}) {
        context->set_verify_depth(depth, ec);
        CHECK_FALSE(ec);
        CHECK(context->verify_depth() == depth);
    }
}

// ---- what wrap refuses
// ---------------------------------------------------------------------------

ENGINE_CASE("wrap: a client without a name to check is refused before a byte is sent", "") {
    const auto context = make_client(on);
    CHECK(wrap_code(*context, {}) == errc::server_hostname_required);
    std::error_code ec;
    context->set_check_hostname(false, ec);
    CHECK_FALSE(wrap_code(*context, {}));
}

ENGINE_CASE("wrap: what can't be a host name is refused, whether it is checked or not", "") {
    const auto context = make_client(on);
    std::error_code ec;
    const std::string zero{"local\0host", 10};
    for (const bool check : {true, false}) {
        context->set_check_hostname(check, ec);
        REQUIRE_FALSE(ec);
        CHECK(wrap_code(*context, {.server_hostname = ".localhost"}) ==
              errc::server_hostname_invalid);
        CHECK(wrap_code(*context, {.server_hostname = "a..b"}) == errc::server_hostname_invalid);
        CHECK(wrap_code(*context, {.server_hostname = "."}) == errc::server_hostname_invalid);
        CHECK(wrap_code(*context, {.server_hostname = zero}) == errc::server_hostname_invalid);
        CHECK(wrap_code(*context, {.server_hostname = std::string(64, 'x') + ".test"}) ==
              errc::server_hostname_invalid);
        CHECK(wrap_code(*context, {.server_hostname = "b\xC3\xBC"
                                                      "cher.test"}) == errc::name_not_ascii);
        CHECK_FALSE(wrap_code(*context, {.server_hostname = "xn--bcher-kva.test"}));
    }
}

ENGINE_CASE("wrap: a client that verifies needs something to trust", "[engines:no-anchors]") {
    const auto context = bare(on, protocol::tls_client);
    CHECK(wrap_code(*context, {.server_hostname = "localhost"}) == errc::no_trust_anchors);
    std::error_code ec;
    context->set_check_hostname(false, ec);
    context->set_verify_mode(verify_mode::none, ec);
    CHECK_FALSE(wrap_code(*context, {.server_hostname = "localhost"}));
}

ENGINE_CASE("wrap: a server needs a certificate, and anchors if it asks for one", "") {
    std::error_code ec;
    auto context = bare(on, protocol::tls_server);
    CHECK(wrap_code(*context, {}) == errc::no_certificate_loaded);
    context = make_server(on);
    CHECK_FALSE(wrap_code(*context, {}));
    for (const verify_mode mode : {verify_mode::optional, verify_mode::required}) {
        context->set_verify_mode(mode, ec);
        CHECK(wrap_code(*context, {}) == errc::no_trust_anchors);
    }
    context->load_verify_locations({.cafile = pki("root.pem")}, ec);
    CHECK_FALSE(wrap_code(*context, {}));
}

ENGINE_CASE("wrap: each protocol plays its own role", "") {
    CHECK(wrap_code(*make_client(on), {.server_hostname = "localhost", .server_side = true}) ==
          errc::wrong_role);
    CHECK(wrap_code(*make_server(on), {.server_hostname = "localhost"}) == errc::invalid_argument);
    CHECK_FALSE(wrap_code(*make_server(on), {.server_side = true}));
}

PAIR_CASE("wrap: a context for both roles verifies as a client and asks for nothing as a server",
          "") {
    std::error_code ec;
    const auto both = [&](engine e) {
        auto context = make_context(e, protocol::tls, ec);
        context->load_verify_locations({.cafile = pki("root.pem")}, ec);
        context->load_cert_chain({.certfile = pki("good-chain.pem"), .keyfile = pki("good.key")},
                                 ec);
        context->set_minimum_version(with.version, ec);
        context->set_maximum_version(with.version, ec);
        REQUIRE_FALSE(ec);
        return context;
    };
    const auto client = both(with.client), server = both(with.server);
    connection good{*client, *server, {.server = {.server_side = true}}};
    good.up();
    CHECK(good.server->peer_chain().empty());
    CHECK((transfer(*good.client, *good.server, "both") == "both"));

    connection wrong{*client, *server, {.host = "elsewhere.test", .server = {.server_side = true}}};
    CHECK_FALSE(wrong.handshake());
    CHECK(wrong.client_ec == errc::verification_failed);

    CHECK(wrap_code(*client, {}) == errc::server_hostname_required);
}

// ---- snapshots
// -----------------------------------------------------------------------------------

PAIR_CASE("snapshot: a stream keeps the settings that it was made with", "[engines:snapshot]") {
    auto client_context = make_client(with.client, with.version);
    auto server_context = make_server(with.server, with.version);
    connection before{*client_context, *server_context};

    std::error_code ec;
    // Each of these would make the handshake fail, or look different.
    const auto other =
        with.version == tls_version::tls_1_2 ? tls_version::tls_1_3 : tls_version::tls_1_2;
    server_context->load_cert_chain(
        {.certfile = pki("expired-chain.pem"), .keyfile = pki("expired.key")}, ec);
    REQUIRE_FALSE(ec);
    server_context->load_verify_locations({.cafile = pki("root.pem")}, ec);
    server_context->set_verify_mode(verify_mode::required, ec);
    REQUIRE_FALSE(ec);
    server_context->set_minimum_version(tls_version::tls_1_2, ec);
    server_context->set_maximum_version(tls_version::tls_1_3, ec);
    server_context->set_minimum_version(other, ec);
    server_context->set_maximum_version(other, ec);
    REQUIRE_FALSE(ec);
    client_context->set_minimum_version(tls_version::tls_1_2, ec);
    client_context->set_maximum_version(tls_version::tls_1_3, ec);
    client_context->set_check_hostname(false, ec);
    client_context->set_verify_depth(0, ec);
    client_context->load_verify_locations({.cafile = pki("other-root.pem")}, ec);
    REQUIRE_FALSE(ec);

    before.up();
    CHECK(before.client->version() == to_string(with.version));
    const auto leaf = before.client->peer_certificate();
    REQUIRE(leaf);
    CHECK(leaf->subject().find("CN=good") != std::string::npos);

    // The same, changed while connections are in use, and made afterwards.
    CHECK((transfer(*before.client, *before.server, "as before") == "as before"));
    connection after{*client_context, *server_context, {.host = "elsewhere.test"}};
    CHECK_FALSE(after.handshake());
    CHECK(after.client->last_error().what() != "");
}

PAIR_CASE("snapshot: anchors and strictness loaded later do not reach a stream made before", "") {
    auto client_context = make_client(with.client, with.version, "other-root.pem");
    auto server_context = make_server(with.server, with.version);
    connection before{*client_context, *server_context};
    std::error_code ec;
    client_context->load_verify_locations({.cafile = pki("root.pem")}, ec);
    REQUIRE_FALSE(ec);
    CHECK(client_context->trust_anchor_count() == 2);
    connection after{*client_context, *server_context};
    CHECK_FALSE(before.handshake());
    CHECK(before.client_ec == errc::verification_failed);
    after.up();
}

ENGINE_CASE("snapshot: a copy of a context is independent", "") {
    std::error_code ec;
    auto original = make_client(on, tls_version::tls_1_3);
    auto copy = original->copy();
    copy->set_check_hostname(false, ec);
    copy->set_verify_mode(verify_mode::none, ec);
    copy->load_verify_locations({.cafile = pki("other-root.pem")}, ec);
    REQUIRE_FALSE(ec);
    CHECK(original->check_hostname());
    CHECK(original->verify_mode() == verify_mode::required);
    CHECK(original->trust_anchor_count() == 1);
    CHECK(copy->trust_anchor_count() == 2);
    original.reset();
    connection c{*copy, *make_server(on), {.host = "elsewhere.test"}};
    c.up();
}

ENGINE_CASE("snapshot: a setter that fails on a shared context leaves it as it was", "") {
    std::error_code ec;
    auto context = make_server(on);
    const auto copy = context->copy();
    context->load_cert_chain({.certfile = pki("good-chain.pem"), .keyfile = pki("client.key")}, ec);
    CHECK(ec == errc::key_mismatch);
    connection c{*make_client(on), *context};
    c.up();
}
