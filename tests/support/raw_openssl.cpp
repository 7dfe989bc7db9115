// SPDX-License-Identifier: BSL-1.0

#include <stdexcept>

#include <openssl/ssl.h>

#include <support/pki.hpp>
#include <support/raw_engine.hpp>

namespace test {
namespace {

template <auto Free>
struct freed_by {
    template <class T>
    void operator()(T* p) const {
        Free(p);
    }
};

class raw_openssl final : public raw_engine {
public:
    raw_openssl(bool server, tlsxx::tls_version only)
        : context_{::SSL_CTX_new(server ? ::TLS_server_method() : ::TLS_client_method())} {
        const int version = only == tlsxx::tls_version::tls_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION;
        bool good = SSL_CTX_set_min_proto_version(context_.get(), version) == 1 &&
                    SSL_CTX_set_max_proto_version(context_.get(), version) == 1;
        if (server)
            good = good &&
                   ::SSL_CTX_use_certificate_chain_file(context_.get(),
                                                        pki("good-chain.pem").c_str()) == 1 &&
                   ::SSL_CTX_use_PrivateKey_file(context_.get(), pki("good.key").c_str(),
                                                 SSL_FILETYPE_PEM) == 1;
        ssl_.reset(::SSL_new(context_.get()));
        if (!good || !ssl_)
            throw std::runtime_error{"raw OpenSSL"};
        in_ = ::BIO_new(::BIO_s_mem());
        out_ = ::BIO_new(::BIO_s_mem());
        ::SSL_set_bio(ssl_.get(), in_, out_);
        if (server)
            ::SSL_set_accept_state(ssl_.get());
        else
            ::SSL_set_connect_state(ssl_.get());
    }

    void put(std::string_view bytes) override {
        ::BIO_write(in_, bytes.data(), static_cast<int>(bytes.size()));
    }
    std::string take() override {
        std::string bytes(::BIO_ctrl_pending(out_), '\0');
        ::BIO_read(out_, bytes.data(), static_cast<int>(bytes.size()));
        return bytes;
    }
    bool handshake() override {
        const int result = ::SSL_do_handshake(ssl_.get());
        if (result != 1 && ::SSL_get_error(ssl_.get(), result) != SSL_ERROR_WANT_READ)
            throw std::runtime_error{"raw OpenSSL: handshake"};
        return result == 1;
    }
    void write(std::string_view text) override {
        if (::SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size())) !=
            static_cast<int>(text.size()))
            throw std::runtime_error{"raw OpenSSL: write"};
    }
    std::string read() override {
        std::string text;
        char buffer[4096];
        for (int n = 0; (n = ::SSL_read(ssl_.get(), buffer, sizeof buffer)) > 0;)
            text.append(buffer, static_cast<std::size_t>(n));
        return text;
    }
    bool is_closed() const override {
        return (::SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0;
    }
    void close_notify() override { ::SSL_shutdown(ssl_.get()); }
    void* native_handle() override { return ssl_.get(); }

private:
    std::unique_ptr<::SSL_CTX, freed_by<::SSL_CTX_free>> context_;
    std::unique_ptr<::SSL, freed_by<::SSL_free>> ssl_;
    ::BIO* in_ = nullptr; // both are ssl_'s
    ::BIO* out_ = nullptr;
};

} // namespace

raw_engine_ptr make_raw_openssl(bool server, tlsxx::tls_version only) {
    return std::make_unique<raw_openssl>(server, only);
}

} // namespace test
