// SPDX-License-Identifier: BSL-1.0
#pragma once

// Certificates and keys out of files and memory, PEM and DER: the same reader for every engine, so
// that the same input loads, or fails for the same reason, everywhere.

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tlsxx/backend.hpp>
#include <tlsxx/cert_chain.hpp>
#include <tlsxx/detail/file.hpp>
#include <tlsxx/error_info.hpp>
#include <tlsxx/pem.hpp>
#include <tlsxx/trust.hpp>
#include <tlsxx/x509/certificate_view.hpp>
#include <tlsxx/x509/der.hpp>
#include <tlsxx/x509/host_name.hpp>
#include <tlsxx/x509/key_strength.hpp>

namespace tlsxx {
inline namespace v0 {
namespace detail {

inline bool is_pem(std::string_view text) noexcept {
    return text.find("-----BEGIN ") != std::string_view::npos;
}
inline bool is_certificate_label(std::string_view label) noexcept {
    return label == "CERTIFICATE" || label == "X509 CERTIFICATE";
}
inline bool is_private_key_label(std::string_view label) noexcept {
    return label == "PRIVATE KEY" || label == "ENCRYPTED PRIVATE KEY" ||
           label == "RSA PRIVATE KEY" || label == "EC PRIVATE KEY";
}

inline bool fail_with_pem(const pem_scanner& scanner, error_info& error) noexcept {
    error = error_info{errc::bad_pem};
    error << "block " << static_cast<long long>(scanner.error_block()) << ", line "
          << static_cast<long long>(scanner.error_line()) << ": " << message(scanner.error());
    return false;
}

// The next DER SEQUENCE of `rest`, which certificates and keys are, taken off its front; empty if
// there is none.
inline byte_view take_der(byte_view& rest) noexcept {
    x509::der::reader reader{rest};
    x509::der::element element;
    if (!reader.next(x509::der::tag::sequence, element))
        return {};
    rest = reader.rest();
    return element.whole;
}

// Calls `sink(der, error) -> bool` for each certificate of a PEM or DER text. False, with the block
// named, at the first that is malformed or refused.
template <class Sink>
bool for_each_certificate(std::string_view text, Sink&& sink, error_info& error) {
    std::size_t count = 0;
    if (is_pem(text)) {
        pem_scanner scanner{text};
        while (auto block = scanner.next()) {
            if (!is_certificate_label(block->label)) {
                wipe(block->data.data(), block->data.size()); // perhaps the key
                continue;
            }
            ++count;
            if (!sink(byte_view{block->data}, error)) {
                fixed_string<64> place{"block "};
                place.append_number(static_cast<long long>(block->index)) += ", line ";
                error.in(place.append_number(static_cast<long long>(block->line)));
                return false;
            }
        }
        if (scanner.error() != pem_error::none)
            return fail_with_pem(scanner, error);
    } else {
        byte_view rest = std::as_bytes(std::span{text.data(), text.size()});
        for (; !rest.empty(); ++count) {
            const byte_view der = take_der(rest);
            if (der.empty() && count == 0)
                break;
            error = error_info{errc::bad_certificate, "neither PEM nor DER"};
            if (der.empty() || !sink(der, error = error_info{})) {
                fixed_string<64> place{"certificate "};
                error.in(place.append_number(static_cast<long long>(count + 1)));
                return false;
            }
        }
    }
    if (count == 0)
        error = error_info{errc::no_certificate_found};
    return count != 0;
}

// A name for people: "cafile 'ca.pem'" for a file, "cadata" for memory.
inline fixed_string<256> place_of(std::string_view what, std::string_view file = {}) noexcept {
    fixed_string<256> place{what};
    if (!file.empty()) {
        // The end of a long path says more than its beginning.
        const bool long_path = file.size() > 200;
        place += long_path ? " '..." : " '";
        place += long_path ? file.substr(file.size() - 200) : file;
        place += "'";
    }
    return place;
}

// The certificate files of a hashed directory, in a fixed order, so that errors and paths don't
// vary.
inline bool list_directory(std::string_view directory, std::vector<std::string>& files,
                           error_info& error) {
    if (!is_path(directory, error))
        return false;
    const std::string path{directory};
    const bool listed = for_each_file(
        path,
        [&](std::string_view name) {
            if (is_hashed_certificate_name(name))
                files.push_back(std::string{path}.append("/").append(name));
            return true;
        },
        error);
    std::sort(files.begin(), files.end());
    return listed;
}

template <class Sink>
bool read_directory(std::string_view directory, Sink&& sink, error_info& error) {
    std::vector<std::string> files;
    if (!list_directory(directory, files, error))
        return false;
    if (files.empty()) {
        error = error_info{errc::no_certificate_found,
                           "no file named like 0123abcd.0 in it; openssl rehash makes them"};
        error.in(place_of("capath", directory));
        return false;
    }
    for (const std::string& file : files) {
        std::string text;
        if (!read_file(file, text, error))
            return false;
        if (!for_each_certificate(text, sink, error)) {
            error.in(place_of("capath", file));
            return false;
        }
    }
    return true;
}

// Everything that a trust names.
template <class Sink>
bool read_trust(const trust& from, Sink&& sink, error_info& error) {
    if (!from.cadata.empty() && !for_each_certificate(from.cadata, sink, error)) {
        error.in("cadata");
        return false;
    }
    if (!from.cafile.empty()) {
        std::string text;
        if (!read_file(from.cafile, text, error))
            return false;
        if (!for_each_certificate(text, sink, error)) {
            error.in(place_of("cafile", from.cafile));
            return false;
        }
    }
    return from.capath.empty() || read_directory(from.capath, sink, error);
}

struct system_trust {
    std::string_view file;
    std::string_view directory;
    bool from_environment;
};

// Where the system keeps its anchors. The first bundle that exists is enough: the directory beside
// it holds the same certificates.
inline system_trust find_system_trust() {
    const char* file = std::getenv("SSL_CERT_FILE");
    const char* directory = std::getenv("SSL_CERT_DIR");
    if ((file && *file) || (directory && *directory))
        return {file ? file : "", directory ? directory : "", true};
    for (const char* bundle :
         {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
          "/etc/ssl/ca-bundle.pem", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
          "/etc/ssl/cert.pem", "/usr/local/etc/ssl/cert.pem"})
        if (std::FILE* found = std::fopen(bundle, "rb")) {
            std::fclose(found);
            return {bundle, {}, false};
        }
    return {{}, "/etc/ssl/certs", false};
}

// Offers the system's anchors to `sink(der)`. What can't be read is passed over; the result counts
// the files of a directory, and the rest of a bundle that breaks off.
template <class Sink>
std::size_t read_system_trust(Sink&& sink) {
    const system_trust from = find_system_trust();
    std::size_t unreadable = 0;
    const auto each = [&](byte_view der, error_info&) {
        sink(der);
        return true;
    };
    const auto read = [&](std::string_view file) {
        error_info error;
        std::string text;
        if (!read_file(file, text, error) || !for_each_certificate(text, each, error))
            return error.code();
        return std::error_code{};
    };
    if (!from.file.empty() && read(from.file) == errc::bad_pem)
        ++unreadable;
    std::string_view directories = from.directory;
    while (!directories.empty()) {
        const std::size_t end = std::min(directories.find(path_list_separator), directories.size());
        error_info ignored;
        std::vector<std::string> files;
        if (end != 0)
            list_directory(directories.substr(0, end), files, ignored);
        for (const std::string& file : files)
            unreadable += read(file) ? 1U : 0U;
        directories.remove_prefix(std::min(end + 1, directories.size()));
    }
    return unreadable;
}

inline void describe_system_trust(error_info& error) {
    const system_trust from = find_system_trust();
    error << (from.from_environment ? "SSL_CERT_FILE and SSL_CERT_DIR name none: '"
                                    : "the system has none in '")
          << from.file << (from.file.empty() || from.directory.empty() ? "" : "' or '")
          << from.directory << "'";
}

// A certificate chain and its key, read but not parsed.
struct identity_material {
    std::vector<std::vector<std::byte>> chain;
    secret key; // one PEM block, or DER
    bool key_is_pem = false;
    bool key_is_encrypted = false;
    fixed_string<256> chain_place;
    fixed_string<256> key_place;

    std::vector<byte_view> chain_views() const { return {chain.begin(), chain.end()}; }
};

enum class key_form : unsigned char { none, plain, encrypted };

// EncryptedPrivateKeyInfo is an AlgorithmIdentifier and an OCTET STRING (RFC 5958); every other
// form of a key begins with an INTEGER.
inline key_form form_of_key(byte_view der) noexcept {
    x509::der::reader outer{der};
    x509::der::element key;
    x509::der::element algorithm;
    if (!outer.next(x509::der::tag::sequence, key))
        return key_form::none;
    x509::der::reader inner{key.content};
    if (inner.next_is(x509::der::tag::integer))
        return key_form::plain;
    return inner.next(x509::der::tag::sequence, algorithm) &&
                   inner.next_is(x509::der::tag::octet_string)
               ? key_form::encrypted
               : key_form::none;
}

inline bool find_private_key(std::string_view text, identity_material& out, error_info& error) {
    if (is_pem(text)) {
        pem_scanner scanner{text};
        while (auto block = scanner.next()) {
            wipe(block->data.data(), block->data.size());
            if (!is_private_key_label(block->label))
                continue;
            out.key.text.assign(block->text);
            out.key_is_pem = true;
            out.key_is_encrypted = block->label == "ENCRYPTED PRIVATE KEY" ||
                                   block->headers.find("ENCRYPTED") != std::string_view::npos;
            return true;
        }
        if (scanner.error() != pem_error::none) {
            fail_with_pem(scanner, error);
            error.in(out.key_place);
            return false;
        }
        error = error_info{errc::no_private_key_found, out.key_place};
        return false;
    }
    const key_form form = form_of_key(std::as_bytes(std::span{text.data(), text.size()}));
    if (form == key_form::none) {
        error = error_info{errc::no_private_key_found, out.key_place};
        return false;
    }
    out.key.text.assign(text);
    out.key_is_encrypted = form == key_form::encrypted;
    return true;
}

inline bool read_identity(const cert_chain& from, identity_material& out, error_info& error) {
    secret chain_text; // it may hold the key as well
    secret key_text;
    if (!from.certfile.empty() && !read_file(from.certfile, chain_text.text, error))
        return false;
    if (!from.keyfile.empty() && !read_file(from.keyfile, key_text.text, error))
        return false;
    const bool own_key = !from.keyfile.empty() || !from.keydata.empty();
    const std::string_view chain = from.certfile.empty() ? from.certdata : chain_text.text;
    const std::string_view key = !from.keyfile.empty()   ? std::string_view{key_text.text}
                                 : !from.keydata.empty() ? from.keydata
                                                         : chain;
    out.chain_place = place_of(from.certfile.empty() ? "certdata" : "certfile", from.certfile);
    out.key_place = !own_key ? out.chain_place
                             : place_of(from.keyfile.empty() ? "keydata" : "keyfile", from.keyfile);
    if (from.certfile.empty() == from.certdata.empty() ||
        (!from.keyfile.empty() && !from.keydata.empty())) {
        error = error_info{errc::invalid_argument,
                           "a certificate chain comes from certfile or from certdata, a key from "
                           "keyfile or from keydata"};
        return false;
    }
    const auto add = [&](byte_view der, error_info& e) {
        if (!x509::certificate_view::parse(der)) {
            e = error_info{errc::bad_certificate, "not a certificate"};
            return false;
        }
        out.chain.emplace_back(der.begin(), der.end());
        return true;
    };
    if (!for_each_certificate(chain, add, error)) {
        error.in(out.chain_place);
        return false;
    }
    if (!own_key && !is_pem(key)) {
        error = error_info{errc::no_private_key_found, out.key_place};
        return false;
    }
    return find_private_key(key, out, error);
}

// One's own certificates must be as strong as what is asked of a peer's, on every engine.
inline void check_identity_strength(const identity_material& material, int security_level,
                                    error_info& error) {
    for (std::size_t i = 0; i != material.chain.size(); ++i) {
        const auto certificate = x509::certificate_view::parse(material.chain[i]);
        const bool weak_key =
            x509::check_key(certificate->public_key(), security_level, i == 0) != verify_code::ok;
        const bool weak_signature =
            !certificate->self_issued() && x509::check_signature(certificate->signature_algorithm(),
                                                                 security_level) != verify_code::ok;
        if (!weak_key && !weak_signature)
            continue;
        error = error_info{errc::key_too_weak, material.chain_place};
        error << ": certificate " << static_cast<long long>(i + 1)
              << (weak_key ? " has a key" : " is signed with a digest") << " below security level "
              << security_level;
        return;
    }
}

// Text that no host can have for a name is an error here, rather than a name that never matches.
inline error_info read_host_name(std::string_view text, x509::reference_identity& name) noexcept {
    name = x509::reference_identity{text};
    error_info error;
    if (!name)
        error = error_info{name.error() == x509::host_name_error::not_ascii
                               ? errc::name_not_ascii
                               : errc::server_hostname_invalid,
                           message(name.error())};
    else if (!name.is_ip() && name.sni().empty())
        error = error_info{errc::server_hostname_invalid,
                           "a character that no host name has; give the name alone, without "
                           "scheme, port or brackets"};
    if (error)
        error.in(place_of("server_hostname", text));
    return error;
}

} // namespace detail
} // namespace v0
} // namespace tlsxx
