// SPDX-License-Identifier: BSL-1.0
#pragma once

// A peer made of an engine's own C functions, without a line of the library's, driven in memory.

#include <memory>
#include <string>
#include <string_view>

#include <tlsxx/constants.hpp>

#include <support/engines.hpp>

namespace test {

class raw_engine {
public:
    virtual ~raw_engine() = default;

    // Takes what the other side has sent, and gives what is to be sent to it.
    virtual void put(std::string_view) = 0;
    virtual std::string take() = 0;

    virtual bool handshake() = 0;             // true once it is done; throws if it fails
    virtual void write(std::string_view) = 0; // throws if not all is taken
    virtual std::string read() = 0;           // what there is, up to the peer's close_notify
    virtual bool is_closed() const = 0;       // the peer's close_notify has been read
    virtual void close_notify() = 0;
    virtual void* native_handle() = 0; // the engine's own connection object
};
using raw_engine_ptr = std::unique_ptr<raw_engine>;

// A server with the certificate "good", or a client that looks at no certificate.
raw_engine_ptr make_raw_openssl(bool server, tlsxx::tls_version only);
raw_engine_ptr make_raw_mbedtls(bool server, tlsxx::tls_version only);

inline raw_engine_ptr make_raw(engine e, bool server, tlsxx::tls_version only) {
    return e == engine::openssl ? make_raw_openssl(server, only) : make_raw_mbedtls(server, only);
}

} // namespace test
