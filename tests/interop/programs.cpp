// SPDX-License-Identifier: BSL-1.0
// Each engine with programs that nobody here wrote, in every role that they have, TLS 1.2 and 1.3,
// with and without a client certificate. What is not installed is skipped, and said.

#include <algorithm>
#include <cctype>
#include <fstream>
#include <functional>
#include <future>

#include <interop/process.hpp>
#include <support/pump.hpp>
#include <support/socket_tools.hpp>

using namespace test;
using tlsxx::tls_version;

namespace {

constexpr std::chrono::milliseconds patience{20'000};

struct setting {
    engine ours;
    tls_version version;
    bool client_certificate;

    bool is_1_3() const { return version == tls_version::tls_1_3; }
    // The two versions in a program's own words.
    std::string say(const char* tls_1_2, const char* tls_1_3) const {
        return is_1_3() ? tls_1_3 : tls_1_2;
    }
};

void append(std::vector<std::string>& arguments, std::initializer_list<std::string> more) {
    arguments.insert(arguments.end(), more);
}

std::string installed(std::string_view name) {
    const std::string file = find_program(name);
    if (file.empty())
        SKIP(name << " is not installed");
    return file;
}
std::string python() {
    const std::string file = installed("python3");
    process probe{{file, "-c", "import ssl"}};
    if (probe.exit_status() != 0)
        SKIP("python3 has no ssl module");
    return file;
}

// ---- their servers, our client
// -------------------------------------------------------------------

// What our client does with a server: the default sends a line and expects an answer.
struct server_program {
    std::string name;
    // The command that serves on a port. Files go into the folder.
    std::function<std::vector<std::string>(const setting&, std::uint16_t, temporary_folder&)>
        command;
    std::string say = "hello interop\n";
    std::string expect;
};

std::vector<std::string> s_server(const setting& s, std::uint16_t port, temporary_folder&) {
    std::vector<std::string> command{installed("openssl"),
                                     "s_server",
                                     "-accept",
                                     "127.0.0.1:" + std::to_string(port),
                                     "-cert",
                                     pki("good.pem"),
                                     "-cert_chain",
                                     pki("intermediate.pem"),
                                     "-key",
                                     pki("good.key"),
                                     "-rev",
                                     s.say("-tls1_2", "-tls1_3")};
    if (s.client_certificate)
        append(command, {"-Verify", "2", "-verify_return_error", "-CAfile", pki("root.pem")});
    return command;
}
std::vector<std::string> gnutls_serv(const setting& s, std::uint16_t port, temporary_folder&) {
    std::vector<std::string> command{installed("gnutls-serv"),
                                     "--echo",
                                     "--port",
                                     std::to_string(port),
                                     "--x509certfile",
                                     pki("good-chain.pem"),
                                     "--x509keyfile",
                                     pki("good.key"),
                                     "--priority",
                                     std::string{"NORMAL:-VERS-ALL:+VERS-TLS"} +
                                         s.say("1.2", "1.3")};
    if (s.client_certificate)
        append(command,
               {"--require-client-cert", "--verify-client-cert", "--x509cafile", pki("root.pem")});
    return command;
}
std::vector<std::string> nginx(const setting& s, std::uint16_t port, temporary_folder& folder) {
    std::ofstream{folder.file("nginx.conf")}
        << "daemon off; master_process off; pid " << folder.file("pid") << ";\n"
        << "error_log " << folder.file("errors") << ";\nevents {}\nhttp { access_log off;\n"
        << "client_body_temp_path " << folder.file("1") << "; proxy_temp_path " << folder.file("2")
        << "; fastcgi_temp_path " << folder.file("3") << "; uwsgi_temp_path " << folder.file("4")
        << "; scgi_temp_path " << folder.file("5") << ";\n"
        << "server { listen 127.0.0.1:" << port << " ssl; ssl_certificate \""
        << pki("good-chain.pem") << "\"; ssl_certificate_key \"" << pki("good.key")
        << "\"; ssl_protocols " << s.say("TLSv1.2", "TLSv1.3") << ";\n"
        << (s.client_certificate ? "ssl_verify_client on; ssl_verify_depth 2; "
                                   "ssl_client_certificate \"" +
                                       pki("root.pem") + "\";\n"
                                 : std::string{})
        << "location / { return 200 \"hello from $ssl_protocol\"; } } }\n";
    return {installed("nginx"), "-p", folder.file(""), "-c", folder.file("nginx.conf")};
}
std::vector<std::string> python_server(const setting& s, std::uint16_t port, temporary_folder&) {
    return {python(),
            "-c",
            "import socket, ssl, sys\n"
            "port, version, chain, key, anchors = sys.argv[1:]\n"
            "context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)\n"
            "context.load_cert_chain(chain, key)\n"
            "context.minimum_version = context.maximum_version = ssl.TLSVersion[version]\n"
            "if anchors:\n"
            "    context.load_verify_locations(anchors)\n"
            "    context.verify_mode = ssl.CERT_REQUIRED\n"
            "listener = socket.create_server(('127.0.0.1', int(port)))\n"
            "while True:\n"
            "    connection, _ = listener.accept()\n"
            "    try:\n"
            "        with context.wrap_socket(connection, server_side=True) as stream:\n"
            "            stream.sendall(stream.recv(1000).upper())\n"
            "            stream.unwrap()\n"
            "    except OSError as error:\n"
            "        print(error, flush=True)\n",
            std::to_string(port),
            s.say("TLSv1_2", "TLSv1_3"),
            pki("good-chain.pem"),
            pki("good.key"),
            s.client_certificate ? pki("root.pem") : ""};
}

const std::vector<server_program> server_programs{
    {"openssl s_server", s_server, "hello interop\n", "poretni olleh\n"},
    {"gnutls-serv", gnutls_serv, "hello interop\n", "hello interop\n"},
    {"nginx", nginx, "GET / HTTP/1.0\r\nHost: localhost\r\n\r\n", "hello from TLSv1."},
    {"Python's ssl", python_server, "hello interop\n", "HELLO INTEROP\n"},
};

void run_client(const server_program& program, const setting& s) {
    temporary_folder folder;
    const std::uint16_t port = free_port();
    process server{program.command(s, port, folder)};
    const bool ready = listens(server, port);
    INFO(server.printed());
    REQUIRE(ready);
    const auto context = make_client(s.ours, s.version);
    std::error_code ec;
    if (s.client_certificate)
        context->load_cert_chain(
            {.certfile = pki("client-chain.pem"), .keyfile = pki("client.key")}, ec);
    REQUIRE_FALSE(ec);
    auto stream = context->wrap(tlsxx::connect("127.0.0.1", port, {.timeout = patience}, ec),
                                {.server_hostname = "localhost"}, ec);
    INFO(stream->last_error().what());
    REQUIRE_FALSE(ec);
    CHECK(stream->version() == to_string(s.version));
    CHECK(stream->cipher().secret_bits >= 128);
    CHECK(stream->peer_chain().size() == 2);
    CHECK(stream->verification());
    stream->write_all(program.say, ec);
    CHECK_FALSE(ec);
    std::string answer;
    while (!ec && answer.find(program.expect) == std::string::npos) {
        const std::string part = read_once(*stream, ec);
        if (part.empty())
            break;
        answer += part;
    }
    INFO(ec.message() << " " << stream->last_error().what());
    CHECK(answer.find(program.expect) != std::string::npos);
    // The end: ours in any case. Not every program answers it with one of its own.
    stream->shutdown(std::chrono::milliseconds{5000}, ec);
    CHECK((!ec || ec == errc::stream_truncated));
}

// ---- their clients, our server
// -------------------------------------------------------------------

struct client_program {
    std::string name;
    std::function<std::vector<std::string>(const setting&, std::uint16_t)> command;
    std::string input; // given to it on its standard input
    std::string prints;
};

std::vector<std::string> s_client(const setting& s, std::uint16_t port) {
    std::vector<std::string> command{installed("openssl"),
                                     "s_client",
                                     "-connect",
                                     "127.0.0.1:" + std::to_string(port),
                                     "-servername",
                                     "localhost",
                                     "-verify_hostname",
                                     "localhost",
                                     "-verify_return_error",
                                     "-CAfile",
                                     pki("root.pem"),
                                     "-quiet",
                                     s.say("-tls1_2", "-tls1_3")};
    if (s.client_certificate)
        append(command, {"-cert", pki("client.pem"), "-key", pki("client.key"), "-cert_chain",
                         pki("intermediate.pem")});
    return command;
}
std::vector<std::string> gnutls_cli(const setting& s, std::uint16_t port) {
    std::vector<std::string> command{installed("gnutls-cli"),
                                     "--x509cafile",
                                     pki("root.pem"),
                                     "--port",
                                     std::to_string(port),
                                     "--verify-hostname",
                                     "localhost",
                                     "--sni-hostname",
                                     "localhost",
                                     "--priority",
                                     std::string{"NORMAL:-VERS-ALL:+VERS-TLS"} +
                                         s.say("1.2", "1.3")};
    if (s.client_certificate)
        append(command,
               {"--x509certfile", pki("client-chain.pem"), "--x509keyfile", pki("client.key")});
    command.push_back("127.0.0.1");
    return command;
}
std::vector<std::string> curl(const setting& s, std::uint16_t port) {
    std::vector<std::string> command{installed("curl"),
                                     "-sS",
                                     "--noproxy",
                                     "*",
                                     "--cacert",
                                     pki("root.pem"),
                                     s.say("--tlsv1.2", "--tlsv1.3"),
                                     "--tls-max",
                                     s.say("1.2", "1.3"),
                                     "--max-time",
                                     "20",
                                     "https://localhost:" + std::to_string(port) + "/interop"};
    if (s.client_certificate)
        append(command, {"--cert", pki("client-chain.pem"), "--key", pki("client.key")});
    return command;
}
std::vector<std::string> python_client(const setting& s, std::uint16_t port) {
    return {python(),
            "-c",
            "import socket, ssl, sys\n"
            "port, version, anchors, chain, key = sys.argv[1:]\n"
            "context = ssl.create_default_context(cafile=anchors)\n"
            "context.minimum_version = context.maximum_version = ssl.TLSVersion[version]\n"
            "if chain:\n"
            "    context.load_cert_chain(chain, key)\n"
            "with socket.create_connection(('127.0.0.1', int(port)), 20) as connection:\n"
            "    with context.wrap_socket(connection, server_hostname='localhost') as stream:\n"
            "        stream.sendall(b'hello interop\\n')\n"
            "        print(stream.recv(1000).decode(), flush=True)\n"
            "        stream.unwrap()\n"
            "        print('closed both ways')\n",
            std::to_string(port),
            s.say("TLSv1_2", "TLSv1_3"),
            pki("root.pem"),
            s.client_certificate ? pki("client-chain.pem") : "",
            pki("client.key")};
}

const std::vector<client_program> client_programs{
    {"openssl s_client", s_client, "hello interop\n", "HELLO INTEROP\n"},
    {"gnutls-cli", gnutls_cli, "hello interop\n", "HELLO INTEROP\n"},
    {"curl", curl, "", "GET /INTEROP HTTP/1.1"},
    {"Python's ssl", python_client, "", "HELLO INTEROP\n"},
};

// Answers one request in capitals, as HTTP if it was that, and closes.
struct served {
    std::error_code ec;
    std::string what, version, name;
    std::size_t certificates = 0;
};
served serve_one(any_listener& server) {
    served out;
    auto stream =
        server.accept([&](const tlsxx::error_info& failure) { out.what = failure.what(); }, out.ec);
    if (out.ec)
        return out;
    out.version = stream->version();
    out.name = stream->server_name();
    out.certificates = stream->peer_chain().size();
    stream->socket().set_timeout(patience, out.ec);
    std::string request;
    while (!out.ec && request.find('\n') == std::string::npos) {
        const std::string part = read_once(*stream, out.ec);
        if (part.empty())
            break;
        request += part;
    }
    std::transform(request.begin(), request.end(), request.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    if (request.find("HTTP/1.1") != std::string::npos)
        request = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " +
                  std::to_string(request.size()) + "\r\n\r\n" + request;
    if (!out.ec)
        stream->write_all(request, out.ec);
    if (!out.ec)
        stream->shutdown(std::chrono::milliseconds{5000}, out.ec);
    if (out.ec == errc::stream_truncated) // not every client says goodbye
        out.ec.clear();
    out.what = stream->last_error().what();
    return out;
}

void run_server(const client_program& program, const setting& s) {
    const auto context = make_server(s.ours, s.version);
    std::error_code ec;
    if (s.client_certificate) {
        context->load_verify_locations({.cafile = pki("root.pem")}, ec);
        context->set_verify_mode(tlsxx::verify_mode::required, ec);
    }
    REQUIRE_FALSE(ec);
    auto listener = tlsxx::listen({.address = "127.0.0.1"}, ec);
    REQUIRE_FALSE(ec);
    listener.set_timeout(patience, ec);
    const auto command = program.command(s, listener.port());
    auto server = context->wrap(std::move(listener), {}, ec);
    REQUIRE_FALSE(ec);
    auto serving = std::async(std::launch::async, [&] { return serve_one(*server); });
    process client{command};
    client.write(program.input);
    const bool answered = client.prints(program.prints);
    client.close_input();
    const int status = client.exit_status();
    const served result = serving.get();
    INFO(result.what << "\n" << client.printed());
    CHECK(answered);
    CHECK_FALSE(result.ec);
    CHECK(result.version == to_string(s.version));
    CHECK(result.name == "localhost");
    CHECK(result.certificates == (s.client_certificate ? 2U : 0U));
    CHECK(status == 0);
}

// ---- the cases
// -----------------------------------------------------------------------------------

template <class Program>
struct program_case {
    const Program* program;
    setting how;
};

template <class Program>
void register_programs(const std::vector<Program>& programs, const char* before, const char* after,
                       void (*run)(const Program&, const setting&)) {
    for (const Program& program : programs)
        for (const engine ours : all_engines)
            for (const tls_version version : both_versions)
                for (const bool certificate : {false, true}) {
                    const setting how{ours, version, certificate};
                    register_case([run](const program_case<Program>& c) { run(*c.program, c.how); },
                                  program_case<Program>{&program, how},
                                  "interop: " + std::string{before} + program.name + after +
                                      std::string{to_string(version)} +
                                      (certificate ? ", client certificate: " : ": ") +
                                      std::string{name_of(ours)},
                                  "[interop]", CATCH_INTERNAL_LINEINFO);
                }
}

const bool registered = [] {
    register_programs(server_programs, "our client and ", ", ", run_client);
    register_programs(client_programs, "", " and our server, ", run_server);
    return true;
}();

} // namespace

// ---- certificates that our own servers would not load
// --------------------------------------------

static void refuse_weak(engine on, const char* identity, tlsxx::verify_code expected) {
    for (const tls_version version : both_versions) {
        CAPTURE(identity, to_string(version));
        const std::uint16_t port = free_port();
        const std::string name = identity;
        process server{{installed("openssl"), "s_server", "-accept",
                        "127.0.0.1:" + std::to_string(port), "-cert", pki(name + ".pem"),
                        "-cert_chain", pki("intermediate.pem"), "-key", pki(name + ".key"),
                        "-cipher", "DEFAULT:@SECLEVEL=0", "-quiet",
                        version == tls_version::tls_1_3 ? "-tls1_3" : "-tls1_2"}};
        const bool ready = listens(server, port);
        INFO(server.printed());
        REQUIRE(ready);
        std::error_code ec;
        auto stream = make_client(on, version)
                          ->wrap(tlsxx::connect("127.0.0.1", port, {.timeout = patience}, ec),
                                 {.server_hostname = "localhost"}, ec);
        CHECK(ec == errc::verification_failed);
        CHECK(stream->verification().code() == expected);
        REQUIRE_FALSE(stream->verification().reasons().empty());
        CHECK(stream->verification().reasons()[0].depth == 0);
    }
}

ENGINE_CASE("interop: a server with a key of 1024 bits is refused for it", "[engines:weak-key]") {
    refuse_weak(on, "weak-rsa", tlsxx::verify_code::ee_key_too_small);
}
ENGINE_CASE("interop: a certificate that is signed with SHA-1 is refused for it",
            "[engines:weak-digest]") {
    refuse_weak(on, "sha1", tlsxx::verify_code::ca_md_too_weak);
}
