// SPDX-License-Identifier: BSL-1.0
#pragma once

// Programs that nobody here wrote: how each is started as a server and as a client, and how it is
// spoken to. What is tried with them is in matrix.cpp.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <interop/process.hpp>
#include <support/cases.hpp>
#include <support/socket_tools.hpp>

namespace test {

enum class manner {
    echo,    // a server sends back what it gets; a client sends what it is given, prints the answer
    reverse, // the same, each line reversed
    http,
};

// What a client checks in our certificate only after the handshake: no alert comes of it.
enum class late_check { nothing, names, all };

// A program in one role. The texts may name, between two %:
//   port           where a server listens, where a client connects to
//   plain          the port on the side without TLS of a program that has one
//   certificate, chain, key, issuer   its identity: files
//   root           the authority that is trusted: a file
//   folder, configuration             a folder of its own, and a file in it
//   script         the text of that name below
//   a|b            a under TLS 1.2, b under TLS 1.3
//   more           what is below for the case at hand: words of a command, or text
struct program {
    std::string name;
    std::string file; // one or more names, separated by |
    std::string command;
    std::string configuration{};
    std::string script{};
    std::string if_certificate{}; // the client has one
    std::string if_asked{};       // the server asks for ours
    manner speaks = manner::echo;
    // What it prints when it listens; one that chooses the port goes on with the number.
    std::string ready{};
    bool chooses_port = false;
    bool says_goodbye = true; // it answers a close_notify with its own, always

    // A server.
    std::size_t at_once = 65536;  // how much it is sent before its answer is read
    bool before_echo = false;     // it passes all on to an echo server, without TLS
    bool refuses_in_http = false; // a bad certificate is answered by a page, not by an alert

    // A client. One that listens is given at its plain side what it is to send.
    bool ends_input = false; // it sends its input when that has ended
    std::string refusal{};   // its words for a certificate that it does not take
    late_check checks_late = late_check::nothing;
};
struct peer {
    std::optional<program> server, client;
    std::string lacks{}; // why one of them is missing
};
const std::vector<peer>& peers();

// What is asked of a program.
struct setting {
    tlsxx::tls_version version;
    std::string identity;          // its certificate NAME.pem; empty: none
    bool asks_certificate = false; // as a server
};

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

// A program that has been started, and its files.
class running_program {
public:
    std::string printed() const { return process_->printed(); }
    bool prints(std::string_view text) { return process_->prints(text); } // or will do so

protected:
    // A client is given a port to connect to. One that listens does so when it is made.
    running_program(const program&, const setting&, std::uint16_t port);

    temporary_folder folder_;
    std::optional<plain_echo> echo_;
    std::optional<process> process_;
    std::uint16_t port_ = 0; // where it listens
};

class running_server : public running_program {
public:
    running_server(const program& p, const setting& how) : running_program{p, how, 0} {}
    std::uint16_t port() const { return port_; }
};

// A client that has said a text to a port, and has heard what there was to hear. It may go on until
// the other side closes.
class running_client : public running_program {
public:
    running_client(const program&, const setting&, std::uint16_t port, const std::string& text);
    // All that it got, among its own words if they come the same way.
    std::string answer() const { return plain_answer_ ? *plain_answer_ : printed(); }
    // Its exit status. One that would go on is ended, and that is success.
    int status();

private:
    std::optional<std::string> plain_answer_;
};

std::string make_http(std::string_view start_line, std::string_view body);
// The body of the HTTP message that a text begins with; none if it is not whole.
std::optional<std::string> http_body(std::string_view text);

} // namespace test
