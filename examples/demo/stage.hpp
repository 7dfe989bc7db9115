// SPDX-License-Identifier: BSL-1.0
#pragma once

// What the demo plays on: a folder that is gone afterwards, certificates, and peers that are not
// ours.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "process.hpp"

namespace demo {

class stage {
public:
    // Makes the certificates in `folder` with the openssl command, and the files to fetch. The
    // examples' programs are in `programs`.
    stage(const std::filesystem::path& folder, const std::filesystem::path& programs,
          const std::filesystem::path& pki_script);

    const std::filesystem::path& folder() const { return folder_; }
    std::string program(std::string_view name) const { return (programs_ / name).string(); }
    // A file of the certificates; tests/support/pki.sh lists them.
    std::string pki(std::string_view name) const { return (folder_ / "pki" / name).string(); }
    std::filesystem::path www() const { return folder_ / "www"; }

    // The file /data, and what it holds: the same pseudo-random bytes each time.
    const std::string& data() const { return data_; }
    // "localhost" if this machine knows the name, else "127.0.0.1".
    const std::string& host() const { return host_; }

private:
    std::filesystem::path folder_;
    std::filesystem::path programs_;
    std::string data_;
    std::string host_;
};

// nginx on two ports of 127.0.0.1. Its page / says which version and cipher it sees, sent in
// chunks; /data has a Content-Length.
class nginx {
public:
    explicit nginx(const stage& where);
    std::uint16_t tls_port() const { return tls_port_; }
    std::uint16_t plain_port() const { return plain_port_; }

private:
    void start(const stage& where);

    std::uint16_t tls_port_ = 0;
    std::uint16_t plain_port_ = 0;
    std::optional<process> process_;
};

// OpenSSL's s_server on a port of 127.0.0.1 that the system has chosen, with the certificate of
// this name.
class s_server {
public:
    s_server(const stage& where, std::string_view certificate);
    // Waits until it listens.
    std::uint16_t port();

private:
    process process_;
    std::uint16_t port_ = 0;
};

// Passes one connection on to a port of 127.0.0.1 and ends it in the middle: after `bytes` bytes
// from there the client sees the end of the stream.
class cutting_proxy {
public:
    cutting_proxy(std::uint16_t target, std::size_t bytes);
    cutting_proxy(const cutting_proxy&) = delete;
    cutting_proxy& operator=(const cutting_proxy&) = delete;
    ~cutting_proxy() { thread_.join(); }
    std::uint16_t port() const { return port_; }

private:
    std::uint16_t port_ = 0;
    std::thread thread_;
};

} // namespace demo
