// SPDX-License-Identifier: BSL-1.0
#pragma once

// The library's defaults (IANA numbers) as the lists that OpenSSL takes. What the linked OpenSSL
// lacks is left out; it is asked once per process.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include <tlsxx/constants.hpp>
#include <tlsxx/defaults.hpp>
#include <tlsxx/detail/guard.hpp>
#include <tlsxx/suites.hpp>

#include <tlsxx/openssl/engine.hpp>
#include <tlsxx/openssl/error_queue.hpp>

namespace tlsxx {
inline namespace v0 {
namespace openssl {
namespace detail {

struct iana_name {
    std::uint16_t id;
    std::string_view name;
};

inline constexpr std::array<iana_name, 8> group_names{{
    {0x11EC, "X25519MLKEM768"},
    {0x001D, "x25519"},
    {0x0017, "secp256r1"},
    {0x001E, "x448"},
    {0x0018, "secp384r1"},
    {0x0019, "secp521r1"},
    {0x0100, "ffdhe2048"},
    {0x0101, "ffdhe3072"},
}};

inline constexpr std::array<iana_name, 22> signature_algorithm_names{{
    {0x0905, "mldsa65"},
    {0x0906, "mldsa87"},
    {0x0904, "mldsa44"},
    {0x0403, "ecdsa_secp256r1_sha256"},
    {0x0503, "ecdsa_secp384r1_sha384"},
    {0x0603, "ecdsa_secp521r1_sha512"},
    {0x0807, "ed25519"},
    {0x0808, "ed448"},
    {0x081A, "ecdsa_brainpoolP256r1tls13_sha256"},
    {0x081B, "ecdsa_brainpoolP384r1tls13_sha384"},
    {0x081C, "ecdsa_brainpoolP512r1tls13_sha512"},
    {0x0809, "rsa_pss_pss_sha256"},
    {0x080A, "rsa_pss_pss_sha384"},
    {0x080B, "rsa_pss_pss_sha512"},
    {0x0804, "rsa_pss_rsae_sha256"},
    {0x0805, "rsa_pss_rsae_sha384"},
    {0x0806, "rsa_pss_rsae_sha512"},
    {0x0401, "rsa_pkcs1_sha256"},
    {0x0501, "rsa_pkcs1_sha384"},
    {0x0601, "rsa_pkcs1_sha512"},
    {0x0303, "ECDSA+SHA224"}, // 3.0 does not know it as ecdsa_sha224
    {0x0301, "rsa_pkcs1_sha224"},
}};

template <std::size_t N>
constexpr std::string_view name_of(const std::array<iana_name, N>& names, std::uint16_t id) {
    for (const iana_name& entry : names)
        if (entry.id == id)
            return entry.name;
    return {};
}

template <std::size_t N, std::size_t M>
constexpr bool names_all(const std::array<iana_name, N>& names,
                         const std::array<std::uint16_t, M>& ids) {
    for (const std::uint16_t id : ids)
        if (name_of(names, id).empty())
            return false;
    return true;
}
static_assert(names_all(group_names, defaults::groups));
static_assert(names_all(signature_algorithm_names, defaults::signature_algorithms));

// Since 3.5 a list says for which groups the client sends key shares (`*`), and parts groups of
// equal rank (`/`): without that it would send one share, of the hybrid group, and pay a round trip
// with every server that lacks it. The parts are those of OpenSSL 3.5's own default.
constexpr std::string_view joint_before(std::uint16_t group) noexcept {
    switch (group) {
    case 0x001D: // x25519
    case 0x001E: // x448
    case 0x0100: // ffdhe2048
        return "/";
    default: return ":";
    }
}
constexpr bool has_key_share(std::uint16_t group) noexcept {
    return group == 0x11EC || group == 0x001D;
}

struct default_lists {
    std::string suites_tls_1_2;
    std::string suites_tls_1_3;
    std::string groups;
    std::string signature_algorithms;
};

template <std::size_t N>
std::string suite_list(const std::array<std::uint16_t, N>& ids) {
    std::string list;
    for (const std::uint16_t id : ids)
        if (const cipher_info* suite = find_suite(id))
            list.append(list.empty() ? "" : ":").append(suite->name);
    return list;
}

// What it is asked for, and whether an answer was no for a lack of memory.
class list_probe {
public:
    explicit list_probe(::SSL_CTX* scratch) noexcept : scratch_{scratch} {}
    bool accepts(int command, const std::string& list) noexcept {
        if (::SSL_CTX_ctrl(scratch_, command, 0, const_cast<char*>(list.c_str())) == 1)
            return true;
        lacked_memory_ = is_lack_of_memory(take_reason()) || lacked_memory_;
        return false;
    }
    bool lacked_memory() const noexcept { return lacked_memory_; }

private:
    ::SSL_CTX* scratch_;
    bool lacked_memory_ = false;
};

inline std::string group_list(list_probe& probe) {
    const bool marks = probe.accepts(SSL_CTRL_SET_GROUPS_LIST, "*x25519/secp256r1");
    std::string list;
    for (const std::uint16_t id : defaults::groups) {
        const std::string name{name_of(group_names, id)};
        if (!probe.accepts(SSL_CTRL_SET_GROUPS_LIST, name))
            continue;
        if (!list.empty())
            list += marks ? joint_before(id) : ":";
        if (marks && has_key_share(id))
            list += '*';
        list += name;
    }
    return list;
}

inline std::string signature_algorithm_list(list_probe& probe) {
    std::string list;
    for (const std::uint16_t id : defaults::signature_algorithms) {
        const std::string name{name_of(signature_algorithm_names, id)};
        if (probe.accepts(SSL_CTRL_SET_SIGALGS_LIST, name))
            list.append(list.empty() ? "" : ":").append(name);
    }
    return list;
}

// The lists for the linked OpenSSL; null if there was no memory to make them, which the next one to
// ask tries again.
inline const default_lists* linked_defaults() {
    static std::mutex one_at_a_time;
    static default_lists lists;
    static bool complete = false;
    const std::lock_guard lock{one_at_a_time};
    if (complete)
        return &lists;
    const own_error_queue queue;
    const owned<::SSL_CTX> scratch{::SSL_CTX_new(::TLS_method())};
    if (!scratch)
        return nullptr;
    list_probe probe{scratch.get()};
    default_lists made;
    made.suites_tls_1_2 = suite_list(defaults::suites_tls_1_2);
    made.suites_tls_1_3 = suite_list(defaults::suites_tls_1_3);
    made.groups = group_list(probe);
    made.signature_algorithms = signature_algorithm_list(probe);
    if (probe.lacked_memory())
        return nullptr;
    lists = std::move(made);
    complete = true;
    return &lists;
}

// Whether OpenSSL speaks a version at security level 0. It accepts bounds that it has not been
// built with: only a connection tells.
inline bool can_speak(::SSL_CTX* scratch, int wire) noexcept {
    ::SSL_CTX_ctrl(scratch, SSL_CTRL_SET_MIN_PROTO_VERSION, 0, nullptr);
    if (::SSL_CTX_ctrl(scratch, SSL_CTRL_SET_MAX_PROTO_VERSION, wire, nullptr) != 1 ||
        ::SSL_CTX_ctrl(scratch, SSL_CTRL_SET_MIN_PROTO_VERSION, wire, nullptr) != 1)
        return false;
    const owned<::SSL> ssl{::SSL_new(scratch)};
    const owned<STACK_OF(SSL_CIPHER)> usable{ssl ? ::SSL_get1_supported_ciphers(ssl.get())
                                                 : nullptr};
    return usable && sk_SSL_CIPHER_num(usable.get()) > 0;
}

// Each bit is a version that the linked OpenSSL was built with; 0 if there was no memory to find
// out.
inline unsigned ask_for_versions() noexcept {
    unsigned found = 0;
    const own_error_queue queue;
    const owned<::SSL_CTX> scratch{::SSL_CTX_new(::TLS_method())};
    if (!scratch)
        return 0;
    ::SSL_CTX_set_security_level(scratch.get(), 0);
    ::SSL_CTX_set_cipher_list(scratch.get(), "ALL");
    for (int wire = SSL3_VERSION; wire <= TLS1_3_VERSION; ++wire)
        if (can_speak(scratch.get(), wire))
            found |= 1U << (wire - SSL3_VERSION);
    return is_lack_of_memory(take_reason()) ? 0 : found;
}

// True if the linked OpenSSL was built with this version; asked once per process. One that is built
// may still be out of reach: TLS 1.1 and older need security level 0. True as well while there is
// no memory to find out: then the call that sets the version says so.
inline bool is_built_with(tls_version version) noexcept {
    static std::atomic<unsigned> known{0};
    unsigned built = known.load(std::memory_order_relaxed);
    if (built == 0) {
        built = ask_for_versions();
        known.store(built, std::memory_order_relaxed);
    }
    const int wire = static_cast<int>(version);
    return wire >= SSL3_VERSION && wire <= TLS1_3_VERSION &&
           (built == 0 || (built >> (wire - SSL3_VERSION) & 1U) != 0);
}

} // namespace detail
} // namespace openssl
} // namespace v0
} // namespace tlsxx
