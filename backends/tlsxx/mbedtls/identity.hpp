// SPDX-License-Identifier: BSL-1.0
#pragma once

// A certificate chain of one's own and its private key.

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tlsxx/backend.hpp>
#include <tlsxx/error_info.hpp>
#include <tlsxx/mbedtls/anchors.hpp>
#include <tlsxx/mbedtls/engine.hpp>
#include <tlsxx/mbedtls/failure.hpp>
#include <tlsxx/pem.hpp>
#include <tlsxx/x509/der.hpp>
#include <tlsxx/x509/oids.hpp>

namespace tlsxx {
inline namespace v0 {
namespace mbedtls {
namespace detail {

// Not changed once made. Connections of several threads sign with the key: the engine locks it.
struct identity {
    owned_certificates chain;
    owned_key key;
};
using shared_identity = std::shared_ptr<identity>;

// Bytes that are wiped before their memory is given back.
class wiped_bytes {
public:
    explicit wiped_bytes(byte_view bytes, bool terminated)
        : bytes_(bytes.size() + (terminated ? 1 : 0)) {
        std::copy(bytes.begin(), bytes.end(), bytes_.begin());
    }
    wiped_bytes(const wiped_bytes&) = delete;
    wiped_bytes& operator=(const wiped_bytes&) = delete;
    ~wiped_bytes() { ::mbedtls_platform_zeroize(bytes_.data(), bytes_.size()); }
    byte_view view() const noexcept { return bytes_; }

private:
    std::vector<std::byte> bytes_;
};

// Makes the engine ready to send a certificate whatever its extended key usage is. It would not use
// one that names other purposes and say only that the handshake failed; the peer is to judge that.
inline void send_for_any_purpose(::mbedtls_x509_crt& leaf) noexcept {
    static unsigned char any_extended_key_usage[] = {0x55, 0x1D, 0x25, 0x00};
    if (leaf.ext_key_usage.buf.p == nullptr)
        return;
    leaf.ext_key_usage.buf.p = any_extended_key_usage;
    leaf.ext_key_usage.buf.len = sizeof any_extended_key_usage;
}

inline bool parse_chain(identity& made, const std::vector<byte_view>& chain, error_info& error) {
    if (chain.empty()) {
        error = error_info{errc::no_certificate_found};
        return false;
    }
    std::size_t message = 16;
    for (const byte_view der : chain) {
        const int result = ::mbedtls_x509_crt_parse_der_with_ext_cb(
            made.chain.get(), as_uchar(der), der.size(), 1, take_any_extension, nullptr);
        if (result != 0)
            return fail(error,
                        lacks_algorithm(result) ? errc::not_supported : errc::bad_certificate,
                        result, "Mbed TLS can't read this certificate");
        message += der.size() + 5;
    }
    const ::mbedtls_x509_crt* parsed = made.chain.get();
    for (const byte_view der : chain) {
        if (parsed == nullptr || parsed->raw.len != der.size()) {
            error = error_info{errc::bad_certificate, "bytes follow the certificate"};
            return false;
        }
        parsed = parsed->next;
    }
    const auto refuse = [&error](std::string_view what) {
        error = error_info{errc::not_supported, what};
        return false;
    };
    if (message > MBEDTLS_SSL_OUT_CONTENT_LEN)
        return refuse("Mbed TLS can't send a certificate chain this long");
    if (::mbedtls_x509_crt_check_key_usage(made.chain.get(), MBEDTLS_X509_KU_DIGITAL_SIGNATURE) !=
        0)
        return refuse("Mbed TLS uses no certificate whose key usage lacks digitalSignature");
    send_for_any_purpose(*made.chain.get());
    return true;
}

inline bool contains(byte_view bytes, std::string_view text) noexcept {
    const auto same = [](std::byte b, char c) { return std::to_integer<char>(b) == c; };
    return std::search(bytes.begin(), bytes.end(), text.begin(), text.end(), same) != bytes.end();
}

// What a key that the engine refused looks like.
struct key_traits {
    bool encrypted = false;
    bool edwards = false; // Ed25519, Ed448: PKCS #8 with the OID 1.3.101.112 or 113
};

inline key_traits traits_of(const private_key_source& source) noexcept {
    if (source.pem)
        return {contains(source.bytes, "ENCRYPTED"), false};
    namespace der = x509::der;
    x509::bytes outer;
    if (!der::single(source.bytes, der::tag::sequence, outer))
        return {};
    der::reader in{outer};
    if (in.next_is(der::tag::sequence)) // PKCS #8 encrypted begins with an algorithm
        return {true, false};
    x509::bytes version;
    x509::bytes content;
    x509::bytes oid;
    if (!in.next(der::tag::integer, version) || !in.next(der::tag::sequence, content))
        return {};
    der::reader algorithm{content};
    return {false, algorithm.next(der::tag::oid, oid) && (x509::equal(oid, x509::oids::ed25519) ||
                                                          x509::equal(oid, x509::oids::ed448))};
}

inline bool explain_key(int result, const private_key_source& source, error_info& error) noexcept {
    const key_traits traits = traits_of(source);
    if (traits.edwards)
        return fail(error, errc::not_supported, result, "Mbed TLS has no Ed25519 or Ed448 keys");
    switch (main_code(result)) {
    case MBEDTLS_ERR_PK_PASSWORD_REQUIRED:
    case MBEDTLS_ERR_PEM_PASSWORD_REQUIRED:
        return fail(error, errc::bad_password, result, "Mbed TLS takes no empty password");
    case MBEDTLS_ERR_PK_PASSWORD_MISMATCH:
    case MBEDTLS_ERR_PEM_PASSWORD_MISMATCH:
    case MBEDTLS_ERR_PKCS5_PASSWORD_MISMATCH:
    case MBEDTLS_ERR_PKCS12_PASSWORD_MISMATCH: return fail(error, errc::bad_password, result, {});
    case MBEDTLS_ERR_PKCS5_FEATURE_UNAVAILABLE:
    case MBEDTLS_ERR_PKCS12_FEATURE_UNAVAILABLE:
    case MBEDTLS_ERR_PEM_UNKNOWN_ENC_ALG:
    case MBEDTLS_ERR_PEM_FEATURE_UNAVAILABLE:
        return fail(error, errc::not_supported, result,
                    "Mbed TLS can't open a key encrypted in this way (scrypt, for one)");
    default: break;
    }
    if (lacks_algorithm(result))
        return fail(error, errc::not_supported, result,
                    traits.encrypted ? "Mbed TLS lacks the key's algorithm or its encryption"
                                     : "Mbed TLS lacks the key's algorithm or curve");
    // A wrong password that leaves good padding by chance shows as a key that can't be read.
    return fail(error, traits.encrypted ? errc::bad_password : errc::bad_private_key, result, {});
}

inline int parse_key_bytes(identity& made, byte_view key, std::string_view password) noexcept {
    const auto bytes = std::as_bytes(std::span{password});
    return ::mbedtls_pk_parse_key(made.key.get(), as_uchar(key), key.size(),
                                  bytes.empty() ? nullptr : as_uchar(bytes), bytes.size(),
                                  random_bytes, nullptr);
}

inline bool parse_key(identity& made, const private_key_source& source, error_info& error) {
    if (source.password.empty() && traits_of(source).encrypted) {
        error = error_info{errc::bad_password, "Mbed TLS takes no empty password"};
        return false;
    }
    int result = 0;
    if (!source.pem && traits_of(source).encrypted) {
        // As PEM the engine says what is wrong with it; as DER it goes on to other formats.
        const std::string text = to_pem("ENCRYPTED PRIVATE KEY", source.bytes);
        const auto bytes = std::as_bytes(std::span{text.c_str(), text.size() + 1});
        result = parse_key_bytes(made, bytes, source.password);
    } else {
        const wiped_bytes copy{source.bytes, source.pem}; // PEM wants a NUL at its end
        result = parse_key_bytes(made, copy.view(), source.password);
    }
    return result == 0 || explain_key(result, source, error);
}

// Parses a chain and its key and checks that they belong together; null if they don't.
inline shared_identity make_identity(const std::vector<byte_view>& chain,
                                     const private_key_source& key, error_info& error) {
    auto made = std::make_shared<identity>();
    if (!parse_chain(*made, chain, error) || !parse_key(*made, key, error))
        return nullptr;
    const auto check_pair = [&made] {
        return ::mbedtls_pk_check_pair(&made->chain->pk, made->key.get(), random_bytes, nullptr);
    };
    int pair = check_pair();
    if (pair != 0) // the engine says this of a lack of memory too
        pair = check_pair();
    if (pair != 0) {
        fail(error, errc::key_mismatch, pair, {});
        return nullptr;
    }
    return made;
}

// True for two identities of which a connection could only ever use one: keys of the same kind.
inline bool same_kind(const identity& a, const identity& b) noexcept {
    const auto is_rsa = [](const identity& i) {
        return ::mbedtls_pk_can_do(i.key.get(), MBEDTLS_PK_RSA) != 0;
    };
    return is_rsa(a) == is_rsa(b);
}

} // namespace detail
} // namespace mbedtls
} // namespace v0
} // namespace tlsxx
