// SPDX-License-Identifier: BSL-1.0
#include <tlsxx/x509/name.hpp>
#include <tlsxx/x509/name_text.hpp>

#include <string>
#include <string_view>

#include <catch2/catch_test_macros.hpp>

#include "support/der_writer.hpp"

using test::attribute;
using test::common_name;
using test::raw;
using test::sequence;
using test::set;
using test::tlv;
using tlsxx::x509::is_name;
using tlsxx::x509::name_text;
using tlsxx::x509::names_equal;

namespace {

test::der cn(const test::der& value) {
    return sequence(set(attribute("2.5.4.3", value)));
}

bool same(const test::der& a, const test::der& b) {
    const bool result = names_equal(cn(a), cn(b));
    CHECK(names_equal(cn(b), cn(a)) == result);
    return result;
}

} // namespace

TEST_CASE("names are compared in their normal form", "[x509][name]") {
    CHECK(same(test::utf8("Example CA"), test::utf8("example ca")));
    CHECK(same(test::utf8("Example CA"), test::printable("EXAMPLE CA")));
    CHECK(same(test::utf8("Example  \t CA"), test::printable(" Example CA  ")));
    CHECK(same(test::utf8(""), test::utf8("   ")));
    CHECK(same(test::utf8("Köln"), tlv(0x14, raw({'K', 0xF6, 'l', 'n'}))));
    CHECK(same(test::utf8("Köln"), tlv(0x1E, raw({0, 'K', 0, 0xF6, 0, 'l', 0, 'n'}))));
    CHECK(same(test::utf8("aß"), tlv(0x1C, raw({0, 0, 0, 'a', 0, 0, 0, 0xDF}))));
    CHECK(same(tlv(0x1A, test::text_bytes("a")), test::ia5("A")));

    CHECK_FALSE(same(test::utf8("Example CA"), test::utf8("ExampleCA")));
    CHECK_FALSE(same(test::utf8("Example"), test::utf8("Example 2")));
    CHECK_FALSE(same(test::utf8("Ö"), test::utf8("ö"))); // only ASCII letters lose their case
    CHECK_FALSE(same(test::utf8("a"), test::utf8("")));
    CHECK_FALSE(same(test::utf8("a"), tlv(0x12, test::text_bytes("a")))); // NumericString
    CHECK_FALSE(same(test::utf8("a"), test::octets(test::text_bytes("a"))));
    CHECK(same(test::octets(raw({1, 2})), test::octets(raw({1, 2}))));
}

TEST_CASE("strings that are not what their type says equal only themselves", "[x509][name]") {
    const test::der broken[] = {
        test::utf8("\xC0\x80"),
        test::utf8("\xE0\x80\x80"),
        test::utf8("\xED\xA0\x80"),
        test::utf8("\xC3"),
        test::utf8("\xF5\x80\x80\x80"),
        test::utf8("\xF0\x80\x80\x80"),
        test::utf8("\x80"),
        tlv(0x1E, raw({0})),
        tlv(0x1C, raw({0, 0x11, 0, 0})),
        test::ia5("\xE4"),
        tlv(0x1E, raw({0xD8, 0x00})),
    };
    for (const auto& value : broken) {
        CHECK(same(value, value));
        CHECK_FALSE(same(value, test::utf8("")));
        CHECK_FALSE(same(value, test::utf8("\xEF\xBF\xBD")));
        CHECK(name_text(cn(value)).substr(0, 4) == "CN=#");
    }
    CHECK_FALSE(same(broken[0], broken[1]));
}

TEST_CASE("the order inside a relative name does not count", "[x509][name]") {
    const auto a = common_name("a");
    const auto b = attribute("2.5.4.10", test::utf8("b"));
    CHECK(names_equal(sequence(set(a, b)), sequence(set(b, a))));
    CHECK_FALSE(names_equal(sequence(set(a, b)), sequence(set(a), set(b))));
    CHECK_FALSE(names_equal(sequence(set(a), set(b)), sequence(set(b), set(a))));
    CHECK_FALSE(names_equal(sequence(set(a, a)), sequence(set(a, b))));
    CHECK_FALSE(names_equal(sequence(set(a, b)), sequence(set(a, a))));
    CHECK_FALSE(names_equal(sequence(set(a)), sequence(set(a, b))));
    CHECK_FALSE(names_equal(sequence(set(a)), sequence(set(a), set(b))));
    CHECK(names_equal(sequence(set(a, common_name("x"))), sequence(set(common_name("X"), a))));
    CHECK_FALSE(
        names_equal(cn(test::utf8("a")), sequence(set(attribute("2.5.4.10", test::utf8("a"))))));
}

TEST_CASE("a relative name of very many attributes is compared as bytes", "[x509][name]") {
    test::der many;
    for (int i = 0; i < 17; ++i)
        many = test::join(many, common_name("x" + std::to_string(i)));
    test::der turned = common_name("x16");
    for (int i = 0; i < 16; ++i)
        turned = test::join(turned, common_name("x" + std::to_string(i)));
    CHECK(names_equal(sequence(set(many)), sequence(set(many))));
    CHECK_FALSE(names_equal(sequence(set(many)), sequence(set(turned))));
}

TEST_CASE("what a name is", "[x509][name]") {
    CHECK(is_name(sequence(test::der{})));
    CHECK(is_name(test::name("x")));
    CHECK(tlsxx::x509::name_empty(sequence(test::der{})));
    CHECK_FALSE(tlsxx::x509::name_empty(test::name("x")));
    CHECK_FALSE(is_name({}));
    CHECK_FALSE(is_name(set(common_name("x"))));
    CHECK_FALSE(is_name(sequence(sequence(common_name("x")))));
    CHECK_FALSE(is_name(sequence(set(set(test::oid("2.5.4.3"), test::utf8("x"))))));
    CHECK_FALSE(is_name(sequence(set(sequence(test::oid("2.5.4.3"))))));
    CHECK_FALSE(is_name(sequence(set(sequence(test::utf8("x"), test::oid("2.5.4.3"))))));
    CHECK_FALSE(
        is_name(sequence(set(sequence(test::oid("2.5.4.3"), test::utf8("x"), test::null())))));
    CHECK_FALSE(is_name(test::join(test::name("x"), raw({0}))));
    CHECK_FALSE(names_equal({}, test::name("x")));
    CHECK_FALSE(names_equal(test::name("x"), raw({0x30, 0x05})));
}

TEST_CASE("names as text, most specific part first", "[x509][name]") {
    const auto full = sequence(set(attribute("2.5.4.6", test::printable("GB"))),
                               set(attribute("2.5.4.10", test::utf8("Example, Inc."))),
                               set(common_name("www.example.org"),
                                   attribute("1.2.840.113549.1.9.1", test::ia5("a@example.org"))));
    CHECK(name_text(full) ==
          "CN=www.example.org+emailAddress=a@example.org, O=Example\\, Inc., C=GB");
    CHECK(name_text(sequence(test::der{})).empty());
    CHECK(name_text(raw({0x30, 0x09})) == "(malformed name)");
    CHECK(name_text({}) == "(malformed name)");
    CHECK(name_text(sequence(set(attribute("1.2.3.4", test::utf8("x"))))) == "1.2.3.4=x");
    CHECK(name_text(sequence(set(attribute("2.999.1", test::utf8("x"))))) == "2.999.1=x");
    CHECK(name_text(cn(test::integer(5))) == "CN=#020105");
    CHECK(name_text(sequence(set(attribute("0.9.2342.19200300.100.1.25", test::ia5("org"))))) ==
          "DC=org");
    CHECK(name_text(cn(test::utf8(" a\"b\\c;d<e>f+g#h "))) ==
          "CN=\\ a\\\"b\\\\c\\;d\\<e\\>f\\+g#h\\ ");
    CHECK(name_text(cn(test::utf8("#x"))) == "CN=\\#x");
    CHECK(name_text(cn(test::utf8(" "))) == "CN=\\ ");
    CHECK(name_text(cn(test::utf8("Köln 東京"))) == "CN=Köln 東京");
    CHECK(name_text(cn(tlv(0x14, raw({'K', 0xF6})))) == "CN=Kö");
    // An arc of more bits than any number here has
    CHECK(name_text(sequence(set(sequence(
              tlv(0x06, raw({0x2A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F})),
              test::utf8("x"))))) == "1.2.?=x");
}

TEST_CASE("a hostile name cannot write to a terminal", "[x509][name]") {
    using namespace std::string_view_literals;
    CHECK(name_text(cn(test::utf8("a\x1B[2Jb\r\n\tc"))) == "CN=a\\1B[2Jb\\0D\\0A\\09c");
    CHECK(name_text(cn(test::utf8("null\0x"sv))) == "CN=null\\00x");
    CHECK(name_text(cn(test::utf8("\x7F"))) == "CN=\\7F");
    CHECK(name_text(cn(test::utf8("\xC2\x9B"))) == "CN=\\C2\\9B"); // C1 control
    CHECK(name_text(cn(tlv(0x14, raw({0x9B})))) == "CN=\\C2\\9B"); // as Latin-1
    CHECK(name_text(cn(test::utf8("\xE2\x80\xAE"
                                  "x"))) == "CN=\\E2\\80\\AEx");           // right to left
    CHECK(name_text(cn(test::utf8("\xE2\x80\x8B"))) == "CN=\\E2\\80\\8B"); // no width
    CHECK(name_text(cn(test::utf8("\xF3\xA0\x80\xA0"))) == "CN=\\F3\\A0\\80\\A0");
    for (int b = 0; b < 256; ++b) {
        const std::string text = name_text(cn(tlv(0x14, raw({b}))));
        for (const char c : text)
            CHECK((static_cast<unsigned char>(c) >= 0x20 && c != 0x7F));
    }
}

TEST_CASE("the text of a long name is bounded", "[x509][name]") {
    const std::string long_value(50000, 'x');
    const std::string text = name_text(test::name(long_value));
    CHECK(text.size() < 1100);
    CHECK(text.substr(text.size() - 3) == "...");
    CHECK(name_text(cn(test::octets(test::der(50000, std::byte{7})))).size() < 1100);

    test::der many;
    for (int i = 0; i < 5000; ++i) {
        const auto one = set(common_name(std::to_string(i)));
        many.insert(many.end(), one.begin(), one.end());
    }
    const std::string parts = name_text(sequence(many));
    CHECK(parts.substr(0, 16) == "CN=4999, CN=4998");
    CHECK(parts.size() < 1100);
    CHECK(parts.substr(parts.size() - 3) == "...");

    CHECK(name_text(sequence(test::der(20000, std::byte{0}))) == "(malformed name)");
    test::der empties;
    for (int i = 0; i < 10000; ++i) {
        empties.push_back(std::byte{0x31});
        empties.push_back(std::byte{0x00});
    }
    CHECK(name_text(sequence(empties)).empty());
}
