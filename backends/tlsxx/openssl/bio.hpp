// SPDX-License-Identifier: BSL-1.0
#pragma once

// The BIO under every connection: it hands the engine's calls to the transport that is bound for
// the length of the operation. Made by hand, since a memory BIO copies and a socket BIO knows
// nothing of the transport.

#include <atomic>
#include <cstddef>
#include <span>

#include <tlsxx/openssl/body.hpp>
#include <tlsxx/openssl/engine.hpp>

namespace tlsxx {
inline namespace v0 {
namespace openssl {
namespace detail {

// Nothing to read is always "try again" to the engine, also at the end of the byte stream: it would
// otherwise answer the end with a fatal alert to a peer that is gone. The caller asks the
// transport. The flags that say so stay set: they are read after a failure only.
inline int bio_read(::BIO* bio, char* buffer, std::size_t size, std::size_t* done) noexcept {
    auto* const body = static_cast<connection_body*>(::BIO_get_data(bio));
    *done = 0;
    if (body && body->bound) {
        *done = body->bound->read({reinterpret_cast<std::byte*>(buffer), size});
        if (*done != 0)
            return 1;
        body->blocked = body->bound->read_blocked();
        body->ended = body->bound->ended();
        body->broken = static_cast<bool>(body->bound->error());
    }
    ::BIO_set_flags(bio, BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY);
    return -1;
}

// All is taken: what the transport does not take waits in the stream.
inline int bio_write(::BIO* bio, const char* bytes, std::size_t size, std::size_t* done) noexcept {
    auto* const body = static_cast<connection_body*>(::BIO_get_data(bio));
    *done = size;
    if (body && body->bound)
        body->bound->write({reinterpret_cast<const std::byte*>(bytes), size});
    return 1;
}

inline long bio_control(::BIO*, int command, long, void*) noexcept {
    return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP ? 1 : 0;
}

// One method for all connections of the process; null if OpenSSL could not make it, which the next
// one to ask tries again. It is never freed: a stream of static lifetime may outlive whatever would
// free it.
inline const ::BIO_METHOD* bio_method() noexcept {
    static std::atomic<const ::BIO_METHOD*> method{nullptr};
    static const int index = ::BIO_get_new_index();
    const ::BIO_METHOD* found = method.load(std::memory_order_acquire);
    if (found || index == -1)
        return found;
    owned<::BIO_METHOD> made{::BIO_meth_new(index | BIO_TYPE_SOURCE_SINK, "tlsxx")};
    if (!made || ::BIO_meth_set_read_ex(made.get(), bio_read) != 1 ||
        ::BIO_meth_set_write_ex(made.get(), bio_write) != 1 ||
        ::BIO_meth_set_ctrl(made.get(), bio_control) != 1)
        return nullptr;
    if (method.compare_exchange_strong(found, made.get(), std::memory_order_acq_rel))
        return made.release();
    return found; // another thread's
}

inline owned<::BIO> make_bio(connection_body& body) noexcept {
    owned<::BIO> bio{bio_method() ? ::BIO_new(bio_method()) : nullptr};
    if (bio) {
        ::BIO_set_data(bio.get(), &body);
        ::BIO_set_init(bio.get(), 1);
    }
    return bio;
}

} // namespace detail
} // namespace openssl
} // namespace v0
} // namespace tlsxx
