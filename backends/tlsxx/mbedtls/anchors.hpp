// SPDX-License-Identifier: BSL-1.0
#pragma once

// The certificates that are trusted, parsed once and then never changed, so that configurations
// and the connections of many threads can share them.

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <tlsxx/error_info.hpp>
#include <tlsxx/mbedtls/engine.hpp>
#include <tlsxx/mbedtls/failure.hpp>
#include <tlsxx/x509/certificate_view.hpp>

namespace tlsxx {
inline namespace v0 {
namespace mbedtls {
namespace detail {

using byte_span = std::span<const std::byte>;

inline const unsigned char* as_uchar(byte_span bytes) noexcept {
    return reinterpret_cast<const unsigned char*>(bytes.data());
}
inline byte_span der_of(const ::mbedtls_x509_crt& certificate) noexcept {
    return {reinterpret_cast<const std::byte*>(certificate.raw.p), certificate.raw.len};
}

using shared_der = std::shared_ptr<const std::vector<std::byte>>;

// One trusted certificate. The engine's form points into `der`; its `next` is set by the store.
struct anchor {
    anchor() = default;
    anchor(const anchor&) = delete;
    anchor& operator=(const anchor&) = delete;
    // The engine would free the certificates behind `next`, which the store owns one by one.
    ~anchor() { parsed->next = nullptr; }

    shared_der der;
    owned_certificates parsed;
    bool self_signed = false;
};

// Parses one certificate; null if it can't be used, and then `error` says why.
inline std::unique_ptr<anchor> parse_anchor(shared_der der, error_info& error) {
    auto made = std::make_unique<anchor>();
    const auto view = x509::certificate_view::parse(*der);
    const int result = ::mbedtls_x509_crt_parse_der_with_ext_cb(
        made->parsed.get(), as_uchar(*der), der->size(), 0, take_any_extension, nullptr);
    if (result != 0) {
        fail(error, lacks_algorithm(result) ? errc::not_supported : errc::bad_certificate, result,
             "Mbed TLS can't read this certificate");
        return nullptr;
    }
    if (made->parsed->raw.len != der->size() || !view) {
        error = error_info{errc::bad_certificate, made->parsed->raw.len != der->size()
                                                      ? "bytes follow the certificate"
                                                      : "not a well-formed certificate"};
        return nullptr;
    }
    made->self_signed = view->looks_self_signed();
    made->der = std::move(der);
    return made;
}

// All trusted certificates of a configuration in one list that the engine walks: first those that
// are not self-signed, then those that are. What it may end a path at depends on where it is told
// to begin.
class anchor_store {
public:
    anchor_store() = default;
    explicit anchor_store(std::vector<std::unique_ptr<anchor>> anchors)
        : anchors_{std::move(anchors)} {
        const auto first_root = std::stable_partition(
            anchors_.begin(), anchors_.end(), [](const auto& a) { return !a->self_signed; });
        ::mbedtls_x509_crt* next = nullptr;
        for (auto at = anchors_.end(); at != anchors_.begin();) {
            --at;
            (*at)->parsed->next = next;
            next = (*at)->parsed.get();
            if (at >= first_root)
                self_signed_ = next;
        }
        all_ = next;
    }

    std::size_t size() const noexcept { return anchors_.size(); }
    const std::vector<std::unique_ptr<anchor>>& anchors() const noexcept { return anchors_; }
    bool has_intermediates() const noexcept { return all_ != self_signed_; }

    // Where the engine begins: the engine takes a pointer to non-const and changes nothing.
    ::mbedtls_x509_crt* trusted(bool partial_chain) const noexcept {
        return partial_chain ? all_ : self_signed_;
    }

    bool contains(byte_span der) const noexcept {
        return std::any_of(anchors_.begin(), anchors_.end(),
                           [der](const auto& a) { return x509::equal(*a->der, der); });
    }

private:
    std::vector<std::unique_ptr<anchor>> anchors_;
    ::mbedtls_x509_crt* self_signed_ = nullptr;
    ::mbedtls_x509_crt* all_ = nullptr;
};

// A store with the certificates of `old` and of `batch`, which it empties. Those of `old` are
// parsed again over the same bytes, for `old` may be in use and its list must not change. Null if
// one of them fails to parse, which only a lack of memory can cause.
inline std::shared_ptr<const anchor_store>
extended(const anchor_store& old, std::vector<std::unique_ptr<anchor>>& batch, error_info& error) {
    std::vector<std::unique_ptr<anchor>> anchors;
    anchors.reserve(old.size() + batch.size());
    for (const auto& known : old.anchors()) {
        auto again = parse_anchor(known->der, error);
        if (!again)
            return nullptr;
        anchors.push_back(std::move(again));
    }
    for (auto& added : batch)
        if (!old.contains(*added->der))
            anchors.push_back(std::move(added));
    batch.clear();
    return std::make_shared<const anchor_store>(std::move(anchors));
}

} // namespace detail

/// anchor_batch holds certificates that are parsed and not yet trusted.
class anchor_batch {
public:
    /// add parses one certificate. One that is there already is taken as it is.
    bool add(std::span<const std::byte> der, error_info& error) {
        const bool known = std::any_of(anchors_.begin(), anchors_.end(),
                                       [der](const auto& a) { return x509::equal(*a->der, der); });
        if (known)
            return true;
        auto made = detail::parse_anchor(
            std::make_shared<const std::vector<std::byte>>(der.begin(), der.end()), error);
        if (!made)
            return false;
        anchors_.push_back(std::move(made));
        return true;
    }

private:
    friend struct backend;
    std::vector<std::unique_ptr<detail::anchor>> anchors_;
};

} // namespace mbedtls
} // namespace v0
} // namespace tlsxx
