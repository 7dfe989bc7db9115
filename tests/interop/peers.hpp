// SPDX-License-Identifier: BSL-1.0
#pragma once

// The programs that nobody here wrote: how each is started as a server and as a client, and how it
// is spoken to. What is tried with them is in matrix.cpp.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <interop/process.hpp>
#include <support/cases.hpp>
#include <support/socket_tools.hpp>

namespace test {

using arguments = std::vector<std::string>;

// What is asked of a program.
struct setting {
    tlsxx::tls_version version;
    std::string identity;          // its certificate NAME.pem; empty: none
    bool asks_certificate = false; // as a server

    bool is_1_3() const { return version == tlsxx::tls_version::tls_1_3; }
};
// And where.
struct launch {
    setting how;
    std::uint16_t port;  // a server listens there, a client connects there
    std::uint16_t plain; // where one that stands before others speaks without TLS
    const temporary_folder& folder;
};

// How a program is spoken to.
enum class manner {
    echo,    // a server sends back what it gets; a client sends what it is given, prints the answer
    reverse, // the same, each line reversed
    http,
};

struct server_program {
    std::string name;
    arguments (*start)(const launch&);
    // What it prints when it listens. A program that chooses its port goes on with the number.
    std::string (*ready)(const launch&);
    bool chooses_port;
    manner answers;
    std::size_t at_once;        // how much it is sent before its answer is read
    bool before_plain = false;  // it has an echo server behind it
    bool says_goodbye = true; // always answers a close_notify with its own
    bool refuses_in_http = false; // a bad certificate is answered by a page, not by an alert
};

// What a client checks in our certificate only when the handshake is done: no alert comes of it.
enum class late_check { nothing, names, all };

struct client_program {
    std::string name;
    arguments (*start)(const launch&);
    manner sends;
    bool from_file = false;     // sends the file "text", not its input
    std::string refusal;        // its words when it refuses our certificate
    std::string (*ready)(const launch&) = nullptr; // of one that serves us without TLS meanwhile
    bool says_goodbye = true; // always answers a close_notify with its own
    late_check checks_late = late_check::nothing;
};

struct peer {
    std::string name;
    std::optional<server_program> server;
    std::optional<client_program> client;
    std::string lacks; // why one of them is missing
};
const std::vector<peer>& peers();

// Sends back all that it gets, without TLS.
class plain_echo {
public:
    plain_echo();
    plain_echo(const plain_echo&) = delete;
    plain_echo& operator=(const plain_echo&) = delete;
    ~plain_echo();
    std::uint16_t port() const { return listener_.port(); }

private:
    void run();
    tlsxx::socket_listener listener_;
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

// A server program that listens.
class running_server {
public:
    running_server(const server_program&, const setting&);
    std::uint16_t port() const { return port_; }
    std::string printed() const { return process_->printed(); }
    // Ends it, to have the last of its words.
    void end() { process_->end(); }

private:
    temporary_folder folder_;
    std::optional<plain_echo> behind_;
    std::optional<process> process_;
    std::uint16_t port_ = 0;
};

// A client program that has said a text to a port. It goes on to its own end, which it may be
// waiting for: ours comes first.
class running_client {
public:
    running_client(const client_program&, const setting&, std::uint16_t port,
                   const std::string& text);
    // All that it got, among its own words if they come the same way.
    std::string answer() const { return front_answer_ ? *front_answer_ : printed(); }
    std::string printed() const { return process_->printed(); }
    bool prints(std::string_view text) { return process_->prints(text); } // or will do so
    // Its exit status. One that would go on is ended, and that is success.
    int status();

private:
    void speak_to_front(const client_program&, launch, const std::string& text);

    temporary_folder folder_;
    std::optional<process> process_;
    std::optional<std::string> front_answer_;
};

// The HTTP message at the beginning of a text, and its size in bytes; none if it is not whole.
struct http_message {
    std::string start_line, body;
    std::size_t size;
};
std::optional<http_message> parse_http(std::string_view text);
std::string make_http(std::string_view start_line, std::string_view body);

} // namespace test
