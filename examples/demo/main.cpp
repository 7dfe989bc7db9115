// SPDX-License-Identifier: BSL-1.0

// The demo: TLS connections between this library and programs that nobody here wrote, on both
// engines, without a network. `tools/demo` builds and starts it.

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iostream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/prctl.h>
#endif

#include "parts.hpp"
#include "process.hpp"
#include "screen.hpp"
#include "stage.hpp"

namespace demo {
namespace {

// The build says where things are.
constexpr const char* programs = DEMO_PROGRAMS;
constexpr const char* pki_script = DEMO_PKI_SCRIPT;

// The version that a program tells of itself: the first number in its words.
std::string peer_version(const stage& where, std::vector<std::string> arguments) {
    const finished told = run({std::move(arguments)}, where.folder(), "version");
    const std::string text = told.out + told.err;
    const auto first = std::min(text.find_first_of("0123456789"), text.size());
    return text.substr(first, text.find_first_not_of("0123456789.", first) - first);
}

int play(const std::filesystem::path& folder) {
    try {
        print(painted(paint::bold, "tlsxx on " + engine_versions()));
        const stage where{folder, programs, pki_script};
        const nginx web{where};
        print("with nginx " + peer_version(where, {"nginx", "-v"}) + ", curl " +
              peer_version(where, {"curl", "--version"}) + ", s_server of OpenSSL " +
              peer_version(where, {"openssl", "version"}) + "; certificates made by openssl");
        fetch_from_nginx(where, web);
        fetch_with_curl(where);
        run_pairs(where);
        run_gallery(where, web);
        return print_summary();
    } catch (const std::exception& error) {
        std::cerr << "demo: " << error.what() << '\n';
        return 1;
    }
}

// Waits for the end of `child` or for a signal that ends us; the signal, or 0. Leaves the child's
// answer to be waited for, so that its id stays its own.
int await(::pid_t child, const ::sigset_t& signals) {
    for (;;) {
        int signal = 0;
        ::sigwait(&signals, &signal);
        if (signal != SIGCHLD)
            return signal;
        ::siginfo_t ended{};
        if (::waitid(P_PID, static_cast<::id_t>(child), &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
            ended.si_pid == child)
            return 0;
    }
}

// Plays in a child that leads a process group of its own, to which everything belongs that it
// starts. However it ends, by itself, by a signal to us or by a crash, the group and the folder are
// gone afterwards.
int guard(const std::filesystem::path& folder) {
    ::sigset_t signals;
    ::sigset_t before;
    ::sigemptyset(&signals);
    for (const int signal : {SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT})
        ::sigaddset(&signals, signal);
    ::sigprocmask(SIG_BLOCK, &signals, &before);
#if defined(__linux__)
    // What the child leaves behind is ours to wait for.
    ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
#endif
    const ::pid_t child = ::fork();
    if (child == 0) {
        ::setpgid(0, 0);
        ::sigprocmask(SIG_SETMASK, &before, nullptr);
        std::signal(SIGTTOU, SIG_IGN); // the terminal may ask background groups not to write
        std::exit(play(folder));
    }
    int signal = 0;
    int status = -1;
    if (child == -1) {
        std::cerr << "demo: " << std::generic_category().message(errno) << '\n';
    } else {
        ::setpgid(child, child); // both do it: neither may be late
        signal = await(child, signals);
        ::kill(-child, SIGKILL);
        ::waitpid(child, &status, 0);
        while (::waitpid(-1, nullptr, 0) > 0) {
        }
    }
    std::error_code ec;
    std::filesystem::remove_all(folder, ec);
    if (ec)
        std::cerr << "demo: " << folder.string() << " is left: " << ec.message() << '\n';
    if (signal != 0) { // ends us as it would have
        std::signal(signal, SIG_DFL);
        ::sigprocmask(SIG_SETMASK, &before, nullptr);
        ::raise(signal);
    }
    if (WIFSIGNALED(status))
        std::cerr << "demo: ended by signal " << WTERMSIG(status) << '\n';
    return child != -1 && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

} // namespace
} // namespace demo

int main() {
    // nginx lives where an ordinary user's PATH may not look
    const char* const path = std::getenv("PATH");
    ::setenv("PATH",
             (std::string{path != nullptr ? path : "/usr/bin:/bin"} + ":/usr/sbin:/sbin").c_str(),
             1);
    std::string folder = std::string{DEMO_PROGRAMS} + "/demo-XXXXXX";
    if (::mkdtemp(folder.data()) == nullptr) {
        std::cerr << "demo: " << folder << ": " << std::generic_category().message(errno) << '\n';
        return 1;
    }
    return demo::guard(folder);
}
