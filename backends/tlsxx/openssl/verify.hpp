// SPDX-License-Identifier: BSL-1.0
#pragma once

// The verdict on a peer's certificate. OpenSSL builds the path and checks its signatures; what the
// library's own checker judges (names, times, key strength, depth) is switched off in OpenSSL, so
// that it is judged, and reported, alike on every engine. A path is accepted when both accept it.

#include <algorithm>
#include <cstddef>
#include <ctime>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tlsxx/detail/guard.hpp>
#include <tlsxx/verification.hpp>
#include <tlsxx/x509/findings.hpp>
#include <tlsxx/x509/policy.hpp>

#include <tlsxx/openssl/body.hpp>
#include <tlsxx/openssl/engine.hpp>
#include <tlsxx/openssl/identity.hpp>

namespace tlsxx {
inline namespace v0 {
namespace openssl {
namespace detail {

// The certificates of a path as DER, leaf first.
class der_path {
public:
    void assign(const STACK_OF(X509) * path) {
        const int count = path ? sk_X509_num(path) : 0;
        std::vector<std::size_t> ends;
        for (int i = 0; i < count; ++i) {
            const auto* const x = sk_X509_value(path, i);
            const int size = ::i2d_X509(x, nullptr);
            const std::size_t begin = bytes_.size();
            bytes_.resize(begin + static_cast<std::size_t>(size > 0 ? size : 0));
            auto* at = reinterpret_cast<unsigned char*>(bytes_.data() + begin);
            if (size > 0)
                ::i2d_X509(x, &at);
            ends.push_back(bytes_.size());
        }
        std::size_t begin = 0;
        for (const std::size_t end : ends) {
            views_.push_back(std::span<const std::byte>{bytes_}.subspan(begin, end - begin));
            begin = end;
        }
    }
    std::span<const std::span<const std::byte>> views() const noexcept { return views_; }

private:
    std::vector<std::byte> bytes_;
    std::vector<std::span<const std::byte>> views_;
};

// The connection for which OpenSSL verifies.
inline connection_body& body_of(::X509_STORE_CTX* store) noexcept {
    auto* const ssl = static_cast<::SSL*>(
        ::X509_STORE_CTX_get_ex_data(store, ::SSL_get_ex_data_X509_STORE_CTX_idx()));
    return *static_cast<connection_body*>(::BIO_get_data(::SSL_get_rbio(ssl)));
}

// Goes on after every error, so that all reasons are known. What only follows from another reason
// is left out: 21 from a path that can't be built, 32 from an issuer that is no CA.
inline int collect_error(int ok, ::X509_STORE_CTX* store) noexcept {
    if (ok == 1)
        return 1;
    x509::findings& found = *body_of(store).engine_findings;
    const x509::finding entry{static_cast<verify_code>(::X509_STORE_CTX_get_error(store)),
                              ::X509_STORE_CTX_get_error_depth(store)};
    const bool follows = (entry.code == verify_code::unable_to_verify_leaf_signature &&
                          found.has_rank(severity_rank(entry.code))) ||
                         (entry.code == verify_code::keyusage_no_certsign &&
                          found.contains({verify_code::invalid_ca, entry.depth}));
    if (!follows)
        found.add(entry.code, entry.depth);
    return 1;
}

inline void set_engine_rules(::X509_STORE_CTX* store, const connection_body& body) noexcept {
    constexpr int deeper_than_ours = 100;
    ::X509_VERIFY_PARAM* const rules = ::X509_STORE_CTX_get0_param(store);
    ::X509_VERIFY_PARAM_clear_flags(rules, ::X509_VERIFY_PARAM_get_flags(rules));
    ::X509_VERIFY_PARAM_set_flags(rules,
                                  static_cast<unsigned long>(X509_V_FLAG_NO_CHECK_TIME) |
                                      (body.trusted_first ? X509_V_FLAG_TRUSTED_FIRST : 0UL) |
                                      (body.rules.partial_chain ? X509_V_FLAG_PARTIAL_CHAIN : 0UL));
    // Without this OpenSSL holds name constraints against the CN, though it is given no host name.
    ::X509_VERIFY_PARAM_set_hostflags(
        rules, body.rules.check_common_name ? 0U : X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    ::X509_VERIFY_PARAM_set_auth_level(rules, 0);
    ::X509_VERIFY_PARAM_set_depth(rules, deeper_than_ours);
    ::X509_STORE_CTX_set_verify_cb(store, collect_error);
}

// Writes the reasons down, the primary one first.
inline void write_verdict(connection_body& body, const x509::findings& all,
                          const x509::findings& engine, const der_path& path) {
    std::vector<x509::finding> sorted(all.begin(), all.end());
    std::stable_sort(sorted.begin(), sorted.end(), x509::worse);
    for (const x509::finding& entry : sorted) {
        verification_reason reason;
        reason.depth = entry.depth;
        reason.verify_code = entry.code;
        reason.message = message(entry.code);
        if (engine.contains(entry))
            reason.engine_message = ::X509_verify_cert_error_string(static_cast<int>(entry.code));
        const auto depth = static_cast<std::size_t>(entry.depth);
        if (depth < path.views().size())
            reason.certificate = tlsxx::certificate{path.views()[depth]};
        body.verdict->add(std::move(reason));
    }
}

// The verdict where libssl has refused before it came to a verification.
inline void refuse_unread(connection_body& body) noexcept {
    body.verdict.reset(new (std::nothrow) verification);
    if (!body.verdict)
        return;
    body.verdict->refuse(verify_code::unspecified);
    tlsxx::detail::enough_memory_for([&] {
        verification_reason reason;
        reason.verify_code = verify_code::unspecified;
        reason.message = message(verify_code::unspecified);
        if (const char* const text = ::ERR_reason_error_string(body.reason))
            reason.engine_message = text;
        body.verdict->add(std::move(reason));
    });
}

// True if the engine is content when it is asked once more.
inline bool verifies_again(::X509_STORE_CTX* store) noexcept {
    const owned<::X509_STORE_CTX> again{::X509_STORE_CTX_new()};
    return again &&
           ::X509_STORE_CTX_init(again.get(), ::X509_STORE_CTX_get0_store(store),
                                 ::X509_STORE_CTX_get0_cert(store),
                                 ::X509_STORE_CTX_get0_untrusted(store)) == 1 &&
           ::X509_VERIFY_PARAM_set1(::X509_STORE_CTX_get0_param(again.get()),
                                    ::X509_STORE_CTX_get0_param(store)) == 1 &&
           ::X509_verify_cert(again.get()) == 1;
}

// True if what the engine found is due to a lack of memory, which it does not tell from a
// certificate that is bad.
inline bool lacked_memory(::X509_STORE_CTX* store, const x509::findings& found) noexcept {
    auto* const leaf = ::X509_STORE_CTX_get0_cert(store);
    bool lacked = leaf && was_cut_short(leaf);
    const STACK_OF(X509)* const path = ::X509_STORE_CTX_get0_chain(store);
    const STACK_OF(X509)* const sent = ::X509_STORE_CTX_get0_untrusted(store);
    for (const auto* const list : {path, sent})
        for (int i = 0; list && !lacked && i < sk_X509_num(list); ++i)
            lacked = was_cut_short(sk_X509_value(list, i));
    return lacked || (!found.empty() && verifies_again(store));
}

// libssl's hook for the whole of a verification.
inline int verify_chain(::X509_STORE_CTX* store, void*) noexcept {
    connection_body& body = body_of(store);
    body.verdict.reset();
    body.lacked_memory = false;
    if (!body.verifies) {
        ::X509_STORE_CTX_set_error(store, X509_V_OK);
        return 1;
    }
    x509::findings engine;
    body.engine_findings = &engine;
    set_engine_rules(store, body);
    const int verified = ::X509_verify_cert(store);
    body.engine_findings = nullptr;
    // Some errors end the verification without asking whether to go on.
    if (verified != 1 && engine.empty()) {
        const int error = ::X509_STORE_CTX_get_error(store);
        engine.add(error == X509_V_OK ? verify_code::unspecified : static_cast<verify_code>(error),
                   0);
    }

    x509::findings all = engine;
    der_path path;
    const bool enough_memory =
        tlsxx::detail::enough_memory_for([&] { path.assign(::X509_STORE_CTX_get0_chain(store)); });
    if (enough_memory) {
        const bool anchored = !engine.has_rank(severity_rank(verify_code::unspecified));
        body.rules.name = body.name ? &*body.name : nullptr;
        body.rules.now = static_cast<std::int64_t>(std::time(nullptr));
        x509::check_chain(body.rules, path.views(), anchored, all);
    } else {
        all.add(verify_code::out_of_mem, 0);
    }

    const verify_code primary = all.primary().code;
    // libssl chooses the alert by it.
    ::X509_STORE_CTX_set_error(store, static_cast<int>(primary));
    if (primary == verify_code::ok)
        return 1;
    const bool judged = !lacked_memory(store, engine) &&
                        std::none_of(all.begin(), all.end(), [](const x509::finding& entry) {
                            return entry.code == verify_code::out_of_mem;
                        });
    if (judged)
        body.verdict.reset(new (std::nothrow) verification);
    body.lacked_memory = !body.verdict;
    if (body.verdict) {
        body.verdict->refuse(primary);
        tlsxx::detail::enough_memory_for([&] { write_verdict(body, all, engine, path); });
    }
    return 0;
}

} // namespace detail
} // namespace openssl
} // namespace v0
} // namespace tlsxx
