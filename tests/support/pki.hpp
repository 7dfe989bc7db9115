// SPDX-License-Identifier: BSL-1.0
#pragma once

// The certificates that pki.sh makes; its first lines list them.

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>

namespace test {

// The folder: the environment variable TLSXX_TEST_PKI, else what the build has defined.
inline const std::string& pki_folder() {
    static const std::string folder = [] {
        std::string name;
#if defined(TLSXX_TEST_PKI)
        name = TLSXX_TEST_PKI;
#endif
        if (const char* value = std::getenv("TLSXX_TEST_PKI"))
            name = value;
        if (!std::ifstream{name + "/complete"})
            throw std::runtime_error{"no test certificates in \"" + name +
                                     "\": run tests/support/pki.sh FOLDER and set "
                                     "TLSXX_TEST_PKI=FOLDER"};
        return name;
    }();
    return folder;
}

// The path of a file in it.
inline std::string pki(std::string_view name) {
    return pki_folder() + "/" + std::string{name};
}

// What a file in it holds.
inline std::string pki_text(std::string_view name) {
    std::ifstream file{pki(name), std::ios::binary};
    if (!file)
        throw std::runtime_error{"no file " + pki(name)};
    return {std::istreambuf_iterator<char>{file}, {}};
}

// The password of every encrypted key.
inline constexpr std::string_view pki_password = "password";

} // namespace test
