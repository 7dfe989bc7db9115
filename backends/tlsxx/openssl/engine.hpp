// SPDX-License-Identifier: BSL-1.0
#pragma once

// The only file that includes OpenSSL, and ownership of its objects.

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/opensslv.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/proverr.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <cstddef>
#include <memory>
#include <span>

#if OPENSSL_VERSION_NUMBER < 0x30000000L
#error "tlsxx needs OpenSSL 3.0 or newer"
#endif

namespace tlsxx {
inline namespace v0 {
namespace openssl {
namespace detail {

// Frees what allocates in order to be freed (SSL_CTX_free does): where that fails, the entry that
// says so does not stay in the error queue.
template <class T>
void free_quietly(void (*free)(T*), T* object) noexcept {
    ::ERR_set_mark();
    free(object);
    ::ERR_pop_to_mark();
}

struct release {
    void operator()(::SSL_CTX* p) const noexcept { free_quietly(::SSL_CTX_free, p); }
    void operator()(::SSL* p) const noexcept { free_quietly(::SSL_free, p); }
    void operator()(::X509* p) const noexcept { ::X509_free(p); }
    void operator()(::X509_STORE* p) const noexcept { free_quietly(::X509_STORE_free, p); }
    void operator()(::X509_STORE_CTX* p) const noexcept { ::X509_STORE_CTX_free(p); }
    void operator()(::X509_SIG* p) const noexcept { ::X509_SIG_free(p); }
    void operator()(::PKCS8_PRIV_KEY_INFO* p) const noexcept { ::PKCS8_PRIV_KEY_INFO_free(p); }
    void operator()(::EVP_PKEY* p) const noexcept { ::EVP_PKEY_free(p); }
    void operator()(::BIO* p) const noexcept { ::BIO_free(p); }
    void operator()(::BIO_METHOD* p) const noexcept { ::BIO_meth_free(p); }
    // A list, not what is in it.
    void operator()(STACK_OF(X509) * p) const noexcept { sk_X509_free(p); }
    void operator()(STACK_OF(SSL_CIPHER) * p) const noexcept { sk_SSL_CIPHER_free(p); }
};

template <class T>
using owned = std::unique_ptr<T, release>;

// Another owner of a counted object.
inline owned<::X509> share(const owned<::X509>& x) noexcept {
    ::X509_up_ref(x.get());
    return owned<::X509>{x.get()};
}
inline owned<::EVP_PKEY> share(const owned<::EVP_PKEY>& key) noexcept {
    ::EVP_PKEY_up_ref(key.get());
    return owned<::EVP_PKEY>{key.get()};
}

inline const unsigned char* as_unsigned(std::span<const std::byte> bytes) noexcept {
    return reinterpret_cast<const unsigned char*>(bytes.data());
}

} // namespace detail
} // namespace openssl
} // namespace v0
} // namespace tlsxx
