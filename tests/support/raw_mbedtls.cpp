// SPDX-License-Identifier: BSL-1.0

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include <mbedtls/error.h>
#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>
#include <psa/crypto.h>

#include <support/pki.hpp>
#include <support/raw_engine.hpp>

namespace test {
namespace {

class raw_mbedtls final : public raw_engine {
public:
    raw_mbedtls(bool server, tlsxx::tls_version only) {
        ::mbedtls_ssl_init(&ssl_);
        ::mbedtls_ssl_config_init(&configuration_);
        ::mbedtls_x509_crt_init(&chain_);
        ::mbedtls_pk_init(&key_);
        const auto version = only == tlsxx::tls_version::tls_1_2 ? MBEDTLS_SSL_VERSION_TLS1_2
                                                                 : MBEDTLS_SSL_VERSION_TLS1_3;
        check(static_cast<int>(::psa_crypto_init()));
        check(::mbedtls_ssl_config_defaults(
            &configuration_, server ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT,
            MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT));
        ::mbedtls_ssl_conf_rng(&configuration_, &random, nullptr);
        ::mbedtls_ssl_conf_min_tls_version(&configuration_, version);
        ::mbedtls_ssl_conf_max_tls_version(&configuration_, version);
        ::mbedtls_ssl_conf_authmode(&configuration_, MBEDTLS_SSL_VERIFY_NONE);
        if (server) {
            // a byte behind PEM is part of what is parsed: the NUL
            const std::string chain = pki_text("good-chain.pem"), key = pki_text("good.key");
            check(::mbedtls_x509_crt_parse(&chain_, bytes(chain), chain.size() + 1));
            check(::mbedtls_pk_parse_key(&key_, bytes(key), key.size() + 1, nullptr, 0, &random,
                                         nullptr));
            check(::mbedtls_ssl_conf_own_cert(&configuration_, &chain_, &key_));
        }
        check(::mbedtls_ssl_setup(&ssl_, &configuration_));
        if (!server)
            check(::mbedtls_ssl_set_hostname(&ssl_, "localhost"));
        ::mbedtls_ssl_set_bio(
            &ssl_, this,
            [](void* self, const unsigned char* data, std::size_t size) {
                static_cast<raw_mbedtls*>(self)->out_.append(reinterpret_cast<const char*>(data),
                                                             size);
                return static_cast<int>(size);
            },
            [](void* self, unsigned char* data, std::size_t size) {
                std::string& in = static_cast<raw_mbedtls*>(self)->in_;
                const std::size_t n = std::min(size, in.size());
                if (n == 0)
                    return MBEDTLS_ERR_SSL_WANT_READ;
                std::memcpy(data, in.data(), n);
                in.erase(0, n);
                return static_cast<int>(n);
            },
            nullptr);
    }
    raw_mbedtls(const raw_mbedtls&) = delete;
    raw_mbedtls& operator=(const raw_mbedtls&) = delete;
    ~raw_mbedtls() override {
        ::mbedtls_ssl_free(&ssl_);
        ::mbedtls_ssl_config_free(&configuration_);
        ::mbedtls_x509_crt_free(&chain_);
        ::mbedtls_pk_free(&key_);
    }

    void put(std::string_view more) override { in_.append(more); }
    std::string take() override { return std::exchange(out_, {}); }
    bool handshake() override {
        const int result = ::mbedtls_ssl_handshake(&ssl_);
        if (result != MBEDTLS_ERR_SSL_WANT_READ)
            check(result);
        return result == 0;
    }
    void write(std::string_view text) override {
        while (!text.empty()) {
            const int n = ::mbedtls_ssl_write(&ssl_, bytes(text), text.size());
            check(std::min(n, 0));
            text.remove_prefix(static_cast<std::size_t>(n));
        }
    }
    std::string read() override {
        std::string text;
        unsigned char buffer[4096];
        for (;;) {
            const int n = ::mbedtls_ssl_read(&ssl_, buffer, sizeof buffer);
            if (n == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET)
                continue;
            closed_ = closed_ || n == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY;
            if (n <= 0)
                return text;
            text.append(reinterpret_cast<const char*>(buffer), static_cast<std::size_t>(n));
        }
    }
    bool is_closed() const override { return closed_; }
    void close_notify() override { check(::mbedtls_ssl_close_notify(&ssl_)); }
    void* native_handle() override { return &ssl_; }

private:
    static const unsigned char* bytes(std::string_view text) {
        return reinterpret_cast<const unsigned char*>(text.data());
    }
    static int random(void*, unsigned char* out, std::size_t size) {
        return static_cast<int>(::psa_generate_random(out, size));
    }
    static void check(int result) {
        if (result != 0)
            throw std::runtime_error{"raw Mbed TLS: " + std::to_string(result)};
    }

    ::mbedtls_ssl_context ssl_;
    ::mbedtls_ssl_config configuration_;
    ::mbedtls_x509_crt chain_;
    ::mbedtls_pk_context key_;
    std::string in_, out_;
    bool closed_ = false;
};

} // namespace

raw_engine_ptr make_raw_mbedtls(bool server, tlsxx::tls_version only) {
    return std::make_unique<raw_mbedtls>(server, only);
}

} // namespace test
