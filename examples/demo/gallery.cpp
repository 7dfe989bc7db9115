// SPDX-License-Identifier: BSL-1.0

// What goes wrong with TLS, on both engines side by side. The table says beforehand what each has
// to answer.

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <system_error>

#include <tlsxx/mbedtls.hpp>
#include <tlsxx/openssl.hpp>
#include <tlsxx/socket.hpp>

#include "parts.hpp"
#include "process.hpp"
#include "screen.hpp"

namespace demo {
namespace {

using namespace std::chrono_literals;
using tlsxx::errc;
using tlsxx::tls_version;
using tlsxx::verify_code;

enum class scene {
    bad_server,   // our client meets s_server with a certificate that will not do
    plain_server, // our client meets a server that speaks HTTP without TLS
    cut,          // our client's connection ends in the middle of a file
    client_auth,  // curl meets our server, which asks for a certificate
    plain_client, // curl speaks HTTP without TLS to our server
};

struct row {
    std::string_view title;
    std::string_view note; // which of two rows with this title it is
    scene what;
    std::string_view certificate; // the other side's; empty: it has none
    std::string_view host;        // whom our client wants to meet
    tlsxx::verify_mode mode;      // our server's
    tls_version version;          // curl's highest
    // What both engines have to answer:
    errc code;
    verify_code verify;
};

constexpr auto required = tlsxx::verify_mode::required;
constexpr auto optional = tlsxx::verify_mode::optional;
constexpr auto tls_1_2 = tls_version::tls_1_2;
constexpr auto tls_1_3 = tls_version::tls_1_3;

constexpr std::array<row, 13> table{{
    {"expired", "", scene::bad_server, "expired", "localhost", required, tls_1_3,
     errc::verification_failed, verify_code::cert_has_expired},
    {"not yet valid", "", scene::bad_server, "not-yet-valid", "localhost", required, tls_1_3,
     errc::verification_failed, verify_code::cert_not_yet_valid},
    {"wrong host", "", scene::bad_server, "other-host", "localhost", required, tls_1_3,
     errc::verification_failed, verify_code::hostname_mismatch},
    {"IP address against DNS name", "", scene::bad_server, "dns-ip", "127.0.0.1", required, tls_1_3,
     errc::verification_failed, verify_code::ip_address_mismatch},
    {"untrusted", "", scene::bad_server, "untrusted", "localhost", required, tls_1_3,
     errc::verification_failed, verify_code::unable_to_get_issuer_cert_locally},
    {"self-signed", "", scene::bad_server, "self-signed", "localhost", required, tls_1_3,
     errc::verification_failed, verify_code::depth_zero_self_signed_cert},
    {"missing client certificate", "TLS 1.2: ", scene::client_auth, "", "", required, tls_1_2,
     errc::certificate_required, verify_code::ok},
    {"missing client certificate", "TLS 1.3: ", scene::client_auth, "", "", required, tls_1_3,
     errc::certificate_required, verify_code::ok},
    // its chain file has the untrusted root, too
    {"bad client cert, optional", "TLS 1.2: ", scene::client_auth, "client-untrusted", "", optional,
     tls_1_2, errc::verification_failed, verify_code::self_signed_cert_in_chain},
    {"bad client cert, optional", "TLS 1.3: ", scene::client_auth, "client-expired", "", optional,
     tls_1_3, errc::verification_failed, verify_code::cert_has_expired},
    {"plain HTTP on the TLS port", "client: ", scene::plain_server, "", "localhost", required,
     tls_1_3, errc::protocol_error, verify_code::ok},
    {"plain HTTP on the TLS port", "server: ", scene::plain_client, "", "", required, tls_1_3,
     errc::protocol_error, verify_code::ok},
    {"cut connection", "", scene::cut, "", "localhost", required, tls_1_3, errc::stream_truncated,
     verify_code::ok},
}};

std::string name_of(const std::error_code& code) {
    constexpr std::array<std::pair<errc, std::string_view>, 8> names{{
        {errc::verification_failed, "verification_failed"},
        {errc::certificate_required, "certificate_required"},
        {errc::protocol_error, "protocol_error"},
        {errc::stream_truncated, "stream_truncated"},
        {errc::handshake_failure, "handshake_failure"},
        {errc::alert_received, "alert_received"},
        {errc::engine_failure, "engine_failure"},
        {errc::timed_out, "timed_out"},
    }};
    if (!code)
        return "no error";
    for (const auto& [value, name] : names)
        if (code == value)
            return std::string{name};
    return std::string{code.category().name()} + ':' + std::to_string(code.value());
}

std::string name_of(const std::error_code& code, verify_code verify) {
    return verify == verify_code::ok
               ? name_of(code)
               : name_of(code) + ' ' + std::to_string(static_cast<int>(verify));
}

// What one engine says.
struct answer {
    std::error_code code;
    verify_code verify = verify_code::ok;
    std::string reason;  // the engine's mnemonic
    std::string words;   // and what it says of the certificate
    std::string problem; // what else was not as it should be
};

template <class Stream>
answer answer_of(const Stream& stream, const std::error_code& ec) {
    answer result;
    result.code = ec;
    result.verify = stream.verification().code();
    const tlsxx::error_info info = stream.last_error();
    if (info.library().empty())
        result.reason = "(silent: tlsxx sees the end)";
    else
        result.reason = std::string{info.library()} + ' ' + std::string{info.reason()};
    if (!stream.verification()) {
        const auto reasons = stream.verification().reasons();
        if (!reasons.empty())
            result.words = reasons.front().engine_message;
        if (result.words.empty())
            result.words = "(tlsxx's own check)";
    }
    return result;
}

template <tlsxx::backend Backend>
answer meet(const stage& where, std::uint16_t port, std::string_view host) {
    const auto context = tlsxx::create_default_context<Backend>(tlsxx::purpose::server_auth,
                                                                {.cafile = where.pki("root.pem")});
    std::error_code ec;
    auto stream = context.wrap(tlsxx::connect("127.0.0.1", port, {.timeout = 5s}),
                               {.server_hostname = host}, ec);
    if (!ec) {
        stream.write_all("GET /data HTTP/1.0\r\n\r\n", ec);
        std::string text;
        if (!ec)
            stream.read_all(text, ec);
    }
    return answer_of(stream, ec);
}

template <tlsxx::backend Backend>
answer be_met(const stage& where, const row& r) {
    auto context = tlsxx::create_default_context<Backend>(tlsxx::purpose::client_auth,
                                                          {.cafile = where.pki("root.pem")});
    context.load_cert_chain(where.pki("good-chain.pem"), where.pki("good.key"));
    context.set_verify_mode(r.mode);
    auto listener = tlsxx::listen({.address = "127.0.0.1"});
    listener.set_timeout(5s);

    const bool plain = r.what == scene::plain_client;
    command curl{{"curl", "-q", "--silent", "--show-error", "--noproxy", "*", "--max-time", "5",
                  "--cacert", where.pki("root.pem"), "--tls-max",
                  r.version == tls_1_2 ? "1.2" : "1.3",
                  std::string{plain ? "http" : "https"} +
                      "://127.0.0.1:" + std::to_string(listener.port()) + '/'}};
    if (!r.certificate.empty()) {
        const std::string name{r.certificate};
        for (const std::string& more : {std::string{"--cert"}, where.pki(name + "-chain.pem"),
                                        std::string{"--key"}, where.pki(name + ".key")})
            curl.arguments.push_back(more);
    }
    process client{curl, where.folder(), "curl"};

    auto socket = listener.accept();
    socket.set_timeout(5s);
    answer result;
    {
        std::error_code ec;
        const auto stream = context.wrap(std::move(socket), {}, ec);
        result = answer_of(stream, ec);
    } // closed here: a client to whom the engine sends no alert learns of it at last
    const int code = client.wait(5s);
    if (code <= 0)
        result.problem = code == 0 ? "curl has noticed nothing" : "curl is still waiting";
    return result;
}

template <tlsxx::backend Backend>
answer play(const stage& where, const nginx& web, const row& r, std::uint16_t bad_server) {
    try {
        switch (r.what) {
        case scene::bad_server: return meet<Backend>(where, bad_server, r.host);
        case scene::plain_server: return meet<Backend>(where, web.plain_port(), r.host);
        case scene::cut: {
            cutting_proxy proxy{web.tls_port(), where.data().size() / 2};
            return meet<Backend>(where, proxy.port(), r.host);
        }
        case scene::client_auth:
        case scene::plain_client: return be_met<Backend>(where, r);
        }
    } catch (const std::exception& error) {
        answer result;
        result.problem = error.what();
        return result;
    }
    return {};
}

// How good an answer is: what the table says, and nothing else amiss.
bool fits(const answer& given, const row& r) {
    return given.code == r.code && given.verify == r.verify && given.problem.empty();
}

constexpr std::size_t title_width = 28;
constexpr std::size_t answer_width = 34;

void print_row(const row& r, const answer& one, const answer& other) {
    std::string problem;
    for (const answer* a : {&one, &other})
        if (!fits(*a, r))
            problem += std::string{a == &one ? "OpenSSL" : "Mbed TLS"} +
                       (a->problem.empty() ? "" : " (" + a->problem + ')') + ": expected " +
                       name_of(make_error_code(r.code), r.verify) + "; ";
    print_check(problem.empty(),
                left(r.title, title_width) + left(name_of(one.code, one.verify), answer_width) +
                    name_of(other.code, other.verify),
                problem);

    const std::string_view meaning =
        r.verify != verify_code::ok ? message(r.verify) : message(r.code);
    std::array columns{wrapped(std::string{r.note} + std::string{meaning}, title_width - 2),
                       wrapped(one.reason, answer_width - 1),
                       wrapped(other.reason, answer_width - 1)};
    for (std::string& line : wrapped(one.words, answer_width - 1))
        columns[1].push_back(std::move(line));
    for (std::string& line : wrapped(other.words, answer_width - 1))
        columns[2].push_back(std::move(line));
    const auto line = [&](std::size_t column, std::size_t number) {
        return number < columns[column].size() ? ' ' + columns[column][number] : std::string{};
    };
    for (std::size_t i = 0; i < std::max({columns[0].size(), columns[1].size(), columns[2].size()});
         ++i)
        print(painted(paint::dim, "    " + left(line(0, i), title_width) +
                                      left(line(1, i), answer_width) + line(2, i)));
}

} // namespace

void run_gallery(const stage& where, const nginx& peer) {
    print_title("What goes wrong: the answer of each engine, and below it the engine's own words");
    print_heads(left("case", title_width) + left("OpenSSL", answer_width) + "Mbed TLS");
    std::vector<s_server> servers; // all at once, so that none is waited for long
    for (const row& r : table)
        if (r.what == scene::bad_server)
            servers.emplace_back(where, r.certificate);
    auto next = servers.begin();
    for (const row& r : table) {
        const std::uint16_t port =
            r.what == scene::bad_server ? (next++)->port() : std::uint16_t{0};
        const answer one = play<tlsxx::openssl::backend>(where, peer, r, port);
        const answer other = play<tlsxx::mbedtls::backend>(where, peer, r, port);
        print_row(r, one, other);
    }
}

} // namespace demo
