// SPDX-License-Identifier: BSL-1.0
#pragma once

// The verdict on a peer's certificates. The engine builds the path and checks its signatures; the
// policy checker judges all else. Whatever the engine says beside "not trusted" is set aside.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include <tlsxx/detail/guard.hpp>
#include <tlsxx/mbedtls/anchors.hpp>
#include <tlsxx/mbedtls/engine.hpp>
#include <tlsxx/mbedtls/failure.hpp>
#include <tlsxx/verification.hpp>
#include <tlsxx/x509/certificate_view.hpp>
#include <tlsxx/x509/policy.hpp>

namespace tlsxx {
inline namespace v0 {
namespace mbedtls {
namespace detail {

// The longest path that the engine builds: the leaf, 8 intermediates and the anchor.
inline constexpr std::size_t longest_path = MBEDTLS_X509_MAX_INTERMEDIATE_CA + 2;

// A path as the engine reports it, leaf first, and what the engine says against each certificate.
// The spans point into the engine's copies, which last as long as its callback runs.
struct path {
    std::array<byte_span, longest_path> certificates{};
    std::array<std::uint32_t, longest_path> flags{};
    std::size_t length = 0;

    // Takes one report of the engine's verification, which goes from the top down to depth 0.
    bool take(const ::mbedtls_x509_crt& certificate, int depth, std::uint32_t found) noexcept {
        const auto at = static_cast<std::size_t>(depth);
        if (depth < 0 || at >= longest_path)
            return false;
        if (length <= at)
            length = at + 1;
        certificates[at] = der_of(certificate);
        flags[at] = found;
        return true;
    }

    std::span<const byte_span> view() const noexcept { return {certificates.data(), length}; }
    std::uint32_t all_flags() const noexcept {
        std::uint32_t all = 0;
        for (std::size_t i = 0; i != length; ++i)
            all |= flags[i];
        return all;
    }
    bool anchored() const noexcept {
        return length != 0 && (all_flags() & MBEDTLS_X509_BADCERT_NOT_TRUSTED) == 0;
    }
};

// Lets every algorithm and key through: the policy checker judges strength, with one code for all
// engines.
inline constexpr ::mbedtls_x509_crt_profile any_strength{0xFFFFFFFFU, 0xFFFFFFFFU, 0xFFFFFFFFU, 1};

// The engine's callback for a verification of our own: notes the path.
inline int note_path(void* into, ::mbedtls_x509_crt* certificate, int depth,
                     std::uint32_t* flags) noexcept {
    const bool taken = static_cast<path*>(into)->take(*certificate, depth, *flags);
    *flags = 0;
    return taken ? 0 : MBEDTLS_ERR_X509_FATAL_ERROR;
}

// Adds a certificate to a list that points into `der`.
inline bool add_to(owned_certificates& list, byte_span der) noexcept {
    return ::mbedtls_x509_crt_parse_der_with_ext_cb(list.get(), as_uchar(der), der.size(), 0,
                                                    take_any_extension, nullptr) == 0;
}

// Looks for a path once more where the store has certificates that are not self-signed: those may
// be links of a path and not, without partial_chain, its end. If they can only be its end, the path
// is found too, so that the checker can say so. The engine's lists share the bytes of the
// certificates, so a path outlives the list made here.
inline void retry_through_store(const ::mbedtls_x509_crt& leaf, const anchor_store& store,
                                path& built) noexcept {
    owned_certificates list;
    bool complete = add_to(list, der_of(leaf));
    for (const auto& known : store.anchors())
        if (!known->self_signed)
            complete = complete && add_to(list, *known->der);
    for (const auto* sent = leaf.next; sent != nullptr && complete; sent = sent->next)
        complete = add_to(list, der_of(*sent));
    for (const bool partial_chain : {false, true}) {
        path found;
        std::uint32_t flags = 0;
        const int result = complete ? ::mbedtls_x509_crt_verify_with_profile(
                                          list.get(), store.trusted(partial_chain), nullptr,
                                          &any_strength, nullptr, &flags, note_path, &found)
                                    : MBEDTLS_ERR_X509_FATAL_ERROR;
        if (result == 0 && found.anchored()) {
            built = found;
            return;
        }
    }
}

// What a connection verifies by.
struct verifier {
    x509::policy rules;
    const anchor_store* store = nullptr;

    // True if the engine finds `leaf` untrusted for lack of memory, which it does not tell from a
    // bad signature: there is none now, or it finds a path when it is asked once more.
    bool lacked_memory(const ::mbedtls_x509_crt& leaf, const path& built) const noexcept {
        if (built.anchored())
            return false;
        path again;
        std::uint32_t flags = 0;
        const int result = ::mbedtls_x509_crt_verify_with_profile(
            const_cast<::mbedtls_x509_crt*>(&leaf), store->trusted(rules.partial_chain), nullptr,
            &any_strength, nullptr, &flags, note_path, &again);
        return (result == 0 && again.anchored()) || out_of_memory(result) || is_out_of_memory();
    }

    // Judges the path that the engine has built for `leaf`, the first of what the peer sent.
    void judge(const ::mbedtls_x509_crt& leaf, path& built, x509::findings& found) const noexcept {
        if (!built.anchored() && !rules.partial_chain && store->has_intermediates())
            retry_through_store(leaf, *store, built);
        // The engine takes a certificate from the store for the peer's only if it is self-issued.
        const bool pinned =
            rules.partial_chain && built.length != 0 && store->contains(built.certificates[0]);
        x509::policy now = rules;
        now.now = std::chrono::duration_cast<std::chrono::seconds>(
                      std::chrono::system_clock::now().time_since_epoch())
                      .count();
        x509::check_chain(now, built.view(), built.anchored() || pinned, found);
    }
};

// Which of the engine's flags speak of the same thing as a code.
constexpr std::uint32_t flags_for(verify_code code) noexcept {
    using enum verify_code;
    switch (code) {
    case cert_has_expired: return MBEDTLS_X509_BADCERT_EXPIRED;
    case cert_not_yet_valid: return MBEDTLS_X509_BADCERT_FUTURE;
    case hostname_mismatch:
    case ip_address_mismatch: return MBEDTLS_X509_BADCERT_CN_MISMATCH;
    case invalid_purpose:
        return MBEDTLS_X509_BADCERT_KEY_USAGE | MBEDTLS_X509_BADCERT_EXT_KEY_USAGE;
    case unable_to_get_issuer_cert_locally:
    case depth_zero_self_signed_cert:
    case self_signed_cert_in_chain:
    case cert_signature_failure:
    case invalid_ca:
    case path_length_exceeded: return MBEDTLS_X509_BADCERT_NOT_TRUSTED;
    default: return 0;
    }
}

inline verification_reason describe(const x509::finding& finding, const path& built) {
    verification_reason reason;
    reason.depth = finding.depth;
    reason.verify_code = finding.code;
    reason.message = message(finding.code);
    const auto at = static_cast<std::size_t>(finding.depth);
    const std::uint32_t flags = flags_for(finding.code) & (at < built.length ? built.flags[at] : 0);
    if (flags != 0)
        reason.engine_message = flag_text(flags);
    if (at < built.length)
        reason.certificate = certificate{built.certificates[at]};
    return reason;
}

// Writes what was found into a verdict, the primary reason first.
inline void report(const x509::findings& found, const path& built, verification& verdict) noexcept {
    const x509::finding primary = found.primary();
    verdict.refuse(primary.code);
    // Without memory for the rest the code stands.
    tlsxx::detail::enough_memory_for([&] {
        verdict.add(describe(primary, built));
        for (const x509::finding& other : found)
            if (!(other == primary))
                verdict.add(describe(other, built));
    });
}

// Writes a reason that the engine raises by itself. Its copy of the certificate is gone by then.
inline void report(verify_code code, std::string_view engine_message,
                   verification& verdict) noexcept {
    verdict.refuse(code);
    tlsxx::detail::enough_memory_for([&] {
        verification_reason reason;
        reason.verify_code = code;
        reason.message = message(code);
        reason.engine_message = engine_message;
        verdict.add(std::move(reason));
    });
}

} // namespace detail
} // namespace mbedtls
} // namespace v0
} // namespace tlsxx
