// SPDX-License-Identifier: BSL-1.0
#pragma once

// What tests of sockets need of the system (POSIX).

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <tlsxx/socket.hpp>

namespace test {

using namespace std::chrono_literals;

// How many descriptors this process has open. Only differences count: looking opens one.
inline std::ptrdiff_t open_descriptors() {
    const std::filesystem::path folder =
        std::filesystem::exists("/proc/self/fd") ? "/proc/self/fd" : "/dev/fd";
    return std::distance(std::filesystem::directory_iterator{folder}, {});
}

// Two Unix sockets that are joined to each other.
inline std::pair<tlsxx::socket_transport, tlsxx::socket_transport> socket_pair() {
    int handles[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, handles) != 0)
        throw std::runtime_error{"socketpair"};
    return {tlsxx::socket_transport{handles[0]}, tlsxx::socket_transport{handles[1]}};
}

inline int integer_option(int handle, int level, int name) {
    int value = -1;
    ::socklen_t size = sizeof value;
    ::getsockopt(handle, level, name, &value, &size);
    return value;
}
inline bool is_non_blocking(int handle) {
    return (::fcntl(handle, F_GETFL) & O_NONBLOCK) != 0;
}
inline bool is_close_on_exec(int handle) {
    return (::fcntl(handle, F_GETFD) & FD_CLOEXEC) != 0;
}
// The peer gets a reset instead of an end.
inline void close_with_reset(tlsxx::socket_transport socket) {
    const ::linger at_once{1, 0};
    ::setsockopt(socket.native_handle(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

class stopwatch {
public:
    std::chrono::milliseconds elapsed() const {
        return std::chrono::duration_cast<std::chrono::milliseconds>(
            std::chrono::steady_clock::now() - start_);
    }

private:
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// A folder of its own for a test's files.
class temporary_folder {
public:
    temporary_folder() {
        std::string name = (std::filesystem::temp_directory_path() / "tlsxx-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr)
            throw std::runtime_error{"mkdtemp"};
        path_ = name;
    }
    temporary_folder(const temporary_folder&) = delete;
    temporary_folder& operator=(const temporary_folder&) = delete;
    ~temporary_folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    std::string file(const std::string& name) const { return path_ + "/" + name; }

private:
    std::string path_;
};

// Counts a signal while it lives, with a handler that lets system calls be interrupted.
template <int Signal>
class counted_signal {
public:
    counted_signal() {
        count_ = 0;
        struct ::sigaction action {};
        action.sa_handler = [](int) { count_ = count_ + 1; };
        ::sigaction(Signal, &action, &before_);
    }
    counted_signal(const counted_signal&) = delete;
    counted_signal& operator=(const counted_signal&) = delete;
    ~counted_signal() { ::sigaction(Signal, &before_, nullptr); }
    int count() const { return count_; }

private:
    inline static volatile std::sig_atomic_t count_ = 0;
    struct ::sigaction before_ {};
};

// Interrupts this thread every few milliseconds.
class interruptions {
public:
    explicit interruptions(std::chrono::microseconds period = 5ms) { set(period); }
    interruptions(const interruptions&) = delete;
    interruptions& operator=(const interruptions&) = delete;
    ~interruptions() { set(0us); }
    int count() const { return signal_.count(); }

private:
    static void set(std::chrono::microseconds period) {
        const ::timeval interval{0, static_cast<::suseconds_t>(period.count())};
        const ::itimerval timer{interval, interval};
        ::setitimer(ITIMER_REAL, &timer, nullptr);
    }
    counted_signal<SIGALRM> signal_;
};

// Threads that are made while it lives get no SIGALRM.
class no_interruptions {
public:
    no_interruptions() {
        ::sigset_t set;
        ::sigemptyset(&set);
        ::sigaddset(&set, SIGALRM);
        ::pthread_sigmask(SIG_BLOCK, &set, &before_);
    }
    no_interruptions(const no_interruptions&) = delete;
    no_interruptions& operator=(const no_interruptions&) = delete;
    ~no_interruptions() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

private:
    ::sigset_t before_{};
};

// Leaves this process no descriptor that it does not have yet.
class no_free_descriptors {
public:
    no_free_descriptors() {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        const int lowest = ::fcntl(STDIN_FILENO, F_DUPFD, 0);
        ::close(lowest);
        ::rlimit limit = before_;
        limit.rlim_cur = static_cast<::rlim_t>(lowest);
        ::setrlimit(RLIMIT_NOFILE, &limit);
    }
    no_free_descriptors(const no_free_descriptors&) = delete;
    no_free_descriptors& operator=(const no_free_descriptors&) = delete;
    ~no_free_descriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

private:
    ::rlimit before_{};
};

} // namespace test
