// SPDX-License-Identifier: BSL-1.0

// Serves files, or a page of greeting, by HTTPS. `https_server --help` says how.

#if defined(HAVE_OPENSSL)
#include <tlsxx/openssl.hpp>
#endif
#if defined(HAVE_MBEDTLS)
#include <tlsxx/mbedtls.hpp>
#endif
#include <tlsxx/socket.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr std::string_view engines =
#if defined(HAVE_OPENSSL) && defined(HAVE_MBEDTLS)
    "openssl|mbedtls";
#elif defined(HAVE_OPENSSL)
    "openssl";
#else
    "mbedtls";
#endif

struct options {
    std::string engine{engines.substr(0, engines.find('|'))};
    std::uint16_t port = 8443;
    std::string cert;
    std::string key;
    std::string client_ca;
    bool client_optional = false;
    std::string root;
};

struct usage_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Set by SIGINT and SIGTERM; accept looks at it a few times a second.
volatile std::sig_atomic_t stopping = 0;

// One line at a time, from many threads.
void log(const std::string& line) {
    static std::mutex mutex;
    const std::lock_guard lock{mutex};
    std::cout << line << std::endl;
}

// What a client sends must not steer the terminal.
std::string printable(std::string_view text) {
    std::string out{text};
    for (char& c : out)
        if (c < 0x20 || c > 0x7E)
            c = '?';
    return out;
}

// ---- requests
// ------------------------------------------------------------------------------------

struct request {
    std::string line; // "GET / HTTP/1.1"
    std::string method;
    std::string path; // decoded, without the query
};

struct reply {
    int status = 200;
    std::string type = "text/plain; charset=utf-8";
    std::string body;
    std::ifstream file{}; // if open, instead of `body`
    std::uintmax_t size = 0;
};

std::string_view reason_of(int status) {
    switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    default: return "Internal Server Error";
    }
}

reply plain(int status, std::string text) {
    reply result;
    result.status = status;
    result.body = std::move(text);
    result.size = result.body.size();
    return result;
}

reply plain(int status) {
    return plain(status, std::to_string(status) + ' ' + std::string{reason_of(status)} + '\n');
}

std::optional<std::string> decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i != text.size(); ++i) {
        char c = text[i];
        if (c == '%') {
            unsigned value = 0;
            const std::string_view digits = text.substr(i + 1, 2);
            const char* const end = digits.data() + digits.size();
            if (digits.size() != 2 || std::from_chars(digits.data(), end, value, 16).ptr != end)
                return std::nullopt;
            c = static_cast<char>(value);
            i += 2;
        }
        if (c == '\0')
            return std::nullopt;
        out += c;
    }
    return out;
}

std::optional<request> parse(std::string_view head) {
    request result;
    const std::string_view line = head.substr(0, head.find_first_of("\r\n"));
    result.line = line;
    const auto first = line.find(' ');
    const auto last = line.rfind(' ');
    if (first == line.npos || first == last || !line.substr(last + 1).starts_with("HTTP/1."))
        return std::nullopt;
    result.method = line.substr(0, first);
    const std::string_view target = line.substr(first + 1, last - first - 1);
    auto path = decoded(target.substr(0, target.find('?')));
    if (!path || !path->starts_with('/'))
        return std::nullopt;
    result.path = std::move(*path);
    return result;
}

std::string type_of(const fs::path& file) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 9> types{{
        {".html", "text/html; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".txt", "text/plain; charset=utf-8"},
        {".json", "application/json"},
        {".png", "image/png"},
        {".jpg", "image/jpeg"},
        {".svg", "image/svg+xml"},
        {".pdf", "application/pdf"},
    }};
    const std::string extension = file.extension().string();
    for (const auto& [name, type] : types)
        if (name == extension)
            return std::string{type};
    return "application/octet-stream";
}

// A file below `root`; links that lead out of it count as not there.
reply file_below(const fs::path& root, std::string_view path) {
    std::error_code ec;
    fs::path file = fs::canonical(root / path.substr(1), ec);
    if (!ec && fs::is_directory(file, ec))
        file = fs::canonical(file / "index.html", ec);
    const auto inside = std::mismatch(root.begin(), root.end(), file.begin(), file.end()).first;
    reply result;
    if (ec || inside != root.end() || !fs::is_regular_file(file, ec))
        return plain(404);
    result.file.open(file, std::ios::binary);
    result.size = fs::file_size(file, ec);
    if (!result.file || ec)
        return plain(404);
    result.type = type_of(file);
    return result;
}

// ---- a connection
// --------------------------------------------------------------------------------

// A stream whose operations share one deadline, so that no peer can hold a thread for ever.
template <class Stream>
class bounded {
public:
    bounded(Stream& stream, milliseconds limit)
        : stream_{stream}, until_{tlsxx::deadline::after(limit)} {}

    std::size_t read_some(std::span<std::byte> buffer, std::error_code& ec) {
        return hurry(ec) ? stream_.read_some(buffer, ec) : 0;
    }
    void write_all(std::string_view text, std::error_code& ec) {
        if (hurry(ec))
            stream_.write_all(text, ec);
    }

private:
    bool hurry(std::error_code& ec) {
        stream_.transport().set_timeout(std::max(until_.remaining(), milliseconds{1}), ec);
        return !ec;
    }

    Stream& stream_;
    tlsxx::deadline until_;
};

template <class Stream>
std::string read_head(Stream& stream, std::error_code& ec) {
    bounded in{stream, 10s};
    std::string head;
    std::array<char, 4096> buffer;
    while (head.find("\r\n\r\n") == head.npos) {
        const std::size_t n = in.read_some(std::as_writable_bytes(std::span{buffer}), ec);
        if (ec || n == 0)
            return {};
        head.append(buffer.data(), n);
        if (head.size() > 16'384) {
            ec = tlsxx::make_error_code(tlsxx::errc::message_too_large);
            return {};
        }
    }
    return head;
}

template <class Stream>
void send(Stream& stream, reply& what, bool with_body, std::error_code& ec) {
    // Long files may take their time, at least at 10 kB a second.
    bounded out{stream, 10s + milliseconds{what.size / 10}};
    std::string text = "HTTP/1.1 " + std::to_string(what.status) + ' ' +
                       std::string{reason_of(what.status)} + "\r\nContent-Type: " + what.type +
                       "\r\nContent-Length: " + std::to_string(what.size) +
                       "\r\nConnection: close\r\n\r\n";
    if (with_body)
        text += what.body;
    out.write_all(text, ec);
    std::vector<char> buffer(65'536);
    for (auto left = what.file.is_open() && with_body ? what.size : 0; left != 0 && !ec;) {
        const auto want = std::min<std::uintmax_t>(left, buffer.size());
        what.file.read(buffer.data(), static_cast<std::streamsize>(want));
        if (static_cast<std::uintmax_t>(what.file.gcount()) != want) {
            ec = std::make_error_code(std::errc::io_error); // the file has become shorter
            break;
        }
        out.write_all({buffer.data(), static_cast<std::size_t>(want)}, ec);
        left -= want;
    }
}

template <class Stream>
std::string address_of(const Stream& stream) {
    std::error_code ignored;
    auto [address, port] = stream.transport().remote_endpoint(ignored);
    constexpr std::string_view mapped = "::ffff:"; // IPv4 on a socket for both
    if (address.starts_with(mapped) && address.find('.') != address.npos)
        address.erase(0, mapped.size());
    if (address.find(':') != address.npos)
        address = '[' + address + ']';
    return address + ':' + std::to_string(port);
}

template <class Backend, class Stream>
std::string greeting(const Stream& stream) {
    const auto cipher = stream.cipher();
    std::string text = "Hello from tlsxx on " + std::string{Backend::name} + ' ' +
                       Backend::engine_version() + ".\nThis is " + std::string{stream.version()} +
                       " with " + std::string{cipher.name} + ".\n";
    if (const std::string name = stream.server_name(); !name.empty())
        text += "You asked for " + printable(name) + ".\n";
    if (const auto client = stream.peer_certificate())
        text += "You are " + client->subject() + ".\n";
    return text;
}

template <class Backend, class Stream>
void serve(Stream& stream, const fs::path& root) {
    std::error_code ec;
    const std::string head = read_head(stream, ec);
    const std::string who = address_of(stream) + ' ' + std::string{stream.version()} + ' ' +
                            std::string{stream.cipher().name};
    if (head.empty()) {
        log(who + " no request: " + (ec ? stream.last_error().what() : "the client has left"));
        return;
    }
    const auto asked = parse(head);
    reply answer;
    if (!asked)
        answer = plain(400);
    else if (asked->method != "GET" && asked->method != "HEAD")
        answer = plain(405);
    else if (root.empty())
        answer = asked->path == "/" ? plain(200, greeting<Backend>(stream)) : plain(404);
    else
        answer = file_below(root, asked->path);
    send(stream, answer, !asked || asked->method != "HEAD", ec);

    std::string line = who + " \"" + printable(asked ? asked->line : head.substr(0, 60)) + "\" " +
                       std::to_string(answer.status) + ' ' + std::to_string(answer.size);
    if (const auto client = stream.peer_certificate())
        line += " client " + client->subject();
    if (ec)
        line += " broken off: " + stream.last_error().what();
    log(line);
    // A client that does not say farewell in its turn is no failure: all that it asked for is sent.
    if (!ec)
        stream.shutdown(2s, ec);
}

// ---- the server
// ----------------------------------------------------------------------------------

// A few threads that take connections in their order.
template <class Stream, class Serve>
class workers {
public:
    workers(std::size_t count, Serve serve) : serve_{std::move(serve)} {
        for (std::size_t i = 0; i != count; ++i)
            threads_.emplace_back([this] { work(); });
    }
    workers(const workers&) = delete;
    workers& operator=(const workers&) = delete;
    ~workers() {
        {
            const std::lock_guard lock{mutex_};
            ending_ = true;
            waiting_.clear();
        }
        ready_.notify_all();
        for (std::thread& thread : threads_)
            thread.join();
    }

    // False if too many are waiting: then the connection is closed.
    bool add(Stream stream) {
        {
            const std::lock_guard lock{mutex_};
            if (waiting_.size() >= 256)
                return false;
            waiting_.push_back(std::move(stream));
        }
        ready_.notify_one();
        return true;
    }

private:
    void work() {
        for (;;) {
            std::unique_lock lock{mutex_};
            ready_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
            if (ending_)
                return;
            Stream stream = std::move(waiting_.front());
            waiting_.pop_front();
            lock.unlock();
            try {
                serve_(stream);
            } catch (const std::exception& error) {
                log(std::string{"connection dropped: "} + error.what());
            }
        }
    }

    Serve serve_;
    std::mutex mutex_;
    std::condition_variable ready_;
    std::deque<Stream> waiting_;
    bool ending_ = false;
    std::vector<std::thread> threads_;
};

template <class Stream>
void log_failed_handshake(const Stream& stream) {
    std::string line = address_of(stream) + " handshake failed: " + stream.last_error().what();
    // The message of the first reason is in what() already.
    bool is_first = true;
    for (const auto& reason : stream.verification().reasons()) {
        line += "; certificate " + std::to_string(reason.depth) + ' ' +
                reason.certificate.subject() + ", " + (is_first ? "" : reason.message + ' ') +
                "(verify code " + std::to_string(static_cast<int>(reason.verify_code)) + ')';
        is_first = false;
    }
    log(line);
}

template <tlsxx::backend Backend>
int run(const options& given) {
    const fs::path root = given.root.empty() ? fs::path{} : fs::canonical(given.root);
    auto context = tlsxx::create_default_context<Backend>(tlsxx::purpose::client_auth,
                                                          {.cafile = given.client_ca});
    context.load_cert_chain(given.cert, given.key);
    if (!given.client_ca.empty())
        context.set_verify_mode(given.client_optional ? tlsxx::verify_mode::optional
                                                      : tlsxx::verify_mode::required);
    auto server = context.wrap(tlsxx::listen({.port = given.port}));
    server.listener().set_timeout(200ms);
    log("listening on port " + std::to_string(server.port()) + ", " + std::string{Backend::name} +
        ' ' + Backend::engine_version());

    using stream_type = typename decltype(server)::stream_type;
    const auto serve_one = [&root](stream_type& stream) { serve<Backend>(stream, root); };
    workers<stream_type, decltype(serve_one)> pool{16, serve_one};
    while (!stopping) {
        std::error_code ec;
        auto stream =
            server.accept([](const stream_type& failed) { log_failed_handshake(failed); }, ec);
        if (ec == tlsxx::errc::timed_out)
            continue;
        if (ec) { // out of descriptors, most likely: some will be free again
            log("accept: " + ec.message());
            std::this_thread::sleep_for(100ms);
            continue;
        }
        const std::string who = address_of(stream);
        if (!pool.add(std::move(stream)))
            log(who + " dropped: too many connections");
    }
    log("stopping");
    return 0;
}

// ---- the program
// ---------------------------------------------------------------------------------

void show_usage(std::ostream& out) {
    out << "usage: https_server --cert FILE [OPTION...]\n"
           "  --engine NAME     "
        << engines
        << "; the first unless given\n"
           "  --port N          8443 unless given; 0 lets the system choose\n"
           "  --cert FILE       the certificate and its chain\n"
           "  --key FILE        its key; looked for in the certificate's file unless given\n"
           "  --client-ca FILE  ask clients for a certificate that these authorities have issued\n"
           "  --optional        let in those that have none at all\n"
           "  --root DIR        the files to serve; a greeting unless given\n";
}

options parse_arguments(int argc, char** argv) {
    options given;
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        const auto value = [&]() -> std::string_view {
            if (++i == argc)
                throw usage_error{std::string{argument} + " needs a value"};
            return argv[i];
        };
        if (argument == "--help" || argument == "-h") {
            show_usage(std::cout);
            std::exit(0);
        } else if (argument == "--engine") {
            given.engine = value();
        } else if (argument == "--port") {
            const std::string_view text = value();
            const char* const end = text.data() + text.size();
            const auto result = std::from_chars(text.data(), end, given.port);
            if (text.empty() || result.ec != std::errc{} || result.ptr != end)
                throw usage_error{"--port needs a number from 0 to 65535"};
        } else if (argument == "--cert") {
            given.cert = value();
        } else if (argument == "--key") {
            given.key = value();
        } else if (argument == "--client-ca") {
            given.client_ca = value();
            if (given.client_ca.empty())
                throw usage_error{"--client-ca needs a file"};
        } else if (argument == "--optional") {
            given.client_optional = true;
        } else if (argument == "--root") {
            given.root = value();
        } else {
            throw usage_error{"unknown argument " + std::string{argument}};
        }
    }
    if (given.cert.empty())
        throw usage_error{"a server needs --cert; https_server --help says more"};
    if (given.client_optional && given.client_ca.empty())
        throw usage_error{"--optional says nothing without --client-ca"};
    return given;
}

int run(const options& given) {
#if defined(HAVE_OPENSSL)
    if (given.engine == "openssl")
        return run<tlsxx::openssl::backend>(given);
#endif
#if defined(HAVE_MBEDTLS)
    if (given.engine == "mbedtls")
        return run<tlsxx::mbedtls::backend>(given);
#endif
    throw usage_error{"unknown engine " + given.engine + ", not among " + std::string{engines}};
}

} // namespace

int main(int argc, char** argv) {
    std::signal(SIGINT, [](int) { stopping = 1; });
    std::signal(SIGTERM, [](int) { stopping = 1; });
    try {
        return run(parse_arguments(argc, argv));
    } catch (const usage_error& error) {
        std::cerr << "https_server: " << error.what() << '\n';
        return 2;
    } catch (const std::exception& error) {
        std::cerr << "https_server: " << error.what() << '\n';
        return 1;
    }
}
