// SPDX-License-Identifier: BSL-1.0
// OpenSSL's error queue is the application's: what lies in it stays, in order and word for word,
// through every call of the library, and nothing of the library's stays.

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <support/pump.hpp>
#include <support/record_tap.hpp>

using namespace test;
using tlsxx::tls_version;
using tlsxx::verify_mode;

namespace {

// All of the queue, oldest first, each entry with all its words. Empties it.
std::vector<std::string> drain() {
    std::vector<std::string> entries;
    const char* file = nullptr;
    const char* function = nullptr;
    const char* data = nullptr;
    int line = 0, flags = 0;
    while (const unsigned long code = ::ERR_get_error_all(&file, &line, &function, &data, &flags)) {
        const bool has_text = (flags & ERR_TXT_STRING) != 0;
        entries.push_back(std::to_string(code) + " " + file + ":" + std::to_string(line) + " " +
                          function + (has_text ? std::string{" = "} + data : " without text"));
    }
    return entries;
}

// One more than the ring has room for, since OpenSSL keeps one of its 16 places free.
constexpr std::size_t ring_is_full = 16;
constexpr std::size_t ring_holds = 15;

// Entries as an application's own calls of OpenSSL leave them. The newest is one of libssl's, as
// those of a failure in the library are.
void fill(std::size_t count) {
    const std::string long_text(3000, 'x');
    for (std::size_t i = count; i-- != 0;) {
        ::ERR_new();
        ::ERR_set_debug(i % 5 == 4 ? "" : "app.c", static_cast<int>(100 + i), "f");
        switch (i % 6) {
        case 0:
            ::ERR_set_error(ERR_LIB_SSL, SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, "text %d",
                            static_cast<int>(i));
            break;
        case 1: ::ERR_set_error(ERR_LIB_SSL, SSL_R_BAD_LENGTH, nullptr); break;
        case 2: ::ERR_set_error(ERR_LIB_SYS, 2, "calling fopen"); break;
        case 3:
            ::ERR_set_error(ERR_LIB_USER, 77, nullptr);
            ::ERR_add_error_data(2, "long ", long_text.c_str());
            break;
        case 4: ::ERR_set_error(ERR_LIB_X509, ERR_R_MALLOC_FAILURE, "%s", ""); break;
        default: ::ERR_set_error(ERR_LIB_PROV, 102, nullptr);
        }
    }
}

// What the queue holds when it is filled.
std::vector<std::string> expected(std::size_t count) {
    ::ERR_clear_error();
    fill(count);
    return drain();
}

std::size_t entries_of_the_application = 3;

// Makes a call, and looks at the queue after it.
template <class Call>
auto keep(Call call, int line = __builtin_LINE()) {
    INFO("the call in line " << line);
    const auto before = expected(entries_of_the_application);
    fill(entries_of_the_application);
    struct look {
        const std::vector<std::string>& before;
        ~look() {
            const auto after = drain();
            CHECK(after == before);
        }
    } look{before};
    return call();
}

// Each of these calls for an error code.
template <class Call>
std::error_code kept(Call call, int line = __builtin_LINE()) {
    std::error_code ec;
    keep([&] { call(ec); }, line);
    return ec;
}

// Runs a body with a queue that is empty, in use, and full.
template <class Body>
void for_each_fill(Body body) {
    for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{3}, ring_is_full}) {
        INFO(count << " entries of the application");
        entries_of_the_application = count;
        body();
    }
    entries_of_the_application = 3;
}

struct role_and_version {
    bool as_server;
    tls_version version;
};
constexpr role_and_version all_roles_and_versions[] = {{false, tls_version::tls_1_2},
                                                       {false, tls_version::tls_1_3},
                                                       {true, tls_version::tls_1_2},
                                                       {true, tls_version::tls_1_3}};

// OpenSSL on our side, the engine on the other.
pairing with_peer(engine peer, const role_and_version& how) {
    return how.as_server ? pairing{peer, engine::openssl, how.version}
                         : pairing{engine::openssl, peer, how.version};
}

// A whole handshake, with a look at the queue after each call.
void shake(connection& c) {
    CHECK(alternate(
        [&] {
            c.client_ec = kept([&](std::error_code& ec) { c.client->handshake(ec); });
            if (c.client_ec && !would_block(c.client_ec))
                c.client->pipe().end_output();
            return !would_block(c.client_ec);
        },
        [&] {
            c.server_ec = kept([&](std::error_code& ec) { c.server->handshake(ec); });
            if (c.server_ec && !would_block(c.server_ec))
                c.server->pipe().end_output();
            return !would_block(c.server_ec);
        }));
}

std::error_code kept_read(any_stream& stream, std::string& got, int line = __builtin_LINE()) {
    return kept([&](std::error_code& ec) { got = read_once(stream, ec); }, line);
}
std::error_code kept_write(any_stream& stream, std::string_view text, int line = __builtin_LINE()) {
    return kept([&](std::error_code& ec) { stream.write_all(text, ec); }, line);
}

} // namespace

TEST_CASE("error queue: contexts, loads good and bad, setters, copies, and their ends: openssl",
          "[engines:error-queue]") {
    using tlsxx::protocol;
    for_each_fill([] {
        for (const auto p : {protocol::tls_client, protocol::tls_server, protocol::tls}) {
            context_ptr context;
            CHECK_FALSE(
                kept([&](std::error_code& ec) { context = make_context(engine::openssl, p, ec); }));
            const auto load = [&](const tlsxx::cert_chain& source) {
                return kept([&](std::error_code& ec) { context->load_cert_chain(source, ec); });
            };
            const std::string chain = pki("good-chain.pem");
            const auto load_key = [&](const char* key, tlsxx::password password = {}) {
                const std::string keyfile = pki(key);
                return load({.certfile = chain, .keyfile = keyfile, .password = password});
            };
            for (const char* key : {"good.key", "good.pkcs8.der", "good.sec1.pem", "good.sec1.der"})
                CHECK_FALSE(load_key(key));
            for (const char* key :
                 {"good.pkcs8.enc.pem", "good.pkcs8.enc.der", "good.sec1.enc.pem"}) {
                CHECK_FALSE(load_key(key, "password"));
                CHECK(load_key(key, "wrong") == errc::bad_password);
                CHECK(load_key(key) == errc::password_required);
            }
            CHECK(load_key("client.key") == errc::key_mismatch);
            CHECK(load_key("rsa.key") == errc::key_mismatch);
            CHECK(load_key("no-such-file") == std::errc::no_such_file_or_directory);
            for (const char* key : {"text.pem", "garbage.der", "empty.pem", "root.pem"})
                CHECK(load_key(key));
            const std::string weak = pki("weak-rsa-chain.pem"), weak_key = pki("weak-rsa.key");
            CHECK(load({.certfile = weak, .keyfile = weak_key}) == errc::key_too_weak);
            for (const char* file : {"bundle-bad-block.pem", "garbage.der", "text.pem"}) {
                const std::string certfile = pki(file), keyfile = pki("good.key");
                CHECK(load({.certfile = certfile, .keyfile = keyfile}));
            }

            const auto trust = [&](const tlsxx::trust& anchors) {
                return kept(
                    [&](std::error_code& ec) { context->load_verify_locations(anchors, ec); });
            };
            for (const char* file : {"root.pem", "root.der", "two-roots.pem"})
                CHECK_FALSE(trust({.cafile = pki(file)}));
            for (const char* file :
                 {"bundle-bad-block.pem", "bundle-bad-base64.pem", "bundle-cut.pem", "empty.pem",
                  "text.pem", "garbage.der", "no-such-file"})
                CHECK(trust({.cafile = pki(file)}));
            CHECK_FALSE(trust({.capath = pki("hashed")}));
            CHECK(trust({.capath = pki("no-such-folder")}));
            CHECK_FALSE(trust({.cadata = pki_text("root.pem")}));
            CHECK(trust({.cadata = "nothing of the kind"}));
            kept([&](std::error_code& ec) { context->load_default_certs(ec); });
            CHECK(keep([&] { return context->trust_anchor_count(); }) >= 2);

            for (const auto v : {tls_version::ssl_3, tls_version::tls_1, tls_version::tls_1_1,
                                 tls_version::tls_1_2, tls_version::tls_1_3}) {
                kept([&](std::error_code& ec) { context->set_minimum_version(v, ec); });
                kept([&](std::error_code& ec) { context->set_maximum_version(v, ec); });
                keep([&] { functions_of(engine::openssl).has_version(v); });
            }
            CHECK(kept([&](std::error_code& ec) {
                      context->set_verify_flags(tlsxx::verify_flags::x509_strict, ec);
                  }) == errc::not_supported);
            CHECK(kept([&](std::error_code& ec) { context->set_verify_depth(9, ec); }) ==
                  errc::invalid_argument);
            CHECK_FALSE(kept([&](std::error_code& ec) { context->set_verify_depth(3, ec); }));
            kept([&](std::error_code& ec) { context->set_check_hostname(false, ec); });
            kept([&](std::error_code& ec) { context->set_verify_mode(verify_mode::none, ec); });
            kept([&](std::error_code& ec) { context->set_verify_mode(verify_mode::required, ec); });
            kept([&](std::error_code& ec) { context->set_check_hostname(true, ec); });
            kept([&](std::error_code& ec) { context->set_hostname_checks_common_name(true, ec); });

            // A shared one is made anew by a setter, and by a load.
            const auto copy = keep([&] { return context->copy(); });
            CHECK_FALSE(kept([&](std::error_code& ec) { context->set_verify_depth(2, ec); }));
            const auto another = keep([&] { return context->copy(); });
            CHECK_FALSE(load_key("good.key"));
            CHECK_FALSE(trust({.cafile = pki("other-root.pem")}));
            keep([&] { context.reset(); });
        }
    });
}

TEST_CASE("error queue: default contexts, and wraps that are refused: openssl",
          "[engines:error-queue]") {
    for_each_fill([] {
        const auto& functions = functions_of(engine::openssl);
        for (const auto whose : {tlsxx::purpose::server_auth, tlsxx::purpose::client_auth}) {
            kept([&](std::error_code& ec) { functions.make_default(whose, {}, ec, nullptr); });
            kept([&](std::error_code& ec) {
                functions.make_default(whose, {.cafile = pki("root.pem")}, ec, nullptr);
            });
            CHECK(kept([&](std::error_code& ec) {
                functions.make_default(whose, {.cafile = pki("garbage.der")}, ec, nullptr);
            }));
        }
        keep([&] { return functions.version(); });

        const auto client = make_client(engine::openssl), server = make_server(engine::openssl);
        const auto wrap = [](const any_context& context, const wrap_options& options) {
            std::error_code ec;
            auto stream = keep([&] { return context.wrap(pipe_pair{}.client, options, ec); });
            keep([&] { stream.reset(); });
            return ec;
        };
        const std::string name_that_ends(300, 'x');
        CHECK_FALSE(wrap(*client, {.server_hostname = "localhost", .handshake = tlsxx::deferred}));
        CHECK(wrap(*client, {.handshake = tlsxx::deferred}) == errc::server_hostname_required);
        CHECK(wrap(*client, {.server_hostname = name_that_ends, .handshake = tlsxx::deferred}) ==
              errc::server_hostname_invalid);
        CHECK(wrap(*client, {.server_hostname = "localhost", .server_side = true}) ==
              errc::wrong_role);
        std::error_code ec;
        CHECK(wrap(*make_context(engine::openssl, tlsxx::protocol::tls_server, ec), {}) ==
              errc::no_certificate_loaded);
        CHECK(wrap(*make_context(engine::openssl, tlsxx::protocol::tls_client, ec),
                   {.server_hostname = "localhost"}) == errc::no_trust_anchors);
        const auto empty_range = client->copy();
        empty_range->set_minimum_version(tls_version::tls_1_3, ec);
        empty_range->set_maximum_version(tls_version::tls_1_2, ec);
        CHECK(wrap(*empty_range, {.server_hostname = "localhost"}) == errc::invalid_version_range);
        CHECK(wrap(*client, {.server_hostname = "localhost"}) == errc::want_read);
    });
}

ENGINE_CASE("error queue: a connection from its handshake to its end, and every question to it",
            "[engines:error-queue]") {
    for_each_fill([&] {
        for (const auto& how : all_roles_and_versions) {
            for (const bool unwrappable : {false, true}) {
                connection c{with_peer(on, how),
                             {.client = {.unwrappable = unwrappable},
                              .server = {.unwrappable = unwrappable},
                              .prepare = [](any_context& client, any_context& server) {
                                  std::error_code ec;
                                  client.load_cert_chain({.certfile = pki("client-chain.pem"),
                                                          .keyfile = pki("client.key")},
                                                         ec);
                                  server.load_verify_locations({.cafile = pki("root.pem")}, ec);
                                  server.set_verify_mode(verify_mode::required, ec);
                                  REQUIRE_FALSE(ec);
                              }}};
                shake(c);
                REQUIRE_FALSE(c.client_ec);
                REQUIRE_FALSE(c.server_ec);
                for (any_stream* s : {c.client.get(), c.server.get()}) {
                    CHECK(keep([&] { return s->peer_certificate(); }));
                    CHECK(keep([&] { return s->peer_chain(); }).size() == 2);
                    CHECK(keep([&] { return s->version(); }) == to_string(how.version));
                    CHECK_FALSE(keep([&] { return s->cipher(); }).name.empty());
                    keep([&] { return s->server_name(); });
                    CHECK(keep([&] { return s->verification().reasons().empty(); }));
                    keep([&] { return s->last_error(); });
                    keep([&] { return s->pending() != 0 || s->has_pending(); });
                }

                any_stream& ours = how.as_server ? *c.server : *c.client;
                any_stream& theirs = how.as_server ? *c.client : *c.server;
                std::string got;
                // A blocked read is a blocked read, whatever lies in the queue; it meets tickets.
                CHECK(kept_read(ours, got) == errc::want_read);
                CHECK_FALSE(kept_write(ours, "data"));
                CHECK_FALSE(kept_read(theirs, got));
                CHECK(got == "data");
                CHECK_FALSE(kept_write(theirs, pattern(20'000)));
                CHECK_FALSE(kept_read(ours, got));
                CHECK_FALSE(kept_read(ours, got));
                if (how.version == tls_version::tls_1_3 && on == engine::openssl) {
                    auto* const ssl = static_cast<::SSL*>(theirs.native_handle());
                    ::SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED);
                    CHECK_FALSE(kept_write(theirs, "under new keys"));
                    CHECK_FALSE(kept_read(ours, got));
                    CHECK(got == "under new keys");
                    if (!how.as_server) {
                        ::SSL_new_session_ticket(ssl);
                        CHECK_FALSE(kept_write(theirs, "behind a ticket"));
                        CHECK_FALSE(kept_read(ours, got));
                        CHECK(got == "behind a ticket");
                    }
                }
                ours.pipe().set_capacity(3);
                const auto write = [&](std::string_view text) {
                    return kept([&](std::error_code& ec) { ours.write_some(text, ec); });
                };
                CHECK(write("blocked") == errc::want_write);
                CHECK(write("block") == errc::bad_write_retry);
                CHECK(kept([&](std::error_code& ec) { ours.flush(ec); }) == errc::want_write);
                ours.pipe().set_capacity(no_limit);
                CHECK_FALSE(write("blocked"));
                keep([&] { ours.move(); });

                CHECK_FALSE(kept([&](std::error_code& ec) { ours.close_notify(ec); }));
                CHECK(write("late") == errc::stream_closed);
                CHECK_FALSE(kept_read(theirs, got)); // the unread data
                CHECK_FALSE(kept_read(theirs, got));
                CHECK(got.empty());
                kept([&](std::error_code& ec) { theirs.shutdown(ec); });
                CHECK_FALSE(kept_read(ours, got));
                if (unwrappable)
                    CHECK_FALSE(kept([&](std::error_code& ec) { ours.unwrap(ec); }));
                keep([&] { c.client.reset(); });
                keep([&] { c.server.reset(); });
            }
        }
    });
}

ENGINE_CASE("error queue: handshakes that fail, each in its own way", "[engines:error-queue]") {
    for_each_fill([&] {
        for (const auto& how : all_roles_and_versions) {
            const pairing with = with_peer(on, how);
            const auto other =
                how.version == tls_version::tls_1_2 ? tls_version::tls_1_3 : tls_version::tls_1_2;
            {
                connection c{with, {.identity = "expired"}};
                shake(c);
                CHECK(c.client_ec == errc::verification_failed);
                CHECK_FALSE(keep([&] { return c.client->verification().reasons().empty(); }));
                keep([&] { c.client.reset(); });
                keep([&] { c.server.reset(); });
            }
            {
                connection c{with, {.host = "elsewhere.test"}};
                shake(c);
                CHECK(c.client_ec == errc::verification_failed);
            }
            {
                connection c{with, {.prepare = [](any_context&, any_context& server) {
                                 std::error_code ec;
                                 server.load_verify_locations({.cafile = pki("root.pem")}, ec);
                                 server.set_verify_mode(verify_mode::required, ec);
                             }}};
                shake(c);
                CHECK(c.server_ec == errc::certificate_required);
            }
            {
                connection c{*make_client(with.client, how.version),
                             *make_server(with.server, other)};
                shake(c);
                CHECK(c.server_ec == errc::handshake_failure);
                CHECK(c.client_ec == errc::alert_received);
            }
            {
                connection c{with};
                any_stream& ours = how.as_server ? *c.server : *c.client;
                kept([&](std::error_code& ec) { ours.handshake(ec); });
                ours.pipe().inject(bytes_of("HTTP/1.1 400 Bad Request\r\n\r\n"));
                CHECK(kept([&](std::error_code& ec) { ours.handshake(ec); }) ==
                      errc::protocol_error);
                CHECK(kept([&](std::error_code& ec) { ours.handshake(ec); }) ==
                      errc::protocol_error);
            }
            {
                connection c{with};
                any_stream& ours = how.as_server ? *c.server : *c.client;
                any_stream& theirs = how.as_server ? *c.client : *c.server;
                theirs.pipe().end_output();
                CHECK(kept([&](std::error_code& ec) { ours.handshake(ec); }) ==
                      errc::stream_truncated);
            }
            {
                connection c{with, {.client_faults = {.at_read = 1}}};
                c.server->pipe().knobs = c.client->pipe().knobs;
                any_stream& ours = how.as_server ? *c.server : *c.client;
                CHECK(kept([&](std::error_code& ec) { ours.handshake(ec); }) ==
                      std::errc::connection_reset);
                keep([&] { c.client.reset(); });
                keep([&] { c.server.reset(); });
            }
        }
    });
}

ENGINE_CASE("error queue: connections that break, each in its own way", "[engines:error-queue]") {
    for (const std::size_t count :
         {std::size_t{0}, std::size_t{1}, std::size_t{3}, std::size_t{9}}) {
        entries_of_the_application = count;
        for (const auto& how : all_roles_and_versions) {
            INFO(count << " entries, " << (how.as_server ? "server, " : "client, ")
                       << to_string(how.version));
            for (const char* const identity : {"good", "rsa"}) {
                connection c{with_peer(on, how), {.identity = identity}};
                c.up();
                any_stream& ours = how.as_server ? *c.server : *c.client;
                any_stream& theirs = how.as_server ? *c.client : *c.server;
                std::string got;
                kept_write(theirs, "changed on its way");
                ours.pipe().incoming().back() ^= std::byte{1};
                CHECK(kept_read(ours, got) == errc::protocol_error);
                CHECK(ours.last_error().reason() == "DECRYPTION_FAILED_OR_BAD_RECORD_MAC");
                CHECK(kept_read(ours, got) == errc::protocol_error);
                CHECK(kept_write(ours, "x") == errc::protocol_error);
                CHECK(kept([&](std::error_code& ec) { ours.close_notify(ec); }) ==
                      errc::protocol_error);
                keep([&] { (how.as_server ? c.server : c.client).reset(); });
            }
            { // the other side's alert
                connection c{with_peer(on, how)};
                c.up();
                any_stream& ours = how.as_server ? *c.server : *c.client;
                any_stream& theirs = how.as_server ? *c.client : *c.server;
                std::string got;
                kept_read(ours, got); // tickets
                kept_write(ours, "changed on its way");
                theirs.pipe().incoming().back() ^= std::byte{1};
                std::error_code ec;
                read_once(theirs, ec);
                CHECK(kept_read(ours, got) == errc::alert_received);
                CHECK(ours.last_error().alert_received() ==
                      tlsxx::alert_description::bad_record_mac);
                CHECK(ours.last_error().reason() == "SSLV3_ALERT_BAD_RECORD_MAC");
                keep([&] { (how.as_server ? c.server : c.client).reset(); });
            }
            { // a header that is none, and one that is too long
                for (const std::string_view junk : {std::string_view{"\x17\x03\x03\xFF\xFF", 5},
                                                    std::string_view{"GET / HTTP/1.1\r\n"},
                                                    std::string_view{"\x63\x03\x03\x00\x01x", 6}}) {
                    connection c{with_peer(on, how)};
                    c.up();
                    any_stream& ours = how.as_server ? *c.server : *c.client;
                    std::string got;
                    kept_read(ours, got);
                    ours.pipe().inject(bytes_of(junk));
                    CHECK(kept_read(ours, got) == errc::protocol_error);
                    CHECK_FALSE(ours.last_error().reason().empty());
                    keep([&] { (how.as_server ? c.server : c.client).reset(); });
                }
            }
            for (const bool inside : {false, true}) { // an end, and a reset
                connection c{with_peer(on, how)};
                c.up();
                any_stream& ours = how.as_server ? *c.server : *c.client;
                any_stream& theirs = how.as_server ? *c.client : *c.server;
                std::string got;
                kept_read(ours, got);
                if (inside) {
                    kept_write(theirs, "cut");
                    ours.pipe().incoming().pop_back();
                    CHECK(kept_read(ours, got) == errc::want_read);
                    theirs.pipe().end_output();
                    CHECK(kept_read(ours, got) == errc::stream_truncated);
                } else {
                    ours.pipe().knobs.at = ours.pipe().calls() + 1;
                    CHECK(kept_write(ours, "x") == std::errc::connection_reset);
                    CHECK(kept_read(ours, got) == std::errc::connection_reset);
                }
                keep([&] { (how.as_server ? c.server : c.client).reset(); });
            }
        }
    }
    entries_of_the_application = 3;
}

TEST_CASE("error queue: what a failing read of data pushes out of a full ring is all that is lost: "
          "openssl",
          "[engines:error-queue-full]") {
    // Before data calls nobody looks at the queue, and it is a ring: OpenSSL itself drops the
    // oldest entries when it writes down its failure.
    const auto before = expected(ring_is_full);
    CHECK(before.size() == ring_holds);
    connection c{pairing{engine::openssl, engine::openssl, tls_version::tls_1_3}};
    c.up();
    std::error_code ec;
    c.server->write_all("changed on its way", ec);
    c.client->pipe().incoming().back() ^= std::byte{1};
    fill(ring_is_full);
    (void)read_once(*c.client, ec);
    const auto after = drain();
    CHECK(ec == errc::protocol_error);
    CHECK(c.client->last_error().reason() == "DECRYPTION_FAILED_OR_BAD_RECORD_MAC");
    REQUIRE(after.size() >= ring_holds - 3);
    CHECK(std::equal(after.begin(), after.end(), before.end() - static_cast<long>(after.size())));
}

// ---- many connections in one thread

namespace {

// What becomes of a connection, and when.
enum class fate {
    healthy,
    expired,     // the server's certificate, in the handshake
    other_name,  // the client asks for another name
    no_identity, // the server wants a certificate that the client lacks
    versions,    // none in common
    junk,        // in place of a ClientHello
    reset,       // the client's transport, in the handshake
    corrupted,   // a record from the client, later
    truncated,   // no close_notify
    late_write,  // behind a close_notify
    last,
};

class neighbour {
public:
    neighbour(std::size_t number, const any_context& client, const any_context& server)
        : fate_{fate_of(number)}, text_{pattern(500 + number % 700) + std::to_string(number)},
          c_{client, server, plan(fate_)} {
        if (fate_ == fate::junk)
            c_.server->pipe().inject(bytes_of("SSH-2.0-OpenSSH_9.2p1\r\n"));
    }

    static fate fate_of(std::size_t number) {
        return number % 2 == 0
                   ? fate::healthy
                   : static_cast<fate>(1 + number / 2 % (static_cast<std::size_t>(fate::last) - 1));
    }

    // One call of one side, and true when the connection is through.
    bool step(bool of_client) {
        if (of_client && !client_done_)
            client_done_ = step_client();
        else if (!of_client && !server_done_)
            server_done_ = step_server();
        return client_done_ && server_done_;
    }

    void check() const {
        INFO("fate " << static_cast<int>(fate_) << ", client: " << client_ec_.message()
                     << ", server: " << server_ec_.message());
        switch (fate_) {
        case fate::healthy:
        case fate::late_write:
            CHECK((echoed_ == text_));
            CHECK(client_ec_ == (fate_ == fate::healthy ? std::error_code{}
                                                        : make_error_code(errc::stream_closed)));
            CHECK_FALSE(server_ec_);
            break;
        case fate::expired:
        case fate::other_name:
            CHECK(client_ec_ == errc::verification_failed);
            CHECK(c_.client->verification().code() ==
                  (fate_ == fate::expired ? tlsxx::verify_code::cert_has_expired
                                          : tlsxx::verify_code::hostname_mismatch));
            CHECK(server_ec_ == errc::alert_received);
            break;
        case fate::no_identity:
            CHECK(server_ec_ == errc::certificate_required);
            CHECK(client_ec_ == errc::alert_received);
            break;
        case fate::versions:
            CHECK(server_ec_ == errc::handshake_failure);
            CHECK(client_ec_ == errc::alert_received);
            break;
        case fate::junk:
            CHECK(server_ec_ == errc::protocol_error);
            CHECK(client_ec_);
            break;
        case fate::reset:
            CHECK(client_ec_ == std::errc::connection_reset);
            CHECK(server_ec_ == errc::stream_truncated);
            break;
        case fate::corrupted:
            CHECK(server_ec_ == errc::protocol_error);
            CHECK(client_ec_ == errc::alert_received);
            break;
        case fate::truncated:
            CHECK((echoed_ == text_));
            CHECK(server_ec_ == errc::stream_truncated);
            break;
        case fate::last: break;
        }
    }

private:
    static connection_plan plan(fate f) {
        connection_plan plan;
        if (f == fate::other_name)
            plan.host = "elsewhere.test";
        if (f == fate::reset)
            plan.client_faults = {.at = 3};
        return plan;
    }
    // True if the side is through with what `ec` says.
    static bool ends(any_stream& stream, const std::error_code& ec) {
        if (!ec || would_block(ec))
            return false;
        stream.pipe().end_output();
        return true;
    }

    bool step_client() {
        any_stream& stream = *c_.client;
        std::error_code& ec = client_ec_;
        if (sent_ != text_.size()) {
            sent_ += stream.write_all(std::string_view{text_}.substr(sent_), ec);
            if (sent_ == text_.size() && fate_ == fate::corrupted)
                c_.server->pipe().incoming().back() ^= std::byte{1};
            return ends(stream, ec);
        }
        if (echoed_.size() != text_.size()) {
            echoed_ += read_once(stream, ec, 300);
            return ends(stream, ec);
        }
        if (fate_ != fate::truncated)
            stream.close_notify(ec);
        if (fate_ == fate::late_write)
            stream.write_all("late", ec);
        stream.pipe().end_output();
        return true;
    }
    bool step_server() {
        any_stream& stream = *c_.server;
        std::error_code& ec = server_ec_;
        if (!held_.empty()) {
            held_.erase(0, stream.write_all(held_, ec));
            return ends(stream, ec);
        }
        held_ = read_once(stream, ec, 400);
        if (held_.empty() && !ec) { // the client's close_notify
            stream.close_notify(ec);
            return true;
        }
        return ends(stream, ec);
    }

    fate fate_;
    std::string text_;
    connection c_;
    std::error_code client_ec_, server_ec_;
    std::size_t sent_ = 0;
    std::string held_, echoed_;
    bool client_done_ = false, server_done_ = false;
};

} // namespace

TEST_CASE("error queue: of a thousand connections in one thread none disturbs another",
          "[engines:error-queue-neighbours]") {
    // Clients and servers of both engines and versions, by fate.
    const auto contexts_for = [](std::size_t number) {
        const pairing with{all_engines[number / 18 % 2], all_engines[number / 36 % 2],
                           both_versions[number / 72 % 2]};
        const fate f = neighbour::fate_of(number);
        const auto other =
            with.version == tls_version::tls_1_2 ? tls_version::tls_1_3 : tls_version::tls_1_2;
        std::pair made{
            make_client(with.client, f == fate::versions ? other : with.version),
            make_server(with.server, with.version, f == fate::expired ? "expired" : "good")};
        if (f == fate::no_identity) {
            std::error_code ec;
            made.second->load_verify_locations({.cafile = pki("root.pem")}, ec);
            made.second->set_verify_mode(verify_mode::required, ec);
            REQUIRE_FALSE(ec);
        }
        return made;
    };
    constexpr std::size_t count = 1000, kinds = 144; // 18 by fate, of 8 pairings
    std::vector<std::pair<context_ptr, context_ptr>> contexts;
    for (std::size_t i = 0; i != kinds; ++i)
        contexts.push_back(contexts_for(i));
    std::vector<std::unique_ptr<neighbour>> all;
    for (std::size_t i = 0; i != count; ++i)
        all.push_back(std::make_unique<neighbour>(i, *contexts[i % kinds].first,
                                                  *contexts[i % kinds].second));

    const auto before = expected(3);
    fill(3);
    std::vector<std::size_t> open(count);
    std::iota(open.begin(), open.end(), std::size_t{0});
    std::mt19937 random{42};
    for (std::size_t steps = 0; !open.empty(); ++steps) {
        REQUIRE(steps < 2'000'000);
        const std::size_t at = random() % open.size();
        if (!all[open[at]]->step(random() % 2 == 0))
            continue;
        open[at] = open.back();
        open.pop_back();
    }
    CHECK(drain() == before);
    for (const auto& each : all)
        each->check();
}
