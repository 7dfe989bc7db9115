// SPDX-License-Identifier: BSL-1.0
// The library beside the engines used by hand.
//
//   bench versions                              compiler and engines
//   bench run CONTENDER WORKLOAD N PKI          N operations, for an instruction counter
//   bench time WORKLOAD ROUNDS PKI              all contenders in turn, slice by slice
//   bench-counts count WORKLOAD N PKI           heap and system calls per operation

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <time.h>

#include <tlsxx/mbedtls.hpp>
#include <tlsxx/openssl.hpp>

#include "counters.hpp"
#include "ours.hpp"
#include "raw_mbedtls.hpp"
#include "raw_openssl.hpp"
#include "workloads.hpp"

namespace bench {
namespace {

template <class End>
using openssl_fd = openssl_link<openssl_way::fd, End>;
template <class End>
using openssl_bio = openssl_link<openssl_way::bio, End>;
template <class End>
using openssl_read_ahead = openssl_link<openssl_way::read_ahead, End>;
template <class End>
using mbedtls_callbacks = mbedtls_link<mbedtls_way::callbacks, End>;
template <class End>
using mbedtls_read_buffer = mbedtls_link<mbedtls_way::read_buffer, End>;
template <class End>
using tlsxx_openssl = tlsxx_link<tlsxx::openssl::backend, End>;
template <class End>
using tlsxx_mbedtls = tlsxx_link<tlsxx::mbedtls::backend, End>;

using workload_maker = std::unique_ptr<workload>(std::string_view, const std::string&);

template <template <class> class Link>
std::unique_ptr<workload> make_either(std::string_view name, const std::string& pki) {
    auto made = make_workload<Link>(name, pki);
    return made ? std::move(made) : make_handshake<Link>(name, pki);
}

struct contender {
    const char* name;
    workload_maker* make;
};
constexpr contender contenders[] = {
    {"openssl-fd", make_workload<openssl_fd>}, // it has no BIO for queues in memory
    {"openssl-bio", make_either<openssl_bio>},
    {"openssl-read-ahead", make_either<openssl_read_ahead>},
    {"openssl-tlsxx", make_either<tlsxx_openssl>},
    {"mbedtls-callbacks", make_either<mbedtls_callbacks>},
    {"mbedtls-read-buffer", make_either<mbedtls_read_buffer>},
    {"mbedtls-tlsxx", make_either<tlsxx_mbedtls>},
};

#if defined(__clang__)
constexpr const char* compiler = "Clang";
#else
constexpr const char* compiler = "GCC";
#endif

int versions() {
    std::printf("%s %s, %s, Mbed TLS %s\n", compiler, __VERSION__,
                ::OpenSSL_version(OPENSSL_VERSION), MBEDTLS_VERSION_STRING);
    return 0;
}

int run(std::string_view name, std::string_view load, unsigned n, const std::string& pki) {
    for (const contender& c : contenders)
        if (name == c.name) {
            const auto made = c.make(load, pki);
            if (!made)
                return 3; // it does not do this
            made->run(n);
            return 0;
        }
    die("no such contender");
}

// Of this thread, with the kernel's on its behalf, in nanoseconds: other programs don't count.
double processor_time() {
    ::timespec now{};
    check(::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0, "clock_gettime");
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// One line a contender: its name, then nanoseconds per operation of each round. The order turns
// from round to round, so that nobody is always behind the same one.
int time(std::string_view load, unsigned rounds, const std::string& pki) {
    struct runner {
        const char* name;
        std::unique_ptr<workload> work;
        unsigned slice = 1;
        std::vector<double> times{};
    };
    std::vector<runner> runners;
    for (const contender& c : contenders)
        if (auto made = c.make(load, pki))
            runners.push_back({c.name, std::move(made)});
    const auto measure = [](runner& r) {
        const double start = processor_time();
        r.work->run(r.slice);
        return processor_time() - start;
    };
    for (runner& r : runners) // slices of about 10 ms
        while (measure(r) < 5e6)
            r.slice *= 2;
    for (unsigned round = 0; round != rounds; ++round)
        for (std::size_t i = 0; i != runners.size(); ++i) {
            runner& r = runners[(i + round) % runners.size()];
            r.times.push_back(measure(r) / r.slice);
        }
    for (const runner& r : runners) {
        std::printf("%s", r.name);
        for (const double t : r.times)
            std::printf(" %.1f", t);
        std::printf("\n");
    }
    return 0;
}

#if defined(BENCH_COUNTS)
int count_calls(std::string_view load, unsigned n, const std::string& pki) {
    for (const contender& c : contenders) {
        const auto made = c.make(load, pki);
        if (!made)
            continue;
        made->run(2);
        const counts before = count();
        made->run(n);
        const counts after = count();
        const auto each = [n](unsigned long a, unsigned long b) {
            return static_cast<double>(b - a) / n;
        };
        std::printf("%s heap %.3f receive %.3f send %.3f wait %.3f\n", c.name,
                    each(before.heap, after.heap), each(before.receive, after.receive),
                    each(before.send, after.send), each(before.wait, after.wait));
    }
    return 0;
}
#endif

int main(int argc, char** argv) {
    const auto is = [&](const char* command, int arguments) {
        return argc == arguments + 2 && std::string_view{argv[1]} == command;
    };
    const auto number = [&](int i) {
        const unsigned long n = std::strtoul(argv[i], nullptr, 10);
        check(n != 0 && n < 100'000'000, "N is a number from 1 on");
        return static_cast<unsigned>(n);
    };
    if (is("versions", 0))
        return versions();
    if (is("run", 4))
        return run(argv[2], argv[3], number(4), argv[5]);
    if (is("time", 3))
        return time(argv[2], number(3), argv[4]);
#if defined(BENCH_COUNTS)
    if (is("count", 3))
        return count_calls(argv[2], number(3), argv[4]);
#endif
    die("usage: see the first lines of main.cpp");
}

} // namespace
} // namespace bench

int main(int argc, char** argv) {
    return bench::main(argc, argv);
}
