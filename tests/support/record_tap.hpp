// SPDX-License-Identifier: BSL-1.0
#pragma once

// Reads and forges the records of a peer, with its own keys: what a hostile peer can send once a
// handshake is done, or in the middle of it, and no ordinary one will. The peer is a connection of
// OpenSSL's; its suite must be one of AES-GCM.

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/ssl.h>

#include <tlsxx/constants.hpp>

namespace test {

// Content types (RFC 8446 B.1).
inline constexpr unsigned char change_cipher_spec_type = 20, alert_type = 21, handshake_type = 22,
                               application_type = 23;

// Some bytes as a number, and the other way round.
inline std::size_t number_at(std::string_view text, std::size_t at, std::size_t size) {
    std::size_t n = 0;
    for (const char c : text.substr(at, size))
        n = n << 8 | static_cast<unsigned char>(c);
    return n;
}
inline std::string as_bytes(std::size_t n, std::size_t size) {
    std::string text(size, '\0');
    for (; size != 0; n >>= 8)
        text[--size] = static_cast<char>(n & 0xFF);
    return text;
}
// A record as it is, without encryption; a handshake message with its header.
inline std::string plain_record(unsigned char type, std::string_view text) {
    return (as_bytes(type, 1) + "\x03\x03" + as_bytes(text.size(), 2)).append(text);
}
inline std::string handshake_message(unsigned char type, std::string_view body) {
    return (as_bytes(type, 1) + as_bytes(body.size(), 3)).append(body);
}

// A record that is not encrypted, or was not.
struct opened_record {
    unsigned char type;
    std::string text;
    bool secret = false; // it is encrypted on its way
};

class record_tap {
public:
    record_tap(::SSL* peer, tlsxx::tls_version version) : peer_{peer}, version_{version} {
        log().clear();
        ::SSL_CTX_set_keylog_callback(::SSL_get_SSL_CTX(peer), [](const ::SSL*, const char* line) {
            log().append(line).append("\n");
        });
    }
    record_tap(const record_tap&) = delete;
    record_tap& operator=(const record_tap&) = delete;
    ~record_tap() { ::EVP_CIPHER_CTX_free(context_); }

    // Takes what the peer has sent, and gives the records in it.
    std::vector<opened_record> open(std::string_view bytes) {
        std::vector<opened_record> out;
        held_ += bytes;
        std::size_t size = 0;
        while (held_.size() >= 5 && held_.size() >= (size = 5 + number_at(held_, 3, 2))) {
            const std::string whole = held_.substr(0, size);
            held_.erase(0, size);
            const auto type = static_cast<unsigned char>(whole[0]);
            const bool secret = is_1_3() ? type == application_type : in_.at != stage::plain;
            out.push_back(secret ? open_sealed(whole) : opened_record{type, whole.substr(5)});
            follow(in_, out.back());
        }
        return out;
    }
    // A record on its way to the victim. Records that are not the peer's own may be put between
    // them, as long as these keep their order.
    std::string close(const opened_record& r) {
        std::string bytes = r.secret ? seal(r.type, r.text) : plain_record(r.type, r.text);
        follow(out_, r);
        return bytes;
    }

    // A record under the keys that are in force for what `close` has given last. TLS 1.3 has
    // padding.
    std::string seal(unsigned char type, std::string_view text, std::size_t padding = 0) {
        use_keys(out_);
        std::string inner{text};
        std::string header, nonce = out_.iv, explicit_nonce;
        if (is_1_3()) {
            inner += static_cast<char>(type);
            inner.append(padding, '\0');
            mask(nonce, out_.sequence);
            header = "\x17\x03\x03" + as_bytes(inner.size() + 16, 2);
        } else {
            explicit_nonce = as_bytes(out_.sequence, 8);
            nonce += explicit_nonce;
            header = as_bytes(type, 1) + "\x03\x03" + as_bytes(inner.size() + 24, 2);
        }
        const std::string known = is_1_3() ? header : extra(out_.sequence, type, inner.size());
        ++out_.sequence;
        return header + explicit_nonce + crypt(true, out_.key, nonce, known, inner);
    }
    // A KeyUpdate, and the keys behind it.
    std::string seal_key_update(bool requested, std::size_t padding) {
        const std::string sealed =
            seal(handshake_type, handshake_message(24, as_bytes(requested ? 1 : 0, 1)), padding);
        set_secret(out_, expand(out_.secret, "traffic upd", digest_size()));
        return sealed;
    }
    // True if there are keys to seal with at this point of the handshake.
    bool can_seal() const {
        return out_.at != stage::plain ||
               (is_1_3() && log().find("HANDSHAKE_TRAFFIC") != std::string::npos);
    }

private:
    enum class stage { plain, handshake, established };
    struct keys {
        stage at = stage::plain;
        std::string secret{}; // empty: the keys of this stage are not made yet
        std::string key{}, iv{};
        std::string message{}; // the begin of one
        std::uint64_t sequence = 0;
    };

    static std::string& log() {
        static std::string lines;
        return lines;
    }
    bool is_1_3() const { return version_ == tlsxx::tls_version::tls_1_3; }

    void follow(keys& k, const opened_record& r) const {
        if (!is_1_3() && r.type == change_cipher_spec_type) {
            k.at = stage::established;
        } else if (is_1_3() && r.secret && r.type == handshake_type && k.at == stage::handshake) {
            k.message += r.text;
            for (std::size_t size = 0; k.message.size() >= 4 &&
                                       k.message.size() >= (size = 4 + number_at(k.message, 1, 3));
                 k.message.erase(0, size))
                if (k.message[0] == 20) { // Finished
                    k.at = stage::established;
                    k.secret.clear();
                }
        }
    }

    void use_keys(keys& k) const {
        if (!k.secret.empty())
            return;
        k.sequence = 0;
        const bool server = ::SSL_is_server(peer_) != 0;
        if (is_1_3()) {
            if (k.at == stage::plain)
                k.at = stage::handshake;
            set_secret(k, logged(std::string{server ? "SERVER" : "CLIENT"} +
                                 (k.at == stage::established ? "_TRAFFIC_SECRET_0"
                                                             : "_HANDSHAKE_TRAFFIC_SECRET")));
            return;
        }
        k.secret = logged("CLIENT_RANDOM");
        unsigned char random[32];
        ::SSL_get_server_random(peer_, random, sizeof random);
        std::string seed{"key expansion"};
        seed.append(reinterpret_cast<const char*>(random), sizeof random);
        ::SSL_get_client_random(peer_, random, sizeof random);
        seed.append(reinterpret_cast<const char*>(random), sizeof random);
        // P_hash of RFC 5246 5; the keys of both sides, then both implicit nonces (RFC 5288)
        std::string a = seed, block;
        while (block.size() < 2 * key_size() + 8) {
            a = hmac(k.secret, a);
            block += hmac(k.secret, a + seed);
        }
        k.key = block.substr(server ? key_size() : 0, key_size());
        k.iv = block.substr(2 * key_size() + (server ? 4 : 0), 4);
    }
    void set_secret(keys& k, std::string secret) const {
        k.secret = std::move(secret);
        k.sequence = 0;
        k.key = expand(k.secret, "key", key_size());
        k.iv = expand(k.secret, "iv", 12);
    }
    static std::string logged(const std::string& name) {
        const std::size_t at = log().find(name + " ");
        if (at == std::string::npos)
            throw std::logic_error{"no " + name};
        std::string bytes;
        for (std::size_t i = log().find(' ', at + name.size() + 1) + 1; log()[i] != '\n'; i += 2)
            bytes += static_cast<char>(std::stoi(log().substr(i, 2), nullptr, 16));
        return bytes;
    }

    const ::EVP_MD* digest() const {
        return ::SSL_CIPHER_get_handshake_digest(::SSL_get_current_cipher(peer_));
    }
    std::size_t digest_size() const {
        return static_cast<std::size_t>(::EVP_MD_get_size(digest()));
    }
    const ::EVP_CIPHER* cipher() const {
        const int nid = ::SSL_CIPHER_get_cipher_nid(::SSL_get_current_cipher(peer_));
        if (nid == NID_aes_256_gcm)
            return ::EVP_aes_256_gcm();
        if (nid != NID_aes_128_gcm)
            throw std::logic_error{"the suite is not of AES-GCM"};
        return ::EVP_aes_128_gcm();
    }
    std::size_t key_size() const {
        return static_cast<std::size_t>(::EVP_CIPHER_get_key_length(cipher()));
    }
    std::string hmac(const std::string& key, const std::string& text) const {
        unsigned char out[EVP_MAX_MD_SIZE];
        unsigned size = 0;
        ::HMAC(digest(), key.data(), static_cast<int>(key.size()),
               reinterpret_cast<const unsigned char*>(text.data()), text.size(), out, &size);
        return {reinterpret_cast<const char*>(out), size};
    }
    // HKDF-Expand-Label with an empty context (RFC 8446 7.1), of at most one digest's size.
    std::string expand(const std::string& secret, std::string_view label, std::size_t size) const {
        const std::string full = "tls13 " + std::string{label};
        return hmac(secret,
                    as_bytes(size, 2) + as_bytes(full.size(), 1) + full + std::string("\0\1", 2))
            .substr(0, size);
    }

    static void mask(std::string& nonce, std::uint64_t sequence) {
        for (std::size_t i = 0; i != 8; ++i)
            nonce[nonce.size() - 1 - i] = static_cast<char>(nonce[nonce.size() - 1 - i] ^
                                                            static_cast<char>(sequence >> 8 * i));
    }
    // What TLS 1.2 authenticates beside the text (RFC 5246 6.2.3.3).
    static std::string extra(std::uint64_t sequence, unsigned char type, std::size_t size) {
        return as_bytes(sequence, 8) + as_bytes(type, 1) + "\x03\x03" + as_bytes(size, 2);
    }

    opened_record open_sealed(const std::string& whole) {
        use_keys(in_);
        std::string nonce = in_.iv, known = whole.substr(0, 5), text = whole.substr(5);
        auto type = static_cast<unsigned char>(whole[0]);
        if (is_1_3()) {
            mask(nonce, in_.sequence);
        } else {
            nonce += text.substr(0, 8);
            text.erase(0, 8);
            known = extra(in_.sequence, type, text.size() - 16);
        }
        ++in_.sequence;
        text = crypt(false, in_.key, nonce, known, text);
        if (is_1_3()) {
            text.erase(text.find_last_not_of('\0') + 1); // padding
            type = static_cast<unsigned char>(text.back());
            text.pop_back();
        }
        return {type, std::move(text), true};
    }

    std::string crypt(bool sealing, const std::string& key, const std::string& nonce,
                      const std::string& known, const std::string& text) {
        const auto at = [](const std::string& s) {
            return reinterpret_cast<const unsigned char*>(s.data());
        };
        if (context_ == nullptr)
            context_ = ::EVP_CIPHER_CTX_new();
        std::string out(sealing ? text.size() + 16 : text.size() - 16, '\0');
        auto* const to = reinterpret_cast<unsigned char*>(out.data());
        const int size = static_cast<int>(sealing ? text.size() : text.size() - 16);
        unsigned char none[16];
        int n = 0;
        bool good =
            ::EVP_CipherInit_ex(context_, cipher(), nullptr, at(key), at(nonce), sealing) == 1;
        if (!sealing) {
            std::string tag = text.substr(text.size() - 16);
            good =
                good && ::EVP_CIPHER_CTX_ctrl(context_, EVP_CTRL_AEAD_SET_TAG, 16, tag.data()) == 1;
        }
        good = good &&
               ::EVP_CipherUpdate(context_, nullptr, &n, at(known),
                                  static_cast<int>(known.size())) == 1 &&
               (size == 0 || ::EVP_CipherUpdate(context_, to, &n, at(text), size) == 1) &&
               ::EVP_CipherFinal_ex(context_, none, &n) == 1;
        if (sealing)
            good = good && ::EVP_CIPHER_CTX_ctrl(context_, EVP_CTRL_AEAD_GET_TAG, 16,
                                                 to + text.size()) == 1;
        if (!good)
            throw std::logic_error{"a record of the peer's can't be opened"};
        return out;
    }

    ::SSL* peer_;
    tlsxx::tls_version version_;
    std::string held_; // the begin of a record
    keys in_, out_;    // of the peer's records, and of those that go on
    ::EVP_CIPHER_CTX* context_ = nullptr;
};

} // namespace test
