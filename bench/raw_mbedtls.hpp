// SPDX-License-Identifier: BSL-1.0
#pragma once

// Mbed TLS as careful people use it by hand, in two ways.

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string>

#include <mbedtls/build_info.h>
#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_ciphersuites.h>
#include <mbedtls/x509_crt.h>
#include <psa/crypto.h>

#include "wires.hpp"

namespace bench {

enum class mbedtls_way {
    callbacks,  // each call of the engine is one of the system
    read_buffer // header and body are received at once, by way of 4 KiB
};

inline int mbedtls_random(void*, unsigned char* to, std::size_t size) {
    return ::psa_generate_random(to, size) == PSA_SUCCESS ? 0 : -1;
}

struct mbedtls_context {
    ::mbedtls_ssl_config client, server;
    ::mbedtls_x509_crt root, chain;
    ::mbedtls_pk_context key;

    explicit mbedtls_context(const std::string& pki) {
        check(::psa_crypto_init() == PSA_SUCCESS, "psa_crypto_init");
        ::mbedtls_x509_crt_init(&root);
        ::mbedtls_x509_crt_init(&chain);
        ::mbedtls_pk_init(&key);
        check(::mbedtls_x509_crt_parse_file(&root, (pki + "/root.pem").c_str()) == 0, "root.pem");
        check(::mbedtls_x509_crt_parse_file(&chain, (pki + "/good-chain.pem").c_str()) == 0,
              "good-chain.pem");
        check(::mbedtls_pk_parse_keyfile(&key, (pki + "/good.key").c_str(), nullptr, mbedtls_random,
                                         nullptr) == 0,
              "good.key");
        set_up(client, MBEDTLS_SSL_IS_CLIENT);
        set_up(server, MBEDTLS_SSL_IS_SERVER);
        ::mbedtls_ssl_conf_ca_chain(&client, &root, nullptr);
        check(::mbedtls_ssl_conf_own_cert(&server, &chain, &key) == 0, "mbedtls_ssl_conf_own_cert");
    }
    mbedtls_context(const mbedtls_context&) = delete;
    mbedtls_context& operator=(const mbedtls_context&) = delete;
    ~mbedtls_context() {
        ::mbedtls_ssl_config_free(&client);
        ::mbedtls_ssl_config_free(&server);
        ::mbedtls_x509_crt_free(&root);
        ::mbedtls_x509_crt_free(&chain);
        ::mbedtls_pk_free(&key);
    }

private:
    // The suite and the group that the library's defaults lead to.
    static void set_up(::mbedtls_ssl_config& c, int endpoint) {
        static constexpr int suites[] = {MBEDTLS_TLS1_3_AES_256_GCM_SHA384, 0};
        static constexpr std::uint16_t groups[] = {MBEDTLS_SSL_IANA_TLS_GROUP_X25519,
                                                   MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1, 0};
        ::mbedtls_ssl_config_init(&c);
        check(::mbedtls_ssl_config_defaults(&c, endpoint, MBEDTLS_SSL_TRANSPORT_STREAM,
                                            MBEDTLS_SSL_PRESET_DEFAULT) == 0,
              "mbedtls_ssl_config_defaults");
        ::mbedtls_ssl_conf_rng(&c, mbedtls_random, nullptr);
        ::mbedtls_ssl_conf_ciphersuites(&c, suites);
        ::mbedtls_ssl_conf_groups(&c, groups);
    }
};

template <mbedtls_way Way, class End>
class mbedtls_link {
public:
    using context = mbedtls_context;
    static constexpr bool resumes = false; // the library has no sessions on this engine to compare

    mbedtls_link(context& c, End& client, End& server) {
        client_.open(c.client, client);
        server_.open(c.server, server);
        check(::mbedtls_ssl_set_hostname(&client_.ssl, "localhost") == 0, "set_hostname");
    }

    void handshake() {
        while (::mbedtls_ssl_is_handshake_over(&client_.ssl) == 0 ||
               ::mbedtls_ssl_is_handshake_over(&server_.ssl) == 0) {
            step(client_);
            step(server_);
        }
    }
    void write(bool by_client, std::span<const std::byte> data) {
        while (!data.empty()) {
            const int n = ::mbedtls_ssl_write(&side(by_client).ssl,
                                              reinterpret_cast<const unsigned char*>(data.data()),
                                              data.size());
            check(n > 0, "mbedtls_ssl_write");
            data = data.subspan(static_cast<std::size_t>(n));
        }
    }
    void read(bool by_client, std::span<std::byte> buffer) {
        while (!buffer.empty()) {
            const int n =
                ::mbedtls_ssl_read(&side(by_client).ssl,
                                   reinterpret_cast<unsigned char*>(buffer.data()), buffer.size());
            check(n > 0, "mbedtls_ssl_read");
            buffer = buffer.subspan(static_cast<std::size_t>(n));
        }
    }

private:
    static constexpr std::size_t held_size = 4096;

    struct end_state {
        ::mbedtls_ssl_context ssl;
        End* end = nullptr;
        std::size_t begin = 0, size = 0;
        std::unique_ptr<unsigned char[]> held;

        end_state() { ::mbedtls_ssl_init(&ssl); }
        end_state(const end_state&) = delete;
        end_state& operator=(const end_state&) = delete;
        ~end_state() { ::mbedtls_ssl_free(&ssl); }

        void open(const ::mbedtls_ssl_config& config, End& over) {
            end = &over;
            if (Way == mbedtls_way::read_buffer)
                held.reset(new unsigned char[held_size]);
            check(::mbedtls_ssl_setup(&ssl, &config) == 0, "mbedtls_ssl_setup");
            ::mbedtls_ssl_set_bio(&ssl, this, send,
                                  Way == mbedtls_way::callbacks ? receive : receive_held, nullptr);
        }
        static int send(void* p, const unsigned char* data, std::size_t size) {
            const ssize_t n = static_cast<end_state*>(p)->end->send(data, size);
            return n < 0 ? MBEDTLS_ERR_SSL_WANT_WRITE : static_cast<int>(n);
        }
        static int receive(void* p, unsigned char* to, std::size_t size) {
            const ssize_t n = static_cast<end_state*>(p)->end->receive(to, size);
            return n < 0 ? MBEDTLS_ERR_SSL_WANT_READ : static_cast<int>(n);
        }
        static int receive_held(void* p, unsigned char* to, std::size_t size) {
            auto& self = *static_cast<end_state*>(p);
            if (self.size == 0) {
                if (size >= held_size)
                    return receive(p, to, size);
                const ssize_t n = self.end->receive(self.held.get(), held_size);
                if (n <= 0)
                    return n < 0 ? MBEDTLS_ERR_SSL_WANT_READ : 0;
                self.begin = 0;
                self.size = static_cast<std::size_t>(n);
            }
            size = std::min(size, self.size);
            std::memcpy(to, self.held.get() + self.begin, size);
            self.begin += size;
            self.size -= size;
            return static_cast<int>(size);
        }
    };

    end_state& side(bool client) { return client ? client_ : server_; }
    static void step(end_state& side) {
        const int result = ::mbedtls_ssl_handshake(&side.ssl);
        check(result == 0 || result == MBEDTLS_ERR_SSL_WANT_READ, "mbedtls_ssl_handshake");
    }

    end_state client_, server_;
};

} // namespace bench
