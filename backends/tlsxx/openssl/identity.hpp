// SPDX-License-Identifier: BSL-1.0
#pragma once

// Certificates and private keys: parsed here once, shared by reference afterwards.

#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include <tlsxx/backend.hpp>
#include <tlsxx/error_info.hpp>

#include <tlsxx/openssl/engine.hpp>
#include <tlsxx/openssl/error_queue.hpp>

namespace tlsxx {
inline namespace v0 {
namespace openssl {
namespace detail {

// A certificate chain, leaf first, and the leaf's key.
struct identity {
    std::vector<owned<::X509>> chain;
    owned<::EVP_PKEY> key;

    identity share() const {
        identity copy;
        copy.chain.reserve(chain.size());
        for (const auto& x : chain)
            copy.chain.push_back(detail::share(x));
        copy.key = detail::share(key);
        return copy;
    }
    // SSL_CTX has one place for each type of key.
    bool has_key_type_of(const identity& other) const noexcept {
        const char* const type = ::EVP_PKEY_get0_type_name(other.key.get());
        return type && ::EVP_PKEY_is_a(key.get(), type) == 1;
    }
};

// True if the certificate's key is missing because there was no memory to decode it: OpenSSL makes
// a certificate without a key then and says nothing, as for a key of unknown kind. So it is decoded
// once more. Empties the error queue.
inline bool lost_its_key(const ::X509* x) noexcept {
    if (::X509_get0_pubkey(x))
        return false;
    unsigned char* der = nullptr;
    const int size = ::i2d_X509_PUBKEY(::X509_get_X509_PUBKEY(x), &der);
    const unsigned char* at = der;
    const owned<::EVP_PKEY> again{size > 0 ? ::d2i_PUBKEY(nullptr, &at, size) : nullptr};
    ::CRYPTO_free(der, "", 0);
    return again || is_lack_of_memory(take_reason()) || is_out_of_memory();
}

// True if there was no memory to read the certificate as a whole. Besides its key its extensions
// may be missing, which OpenSSL reads when they are first asked for, once, and takes for invalid
// then. Empties the error queue.
inline bool was_cut_short(::X509* x) noexcept {
    if (lost_its_key(x))
        return true;
    constexpr std::uint32_t unread = EXFLAG_INVALID | EXFLAG_NO_FINGERPRINT;
    const std::uint32_t missing = ::X509_get_extension_flags(x) & unread;
    if (missing == 0)
        return false;
    const owned<::X509> again{::X509_dup(x)};
    const bool lacked = !again || (::X509_get_extension_flags(again.get()) & unread) != missing;
    return is_lack_of_memory(take_reason()) || lacked || is_out_of_memory();
}

// Parses one certificate; bytes behind it are an error. Within own_error_queue.
inline owned<::X509> parse_certificate(byte_view der, error_info& error) noexcept {
    owned<::X509> x;
    const unsigned char* at = as_unsigned(der);
    if (der.size() <= LONG_MAX)
        x.reset(::d2i_X509(nullptr, &at, static_cast<long>(der.size())));
    if (!x) {
        report(errc::bad_certificate, take_first_reason([](unsigned long) {}), error);
    } else if (at != as_unsigned(der) + der.size()) {
        error.set_code(errc::bad_certificate) << "bytes follow the certificate";
        x.reset();
    } else if (was_cut_short(x.get())) {
        error.set_code(errc::not_enough_memory);
        x.reset();
    }
    return x;
}

// What a key's password callback is given, and what became of it.
struct password_request {
    std::string_view password;
    bool asked = false;
};

// Never a prompt at the terminal, which is what OpenSSL does without a callback.
inline int give_password(char* buffer, int capacity, int, void* data) noexcept {
    auto* const request = static_cast<password_request*>(data);
    request->asked = true;
    const std::string_view password = request->password;
    if (capacity < 0 || password.size() > static_cast<std::size_t>(capacity))
        return -1;
    if (!password.empty())
        std::memcpy(buffer, password.data(), password.size());
    return static_cast<int>(password.size());
}

inline owned<::EVP_PKEY> parse_pem_key(byte_view pem, password_request& request) noexcept {
    const owned<::BIO> source{::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))};
    if (!source) {
        ERR_raise(ERR_LIB_BIO, ERR_R_MALLOC_FAILURE); // it does not always say so itself
        return nullptr;
    }
    return owned<::EVP_PKEY>{
        ::PEM_read_bio_PrivateKey(source.get(), nullptr, give_password, &request)};
}

inline owned<::EVP_PKEY> parse_der_key(byte_view der, password_request& request) noexcept {
    const unsigned char* const begin = as_unsigned(der);
    const long size = static_cast<long>(der.size());
    const unsigned char* at = begin;
    // Encrypted PKCS #8 has a shape of its own; d2i_AutoPrivateKey does not take it.
    const owned<::X509_SIG> encrypted{::d2i_X509_SIG(nullptr, &at, size)};
    if (encrypted && at == begin + size) {
        request.asked = true;
        const owned<::PKCS8_PRIV_KEY_INFO> opened{::PKCS8_decrypt(
            encrypted.get(), request.password.data(), static_cast<int>(request.password.size()))};
        return owned<::EVP_PKEY>{opened ? ::EVP_PKCS82PKEY(opened.get()) : nullptr};
    }
    ::ERR_clear_error();
    at = begin;
    owned<::EVP_PKEY> key{::d2i_AutoPrivateKey(nullptr, &at, size)};
    if (key && at != begin + size)
        key.reset();
    return key;
}

// True if the entry says that the cipher or the derivation of an encrypted key is not known, rather
// than that the password is wrong.
inline bool is_unknown_algorithm(unsigned long code) noexcept {
    const int library = ERR_GET_LIB(code);
    const int reason = ERR_GET_REASON(code);
    if (library == ERR_LIB_EVP)
        return reason == EVP_R_UNKNOWN_PBE_ALGORITHM || reason == EVP_R_UNSUPPORTED_ALGORITHM ||
               reason == EVP_R_UNSUPPORTED_CIPHER || reason == EVP_R_UNSUPPORTED_PRF ||
               reason == EVP_R_UNSUPPORTED_KEY_DERIVATION_FUNCTION ||
               reason == EVP_R_UNKNOWN_CIPHER || reason == ERR_R_UNSUPPORTED;
    return library == ERR_LIB_PEM &&
           (reason == PEM_R_UNSUPPORTED_ENCRYPTION || reason == PEM_R_UNSUPPORTED_CIPHER);
}

// Parses a key, decrypting it if need be. Within own_error_queue.
inline owned<::EVP_PKEY> parse_key(const private_key_source& source, error_info& error) noexcept {
    password_request request{source.password};
    owned<::EVP_PKEY> key;
    if (source.bytes.size() <= INT_MAX && source.password.size() <= INT_MAX)
        key = source.pem ? parse_pem_key(source.bytes, request)
                         : parse_der_key(source.bytes, request);
    if (key)
        return key;
    bool unknown = false;
    const unsigned long reason = take_first_reason(
        [&](unsigned long code) { unknown = unknown || is_unknown_algorithm(code); });
    const bool wrong_password = request.asked && !unknown;
    report(wrong_password ? errc::bad_password : errc::bad_private_key, reason, error);
    return key;
}

// Parses chain and key and checks that they belong together; false leaves `made` unspecified.
// Within own_error_queue.
inline bool parse_identity(const std::vector<byte_view>& chain, const private_key_source& source,
                           identity& made, error_info& error) {
    if (chain.empty()) {
        error.set_code(errc::no_certificate_found);
        return false;
    }
    made.chain.reserve(chain.size());
    for (std::size_t i = 0; i != chain.size(); ++i) {
        made.chain.push_back(parse_certificate(chain[i], error));
        if (!made.chain.back()) {
            error << " (certificate " << static_cast<long long>(i + 1) << " of the chain)";
            return false;
        }
    }
    made.key = parse_key(source, error);
    if (!made.key)
        return false;
    if (!::X509_get0_pubkey(made.chain.front().get()))
        return report(errc::bad_certificate, take_first_reason([](unsigned long) {}), error);
    if (::X509_check_private_key(made.chain.front().get(), made.key.get()) != 1)
        return report(errc::key_mismatch, take_first_reason([](unsigned long) {}), error);
    return true;
}

// Why libssl won't use a chain and key that belong together.
inline errc refusal_of_identity(unsigned long code) noexcept {
    if (ERR_GET_LIB(code) == ERR_LIB_SSL) {
        switch (ERR_GET_REASON(code)) {
        case SSL_R_EE_KEY_TOO_SMALL:
        case SSL_R_CA_KEY_TOO_SMALL:
        case SSL_R_CA_MD_TOO_WEAK: return errc::key_too_weak;
        default: break;
        }
    }
    return errc::bad_certificate;
}

// Puts an identity into an SSL_CTX, in place of one of the same type of key. All or nothing.
// Within own_error_queue.
inline bool use_identity(::SSL_CTX* context, const identity& id, error_info& error) noexcept {
    const owned<STACK_OF(X509)> rest{sk_X509_new_null()};
    bool complete = rest != nullptr;
    for (std::size_t i = 1; complete && i < id.chain.size(); ++i)
        complete = sk_X509_push(rest.get(), id.chain[i].get()) > 0;
    if (!complete)
        return report(errc::not_enough_memory, take_reason(), error);
    if (::SSL_CTX_use_cert_and_key(context, id.chain.front().get(), id.key.get(), rest.get(), 1) ==
        1)
        return true;
    const unsigned long reason = take_reason();
    return report(refusal_of_identity(reason), reason, error);
}

} // namespace detail
} // namespace openssl
} // namespace v0
} // namespace tlsxx
