// SPDX-License-Identifier: BSL-1.0
#pragma once

// OpenSSL as careful people use it by hand, in three ways.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include "wires.hpp"

namespace bench {

enum class openssl_way {
    fd,        // SSL_set_fd: what most programs do
    bio,       // a BIO of one's own
    read_ahead // the same, and the engine reads header and body at once
};

struct openssl_context {
    ::SSL_CTX* client = ::SSL_CTX_new(::TLS_client_method());
    ::SSL_CTX* server = ::SSL_CTX_new(::TLS_server_method());

    explicit openssl_context(const std::string& pki) {
        check(client && server, "SSL_CTX_new");
        check(::SSL_CTX_use_certificate_chain_file(server, (pki + "/good-chain.pem").c_str()) == 1,
              "good-chain.pem");
        check(::SSL_CTX_use_PrivateKey_file(server, (pki + "/good.key").c_str(),
                                            SSL_FILETYPE_PEM) == 1,
              "good.key");
        check(::SSL_CTX_load_verify_file(client, (pki + "/root.pem").c_str()) == 1, "root.pem");
        ::SSL_CTX_set_verify(client, SSL_VERIFY_PEER, nullptr);
    }
    openssl_context(const openssl_context&) = delete;
    openssl_context& operator=(const openssl_context&) = delete;
    ~openssl_context() {
        ::SSL_CTX_free(client);
        ::SSL_CTX_free(server);
    }
};

template <class End>
const ::BIO_METHOD* bio_method() {
    static const ::BIO_METHOD* const method = [] {
        ::BIO_METHOD* const made =
            ::BIO_meth_new(::BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "bench");
        ::BIO_meth_set_read_ex(made, [](::BIO* bio, char* to, std::size_t size, std::size_t* n) {
            const ssize_t got = static_cast<End*>(::BIO_get_data(bio))->receive(to, size);
            BIO_clear_retry_flags(bio);
            if (got < 0)
                BIO_set_retry_read(bio);
            *n = got > 0 ? static_cast<std::size_t>(got) : 0;
            return got > 0 ? 1 : 0;
        });
        ::BIO_meth_set_write_ex(
            made, [](::BIO* bio, const char* from, std::size_t size, std::size_t* n) {
                const ssize_t sent = static_cast<End*>(::BIO_get_data(bio))->send(from, size);
                BIO_clear_retry_flags(bio);
                if (sent < 0)
                    BIO_set_retry_write(bio);
                *n = sent > 0 ? static_cast<std::size_t>(sent) : 0;
                return sent > 0 ? 1 : 0;
            });
        ::BIO_meth_set_ctrl(made, [](::BIO*, int command, long, void*) -> long {
            return command == BIO_CTRL_FLUSH ? 1 : 0;
        });
        return made;
    }();
    return method;
}

template <openssl_way Way, class End>
class openssl_link {
public:
    using context = openssl_context;
    using session = ::SSL_SESSION*;
    static constexpr bool resumes = true;

    openssl_link(context& c, End& client, End& server)
        : client_{make(c.client, client)}, server_{make(c.server, server)} {
        ::SSL_set_tlsext_host_name(client_, "localhost");
        ::SSL_set1_host(client_, "localhost");
        ::SSL_set_connect_state(client_);
        ::SSL_set_accept_state(server_);
    }
    openssl_link(const openssl_link&) = delete;
    openssl_link& operator=(const openssl_link&) = delete;
    ~openssl_link() {
        ::SSL_free(client_);
        ::SSL_free(server_);
    }

    void handshake() {
        for (int done = 0; done != 3;) {
            done = (::SSL_do_handshake(client_) == 1 ? 1 : 0);
            done |= (::SSL_do_handshake(server_) == 1 ? 2 : 0);
        }
    }
    void write(bool by_client, std::span<const std::byte> data) {
        std::size_t n = 0;
        while (!data.empty()) {
            check(::SSL_write_ex(by_client ? client_ : server_, data.data(), data.size(), &n) == 1,
                  "SSL_write_ex");
            data = data.subspan(n);
        }
    }
    void read(bool by_client, std::span<std::byte> buffer) {
        std::size_t n = 0;
        while (!buffer.empty()) {
            check(::SSL_read_ex(by_client ? client_ : server_, buffer.data(), buffer.size(), &n) ==
                      1,
                  "SSL_read_ex");
            buffer = buffer.subspan(n);
        }
    }

    // Without a shutdown the engine would call the session of a freed connection bad.
    session take_session() {
        ::SSL_set_shutdown(client_, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        return ::SSL_get1_session(client_);
    }
    void offer(session s) { check(::SSL_set_session(client_, s) == 1, "SSL_set_session"); }
    bool resumed() const { return ::SSL_session_reused(client_) == 1; }

private:
    static ::SSL* make(::SSL_CTX* context, End& end) {
        ::SSL* const ssl = ::SSL_new(context);
        check(ssl != nullptr, "SSL_new");
        if constexpr (Way == openssl_way::fd) {
            check(::SSL_set_fd(ssl, end.fd) == 1, "SSL_set_fd");
        } else {
            ::BIO* const bio = ::BIO_new(bio_method<End>());
            check(bio != nullptr, "BIO_new");
            ::BIO_set_data(bio, &end);
            ::BIO_set_init(bio, 1);
            ::SSL_set_bio(ssl, bio, bio);
            if (Way == openssl_way::read_ahead)
                ::SSL_set_read_ahead(ssl, 1);
        }
        return ssl;
    }

    ::SSL* client_;
    ::SSL* server_;
};

} // namespace bench
