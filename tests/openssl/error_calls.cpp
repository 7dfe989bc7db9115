// SPDX-License-Identifier: BSL-1.0
// In a read or write that succeeds, or only has to wait, the backend calls no function of OpenSSL's
// error queue. The linker puts the counters below in place of all that it calls; a new one that is
// missing here does not link.

#include <cstdarg>
#include <string>
#include <string_view>
#include <system_error>

#include <tlsxx/memory_transport.hpp>
#include <tlsxx/openssl.hpp>

#include <support/pki.hpp>

#include <catch2/catch_test_macros.hpp>

namespace {

int calls = 0;

} // namespace

// The linker's names for what is counted, and for what was there before.
// NOLINTBEGIN
#define COUNTED(result, name, parameters, arguments)                                               \
    extern "C" result __real_##name parameters;                                                    \
    extern "C" result __wrap_##name parameters;                                                    \
    extern "C" result __wrap_##name parameters {                                                   \
        ++calls;                                                                                   \
        return __real_##name arguments;                                                            \
    }
COUNTED(unsigned long, ERR_peek_error, (), ())
COUNTED(unsigned long, ERR_peek_last_error, (), ())
COUNTED(unsigned long, ERR_get_error, (), ())
COUNTED(unsigned long, ERR_get_error_all,
        (const char** file, int* line, const char** function, const char** data, int* flags),
        (file, line, function, data, flags))
COUNTED(void, ERR_clear_error, (), ())
COUNTED(void, ERR_new, (), ())
COUNTED(void, ERR_set_debug, (const char* file, int line, const char* function),
        (file, line, function))
COUNTED(void, ERR_vset_error, (int library, int reason, const char* format, std::va_list values),
        (library, reason, format, values))
COUNTED(int, ERR_set_mark, (), ())
COUNTED(int, ERR_pop_to_mark, (), ())
COUNTED(int, ERR_clear_last_mark, (), ())
COUNTED(const char*, ERR_reason_error_string, (unsigned long code), (code))
extern "C" void __wrap_ERR_set_error(int library, int reason, const char* format, ...);
extern "C" void __wrap_ERR_set_error(int library, int reason, const char* format, ...) {
    ++calls;
    std::va_list values;
    va_start(values, format);
    __real_ERR_vset_error(library, reason, format, values);
    va_end(values);
}
extern "C" void __wrap_ERR_add_error_data(int count, ...);
extern "C" void __wrap_ERR_add_error_data(int count, ...) {
    ++calls;
    std::va_list values;
    va_start(values, count);
    ::ERR_add_error_vdata(count, values);
    va_end(values);
}
// NOLINTEND

namespace {

using namespace tlsxx;
using stream = openssl::stream<memory_transport>;

// A client and a server, joined by hand.
struct both {
    stream client, server;

    both(tls_version version, bool unwrappable)
        : both{client_context(version), server_context(version), unwrappable} {}

    void carry() {
        server.transport().put_incoming(client.transport().take_outgoing());
        client.transport().put_incoming(server.transport().take_outgoing());
    }

private:
    both(const openssl::context& c, const openssl::context& s, bool unwrappable)
        : client{open(c, "localhost", unwrappable)}, server{open(s, "", unwrappable)} {
        std::error_code ec;
        for (int i = 0; i != 6; ++i) {
            client.handshake(ec);
            carry();
            server.handshake(ec);
            carry();
        }
        REQUIRE(client.is_handshake_done());
        REQUIRE(server.is_handshake_done());
        char byte = 0;
        client.read_some({&byte, 1}, ec); // tickets: messages after the handshake are looked after
        CHECK(ec == errc::want_read);
    }
    static stream open(const openssl::context& context, std::string_view name, bool unwrappable) {
        return context.wrap(
            memory_transport{},
            {.server_hostname = name, .handshake = deferred, .unwrappable = unwrappable});
    }
    static openssl::context client_context(tls_version version) {
        openssl::context made{protocol::tls_client};
        made.load_verify_locations({.cafile = test::pki("root.pem")});
        made.set_minimum_version(version);
        made.set_maximum_version(version);
        return made;
    }
    static openssl::context server_context(tls_version version) {
        openssl::context made{protocol::tls_server};
        made.load_cert_chain(test::pki("good-chain.pem"), test::pki("good.key"));
        made.set_minimum_version(version);
        made.set_maximum_version(version);
        return made;
    }
};

// How many calls of the error queue a call of ours makes.
template <class Call>
int counted(Call call) {
    calls = 0;
    call();
    return calls;
}

} // namespace

TEST_CASE("openssl: a read or write that succeeds asks the error queue nothing",
          "[engines:error-queue-untouched]") {
    for (const auto version : {tls_version::tls_1_2, tls_version::tls_1_3}) {
        for (const bool unwrappable : {false, true}) {
            for (const bool dirty : {false, true}) {
                INFO(to_string(version) << (unwrappable ? ", unwrappable" : "")
                                        << (dirty ? ", entries of the application" : ""));
                both c{version, unwrappable};
                ::ERR_clear_error();
                if (dirty)
                    ERR_raise(ERR_LIB_USER, 7);
                std::error_code ec;
                std::string text(40'000, 'x'), buffer(50'000, '\0');
                const auto write = [&](stream& from, std::size_t size) {
                    CHECK(counted([&] {
                              from.write_all(std::string_view{text}.substr(0, size), ec);
                          }) == 0);
                    CHECK_FALSE(ec);
                    c.carry();
                };
                const auto read = [&](stream& to, std::size_t size) {
                    CHECK(counted([&] { to.read_some(std::span{buffer.data(), size}, ec); }) == 0);
                };
                for (const std::size_t size : {1UL, 64UL, 16'384UL, 40'000UL}) {
                    write(c.client, size);
                    write(c.server, size);
                    for (stream* s : {&c.client, &c.server}) {
                        do
                            read(*s, 700);
                        while (!ec);
                        CHECK(ec == errc::want_read); // which asks nothing either
                    }
                }
                CHECK(counted([&] { c.client.flush(ec); }) == 0);
                CHECK(counted([&] { (void)c.client.has_pending(); }) == 0);
                CHECK(counted([&] { c.client.close_notify(ec); }) == 0);
                CHECK_FALSE(ec);
                c.carry();
                read(c.server, 10);
                CHECK_FALSE(ec); // the end
                write(c.server, 10);
                read(c.client, 10);
                CHECK_FALSE(ec);
                c.server.transport().put_end_of_stream();
                c.client.transport().put_end_of_stream();
                read(c.client, 10);
                CHECK(ec == errc::stream_truncated); // as the transport says, not the queue
                CHECK((::ERR_peek_error() != 0) == dirty);
            }
        }
    }
}

TEST_CASE("openssl: the counters count", "[engines:error-queue-untouched]") {
    both c{tls_version::tls_1_3, false};
    std::error_code ec;
    c.server.write_all("changed on its way", ec);
    std::string record = c.server.transport().take_outgoing();
    record.back() = static_cast<char>(record.back() ^ 1);
    c.client.transport().put_incoming(record);
    char buffer[100];
    CHECK(counted([&] { c.client.read_some(std::span{buffer}, ec); }) > 0);
    CHECK(ec == errc::protocol_error);
    CHECK(counted([&] { openssl::context{protocol::tls_client, ec}; }) > 0);
}
