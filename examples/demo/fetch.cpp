// SPDX-License-Identifier: BSL-1.0

// Our programs with those of others: https_get and first with nginx, curl with https_server.

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <utility>

#include "parts.hpp"
#include "process.hpp"
#include "screen.hpp"

namespace demo {
namespace {

using namespace std::chrono_literals;

struct engine {
    std::string name;   // for people
    std::string option; // of --engine
    std::string first;  // the shortest client on it
};
const std::array<engine, 2> engines{
    {{"OpenSSL", "openssl", "first"}, {"Mbed TLS", "mbedtls", "first_mbedtls"}}};

// What a text says of a connection: the first version behind `mark`, and the cipher behind it.
struct spoken {
    std::string version;
    std::string cipher;
};
spoken spoken_in(const std::string& text, std::string_view mark) {
    const auto version = text.find("TLSv1.", std::min(text.find(mark), text.size()));
    if (version == text.npos)
        return {};
    const auto cipher = std::min(text.find("TLS_", version), text.find("ECDHE-", version));
    const auto end = text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", cipher);
    return {text.substr(version, 7), cipher == text.npos ? "" : text.substr(cipher, end - cipher)};
}

void check(bool passed, const std::string& who, const std::string& what, const spoken& how,
           std::size_t bytes, const finished& done) {
    std::string problem = "exit code " + std::to_string(done.code) + ": " + done.err;
    std::replace(problem.begin(), problem.end(), '\n', ' ');
    print_check(passed,
                left(who, 10) + left(what, 27) + left(how.version, 9) + left(how.cipher, 31) +
                    right(grouped(bytes), 9) + right(in_ms(done.time), 10),
                problem);
}

const std::string heads = left("engine", 10) + left("what", 27) + left("version", 9) +
                          left("cipher", 31) + right("bytes", 9) + right("time", 10);

} // namespace

void fetch_from_nginx(const stage& where, const nginx& peer) {
    print_title("Pages of nginx, fetched by our clients");
    print_heads(heads);
    const std::string port = std::to_string(peer.tls_port());
    const std::string base = "https://" + where.host() + ':' + port;
    const std::string root = where.pki("root.pem");
    for (const engine& on : engines) {
        const finished page = run({{where.program(on.first), where.host(), port},
                                   {"SSL_CERT_FILE=" + root, "SSL_CERT_DIR="}},
                                  where.folder(), "first");
        const spoken how = spoken_in(page.out, "nginx speaks ");
        check(page.code == 0 && how.version == "TLSv1.3" && page.out.starts_with("TLSv1.3\n"),
              on.name, on.first + ", a page", how, page.out.size(), page);
    }
    for (const engine& on : engines) {
        const finished page =
            run({{where.program("https_get"), "--engine", on.option, "--ca", root, base + '/'}},
                where.folder(), "https_get");
        const spoken how = spoken_in(page.out, "nginx speaks ");
        check(page.code == 0 && how.version == "TLSv1.3", on.name, "https_get, in chunks", how,
              page.out.size(), page);
    }
    for (const engine& on : engines) {
        const auto file = where.folder() / "fetched";
        const finished page = run({{where.program("https_get"), "--engine", on.option, "--ca", root,
                                    "-v", "-o", file.string(), base + "/data"}},
                                  where.folder(), "https_get");
        const std::string bytes = read_file(file);
        check(page.code == 0 && bytes == where.data(), on.name, "https_get, a long file",
              spoken_in(page.err, "* TLSv1."), bytes.size(), page);
        std::filesystem::remove(file);
    }
}

void fetch_with_curl(const stage& where) {
    print_title("Pages of our https_server, fetched by curl");
    print_heads(heads);
    for (const engine& on : engines) {
        const auto serve = [&](const char* name, std::vector<std::string> more) {
            command what{{where.program("https_server"), "--engine", on.option, "--port", "0",
                          "--cert", where.pki("good-chain.pem"), "--key", where.pki("good.key")}};
            what.arguments.insert(what.arguments.end(), more.begin(), more.end());
            return process{what, where.folder(), name};
        };
        process greeter = serve("greeter", {"--client-ca", where.pki("root.pem"), "--optional"});
        process files = serve("files", {"--root", where.www().string()});

        const auto curl = [&](process& server, const std::string& path,
                              std::vector<std::string> more) {
            std::string port = server.wait_for("listening on port ", 5s);
            port.resize(port.find(','));
            command what{{"curl", "-q", "--silent", "--show-error", "--noproxy", "*", "--cacert",
                          where.pki("root.pem"), "--resolve", "localhost:" + port + ":127.0.0.1",
                          "https://localhost:" + port + path}};
            what.arguments.insert(what.arguments.end(), more.begin(), more.end());
            return run(what, where.folder(), "curl");
        };
        const finished page = curl(greeter, "/", {});
        const spoken how = spoken_in(page.out, "This is ");
        check(page.code == 0 && how.version == "TLSv1.3", on.name, "a page", how, page.out.size(),
              page);

        const finished known = curl(greeter, "/",
                                    {"--tls-max", "1.2", "--cert", where.pki("client-chain.pem"),
                                     "--key", where.pki("client.key")});
        const spoken older = spoken_in(known.out, "This is ");
        check(known.code == 0 && older.version == "TLSv1.2" &&
                  known.out.find("You are CN=client") != known.out.npos,
              on.name, "with a client certificate", older, known.out.size(), known);

        const finished file = curl(files, "/data", {});
        check(file.code == 0 && file.out == where.data(), on.name, "a long file",
              spoken_in(files.out(), ""), file.out.size(), file);
    }
}

} // namespace demo
