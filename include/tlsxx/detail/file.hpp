// SPDX-License-Identifier: BSL-1.0
#pragma once

// Files and directories, as far as loading certificates needs them.

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

#if defined(_WIN32)
#include <io.h>
#else
#include <dirent.h>
#endif

#include <tlsxx/error_info.hpp>

namespace tlsxx {
inline namespace v0 {
namespace detail {

// No certificate file is near this; a device or a pipe that never ends must not fill the memory.
inline constexpr std::size_t largest_file = std::size_t{64} << 20;

inline void wipe(void* memory, std::size_t size) noexcept {
    volatile char* at = static_cast<char*>(memory);
    for (std::size_t i = 0; i != size; ++i)
        at[i] = 0;
}

// Text that is overwritten before its memory is given back.
struct secret {
    std::string text;

    secret() noexcept = default;
    secret(const secret&) = delete;
    secret& operator=(const secret&) = delete;
    ~secret() { wipe(text.data(), text.size()); }
};

inline bool fail_with_errno(error_info& error, int number, std::string_view what,
                            const std::string& path) noexcept {
    error = error_info{std::error_code{number, std::system_category()}};
    error << what << " '" << path << "'";
    return false;
}

// The system would take what is before the NUL for the whole path.
inline bool is_path(std::string_view name, error_info& error) noexcept {
    if (name.find('\0') == std::string_view::npos)
        return true;
    error = error_info{errc::invalid_argument, "a path contains a NUL character"};
    return false;
}

// Makes room for more behind the first `used` bytes, and leaves no copy of them behind.
inline void grow_secretly(std::string& content, std::size_t used) {
    std::string larger;
    larger.reserve(used * 2 + 4096);
    larger.assign(content, 0, used);
    wipe(content.data(), content.size());
    content.swap(larger);
}

// Reads a whole file. No copy of what may be a key is left behind: the memory is reserved at once,
// or, for what has no size, such as a pipe, wiped when it is outgrown.
inline bool read_file(std::string_view name, std::string& content, error_info& error) {
    if (!is_path(name, error))
        return false;
    const std::string path{name};
    struct closer {
        void operator()(std::FILE* f) const noexcept { std::fclose(f); }
    };
    errno = 0;
    const std::unique_ptr<std::FILE, closer> file{std::fopen(path.c_str(), "rb")};
    if (!file)
        return fail_with_errno(error, errno, "cannot open", path);
    std::setvbuf(file.get(), nullptr, _IONBF, 0);
    if (std::fseek(file.get(), 0, SEEK_END) == 0) {
        const long size = std::ftell(file.get());
        if (size > 0 && static_cast<std::size_t>(size) <= largest_file)
            content.reserve(static_cast<std::size_t>(size) + 1);
        std::rewind(file.get());
    }
    for (std::size_t used = 0;;) {
        if (used == largest_file) {
            error = error_info{errc::invalid_argument};
            error << "'" << path << "' is larger than 64 MiB";
            return false;
        }
        if (content.capacity() == used)
            grow_secretly(content, used);
        content.resize(content.capacity() < largest_file ? content.capacity() : largest_file);
        errno = 0;
        const std::size_t n =
            std::fread(content.data() + used, 1, content.size() - used, file.get());
        used += n;
        content.resize(used);
        if (std::ferror(file.get()))
            return fail_with_errno(error, errno ? errno : EIO, "cannot read", path);
        if (n == 0)
            return true;
    }
}

// True for the names that `openssl rehash` gives to certificates: eight hexadecimal digits, a dot
// and a number. CRLs have an r before the number.
constexpr bool is_hashed_certificate_name(std::string_view name) noexcept {
    if (name.size() < 10 || name[8] != '.')
        return false;
    for (std::size_t i = 0; i != name.size(); ++i) {
        const char c = name[i];
        const bool digit = c >= '0' && c <= '9';
        if (i != 8 && !digit && !(i < 8 && ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))))
            return false;
    }
    return true;
}

#if defined(_WIN32)

inline constexpr char path_list_separator = ';';

template <class Visit>
bool for_each_file(const std::string& directory, Visit&& visit, error_info& error) {
    _finddata_t entry{};
    const auto handle = ::_findfirst((directory + "\\*").c_str(), &entry);
    if (handle == -1)
        return fail_with_errno(error, errno, "cannot open the directory", directory);
    bool going_on = true;
    do
        going_on = visit(std::string_view{entry.name});
    while (going_on && ::_findnext(handle, &entry) == 0);
    ::_findclose(handle);
    return going_on;
}

#else

inline constexpr char path_list_separator = ':';

// Calls `visit(name) -> bool` for each entry; stops, and gives false, when it says false.
template <class Visit>
bool for_each_file(const std::string& directory, Visit&& visit, error_info& error) {
    struct closer {
        void operator()(DIR* d) const noexcept { ::closedir(d); }
    };
    const std::unique_ptr<DIR, closer> stream{::opendir(directory.c_str())};
    if (!stream)
        return fail_with_errno(error, errno, "cannot open the directory", directory);
    while (const dirent* entry = ::readdir(stream.get()))
        if (!visit(std::string_view{entry->d_name}))
            return false;
    return true;
}

#endif

} // namespace detail
} // namespace v0
} // namespace tlsxx
