// SPDX-License-Identifier: BSL-1.0
// Every operation while the n-th allocation of it fails, once or with all that follow, for n = 0,
// 1, … until the operation no longer gets so far: ours, the engine's and the C library's. What
// comes of it is an error that names the lack of memory, or success; an object that is as it was;
// no leak; nothing in OpenSSL's error queue.

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <openssl/err.h>

#include <tlsxx/mbedtls.hpp>
#include <tlsxx/openssl.hpp>
#include <tlsxx/pem.hpp>

#include <support/allocations.hpp>
#include <support/cases.hpp>
#include <support/fault_transport.hpp>
#include <support/pki.hpp>
#include <support/sweep_counts.hpp>

using namespace test;
using tlsxx::errc;
using tlsxx::protocol;
using tlsxx::role;
using tlsxx::tls_version;
using tlsxx::verify_mode;

namespace {

using other = tlsxx::openssl::backend; // the peer: the quicker engine

// A pipe's end whose own allocations don't count.
class calm_pipe {
public:
    explicit calm_pipe(pipe_end end) : end_{std::move(end)} {}
    pipe_end& end() { return end_; }

    tlsxx::io_result read_some(std::span<std::byte> buffer) noexcept {
        const allocations_paused paused;
        return end_.read_some(buffer);
    }
    tlsxx::io_result write_some(std::span<const std::byte> bytes) noexcept {
        const allocations_paused paused;
        return end_.write_some(bytes);
    }

private:
    pipe_end end_;
};

template <class B>
std::string_view short_name() {
    return std::is_same_v<B, tlsxx::openssl::backend> ? "openssl" : "mbedtls";
}

// ---- the sweep
// -----------------------------------------------------------------------------------

struct sweep_plan {
    std::string name;
    std::size_t stride = 1; // unless everything is swept
};

// True for the codes that tell a lack of memory, and for what stands for a failure inside the
// engine that did not say why.
bool is_honest(const std::error_code& ec) {
    return ec == std::errc::not_enough_memory || ec == errc::engine_failure;
}

// Mbed TLS tries the forms of a key one after the other and tells what is wrong with the last.
bool is_honest_of_keys(const std::error_code& ec) {
    return is_honest(ec) || ec == errc::bad_private_key || ec == errc::bad_password;
}

std::string word_for(const std::error_code& ec) {
    if (!ec)
        return "success";
    if (ec == std::errc::not_enough_memory) // also the system's
        return "not_enough_memory";
    if (ec == errc::engine_failure)
        return "engine_failure";
    return ec.message();
}

// `make()` gives the state, `act(state, ec)` is what fails, `check(state, ec)` looks at what is
// left of it. Leaves `and_all_after` out for operations that the test itself has a part in.
template <class B, class Make, class Act, class Check>
void sweep(const sweep_plan& plan, Make make, Act act, Check check,
           bool (*is_expected)(const std::error_code&) = is_honest) {
    auto& tally = sweep_tallies()["allocations"][plan.name + ", " + std::string{short_name<B>()}];
    tally.stride = sweeps_all() ? 1 : plan.stride;
    tally.ways = {"once", "from then on"};
    const bool verbose = std::getenv("TLSXX_TEST_SWEEP_TRACE") != nullptr;

    allocation_count count{};
    std::error_code ec;
    // Mbed TLS' generator, which takes new entropy once in 10,000 times, does not survive a lack of
    // memory then (docs/engines.md): it is a new one for each run.
    const auto refresh = [] {
        if constexpr (std::is_same_v<B, tlsxx::mbedtls::backend>) {
            ::mbedtls_psa_crypto_free();
            REQUIRE(::psa_crypto_init() == PSA_SUCCESS);
        }
    };
    const auto run = [&](std::size_t n, bool and_all_after) {
        auto state = make();
        ec.clear();
        bool thrown = false;
        fail_allocation(n, and_all_after);
        try {
            act(state, ec);
        } catch (...) {
            thrown = true;
        }
        count = stop_failing();
        const char* name = "";
        const unsigned long left = ::ERR_peek_error_func(&name);
        const std::string function = name;
        ::ERR_clear_error();
        CHECK_FALSE(thrown);
        if (left != 0)
            UNSCOPED_INFO("left by " << function << " after\n" << place_of_failure());
        CHECK(left == 0);
        check(state, ec);
    };
    const std::size_t never = static_cast<std::size_t>(-1);
    run(never, false); // what is made once is made
    const std::error_code without = ec;
    for (const bool and_all_after : {false, true}) {
        for (std::size_t n = 0;; n += tally.stride) {
            CAPTURE(plan.name, n, and_all_after);
            // The last that leaks is recorded: how much is allocated until then is up to chance in
            // Mbed TLS, so the same n may be elsewhere the next time.
            std::string lost;
            bool records = false;
            const bool leaks = leaks_each_time([&] {
                refresh();
                if (records)
                    begin_recording();
                run(n, and_all_after);
                if (std::exchange(records, true))
                    lost = end_recording();
            });
            ++tally.runs;
            if (count.failed == 0) {
                CHECK(ec == without);
                break;
            }
            tally.faults += count.failed;
            tally.reached = std::max(tally.reached, n);
            const bool expected = !ec || is_expected(ec);
            ++tally.results[word_for(ec)];
            if (leaks)
                UNSCOPED_INFO(lost);
            // The engine's own: docs/engines.md.
            const bool known =
                lost.find("mbedtls_ssl_tls13_populate_transform") != std::string::npos;
            if (known)
                ++tally.results["leak of the engine"];
            CHECK((!leaks || known));
            if (!expected || (verbose && ec == errc::engine_failure))
                UNSCOPED_INFO(place_of_failure());
            CAPTURE(ec);
            CHECK(expected);
            if (verbose && ec == errc::engine_failure)
                CHECK(ec == errc::not_enough_memory);
        }
    }
}
template <class B, class Make, class Act>
void sweep(const sweep_plan& plan, Make make, Act act) {
    sweep<B>(plan, make, act, [](auto&, const std::error_code&) {});
}

// ---- contexts
// ------------------------------------------------------------------------------------

template <class B>
using context_of = tlsxx::basic_context<B>;

template <class B>
context_of<B> client_context(tls_version only = tls_version::maximum_supported,
                             std::string_view anchors = "root.pem",
                             std::string_view identity = "client") {
    context_of<B> c{protocol::tls_client};
    if (!anchors.empty())
        c.load_verify_locations({.cafile = pki(anchors)});
    if (!identity.empty())
        c.load_cert_chain({.certfile = pki(std::string{identity} + "-chain.pem"),
                           .keyfile = pki(std::string{identity} + ".key")});
    if (only != tls_version::maximum_supported) {
        c.set_minimum_version(only);
        c.set_maximum_version(only);
    }
    return c;
}
template <class B>
context_of<B> server_context(tls_version only = tls_version::maximum_supported,
                             std::string_view identity = "good", bool asks = true) {
    context_of<B> c{protocol::tls_server};
    c.load_cert_chain({.certfile = pki(std::string{identity} + "-chain.pem"),
                       .keyfile = pki(std::string{identity} + ".key")});
    if (asks) {
        c.load_verify_locations({.cafile = pki("root.pem")});
        c.set_verify_mode(verify_mode::required);
    }
    if (only != tls_version::maximum_supported) {
        c.set_minimum_version(only);
        c.set_maximum_version(only);
    }
    return c;
}

struct observed {
    verify_mode mode;
    bool check_hostname, common_name;
    tlsxx::verify_flags flags;
    int depth;
    tls_version minimum, maximum;
    std::size_t anchors;
    bool operator==(const observed&) const = default;
};
template <class B>
observed observe(const context_of<B>& c) {
    return {c.verify_mode(),     c.check_hostname(),    c.hostname_checks_common_name(),
            c.verify_flags(),    c.verify_depth(),      c.minimum_version(),
            c.maximum_version(), c.trust_anchor_count()};
}

// ---- connections
// ---------------------------------------------------------------------------------

template <class B>
struct bout {
    using stream = tlsxx::basic_stream<B, calm_pipe>;
    using peer_stream = tlsxx::basic_stream<other, calm_pipe>;

    bout(const context_of<B>& ours, const context_of<other>& peers, bool is_client,
         std::string_view host = "localhost") {
        pipe_pair pipes;
        const tlsxx::wrap_options client{
            .server_hostname = host, .handshake = tlsxx::deferred, .unwrappable = true};
        const tlsxx::wrap_options server{.handshake = tlsxx::deferred, .unwrappable = true};
        us.emplace(ours.wrap(calm_pipe{std::move(is_client ? pipes.client : pipes.server)},
                             is_client ? client : server));
        peer.emplace(peers.wrap(calm_pipe{std::move(is_client ? pipes.server : pipes.client)},
                                is_client ? server : client));
    }

    std::optional<stream> us;
    std::optional<peer_stream> peer;
    std::string got;
    std::size_t sent = 0;

    // Calls `ours` until it does not block, and lets the peer do its part between.
    template <class Ours, class Theirs>
    void drive(std::error_code& ec, Ours ours, Theirs theirs) {
        for (int i = 0; i != 100; ++i) {
            ours();
            if (ec != errc::want_read && ec != errc::want_write)
                return;
            const allocations_paused paused;
            std::error_code ignored;
            theirs(ignored);
        }
    }
    void handshake(std::error_code& ec) {
        drive(
            ec, [&] { us->handshake(ec); },
            [&](std::error_code& peer_ec) { peer->handshake(peer_ec); });
    }
    bout& establish() {
        std::error_code ec;
        handshake(ec);
        REQUIRE_FALSE(ec);
        peer->handshake(ec);
        REQUIRE_FALSE(ec);
        return *this;
    }
    // Data goes both ways.
    bool works() {
        std::error_code ec, peer_ec;
        peer->handshake(peer_ec);
        if (peer_ec)
            return false;
        peer->write_all("down", peer_ec);
        us->write_all("up", ec);
        char down[4], up[2];
        const std::size_t n = us->read_exactly(std::as_writable_bytes(std::span{down}), ec);
        const std::size_t m = peer->read_exactly(std::as_writable_bytes(std::span{up}), peer_ec);
        return !ec && !peer_ec && std::string_view{down, n} == "down" &&
               std::string_view{up, m} == "up";
    }
};

// What a failure leaves must fail as before, and quickly.
template <class B>
void check_after(bout<B>& b, const std::error_code& ec) {
    if (!ec)
        return;
    for (int i = 0; i != 2; ++i) {
        std::error_code later;
        char buffer[16];
        b.us->read_some(std::span<char>{buffer}, later);
        CHECK(later == ec);
        b.us->write_some("x", later);
        CHECK(later == ec);
        b.us->shutdown(later);
        CHECK(later == ec);
        CHECK(b.us->last_error().code() == ec);
    }
}

const std::string long_text(20'000, 'x');

} // namespace

#define TEST_BACKENDS tlsxx::openssl::backend, tlsxx::mbedtls::backend

namespace {

enum first_use { good = 0, reached = 1, failed = 2, dishonest = 4, unusable = 8, hangs = 16 };

// OpenSSL 3.5 without memory for what it sets up at its very first use wants to report that, which
// waits until it is set up (docs/engines.md).
extern "C" void end_of_patience(int) {
    stop_failing();
    const bool engine = place_of_failure().find("OPENSSL_init_crypto") != std::string::npos &&
                        ::OpenSSL_version_num() >= 0x30500000;
    std::_Exit(engine ? reached | hangs : reached | dishonest);
}

} // namespace

// In a process of its own for each n, which has not used the engine before: so this comes first.
TEMPLATE_TEST_CASE("sweep: each allocation fails at the first use of an engine",
                   "[sweep][engines:no-memory]", TEST_BACKENDS) {
    auto& tally =
        sweep_tallies()["allocations"]["first use, " + std::string{short_name<TestType>()}];
    tally.stride = sweeps_all() ? 3 : std::is_same_v<TestType, tlsxx::openssl::backend> ? 199 : 1;
    tally.ways = {"once", "from then on"};
    for (const bool and_all_after : {false, true}) {
        for (std::size_t n = 0;; n += tally.stride) {
            CAPTURE(n, and_all_after);
            const ::pid_t child = ::fork();
            REQUIRE(child != -1);
            if (child == 0) {
                std::error_code ec, again;
                ::signal(SIGALRM, end_of_patience);
                ::alarm(10);
                fail_allocation(n, and_all_after);
                { const context_of<TestType> context{protocol::tls_client, ec}; }
                const allocation_count count = stop_failing();
                const context_of<TestType> context{protocol::tls_client, again};
                std::_Exit((count.failed != 0 ? reached : good) | (ec ? failed : good) |
                           (ec && !is_honest(ec) ? dishonest : good) | (again ? unusable : good));
            }
            int status = 0;
            REQUIRE(::waitpid(child, &status, 0) == child);
            REQUIRE(WIFEXITED(status));
            const int how = WEXITSTATUS(status);
            ++tally.runs;
            CHECK((how & dishonest) == 0);
            if ((how & reached) == 0) {
                CHECK(how == good);
                break;
            }
            ++tally.faults;
            tally.reached = std::max(tally.reached, n);
            ++tally.results[(how & hangs) != 0      ? "no end"
                            : (how & failed) == 0   ? "success"
                            : (how & unusable) != 0 ? "failure for good"
                                                    : "failure, then success"];
        }
    }
}

TEMPLATE_TEST_CASE("sweep: each allocation fails where contexts are made",
                   "[sweep][engines:freed-with-errors]", TEST_BACKENDS) {
    using context = context_of<TestType>;
    const auto nothing = [] { return 0; };
    for (const protocol p : {protocol::tls_client, protocol::tls_server, protocol::tls})
        sweep<TestType>(
            {"basic_context"}, [] { return std::optional<context>{}; },
            [&](auto& c, std::error_code& ec) { c.emplace(p, ec); },
            [](auto& c, const std::error_code& ec) {
                CHECK(c->last_error().code() == ec);
                if (ec) { // an empty one, which says so
                    std::error_code later;
                    c->set_verify_depth(3, later);
                    CHECK(later == errc::invalid_argument);
                }
            });
    sweep<TestType>({"create_default_context", 7}, nothing, [](int, std::error_code& ec) {
        static const std::string file = [] {
            const allocations_paused paused;
            return pki("root.pem");
        }();
        tlsxx::create_default_context<TestType>(tlsxx::purpose::server_auth, {.cafile = file}, ec);
    });
    const auto made = client_context<TestType>();
    sweep<TestType>(
        {"copy"}, [&] { return std::optional<context>{}; },
        [&](auto& c, std::error_code&) { c = made; });
}

TEMPLATE_TEST_CASE("sweep: each allocation fails where a context is changed",
                   "[sweep][engines:no-memory]", TEST_BACKENDS) {
    using context = context_of<TestType>;
    struct setter {
        const char* name;
        void (*call)(context&, std::error_code&);
    };
    static const setter setters[] = {
        {"set_verify_mode",
         [](context& c, std::error_code& ec) { c.set_verify_mode(verify_mode::optional, ec); }},
        {"set_check_hostname",
         [](context& c, std::error_code& ec) { c.set_check_hostname(false, ec); }},
        {"set_hostname_checks_common_name",
         [](context& c, std::error_code& ec) { c.set_hostname_checks_common_name(true, ec); }},
        {"set_verify_flags",
         [](context& c, std::error_code& ec) {
             c.set_verify_flags(tlsxx::verify_flags::x509_trusted_first |
                                    tlsxx::verify_flags::x509_partial_chain,
                                ec);
         }},
        {"set_verify_depth", [](context& c, std::error_code& ec) { c.set_verify_depth(2, ec); }},
        {"set_minimum_version",
         [](context& c, std::error_code& ec) { c.set_minimum_version(tls_version::tls_1_3, ec); }},
        {"set_maximum_version",
         [](context& c, std::error_code& ec) { c.set_maximum_version(tls_version::tls_1_2, ec); }},
    };
    const auto original = client_context<TestType>();
    const auto unshared = [] { return client_context<TestType>(); };
    const auto before = observe(original);
    for (const setter& s : setters) {
        const auto check = [&](context& c, const std::error_code& ec) {
            CHECK(c.last_error().code() == ec);
            CHECK((observe(c) == before) == static_cast<bool>(ec));
            std::error_code later;
            s.call(c, later);
            CHECK_FALSE(later);
        };
        sweep<TestType>(
            {s.name + std::string{" of a shared context"}, 7}, [&] { return original; },
            [&](context& c, std::error_code& ec) { s.call(c, ec); }, check);
        sweep<TestType>(
            {s.name, 11}, unshared, [&](context& c, std::error_code& ec) { s.call(c, ec); }, check);
    }
}

TEMPLATE_TEST_CASE("sweep: each allocation fails under each load", "[sweep][engines:no-memory]",
                   TEST_BACKENDS) {
    using context = context_of<TestType>;
    static const std::string chain = pki("good-chain.pem"), key = pki("good.key"),
                             encrypted = pki("good.pkcs8.enc.pem"), der_chain = pki("good.der"),
                             der_key = pki("good.pkcs8.der"), rsa_chain = pki("rsa-chain.pem"),
                             rsa_key = pki("rsa.key"), roots = pki("two-roots.pem"),
                             text = pki_text("root.pem"), password{pki_password},
                             capath = pki("hashed");
    struct load {
        const char* name;
        void (*call)(context&, std::error_code&);
        std::size_t stride = 1;
    };
    static const load loads[] = {
        {"load_cert_chain",
         [](context& c, std::error_code& ec) {
             c.load_cert_chain({.certfile = chain, .keyfile = key}, ec);
         },
         43},
        {"load_cert_chain, encrypted",
         [](context& c, std::error_code& ec) {
             c.load_cert_chain(
                 {.certfile = chain, .keyfile = encrypted, .password = std::string_view{password}},
                 ec);
         },
         43},
        {"load_cert_chain, DER",
         [](context& c, std::error_code& ec) {
             c.load_cert_chain({.certfile = der_chain, .keyfile = der_key}, ec);
         },
         43},
        {"load_cert_chain, RSA",
         [](context& c, std::error_code& ec) {
             c.load_cert_chain({.certfile = rsa_chain, .keyfile = rsa_key}, ec);
         },
         43},
        {"load_verify_locations, cafile",
         [](context& c, std::error_code& ec) { c.load_verify_locations({.cafile = roots}, ec); },
         13},
        {"load_verify_locations, cadata",
         [](context& c, std::error_code& ec) { c.load_verify_locations({.cadata = text}, ec); },
         13},
        {"load_verify_locations, capath",
         [](context& c, std::error_code& ec) { c.load_verify_locations({.capath = capath}, ec); },
         13},
    };
    auto peers = client_context<other>(tls_version::maximum_supported, "root.pem", "");
    peers.load_verify_locations({.cafile = pki("intermediate.pem")}); // DER has the leaf alone
    const auto original = server_context<TestType>(tls_version::maximum_supported, "good", false);
    const auto before = observe(original);
    for (const load& l : loads) {
        std::size_t runs = 0;
        const auto check = [&](context& c, const std::error_code& ec) {
            CHECK(c.last_error().code() == ec);
            if (ec)
                CHECK(observe(c) == before);
            if (runs++ % 16 == 0) { // it still does what it did
                bout<TestType> b{c, peers, false};
                CHECK(b.establish().works());
            }
            std::error_code later;
            l.call(c, later);
            CHECK_FALSE(later);
        };
        sweep<TestType>(
            {l.name, l.stride}, [&] { return original; },
            [&](context& c, std::error_code& ec) { l.call(c, ec); }, check, is_honest_of_keys);
    }
    ::setenv("SSL_CERT_FILE", pki("two-roots.pem").c_str(), 1);
    ::setenv("SSL_CERT_DIR", "", 1);
    sweep<TestType>(
        {"load_default_certs", 11}, [&] { return original; },
        [](context& c, std::error_code& ec) { c.load_default_certs(ec); },
        [&](context& c, const std::error_code& ec) {
            if (ec)
                CHECK(observe(c) == before);
            else
                CHECK(c.trust_anchor_count() <= 2);
        });
    ::unsetenv("SSL_CERT_FILE");
    ::unsetenv("SSL_CERT_DIR");
}

TEMPLATE_TEST_CASE("sweep: each allocation fails under wrap and handshake",
                   "[sweep][engines:no-memory]", TEST_BACKENDS) {
    for (const tls_version v : both_versions) {
        for (const bool is_client : {true, false}) {
            const auto ours = is_client ? client_context<TestType>(v) : server_context<TestType>(v);
            const auto peers = is_client ? server_context<other>(v) : client_context<other>(v);
            const std::string where =
                std::string{is_client ? "client" : "server"} + ", " + std::string{to_string(v)};
            sweep<TestType>(
                {"wrap, " + where},
                [] { return std::optional<tlsxx::basic_stream<TestType, calm_pipe>>{}; },
                [&](auto& stream, std::error_code& ec) {
                    std::optional<pipe_pair> pipes;
                    {
                        const allocations_paused paused;
                        pipes.emplace();
                    }
                    stream.emplace(ours.wrap(calm_pipe{std::move(pipes->client)},
                                             {.server_hostname = is_client ? "localhost" : "",
                                              .handshake = tlsxx::deferred},
                                             ec));
                },
                [](auto& stream, const std::error_code& ec) {
                    CHECK(stream->last_error().code() == ec);
                    std::error_code later;
                    stream->handshake(later);
                    CHECK(later == (ec ? errc::invalid_argument : errc::want_read));
                });
            sweep<TestType>(
                {"handshake, " + where, 29},
                [&] { return std::make_unique<bout<TestType>>(ours, peers, is_client); },
                [](auto& b, std::error_code& ec) { b->handshake(ec); },
                [](auto& b, const std::error_code& ec) {
                    check_after(*b, ec);
                    if (!ec) {
                        CHECK(b->us->verification());
                        CHECK(b->us->peer_chain().size() == 2);
                        // A client may have gone on without its certificate: then the server
                        // refuses.
                        std::error_code refused;
                        b->peer->handshake(refused);
                        char unused;
                        if (refused)
                            b->us->read_some(std::span<char>{&unused, 1}, refused);
                        CHECK((b->works() || refused == errc::alert_received));
                    }
                },
                [](const std::error_code& code) {
                    // Both engines say of a signature or a secret that they had no memory for what
                    // they say of a bad one (docs/engines.md); never that the certificate is bad.
                    return is_honest(code) || code == errc::protocol_error ||
                           code == errc::handshake_failure || code == errc::alert_received;
                });
        }
    }
}

TEMPLATE_TEST_CASE("sweep: each allocation fails while a bad peer is refused",
                   "[sweep][engines:no-memory]", TEST_BACKENDS) {
    for (const tls_version v : both_versions) {
        for (const bool is_client : {true, false}) {
            // Nobody is let in for a lack of memory.
            const auto ours = is_client ? client_context<TestType>(v) : server_context<TestType>(v);
            const auto peers = is_client ? server_context<other>(v, "untrusted")
                                         : client_context<other>(v, "root.pem", "client-untrusted");
            sweep<TestType>(
                {std::string{"refusal, "} + (is_client ? "client, " : "server, ") +
                     std::string{to_string(v)},
                 37},
                [&] { return std::make_unique<bout<TestType>>(ours, peers, is_client); },
                [](auto& b, std::error_code& ec) { b->handshake(ec); },
                [](auto& b, const std::error_code& ec) {
                    CHECK(ec);
                    CHECK_FALSE(b->us->is_handshake_done());
                    if (ec == errc::verification_failed)
                        CHECK_FALSE(b->us->verification());
                    check_after(*b, ec);
                },
                [](const std::error_code& ec) {
                    return is_honest(ec) || ec == errc::verification_failed ||
                           ec == errc::handshake_failure || ec == errc::protocol_error ||
                           ec == errc::alert_received;
                });
        }
    }
}

TEMPLATE_TEST_CASE("sweep: each allocation fails under reading, writing and closing",
                   "[sweep][engines:no-memory]", TEST_BACKENDS) {
    for (const tls_version v : both_versions) {
        const auto ours = client_context<TestType>(v, "root.pem", "");
        const auto peers = server_context<other>(v, "good", false);
        const auto open = [&] {
            auto b = std::make_unique<bout<TestType>>(ours, peers, true);
            b->establish();
            return b;
        };
        const std::string version{to_string(v)};
        const auto after = [](auto& b, const std::error_code& ec) {
            // What is sent is in order, and so is what was read.
            CHECK(b->sent <= long_text.size());
            CHECK(long_text.compare(0, b->got.size(), b->got) == 0);
            std::error_code later;
            if (ec) { // one clean failure, or none: a buffer of ours was missing
                char c;
                b->us->read_some(std::span<char>{&c, 1}, later);
                const std::error_code first = later;
                b->us->read_some(std::span<char>{&c, 1}, later);
                if (first && first != errc::want_read)
                    CHECK(later == first);
            }
        };
        sweep<TestType>(
            {"read_some, " + version},
            [&] {
                auto b = open();
                std::error_code ec;
                b->peer->write_all("data", ec);
                return b;
            },
            [](auto& b, std::error_code& ec) {
                char buffer[10];
                b->us->read_some(std::span<char>{buffer}, ec);
            },
            after);
        sweep<TestType>(
            {"read_all, " + version},
            [&] {
                auto b = open();
                std::error_code ec;
                b->peer->write_all(long_text, ec);
                b->peer->close_notify(ec);
                return b;
            },
            [](auto& b, std::error_code& ec) { b->us->read_all(b->got, ec); },
            [&](auto& b, const std::error_code& ec) {
                after(b, ec);
                if (!ec)
                    CHECK(b->got == long_text);
            });
        sweep<TestType>(
            {"write_all, " + version}, open,
            [](auto& b, std::error_code& ec) { b->sent = b->us->write_all(long_text, ec); },
            [&](auto& b, const std::error_code& ec) {
                after(b, ec);
                if (!ec)
                    CHECK(b->sent == long_text.size());
            });
        sweep<TestType>(
            {"write_all that blocks, " + version},
            [&] {
                auto b = open();
                b->us->transport().end().set_capacity(3000);
                return b;
            },
            [](auto& b, std::error_code& ec) {
                b->drive(
                    ec,
                    [&] {
                        b->sent +=
                            b->us->write_all(std::string_view{long_text}.substr(b->sent), ec);
                    },
                    [&](std::error_code& peer_ec) {
                        std::byte buffer[4096];
                        while (b->peer->read_some(buffer, peer_ec) != 0) {
                        }
                    });
            },
            after);
        sweep<TestType>({"close_notify, " + version}, open,
                        [](auto& b, std::error_code& ec) { b->us->close_notify(ec); });
        sweep<TestType>(
            {"shutdown, " + version},
            [&] {
                auto b = open();
                std::error_code ec;
                b->peer->write_all("data", ec);
                b->peer->close_notify(ec);
                return b;
            },
            [](auto& b, std::error_code& ec) { b->us->shutdown(ec); });
        sweep<TestType>(
            {"unwrap, " + version},
            [&] {
                auto b = open();
                std::error_code ec;
                b->peer->close_notify(ec);
                b->us->transport().end().inject(bytes_of("plain"));
                return b;
            },
            [](auto& b, std::error_code& ec) {
                auto plain = b->us->unwrap(ec);
                const allocations_paused paused;
                if (!plain)
                    return;
                b->got = text_of(plain->bytes);
                for (const std::byte byte : plain->transport.end().incoming())
                    b->got += static_cast<char>(byte);
                CHECK(b->got == "plain");
            },
            [](auto& b, const std::error_code& ec) {
                if (!ec)
                    return;
                std::error_code later; // unchanged: it can be asked again
                auto plain = b->us->unwrap(later);
                CHECK((plain || later == ec));
            });
        // What may throw throws, and changes nothing.
        const auto throwing = [](auto call) {
            return [call](auto& b, std::error_code& ec) {
                try {
                    call(*b->us);
                } catch (const std::bad_alloc&) {
                    ec = make_error_code(errc::not_enough_memory);
                } catch (const tlsxx::ssl_error& error) {
                    ec = error.code();
                }
            };
        };
        const auto still_works = [](auto& b, const std::error_code&) { CHECK(b->works()); };
        sweep<TestType>({"peer_chain, " + version}, open, throwing([](auto& s) {
                            const auto chain = s.peer_chain();
                            const allocations_paused paused;
                            CHECK(chain.size() == 2);
                            for (const auto& certificate : chain)
                                CHECK_FALSE(certificate.der().empty());
                        }),
                        still_works);
        sweep<TestType>({"peer_certificate, " + version}, open,
                        throwing([](auto& s) { s.peer_certificate(); }), still_works);
        sweep<TestType>({"server_name, " + version}, open,
                        throwing([](auto& s) { s.server_name(); }), still_works);
        sweep<TestType>({"verification, last_error, " + version}, open, throwing([](auto& s) {
                            s.verification().message();
                            s.last_error().what();
                            s.cipher();
                            s.version();
                            s.pending();
                            s.has_pending();
                        }),
                        still_works);
        sweep<TestType>({"write_all, throwing, " + version}, open,
                        throwing([](auto& s) { s.write_all("text"); }));
        sweep<TestType>(
            {"shutdown, throwing, " + version},
            [&] {
                auto b = open();
                std::error_code ec;
                b->peer->close_notify(ec);
                return b;
            },
            throwing([](auto& s) { s.shutdown(); }));
    }
}
