// SPDX-License-Identifier: BSL-1.0
#include <tlsxx/pem.hpp>
#include <tlsxx/x509/policy.hpp>

#include <string>
#include <string_view>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "support/der_writer.hpp"
#include "x509/real_certificates.hpp"

using namespace tlsxx::x509;
using enum tlsxx::verify_code;
using tlsxx::verify_code;

namespace {

// leaf <- Inter <- Root, each as it should be until a test spoils it.
struct chain {
    test::certificate leaf{.issuer = test::name("Inter"),
                           .subject = test::name("leaf.test"),
                           .extensions = {test::basic_constraints(false), test::key_usage({0}),
                                          test::ext_key_usage(test::server_auth),
                                          test::alt_names(test::dns("leaf.test"))}};
    test::certificate inter{
        .issuer = test::name("Root"),
        .subject = test::name("Inter"),
        .extensions = {test::basic_constraints(true, 0), test::key_usage({5, 6})}};
    test::certificate root{.issuer = test::name("Root"),
                           .subject = test::name("Root"),
                           .extensions = {test::basic_constraints(true), test::key_usage({5, 6})}};
    reference_identity host{"leaf.test"};
    policy rules;
    bool anchored = true;

    chain() {
        rules.now = test::noon;
        rules.name = &host;
    }
    chain(const chain&) = delete;
    chain& operator=(const chain&) = delete;

    findings judge(const std::vector<test::der>& certificates) const {
        std::vector<bytes> views(certificates.begin(), certificates.end());
        findings out;
        check_chain(rules, views, anchored, out);
        return out;
    }
    findings judge() const { return judge({leaf.build(), inter.build(), root.build()}); }
};

void only(const findings& found, verify_code code, int depth) {
    REQUIRE(found.size() == 1);
    CHECK(found.primary().code == code);
    CHECK(found.primary().depth == depth);
}

} // namespace

TEST_CASE("a good chain has no findings", "[x509][policy]") {
    chain c;
    CHECK(c.judge().empty());
    c.rules.name = nullptr;
    CHECK(c.judge().empty());
    // Without any extension that limits the leaf
    c.leaf.extensions = {};
    CHECK(c.judge().empty());
}

TEST_CASE("a chain made by openssl", "[x509][policy]") {
    std::vector<test::der> der;
    for (const auto text : {test::leaf_pem, test::inter_pem, test::root_pem}) {
        der.push_back(tlsxx::pem_scanner(text).next()->data);
    }
    chain c;
    c.rules.now = 1800000000;
    CHECK(c.judge(der).empty());
    c.rules.refuse_name_constraints = true;
    only(c.judge(der), engine_limit_name_constraints, 1);
    c.rules.refuse_name_constraints = false;
    c.rules.security_level = 3; // RSA 2048 gives 112 bits, level 3 wants 128
    only(c.judge(der), ee_key_too_small, 0);
    c.rules.security_level = 4; // the P-256 intermediate, and the signature made with SHA-256
    const findings four = c.judge(der);
    CHECK(four.contains({ca_key_too_small, 1}));
    CHECK(four.contains({ca_md_too_weak, 0}));
    CHECK_FALSE(four.contains({ca_md_too_weak, 1}));
    CHECK_FALSE(four.contains({ca_key_too_small, 2}));
}

TEST_CASE("validity includes both ends", "[x509][policy]") {
    chain c;
    c.rules.now = test::valid_from;
    CHECK(c.judge().empty());
    c.rules.now = test::valid_to;
    CHECK(c.judge().empty());
    c.rules.now = test::valid_from - 1;
    CHECK(c.judge().size() == 3);
    CHECK(c.judge().primary() == finding{cert_not_yet_valid, 0});
    c.rules.now = test::valid_to + 1;
    CHECK(c.judge().size() == 3);
    CHECK(c.judge().primary() == finding{cert_has_expired, 0});

    chain fraction;
    fraction.leaf.not_before = test::general_time("20200101000000.5Z");
    fraction.leaf.not_after = test::general_time("20391231235959.5Z");
    fraction.rules.now = test::valid_from;
    only(fraction.judge(), cert_not_yet_valid, 0);
    fraction.rules.now = test::valid_from + 1;
    CHECK(fraction.judge().empty());
    fraction.rules.now = test::valid_to + 1;
    CHECK(fraction.judge().contains({cert_has_expired, 0}));
}

TEST_CASE("one certificate out of date, wherever it stands", "[x509][policy]") {
    for (int depth = 0; depth < 3; ++depth) {
        chain c;
        auto& which = depth == 0 ? c.leaf : depth == 1 ? c.inter : c.root;
        which.not_after = test::utc_time("210101000000Z");
        only(c.judge(), cert_has_expired, depth);
        which.not_after = test::utc_time("2101010000Z");
        only(c.judge(), error_in_cert_not_after_field, depth);
        which.not_after = test::utc_time("391231235959Z");
        which.not_before = test::utc_time("381231235959Z");
        only(c.judge(), cert_not_yet_valid, depth);
        which.not_before = test::ia5("200101000000Z");
        only(c.judge(), error_in_cert_not_before_field, depth);
    }
}

TEST_CASE("the purpose must be named in every extended key usage", "[x509][policy]") {
    for (int depth = 0; depth < 3; ++depth) {
        chain c;
        auto& which = depth == 0 ? c.leaf : depth == 1 ? c.inter : c.root;
        if (depth == 0)
            which.extensions.erase(which.extensions.begin() + 2);
        const auto plain = which.extensions;
        const auto with = [&](const test::der& usage) {
            which.extensions = plain;
            which.extensions.push_back(usage);
            return c.judge();
        };
        CHECK(with(test::ext_key_usage(test::server_auth)).empty());
        CHECK(with(test::ext_key_usage(test::client_auth, test::server_auth)).empty());
        only(with(test::ext_key_usage(test::client_auth)), invalid_purpose, depth);
        only(with(test::ext_key_usage("2.5.29.37.0")), invalid_purpose, depth);
        only(with(test::ext_key_usage()), invalid_purpose, depth);
        only(with(test::ext_key_usage("1.3.6.1.5.5.7.3.11")), invalid_purpose, depth);

        c.rules.purpose = tlsxx::purpose::client_auth;
        const auto as_client = with(test::ext_key_usage(test::client_auth));
        CHECK_FALSE(as_client.contains({invalid_purpose, depth}));
        CHECK(with(test::ext_key_usage(test::server_auth)).contains({invalid_purpose, depth}));
    }
}

TEST_CASE("the leaf's key usage", "[x509][policy]") {
    chain c;
    const auto with = [&](const test::der& usage) {
        c.leaf.extensions[1] = usage;
        return c.judge();
    };
    CHECK(with(test::key_usage({0})).empty());
    CHECK(with(test::key_usage({0, 2})).empty());
    only(with(test::key_usage({2})), invalid_purpose, 0);
    only(with(test::key_usage({4})), invalid_purpose, 0);
    only(with(test::key_usage({5, 6})), invalid_purpose, 0);
    only(with(test::key_usage({})), invalid_purpose, 0);
    c.rules.leaf_usage = key_usage_bit::key_encipherment;
    only(with(test::key_usage({0})), invalid_purpose, 0);
    CHECK(with(test::key_usage({2})).empty());
}

TEST_CASE("nsCertType of a leaf", "[x509][policy]") {
    const auto type = [](int bits) {
        return test::extension("2.16.840.1.113730.1.1", false, test::bits(test::raw({bits}), 0));
    };
    chain c;
    c.leaf.extensions.push_back(type(0x40));
    CHECK(c.judge().empty());
    c.leaf.extensions.back() = type(0x80);
    only(c.judge(), invalid_purpose, 0);
}

TEST_CASE("an issuer must be a CA", "[x509][policy]") {
    for (int depth = 1; depth < 3; ++depth) {
        chain c;
        auto& which = depth == 1 ? c.inter : c.root;
        const auto with = [&](std::vector<test::der> extensions) {
            which.extensions = std::move(extensions);
            return c.judge();
        };
        only(with({}), invalid_ca, depth);
        only(with({test::key_usage({5})}), invalid_ca, depth);
        only(with({test::basic_constraints(false)}), invalid_ca, depth);
        only(with({test::basic_constraints(true), test::key_usage({0})}), invalid_ca, depth);
        CHECK(with({test::basic_constraints(true)}).empty());
        CHECK(with({test::basic_constraints(true, -1, false)}).empty());
    }
    chain v1;
    v1.root.version = 1;
    v1.root.extensions = {};
    CHECK(v1.judge().empty());
    v1.inter.version = 1;
    v1.inter.extensions = {};
    only(v1.judge(), invalid_ca, 1);
    // A version 1 certificate that is not self-signed is no CA even at the top.
    chain partial;
    partial.rules.partial_chain = true;
    partial.inter.version = 1;
    partial.inter.extensions = {};
    only(partial.judge({partial.leaf.build(), partial.inter.build()}), invalid_ca, 1);
}

TEST_CASE("path lengths", "[x509][policy]") {
    chain c;
    test::certificate second = c.inter;
    second.issuer = test::name("Inter");
    second.subject = test::name("Second");
    second.extensions = {test::basic_constraints(true)};
    c.leaf.issuer = test::name("Second");
    const auto judge = [&](int inter_limit, int root_limit) {
        c.inter.extensions[0] = test::basic_constraints(true, inter_limit);
        c.root.extensions[0] = test::basic_constraints(true, root_limit);
        return c.judge({c.leaf.build(), second.build(), c.inter.build(), c.root.build()});
    };
    CHECK(judge(-1, -1).empty());
    CHECK(judge(1, 2).empty());
    only(judge(0, 2), path_length_exceeded, 2);
    only(judge(1, 1), path_length_exceeded, 3);
    CHECK(judge(0, 0).size() == 2);

    // A self-issued certificate between does not count.
    second.issuer = test::name("Inter");
    second.subject = test::name("Inter");
    c.leaf.issuer = test::name("Inter");
    CHECK(judge(0, 1).empty());
    only(judge(0, 0), path_length_exceeded, 3);
    // The leaf never counts, and neither does its own limit.
    chain leaf;
    leaf.leaf.extensions[0] = test::basic_constraints(true, 0);
    CHECK(leaf.judge().empty());
}

TEST_CASE("at most so many intermediates", "[x509][policy]") {
    chain c;
    const auto judge = [&](int count, bool self_issued = false) {
        std::vector<test::der> certificates{c.leaf.build()};
        for (int i = 0; i < count; ++i) {
            test::certificate one = c.inter;
            one.extensions = {test::basic_constraints(true)};
            one.subject = test::name("Inter " + std::to_string(i));
            if (self_issued && i == 0)
                one.issuer = one.subject;
            certificates.push_back(one.build());
        }
        certificates.push_back(c.root.build());
        return c.judge(certificates);
    };
    CHECK(judge(8).empty());
    only(judge(9), cert_chain_too_long, 10);
    CHECK(judge(9, true).empty());
    only(judge(98), cert_chain_too_long, 99);
    only(judge(500), cert_chain_too_long, 501);
    c.rules.max_intermediates = 0;
    CHECK(judge(0).empty());
    only(judge(1), cert_chain_too_long, 2);
    c.rules.max_intermediates = -5;
    CHECK(judge(0).empty());
    // Without an anchor too, and then it is the only reason of its kind.
    c.rules.max_intermediates = 8;
    c.anchored = false;
    only(judge(9), cert_chain_too_long, 10);
}

TEST_CASE("the top must be self-signed unless a partial chain will do", "[x509][policy]") {
    chain c;
    const std::vector<test::der> partial{c.leaf.build(), c.inter.build()};
    only(c.judge(partial), unable_to_get_issuer_cert, 1);
    only(c.judge({c.leaf.build()}), unable_to_get_issuer_cert, 0);
    c.rules.partial_chain = true;
    CHECK(c.judge(partial).empty());
    CHECK(c.judge({c.leaf.build()}).empty());
    CHECK(c.judge().empty());
}

TEST_CASE("why there is no anchor", "[x509][policy]") {
    chain c;
    c.anchored = false;
    only(c.judge({c.leaf.build()}), unable_to_get_issuer_cert_locally, 0);
    only(c.judge({c.leaf.build(), c.inter.build()}), unable_to_get_issuer_cert_locally, 1);
    only(c.judge(), self_signed_cert_in_chain, 2);
    c.leaf.issuer = c.leaf.subject;
    only(c.judge({c.leaf.build()}), depth_zero_self_signed_cert, 0);
    c.rules.partial_chain = true;
    only(c.judge({c.leaf.build()}), depth_zero_self_signed_cert, 0);

    // What the engine has named already is not named again.
    findings named;
    named.add(cert_signature_failure, 0);
    const test::der leaf = c.leaf.build();
    const bytes view(leaf);
    check_chain(c.rules, {&view, 1}, false, named);
    only(named, cert_signature_failure, 0);

    // The reason comes before every other, and the others are there.
    c.leaf.not_after = test::utc_time("210101000000Z");
    const findings both = c.judge({c.leaf.build()});
    CHECK(both.size() == 2);
    CHECK(both.primary().code == depth_zero_self_signed_cert);
}

TEST_CASE("a self-signed leaf in the trust store", "[x509][policy]") {
    chain c;
    c.leaf.issuer = c.leaf.subject;
    CHECK(c.judge({c.leaf.build()}).empty());
    c.leaf.signature_algorithm = test::algorithm("1.2.840.10045.4.1"); // SHA-1, not judged
    CHECK(c.judge({c.leaf.build()}).empty());
    c.leaf.key = test::rsa_key(1024);
    only(c.judge({c.leaf.build()}), ee_key_too_small, 0);
}

TEST_CASE("key strength at a level", "[x509][policy]") {
    chain c;
    c.leaf.key = test::rsa_key(1024);
    only(c.judge(), ee_key_too_small, 0);
    c.rules.security_level = 1;
    CHECK(c.judge().empty());

    chain ca;
    ca.inter.key = test::rsa_key(1024);
    ca.root.key = test::rsa_key(1024);
    CHECK(ca.judge().size() == 2);
    CHECK(ca.judge().primary() == finding{ca_key_too_small, 1});

    chain digest;
    digest.leaf.signature_algorithm = test::algorithm("1.2.840.113549.1.1.5");
    digest.root.signature_algorithm = test::algorithm("1.2.840.113549.1.1.4");
    only(digest.judge(), ca_md_too_weak, 0);
    digest.rules.security_level = 0;
    CHECK(digest.judge().empty());
}

TEST_CASE("names", "[x509][policy]") {
    chain c;
    c.host = reference_identity("other.test");
    only(c.judge(), hostname_mismatch, 0);
    c.host = reference_identity("192.0.2.1");
    only(c.judge(), ip_address_mismatch, 0);
    c.host = reference_identity("");
    only(c.judge(), hostname_mismatch, 0); // a name that is an error never matches
    c.host = reference_identity("leaf.test");
    c.leaf.extensions.pop_back();
    only(c.judge(), hostname_mismatch, 0);
    c.rules.check_common_name = true;
    CHECK(c.judge().empty());
}

TEST_CASE("extensions that cannot be left aside", "[x509][policy]") {
    const auto with = [](int depth, const test::der& extension) {
        chain c;
        (depth == 0 ? c.leaf : depth == 1 ? c.inter : c.root).extensions.push_back(extension);
        return c.judge();
    };
    for (int depth = 0; depth < 3; ++depth) {
        only(with(depth, test::extension("1.2.3.4", true, {})), unhandled_critical_extension,
             depth);
        CHECK(with(depth, test::extension("1.2.3.4", false, {})).empty());
        only(with(depth, test::extension("2.5.29.14", false, test::null())), invalid_extension,
             depth);
        only(with(depth, test::extension("1.3.6.1.5.5.7.1.14", true, test::sequence(test::der{}))),
             proxy_certificates_not_allowed, depth);
        CHECK(with(depth, test::extension("2.5.29.30", true, test::sequence(test::der{}))).empty());
    }
}

TEST_CASE("name constraints are beyond some engines", "[x509][policy]") {
    for (int depth = 0; depth < 3; ++depth) {
        chain c;
        c.rules.refuse_name_constraints = true;
        (depth == 0   ? c.leaf
         : depth == 1 ? c.inter
                      : c.root)
            .extensions.push_back(
                test::extension("2.5.29.30", depth == 1, test::sequence(test::der{})));
        only(c.judge(), engine_limit_name_constraints, depth);
        // What is the peer's own fault is reported before what is the engine's.
        c.host = reference_identity("other.test");
        CHECK(c.judge().primary() == finding{hostname_mismatch, 0});
    }
}

TEST_CASE("other things that a certificate must not be", "[x509][policy]") {
    chain version;
    version.leaf.version = 1;
    only(version.judge(), extensions_require_version_3, 0);

    chain algorithms;
    algorithms.inter.outer_algorithm = test::algorithm("1.2.840.10045.4.3.3");
    only(algorithms.judge(), signature_algorithm_inconsistency, 1);

    chain curve;
    curve.rules.security_level = 0;
    curve.leaf.key = test::sequence(
        test::sequence(test::oid("1.2.840.10045.2.1"), test::sequence(test::integer(1))),
        test::bits(test::raw({4, 1, 2})));
    only(curve.judge(), ec_key_explicit_params, 0);
}

TEST_CASE("certificates that cannot be read", "[x509][policy]") {
    chain c;
    only(c.judge(std::vector<test::der>{}), unspecified, 0);
    only(c.judge({test::raw({1, 2, 3}), c.inter.build(), c.root.build()}), unspecified, 0);
    only(c.judge({c.leaf.build(), {}, c.root.build()}), unspecified, 1);
    only(c.judge({c.leaf.build(), c.inter.build(), test::raw({0x30, 0x00})}), unspecified, 2);
    only(c.judge({c.leaf.build(), test::join(c.inter.build(), test::raw({0})), c.root.build()}),
         unspecified, 1);
}

TEST_CASE("several reasons: the primary one by the fixed order", "[x509][policy]") {
    chain c;
    c.host = reference_identity("other.test");
    c.leaf.not_after = test::utc_time("210101000000Z");
    c.leaf.key = test::rsa_key(1024);
    c.leaf.extensions[2] = test::ext_key_usage(test::client_auth);
    c.inter.extensions[0] = test::basic_constraints(false);
    CHECK(c.judge().primary() == finding{invalid_ca, 1});
    c.inter.extensions[0] = test::basic_constraints(true);
    CHECK(c.judge().primary() == finding{invalid_purpose, 0});
    c.leaf.extensions[2] = test::ext_key_usage(test::server_auth);
    CHECK(c.judge().primary() == finding{ee_key_too_small, 0});
    c.leaf.key = test::ec_key();
    CHECK(c.judge().primary() == finding{hostname_mismatch, 0});
    c.host = reference_identity("leaf.test");
    CHECK(c.judge().primary() == finding{cert_has_expired, 0});
    c.anchored = false;
    CHECK(c.judge().primary() == finding{self_signed_cert_in_chain, 2});
}
