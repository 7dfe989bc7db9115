// SPDX-License-Identifier: BSL-1.0

// Fetches a page by HTTPS, on the engine of your choice. `https_get --help` says how.

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
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#if defined(_WIN32)
#include <io.h>
#else
#include <unistd.h>
#endif

namespace {

using clock_type = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::string_view engines =
#if defined(HAVE_OPENSSL) && defined(HAVE_MBEDTLS)
    "openssl|mbedtls";
#elif defined(HAVE_OPENSSL)
    "openssl";
#else
    "mbedtls";
#endif

enum exit_code {
    success = 0,
    bad_usage = 2,
    no_trust = 3,      // the trust anchors can't be loaded
    no_connection = 4, // the name does not resolve, or nobody answers
    no_handshake = 5,  // TLS could not be agreed on
    not_trusted = 6,   // the server's certificate was refused
    broken_off = 7,    // the connection failed or ended before the whole body was there
    bad_response = 8,  // not HTTP, or a redirect that is not followed
    http_error = 9,    // the server's answer is a status of 400 or more; its body is shown
    not_written = 10,  // the output can't be written
};

// A failure of ours. Those of the library are tlsxx::ssl_error.
struct failure : std::runtime_error {
    failure(exit_code c, const std::string& text) : std::runtime_error{text}, code{c} {}
    exit_code code;
};

struct options {
    std::string engine;
    std::string ca_file;
    std::string output;
    std::string url;
    milliseconds timeout{30'000};
    bool verbose = false;
};

// ---- text
// ----------------------------------------------------------------------------------------

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    if (first == text.npos)
        return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

template <class Number>
std::optional<Number> to_number(std::string_view text, int base = 10) {
    Number number{};
    const char* const end = text.data() + text.size();
    const auto result = std::from_chars(text.data(), end, number, base);
    if (text.empty() || result.ec != std::errc{} || result.ptr != end)
        return std::nullopt;
    return number;
}

// What a server sends must not steer the terminal.
std::string printable(std::string_view text) {
    std::string out{text};
    for (char& c : out)
        if (c < 0x20 || c > 0x7E)
            c = '?';
    return out;
}

std::string human_size(std::uint64_t bytes) {
    constexpr std::array units{"B", "KiB", "MiB", "GiB", "TiB"};
    double number = static_cast<double>(bytes);
    std::size_t unit = 0;
    for (; number >= 1024 && unit + 1 < units.size(); ++unit)
        number /= 1024;
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), unit == 0 ? "%.0f %s" : "%.1f %s", number, units[unit]);
    return text.data();
}

std::string date_text(std::int64_t seconds) {
    using namespace std::chrono;
    const sys_seconds time{std::chrono::seconds{seconds}};
    const auto day = floor<days>(time);
    const year_month_day date{day};
    const hh_mm_ss clock{time - day};
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%04d-%02u-%02u %02d:%02d:%02d UTC",
                  static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                  static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                  static_cast<int>(clock.minutes().count()),
                  static_cast<int>(clock.seconds().count()));
    return text.data();
}

bool is_terminal(std::FILE* file) {
#if defined(_WIN32)
    return ::_isatty(::_fileno(file)) != 0;
#else
    return ::isatty(::fileno(file)) != 0;
#endif
}

// ---- URLs
// ----------------------------------------------------------------------------------------

struct url {
    std::string host; // without the brackets of an IPv6 address
    std::uint16_t port = 443;
    std::string target = "/"; // path and query, ready for the request line

    std::string authority() const {
        const bool is_ipv6 = host.find(':') != host.npos;
        std::string text = is_ipv6 ? '[' + host + ']' : host;
        return port == 443 ? text : text + ':' + std::to_string(port);
    }
    std::string text() const { return "https://" + authority() + target; }
};

// Escapes what may not stand in a request line, line breaks among it.
std::string request_target(std::string_view text) {
    text = text.substr(0, text.find('#'));
    std::string out = text.starts_with('/') ? "" : "/";
    for (const char c : text) {
        if (c > 0x20 && c < 0x7F) {
            out += c;
        } else {
            std::array<char, 4> escaped{};
            std::snprintf(escaped.data(), escaped.size(), "%%%02X",
                          static_cast<unsigned>(static_cast<unsigned char>(c)));
            out += escaped.data();
        }
    }
    return out;
}

url parse_url(std::string_view text, exit_code on_failure) {
    const auto refuse = [&](std::string_view why) -> failure {
        return {on_failure, std::string{why} + ": " + printable(text)};
    };
    const auto scheme = text.find("://");
    if (scheme == text.npos || !equal_ignoring_case(text.substr(0, scheme), "https"))
        throw refuse("not an https:// URL");
    std::string_view rest = text.substr(scheme + 3);
    std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
    rest.remove_prefix(authority.size());
    if (authority.find('@') != authority.npos)
        throw refuse("user names in URLs are not supported");

    url result;
    std::string_view port;
    if (authority.starts_with('[')) {
        const auto end = authority.find(']');
        if (end == authority.npos)
            throw refuse("no ] after the IPv6 address");
        result.host = authority.substr(1, end - 1);
        port = authority.substr(end + 1);
        if (result.host.find(':') == result.host.npos)
            throw refuse("what stands in brackets is not an IPv6 address");
    } else {
        const auto colon = authority.find(':');
        result.host = authority.substr(0, colon);
        if (colon != authority.npos)
            port = authority.substr(colon);
    }
    if (result.host.empty())
        throw refuse("no host in the URL");
    for (const char c : result.host)
        if (c <= 0x20 || c == 0x7F)
            throw refuse("the host holds a character that no host has");
    if (!port.empty() && port != ":") {
        const auto number = to_number<std::uint16_t>(port.substr(1));
        if (port.front() != ':' || !number || *number == 0)
            throw refuse("the port is not a number from 1 to 65535");
        result.port = *number;
    }
    result.target = request_target(rest);
    return result;
}

// Where a Location header leads, seen from `base` (RFC 3986 5.2, without its dot segments, which
// servers resolve as well).
url redirected(const url& base, std::string_view location) {
    if (location.starts_with("//"))
        return parse_url("https:" + std::string{location}, bad_response);
    const auto colon = location.find(':');
    if (colon != location.npos && colon < location.find_first_of("/?#"))
        return parse_url(location, bad_response);
    url result = base;
    const std::string_view path = std::string_view{base.target}.substr(0, base.target.find('?'));
    if (location.starts_with('/'))
        result.target = request_target(location);
    else if (location.starts_with('?'))
        result.target = request_target(std::string{path} + std::string{location});
    else
        result.target = request_target(std::string{path.substr(0, path.rfind('/') + 1)} +
                                       std::string{location});
    return result;
}

// ---- HTTP
// ----------------------------------------------------------------------------------------

struct response {
    int status = 0;
    std::string status_line;
    std::vector<std::pair<std::string, std::string>> headers;

    const std::string* header(std::string_view name) const {
        for (const auto& [key, value] : headers)
            if (equal_ignoring_case(key, name))
                return &value;
        return nullptr;
    }
};

// The bytes of a response, one buffer at a time.
template <class Stream>
class input {
public:
    explicit input(Stream& stream) : stream_{stream} {}

    // At most `limit` bytes, at least one; none at the end of the stream, which is the peer's word
    // for it: an end without close_notify throws.
    std::string_view some(std::uint64_t limit) {
        if (begin_ == end_ && !fill())
            return {};
        const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(limit, end_ - begin_));
        const std::string_view bytes{buffer_.data() + begin_, size};
        begin_ += size;
        return bytes;
    }

    // A line without its end.
    std::string line() {
        std::string text;
        for (;;) {
            if (begin_ == end_ && !fill())
                throw failure{broken_off, "the response ends before it is complete"};
            const char c = buffer_[begin_++];
            if (c == '\n')
                break;
            text += c;
            if (text.size() > 16'384)
                throw failure{bad_response, "a line of the response is too long"};
        }
        if (text.ends_with('\r'))
            text.pop_back();
        return text;
    }

private:
    bool fill() {
        begin_ = 0;
        end_ = stream_.read_some(std::as_writable_bytes(std::span{buffer_}));
        return end_ != 0;
    }

    Stream& stream_;
    std::array<char, 16'384> buffer_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

template <class Stream>
response read_head(input<Stream>& in) {
    response head;
    head.status_line = in.line();
    const std::string_view line = head.status_line;
    const auto status = line.starts_with("HTTP/1.") && line.size() >= 12 && line[8] == ' '
                            ? to_number<int>(line.substr(9, 3))
                            : std::nullopt;
    if (!status)
        throw failure{bad_response, "the answer is not HTTP/1: " + printable(line.substr(0, 60))};
    head.status = *status;
    for (;;) {
        const std::string text = in.line();
        if (text.empty())
            return head;
        const auto colon = text.find(':');
        if (colon == text.npos || colon == 0)
            throw failure{bad_response, "malformed header: " + printable(text.substr(0, 60))};
        head.headers.emplace_back(text.substr(0, colon),
                                  trimmed(std::string_view{text}.substr(colon + 1)));
        if (head.headers.size() > 200)
            throw failure{bad_response, "too many headers"};
    }
}

// ---- output
// --------------------------------------------------------------------------------------

// How far a download is, on a terminal that does not show the download itself.
class progress {
public:
    progress(bool shown, std::optional<std::uint64_t> total)
        : shown_{shown}, total_{total}, begin_{clock_type::now()}, next_{begin_ +
                                                                         milliseconds{500}} {}
    progress(const progress&) = delete;
    progress& operator=(const progress&) = delete;
    ~progress() {
        if (drawn_)
            std::fputs("\r\033[K", stderr);
    }

    void add(std::size_t bytes) {
        done_ += bytes;
        const auto now = clock_type::now();
        if (!shown_ || now < next_)
            return;
        next_ = now + milliseconds{100};
        const double seconds = std::chrono::duration<double>(now - begin_).count();
        std::string text = human_size(done_);
        if (total_ && *total_ != 0) {
            const auto share = static_cast<double>(done_) / static_cast<double>(*total_);
            const auto filled = static_cast<std::size_t>(share * 30);
            text += " of " + human_size(*total_) + "  [" + std::string(filled, '#') +
                    std::string(30 - filled, ' ') + "] " +
                    std::to_string(static_cast<int>(share * 100)) + '%';
        }
        text += "  " +
                human_size(static_cast<std::uint64_t>(static_cast<double>(done_) / seconds)) + "/s";
        std::fprintf(stderr, "\r%s\033[K", text.c_str());
        std::fflush(stderr);
        drawn_ = true;
    }
    std::uint64_t done() const { return done_; }

private:
    bool shown_;
    std::optional<std::uint64_t> total_;
    clock_type::time_point begin_;
    clock_type::time_point next_;
    std::uint64_t done_ = 0;
    bool drawn_ = false;
};

// Standard output, or a file that is only touched once there is something to put into it.
class sink {
public:
    explicit sink(const std::string& name) : name_{name} {
        if (name.empty() || name == "-")
            file_ = stdout;
        else if ((file_ = std::fopen(name.c_str(), "wb")) == nullptr)
            throw failure{not_written, name + ": " + std::generic_category().message(errno)};
    }
    sink(const sink&) = delete;
    sink& operator=(const sink&) = delete;
    ~sink() {
        if (file_ != nullptr && file_ != stdout)
            std::fclose(file_);
    }

    void write(std::string_view bytes) {
        if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size())
            refuse();
    }
    void close() {
        std::FILE* const file = std::exchange(file_, nullptr);
        if ((file == stdout ? std::fflush(file) : std::fclose(file)) != 0)
            refuse();
    }
    bool is_terminal() const { return ::is_terminal(file_); }

private:
    [[noreturn]] void refuse() const {
        throw failure{not_written, (name_.empty() ? "standard output" : name_) + ": " +
                                       std::generic_category().message(errno)};
    }

    std::string name_;
    std::FILE* file_ = nullptr;
};

std::optional<std::uint64_t> content_length(const response& head) {
    std::optional<std::uint64_t> length;
    for (const auto& [key, value] : head.headers) {
        if (!equal_ignoring_case(key, "content-length"))
            continue;
        const auto number = to_number<std::uint64_t>(value);
        if (!number || (length && length != number))
            throw failure{bad_response, "malformed Content-Length: " + printable(value)};
        length = number;
    }
    return length;
}

// Copies exactly `size` bytes.
template <class Stream>
void copy(input<Stream>& in, std::uint64_t size, sink& out, progress& shown) {
    while (size != 0) {
        const std::string_view bytes = in.some(size);
        if (bytes.empty())
            throw failure{broken_off, "the server closed the connection, and " +
                                          std::to_string(size) + " bytes are missing"};
        out.write(bytes);
        shown.add(bytes.size());
        size -= bytes.size();
    }
}

template <class Stream>
void copy_chunks(input<Stream>& in, sink& out, progress& shown) {
    for (;;) {
        const std::string line = in.line();
        const auto size =
            to_number<std::uint64_t>(trimmed(std::string_view{line}.substr(0, line.find(';'))), 16);
        if (!size)
            throw failure{bad_response, "malformed chunk size: " + printable(line.substr(0, 60))};
        if (*size == 0)
            break;
        copy(in, *size, out, shown);
        if (!in.line().empty())
            throw failure{bad_response, "a chunk is longer than its size"};
    }
    while (!in.line().empty()) { // trailers
    }
}

template <class Stream>
std::uint64_t copy_body(input<Stream>& in, const response& head, const std::string& output) {
    sink out{output};
    const std::string* const coding = head.header("transfer-encoding");
    const auto length = coding != nullptr ? std::nullopt : content_length(head);
    progress shown{is_terminal(stderr) && !out.is_terminal(), length};
    if (head.status == 204 || head.status == 304) {
        // these have no body
    } else if (coding != nullptr) {
        if (!equal_ignoring_case(*coding, "chunked"))
            throw failure{bad_response, "unknown transfer coding: " + printable(*coding)};
        copy_chunks(in, out, shown);
    } else if (length) {
        copy(in, *length, out, shown);
    } else {
        for (;;) { // to the end of the stream
            const std::string_view bytes = in.some(~std::uint64_t{0});
            if (bytes.empty())
                break;
            out.write(bytes);
            shown.add(bytes.size());
        }
    }
    out.close();
    return shown.done();
}

// ---- -v
// ------------------------------------------------------------------------------------------

void say(const std::string& text) {
    std::cerr << "* " << text << '\n';
}

std::string names_of(const tlsxx::certificate& certificate) {
    std::string text;
    const auto add = [&](const char* kind, const std::vector<std::string>& names) {
        for (const auto& name : names)
            text += (text.empty() ? "" : ", ") + std::string{kind} + ' ' + name;
    };
    add("DNS", certificate.dns_names());
    add("IP", certificate.ip_addresses());
    return text.empty() ? "none" : text;
}

void describe(const tlsxx::certificate& certificate, std::size_t number) {
    const auto now = std::chrono::duration_cast<std::chrono::seconds>(
                         std::chrono::system_clock::now().time_since_epoch())
                         .count();
    const std::string title = "certificate " + std::to_string(number);
    say(title + "  subject  " + certificate.subject());
    const std::string indent(title.size(), ' ');
    say(indent + "  issuer   " + certificate.issuer());
    if (number == 0)
        say(indent + "  names    " + names_of(certificate));
    say(indent + "  valid    " + date_text(certificate.not_before()) + " to " +
        date_text(certificate.not_after()) + " (" +
        std::to_string((certificate.not_after() - now) / 86'400) + " days left)");
    say(indent + "  serial   " + certificate.serial_number());
}

template <class Backend, class Stream>
void describe(Stream& stream, const url& where, milliseconds handshake) {
    std::error_code ignored;
    const auto peer = stream.transport().remote_endpoint(ignored);
    say("connected to " + peer.address + " port " + std::to_string(peer.port));
    const auto cipher = stream.cipher();
    say(std::string{stream.version()} + ", " + std::string{cipher.name} + " (" +
        std::to_string(cipher.secret_bits) + " bits), " + std::string{Backend::name} + ' ' +
        Backend::engine_version() + ", handshake in " + std::to_string(handshake.count()) + " ms");
    std::size_t number = 0;
    for (const auto& certificate : stream.peer_chain())
        describe(certificate, number++);
    say("verified as " + where.host);
}

// ---- fetching
// ------------------------------------------------------------------------------------

// Where we are, for the message if it fails there, and the program's answer then.
struct phase {
    std::string what;
    exit_code code = success;
    std::string engine{};
};

struct answer {
    response head;
    std::optional<url> next; // of a redirect
};

template <tlsxx::backend Backend>
answer fetch(const options& given, const tlsxx::basic_context<Backend>& context, const url& where,
             phase& now) {
    now.what = "no connection";
    now.code = no_connection;
    auto socket = tlsxx::connect(where.host, where.port, {.timeout = given.timeout});

    now.what = where.authority();
    now.code = no_handshake;
    const auto begin = clock_type::now();
    auto stream = context.wrap(std::move(socket), {.server_hostname = where.host});
    if (given.verbose)
        describe<Backend>(stream, where,
                          std::chrono::duration_cast<milliseconds>(clock_type::now() - begin));

    now.what = where.text();
    now.code = broken_off;
    const std::string request = "GET " + where.target + " HTTP/1.1\r\nHost: " + where.authority() +
                                "\r\nUser-Agent: tlsxx-https_get\r\nAccept: */*\r\n"
                                "Connection: close\r\n\r\n";
    if (given.verbose)
        std::cerr << "> GET " << where.target << " HTTP/1.1\n";
    stream.write_all(request);

    input in{stream};
    answer result;
    do
        result.head = read_head(in);
    while (result.head.status / 100 == 1 && result.head.status != 101);
    if (given.verbose) {
        std::cerr << "< " << printable(result.head.status_line) << '\n';
        for (const auto& [key, value] : result.head.headers)
            std::cerr << "< " << printable(key) << ": " << printable(value) << '\n';
    }
    const std::string* const location = result.head.header("location");
    const int status = result.head.status;
    if (location != nullptr &&
        (status == 301 || status == 302 || status == 303 || status == 307 || status == 308)) {
        result.next = redirected(where, *location);
        return result;
    }
    const auto bytes = copy_body(in, result.head, given.output);
    if (given.verbose)
        say(std::to_string(bytes) + " bytes of body");
    // The body is whole; a server that does not answer our farewell changes nothing.
    std::error_code ignored;
    stream.close_notify(ignored);
    return result;
}

template <tlsxx::backend Backend>
exit_code run(const options& given, phase& now) {
    now.engine = Backend::name;
    url where = parse_url(given.url, bad_usage);
    now.what = "loading trust anchors";
    now.code = no_trust;
    const auto context = tlsxx::create_default_context<Backend>(tlsxx::purpose::server_auth,
                                                                {.cafile = given.ca_file});
    for (int redirects = 0;; ++redirects) {
        auto [head, next] = fetch(given, context, where, now);
        if (!next) {
            if (head.status < 400)
                return success;
            throw failure{http_error, "the server answers " + printable(head.status_line)};
        }
        if (redirects == 5)
            throw failure{bad_response, "more than 5 redirects"};
        where = std::move(*next);
    }
}

// ---- the program
// ---------------------------------------------------------------------------------

void show_usage(std::ostream& out) {
    out << "usage: https_get [OPTION...] URL\n"
           "  --engine NAME      "
        << engines
        << "; the first unless given\n"
           "  --ca FILE          trust the certificates in FILE instead of the system's\n"
           "  -o FILE            write the body to FILE instead of standard output\n"
           "  -v                 tell about the connection and the certificates\n"
           "  --timeout SECONDS  how long connecting, the handshake, and each read may take; 30\n"
           "exit codes: 0 fetched; 2 usage; 3 trust anchors; 4 no connection; 5 no TLS handshake;\n"
           "  6 certificate refused; 7 connection broke off; 8 not understood; 9 status >= 400;\n"
           "  10 output not written\n";
}

options parse_arguments(int argc, char** argv) {
    options given;
    given.engine = engines.substr(0, engines.find('|'));
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        const auto value = [&]() -> std::string_view {
            if (++i == argc)
                throw failure{bad_usage, std::string{argument} + " needs a value"};
            return argv[i];
        };
        if (argument == "--help" || argument == "-h") {
            show_usage(std::cout);
            std::exit(success);
        } else if (argument == "--engine") {
            given.engine = value();
        } else if (argument == "--ca") {
            given.ca_file = value();
            if (given.ca_file.empty())
                throw failure{bad_usage, "--ca needs a file"};
        } else if (argument == "-o") {
            given.output = value();
        } else if (argument == "-v") {
            given.verbose = true;
        } else if (argument == "--timeout") {
            const auto seconds = to_number<std::uint32_t>(value());
            if (!seconds || *seconds == 0)
                throw failure{bad_usage, "--timeout needs a number of seconds"};
            given.timeout = std::chrono::seconds{*seconds};
        } else if (argument.starts_with('-') && argument != "-") {
            throw failure{bad_usage, "unknown option " + std::string{argument}};
        } else if (given.url.empty()) {
            given.url = argument;
        } else {
            throw failure{bad_usage, "more than one URL"};
        }
    }
    if (given.url.empty())
        throw failure{bad_usage, "no URL; https_get --help says how"};
    return given;
}

exit_code run(const options& given, phase& now) {
#if defined(HAVE_OPENSSL)
    if (given.engine == "openssl")
        return run<tlsxx::openssl::backend>(given, now);
#endif
#if defined(HAVE_MBEDTLS)
    if (given.engine == "mbedtls")
        return run<tlsxx::mbedtls::backend>(given, now);
#endif
    throw failure{bad_usage,
                  "unknown engine " + given.engine + ", not among " + std::string{engines}};
}

// "tlsxx:13, OpenSSL 167772294": the code, and the engine's own.
std::string codes(const tlsxx::error_info& info, const std::string& engine) {
    std::string text = info.code().category().name();
    text += ':' + std::to_string(info.code().value());
    if (info.native_code() != 0)
        text += ", " + engine + ' ' + std::to_string(info.native_code());
    return text;
}

std::string describe(const tlsxx::ssl_cert_verification_error& error, const phase& now) {
    std::string text = "certificate refused: " + error.verify_message() + " (verify code " +
                       std::to_string(static_cast<int>(error.verify_code()));
    bool is_first = true;
    for (const auto& reason : error.verification().reasons()) {
        if (!is_first)
            text += "; also: " + reason.message;
        text +=
            "; certificate " + std::to_string(reason.depth) + ": " + reason.certificate.subject();
        if (!reason.engine_message.empty())
            text += "; " + now.engine + ": " + reason.engine_message;
        is_first = false;
    }
    text.append("; ").append(error.library()).append(": ").append(error.reason());
    return text + "; " + codes(error.info(), now.engine) + ')';
}

std::string describe(const tlsxx::ssl_error& error, const phase& now) {
    // Where the connection failed, every address and what it said.
    const std::string_view detail = error.info().detail();
    return (now.code == no_connection && !detail.empty() ? std::string{detail} : error.what()) +
           (" (" + codes(error.info(), now.engine) + ')');
}

} // namespace

int main(int argc, char** argv) {
    phase now;
    exit_code code = success;
    std::string text;
    options given;
    try {
        given = parse_arguments(argc, argv);
        return run(given, now);
    } catch (const tlsxx::ssl_cert_verification_error& error) {
        if (given.verbose)
            for (const auto& reason : error.verification().reasons())
                describe(reason.certificate, static_cast<std::size_t>(reason.depth));
        code = not_trusted;
        text = describe(error, now);
    } catch (const tlsxx::ssl_error& error) {
        code = now.code;
        text = describe(error, now);
    } catch (const failure& error) {
        code = error.code;
        text = error.what();
    } catch (const std::exception& error) {
        code = broken_off;
        text = error.what();
    }
    std::cerr << "https_get: " << (code == bad_usage || now.what.empty() ? "" : now.what + ": ")
              << text << '\n';
    return code;
}
