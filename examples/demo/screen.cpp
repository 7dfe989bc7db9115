// SPDX-License-Identifier: BSL-1.0

#include "screen.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>

#include <unistd.h>

namespace demo {
namespace {

constexpr std::size_t screen_width = 100;

int checks = 0;
int passed_checks = 0;
int titles = 0;

bool has_colours() {
    static const bool answer = [] {
        const char* const refused = std::getenv("NO_COLOR");
        const char* const terminal = std::getenv("TERM");
        return ::isatty(STDOUT_FILENO) != 0 && (refused == nullptr || *refused == '\0') &&
               (terminal == nullptr || std::string_view{terminal} != "dumb");
    }();
    return answer;
}

} // namespace

std::string painted(paint colour, std::string_view text) {
    const char* code = "";
    switch (colour) {
    case paint::plain: break;
    case paint::bold: code = "1"; break;
    case paint::dim: code = "2"; break;
    case paint::good: code = "32"; break;
    case paint::bad: code = "1;31"; break;
    }
    if (!has_colours() || *code == '\0')
        return std::string{text};
    return "\033[" + std::string{code} + 'm' + std::string{text} + "\033[0m";
}

std::string left(std::string_view text, std::size_t width) {
    std::string out{text.substr(0, width)};
    if (text.size() > width && width > 2)
        out.replace(width - 2, 2, "..");
    out.resize(width, ' ');
    return out;
}

std::string right(std::string_view text, std::size_t width) {
    return text.size() < width ? std::string(width - text.size(), ' ') + std::string{text}
                               : left(text, width);
}

std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        std::size_t end = text.size();
        if (end > width) {
            end = text.rfind(' ', width);
            if (end == text.npos || end == 0)
                end = width;
        }
        lines.emplace_back(text.substr(0, end));
        text.remove_prefix(end);
        if (text.starts_with(' '))
            text.remove_prefix(1);
    }
    return lines;
}

std::string in_ms(std::chrono::nanoseconds time) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.1f ms",
                  std::chrono::duration<double, std::milli>(time).count());
    return text.data();
}

std::string grouped(std::size_t number) {
    std::string text = std::to_string(number);
    for (std::size_t i = text.size(); i > 3;)
        text.insert(i -= 3, 1, ' ');
    return text;
}

void print(std::string_view line) {
    line = line.substr(0, line.find_last_not_of(' ') + 1);
    std::printf("%.*s\n", static_cast<int>(line.size()), line.data());
    std::fflush(stdout); // what is done shows at once, also in a pipe
}

void print_title(std::string_view title) {
    print("");
    print(painted(paint::bold, std::to_string(++titles) + "   " + std::string{title}));
}

void print_heads(std::string_view heads) {
    print(painted(paint::dim, "    " + std::string{heads}));
}

void print_check(bool passed, std::string_view line, std::string_view problem) {
    ++checks;
    passed_checks += passed ? 1 : 0;
    print((passed ? painted(paint::good, "ok  ") : painted(paint::bad, "BAD ")) +
          std::string{line});
    if (!passed)
        for (const std::string& part : wrapped(problem, screen_width - 6))
            print("      " + painted(paint::bad, part));
}

int print_summary() {
    const bool good = checks != 0 && passed_checks == checks;
    print("");
    print(painted(good ? paint::good : paint::bad, "demo: " + std::to_string(passed_checks) +
                                                       " of " + std::to_string(checks) +
                                                       " as expected"));
    return good ? 0 : 1;
}

} // namespace demo
