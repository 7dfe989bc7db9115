// SPDX-License-Identifier: BSL-1.0

#include "process.hpp"

#include <csignal>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace demo {
namespace {

using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> out;
    for (std::string& text : texts)
        out.push_back(text.data());
    out.push_back(nullptr);
    return out;
}

std::vector<std::string> environment_with(const std::vector<std::string>& settings) {
    std::vector<std::string> out = settings;
    for (char** at = environ; *at != nullptr; ++at) {
        const std::string_view entry = *at;
        const auto name = entry.substr(0, entry.find('=') + 1);
        bool is_replaced = false;
        for (const std::string& setting : settings)
            is_replaced = is_replaced || setting.starts_with(name);
        if (!is_replaced)
            out.emplace_back(entry);
    }
    return out;
}

} // namespace

process::process(const command& what, const std::filesystem::path& folder, const std::string& name)
    : base_{folder / name} {
    std::vector<std::string> arguments = what.arguments;
    std::vector<std::string> settings = environment_with(what.environment);
    ::posix_spawn_file_actions_t files;
    ::posix_spawn_file_actions_init(&files);
    constexpr int fresh = O_WRONLY | O_CREAT | O_TRUNC;
    ::posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&files, 1, (base_.string() + ".out").c_str(), fresh, 0644);
    ::posix_spawn_file_actions_addopen(&files, 2, (base_.string() + ".err").c_str(), fresh, 0644);
    const int error = ::posix_spawnp(&id_, arguments.front().c_str(), &files, nullptr,
                                     pointers_to(arguments).data(), pointers_to(settings).data());
    ::posix_spawn_file_actions_destroy(&files);
    if (error != 0) {
        id_ = -1;
        throw std::system_error{error, std::generic_category(), what.arguments.front()};
    }
}

process::process(process&& other) noexcept
    : id_{std::exchange(other.id_, -1)}, code_{other.code_}, base_{other.base_} {}

bool process::is_running() {
    if (id_ == -1)
        return false;
    int status = 0;
    if (::waitpid(id_, &status, WNOHANG) != id_)
        return true;
    code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    id_ = -1;
    return false;
}

int process::wait(std::chrono::milliseconds timeout) {
    const auto until = clock_type::now() + timeout;
    while (is_running()) {
        if (clock_type::now() > until)
            return -1;
        std::this_thread::sleep_for(500us);
    }
    return code_;
}

int process::stop() {
    if (is_running()) {
        ::kill(id_, SIGTERM);
        if (wait(2s) == -1 && id_ != -1) {
            ::kill(id_, SIGKILL);
            wait(5s);
        }
    }
    return code_;
}

std::string process::out() const {
    return read_file(base_.string() + ".out");
}
std::string process::err() const {
    return read_file(base_.string() + ".err");
}

std::string process::wait_for(std::string_view mark, std::chrono::milliseconds timeout) {
    const auto until = clock_type::now() + timeout;
    for (;;) {
        const bool runs = is_running();
        const std::string text = out();
        const auto at = text.find(mark);
        const auto end = text.find('\n', at);
        if (at != text.npos && end != text.npos)
            return text.substr(at + mark.size(), end - at - mark.size());
        if (!runs || clock_type::now() > until)
            throw std::runtime_error{base_.filename().string() + " does not get ready: " + err()};
        std::this_thread::sleep_for(2ms);
    }
}

finished run(const command& what, const std::filesystem::path& folder, const std::string& name,
             std::chrono::milliseconds timeout) {
    finished result;
    const auto begin = clock_type::now();
    process running{what, folder, name};
    result.code = running.wait(timeout);
    result.time = clock_type::now() - begin;
    if (result.code == -1)
        running.stop();
    result.out = running.out();
    result.err = running.err();
    return result;
}

std::string read_file(const std::filesystem::path& name) {
    std::ifstream file{name, std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
}

void write_file(const std::filesystem::path& name, std::string_view text) {
    std::ofstream file{name, std::ios::binary};
    file.write(text.data(), static_cast<std::streamsize>(text.size()));
    file.close();
    if (!file)
        throw std::runtime_error{"cannot write " + name.string()};
}

} // namespace demo
