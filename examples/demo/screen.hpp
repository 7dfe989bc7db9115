// SPDX-License-Identifier: BSL-1.0
#pragma once

// What the demo prints: lines of at most 100 columns, in colour on a terminal, and a count of its
// checks.

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace demo {

enum class paint { plain, bold, dim, good, bad };

// The text in a colour, or as it is where there are none.
std::string painted(paint colour, std::string_view text);

// The text in exactly `width` columns: cut, or filled up.
std::string left(std::string_view text, std::size_t width);
std::string right(std::string_view text, std::size_t width);

// The text in lines of at most `width` columns, broken at spaces where there are some.
std::vector<std::string> wrapped(std::string_view text, std::size_t width);

// "12.3 ms"
std::string in_ms(std::chrono::nanoseconds time);
// "8 388 608"
std::string grouped(std::size_t number);

void print(std::string_view line);
// The title of a part, numbered, and what it shows.
void print_title(std::string_view title);
// The heads of columns.
void print_heads(std::string_view heads);
// One counted check, and below it what went wrong, if anything did.
void print_check(bool passed, std::string_view line, std::string_view problem = {});
// "demo: N of N as expected"; the result is the exit code.
int print_summary();

} // namespace demo
