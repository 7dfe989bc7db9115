// SPDX-License-Identifier: BSL-1.0
#pragma once

// Programs that nobody here wrote, started, talked to and ended (POSIX).

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tlsxx/socket.hpp>

extern char** environ; // NOLINT: the system's name

namespace test {

using namespace std::chrono_literals;

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

class process {
public:
    using clock = std::chrono::steady_clock;

    explicit process(const std::vector<std::string>& arguments) {
        int in[2], out[2];
        if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0)
            throw std::runtime_error{"pipe"};
        input_ = in[1];
        output_ = out[0];
        ::posix_spawn_file_actions_t actions;
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
        ::posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
        ::posix_spawn_file_actions_adddup2(&actions, out[1], STDERR_FILENO);
        std::vector<char*> argv;
        for (const std::string& argument : arguments)
            argv.push_back(const_cast<char*>(argument.c_str()));
        argv.push_back(nullptr);
        const int failed = ::posix_spawn(&id_, argv[0], &actions, nullptr, argv.data(), environ);
        ::posix_spawn_file_actions_destroy(&actions);
        ::close(in[0]);
        ::close(out[1]);
        if (failed != 0) {
            ::close(input_);
            ::close(output_);
            throw std::runtime_error{"can't start " + arguments.front()};
        }
    }
    process(const process&) = delete;
    process& operator=(const process&) = delete;
    ~process() {
        close_input();
        if (id_ != 0) {
            ::kill(id_, SIGTERM);
            if (!ends_within(2s)) {
                ::kill(id_, SIGKILL);
                ::waitpid(id_, nullptr, 0);
            }
        }
        ::close(output_);
    }

    void write(std::string_view text) {
        // The other end may be gone: that is no signal of ours.
        struct ::sigaction ignore {
        }, before{};
        ignore.sa_handler = SIG_IGN;
        ::sigaction(SIGPIPE, &ignore, &before);
        while (!text.empty()) {
            const ::ssize_t n = ::write(input_, text.data(), text.size());
            if (n <= 0)
                break;
            text.remove_prefix(static_cast<std::size_t>(n));
        }
        ::sigaction(SIGPIPE, &before, nullptr);
    }
    void close_input() {
        if (input_ != -1)
            ::close(std::exchange(input_, -1));
    }

    // What it has printed so far, both on its output and its error output.
    const std::string& printed() const { return printed_; }
    // Waits for a text in it. False if the program ends or says nothing for too long.
    bool prints(std::string_view text, std::chrono::milliseconds patience = 20s) {
        const auto until = clock::now() + patience;
        while (printed_.find(text) == std::string::npos)
            if (!read_some(until))
                return false;
        return true;
    }
    // Waits for its end and gives its exit status; -1 if it was ended by a signal or goes on.
    int exit_status(std::chrono::milliseconds patience = 20s) {
        const auto until = clock::now() + patience;
        while (read_some(until)) {
        }
        return ends_within(2s) && WIFEXITED(status_) ? WEXITSTATUS(status_) : -1;
    }
    bool is_running() { return id_ != 0 && !ends_within(0ms); }

private:
    bool read_some(clock::time_point until) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(until - clock::now());
        ::pollfd entry{output_, POLLIN, 0};
        if (left.count() <= 0 || ::poll(&entry, 1, static_cast<int>(left.count())) != 1)
            return false;
        char buffer[4096];
        const ::ssize_t n = ::read(output_, buffer, sizeof buffer);
        if (n <= 0)
            return false;
        printed_.append(buffer, static_cast<std::size_t>(n));
        return true;
    }
    bool ends_within(std::chrono::milliseconds patience) {
        const auto until = clock::now() + patience;
        while (id_ != 0) {
            if (::waitpid(id_, &status_, WNOHANG) == id_)
                id_ = 0;
            else if (clock::now() >= until)
                return false;
            else
                ::usleep(2000);
        }
        return true;
    }

    ::pid_t id_ = 0;
    int input_ = -1;
    int output_ = -1;
    int status_ = 0;
    std::string printed_;
};

// A port that nobody has just now.
inline std::uint16_t free_port() {
    std::error_code ec;
    const auto listener = tlsxx::listen({.address = "127.0.0.1"}, ec);
    if (ec)
        throw std::system_error{ec};
    return listener.port();
}

// Waits until somebody listens there. False if the program that should has ended.
inline bool listens(process& server, std::uint16_t port) {
    for (int i = 0; i != 2000 && server.is_running(); ++i) {
        std::error_code ec;
        tlsxx::connect("127.0.0.1", port, {.timeout = 1s}, ec);
        if (!ec)
            return true;
        ::usleep(5000);
    }
    return false;
}

} // namespace test
