// SPDX-License-Identifier: BSL-1.0
#include <tlsxx/x509/certificate.hpp>
#include <tlsxx/x509/policy.hpp>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>

#include <catch2/catch_test_macros.hpp>

#include "support/der_writer.hpp"
#include "x509/real_certificates.hpp"

using namespace tlsxx::x509;

namespace {

test::der from_pem(std::string_view text) {
    auto block = tlsxx::pem_scanner(text).next();
    REQUIRE(block);
    return block->data;
}

tlsxx::certificate parse(std::string_view text) {
    return tlsxx::certificate(from_pem(text));
}

bool parses(const test::certificate& c) {
    return certificate_view::parse(c.build()).has_value();
}

bool malformed(const test::der& extension) {
    const test::der whole = test::certificate{.extensions = {extension}}.build();
    const auto view = certificate_view::parse(whole);
    REQUIRE(view);
    return view->extensions_malformed();
}

// Reads everything that there is to read, in memory of its own so that a sanitizer sees each step
// outside of it.
std::size_t read_all(const test::der& bytes) {
    const auto copy = std::make_unique<std::byte[]>(bytes.size());
    std::copy(bytes.begin(), bytes.end(), copy.get());
    const std::span<const std::byte> span(copy.get(), bytes.size());
    const reference_identity host("leaf.test");
    policy rules;
    rules.now = test::noon;
    rules.name = &host;
    rules.check_common_name = true;
    rules.refuse_name_constraints = true;
    findings out;
    const std::array<tlsxx::x509::bytes, 2> chain{span, span};
    check_chain(rules, chain, false, out);
    const tlsxx::certificate owned(span);
    return out.size() + owned.subject().size() + owned.issuer().size() +
           owned.serial_number().size() + owned.dns_names().size() + owned.ip_addresses().size();
}

} // namespace

TEST_CASE("a leaf made by openssl", "[x509][certificate]") {
    const tlsxx::certificate leaf = parse(test::leaf_pem);
    CHECK(leaf.valid());
    CHECK(leaf.subject() ==
          "emailAddress=who@leaf.test, CN=leaf.test, O=tlsxx\\, tests, ST=Köln, C=DE");
    CHECK(leaf.issuer() == "CN=Intermediate, O=tlsxx tests, C=GB");
    CHECK(leaf.serial_number() == "0123456789ABCDEF0123456789ABCDEF01234567");
    CHECK(leaf.not_before() == 1795229751);
    CHECK(leaf.not_after() == 1795229751 + 36500LL * 86400);
    CHECK(leaf.dns_names() == std::vector<std::string>{"leaf.test", "*.leaf.test"});
    CHECK(leaf.ip_addresses() == std::vector<std::string>{"192.0.2.7", "2001:db8::7"});
    CHECK(leaf.to_pem() == test::leaf_pem);

    const auto view = certificate_view::parse(leaf.der());
    REQUIRE(view);
    CHECK(view->version() == 3);
    CHECK(view->public_key().type == key_type::rsa);
    CHECK(view->public_key().bits == 2048);
    CHECK_FALSE(view->signature_algorithms_differ());
    CHECK(signature_bits(view->signature_algorithm()) == 128);
    CHECK(view->has(extension_kind::basic_constraints));
    CHECK(view->critical(extension_kind::basic_constraints));
    CHECK_FALSE(view->basic_constraints().ca);
    CHECK_FALSE(view->basic_constraints().path_length);
    CHECK(view->may(key_usage_bit::digital_signature));
    CHECK_FALSE(view->may(key_usage_bit::key_cert_sign));
    CHECK_FALSE(view->has_unknown_critical());
    CHECK_FALSE(view->extensions_malformed());
    CHECK(view->subject_key_identifier().size() == 20);
    CHECK(view->authority_key_identifier().size() == 20);
    CHECK_FALSE(view->self_issued());
    CHECK(has_purpose(view->value(extension_kind::ext_key_usage), oids::server_auth));
    CHECK_FALSE(has_purpose(view->value(extension_kind::ext_key_usage), oids::client_auth));
    CHECK(view->der().size() == leaf.der().size());
    CHECK(view->tbs().size() < leaf.der().size());
    CHECK(view->signature().size() == 70);
}

TEST_CASE("other certificates made by openssl", "[x509][certificate]") {
    const auto root = from_pem(test::root_pem);
    const auto root_view = certificate_view::parse(root);
    REQUIRE(root_view);
    CHECK(root_view->basic_constraints().ca);
    CHECK(root_view->looks_self_signed());
    CHECK(root_view->public_key().bits == 384);
    CHECK(parse(test::root_pem).serial_number() == "FF01");

    const auto inter = from_pem(test::inter_pem);
    const auto inter_view = certificate_view::parse(inter);
    REQUIRE(inter_view);
    CHECK(inter_view->basic_constraints().path_length == 0U);
    CHECK(inter_view->has(extension_kind::name_constraints));
    CHECK_FALSE(inter_view->critical(extension_kind::name_constraints));
    CHECK(equal(inter_view->authority_key_identifier(), root_view->subject_key_identifier()));
    CHECK(names_equal(inter_view->issuer(), root_view->subject()));

    const auto ed = from_pem(test::ed_pem);
    CHECK(certificate_view::parse(ed)->public_key().type == key_type::ed25519);
    const auto spelt_out = from_pem(test::explicit_pem);
    CHECK(certificate_view::parse(spelt_out)->public_key().explicit_parameters);
    const auto pss = from_pem(test::pss_pem);
    CHECK(signature_bits(certificate_view::parse(pss)->signature_algorithm()) == 192);
    const auto old = from_pem(test::old_pem);
    CHECK(signature_bits(certificate_view::parse(old)->signature_algorithm()) == 63);
    CHECK(security_bits(certificate_view::parse(old)->public_key()) == 80);
    const auto v1 = from_pem(test::v1_pem);
    CHECK(certificate_view::parse(v1)->version() == 1);
    CHECK_FALSE(certificate_view::parse(v1)->has_extensions());
}

TEST_CASE("bytes that are no certificate are kept", "[x509][certificate]") {
    const tlsxx::certificate nothing;
    CHECK_FALSE(nothing.valid());
    CHECK(nothing.der().empty());
    CHECK(nothing.subject() == "(unreadable certificate)");

    const tlsxx::certificate junk(test::raw({1, 2, 3}));
    CHECK_FALSE(junk.valid());
    CHECK(junk.der().size() == 3);
    CHECK(junk.subject() == "(unreadable certificate)");
    CHECK(junk.issuer() == "(unreadable certificate)");
    CHECK(junk.serial_number().empty());
    CHECK(junk.not_before() == 0);
    CHECK(junk.not_after() == 0);
    CHECK(junk.dns_names().empty());
    CHECK(junk.ip_addresses().empty());
    CHECK(junk.to_pem() == "-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n");
    CHECK(junk == tlsxx::certificate(test::raw({1, 2, 3})));
    CHECK_FALSE(junk == nothing);

    tlsxx::certificate copy = parse(test::leaf_pem);
    {
        const tlsxx::certificate original = copy;
        copy = original;
    }
    CHECK(copy.dns_names().size() == 2);
    const tlsxx::certificate moved = std::move(copy);
    CHECK(moved.valid());
}

TEST_CASE("serial numbers", "[x509][certificate]") {
    const auto serial = [](const test::der& content) {
        return tlsxx::certificate(test::certificate{.serial = test::tlv(0x02, content)}.build())
            .serial_number();
    };
    CHECK(serial(test::raw({0})) == "00");
    CHECK(serial(test::raw({0x0A})) == "0A");
    CHECK(serial(test::raw({0x00, 0x80})) == "80");
    CHECK(serial(test::raw({0xFF})) == "-01");
    CHECK(serial(test::raw({0xFF, 0x00})) == "-0100");
    CHECK(serial(test::raw({0x80})) == "-80");
    CHECK(serial({}).empty()); // not a certificate
    CHECK(serial(test::raw({0x00, 0x01})).empty());
}

TEST_CASE("names in a certificate cannot write to a terminal either", "[x509][certificate]") {
    const tlsxx::certificate c(
        test::certificate{.extensions = {test::alt_names(test::dns("a\x1B[2J\\ b\xFF"))}}.build());
    CHECK(c.dns_names() == std::vector<std::string>{"a\\1B[2J\\5C\\20b\\FF"});
}

TEST_CASE("the shape of a certificate", "[x509][certificate]") {
    CHECK(parses({}));
    CHECK(parses({.version = 1}));
    CHECK(parses({.version = 2}));
    CHECK_FALSE(parses({.version = 4}));
    CHECK(parses({.issuer = test::name("")}));
    CHECK(parses({.subject = test::name("")}));
    CHECK(parses({.unique_ids = test::join(test::tlv(0x81, test::raw({0, 1})),
                                           test::tlv(0x82, test::raw({0, 1})))}));
    CHECK_FALSE(parses({.serial = test::null()}));
    CHECK_FALSE(parses({.issuer = test::set(test::common_name("x"))}));
    CHECK_FALSE(parses({.subject = test::sequence(test::common_name("x"))}));
    CHECK_FALSE(parses({.key = test::sequence(test::null())}));
    CHECK_FALSE(parses({.signature_algorithm = test::sequence(test::der{})}));
    CHECK_FALSE(parses({.not_after = {}}));
    CHECK_FALSE(parses({.unique_ids = test::null()}));

    const test::der good = test::certificate{}.build();
    CHECK_FALSE(certificate_view::parse(test::join(good, test::raw({0}))));
    CHECK_FALSE(certificate_view::parse(test::join(good, good)));
    CHECK_FALSE(certificate_view::parse({}));
}

TEST_CASE("extensions", "[x509][certificate]") {
    using test::extension;
    const auto one = extension("1.2.3.4", false, test::null());
    const auto other = extension("1.2.3.5", true, test::null());
    CHECK(parses({.extensions = {one, other}}));
    CHECK_FALSE(parses({.extensions = {one, one}}));
    CHECK_FALSE(parses({.extensions = {one, other, extension("1.2.3.4", true, {})}}));
    CHECK_FALSE(
        parses({.extensions = {test::basic_constraints(true), test::basic_constraints(false)}}));
    CHECK_FALSE(parses({.extensions = {test::null()}}));
    CHECK_FALSE(parses({.extensions = {test::sequence(test::oid("1.2.3"), test::null())}}));
    CHECK_FALSE(
        parses({.extensions = {test::sequence(test::oid("1.2.3"), test::tlv(0x01, test::raw({1})),
                                              test::octets({}))}}));
    // FALSE written out is common
    CHECK(parses({.extensions = {test::sequence(test::oid("1.2.3"), test::boolean(false),
                                                test::octets({}))}}));

    std::vector<test::der> many;
    for (int i = 0; i < 100; ++i)
        many.push_back(extension("1.2.3." + std::to_string(i), false, {}));
    CHECK(parses({.extensions = many}));
    many.push_back(one);
    CHECK_FALSE(parses({.extensions = many}));

    const auto unknown = [](const test::der& e) {
        const test::der whole = test::certificate{.extensions = {e}}.build();
        return certificate_view::parse(whole)->has_unknown_critical();
    };
    CHECK(unknown(other));
    CHECK_FALSE(unknown(one));
    CHECK_FALSE(unknown(test::basic_constraints(true)));
    CHECK_FALSE(unknown(extension("2.5.29.32", true, test::sequence(test::der{}))));
    CHECK(unknown(extension("2.5.29.14", true, test::octets({}))));
    CHECK(unknown(extension("2.5.29.35", true, test::sequence(test::der{}))));
    CHECK(unknown(extension("1.3.6.1.4.1.11129.2.4.3", true, test::null()))); // CT poison
}

TEST_CASE("extensions with the wrong content", "[x509][certificate]") {
    using test::extension;
    using test::raw;
    using test::sequence;
    CHECK_FALSE(malformed(test::basic_constraints(true, 3)));
    CHECK_FALSE(malformed(extension("2.5.29.19", true, sequence(test::boolean(false)))));
    CHECK_FALSE(malformed(extension("2.5.29.19", true, sequence(test::integer(0)))));
    CHECK(malformed(extension("2.5.29.19", true, {})));
    CHECK(malformed(extension("2.5.29.19", true, test::boolean(true))));
    CHECK(malformed(extension("2.5.29.19", true, sequence(test::tlv(0x01, raw({1}))))));
    CHECK(malformed(extension("2.5.29.19", true, sequence(test::integer(-1)))));
    CHECK(malformed(extension("2.5.29.19", true,
                              sequence(test::boolean(true), test::integer(1), test::null()))));
    CHECK(malformed(extension("2.5.29.19", true, test::join(sequence(test::der{}), raw({5, 0})))));

    CHECK_FALSE(malformed(test::key_usage({0, 8})));
    CHECK(malformed(extension("2.5.29.15", true, test::octets(raw({0, 1})))));
    CHECK(malformed(extension("2.5.29.15", true, test::tlv(0x03, raw({7, 0xFF})))));

    CHECK_FALSE(malformed(test::ext_key_usage()));
    CHECK(malformed(extension("2.5.29.37", true, sequence(test::integer(1)))));
    CHECK(malformed(extension("2.5.29.37", true, test::oid("1.2.3"))));

    CHECK_FALSE(malformed(test::alt_names()));
    CHECK(malformed(extension("2.5.29.17", true, sequence(test::utf8("x")))));
    CHECK(malformed(extension("2.5.29.17", true, sequence(test::tlv(0xA2, test::dns("x"))))));
    CHECK(malformed(extension("2.5.29.17", true, sequence(test::tlv(0x89, {})))));
    CHECK(malformed(extension("2.5.29.17", true, {})));

    CHECK(malformed(extension("2.5.29.14", false, sequence(test::der{}))));
    CHECK(malformed(extension("2.5.29.35", false, test::octets({}))));
    CHECK(malformed(extension("2.5.29.30", false, test::null())));
    CHECK(malformed(extension("2.5.29.31", false, test::null())));
    CHECK_FALSE(malformed(extension("1.2.3.4", false, {}))); // not ours to judge
}

TEST_CASE("path lengths beyond all reason are only large", "[x509][certificate]") {
    const test::der value =
        test::sequence(test::boolean(true), test::tlv(0x02, test::der(40, std::byte{0x7F})));
    const test::der whole =
        test::certificate{.extensions = {test::extension("2.5.29.19", true, value)}}.build();
    const auto view = certificate_view::parse(whole);
    REQUIRE(view);
    CHECK(view->basic_constraints().path_length == 65535U);
}

TEST_CASE("self-issued and self-signed", "[x509][certificate]") {
    const auto key_id = [](int value) {
        return test::extension("2.5.29.14", false, test::octets(test::raw({value})));
    };
    const auto authority = [](int value) {
        return test::extension("2.5.29.35", false,
                               test::sequence(test::tlv(0x80, test::raw({value}))));
    };
    const auto view_of = [](const test::der& whole) { return *certificate_view::parse(whole); };
    const auto same = test::name("Same");
    const test::der plain = test::certificate{.issuer = same, .subject = same}.build();
    CHECK(view_of(plain).looks_self_signed());
    const test::der fits =
        test::certificate{.issuer = same, .subject = same, .extensions = {key_id(1), authority(1)}}
            .build();
    CHECK(view_of(fits).looks_self_signed());
    const test::der rolled =
        test::certificate{.issuer = same, .subject = same, .extensions = {key_id(1), authority(2)}}
            .build();
    CHECK(view_of(rolled).self_issued());
    CHECK_FALSE(view_of(rolled).looks_self_signed());
}

TEST_CASE("every truncation of a certificate is refused", "[x509][certificate]") {
    for (const auto text : {test::leaf_pem, test::root_pem, test::inter_pem, test::ed_pem,
                            test::explicit_pem, test::pss_pem, test::v1_pem}) {
        const test::der whole = from_pem(text);
        for (std::size_t n = 0; n < whole.size(); ++n) {
            const test::der cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n));
            CHECK_FALSE(certificate_view::parse(cut));
            CHECK(read_all(cut) > 0);
        }
    }
}

TEST_CASE("every change of one byte is survived", "[x509][certificate]") {
    std::size_t accepted = 0;
    for (const auto text : {test::leaf_pem, test::inter_pem, test::explicit_pem, test::pss_pem}) {
        const test::der whole = from_pem(text);
        for (std::size_t n = 0; n < whole.size(); ++n) {
            for (const unsigned change : {0x01U, 0x02U, 0x20U, 0x80U, 0xFFU}) {
                test::der changed = whole;
                changed[n] ^= static_cast<std::byte>(change);
                CHECK(read_all(changed) > 0);
                accepted += certificate_view::parse(changed) ? 1U : 0U;
            }
            for (const int value : {0x00, 0x30, 0x7F, 0x80, 0x84, 0xFF}) {
                test::der changed = whole;
                changed[n] = static_cast<std::byte>(value);
                CHECK(read_all(changed) > 0);
            }
        }
    }
    CHECK(accepted > 1000); // keys, signatures and texts may be anything
}
