// SPDX-License-Identifier: BSL-1.0
#include <tlsxx/pem.hpp>

#include <string>
#include <string_view>

#include <catch2/catch_test_macros.hpp>

#include "support/der_writer.hpp"
#include "x509/real_certificates.hpp"

using tlsxx::pem_error;
using tlsxx::pem_scanner;

namespace {

struct outcome {
    std::size_t blocks = 0;
    pem_error error = pem_error::none;
    std::size_t line = 0;
    std::size_t block = 0;
    test::der data;
};

outcome scan(std::string_view text) {
    outcome out;
    pem_scanner scanner(text);
    while (auto block = scanner.next()) {
        ++out.blocks;
        CHECK(block->index == out.blocks);
        out.data = block->data;
    }
    out.error = scanner.error();
    out.line = scanner.error_line();
    out.block = scanner.error_block();
    CHECK_FALSE(scanner.next()); // and stays so
    return out;
}

void fails(std::string_view text, pem_error error, std::size_t line, std::size_t block) {
    CAPTURE(text);
    const outcome result = scan(text);
    CHECK(result.error == error);
    CHECK(result.line == line);
    CHECK(result.block == block);
    CHECK(result.blocks + 1 == block);
    CHECK_FALSE(tlsxx::message(error).empty());
}

std::string block_of(std::string_view body) {
    return "-----BEGIN X-----\n" + std::string(body) + "-----END X-----\n";
}

} // namespace

TEST_CASE("a bundle with text around its blocks", "[pem]") {
    const std::string text = "# my bundle: keep\n\nsubject=CN = x\n" + std::string(test::root_pem) +
                             "text between\n-----END of nothing\n" + std::string(test::leaf_pem) +
                             "the end";
    pem_scanner scanner(text);
    const auto first = scanner.next();
    REQUIRE(first);
    CHECK(first->label == "CERTIFICATE");
    CHECK(first->index == 1);
    CHECK(first->line == 4);
    CHECK(first->headers.empty());
    CHECK(std::string(first->text) + "\n" == test::root_pem);
    CHECK(tlsxx::to_pem(first->label, first->data) == test::root_pem);
    const auto second = scanner.next();
    REQUIRE(second);
    CHECK(second->index == 2);
    CHECK(tlsxx::to_pem(second->label, second->data) == test::leaf_pem);
    CHECK_FALSE(scanner.next());
    CHECK(scanner.error() == pem_error::none);
    CHECK(scanner.error_line() == 0);
    CHECK(scanner.error_block() == 0);
}

TEST_CASE("text without blocks is no error", "[pem]") {
    for (const std::string_view text : {"", "\n", "hello", "-----END X-----\n", "-----\n",
                                        " -----BEGIN X-----\n", "--BEGIN X--"}) {
        CAPTURE(text);
        CHECK(scan(text).blocks == 0);
        CHECK(scan(text).error == pem_error::none);
    }
}

TEST_CASE("line ends, white space and a byte order mark", "[pem]") {
    const test::der hello = test::text_bytes("hello");
    for (const std::string_view text :
         {"-----BEGIN X-----\naGVsbG8=\n-----END X-----\n",
          "-----BEGIN X-----\naGVsbG8=\n-----END X-----",
          "-----BEGIN X-----\r\naGVsbG8=\r\n-----END X-----\r\n",
          "-----BEGIN X-----  \t\naGVsbG8= \n-----END X----- \n",
          "-----BEGIN X-----\n\n aGVs\nbG8=\n\n-----END X-----\n",
          "-----BEGIN X-----\na\nGVsb\nG8\n=\n-----END X-----\n",
          "\xEF\xBB\xBF-----BEGIN X-----\naGVsbG8=\n-----END X-----\n"}) {
        CAPTURE(text);
        const outcome result = scan(text);
        CHECK(result.error == pem_error::none);
        CHECK(result.blocks == 1);
        CHECK(result.data == hello);
    }
}

TEST_CASE("headers of encrypted keys", "[pem]") {
    const std::string text = "-----BEGIN RSA PRIVATE KEY-----\n"
                             "Proc-Type: 4,ENCRYPTED\n"
                             "DEK-Info: AES-128-CBC,0011223344556677\n"
                             " 8899AABBCCDDEEFF\n"
                             "\n"
                             "aGVsbG8=\n"
                             "-----END RSA PRIVATE KEY-----\n";
    pem_scanner scanner(text);
    const auto block = scanner.next();
    REQUIRE(block);
    CHECK(block->headers == "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0011223344556677\n"
                            " 8899AABBCCDDEEFF");
    CHECK(block->data == test::text_bytes("hello"));
    CHECK(block->text.size() + 1 == text.size());

    fails("-----BEGIN X-----\nProc-Type: 4,ENCRYPTED\naGVsbG8=\n-----END X-----\n",
          pem_error::bad_header, 1, 1);
    // Only at the start of a block.
    fails(block_of("aGVs\nProc-Type: 4\n\nbG8=\n"), pem_error::bad_base64, 3, 1);
}

TEST_CASE("errors name block and line", "[pem]") {
    const std::string good = block_of("aGVs\n");
    fails("-----BEGIN X-----\naGVs\n", pem_error::unterminated_block, 1, 1);
    fails("x\n-----BEGIN X-----\naGVs\n" + good, pem_error::unterminated_block, 2, 1);
    fails(good + "-----BEGIN X-----", pem_error::unterminated_block, 4, 2);
    fails("-----BEGIN X-----\naGVs\n-----END Y-----\n", pem_error::label_mismatch, 3, 1);
    fails("-----BEGIN X-----\naGVs\n-----END X----\n", pem_error::label_mismatch, 3, 1);
    fails("-----BEGIN X-----\naGVs\n-----END X-----junk\n", pem_error::label_mismatch, 3, 1);
    fails("-----BEGIN X----\naGVs\n-----END X-----\n", pem_error::malformed_begin, 1, 1);
    fails("-----BEGIN -----\naGVs\n-----END -----\n", pem_error::malformed_begin, 1, 1);
    fails("-----BEGIN X-----\n-----END X-----\n", pem_error::empty_block, 1, 1);
    fails(good + good + "\n-----BEGIN X-----\n\n-----END X-----\n", pem_error::empty_block, 8, 3);
}

TEST_CASE("base64 is read strictly", "[pem]") {
    CHECK(scan(block_of("YQ==\n")).data == test::text_bytes("a"));
    CHECK(scan(block_of("YWI=\n")).data == test::text_bytes("ab"));
    CHECK(scan(block_of("+/+/\n")).data == test::raw({0xFB, 0xFF, 0xBF}));
    for (const std::string_view body :
         {"aGVsbG8\n", "aGVsbG8==\n", "aGVs=\n", "====\n", "=\n", "a===\n", "aGVsb\n", "aG=s\n",
          "YQ==YQ==\n", "YR==\n", "YWJ=\n", "aG*s\n", "aG s\n", "aG-s\n", "aG_s\n", "aG\xC3\xA4s\n",
          "aGVs\n# comment\n", "aGVs\n--\n"}) {
        CAPTURE(body);
        const outcome result = scan(block_of(body));
        CHECK(result.error == pem_error::bad_base64);
        CHECK(result.blocks == 0);
        CHECK(result.block == 1);
    }
    fails(block_of("aGVs\naGVs\n!\n"), pem_error::bad_base64, 4, 1);
    fails(block_of("aGVs\naGV\n"), pem_error::bad_base64, 4, 1);
    const std::string nul("aG\0s\n", 5);
    fails(block_of(nul), pem_error::bad_base64, 2, 1);
}

TEST_CASE("writing and reading back", "[pem]") {
    for (std::size_t size = 1; size < 200; ++size) {
        test::der data;
        for (std::size_t i = 0; i < size; ++i)
            data.push_back(static_cast<std::byte>(i * 37));
        const std::string text = tlsxx::to_pem("THING", data);
        const outcome result = scan(text);
        CHECK(result.error == pem_error::none);
        CHECK(result.data == data);
        CHECK(text.find("-----BEGIN THING-----\n") == 0);
        for (std::size_t at = 0, end = 0; end + 1 < text.size(); at = end + 1) {
            end = text.find('\n', at);
            CHECK(end - at <= 64);
        }
    }
    CHECK(tlsxx::to_pem("X", test::text_bytes("hello")) ==
          "-----BEGIN X-----\naGVsbG8=\n-----END X-----\n");
}

TEST_CASE("every cut and every changed byte of a PEM text is survived", "[pem]") {
    const std::string text = std::string(test::v1_pem) + std::string(test::root_pem);
    for (std::size_t n = 0; n < text.size(); ++n) {
        std::string changed = text.substr(0, n);
        CHECK(scan(changed).blocks <= 2);
        changed = text;
        for (const char c : {'\n', '-', '\0', ':', '=', '\x80'}) {
            changed[n] = c;
            CHECK(scan(changed).blocks <= 2);
        }
    }
}
