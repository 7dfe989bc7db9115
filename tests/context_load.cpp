// SPDX-License-Identifier: BSL-1.0
// Loading anchors, certificates and keys on each engine: every form, and what every failure says.
// A load that fails changes nothing.

#include <cstdlib>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>

#include <catch2/matchers/catch_matchers_string.hpp>

#include <tlsxx/pem.hpp>

#include <support/pump.hpp>
#include <support/socket_tools.hpp>

using namespace test;
using Catch::Matchers::ContainsSubstring;
using tlsxx::cert_chain;
using tlsxx::protocol;
using tlsxx::trust;

namespace {

context_ptr empty_client(engine e) {
    return make_client(e, tlsxx::tls_version::tls_1_3, "");
}

// The environment variable for as long as this lives.
class environment {
public:
    environment(const char* name, const std::string& value) : name_{name} {
        if (const char* before = std::getenv(name))
            before_ = before;
        ::setenv(name, value.c_str(), 1);
    }
    environment(const environment&) = delete;
    environment& operator=(const environment&) = delete;
    ~environment() {
        if (before_)
            ::setenv(name_, before_->c_str(), 1);
        else
            ::unsetenv(name_);
    }

private:
    const char* name_;
    std::optional<std::string> before_;
};

bool is_trusted(const any_context& context, const std::string& identity) {
    connection c{context, *make_server(engine::openssl, tlsxx::tls_version::tls_1_3, identity)};
    return c.handshake();
}

// A server with this identity alone is met by a client: the subject that it sees.
std::string served(engine e, const any_context& server) {
    connection c{*make_client(e), server};
    c.up();
    return c.client->peer_certificate()->subject();
}

} // namespace

// ---- trust anchors
// -------------------------------------------------------------------------------

ENGINE_CASE("anchors: from PEM and DER, files and memory", "") {
    const auto context = empty_client(on);
    std::error_code ec;
    std::size_t expected = 1;
    SECTION("PEM file") {
        context->load_verify_locations({.cafile = pki("root.pem")}, ec);
    }
    SECTION("DER file") {
        context->load_verify_locations({.cafile = pki("root.der")}, ec);
    }
    SECTION("PEM text") {
        const std::string text = pki_text("root.pem");
        context->load_verify_locations({.cadata = text}, ec);
    }
    SECTION("DER in memory") {
        const std::string der = pki_text("root.der");
        context->load_verify_locations({.cadata = der}, ec);
    }
    SECTION("several in one PEM file, with text between them") {
        context->load_verify_locations({.cafile = pki("two-roots.pem")}, ec);
        expected = 2;
    }
    SECTION("several in one piece of DER") {
        const std::string der = pki_text("good.der") + pki_text("root.der");
        context->load_verify_locations({.cadata = der}, ec);
        expected = 2;
    }
    SECTION("hashed directory") {
        context->load_verify_locations({.capath = pki("hashed")}, ec);
        expected = 2;
    }
    SECTION("all three at once") {
        const std::string text = pki_text("other-root.pem");
        context->load_verify_locations(
            {.cafile = pki("root.pem"), .capath = pki("hashed-other"), .cadata = text}, ec);
        expected = 2; // one of them is there twice
    }
    SECTION("the same again counts once") {
        context->load_verify_locations({.cafile = pki("root.pem")}, ec);
        CHECK_FALSE(ec);
        context->load_verify_locations({.cafile = pki("root.der")}, ec);
    }
    SECTION("lines that end as on Windows") {
        std::string text;
        for (const char c : pki_text("root.pem"))
            text += c == '\n' ? std::string{"\r\n"} : std::string{c};
        context->load_verify_locations({.cadata = text}, ec);
    }
    INFO(context->last_error().what());
    CHECK_FALSE(ec);
    CHECK_FALSE(context->last_error());
    CHECK(context->trust_anchor_count() == expected);
    CHECK(is_trusted(*context, "good"));
}

ENGINE_CASE("anchors: a load that fails says which file, which block and why, and changes nothing",
            "[engines:bad-block]") {
    const auto context = make_client(on);
    REQUIRE(context->trust_anchor_count() == 1);
    std::error_code ec;
    struct failing {
        const char* file;
        errc code;
        const char* says;
    };
    for (const failing& f : {
             failing{"bundle-bad-block.pem", errc::bad_certificate, "block 2"},
             failing{"bundle-bad-base64.pem", errc::bad_pem, "block 2"},
             failing{"bundle-cut.pem", errc::bad_pem, "block 2"},
             failing{"empty.pem", errc::no_certificate_found, "empty.pem"},
             failing{"text.pem", errc::no_certificate_found, "text.pem"},
             failing{"garbage.der", errc::no_certificate_found, "garbage.der"},
             failing{"good.key", errc::no_certificate_found, "good.key"},
         }) {
        CAPTURE(f.file);
        context->load_verify_locations({.cafile = pki(f.file)}, ec);
        CHECK(ec == f.code);
        CHECK(context->last_error().code() == ec);
        CHECK_THAT(context->last_error().what(), ContainsSubstring(f.file));
        CHECK_THAT(context->last_error().what(), ContainsSubstring(f.says));
        CHECK(context->trust_anchor_count() == 1);

        // The same from memory, where there is no file to name.
        const std::string text = pki_text(f.file);
        context->load_verify_locations({.cadata = text}, ec);
        if (text.empty()) {
            CHECK(ec == errc::invalid_argument); // as good as nothing at all
            continue;
        }
        CHECK(ec == f.code);
        CHECK_THAT(context->last_error().what(), ContainsSubstring("cadata"));
    }
    CHECK(context->trust_anchor_count() == 1);
    CHECK(is_trusted(*context, "good"));
    CHECK_FALSE(is_trusted(*context, "untrusted")); // what stood before the bad block, either
}

ENGINE_CASE("anchors: bytes behind a DER certificate are an error", "[engines:der-junk]") {
    const auto context = empty_client(on);
    std::error_code ec;
    for (const std::string& junk : {std::string{"junk"}, std::string(20, '\0')}) {
        const std::string der = pki_text("root.der") + junk;
        context->load_verify_locations({.cadata = der}, ec);
        CHECK(ec == errc::bad_certificate);
        CHECK_THAT(context->last_error().what(), ContainsSubstring("certificate 2"));
        CHECK(context->trust_anchor_count() == 0);
    }
}

ENGINE_CASE("anchors: what is not there keeps the system's own code", "") {
    const auto context = empty_client(on);
    std::error_code ec;
    context->load_verify_locations({.cafile = "/nowhere/ca.pem"}, ec);
    CHECK(ec == std::errc::no_such_file_or_directory);
    CHECK_THAT(context->last_error().what(), ContainsSubstring("/nowhere/ca.pem"));
    context->load_verify_locations({.capath = "/nowhere/certs"}, ec);
    CHECK(ec == std::errc::no_such_file_or_directory);
    CHECK_THAT(context->last_error().what(), ContainsSubstring("/nowhere/certs"));
    context->load_verify_locations({.cafile = pki("hashed")}, ec);
    CHECK(ec == std::errc::is_a_directory);
    context->load_verify_locations({.capath = pki("root.pem")}, ec);
    CHECK(ec == std::errc::not_a_directory);
    context->load_verify_locations({}, ec);
    CHECK(ec == errc::invalid_argument);
    // One of two is enough to load neither.
    context->load_verify_locations({.cafile = pki("root.pem"), .capath = "/nowhere"}, ec);
    CHECK(ec == std::errc::no_such_file_or_directory);
    CHECK(context->trust_anchor_count() == 0);
}

ENGINE_CASE("anchors: a directory counts by the names that rehash gives", "[engines:capath]") {
    const auto context = empty_client(on);
    std::error_code ec;
    temporary_folder folder;
    const auto put = [&](const char* name, const std::string& text) {
        std::ofstream{folder.file(name), std::ios::binary} << text;
    };
    put("root.pem", pki_text("root.pem"));            // not a hashed name
    put("01234567.r0", "-----BEGIN X509 CRL-----\n"); // a CRL
    put("README", "not a certificate");
    const std::string path = folder.file("");
    context->load_verify_locations({.capath = path}, ec);
    CHECK(ec == errc::no_certificate_found);
    CHECK_THAT(context->last_error().what(), ContainsSubstring("rehash"));
    CHECK(context->trust_anchor_count() == 0);
    put("01234567.0", pki_text("root.pem"));
    put("01234567.1", pki_text("other-root.pem"));
    context->load_verify_locations({.capath = path}, ec);
    CHECK_FALSE(ec);
    CHECK(context->trust_anchor_count() == 2);
    put("89abcdef.0", "garbage");
    const auto other = empty_client(on);
    other->load_verify_locations({.capath = path}, ec);
    CHECK(ec == errc::no_certificate_found);
    CHECK_THAT(other->last_error().what(), ContainsSubstring("89abcdef.0"));
    CHECK(other->trust_anchor_count() == 0);
}

// ---- the system's anchors
// ------------------------------------------------------------------------

ENGINE_CASE("system anchors: SSL_CERT_FILE and SSL_CERT_DIR say where", "") {
    const auto context = empty_client(on);
    std::error_code ec;
    SECTION("a file") {
        environment file{"SSL_CERT_FILE", pki("root.pem")}, folder{"SSL_CERT_DIR", ""};
        CHECK(context->load_default_certs(ec) == 0);
        CHECK(context->trust_anchor_count() == 1);
        CHECK(is_trusted(*context, "good"));
    }
    SECTION("directories") {
        environment file{"SSL_CERT_FILE", ""};
        environment folder{"SSL_CERT_DIR", "/nowhere:" + pki("hashed") + ":" + pki("hashed-other")};
        CHECK(context->load_default_certs(ec) == 0);
        CHECK(context->trust_anchor_count() == 2);
    }
    SECTION("both") {
        environment file{"SSL_CERT_FILE", pki("root.pem")};
        environment folder{"SSL_CERT_DIR", pki("hashed-other")};
        CHECK(context->load_default_certs(ec) == 0);
        CHECK(context->trust_anchor_count() == 2);
    }
    SECTION("a bundle of which one can't be used: it is passed over and counted") {
        environment file{"SSL_CERT_FILE", pki("bundle-bad-block.pem")};
        environment folder{"SSL_CERT_DIR", ""};
        CHECK(context->load_default_certs(ec) == 1);
        CHECK(context->trust_anchor_count() == 2);
        CHECK(is_trusted(*context, "untrusted")); // the one behind it
    }
    SECTION("a bundle that breaks off: that is counted as well") {
        environment file{"SSL_CERT_FILE", pki("bundle-cut.pem")};
        environment folder{"SSL_CERT_DIR", ""};
        CHECK(context->load_default_certs(ec) == 1);
        CHECK(context->trust_anchor_count() == 1);
    }
    SECTION("a file of a directory that can't be read: the others count all the same") {
        temporary_folder hashed;
        std::ofstream{hashed.file("00000000.0")} << "garbage";
        std::ofstream{hashed.file("00000001.0")} << pki_text("root.pem");
        std::filesystem::create_symlink("/nowhere", hashed.file("00000000.1"));
        environment file{"SSL_CERT_FILE", ""}, folder{"SSL_CERT_DIR", hashed.file("")};
        CHECK(context->load_default_certs(ec) == 2);
        CHECK(context->trust_anchor_count() == 1);
    }
    SECTION("nothing there: no error here") {
        environment file{"SSL_CERT_FILE", "/nowhere.pem"}, folder{"SSL_CERT_DIR", "/nowhere"};
        CHECK(context->load_default_certs(ec) == 0);
        CHECK(context->trust_anchor_count() == 0);
    }
    CHECK_FALSE(ec);
}

ENGINE_CASE("default context: takes the system's anchors, and says when there are none", "") {
    std::error_code ec;
    tlsxx::error_info error;
    const auto& functions = functions_of(on);
    {
        environment file{"SSL_CERT_FILE", pki("root.pem")}, folder{"SSL_CERT_DIR", ""};
        const auto context = functions.make_default(tlsxx::purpose::server_auth, {}, ec, &error);
        CHECK_FALSE(ec);
        CHECK(context->trust_anchor_count() == 1);
        // Where anchors are given, they are the only ones.
        const auto other = functions.make_default(tlsxx::purpose::server_auth,
                                                  {.cafile = pki("other-root.pem")}, ec, &error);
        CHECK(other->trust_anchor_count() == 1);
        CHECK_FALSE(is_trusted(*other, "good"));
    }
    environment file{"SSL_CERT_FILE", "/nowhere.pem"}, folder{"SSL_CERT_DIR", "/nowhere"};
    functions.make_default(tlsxx::purpose::server_auth, {}, ec, &error);
    CHECK(ec == errc::no_trust_anchors);
    CHECK(error.code() == ec);
    CHECK_THAT(error.what(), ContainsSubstring("/nowhere.pem"));
    CHECK_THAT(error.what(), ContainsSubstring("SSL_CERT_FILE"));
    // A server needs none to begin with.
    functions.make_default(tlsxx::purpose::client_auth, {}, ec, &error);
    CHECK_FALSE(ec);
}

// ---- certificate chains and keys
// -----------------------------------------------------------------

ENGINE_CASE("identity: every form of certificate and key is loaded, and served", "[engines:keys]") {
    struct form {
        const char* certificate;
        const char* key;
        bool encrypted;
    };
    for (const form& f : {
             form{"good-chain.pem", "good.key", false},
             form{"good.combined.pem", "", false},
             form{"good-chain.pem", "good.combined.pem", false},
             form{"good-chain.pem", "good.pkcs8.der", false},
             form{"good-chain.pem", "good.sec1.pem", false},
             form{"good-chain.pem", "good.sec1.der", false},
             form{"good-chain.pem", "good.pkcs8.enc.pem", true},
             form{"good-chain.pem", "good.pkcs8.enc.der", true},
             form{"good-chain.pem", "good.sec1.enc.pem", true},
             form{"rsa-chain.pem", "rsa.key", false},
             form{"rsa-chain.pem", "rsa.pkcs8.der", false},
             form{"rsa-chain.pem", "rsa.pkcs1.pem", false},
             form{"rsa-chain.pem", "rsa.pkcs1.der", false},
             form{"rsa-chain.pem", "rsa.pkcs8.enc.pem", true},
             form{"rsa-chain.pem", "rsa.pkcs1.enc.pem", true},
         }) {
        for (const bool from_file : {true, false}) {
            CAPTURE(f.certificate, f.key, from_file);
            const auto server = make_server(on, tlsxx::tls_version::tls_1_3, "");
            std::error_code ec;
            int asked = 0;
            const auto ask = [&asked] {
                ++asked;
                return std::string{pki_password};
            };
            cert_chain source{.password = ask};
            const std::string certificates = pki_text(f.certificate);
            const std::string key = *f.key ? pki_text(f.key) : "";
            const std::string certfile = pki(f.certificate), keyfile = pki(f.key);
            if (from_file) {
                source.certfile = certfile;
                source.keyfile = *f.key ? keyfile : std::string_view{};
            } else {
                source.certdata = certificates;
                source.keydata = key;
            }
            server->load_cert_chain(source, ec);
            INFO(server->last_error().what());
            REQUIRE_FALSE(ec);
            CHECK(asked == (f.encrypted ? 1 : 0)); // only when it is needed
            if (from_file)
                CHECK_THAT(served(on, *server), ContainsSubstring("CN="));
        }
    }
}

ENGINE_CASE("identity: a certificate in DER is loaded with the key of its own", "") {
    const auto server = make_server(on, tlsxx::tls_version::tls_1_3, "");
    std::error_code ec;
    server->load_cert_chain({.certfile = pki("good.der"), .keyfile = pki("good.pkcs8.der")}, ec);
    REQUIRE_FALSE(ec);
    // Its issuer was not in the file: a client that has only the root can't get there.
    connection c{*make_client(on), *server};
    CHECK_FALSE(c.handshake());
    connection d{*make_client(on, tlsxx::tls_version::tls_1_3, "root.pem"), *make_server(on)};
    d.up();
    // The whole chain, one certificate behind the other.
    std::string ders;
    const std::string text = pki_text("good-chain.pem");
    tlsxx::pem_scanner scanner{text};
    while (const auto block = scanner.next())
        ders += text_of(block->data);
    server->load_cert_chain({.keyfile = pki("good.pkcs8.der"), .certdata = ders}, ec);
    REQUIRE_FALSE(ec);
    CHECK_THAT(served(on, *server), ContainsSubstring("CN=good"));
}

ENGINE_CASE("identity: passwords: given as text, missing, wrong, and thrown for",
            "[engines:keys]") {
    for (const char* key : {"good.pkcs8.enc.pem", "good.pkcs8.enc.der", "good.sec1.enc.pem",
                            "rsa.pkcs8.enc.pem", "rsa.pkcs1.enc.pem"}) {
        CAPTURE(key);
        const std::string chain =
            pki(std::string_view{key}.starts_with("rsa") ? "rsa-chain.pem" : "good-chain.pem");
        const std::string keyfile = pki(key);
        const auto server = make_server(on, tlsxx::tls_version::tls_1_3, "");
        std::error_code ec;
        server->load_cert_chain({.certfile = chain, .keyfile = keyfile}, ec);
        CHECK(ec == errc::password_required);
        CHECK_THAT(server->last_error().what(), ContainsSubstring(key));
        for (const char* wrong : {"passwore", "", "password "}) {
            server->load_cert_chain({.certfile = chain, .keyfile = keyfile, .password = wrong}, ec);
            CHECK(ec == errc::bad_password);
            CHECK_THAT(server->last_error().what(), ContainsSubstring(key));
        }
        const auto refuses = []() -> std::string { throw std::runtime_error{"cancelled"}; };
        CHECK_THROWS_WITH(server->load_cert_chain(
                              {.certfile = chain, .keyfile = keyfile, .password = refuses}, ec),
                          "cancelled");
        // After all that, nothing is loaded.
        pipe_pair pipes;
        server->wrap(std::move(pipes.server), {.handshake = tlsxx::deferred}, ec);
        CHECK(ec == errc::no_certificate_loaded);
        server->load_cert_chain({.certfile = chain, .keyfile = keyfile, .password = "password"},
                                ec);
        CHECK_FALSE(ec);
    }
}

ENGINE_CASE("identity: what fails says which file and why, and changes nothing", "") {
    const auto server = make_server(on); // has "good"
    struct failing {
        const char* certificate;
        const char* key;
        errc code;
        const char* says;
    };
    for (const failing& f : {
             failing{"good-chain.pem", "client.key", errc::key_mismatch, "client.key"},
             failing{"good-chain.pem", "rsa.key", errc::key_mismatch, "rsa.key"},
             failing{"good-chain.pem", "", errc::no_private_key_found, "good-chain.pem"},
             failing{"good.der", "", errc::no_private_key_found, "good.der"},
             failing{"good-chain.pem", "root.pem", errc::no_private_key_found, "root.pem"},
             failing{"good-chain.pem", "text.pem", errc::no_private_key_found, "text.pem"},
             failing{"good-chain.pem", "empty.pem", errc::no_private_key_found, "empty.pem"},
             failing{"good-chain.pem", "root.der", errc::no_private_key_found, "root.der"},
             failing{"good-chain.pem", "garbage.der", errc::no_private_key_found, "garbage.der"},
             failing{"good.key", "good.key", errc::no_certificate_found, "good.key"},
             failing{"empty.pem", "good.key", errc::no_certificate_found, "empty.pem"},
             failing{"garbage.der", "good.key", errc::no_certificate_found, "garbage.der"},
             failing{"bundle-bad-block.pem", "good.key", errc::bad_certificate, "block 2"},
             failing{"bundle-bad-base64.pem", "good.key", errc::bad_pem, "block 2"},
             failing{"bundle-cut.pem", "good.key", errc::bad_pem, "block 2"},
             failing{"weak-rsa-chain.pem", "weak-rsa.key", errc::key_too_weak, "certificate 1"},
             failing{"sha1-chain.pem", "sha1.key", errc::key_too_weak, "certificate 1"},
         }) {
        CAPTURE(f.certificate, f.key);
        std::error_code ec;
        const std::string certfile = pki(f.certificate), keyfile = pki(f.key);
        server->load_cert_chain(
            {.certfile = certfile, .keyfile = *f.key ? keyfile : std::string_view{}}, ec);
        CHECK(ec == f.code);
        CHECK(server->last_error().code() == ec);
        CHECK_THAT(server->last_error().what(), ContainsSubstring(f.says));
    }
    std::error_code ec;
    server->load_cert_chain({.certfile = "/nowhere.pem", .keyfile = pki("good.key")}, ec);
    CHECK(ec == std::errc::no_such_file_or_directory);
    CHECK_THAT(server->last_error().what(), ContainsSubstring("/nowhere.pem"));
    server->load_cert_chain({.certfile = pki("good-chain.pem"), .keyfile = "/nowhere.key"}, ec);
    CHECK(ec == std::errc::no_such_file_or_directory);
    CHECK_THAT(server->last_error().what(), ContainsSubstring("/nowhere.key"));
    const std::string data = pki_text("good-chain.pem");
    server->load_cert_chain({.certfile = pki("good-chain.pem"), .certdata = data}, ec);
    CHECK(ec == errc::invalid_argument);
    server->load_cert_chain({}, ec);
    CHECK(ec == errc::invalid_argument);
    // A block that is called a key and is none, and a key that breaks off.
    const std::string certificate = pki_text("root.der"), der = pki_text("good.pkcs8.der");
    for (const char* label : {"PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"}) {
        for (const std::string& inside : {certificate, der.substr(0, der.size() / 2)}) {
            const std::string pem = tlsxx::to_pem(label, bytes_of(inside));
            server->load_cert_chain({.certfile = pki("good-chain.pem"), .keydata = pem}, ec);
            CHECK(ec == errc::bad_private_key);
            CHECK_THAT(server->last_error().what(), ContainsSubstring("keydata"));
        }
    }
    CHECK_THAT(served(on, *server), ContainsSubstring("CN=good"));
}

ENGINE_CASE("identity: another one for a key of the same type takes the place of the first", "") {
    const auto server = make_server(on);
    std::error_code ec;
    server->load_cert_chain(
        {.certfile = pki("root-issued-chain.pem"), .keyfile = pki("root-issued.key")}, ec);
    REQUIRE_FALSE(ec);
    connection c{*make_client(on), *server};
    c.up();
    CHECK_THAT(c.client->peer_certificate()->subject(), ContainsSubstring("CN=root-issued"));
    CHECK(c.client->peer_chain().size() == 1); // and nothing of the first one's chain
}

ENGINE_CASE("identity: a chain that holds more than the path, or not in order, is served as loaded",
            "") {
    const auto server = make_server(on, tlsxx::tls_version::tls_1_3, "");
    std::error_code ec;
    const std::string chain = pki_text("good.pem") + pki_text("other-root.pem") +
                              pki_text("root.pem") + pki_text("intermediate.pem");
    server->load_cert_chain({.keyfile = pki("good.key"), .certdata = chain}, ec);
    REQUIRE_FALSE(ec);
    connection c{*make_client(on), *server};
    c.up();
    CHECK(c.client->peer_chain().size() == 4);
}
