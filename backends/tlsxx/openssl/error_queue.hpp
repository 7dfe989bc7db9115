// SPDX-License-Identifier: BSL-1.0
#pragma once

// OpenSSL's error queue belongs to the application as much as to us: what lies in it when we are
// called lies in it afterwards, and nothing of ours stays.

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tlsxx/detail/fixed_string.hpp>
#include <tlsxx/detail/guard.hpp>
#include <tlsxx/error_info.hpp>

#include <tlsxx/openssl/engine.hpp>

namespace tlsxx {
inline namespace v0 {
namespace openssl {
namespace detail {

// libssl 3.2 and newer put this entry, which says nothing, on top of the record layer's own.
inline constexpr int record_layer_failure = 313;

// Entries taken out of the queue, oldest first. Marks are lost: libssl clears the queue in places
// despite them, so there is no way to keep them.
class set_aside_errors {
public:
    // Takes everything that is in the queue now, as far as there is memory for it. Where OpenSSL
    // had none for an entry, there is one without a code, which looks like the end of the queue.
    void take() noexcept {
        tlsxx::detail::enough_memory_for([this] {
            entries_.reserve(16);
            for (entry next; next.pop();)
                entries_.push_back(std::move(next));
        });
        ::ERR_clear_error();
    }
    // Puts everything back, behind what is in the queue now.
    void put_back() noexcept {
        for (const entry& e : entries_)
            e.push();
        entries_.clear();
    }
    bool empty() const noexcept { return entries_.empty(); }

    // Takes out what a failed data call has left on top of the application's entries, which may be
    // libssl's too: one of libssl's, the record layer's own below the one that says nothing, and
    // the provider's if a record did not decrypt. Gives the one that says why; 0 if there is none.
    unsigned long drop_newest_failure() noexcept {
        unsigned long reason = 0;
        if (ends_in(ERR_LIB_SSL) || (!entries_.empty() && newest_is(ERR_R_MALLOC_FAILURE)))
            reason = drop_newest();
        if (ERR_GET_REASON(reason) == record_layer_failure && ends_in(ERR_LIB_SSL))
            reason = drop_newest();
        if (ERR_GET_REASON(reason) == SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC &&
            ends_in(ERR_LIB_PROV) && newest_is(PROV_R_CIPHER_OPERATION_FAILED))
            drop_newest();
        // For want of memory libssl writes down a reason that any library may have, what has failed
        // below it, and both again for the alert that it can't send.
        if (is_common(reason))
            while (!entries_.empty() &&
                   (newest_is(ERR_R_MALLOC_FAILURE) ||
                    (ends_in(ERR_LIB_SSL) &&
                     (is_common(entries_.back().code) || newest_is(record_layer_failure)))))
                if (const unsigned long code = drop_newest();
                    ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE)
                    reason = code;
        return reason;
    }

private:
    bool ends_in(int library) const noexcept {
        return !entries_.empty() && ERR_GET_LIB(entries_.back().code) == library;
    }
    static bool is_common(unsigned long code) noexcept {
        return (ERR_GET_REASON(code) & ERR_RFLAG_COMMON) != 0;
    }
    bool newest_is(int reason) const noexcept {
        return ERR_GET_REASON(entries_.back().code) == reason;
    }
    unsigned long drop_newest() noexcept {
        const unsigned long code = entries_.back().code;
        entries_.pop_back();
        return code;
    }

    struct entry {
        unsigned long code = 0;
        int line = 0;
        std::string file;
        std::string function;
        std::string data;
        bool has_data = false;

        bool pop() {
            const char* file_name = nullptr;
            const char* function_name = nullptr;
            const char* text = nullptr;
            int flags = 0;
            code = ::ERR_get_error_all(&file_name, &line, &function_name, &text, &flags);
            if (code == 0)
                return false;
            file = file_name ? file_name : "";
            function = function_name ? function_name : "";
            has_data = text && (flags & ERR_TXT_STRING) != 0;
            data = has_data ? text : "";
            return true;
        }
        void push() const noexcept {
            ::ERR_new();
            ::ERR_set_debug(file.c_str(), line, function.c_str());
            ::ERR_set_error(ERR_GET_LIB(code), ERR_GET_REASON(code), nullptr);
            if (has_data) // of any length, which ERR_set_error's own text is not
                ::ERR_add_error_data(1, data.c_str());
        }
    };

    std::vector<entry> entries_;
};

// For the length of a scope the queue is ours: empty at its begin, and the application's again at
// its end.
class own_error_queue {
public:
    own_error_queue() noexcept {
        if (::ERR_peek_error() != 0)
            application_.take();
    }
    ~own_error_queue() {
        if (::ERR_peek_last_error() != 0)
            ::ERR_clear_error();
        if (!application_.empty())
            application_.put_back();
    }
    own_error_queue(const own_error_queue&) = delete;
    own_error_queue& operator=(const own_error_queue&) = delete;

private:
    set_aside_errors application_;
};

inline bool is_lack_of_memory(unsigned long code) noexcept {
    return ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE;
}

// The entry that says why a call into libssl has failed: one that names a lack of memory, on which
// others follow that blame the input; else the newest of libssl, the newest of all if there is
// none. Empties the queue; 0 if it was empty.
inline unsigned long take_reason() noexcept {
    unsigned long reason = 0;
    bool from_ssl = false;
    while (const unsigned long code = ::ERR_get_error()) {
        const bool ssl = ERR_GET_LIB(code) == ERR_LIB_SSL;
        if (is_lack_of_memory(reason) ||
            (ssl && from_ssl && ERR_GET_REASON(code) == record_layer_failure))
            continue;
        if (ssl || !from_ssl || is_lack_of_memory(code))
            reason = code;
        from_ssl = from_ssl || ssl;
    }
    return reason;
}

// The entry that says why parsing has failed: one that names a lack of memory, else the oldest, on
// which the others follow. Shows every entry to `see`, and empties the queue; 0 if it was empty.
template <class See>
unsigned long take_first_reason(See see) noexcept {
    unsigned long reason = 0;
    while (const unsigned long code = ::ERR_get_error()) {
        see(code);
        if (reason == 0 || (is_lack_of_memory(code) && !is_lack_of_memory(reason)))
            reason = code;
    }
    return reason;
}

// The library's name as the constants ERR_LIB_* have it.
constexpr std::string_view library_name(int library) noexcept {
    switch (library) {
    case ERR_LIB_SYS: return "SYS";
    case ERR_LIB_BN: return "BN";
    case ERR_LIB_RSA: return "RSA";
    case ERR_LIB_DH: return "DH";
    case ERR_LIB_EVP: return "EVP";
    case ERR_LIB_BUF: return "BUF";
    case ERR_LIB_OBJ: return "OBJ";
    case ERR_LIB_PEM: return "PEM";
    case ERR_LIB_DSA: return "DSA";
    case ERR_LIB_X509: return "X509";
    case ERR_LIB_ASN1: return "ASN1";
    case ERR_LIB_CONF: return "CONF";
    case ERR_LIB_CRYPTO: return "CRYPTO";
    case ERR_LIB_EC: return "EC";
    case ERR_LIB_SSL: return "SSL";
    case ERR_LIB_BIO: return "BIO";
    case ERR_LIB_PKCS7: return "PKCS7";
    case ERR_LIB_X509V3: return "X509V3";
    case ERR_LIB_PKCS12: return "PKCS12";
    case ERR_LIB_RAND: return "RAND";
    case ERR_LIB_DSO: return "DSO";
    case ERR_LIB_OSSL_STORE: return "OSSL_STORE";
    case ERR_LIB_PROP: return "PROP";
    case ERR_LIB_PROV: return "PROV";
    case ERR_LIB_OSSL_ENCODER: return "OSSL_ENCODER";
    case ERR_LIB_OSSL_DECODER: return "OSSL_DECODER";
    default: return "OTHER";
    }
}

using reason_text = tlsxx::detail::fixed_string<64>;

// The reason's mnemonic: OpenSSL's text is its macro's name in small letters. The exception are the
// alerts of old, SSLV3_ALERT_*, whose texts say "ssl/tls" since 3.2 and "tls" since 4.0: they keep
// one name here.
inline reason_text reason_name(unsigned long code) noexcept {
    const char* const found = ::ERR_reason_error_string(code);
    if (!found) {
        reason_text number{"REASON_"};
        number.append_number(ERR_GET_REASON(code));
        return number;
    }
    std::string_view text{found};
    reason_text name;
    for (const std::string_view renamed : {"ssl/tls alert ", "tls alert "}) {
        if (text.starts_with(renamed)) {
            text.remove_prefix(renamed.size());
            name += "SSLV3_ALERT_";
        }
    }
    for (const char c : text) {
        const bool lower = c >= 'a' && c <= 'z';
        const bool plain = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        const char shown = lower ? static_cast<char>(c - 'a' + 'A') : plain ? c : '_';
        name += std::string_view{&shown, 1};
    }
    return name;
}

// Puts OpenSSL's words for `code` into `error`; 0 leaves it alone.
inline void describe(unsigned long code, error_info& error) noexcept {
    if (code == 0)
        return;
    error.set_engine(library_name(ERR_GET_LIB(code)), reason_name(code), static_cast<long>(code));
}

// True if OpenSSL gets no memory now. Where it swallows that and goes on to blame the input, this
// tells the one from the other. Without a file's name 3.5 writes nothing into the queue.
inline bool is_out_of_memory() noexcept {
    void* const some = ::CRYPTO_malloc(256, nullptr, 0);
    ::CRYPTO_free(some, nullptr, 0);
    return some == nullptr;
}

// Fills `error` after a call outside a connection has failed: `code`, or not_enough_memory where
// that is why, and OpenSSL's words for `reason`. Always false.
inline bool report(errc code, unsigned long reason, error_info& error) noexcept {
    const bool lacked = is_lack_of_memory(reason) || is_out_of_memory();
    error.set_code(lacked ? errc::not_enough_memory : code);
    describe(reason, error);
    return false;
}

} // namespace detail
} // namespace openssl
} // namespace v0
} // namespace tlsxx
