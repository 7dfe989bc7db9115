// SPDX-License-Identifier: BSL-1.0
#pragma once

// The name that a client asks for, noted while the engine has it.

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

#include <tlsxx/mbedtls/engine.hpp>

namespace tlsxx {
inline namespace v0 {
namespace mbedtls {
namespace detail {

class server_name_note {
public:
    void set(std::string_view name) noexcept {
        size_ = std::min(name.size(), text_.size());
        std::copy_n(name.data(), size_, text_.data());
    }
    std::string_view view() const noexcept { return {text_.data(), size_}; }

private:
    std::array<char, MBEDTLS_SSL_MAX_HOST_NAME_LEN> text_{};
    std::size_t size_ = 0;
};

// The engine's callback for choosing a certificate. It runs in every handshake of a server, with a
// name or without, and is the only place where the name can be read. The connection's user data is
// its note.
inline int note_server_name(::mbedtls_ssl_context* ssl) noexcept {
    auto* note = static_cast<server_name_note*>(::mbedtls_ssl_get_user_data_p(ssl));
    std::size_t size = 0;
    const unsigned char* name = ::mbedtls_ssl_get_hs_sni(ssl, &size);
    if (note == nullptr || name == nullptr)
        return 0;
    const std::string_view text{reinterpret_cast<const char*>(name), size};
    // Not a name, or only a part of what the program would take for one.
    if (size > MBEDTLS_SSL_MAX_HOST_NAME_LEN || text.find('\0') != std::string_view::npos)
        return MBEDTLS_ERR_SSL_ILLEGAL_PARAMETER;
    note->set(text);
    return 0;
}

} // namespace detail
} // namespace mbedtls
} // namespace v0
} // namespace tlsxx
