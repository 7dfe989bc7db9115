// SPDX-License-Identifier: BSL-1.0

#include <interop/peers.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <initializer_list>
#include <span>

#include <catch2/catch_test_macros.hpp>

#include <support/pki.hpp>

namespace test {

namespace {

// ---- what the commands have in common ------------------------------------------------------------

[[noreturn]] void lacking(const std::string& what) {
    if (std::getenv("TLSXX_SKIP_MISSING_PROGRAMS"))
        SKIP(what);
    FAIL(what << "; tools/setup installs it");
    std::abort();
}
std::string installed(std::initializer_list<const char*> names) {
    for (const char* name : names)
        if (const std::string file = find_program(name); !file.empty())
            return file;
    lacking(std::string{*names.begin()} + " is not installed");
}
// Once, since what PATH has may be a script that looks for the real one.
const std::string& python() {
    static const std::string file = [] {
        process probe{
            {installed({"python3"}), "-c", "import ssl, sys; print(sys.executable, end='')"}};
        if (probe.exit_status() != 0)
            lacking("Python's ssl module is not installed");
        return probe.printed();
    }();
    return file;
}

std::string certificate(const setting& s) { return pki(s.identity + ".pem"); }
std::string chain(const setting& s) { return pki(s.identity + "-chain.pem"); }
std::string key(const setting& s) { return pki(s.identity + ".key"); }
std::string issuer(const setting& s) {
    return pki(s.identity.find("untrusted") == std::string::npos ? "intermediate.pem"
                                                                 : "other-root.pem");
}
std::string local(std::uint16_t port) { return "127.0.0.1:" + std::to_string(port); }

std::string write_file(const launch& l, const char* name, const std::string& text) {
    const std::string file = l.folder.file(name);
    std::ofstream{file, std::ios::binary} << text;
    return file;
}

// ---- openssl -------------------------------------------------------------------------------------

arguments s_server(const launch& l) {
    arguments all{installed({"openssl"}), "s_server", "-accept",
                  local(0), "-cert", certificate(l.how),
                  "-cert_chain", issuer(l.how), "-key",
                  key(l.how), "-rev", l.how.is_1_3() ? "-tls1_3" : "-tls1_2",
                  // other programs may show what our servers would not load
                  "-cipher", "DEFAULT:@SECLEVEL=0"};
    if (l.how.asks_certificate)
        all.insert(all.end(), {"-Verify", "2", "-verify_return_error", "-CAfile", pki("root.pem")});
    return all;
}
arguments s_client(const launch& l) {
    arguments all{installed({"openssl"}), "s_client", "-connect", local(l.port), "-servername",
                  "localhost", "-verify_hostname", "localhost", "-verify_return_error", "-CAfile",
                  pki("root.pem"), "-quiet", l.how.is_1_3() ? "-tls1_3" : "-tls1_2"};
    if (!l.how.identity.empty())
        all.insert(all.end(), {"-cert", certificate(l.how), "-key", key(l.how), "-cert_chain", issuer(l.how)});
    return all;
}

// ---- GnuTLS --------------------------------------------------------------------------------------

std::string priority(const setting& s) {
    return std::string{"NORMAL:-VERS-ALL:+VERS-TLS"} + (s.is_1_3() ? "1.3" : "1.2");
}
arguments gnutls_serv(const launch& l) {
    arguments all{installed({"gnutls-serv"}), "--echo", "--port", std::to_string(l.port),
                  "--x509certfile", chain(l.how), "--x509keyfile", key(l.how),
                  "--priority", priority(l.how)};
    if (l.how.asks_certificate)
        all.insert(all.end(), {"--require-client-cert", "--verify-client-cert", "--x509cafile", pki("root.pem")});
    return all;
}
arguments gnutls_cli(const launch& l) {
    arguments all{installed({"gnutls-cli"}), "--x509cafile", pki("root.pem"), "--port",
                  std::to_string(l.port), "--verify-hostname", "localhost", "--sni-hostname",
                  "localhost", "--priority", priority(l.how)};
    if (!l.how.identity.empty())
        all.insert(all.end(), {"--x509certfile", chain(l.how), "--x509keyfile", key(l.how)});
    all.push_back("127.0.0.1");
    return all;
}

// ---- curl ----------------------------------------------------------------------------------------

arguments curl(const launch& l) {
    const char* version = l.how.is_1_3() ? "1.3" : "1.2";
    arguments all{installed({"curl"}), "-q", "-sS", "--noproxy", "*",
                  "--resolve", "localhost:" + std::to_string(l.port) + ":127.0.0.1",
                  "--cacert", pki("root.pem"),
                  std::string{"--tlsv"} + version, "--tls-max", version,
                  "--max-time", "60", "-H", "Expect:",
                  "--upload-file", l.folder.file("text"),
                  "https://localhost:" + std::to_string(l.port) + "/text"};
    if (!l.how.identity.empty())
        all.insert(all.end(), {"--cert", chain(l.how), "--key", key(l.how)});
    return all;
}

// ---- nginx ---------------------------------------------------------------------------------------

arguments nginx(const launch& l, const std::string& server) {
    std::string text = "daemon off; master_process off; pid pid; error_log stderr notice;\n"
                       "events {}\nhttp { access_log off; client_max_body_size 4m;\n";
    for (const char* kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"})
        text.append(kind).append("_temp_path ").append(kind).append(";\n");
    text += "server { listen " + server + " } }\n";
    return {installed({"nginx"}), "-e", "stderr", "-p", l.folder.file(""), "-c",
            write_file(l, "nginx.conf", text)};
}
arguments nginx_server(const launch& l) {
    return nginx(l, local(l.port) + " ssl; ssl_certificate \"" + chain(l.how) +
                        "\"; ssl_certificate_key \"" + key(l.how) + "\"; ssl_protocols " +
                        (l.how.is_1_3() ? "TLSv1.3" : "TLSv1.2") + ";\n" +
                        (l.how.asks_certificate ? "ssl_verify_client on; ssl_verify_depth 2; "
                                                  "ssl_client_certificate \"" +
                                                      pki("root.pem") + "\";\n"
                                                : std::string{}) +
                        "root .; dav_methods PUT;");
}
arguments nginx_client(const launch& l) {
    return nginx(l, local(l.plain) + "; location / { proxy_pass https://" + local(l.port) +
                        "; proxy_ssl_name localhost; proxy_ssl_server_name on; "
                        "proxy_ssl_verify on; proxy_ssl_verify_depth 2; "
                        "proxy_ssl_trusted_certificate \"" +
                        pki("root.pem") + "\"; proxy_ssl_protocols " +
                        (l.how.is_1_3() ? "TLSv1.3" : "TLSv1.2") + ";\n" +
                        (l.how.identity.empty()
                             ? std::string{}
                             : "proxy_ssl_certificate \"" + chain(l.how) +
                                   "\"; proxy_ssl_certificate_key \"" + key(l.how) + "\";\n") +
                        "}");
}
std::string nginx_ready(const launch&) { return "event method"; }

// ---- Python --------------------------------------------------------------------------------------

arguments python(const launch& l, const char* script) {
    return {python(), "-c", script, std::to_string(l.port), l.how.is_1_3() ? "TLSv1_3" : "TLSv1_2",
            l.how.identity.empty() ? "" : chain(l.how), key(l.how),
            l.how.asks_certificate ? "asks" : "", pki("root.pem"), l.folder.file("text")};
}
arguments python_server(const launch& l) {
    return python(l, R"(
import socket, ssl, sys
port, version, chain, key, asks, anchors, text = sys.argv[1:]
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(chain, key)
context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
if asks:
    context.load_verify_locations(anchors)
    context.verify_mode = ssl.CERT_REQUIRED
listener = socket.create_server(('127.0.0.1', 0))
print('port', listener.getsockname()[1], flush=True)
while True:
    connection, _ = listener.accept()
    try:
        with context.wrap_socket(connection, server_side=True,
                                 suppress_ragged_eofs=False) as stream:
            while data := stream.recv(65536):
                stream.sendall(data)
            stream.unwrap()
    except OSError as error:
        print(error, flush=True)
)");
}
arguments python_client(const launch& l) {
    return python(l, R"(
import socket, ssl, sys
port, version, chain, key, asks, anchors, text = sys.argv[1:]
context = ssl.create_default_context(cafile=anchors)
context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
if chain:
    context.load_cert_chain(chain, key)
with socket.create_connection(('127.0.0.1', int(port)), 60) as connection:
    with context.wrap_socket(connection, server_hostname='localhost',
                             suppress_ragged_eofs=False) as stream:
        stream.sendall(open(text, 'rb').read())
        while data := stream.recv(65536):
            sys.stdout.buffer.write(data)
        stream.unwrap()
)");
}

// ---- stunnel -------------------------------------------------------------------------------------

arguments stunnel(const launch& l, const std::string& accept, const std::string& connect,
                  const std::string& more) {
    const std::string version = l.how.is_1_3() ? "TLSv1.3" : "TLSv1.2";
    std::string text = "foreground = yes\npid =\nsyslog = no\n[matrix]\naccept = " + accept +
                       "\nconnect = " + connect + "\nsslVersionMin = " + version +
                       "\nsslVersionMax = " + version + "\n" + more;
    if (!l.how.identity.empty())
        text += "cert = " + chain(l.how) + "\nkey = " + key(l.how) + "\n";
    return {installed({"stunnel4", "stunnel"}), write_file(l, "stunnel.conf", text)};
}
arguments stunnel_server(const launch& l) {
    return stunnel(l, local(l.port), local(l.plain),
                   l.how.asks_certificate
                       ? "verifyChain = yes\nCAfile = " + pki("root.pem") + "\n"
                       : std::string{});
}
arguments stunnel_client(const launch& l) {
    return stunnel(l, local(l.plain), local(l.port),
                   "client = yes\nverifyChain = yes\ncheckHost = localhost\nsni = localhost\n"
                   "CAfile = " +
                       pki("root.pem") + "\n");
}
std::string stunnel_ready(const launch&) { return "Configuration successful"; }

// What says that a port is somebody else's by now.
constexpr std::string_view port_is_taken = "Address already in use";

} // namespace

const std::vector<peer>& peers() {
    static const std::vector<peer> all{
    {"openssl",
     server_program{.name = "s_server",
                    .start = s_server,
                    .ready = [](const launch&) -> std::string { return "ACCEPT 127.0.0.1:"; },
                    .chooses_port = true,
                    .answers = manner::reverse,
                    .at_once = 16384},
     client_program{.name = "s_client",
                    .start = s_client,
                    .sends = manner::echo,
                    .refusal = "verify error:num="},
     ""},
    {"GnuTLS",
     server_program{.name = "gnutls-serv",
                    .start = gnutls_serv,
                    .ready =
                        [](const launch& l) {
                            return "IPv4 0.0.0.0 port " + std::to_string(l.port) + "...done";
                        },
                    .chooses_port = false,
                    .answers = manner::echo,
                    .at_once = 1024},
     client_program{.name = "gnutls-cli",
                    .start = gnutls_cli,
                    .sends = manner::echo,
                    .refusal = "The certificate is NOT trusted",
                    .says_goodbye = false},
     ""},
    {"curl", std::nullopt,
     client_program{.name = "curl",
                    .start = curl,
                    .sends = manner::http,
                    .from_file = true,
                    .refusal = "curl: (60)",
                    .checks_late = late_check::names},
     "curl is never a server"},
    {"nginx",
     server_program{.name = "nginx",
                    .start = nginx_server,
                    .ready = nginx_ready,
                    .chooses_port = false,
                    .answers = manner::http,
                    .at_once = 1 << 20,
                    .says_goodbye = false,
                    .refuses_in_http = true},
     client_program{.name = "nginx",
                    .start = nginx_client,
                    .sends = manner::http,
                    .refusal = "upstream SSL certificate",
                    .ready = nginx_ready,
                    .says_goodbye = false,
                    .checks_late = late_check::all},
     ""},
    {"Python's ssl",
     server_program{.name = "Python's ssl",
                    .start = python_server,
                    .ready = [](const launch&) -> std::string { return "port "; },
                    .chooses_port = true,
                    .answers = manner::echo,
                    .at_once = 65536},
     client_program{.name = "Python's ssl",
                    .start = python_client,
                    .sends = manner::echo,
                    .from_file = true,
                    .refusal = "CERTIFICATE_VERIFY_FAILED"},
     ""},
    {"stunnel",
     server_program{.name = "stunnel",
                    .start = stunnel_server,
                    .ready = stunnel_ready,
                    .chooses_port = false,
                    .answers = manner::echo,
                    .at_once = 65536,
                    .before_plain = true},
     client_program{.name = "stunnel",
                    .start = stunnel_client,
                    .sends = manner::echo,
                    .refusal = "CERT: ",
                    .ready = stunnel_ready},
     ""},
};
    return all;
}

plain_echo::plain_echo()
    : listener_{tlsxx::listen({.address = "127.0.0.1"})}, thread_{[this] { run(); }} {}

plain_echo::~plain_echo() {
    stop_ = true;
    std::error_code ec;
    tlsxx::connect("127.0.0.1", port(), {.timeout = program_deadline}, ec); // wakes it
    thread_.join();
}

void plain_echo::run() {
    std::vector<tlsxx::socket_transport> connections;
    for (;;) {
        std::vector<tlsxx::poll_entry> entries{{listener_.native_handle()}};
        for (const auto& connection : connections)
            entries.push_back({connection.native_handle()});
        std::error_code ec = tlsxx::wait_any(entries, tlsxx::deadline{});
        if (stop_)
            return;
        for (std::size_t i = connections.size(); i-- != 0;) {
            if (!entries[i + 1].ready)
                continue;
            std::byte buffer[16384];
            const std::size_t n = connections[i].receive(buffer, ec);
            connections[i].send_all(std::span{buffer, n}, ec);
            if (n == 0)
                connections.erase(connections.begin() + static_cast<std::ptrdiff_t>(i));
        }
        if (entries[0].ready) {
            connections.push_back(listener_.accept(ec));
            connections.back().set_timeout(program_deadline, ec);
        }
    }
}

running_server::running_server(const server_program& program, const setting& how) {
    if (program.before_plain)
        behind_.emplace();
    for (int tries = 0; tries != 5; ++tries) {
        const launch l{how, program.chooses_port ? std::uint16_t{0} : free_port(),
                       behind_ ? behind_->port() : std::uint16_t{0}, folder_};
        process_.emplace(program.start(l));
        const std::string ready = program.ready(l);
        if (!process_->prints({ready, port_is_taken}))
            break;
        const std::string printed = process_->printed();
        const std::size_t at = printed.find(ready);
        if (at == std::string::npos)
            continue;
        port_ = l.port;
        if (program.chooses_port)
            std::from_chars(printed.data() + at + ready.size(), printed.data() + printed.size(),
                            port_);
        return;
    }
    FAIL(program.name << " does not serve:\n" << process_->printed());
}

running_client::running_client(const client_program& program, const setting& how,
                               std::uint16_t port, const std::string& text) {
    const launch l{how, port, 0, folder_};
    if (program.ready) {
        speak_to_front(program, l, text);
        return;
    }
    if (program.from_file)
        write_file(l, "text", text);
    process_.emplace(program.start(l));
    if (!program.from_file)
        process_->write(text);
    process_->exit_status();
}

void running_client::speak_to_front(const client_program& program, launch l,
                                    const std::string& text) {
    for (int tries = 0; tries != 5; ++tries) {
        l.plain = free_port();
        process_.emplace(program.start(l));
        const std::string ready = program.ready(l);
        if (!process_->prints({ready, port_is_taken}))
            break;
        if (printed().find(ready) == std::string::npos)
            continue;
        std::error_code ec;
        auto socket = tlsxx::connect("127.0.0.1", l.plain, {.timeout = program_deadline}, ec);
        socket.send_all(
            program.sends == manner::http ? make_http("PUT /text HTTP/1.0", text) : text, ec);
        std::string part(65536, '\0');
        front_answer_.emplace();
        while (const std::size_t n = socket.receive(std::as_writable_bytes(std::span{part}), ec))
            front_answer_->append(part, 0, n);
        return;
    }
    FAIL(program.name << " does not start:\n" << printed());
}

int running_client::status() {
    if (!front_answer_)
        return process_->exit_status();
    process_->end();
    return 0;
}

std::string make_http(std::string_view start_line, std::string_view body) {
    return std::string{start_line} + "\r\nHost: localhost\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + std::string{body};
}

std::optional<http_message> parse_http(std::string_view text) {
    constexpr std::string_view end = "\r\n\r\n", length = "\r\ncontent-length: ";
    const std::size_t head = text.find(end);
    if (head == std::string_view::npos)
        return std::nullopt;
    std::string fields{text.substr(0, head)};
    std::transform(fields.begin(), fields.end(), fields.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    std::size_t size = 0;
    if (const std::size_t at = fields.find(length); at != std::string::npos)
        std::from_chars(fields.data() + at + length.size(), fields.data() + fields.size(), size);
    if (text.size() < head + end.size() + size)
        return std::nullopt;
    return http_message{std::string{text.substr(0, text.find("\r\n"))},
                        std::string{text.substr(head + end.size(), size)},
                        head + end.size() + size};
}

} // namespace test
