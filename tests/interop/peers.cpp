// SPDX-License-Identifier: BSL-1.0

#include <interop/peers.hpp>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <span>
#include <utility>

#include <catch2/catch_test_macros.hpp>

#include <support/pki.hpp>

namespace test {

namespace {

constexpr std::string_view python_server = R"(
import socket, ssl, sys
version, chain, key, *anchors = sys.argv[1:]
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(chain, key)
context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
if anchors:
    context.load_verify_locations(*anchors)
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
)";

constexpr std::string_view python_client = R"(
import socket, ssl, sys
port, version, anchors, *identity = sys.argv[1:]
context = ssl.create_default_context(cafile=anchors)
context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
if identity:
    context.load_cert_chain(*identity)
with socket.create_connection(('127.0.0.1', int(port)), 60) as connection:
    with context.wrap_socket(connection, server_hostname='localhost',
                             suppress_ragged_eofs=False) as stream:
        stream.sendall(sys.stdin.buffer.read())
        while data := stream.recv(65536):
            sys.stdout.buffer.write(data)
        stream.unwrap()
)";

constexpr std::string_view nginx = R"(
daemon off; master_process off; pid pid; error_log stderr notice;
events {}
http {
    access_log off; client_max_body_size 4m;
    client_body_temp_path 1; proxy_temp_path 2; fastcgi_temp_path 3; uwsgi_temp_path 4;
    scgi_temp_path 5;
    server {
)";

constexpr std::string_view stunnel = R"(
foreground = yes
pid =
syslog = no
[tls]
sslVersionMin = %TLSv1.2|TLSv1.3%
sslVersionMax = %TLSv1.2|TLSv1.3%
)";

// What says that a port is somebody else's by now.
constexpr std::string_view port_is_taken = "Address already in use";

} // namespace

const std::vector<peer>& peers() {
    static const std::vector<peer> all{
        {.server =
             program{
                 .name = "openssl s_server",
                 .file = "openssl",
                 // it may show what our servers would not load
                 .command = "s_server -accept 127.0.0.1:0 -rev %-tls1_2|-tls1_3% "
                            "-cipher DEFAULT:@SECLEVEL=0 "
                            "-cert %certificate% -key %key% -cert_chain %issuer% %more%",
                 .if_asked = "-Verify 2 -verify_return_error -CAfile %root%",
                 .speaks = manner::reverse,
                 .ready = "ACCEPT 127.0.0.1:",
                 .chooses_port = true,
                 .at_once = 16384,
             },
         .client =
             program{
                 .name = "openssl s_client",
                 .file = "openssl",
                 .command = "s_client -connect 127.0.0.1:%port% -quiet %-tls1_2|-tls1_3% "
                            "-servername localhost -verify_hostname localhost "
                            "-verify_return_error -CAfile %root% %more%",
                 .if_certificate = "-cert %certificate% -key %key% -cert_chain %issuer%",
                 .refusal = "verify error:num=",
             }},
        {.server =
             program{
                 .name = "gnutls-serv",
                 .file = "gnutls-serv",
                 .command = "--echo --port %port% "
                            "--priority NORMAL:-VERS-ALL:+VERS-TLS%1.2|1.3% "
                            "--x509certfile %chain% --x509keyfile %key% %more%",
                 .if_asked = "--require-client-cert --verify-client-cert --x509cafile %root%",
                 .ready = "IPv4 0.0.0.0 port %port%...done",
                 .at_once = 1024,
             },
         .client =
             program{
                 .name = "gnutls-cli",
                 .file = "gnutls-cli",
                 .command = "--port %port% --priority NORMAL:-VERS-ALL:+VERS-TLS%1.2|1.3% "
                            "--sni-hostname localhost --verify-hostname localhost "
                            "--x509cafile %root% %more% 127.0.0.1",
                 .if_certificate = "--x509certfile %chain% --x509keyfile %key%",
                 .says_goodbye = false,
                 .refusal = "The certificate is NOT trusted",
             }},
        {.server = std::nullopt,
         .client =
             program{
                 .name = "curl",
                 .file = "curl",
                 .command = "-q -sS --noproxy * --max-time 60 -H Expect: "
                            "--resolve localhost:%port%:127.0.0.1 --cacert %root% "
                            "--tlsv%1.2|1.3% --tls-max %1.2|1.3% %more% "
                            "--data-binary @- https://localhost:%port%/text",
                 .if_certificate = "--cert %chain% --key %key%",
                 .speaks = manner::http,
                 .ends_input = true,
                 .refusal = "curl: (60)",
                 .checks_late = late_check::names,
             },
         .lacks = "curl is never a server"},
        {.server =
             program{
                 .name = "nginx",
                 .file = "nginx",
                 .command = "-e stderr -p %folder% -c %configuration%",
                 .configuration = std::string{nginx} + R"(
        listen 127.0.0.1:%port% ssl; ssl_protocols %TLSv1.2|TLSv1.3%;
        ssl_certificate "%chain%"; ssl_certificate_key "%key%"; %more%
        root .; dav_methods PUT;
    } })",
                 .if_asked = "ssl_verify_client on; ssl_verify_depth 2; "
                             "ssl_client_certificate \"%root%\";",
                 .speaks = manner::http,
                 .ready = "event method",
                 .says_goodbye = false,
                 .at_once = 1 << 20,
                 .refuses_in_http = true,
             },
         .client =
             program{
                 .name = "nginx",
                 .file = "nginx",
                 .command = "-e stderr -p %folder% -c %configuration%",
                 .configuration = std::string{nginx} + R"(
        listen 127.0.0.1:%plain%;
        location / {
            proxy_pass https://127.0.0.1:%port%; proxy_ssl_protocols %TLSv1.2|TLSv1.3%;
            proxy_ssl_name localhost; proxy_ssl_server_name on;
            proxy_ssl_verify on; proxy_ssl_verify_depth 2;
            proxy_ssl_trusted_certificate "%root%"; %more%
        }
    } })",
                 .if_certificate = "proxy_ssl_certificate \"%chain%\"; "
                                   "proxy_ssl_certificate_key \"%key%\";",
                 .speaks = manner::http,
                 .ready = "event method",
                 .says_goodbye = false,
                 .refusal = "upstream SSL certificate",
                 .checks_late = late_check::all,
             }},
        {.server =
             program{
                 .name = "Python's ssl",
                 .file = "python3",
                 .command = "-c %script% %TLSv1_2|TLSv1_3% %chain% %key% %more%",
                 .script = std::string{python_server},
                 .if_asked = "%root%",
                 .ready = "port ",
                 .chooses_port = true,
             },
         .client =
             program{
                 .name = "Python's ssl",
                 .file = "python3",
                 .command = "-c %script% %port% %TLSv1_2|TLSv1_3% %root% %more%",
                 .script = std::string{python_client},
                 .if_certificate = "%chain% %key%",
                 .ends_input = true,
                 .refusal = "CERTIFICATE_VERIFY_FAILED",
             }},
        {.server =
             program{
                 .name = "stunnel",
                 .file = "stunnel4|stunnel",
                 .command = "%configuration%",
                 .configuration = std::string{stunnel} + R"(
accept = 127.0.0.1:%port%
connect = 127.0.0.1:%plain%
cert = %chain%
key = %key%
%more%
)",
                 .if_asked = "CAfile = %root%\nverifyChain = yes",
                 .ready = "Configuration successful",
                 .before_echo = true,
             },
         .client =
             program{
                 .name = "stunnel",
                 .file = "stunnel4|stunnel",
                 .command = "%configuration%",
                 .configuration = std::string{stunnel} + R"(
client = yes
accept = 127.0.0.1:%plain%
connect = 127.0.0.1:%port%
sni = localhost
CAfile = %root%
verifyChain = yes
checkHost = localhost
%more%
)",
                 .if_certificate = "cert = %chain%\nkey = %key%",
                 .ready = "Configuration successful",
                 .refusal = "CERT: ",
             }},
    };
    return all;
}

namespace {

// ---- from a description to a process

[[noreturn]] void lacking(const std::string& what) {
    // for systems where somebody knows that not all of them are there
    if (std::getenv("TLSXX_SKIP_MISSING_PROGRAMS"))
        SKIP(what);
    FAIL(what << "; tools/setup installs it");
    std::abort();
}
// Once, since what PATH has may be a script that looks for the real one.
const std::string& python() {
    static const std::string file = [] {
        const std::string found = find_program("python3");
        if (found.empty())
            lacking("Python is not installed");
        process probe{{found, "-c", "import ssl, sys; print(sys.executable, end='')"}};
        if (probe.exit_status() != 0)
            lacking("Python's ssl module is not installed");
        return probe.printed();
    }();
    return file;
}
std::string installed(const std::string& names) {
    if (names == "python3")
        return python();
    for (std::size_t begin = 0; begin < names.size();) {
        const std::size_t end = std::min(names.find('|', begin), names.size());
        if (const std::string file = find_program(names.substr(begin, end - begin)); !file.empty())
            return file;
        begin = end + 1;
    }
    lacking(names + " is not installed");
}

class description {
public:
    description(const program& of, const setting& how, const temporary_folder& folder,
                std::uint16_t port, std::uint16_t plain)
        : of_{of}, how_{how}, folder_{folder}, port_{port}, plain_{plain} {}

    std::string expand(std::string_view text) const {
        std::string out;
        for (;;) {
            const std::size_t begin = text.find('%');
            out += text.substr(0, begin);
            if (begin == text.npos)
                return out;
            const std::size_t end = text.find('%', begin + 1);
            out += value(text.substr(begin + 1, end - begin - 1));
            text.remove_prefix(end + 1);
        }
    }
    // Each word by itself: what is named may have spaces in it.
    std::vector<std::string> words(std::string_view text) const {
        std::vector<std::string> out;
        while (!text.empty()) {
            const std::string_view word = text.substr(0, text.find(' '));
            text.remove_prefix(std::min(word.size() + 1, text.size()));
            if (word != "%more%")
                out.push_back(expand(word));
            else
                for (std::string& w : words(more()))
                    out.push_back(std::move(w));
        }
        return out;
    }

private:
    const std::string& more() const {
        static const std::string nothing;
        return how_.asks_certificate    ? of_.if_asked
               : !how_.identity.empty() ? of_.if_certificate
                                        : nothing;
    }
    std::string value(std::string_view name) const {
        if (const std::size_t bar = name.find('|'); bar != name.npos)
            return std::string{how_.version == tlsxx::tls_version::tls_1_3 ? name.substr(bar + 1)
                                                                           : name.substr(0, bar)};
        if (name == "port")
            return std::to_string(port_);
        if (name == "plain")
            return std::to_string(plain_);
        if (name == "certificate")
            return pki(how_.identity + ".pem");
        if (name == "chain")
            return pki(how_.identity + "-chain.pem");
        if (name == "key")
            return pki(how_.identity + ".key");
        if (name == "issuer")
            return pki(how_.identity.find("untrusted") == std::string::npos ? "intermediate.pem"
                                                                            : "other-root.pem");
        if (name == "root")
            return pki("root.pem");
        if (name == "folder")
            return folder_.file("");
        if (name == "script")
            return of_.script;
        if (name == "more")
            return expand(more());
        return folder_.file(std::string{name});
    }

    const program& of_;
    const setting& how_;
    const temporary_folder& folder_;
    std::uint16_t port_, plain_;
};

} // namespace

running_program::running_program(const program& what, const setting& how, std::uint16_t port) {
    if (what.before_echo)
        echo_.emplace();
    for (int tries = 0; tries != 5; ++tries) {
        const bool listens = !what.ready.empty();
        port_ = listens && !what.chooses_port ? free_port() : std::uint16_t{0};
        const description d{what, how, folder_, port ? port : port_, echo_ ? echo_->port() : port_};
        if (!what.configuration.empty())
            std::ofstream{folder_.file("configuration")} << d.expand(what.configuration);
        std::vector<std::string> command = d.words(what.command);
        command.insert(command.begin(), installed(what.file));
        process_.emplace(command);
        if (!listens)
            return;
        const std::string ready = d.expand(what.ready);
        if (!process_->prints({ready, port_is_taken}))
            break;
        const std::string text = printed();
        const std::size_t at = text.find(ready);
        if (at == std::string::npos)
            continue;
        if (what.chooses_port)
            std::from_chars(text.data() + at + ready.size(), text.data() + text.size(), port_);
        return;
    }
    FAIL(what.name << " does not listen:\n" << printed());
}

running_client::running_client(const program& what, const setting& how, std::uint16_t port,
                               const std::string& text)
    : running_program{what, how, port} {
    if (what.ready.empty()) {
        process_->write(text);
        if (what.ends_input)
            process_->close_input();
        process_->exit_status();
        return;
    }
    std::error_code ec;
    auto socket = tlsxx::connect("127.0.0.1", port_, {.timeout = program_deadline}, ec);
    socket.send_all(what.speaks == manner::http ? make_http("PUT /text HTTP/1.0", text) : text, ec);
    std::string part(65536, '\0');
    plain_answer_.emplace();
    while (const std::size_t n = socket.receive(std::as_writable_bytes(std::span{part}), ec))
        plain_answer_->append(part, 0, n);
}

int running_client::status() {
    if (!plain_answer_)
        return process_->exit_status();
    process_->end();
    return 0;
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

std::string make_http(std::string_view start_line, std::string_view body) {
    return std::string{start_line} +
           "\r\nHost: localhost\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
           std::string{body};
}

std::optional<std::string> http_body(std::string_view text) {
    constexpr std::string_view end = "\r\n\r\n", length = "\r\ncontent-length: ";
    const std::size_t head = text.find(end);
    if (head == text.npos)
        return std::nullopt;
    std::string fields{text.substr(0, head)};
    std::transform(fields.begin(), fields.end(), fields.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    std::size_t size = 0;
    if (const std::size_t at = fields.find(length); at != std::string::npos)
        std::from_chars(fields.data() + at + length.size(), fields.data() + fields.size(), size);
    text.remove_prefix(head + end.size());
    return text.size() < size ? std::nullopt : std::optional{std::string{text.substr(0, size)}};
}

} // namespace test
