// SPDX-License-Identifier: BSL-1.0
#include <tlsxx/openssl.hpp>

#include "side.hpp"

namespace {

std::unique_ptr<side> client(tlsxx::memory_transport& pipe, const tlsxx::trust& anchors) {
    tlsxx::openssl::context context{tlsxx::protocol::tls_client};
    context.load_verify_locations(anchors);
    return make_side(context, pipe);
}

std::unique_ptr<side> server(tlsxx::memory_transport& pipe, const tlsxx::cert_chain& own) {
    tlsxx::openssl::context context{tlsxx::protocol::tls_server};
    context.load_cert_chain(own);
    return make_side(context, pipe);
}

} // namespace

const engine_sides openssl_sides{client, server};
