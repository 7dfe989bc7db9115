// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>

namespace tlsxx {
inline namespace v0 {

/// password opens an encrypted private key: text, or something to call that returns text, which is
/// called only if the key is encrypted. It refers to what it was made from and is meant to be an
/// argument, not to be kept. Exceptions of the callable reach the caller.
class password {
public:
    password() noexcept = default;
    password(const char* text) noexcept : text_{text}, given_{true} {}
    password(std::string_view text) noexcept : text_{text}, given_{true} {}
    password(const std::string& text) noexcept : text_{text}, given_{true} {}
    template <class F>
        requires std::is_invocable_r_v<std::string, F&> &&
            (!std::same_as<std::remove_cvref_t<F>, password>)password(F&& ask) noexcept
            : ask_{const_cast<void*>(static_cast<const void*>(std::addressof(ask)))},
              call_{[](void* f) -> std::string {
                  return (*static_cast<std::remove_reference_t<F>*>(f))();
              }},
              given_{true} {}

        /// given is false for a password made by default: an encrypted key is then an error, never
        /// a prompt.
        bool given() const noexcept {
            return given_;
        }
        /// get gives the text, calling what is to be called.
        std::string get() const {
            return call_ ? call_(ask_) : std::string{text_};
        }

    private:
        std::string_view text_;
        void* ask_ = nullptr;
        std::string (*call_)(void*) = nullptr;
        bool given_ = false;
};

/// cert_chain says where a certificate chain and its private key come from: files, or memory.
/// Certificates are PEM or DER, the leaf first; the key is PEM or DER, PKCS #8, PKCS #1 or SEC 1.
/// Without a key of its own the key is looked for beside the certificates.
struct cert_chain {
    std::string_view certfile{};
    std::string_view keyfile{};
    std::string_view certdata{};
    std::string_view keydata{};
    tlsxx::password password{};
};

} // namespace v0
} // namespace tlsxx
