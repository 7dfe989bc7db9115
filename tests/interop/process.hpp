// SPDX-License-Identifier: BSL-1.0
#pragma once

// Programs that nobody here wrote, started, talked to and ended (POSIX).

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/prctl.h>
#endif

#include <tlsxx/socket.hpp>

extern char** environ; // NOLINT: the system's name

namespace test {

using namespace std::chrono_literals;

// Nothing in a test with another program takes longer than this.
inline constexpr std::chrono::milliseconds program_deadline = 60s;

// Where a program is; empty if it is not installed. Servers are in sbin, which not every PATH has.
inline std::string find_program(std::string_view name) {
    const char* path = std::getenv("PATH");
    const std::string folders = std::string{path ? path : ""} + ":/usr/sbin:/sbin";
    for (std::size_t begin = 0; begin < folders.size();) {
        const std::size_t end = std::min(folders.find(':', begin), folders.size());
        const std::string file = folders.substr(begin, end - begin) + "/" + std::string{name};
        if (::access(file.c_str(), X_OK) == 0)
            return file;
        begin = end + 1;
    }
    return {};
}

// One program, in a process group of its own that ends with this object, or with the thread that
// has made it. Every wait for it ends at its deadline, which starts with it.
class process {
public:
    using clock = std::chrono::steady_clock;

    explicit process(const std::vector<std::string>& arguments,
                     std::chrono::milliseconds deadline = program_deadline)
        : deadline_{clock::now() + deadline} {
        // Its input is a socket, since writing to one that is gone need be no signal.
        int in[2], out[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in) != 0)
            throw std::runtime_error{"socketpair"};
        if (::pipe2(out, O_CLOEXEC) != 0) {
            ::close(in[0]);
            ::close(in[1]);
            throw std::runtime_error{"pipe"};
        }
        input_ = in[1];
        output_ = out[0];
        std::vector<char*> argv;
        for (const std::string& argument : arguments)
            argv.push_back(const_cast<char*>(argument.c_str()));
        argv.push_back(nullptr);
        id_ = ::fork();
        if (id_ == 0) {
            ::setpgid(0, 0);
#if defined(__linux__)
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
            ::dup2(in[0], STDIN_FILENO);
            ::dup2(out[1], STDOUT_FILENO);
            ::dup2(out[1], STDERR_FILENO);
            ::execve(argv[0], argv.data(), environ);
            ::_exit(127);
        }
        ::setpgid(id_, id_); // by whoever of the two comes first
        ::close(in[0]);
        ::close(out[1]);
        if (id_ < 0) {
            ::close(input_);
            ::close(output_);
            throw std::runtime_error{"can't start " + arguments.front()};
        }
        reader_ = std::thread{[this] { read_all(); }};
    }
    process(const process&) = delete;
    process& operator=(const process&) = delete;
    ~process() {
        close_input();
        end();
        ::close(output_);
    }

    // Gives it all of the text. False if it takes no more.
    bool write(std::string_view text) {
        while (!text.empty()) {
            ::pollfd entry{input_, POLLOUT, 0};
            if (::poll(&entry, 1, left()) <= 0)
                return false;
            const ::ssize_t n =
                ::send(input_, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
            if (n > 0)
                text.remove_prefix(static_cast<std::size_t>(n));
            else if (errno != EAGAIN)
                return false;
        }
        return true;
    }
    void close_input() {
        if (input_ != -1)
            ::close(std::exchange(input_, -1));
    }

    // What it has printed so far, both on its output and its error output.
    std::string printed() const {
        const std::lock_guard lock{mutex_};
        return printed_;
    }
    // Waits for a line with one of some texts. False if the program ends without it or takes too
    // long.
    bool prints(std::initializer_list<std::string_view> texts) {
        const auto found = [&] {
            return std::any_of(texts.begin(), texts.end(), [&](std::string_view text) {
                return printed_.find('\n', printed_.find(text)) != std::string::npos;
            });
        };
        std::unique_lock lock{mutex_};
        changed_.wait_until(lock, deadline_, [&] { return is_silent_ || found(); });
        return found();
    }
    bool prints(std::string_view text) {
        return prints({text});
    }
    // Waits for its end and gives its exit status; -1 if it was ended by a signal or goes on.
    int exit_status() {
        {
            std::unique_lock lock{mutex_};
            changed_.wait_until(lock, deadline_, [&] { return is_silent_; });
        }
        return ends_until(deadline_) && WIFEXITED(status_) ? WEXITSTATUS(status_) : -1;
    }
    bool is_running() {
        return id_ != 0 && !ends_until(clock::now());
    }
    // Ends it if it goes on, and takes in the last that it has printed.
    void end() {
        if (is_running()) {
            ::kill(-id_, SIGTERM);
            if (!ends_until(clock::now() + 2s)) {
                ::kill(-id_, SIGKILL);
                ::waitpid(std::exchange(id_, 0), &status_, 0);
            }
        }
        if (reader_.joinable())
            reader_.join();
    }

private:
    // All the time: a program must not be held up because nobody reads what it has to say.
    void read_all() {
        char buffer[16384];
        for (::ssize_t n = 1; n > 0 || (n < 0 && errno == EINTR);) {
            n = ::read(output_, buffer, sizeof buffer);
            const std::lock_guard lock{mutex_};
            if (n > 0)
                printed_.append(buffer, static_cast<std::size_t>(n));
            else if (n == 0 || errno != EINTR)
                is_silent_ = true;
            changed_.notify_all();
        }
    }
    int left() const {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(deadline_ - clock::now()).count();
        return left > 0 ? static_cast<int>(left) : 0;
    }
    bool ends_until(clock::time_point until) {
        while (id_ != 0) {
            // What it has left behind in its group goes before its number is free for others.
            ::siginfo_t ended{};
            if (::waitid(P_PID, static_cast<::id_t>(id_), &ended, WEXITED | WNOHANG | WNOWAIT) ==
                    0 &&
                ended.si_pid == id_) {
                ::kill(-id_, SIGKILL);
                ::waitpid(std::exchange(id_, 0), &status_, 0);
            } else if (clock::now() >= until) {
                return false;
            } else {
                ::usleep(1000);
            }
        }
        return true;
    }

    const clock::time_point deadline_;
    ::pid_t id_ = 0;
    int input_ = -1;
    int output_ = -1;
    int status_ = 0;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::string printed_;
    bool is_silent_ = false; // it prints nothing more
    std::thread reader_;
};

// A port that nobody has just now. Who takes it next is not settled: be ready to try again.
inline std::uint16_t free_port() {
    std::error_code ec;
    const auto listener = tlsxx::listen({.address = "127.0.0.1"}, ec);
    if (ec)
        throw std::system_error{ec};
    return listener.port();
}

} // namespace test
