// SPDX-License-Identifier: BSL-1.0
// Each engine, as client and as server, with programs that nobody here wrote (peers.cpp), under TLS
// 1.2 and 1.3, in fair weather and foul. A table of it is printed at the end.

#include <algorithm>
#include <functional>
#include <future>
#include <iomanip>
#include <iostream>
#include <map>

#include <catch2/catch_test_case_info.hpp>
#include <catch2/reporters/catch_reporter_event_listener.hpp>
#include <catch2/reporters/catch_reporter_registrars.hpp>

#include <interop/cutting_proxy.hpp>
#include <interop/peers.hpp>
#include <support/pump.hpp>

using namespace test;
using tlsxx::tls_version;
using tlsxx::verify_code;

namespace {

struct cell {
    const program* theirs;
    bool as_client; // we
    engine ours;
    tls_version version;

    setting their(std::string identity = "good", bool asks_certificate = false) const {
        return {version, std::move(identity), asks_certificate};
    }
};

// Lines of a KiB, for programs that read by lines.
std::string make_text(std::size_t size) {
    std::string text(size, '\n');
    std::uint32_t random = 1;
    for (std::size_t i = 0; i != size; ++i)
        if (i % 1024 != 1023)
            text[i] =
                static_cast<char>('a' + ((random = random * 1664525 + 1013904223) >> 24) % 26);
    return text;
}
const std::string hello = "hello interop\n";
const std::string& long_text() { // no cut comes later
    static const std::string text = make_text(64 * 1024);
    return text;
}
const std::string& mebibyte() {
    static const std::string text = make_text(1024 * 1024);
    return text;
}
// Of what a program has printed, what a message can bear.
std::string excerpt(const std::string& text) {
    constexpr std::size_t part = 2000;
    return text.size() < 2 * part
               ? text
               : text.substr(0, part) + "\n[...]\n" + text.substr(text.size() - part);
}

std::size_t connections = 0; // for the table

// ---- our client

struct client {
    stream_ptr stream;
    std::error_code ec;
};
client dial(const cell& c, std::uint16_t port, const std::string& identity = {}) {
    ++connections;
    client out;
    const auto context = make_client(c.ours, c.version);
    if (!identity.empty())
        context->load_cert_chain(
            {.certfile = pki(identity + "-chain.pem"), .keyfile = pki(identity + ".key")}, out.ec);
    REQUIRE_FALSE(out.ec);
    auto socket = tlsxx::connect("127.0.0.1", port, {.timeout = program_deadline}, out.ec);
    REQUIRE_FALSE(out.ec);
    out.stream = context->wrap(std::move(socket), {.server_hostname = "localhost"}, out.ec);
    return out;
}

std::string request(any_stream& stream, const std::string& text, std::error_code& ec) {
    stream.write_all(text, ec);
    for (std::string got; !ec;) {
        if (auto body = http_body(got))
            return *std::move(body);
        const std::string part = read_once(stream, ec);
        if (part.empty() && !ec)
            ec = make_error_code(errc::end_of_stream);
        got += part;
    }
    return {};
}
// Says a text to a server, and gives what comes back in the words in which it was said. Part by
// part, since not every program reads while it writes. Not whole on an error.
std::string converse(any_stream& stream, const program& p, std::string_view text,
                     std::error_code& ec) {
    std::string got;
    while (!ec && got.size() != text.size()) {
        const std::string part{text.substr(got.size(), p.at_once)};
        if (p.speaks == manner::http) {
            request(stream, make_http("PUT /text HTTP/1.1", part), ec);
            got += ec ? std::string{} : request(stream, make_http("GET /text HTTP/1.1", {}), ec);
            if (!ec && got.size() != part.size())
                ec = make_error_code(errc::protocol_error);
            continue;
        }
        stream.write_all(part, ec);
        std::string answer(part.size(), '\0');
        if (!ec)
            answer.resize(stream.read_exactly(std::as_writable_bytes(std::span{answer}), ec));
        if (p.speaks == manner::reverse)
            for (auto at = answer.begin(); at != answer.end();) {
                const auto end = std::find(at, answer.end(), '\n');
                std::reverse(at, end);
                at = end == answer.end() ? end : end + 1;
            }
        got += answer;
    }
    return got;
}

void check_conversation(const cell& c, const std::string& text, bool with_certificate) {
    const program& p = *c.theirs;
    running_server server{p, c.their("good", with_certificate)};
    auto [stream, ec] = dial(c, server.port(), with_certificate ? "client" : "");
    INFO(excerpt(server.printed()) << "\n" << stream->last_error().what());
    REQUIRE_FALSE(ec);
    CHECK(stream->version() == to_string(c.version));
    CHECK(stream->cipher().secret_bits >= 128);
    CHECK(stream->peer_chain().size() == 2);
    CHECK(stream->verification());
    const bool same = converse(*stream, p, text, ec) == text;
    INFO(excerpt(server.printed()) << "\n" << stream->last_error().what());
    CHECK_FALSE(ec);
    CHECK(same);
    stream->shutdown(program_deadline, ec);
    CHECK((!ec || (!p.says_goodbye && ec == errc::stream_truncated)));
}

struct refusal {
    const char* identity;
    verify_code code;
};

void client_and_bad_certificates(const cell& c) {
    const program& p = *c.theirs;
    for (const auto& [identity, code] :
         {refusal{"expired", verify_code::cert_has_expired},
          refusal{"other-host", verify_code::hostname_mismatch},
          refusal{"untrusted", verify_code::self_signed_cert_in_chain}}) {
        running_server server{p, c.their(identity)};
        const auto [stream, ec] = dial(c, server.port());
        INFO("their " << identity << "\n" << excerpt(server.printed()));
        CHECK(ec == errc::verification_failed);
        CHECK(stream->verification().code() == code);
    }
    running_server server{p, c.their("good", true)};
    for (const char* identity : {"client-expired", "client-untrusted", ""}) {
        auto [stream, ec] = dial(c, server.port(), identity);
        std::string page;
        if (!ec && p.refuses_in_http) {
            stream->write_all(make_http("GET / HTTP/1.1", {}), ec);
            page = ec ? std::string{} : read_once(*stream, ec);
        } else if (!ec) {
            page = read_once(*stream, ec); // under TLS 1.3 it is known only now
        }
        INFO("our " << identity << "\n" << excerpt(server.printed()) << "\n" << page);
        const tlsxx::error_info error = stream->last_error();
        INFO(error.what());
        if (p.refuses_in_http) {
            CHECK(page.starts_with("HTTP/1.1 400"));
            continue;
        }
        CHECK(ec == errc::alert_received);
        if (functions_of(c.ours).tells_alerts)
            CHECK(error.alert_received());
    }
}

// ---- our server

// What our server does with its one connection, in a thread of its own, and what came of it.
struct service {
    manner is_spoken;
    std::string expected, answer;
    std::function<void()> before_answer{}; // instead of the answer
};
struct served {
    std::error_code ec;
    std::string what;
    stream_ptr stream; // none if it failed inside accept
    std::string got;
};

void serve(any_stream& stream, const service& what, std::string& got, std::error_code& ec) {
    const auto is_whole = [&] {
        if (what.is_spoken != manner::http)
            return got.size() >= what.expected.size();
        auto body = http_body(got);
        if (body)
            got = *std::move(body);
        return body.has_value();
    };
    while (!is_whole()) {
        const std::string part = read_once(stream, ec);
        if (part.empty()) {
            if (!ec)
                ec = make_error_code(errc::end_of_stream);
            return;
        }
        got += part;
    }
    if (what.before_answer) {
        what.before_answer();
    } else {
        stream.write_all(what.is_spoken == manner::http
                             ? make_http("HTTP/1.1 200 OK\r\nConnection: close", what.answer)
                             : what.answer,
                         ec);
    }
}

class our_server {
public:
    explicit our_server(const cell& c, const std::string& identity = "good", bool asks = false)
        : context_{make_server(c.ours, c.version, identity)} {
        ++connections;
        std::error_code ec;
        if (asks) {
            context_->load_verify_locations({.cafile = pki("root.pem")}, ec);
            context_->set_verify_mode(tlsxx::verify_mode::required, ec);
        }
        REQUIRE_FALSE(ec);
        listener_ = tlsxx::listen({.address = "127.0.0.1"});
        listener_.set_timeout(program_deadline);
        port_ = listener_.port();
    }
    std::uint16_t port() const { return port_; }

    // A server as programs have it, which drops a connection whose handshake fails.
    std::future<served> serve_and_close(service what) {
        return std::async(std::launch::async, [this, what = std::move(what)] {
            served out;
            auto server = context_->wrap(std::move(listener_), {}, out.ec);
            if (out.ec)
                return out;
            server->set_handshake_timeout(program_deadline);
            out.stream = server->accept(
                [&](const tlsxx::error_info& failure) {
                    out.what = failure.what();
                    server->listener().close(); // nobody else will come
                },
                out.ec);
            if (out.ec)
                return out;
            out.stream->socket().set_timeout(program_deadline, out.ec);
            serve(*out.stream, what, out.got, out.ec);
            if (!out.ec)
                out.stream->shutdown(program_deadline, out.ec);
            out.what = out.stream->last_error().what();
            out.stream->socket().close(); // the program may wait for it
            return out;
        });
    }
    // One connection, whatever becomes of it, to its end.
    std::future<served> serve_to_the_end(service what) {
        return std::async(std::launch::async, [this, what = std::move(what)] {
            served out;
            auto socket = listener_.accept(out.ec);
            if (!out.ec)
                socket.set_timeout(program_deadline, out.ec);
            if (out.ec)
                return out;
            out.stream = context_->wrap(std::move(socket), {}, out.ec);
            if (!out.ec)
                serve(*out.stream, what, out.got, out.ec);
            if (!out.ec)
                read_once(*out.stream, out.ec);
            out.what = out.stream->last_error().what();
            out.stream->socket().close(); // the program may wait for it
            return out;
        });
    }

private:
    context_ptr context_;
    tlsxx::socket_listener listener_;
    std::uint16_t port_ = 0;
};

void check_service(const cell& c, const std::string& text, bool with_certificate) {
    const program& p = *c.theirs;
    our_server server{c, "good", with_certificate};
    std::string answer = text; // another one, so that an echo is no answer
    std::transform(answer.begin(), answer.end(), answer.begin(),
                   [](unsigned char l) { return static_cast<char>(std::toupper(l)); });
    auto serving = server.serve_and_close({p.speaks, text, answer});
    running_client theirs{p, c.their(with_certificate ? "client" : ""), server.port(), text};
    const served ours = serving.get();
    INFO(ours.what << "\n" << excerpt(theirs.printed()));
    CHECK((!ours.ec || (!p.says_goodbye && ours.ec == errc::stream_truncated)));
    REQUIRE(ours.stream);
    CHECK(ours.stream->version() == to_string(c.version));
    CHECK(ours.stream->server_name() == "localhost");
    CHECK(ours.stream->peer_chain().size() == (with_certificate ? 2U : 0U));
    const bool heard = ours.got == text;
    CHECK(heard);
    const bool answered = theirs.answer().find(answer) != std::string::npos;
    CHECK(answered);
    CHECK(theirs.status() == 0);
}

void server_and_bad_certificates(const cell& c) {
    const program& p = *c.theirs;
    const service what{p.speaks, hello, "the secret"};
    for (const auto& [identity, code] :
         {refusal{"client-expired", verify_code::cert_has_expired},
          refusal{"client-wrong-purpose", verify_code::invalid_purpose},
          refusal{"client-untrusted", verify_code::self_signed_cert_in_chain},
          refusal{"", verify_code::ok}}) {
        our_server server{c, "good", true};
        auto serving = server.serve_to_the_end(what);
        running_client theirs{p, c.their(identity), server.port(), hello};
        const served ours = serving.get();
        INFO("their " << identity << "\n" << ours.what << "\n" << excerpt(theirs.printed()));
        CHECK(ours.ec == (*identity ? errc::verification_failed : errc::certificate_required));
        CHECK(ours.stream->verification().code() == code);
        CHECK(ours.got.empty());
        CHECK(theirs.answer().find(what.answer) == std::string::npos);
    }
    for (const char* identity : {"expired", "other-host", "untrusted"}) {
        our_server server{c, identity};
        auto serving = server.serve_to_the_end(what);
        running_client theirs{p, c.their(""), server.port(), hello};
        const served ours = serving.get();
        const tlsxx::error_info error = ours.stream->last_error();
        const bool refuses = theirs.prints(p.refusal);
        INFO("our " << identity << "\n" << ours.what << "\n" << excerpt(theirs.printed()));
        CHECK(refuses);
        CHECK(theirs.answer().find(what.answer) == std::string::npos);
        CHECK(ours.got.empty());
        if (p.checks_late == late_check::all ||
            (p.checks_late == late_check::names && identity == std::string_view{"other-host"}))
            continue; // it only goes
        CHECK(ours.ec == errc::alert_received);
        if (functions_of(c.ours).tells_alerts)
            CHECK(error.alert_received());
    }
}

// ---- cut off

constexpr std::size_t in_handshake = 100, in_record = 20'000, between_records = cut::when_told;

// What ours says when one of the two was cut off, now and from then on.
void check_cut(const cut& what, bool ours_is_cut, any_stream& stream, const std::error_code& ec) {
    CHECK(stream.is_handshake_done() == (what.after != in_handshake));
    if (ours_is_cut && what.how == cut_way::reset)
        CHECK(ec == std::errc::connection_reset);
    else if (ours_is_cut || what.how == cut_way::reset)
        CHECK(ec == errc::stream_truncated);
    else // as the program takes it: it says goodbye, or sends an alert, or just goes
        CHECK((ec == errc::end_of_stream || ec == errc::stream_truncated ||
               ec == errc::alert_received || ec == std::errc::connection_reset ||
               // OpenSSL sends this alert in a way that OpenSSL does not take
               (what.after == in_handshake && ec == errc::protocol_error)));
    std::error_code again;
    CHECK(read_once(stream, again).empty());
    CHECK(again == (ec == errc::end_of_stream ? std::error_code{} : ec));
}

template <class Run>
void for_each_cut(const cell& c, Run run) {
    for (const std::size_t after : {in_handshake, in_record, between_records})
        for (const bool ours_is_cut : {true, false})
            for (const cut_way how : {cut_way::end, cut_way::reset}) {
                INFO((ours_is_cut ? "ours" : "theirs")
                     << (how == cut_way::end ? " is ended " : " is reset ")
                     << (after == in_handshake ? "in the handshake"
                         : after == in_record  ? "inside a record"
                                               : "between two records"));
                run(cut{ours_is_cut == c.as_client, how, after}, ours_is_cut);
            }
}

void client_is_cut_off(const cell& c) {
    const program& p = *c.theirs;
    running_server server{p, c.their()};
    for_each_cut(c, [&](const cut& what, bool ours_is_cut) {
        cutting_proxy proxy{server.port(), what};
        auto [stream, ec] = dial(c, proxy.port());
        if (!ec)
            converse(*stream, p, what.after == between_records ? hello : long_text(), ec);
        if (what.after == between_records) {
            CHECK_FALSE(ec);
            proxy.cut_now();
        }
        if (!ec && read_once(*stream, ec).empty() && !ec)
            ec = make_error_code(errc::end_of_stream);
        INFO(excerpt(server.printed()) << "\n" << stream->last_error().what());
        check_cut(what, ours_is_cut, *stream, ec);
    });
}

void server_is_cut_off(const cell& c) {
    const program& p = *c.theirs;
    for_each_cut(c, [&](const cut& what, bool ours_is_cut) {
        our_server server{c};
        cutting_proxy proxy{server.port(), what};
        service service{p.speaks, long_text(), long_text()};
        if (what.after == between_records)
            service.before_answer = [&] { proxy.cut_now(); };
        auto serving = server.serve_to_the_end(service);
        running_client theirs{p, c.their(""), proxy.port(), long_text()};
        served ours = serving.get();
        if (!ours.ec)
            ours.ec = make_error_code(errc::end_of_stream);
        INFO(ours.what << "\n" << excerpt(theirs.printed()));
        check_cut(what, ours_is_cut, *ours.stream, ours.ec);
    });
}

// ---- the cases

struct scenario {
    const char* name;
    void (*run)(const cell&);
};
const scenario scenarios[] = {
    {"plain",
     [](const cell& c) { (c.as_client ? check_conversation : check_service)(c, hello, false); }},
    {"client certificate",
     [](const cell& c) { (c.as_client ? check_conversation : check_service)(c, hello, true); }},
    {"bad certificate",
     [](const cell& c) {
         (c.as_client ? client_and_bad_certificates : server_and_bad_certificates)(c);
     }},
    {"truncation", [](const cell& c) { (c.as_client ? client_is_cut_off : server_is_cut_off)(c); }},
    {"1 MiB both ways",
     [](const cell& c) {
         (c.as_client ? check_conversation : check_service)(c, mebibyte(), false);
     }},
};

// A line of the table: for each scenario a mark for each engine and version.
struct row {
    std::string program, role;
    std::string lacks; // why there is nothing in it
    std::vector<std::string> marks;
};
struct table {
    std::vector<row> rows;
    std::map<std::string, char*> mark_of; // a case, by its name
};
table& the_table() {
    static table all;
    return all;
}

void add_row(const program& theirs, bool as_client) {
    table& all = the_table();
    row& r = all.rows.emplace_back(row{theirs.name, as_client ? "client" : "server", {}, {}});
    r.marks.assign(std::size(scenarios), "....");
    for (std::size_t column = 0; column != std::size(scenarios); ++column) {
        char* mark = r.marks[column].data();
        for (const engine ours : all_engines)
            for (const tls_version version : both_versions) {
                const std::string name = "interop: " + theirs.name + " and our " + r.role + ", " +
                                         scenarios[column].name + ": " +
                                         std::string{name_of(ours)} + ", " +
                                         std::string{to_string(version)};
                all.mark_of[name] = mark++;
                register_case([run = scenarios[column].run](const cell& c) { run(c); },
                              cell{&theirs, as_client, ours, version}, name, "[interop]",
                              CATCH_INTERNAL_LINEINFO);
            }
    }
}

const bool registered = [] {
    auto& rows = the_table().rows;
    rows.reserve(2 * peers().size()); // their marks stay where they are
    for (const peer& p : peers()) {
        if (p.server)
            add_row(*p.server, true);
        else
            rows.push_back({p.client->name, "client", p.lacks, {}});
        if (p.client)
            add_row(*p.client, false);
        else
            rows.push_back({p.server->name, "server", p.lacks, {}});
    }
    return true;
}();

// After a run that had to do with it. tools/summary.py shows the lines that begin so.
class matrix_table : public Catch::EventListenerBase {
public:
    using EventListenerBase::EventListenerBase;

    void testCaseEnded(const Catch::TestCaseStats& stats) override {
        const auto found = the_table().mark_of.find(stats.testInfo->name);
        if (found == the_table().mark_of.end())
            return;
        ++cells_;
        const Catch::Counts& counts = stats.totals.testCases;
        *found->second = counts.failed != 0 ? 'F' : counts.skipped != 0 ? 's' : '+';
    }
    void testRunEnded(const Catch::TestRunStats&) override {
        if (cells_ == 0)
            return;
        constexpr const char* begin = "\nmatrix: ";
        std::cout << begin + 1 << std::left << std::setw(18) << "program" << std::setw(10)
                  << "our role";
        for (const scenario& s : scenarios)
            std::cout << std::setw(20) << s.name;
        for (const row& r : the_table().rows) {
            std::cout << begin << std::setw(18) << r.program << std::setw(10) << r.role;
            for (const std::string& m : r.marks)
                std::cout << std::setw(20) << m.substr(0, 2) + " / " + m.substr(2);
            if (r.marks.empty())
                std::cout << "-";
        }
        std::cout << begin << "OpenSSL with TLS 1.2 and 1.3 / Mbed TLS with both: + passed, "
                  << "F failed, s skipped, . not run" << begin << cells_ << " cells, "
                  << connections << " connections";
        for (const row& r : the_table().rows)
            if (r.marks.empty())
                std::cout << "; empty: " << r.lacks;
        std::cout << std::endl;
    }

private:
    std::size_t cells_ = 0;
};

CATCH_REGISTER_LISTENER(matrix_table)

} // namespace

// ---- certificates that our own servers would not load

static void refuse_weak(engine on, const char* identity, verify_code expected) {
    for (const tls_version version : both_versions) {
        CAPTURE(identity, to_string(version));
        const cell c{&*peers().front().server, true, on, version};
        running_server server{*c.theirs, c.their(identity)};
        const auto [stream, ec] = dial(c, server.port());
        INFO(server.printed());
        CHECK(ec == errc::verification_failed);
        CHECK(stream->verification().code() == expected);
        REQUIRE_FALSE(stream->verification().reasons().empty());
        CHECK(stream->verification().reasons()[0].depth == 0);
    }
}

ENGINE_CASE("interop: a server with a key of 1024 bits is refused for it", "[engines:weak-key]") {
    refuse_weak(on, "weak-rsa", verify_code::ee_key_too_small);
}
ENGINE_CASE("interop: a certificate that is signed with SHA-1 is refused for it",
            "[engines:weak-digest]") {
    refuse_weak(on, "sha1", verify_code::ca_md_too_weak);
}
