// SPDX-License-Identifier: BSL-1.0
#include <tlsxx/x509/host_name.hpp>

#include <array>
#include <string>
#include <string_view>

#include <catch2/catch_test_macros.hpp>

#include "support/der_writer.hpp"

#if defined(__unix__) || defined(__APPLE__)
#include <arpa/inet.h>
#endif

using namespace std::string_view_literals;
using tlsxx::verify_code;
using tlsxx::x509::certificate_view;
using tlsxx::x509::host_name_error;
using tlsxx::x509::reference_identity;

namespace {

struct subject {
    test::der der;
    explicit subject(const test::certificate& c) : der(c.build()) {}

    verify_code code(std::string_view host, bool common_name = false) const {
        const auto view = certificate_view::parse(der);
        REQUIRE(view);
        return tlsxx::x509::match(*view, reference_identity(host), common_name);
    }
    bool is_for(std::string_view host, bool common_name = false) const {
        const verify_code result = code(host, common_name);
        if (result == verify_code::ok)
            return true;
        const bool ip = reference_identity(host).is_ip();
        CHECK(result == (ip ? verify_code::ip_address_mismatch : verify_code::hostname_mismatch));
        return false;
    }
};

// A certificate whose names are in the subject alternative name alone.
template <class... Names>
subject with_names(const Names&... names) {
    return subject({.subject = test::name(""), .extensions = {test::alt_names(names...)}});
}
subject with_dns(std::string_view name) {
    return with_names(test::dns(name));
}
// One whose only name is a common name.
subject with_common_name(std::string_view name) {
    return subject({.subject = test::name(name)});
}

} // namespace

TEST_CASE("exact names", "[x509][host_name]") {
    const auto c = with_dns("example.com");
    CHECK(c.is_for("example.com"));
    CHECK(c.is_for("ExAmple.cOm"));
    CHECK(c.is_for("example.com."));
    for (const auto host : {"www.example.com", "example.org", "exampleXcom", "com", "xexample.com",
                            "example.comx", "example.com..", ".example.com"}) {
        CAPTURE(host);
        CHECK_FALSE(c.is_for(host));
    }
    CHECK(with_dns("EXAMPLE.com").is_for("example.com"));
    CHECK(with_dns("_dmarc.example.com").is_for("_dmarc.example.com"));
    CHECK(with_dns("localhost").is_for("localhost"));
    CHECK(with_dns("meter-17").is_for("meter-17"));
    CHECK_FALSE(with_dns("example.com.").is_for("example.com"));
    CHECK_FALSE(with_dns("").is_for("example.com"));
    CHECK_FALSE(with_dns("example.com ").is_for("example.com"));
}

TEST_CASE("wildcards", "[x509][host_name]") {
    struct vector {
        std::string_view pattern;
        std::string_view host;
        bool matches;
    };
    // Python's, CPython test_ssl's and our own engine study's vectors.
    static const vector vectors[] = {
        {"*.leaf.test", "a.leaf.test", true},
        {"*.leaf.test", "A.LEAF.test", true},
        {"*.leaf.test", "a.leaf.test.", true},
        {"*.leaf.test", "leaf.test", false},
        {"*.leaf.test", "a.b.leaf.test", false},
        {"*.leaf.test", ".leaf.test", false},
        {"*.leaf.test", "xn--knig-5qa.leaf.test", true},
        {"*.leaf.test", "*.leaf.test", false},
        {"*.test", "leaf.test", false},
        {"*.test", "test", false},
        {"*.com", "com", false},
        {"f*.leaf.test", "foo.leaf.test", false},
        {"*o.leaf.test", "foo.leaf.test", false},
        {"f*o.leaf.test", "foo.leaf.test", false},
        {"a.*.test", "a.b.test", false},
        {"a.*.leaf.test", "a.b.leaf.test", false},
        {"*", "leaf", false},
        {"*", "leaf.test", false},
        {"*.*", "leaf.test", false},
        {"*.*.leaf.test", "a.b.leaf.test", false},
        {"**.leaf.test", "a.leaf.test", false},
        {"*..leaf.test", "a..leaf.test", false},
        {"*.", "a.", false},
        {"*.leaf.test.", "a.leaf.test", false},
        {"*.leaf.-test", "a.leaf.-test", false},
        {"*.leaf-.test", "a.leaf-.test", false},
        {"*.le_af.test", "a.le_af.test", false},
        {"*.leaf.test", "a_b.leaf.test", false},
        {"*.leaf.test", "a-b.leaf.test", true},
        {"*.a.com", "foo.a.com", true},
        {"*.a.com", "bar.foo.a.com", false},
        {"*.a.com", "a.com", false},
        {"*.a.com", "Xa.com", false},
        {"*.a.com", ".a.com", false},
        {"f*.com", "foo.com", false},
        {"f*.com", "f.com", false},
        {"f*.com", "bar.com", false},
        {"f*.com", "foo.a.com", false},
        {"f*.com", "bar.foo.com", false},
        {"*.*.a.com", "bar.foo.a.com", false},
        {"*.*.a.com", "a.com", false},
        {"*.*.a.com", "Xa.com", false},
        {"a.*.com", "a.foo.com", false},
        {"a.*.com", "a..com", false},
        {"a.*.com", "a.com", false},
        {"a*b.example.com", "axxb.example.com", false},
        {"a*b.example.co", "axxb.example.co", false},
        {"www.*.example.com", "www.sub.example.com", false},
        {"a*b*.example.com", "axxbxxc.example.com", false},
        {"xn--pthon-kva.python.org", "xn--pthon-kva.python.org", true},
        {"x*.python.org", "xn--pthon-kva.python.org", false},
        {"xn--p*.python.org", "xn--pthon-kva.python.org", false},
        {"www*.xn--pythn-mua.org", "www.xn--pythn-mua.org", false},
        {"www*.xn--pythn-mua.org", "www1.xn--pythn-mua.org", false},
        {"www*.xn--pythn-mua.org", "ftp.xn--pythn-mua.org", false},
        {"www*.xn--pythn-mua.org", "xn--pythn-mua.org", false},
    };
    for (const vector& v : vectors) {
        CAPTURE(v.pattern, v.host);
        CHECK(with_dns(v.pattern).is_for(v.host) == v.matches);
        CHECK(with_common_name(v.pattern).is_for(v.host, true) == v.matches);
        CHECK_FALSE(with_common_name(v.pattern).is_for(v.host));
    }
}

TEST_CASE("an embedded NUL ends no name", "[x509][host_name]") {
    const auto tricky = "null.python.org\0example.org"sv;
    for (const auto& c : {with_dns(tricky), with_common_name(tricky)}) {
        CHECK_FALSE(c.is_for("null.python.org", true));
        CHECK_FALSE(c.is_for("example.org", true));
    }
    CHECK(reference_identity(tricky).error() == host_name_error::embedded_nul);
    CHECK_FALSE(with_dns(tricky).is_for(tricky));
}

TEST_CASE("IP addresses match IP entries only", "[x509][host_name]") {
    const auto c = with_names(test::dns("example.com"), test::ip({10, 11, 12, 13}),
                              test::ip({14, 15, 16, 17}), test::ip({127, 0, 0, 1}));
    CHECK(c.is_for("10.11.12.13"));
    CHECK(c.is_for("14.15.16.17"));
    CHECK(c.is_for("127.0.0.1"));
    CHECK(c.is_for("example.com"));
    for (const auto host : {"127.1", "14.15.16.17 ", "14.15.16.17 extra data", "14.15.16.18",
                            "14.15.16", "example.net", "014.15.16.17", "::ffff:14.15.16.17"}) {
        CAPTURE(host);
        CHECK_FALSE(c.is_for(host));
    }

    const auto six =
        with_names(test::ip({0x20, 0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xCA, 0xFE}),
                   test::ip({0x20, 0x03, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xBA, 0xBA}));
    CHECK(six.is_for("2001::cafe"));
    CHECK(six.is_for("2001:0:0:0:0:0:0:CAFE"));
    CHECK(six.is_for("2003::baba"));
    for (const auto host : {"2003::baba ", "2003::baba extra data", "2003::bebe", "example.net",
                            "[2003::baba]", "2003::baba%eth0", "2003::baba."}) {
        CAPTURE(host);
        CHECK_FALSE(six.is_for(host));
    }

    CHECK_FALSE(with_dns("127.0.0.1").is_for("127.0.0.1", true));
    CHECK_FALSE(with_common_name("127.0.0.1").is_for("127.0.0.1", true));
    CHECK_FALSE(with_names(test::uri("127.0.0.1")).is_for("127.0.0.1", true));
    CHECK_FALSE(with_names(test::ip({10, 0, 0})).is_for("10.0.0.0"));
    CHECK_FALSE(with_names(test::ip({127, 0, 0, 1, 255, 255, 255, 255})).is_for("127.0.0.1"));
    CHECK_FALSE(with_names(test::ip({127, 0, 0, 1})).is_for("localhost"));
}

TEST_CASE("text that looks like an address but is none matches nothing", "[x509][host_name]") {
    for (const auto host : {"1.2.3", "127.1", "[::1]", "fe80::1%eth0", "256.0.0.1", "1",
                            "127.0.0.1/24", "a b", "1.2.3.4.5", "0x7f.1.2.3", "x:y"}) {
        CAPTURE(host);
        const reference_identity identity(host);
        CHECK(identity.error() == host_name_error::none);
        CHECK_FALSE(identity.is_ip());
        CHECK_FALSE(identity.matchable());
        CHECK_FALSE(with_dns(host).is_for(host));
        CHECK_FALSE(with_common_name(host).is_for(host, true));
    }
}

TEST_CASE("other kinds of names are not host names", "[x509][host_name]") {
    CHECK_FALSE(with_names(test::uri("leaf.test")).is_for("leaf.test", true));
    CHECK_FALSE(with_names(test::uri("https://leaf.test/")).is_for("leaf.test", true));
    CHECK_FALSE(with_names(test::email("leaf.test")).is_for("leaf.test", true));
    CHECK_FALSE(with_names(test::other_name("leaf.test")).is_for("leaf.test", true));
}

TEST_CASE("the common name counts only without DNS and IP entries", "[x509][host_name]") {
    const auto named = [](auto... names) {
        return subject(
            {.subject = test::name("leaf.test"), .extensions = {test::alt_names(names...)}});
    };
    CHECK(with_common_name("leaf.test").is_for("leaf.test", true));
    CHECK_FALSE(with_common_name("leaf.test").is_for("leaf.test", false));
    CHECK(named(test::email("a@leaf.test")).is_for("leaf.test", true));
    CHECK(named(test::uri("https://x.test/")).is_for("leaf.test", true));
    CHECK(named(test::other_name("x")).is_for("leaf.test", true));
    CHECK_FALSE(named(test::dns("other.test")).is_for("leaf.test", true));
    CHECK_FALSE(named(test::ip({1, 2, 3, 4})).is_for("leaf.test", true));

    // CPython's vectors
    const subject french(
        {.subject = test::name("linuxfrz.org"),
         .extensions = {test::alt_names(test::dns("linuxfr.org"), test::dns("linuxfr.com"),
                                        test::other_name("<unsupported>"))}});
    CHECK(french.is_for("linuxfr.org", true));
    CHECK(french.is_for("linuxfr.com", true));
    CHECK_FALSE(french.is_for("<unsupported>", true));
    CHECK_FALSE(french.is_for("linuxfrz.org", true));

    const auto place =
        test::sequence(test::set(test::attribute("2.5.4.6", test::printable("US"))),
                       test::set(test::attribute("2.5.4.8", test::utf8("California"))),
                       test::set(test::common_name("mail.google.com")));
    const subject google({.subject = place});
    CHECK(google.is_for("mail.google.com", true));
    CHECK_FALSE(google.is_for("gmail.com", true));
    CHECK_FALSE(google.is_for("California", true));

    const subject nameless({.subject = test::sequence(
                                test::set(test::attribute("2.5.4.8", test::utf8("California"))))});
    CHECK_FALSE(nameless.is_for("mail.google.com", true));
    const subject only_other(
        {.subject = test::name(""), .extensions = {test::alt_names(test::other_name("x"))}});
    CHECK_FALSE(only_other.is_for("google.com", true));
}

TEST_CASE("common names of every string type", "[x509][host_name]") {
    const auto typed = [](const test::der& value) {
        return subject({.subject = test::sequence(test::set(test::attribute("2.5.4.3", value)))});
    };
    CHECK(typed(test::printable("leaf.test")).is_for("leaf.test", true));
    CHECK(typed(test::ia5("leaf.test")).is_for("leaf.test", true));
    CHECK(typed(test::tlv(0x14, test::text_bytes("leaf.test"))).is_for("leaf.test", true));
    CHECK(typed(test::tlv(0x1E, test::raw({0, 'a', 0, '.', 0, 'b'}))).is_for("a.b", true));
    CHECK_FALSE(typed(test::tlv(0x1E, test::raw({0, 'a', 0, '.', 1, 'b'}))).is_for("a.b", true));
    CHECK_FALSE(typed(test::octets(test::text_bytes("leaf.test"))).is_for("leaf.test", true));
    CHECK_FALSE(typed(test::utf8(" leaf.test")).is_for("leaf.test", true));
    // One of several is enough.
    const subject two({.subject = test::sequence(test::set(test::common_name("a.test")),
                                                 test::set(test::common_name("b.test")))});
    CHECK(two.is_for("a.test", true));
    CHECK(two.is_for("b.test", true));
    const std::string longest = std::string(63, 'a') + '.' + std::string(63, 'b') + '.' +
                                std::string(63, 'c') + '.' + std::string(61, 'd');
    CHECK(typed(test::utf8(longest)).is_for(longest, true));
    CHECK_FALSE(typed(test::utf8(longest + "d")).is_for(longest, true));
}

TEST_CASE("a malformed subject alternative name matches nothing", "[x509][host_name]") {
    const auto with_value = [](const test::der& value) {
        return subject({.subject = test::name("leaf.test"),
                        .extensions = {test::extension("2.5.29.17", false, value)}});
    };
    const auto good = test::dns("leaf.test");
    CHECK(with_value(test::sequence(good)).is_for("leaf.test", true));
    CHECK_FALSE(with_value(test::sequence(good, test::null())).is_for("leaf.test", true));
    CHECK_FALSE(with_value(test::join(test::sequence(good), test::null())).is_for("leaf.test"));
    CHECK_FALSE(with_value({}).is_for("leaf.test", true));
    CHECK_FALSE(with_value(test::sequence(test::raw({0x82, 0x05, 'x'}))).is_for("leaf.test", true));
    CHECK_FALSE(with_value(good).is_for("leaf.test", true));
}

TEST_CASE("host names that are errors", "[x509][host_name]") {
    using enum host_name_error;
    struct vector {
        std::string host;
        host_name_error error;
    };
    const std::string label(63, 'a');
    const vector vectors[] = {
        {"", empty},
        {".", empty},
        {"..", leading_dot},
        {".leaf.test", leading_dot},
        {".a", leading_dot},
        {"a..b", empty_label},
        {"a..", empty_label},
        {std::string("a\0b", 3), embedded_nul},
        {std::string("\0", 1), embedded_nul},
        {"leaf.test\xC3\xA9", not_ascii},
        {"k\xF6nig.test", not_ascii},
        {label + ".test", none},
        {label + "a.test", label_too_long},
        {label + '.' + label + '.' + label + '.' + std::string(61, 'a'), none},
        {label + '.' + label + '.' + label + '.' + std::string(61, 'a') + '.', none},
        {label + '.' + label + '.' + label + '.' + std::string(62, 'a'), too_long},
        {std::string(100000, 'a'), label_too_long},
        {"leaf.test", none},
        {"leaf.test.", none},
        {"127.0.0.1", none},
        {"*.x", none},
        {"_x", none},
        {"a b", none},
    };
    for (const vector& v : vectors) {
        CAPTURE(v.host);
        const reference_identity identity(v.host);
        CHECK(identity.error() == v.error);
        CHECK(static_cast<bool>(identity) == (v.error == none));
        if (v.error == none)
            continue;
        CHECK(identity.name().empty());
        CHECK(identity.sni().empty());
        CHECK_FALSE(identity.matchable());
        CHECK_FALSE(tlsxx::x509::message(v.error).empty());
    }
    CHECK(reference_identity().error() == empty);
}

TEST_CASE("what is sent as the server name", "[x509][host_name]") {
    CHECK(reference_identity("leaf.test").sni() == "leaf.test");
    CHECK(reference_identity("Leaf.Test.").sni() == "Leaf.Test");
    CHECK(reference_identity("xn--knig-5qa").sni() == "xn--knig-5qa");
    for (const auto host : {"127.0.0.1", "::1", "[::1]", "fe80::1%eth0", "a b", "a\r\nb"}) {
        CAPTURE(host);
        CHECK(reference_identity(host).sni().empty());
        CHECK(reference_identity(host).name() == host);
    }
    // A copy does not look into the original.
    auto original = reference_identity("leaf.test");
    const auto copy = original;
    original = reference_identity("other.test");
    CHECK(copy.name() == "leaf.test");
    static_assert(reference_identity("leaf.test").matchable());
}

TEST_CASE("IP literals are exactly those of inet_pton", "[x509][ip]") {
    tlsxx::x509::ip_address address;
    for (const auto text : {"127.0.0.1", "192.168.0.1", "0.0.0.0", "255.255.255.255", "::1",
                            "::", "2001:db8:85a3::8a2e:370:7334", "1:2:3:4:5:6:7:8", "1::", "::8",
                            "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "::ffff:1.2.3.4",
                            "1:2:3:4:5:6:1.2.3.4", "ABCD::ef01", "64:ff9b::192.0.2.33"}) {
        CAPTURE(text);
        CHECK(tlsxx::x509::parse_ip(text, address));
    }
    for (const auto text : {"1",
                            "",
                            "1.2.3",
                            "256.0.0.1",
                            "127.0.0.1/24",
                            "01.2.3.4",
                            "1.2.3.4.",
                            ".1.2.3.4",
                            "1..3.4",
                            "1.2.3.4.5",
                            " 1.2.3.4",
                            "1.2.3.4 ",
                            "0x1.2.3.4",
                            "1.2.3.-4",
                            "1.2.3.0004",
                            ":",
                            ":::",
                            "1:",
                            ":1",
                            "1:2:3:4:5:6:7",
                            "1:2:3:4:5:6:7:8:9",
                            "1::2::3",
                            "12345::",
                            "g::",
                            "::1%lo",
                            "[::1]",
                            "1:2:3:4::5:6:7:8",
                            "::1.2.3",
                            "::1.2.3.4:5",
                            "1.2.3.4::",
                            "1:2:3:4:5:6:7:1.2.3.4",
                            "::1 ",
                            "1:::2",
                            "2001:db8::1/64",
                            "::00001"}) {
        CAPTURE(text);
        CHECK_FALSE(tlsxx::x509::parse_ip(text, address));
        CHECK(address.size == 0);
    }
}

#if defined(__unix__) || defined(__APPLE__)
TEST_CASE("agreement with inet_pton on made-up text", "[x509][ip]") {
    // A small generator of our own, so that a failure can be repeated.
    std::uint32_t state = 12345;
    const auto random = [&](std::uint32_t below) {
        state = state * 1664525U + 1013904223U;
        return (state >> 16U) % below;
    };
    const std::string_view pieces[] = {
        "0", "1",  "12", "255", "256", "00", "ff", "FFFF", "12345",   ":",       ":",
        ":", "::", ".",  ".",   ".",   "g",  "%",  " ",    "1.2.3.4", "1:2:3:4", "a:b:c"};
    int accepted = 0;
    for (int round = 0; round < 200000; ++round) {
        std::string text;
        for (std::uint32_t n = 1 + random(8); n != 0; --n) {
            text += pieces[random(static_cast<std::uint32_t>(std::size(pieces)))];
        }
        std::array<std::byte, 16> expected{};
        const bool four = ::inet_pton(AF_INET, text.c_str(), expected.data()) == 1;
        const bool six = !four && ::inet_pton(AF_INET6, text.c_str(), expected.data()) == 1;
        tlsxx::x509::ip_address address;
        const bool ours = tlsxx::x509::parse_ip(text, address);
        if (ours != (four || six) || (ours && address.size != (four ? 4U : 16U)) ||
            (ours && address.octets != expected)) {
            CAPTURE(text);
            FAIL("inet_pton says otherwise");
        }
        accepted += ours ? 1 : 0;
    }
    CHECK(accepted > 1000);
}

TEST_CASE("IPv6 addresses as text", "[x509][ip]") {
    for (const auto text : {"::", "::1", "1::", "2001:db8::1", "2001:db8:0:1:1:1:1:1", "1:0:0:2::3",
                            "fe80::a:b", "1:2:3:4:5:6:7:8", "::2:3:4:5:6:7", "10.0.255.1"}) {
        tlsxx::x509::ip_address address;
        REQUIRE(tlsxx::x509::parse_ip(text, address));
        CHECK(tlsxx::x509::ip_text(address.data()) == text);
    }
    CHECK(tlsxx::x509::ip_text(test::raw({1, 2, 3})).empty());
}
#endif
