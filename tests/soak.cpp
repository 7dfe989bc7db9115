// SPDX-License-Identifier: BSL-1.0
// A hundred thousand connections in one process, most of them with something wrong, on both engines
// and every mixture of them. Each has to end as expected, and neither memory nor descriptors may
// grow. Run by `tools/test --all`. The environment may say TLSXX_SOAK_CONNECTIONS and
// TLSXX_SOAK_SEED.

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <map>
#include <numeric>
#include <random>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include <support/pump.hpp>
#include <support/socket_tools.hpp>

using namespace test;

namespace {

enum class kind {
    clean,
    would_blocks, // at every other call, and a few bytes at a time
    moved,        // both streams, after every call
    truncated,    // one side goes without a close_notify
    reset,
    wrong_name,
    expired,
    junk,      // random bytes at a random moment
    aborted,   // nothing passes behind a random byte
    destroyed, // both, at a random moment of the handshake
};
constexpr int kinds = 10;
constexpr const char* kind_names[] = {"clean",   "would-blocks", "moved",   "truncated",
                                      "reset",   "wrong name",   "expired", "junk",
                                      "aborted", "destroyed"};
constexpr int kind_weights[] = {30, 10, 10, 8, 7, 7, 6, 8, 8, 6};

enum class way { pipe, memory, unix_sockets, tcp };
constexpr int ways = 4;
constexpr const char* way_names[] = {"pipe", "memory", "unix", "tcp"};
constexpr int way_weights[] = {45, 15, 25, 15};

// Client and server; Mbed TLS takes five times as long.
constexpr int pair_weights[] = {35, 20, 20, 25};

class dice {
public:
    explicit dice(std::uint64_t seed) : random_{seed} {}
    std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }
    template <std::size_t N>
    std::size_t weighted(const int (&weights)[N]) {
        auto left = static_cast<int>(below(
            static_cast<std::size_t>(std::accumulate(std::begin(weights), std::end(weights), 0))));
        std::size_t i = 0;
        while ((left -= weights[i]) >= 0)
            ++i;
        return i;
    }

private:
    std::mt19937_64 random_;
};

// The contexts of all connections; now and then one is made anew, or changed.
class contexts {
public:
    enum { plain, mutual, out_of_date }; // of clients the first two

    const any_context& client(engine e, tlsxx::tls_version v, int which) {
        return *at(e, v, which, false);
    }
    const any_context& server(engine e, tlsxx::tls_version v, int which) {
        return *at(e, v, which, true);
    }
    void renew(dice& d) {
        context_ptr& one = all_[d.below(all_.size())];
        if (!one)
            return;
        if (d.below(2) == 0) {
            one.reset();
            return;
        }
        auto changed = one->copy();
        std::error_code ec;
        changed->set_verify_depth(2 + static_cast<int>(d.below(6)), ec);
        REQUIRE_FALSE(ec);
        one = std::move(changed);
    }
    void fill() {
        for (const engine e : all_engines)
            for (const auto v : both_versions)
                for (const int which : {plain, mutual, out_of_date}) {
                    at(e, v, which, true);
                    at(e, v, which, false);
                }
    }

private:
    context_ptr& at(engine e, tlsxx::tls_version v, int which, bool server) {
        const std::size_t i =
            ((e == engine::openssl ? 0U : 1U) * 2 + (v == tlsxx::tls_version::tls_1_2 ? 0U : 1U)) *
                6 +
            static_cast<std::size_t>(which) * 2 + (server ? 1U : 0U);
        context_ptr& one = all_[i];
        if (one)
            return one;
        std::error_code ec;
        if (server) {
            one = make_server(e, v, which == out_of_date ? "expired" : "good");
            if (which == mutual) {
                one->load_verify_locations({.cafile = pki("root.pem")}, ec);
                one->set_verify_mode(tlsxx::verify_mode::required, ec);
            }
        } else {
            one = make_client(e, v);
            if (which == mutual)
                one->load_cert_chain(
                    {.certfile = pki("client-chain.pem"), .keyfile = pki("client.key")}, ec);
        }
        REQUIRE_FALSE(ec);
        return one;
    }
    std::array<context_ptr, 24> all_;
};

// One connection and what becomes of it.
class encounter {
public:
    encounter(dice& d, contexts& all, tlsxx::socket_listener& listener) : dice_{d} {
        what = static_cast<kind>(d.weighted(kind_weights));
        over = static_cast<way>(d.weighted(way_weights));
        const std::size_t pair = d.weighted(pair_weights);
        with = {pair < 2 ? engine::openssl : engine::mbedtls,
                pair % 2 == 0 ? engine::openssl : engine::mbedtls, both_versions[d.below(2)]};
        // what only the pipe can do
        if (what == kind::would_blocks || (what == kind::aborted && over == way::memory) ||
            (what == kind::reset && over == way::memory))
            over = way::pipe;
        const int which = what == kind::expired ? contexts::out_of_date
                          : d.below(5) == 0     ? contexts::mutual
                                                : contexts::plain;
        wrap_options as_client{.server_hostname =
                                   what == kind::wrong_name ? "wrong.test" : "localhost",
                               .handshake = tlsxx::deferred};
        wrap_options as_server{.handshake = tlsxx::deferred};
        as_client.unwrappable = as_server.unwrappable = d.below(4) == 0;
        open(all.client(with.client, with.version, which),
             all.server(with.server, with.version, which), as_client, as_server, listener);
    }

    kind what;
    way over;
    pairing with;
    stream_ptr client, server;
    std::error_code client_ec, server_ec;
    std::string step; // where it stopped

    // True if it ends as it should.
    bool run() {
        switch (what) {
        case kind::clean:
        case kind::would_blocks:
        case kind::moved: return handshake() && talk() && close();
        case kind::truncated: return handshake() && talk() && truncate();
        case kind::reset: return handshake() && talk() && reset();
        case kind::wrong_name: return refuse(tlsxx::verify_code::hostname_mismatch);
        case kind::expired: return refuse(tlsxx::verify_code::cert_has_expired);
        case kind::junk: return junk();
        case kind::aborted: return abort();
        case kind::destroyed: some_steps(8); return true;
        }
        return false;
    }

private:
    void open(const any_context& client_context, const any_context& server_context,
              const wrap_options& as_client, const wrap_options& as_server,
              tlsxx::socket_listener& listener) {
        std::error_code ec, server_wrap_ec;
        switch (over) {
        case way::pipe: {
            faults knobs;
            if (what == kind::would_blocks)
                knobs = {.most = 1 + dice_.below(600), .every_other_blocks = true};
            pipe_pair pipes{knobs, knobs};
            client = client_context.wrap(std::move(pipes.client), as_client, ec);
            server = server_context.wrap(std::move(pipes.server), as_server, server_wrap_ec);
            break;
        }
        case way::memory:
            client = client_context.wrap(tlsxx::memory_transport{}, as_client, ec);
            server = server_context.wrap(tlsxx::memory_transport{}, as_server, server_wrap_ec);
            break;
        case way::unix_sockets: {
            auto [a, b] = socket_pair();
            open_sockets(std::move(a), std::move(b), client_context, server_context, as_client,
                         as_server);
            break;
        }
        case way::tcp: {
            auto a = tlsxx::connect("127.0.0.1", listener.port(), {}, ec);
            REQUIRE_FALSE(ec);
            auto b = listener.accept(ec);
            REQUIRE_FALSE(ec);
            open_sockets(std::move(a), std::move(b), client_context, server_context, as_client,
                         as_server);
            break;
        }
        }
        REQUIRE_FALSE(ec);
        REQUIRE_FALSE(server_wrap_ec);
    }
    void open_sockets(tlsxx::socket_transport a, tlsxx::socket_transport b,
                      const any_context& client_context, const any_context& server_context,
                      const wrap_options& as_client, const wrap_options& as_server) {
        std::error_code ec;
        a.set_blocking(false, ec);
        b.set_blocking(false, ec);
        client = client_context.wrap(std::move(a), as_client, ec);
        server = server_context.wrap(std::move(b), as_server, ec);
        REQUIRE(client);
        REQUIRE(server);
    }

    // Calls both in turn until both are done.
    template <class A, class B>
    bool both(A&& a, B&& b, int most = 100'000) {
        const auto turn = [&](stream_ptr& stream, auto& task) {
            const bool done = task();
            carry();
            if (what == kind::moved && stream)
                stream->move();
            return done;
        };
        return alternate([&] { return turn(client, a); }, [&] { return turn(server, b); }, most);
    }
    void carry() {
        if (over != way::memory)
            return;
        const auto from_to = [](const stream_ptr& from, const stream_ptr& to) {
            if (!from)
                return;
            const std::string bytes = from->memory().take_outgoing();
            if (to)
                to->memory().put_incoming(bytes);
        };
        from_to(client, server);
        from_to(server, client);
    }
    // One side is gone; the other finds the end of the byte stream.
    void leave(stream_ptr& one, const stream_ptr& other) {
        carry();
        if (over == way::pipe)
            one->pipe().end_output();
        else if (over == way::memory)
            other->memory().put_end_of_stream();
        one.reset();
    }

    auto shaking(any_stream& stream, std::error_code& ec) {
        return [&stream, &ec] {
            stream.handshake(ec);
            return !would_block(ec);
        };
    }
    bool handshake() {
        step = "handshake";
        return both(shaking(*client, client_ec), shaking(*server, server_ec)) && !client_ec &&
               !server_ec;
    }
    void some_steps(std::size_t most) {
        for (std::size_t i = dice_.below(most + 1); i != 0; --i) {
            if (!client_ec || would_block(client_ec))
                client->handshake(client_ec);
            carry();
            if (dice_.below(2) == 0)
                client->move();
            if (!server_ec || would_block(server_ec))
                server->handshake(server_ec);
            carry();
        }
    }

    // Both say something to each other.
    bool talk() {
        step = "talk";
        struct half {
            any_stream& stream;
            std::string_view out;
            std::size_t expected;
            std::error_code& ec;
            std::size_t sent = 0;
            std::string got{};
            bool operator()() {
                if (sent != out.size()) {
                    sent += stream.write_all(out.substr(sent), ec);
                    if (ec && !would_block(ec))
                        return true;
                }
                if (got.size() < expected) {
                    got += read_once(stream, ec, 1000);
                    if (ec && !would_block(ec))
                        return true;
                }
                return sent == out.size() && got.size() >= expected;
            }
        };
        static const std::string text = pattern(20'000);
        const std::string_view up = std::string_view{text}.substr(0, dice_.below(3000));
        const std::string_view down = std::string_view{text}.substr(
            0, dice_.below(20) == 0 ? text.size() : dice_.below(3000));
        half a{*client, up, down.size(), client_ec}, b{*server, down, up.size(), server_ec};
        return both(a, b) && a.got == down && b.got == up;
    }
    bool close() {
        step = "close";
        const auto closing = [](any_stream& stream, std::error_code& ec) {
            return [&stream, &ec] {
                stream.shutdown(ec);
                return !would_block(ec);
            };
        };
        return both(closing(*client, client_ec), closing(*server, server_ec)) && !client_ec &&
               !server_ec;
    }

    // The error with which reading ends.
    std::error_code last_words(any_stream& stream) {
        std::error_code ec;
        for (int i = 0; i != 1000; ++i) {
            if (read_once(stream, ec).empty() && !would_block(ec))
                break;
            carry();
        }
        return ec;
    }
    bool truncate() {
        step = "truncate";
        auto& stays = dice_.below(2) == 0 ? client : server;
        auto& goes = &stays == &client ? server : client;
        leave(goes, stays);
        return last_words(*stays) == errc::stream_truncated;
    }
    bool reset() {
        step = "reset";
        auto& stays = dice_.below(2) == 0 ? client : server;
        auto& goes = &stays == &client ? server : client;
        if (over == way::pipe) {
            stays->pipe().knobs.at = stays->pipe().calls() + 1 + dice_.below(2);
        } else {
            // What it leaves unread makes it a reset; TCP also by the option.
            std::error_code ec;
            stays->write_all("unread", ec);
            if (over == way::tcp)
                close_with_reset(std::move(goes->socket()));
            goes.reset();
        }
        return last_words(*stays) == std::errc::connection_reset;
    }
    bool refuse(tlsxx::verify_code code) {
        step = "refuse";
        both(shaking(*client, client_ec), shaking(*server, server_ec));
        if (client_ec != errc::verification_failed || client->verification().code() != code)
            return false;
        if (!server_ec)
            server_ec = last_words(*server);
        return server_ec == errc::alert_received;
    }
    bool junk() {
        step = "junk";
        some_steps(6);
        auto& victim = dice_.below(2) == 0 ? client : server;
        auto& peer = &victim == &client ? server : client;
        std::string bytes(1 + dice_.below(2000), '\0');
        for (char& c : bytes)
            c = static_cast<char>(dice_.below(256));
        switch (over) {
        case way::pipe: victim->pipe().inject(bytes_of(bytes)); break;
        case way::memory: victim->memory().put_incoming(bytes); break;
        case way::unix_sockets:
        case way::tcp: peer->socket().write_some(bytes_of(bytes)); break;
        }
        std::error_code& victim_ec = &victim == &client ? client_ec : server_ec;
        // Not all junk can be told from the begin of a record: then it waits, and finds the end.
        for (int i = 0; i != 4 && (!victim_ec || would_block(victim_ec)); ++i) {
            read_once(*victim, victim_ec);
            carry();
        }
        if (would_block(victim_ec)) {
            leave(peer, victim);
            victim_ec = last_words(*victim);
        }
        return victim_ec && !would_block(victim_ec);
    }
    bool abort() {
        step = "abort";
        if (over != way::pipe) { // one side goes in the middle
            some_steps(6);
            auto& stays = dice_.below(2) == 0 ? client : server;
            leave(&stays == &client ? server : client, stays);
            std::error_code& ec = &stays == &client ? client_ec : server_ec;
            if (!ec || would_block(ec))
                ec = last_words(*stays);
            return static_cast<bool>(ec);
        }
        // So much passes in one direction, and then no more.
        auto& cut = dice_.below(2) == 0 ? client : server;
        auto& other = &cut == &client ? server : client;
        std::size_t left = dice_.below(2500);
        cut->pipe().set_capacity(left);
        for (int i = 0; i != 30; ++i) {
            const std::size_t before = other->pipe().bytes_read();
            for (auto* each : {&client, &server}) {
                std::error_code& ec = each == &client ? client_ec : server_ec;
                if (ec && !would_block(ec))
                    continue;
                (*each)->handshake(ec);
                if (!ec)
                    (*each)->write_all(std::string(200, 'x'), ec);
            }
            left -= std::min(left, other->pipe().bytes_read() - before);
            cut->pipe().set_capacity(left);
        }
        cut->pipe().end_output();
        other->pipe().end_output();
        client_ec = last_words(*client);
        server_ec = last_words(*server);
        return client_ec && server_ec;
    }

    dice& dice_;
};

struct sample {
    double heap = 0; // MB
    double resident = 0;
    std::ptrdiff_t descriptors = 0;
};
sample look() {
    sample s;
#if defined(__GLIBC__)
    ::malloc_trim(0);
    const auto info = ::mallinfo2();
    s.heap = static_cast<double>(info.uordblks + info.hblkhd) / 1e6;
#endif
    std::ifstream statm{"/proc/self/statm"};
    double total = 0, resident = 0;
    statm >> total >> resident;
    s.resident = resident * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1e6;
    s.descriptors = open_descriptors();
    return s;
}

void plot(const char* title, const std::vector<double>& values, std::size_t connections) {
    constexpr int rows = 12;
    const double most = *std::ranges::max_element(values);
    const double top = most > 0 ? most * 1.1 : 1;
    std::printf("\n%s\n", title);
    for (int row = rows; row != 0; --row) {
        const bool labelled = row == rows || row % 3 == 0;
        if (labelled)
            std::printf("%8.2f |", top * row / rows);
        else
            std::printf("         |");
        for (const double v : values)
            std::putchar(std::max(1.0, std::min<double>(rows, v / top * rows + 0.5)) >= row ? '#'
                                                                                            : ' ');
        std::putchar('\n');
    }
    std::printf("%8.2f +%s\n", 0.0, std::string(values.size(), '-').c_str());
    std::printf("          0%*zu connections\n", static_cast<int>(values.size()) - 1, connections);
}

std::size_t number_from(const char* variable, std::size_t otherwise) {
    const char* const text = std::getenv(variable);
    return text != nullptr ? static_cast<std::size_t>(std::strtoull(text, nullptr, 10)) : otherwise;
}

} // namespace

TEST_CASE("soak: memory and descriptors stay flat over many connections, most with a fault") {
    const std::size_t connections = number_from("TLSXX_SOAK_CONNECTIONS", 100'000);
    const std::size_t seed = number_from("TLSXX_SOAK_SEED", 20'240'229);
    constexpr std::size_t columns = 60;
    REQUIRE(connections >= columns);
    std::printf("soak: %zu connections, seed %zu\n", connections, seed);
    std::fflush(stdout);

    const stopwatch watch;
    dice d{seed};
    contexts all;
    std::error_code ec;
    auto listener = tlsxx::listen({.address = "127.0.0.1"}, ec);
    REQUIRE_FALSE(ec);
    std::vector<std::unique_ptr<encounter>> resting(16); // ended, and not destroyed yet
    struct count {
        std::size_t ran = 0, expected = 0;
    };
    std::map<std::pair<kind, way>, count> counts;
    std::map<std::string, std::size_t> on;
    std::vector<sample> samples;
    int shown = 0;
    for (std::size_t i = 0; i != connections; ++i) {
        if (d.below(500) == 0)
            all.renew(d);
        auto one = std::make_unique<encounter>(d, all, listener);
        const bool good = one->run();
        count& c = counts[{one->what, one->over}];
        ++c.ran;
        c.expected += good;
        ++on[std::string{name_of(one->with.client)} + " to " +
             std::string{name_of(one->with.server)} + ", " +
             std::string{to_string(one->with.version)}];
        if (!good && ++shown <= 10)
            std::printf("number %zu: %s over %s, %s to %s, %s: stopped at %s; client: %s, server: "
                        "%s\n",
                        i, kind_names[static_cast<int>(one->what)],
                        way_names[static_cast<int>(one->over)], name_of(one->with.client).data(),
                        name_of(one->with.server).data(),
                        std::string{to_string(one->with.version)}.c_str(), one->step.c_str(),
                        one->client_ec.message().c_str(), one->server_ec.message().c_str());
        if (d.below(4) == 0)
            resting[d.below(resting.size())] = std::move(one);
        if ((i + 1) * columns / connections != samples.size()) {
            for (auto& each : resting)
                each.reset();
            one.reset();
            all.fill();
            samples.push_back(look());
        }
    }

    std::printf("\n%-14s", "as expected");
    for (const char* name : way_names)
        std::printf("%16s", name);
    std::printf("%16s\n", "all");
    count total;
    for (int k = 0; k != kinds; ++k) {
        std::printf("%-14s", kind_names[k]);
        count row;
        for (int w = 0; w != ways; ++w) {
            const count c = counts[{static_cast<kind>(k), static_cast<way>(w)}];
            std::printf("%8zu/%-7zu", c.expected, c.ran);
            row.ran += c.ran;
            row.expected += c.expected;
        }
        std::printf("%8zu/%-7zu\n", row.expected, row.ran);
        total.ran += row.ran;
        total.expected += row.expected;
    }
    std::printf("all: %zu of %zu as expected, in %lld s\n", total.expected, total.ran,
                static_cast<long long>(watch.elapsed().count() / 1000));
    for (const auto& [name, n] : on)
        std::printf("%-32s%8zu\n", name.c_str(), n);

    const auto values = [&](auto member) {
        std::vector<double> v;
        for (const sample& s : samples)
            v.push_back(static_cast<double>(s.*member));
        return v;
    };
    const auto level = [&](const std::vector<double>& v, std::size_t quarter) {
        const auto begin = v.begin() + static_cast<std::ptrdiff_t>(v.size() * quarter / 4);
        const auto end = v.begin() + static_cast<std::ptrdiff_t>(v.size() * (quarter + 1) / 4);
        return std::accumulate(begin, end, 0.0) / static_cast<double>(end - begin);
    };
    const auto heap = values(&sample::heap), resident = values(&sample::resident),
               descriptors = values(&sample::descriptors);
    plot("live heap, MB", heap, connections);
    plot("resident memory, MB", resident, connections);
    plot("descriptors", descriptors, connections);
    std::printf(
        "\nmean of the second quarter and of the last: heap %.3f and %.3f MB, resident %.3f "
        "and %.3f MB, descriptors %.1f and %.1f\n",
        level(heap, 1), level(heap, 3), level(resident, 1), level(resident, 3),
        level(descriptors, 1), level(descriptors, 3));
    std::fflush(stdout);

    CHECK(total.ran == connections);
    CHECK(total.expected == connections);
    CHECK(samples.size() == columns);
    CHECK(level(heap, 3) <= level(heap, 1) + 0.05);
    CHECK(level(resident, 3) <= level(resident, 1) + 1.5);
    CHECK(std::ranges::count(descriptors, descriptors.front()) ==
          static_cast<std::ptrdiff_t>(descriptors.size()));
}
