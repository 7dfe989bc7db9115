// SPDX-License-Identifier: BSL-1.0
#pragma once

// Other programs: started, waited for with a time-out, ended.

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace demo {

// What to start: the program, looked for in PATH, and its arguments. Settings ("NAME=value") come
// on top of our own environment.
struct command {
    std::vector<std::string> arguments;
    std::vector<std::string> environment{};
};

// A program that runs. Its output is kept in files; its input is empty.
class process {
public:
    // Throws if it can't be started. The files are NAME.out and NAME.err in `folder`.
    process(const command& what, const std::filesystem::path& folder, const std::string& name);
    process(process&& other) noexcept;
    process& operator=(process&&) = delete;
    // Ends it.
    ~process() { stop(); }

    bool is_running();
    // Waits for its end; the exit code, 128 + N after signal N, -1 if the time is over.
    int wait(std::chrono::milliseconds timeout);
    // Asks it to end, and makes it end if it does not. The same result.
    int stop();

    std::string out() const;
    std::string err() const;
    // Waits until its output has `mark` and gives what follows on that line. Throws if it ends or
    // nothing comes.
    std::string wait_for(std::string_view mark, std::chrono::milliseconds timeout);

private:
    ::pid_t id_ = -1;
    int code_ = -1;
    std::filesystem::path base_;
};

struct finished {
    int code = -1;
    std::string out;
    std::string err;
    std::chrono::nanoseconds time{};
};

// Starts a program and waits for its end.
finished run(const command& what, const std::filesystem::path& folder, const std::string& name,
             std::chrono::milliseconds timeout = std::chrono::seconds{10});

std::string read_file(const std::filesystem::path& name);
void write_file(const std::filesystem::path& name, std::string_view text);

} // namespace demo
