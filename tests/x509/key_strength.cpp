// SPDX-License-Identifier: BSL-1.0
#include <tlsxx/x509/key_strength.hpp>

#include <string_view>

#include <catch2/catch_test_macros.hpp>

#include "support/der_writer.hpp"

using tlsxx::verify_code;
using namespace tlsxx::x509;

namespace {

public_key key_of(const test::der& info) {
    der::reader in(info);
    public_key out;
    REQUIRE(read_public_key(in, out));
    return out;
}

int signature(const test::der& whole) {
    der::reader in(whole);
    algorithm_identifier out;
    REQUIRE(read_algorithm(in, out));
    return signature_bits(out);
}

test::der pss(const test::der& parameters) {
    return test::sequence(test::oid("1.2.840.113549.1.1.10"), parameters);
}

} // namespace

TEST_CASE("security levels", "[x509][key_strength]") {
    const int bits[] = {0, 80, 112, 128, 192, 256};
    for (int level = 0; level <= 5; ++level)
        CHECK(required_bits(level) == bits[level]);
    CHECK(required_bits(-1) == 0);
    CHECK(required_bits(9) == 256);
}

TEST_CASE("strength of RSA keys", "[x509][key_strength]") {
    struct vector {
        std::size_t modulus;
        int bits;
    };
    for (const auto& [modulus, bits] :
         {vector{512, 0}, vector{1023, 0}, vector{1024, 80}, vector{2047, 80}, vector{2048, 112},
          vector{3071, 112}, vector{3072, 128}, vector{4096, 128}, vector{7680, 192},
          vector{15360, 256}}) {
        CAPTURE(modulus);
        const public_key key = key_of(test::rsa_key(modulus));
        CHECK(key.type == key_type::rsa);
        CHECK(key.bits == static_cast<int>(modulus));
        CHECK(security_bits(key) == bits);
    }
    const auto with_key = [](const test::der& content) {
        return key_of(test::sequence(
            test::sequence(test::oid("1.2.840.113549.1.1.1"), test::null()), test::bits(content)));
    };
    // Malformed keys have no strength.
    CHECK(security_bits(with_key({})) == 0);
    CHECK(security_bits(with_key(test::sequence(test::integer(5)))) == 0);
    const test::der negative(300, std::byte{0xF0});
    CHECK(security_bits(with_key(test::sequence(test::tlv(0x02, negative), test::integer(3)))) ==
          0);
    CHECK(security_bits(with_key(test::sequence(test::integer(0), test::integer(3)))) == 0);
}

TEST_CASE("strength of other keys", "[x509][key_strength]") {
    CHECK(security_bits(key_of(test::ec_key("1.2.840.10045.3.1.1"))) == 96);
    CHECK(security_bits(key_of(test::ec_key("1.3.132.0.33"))) == 112);
    CHECK(security_bits(key_of(test::ec_key("1.2.840.10045.3.1.7"))) == 128);
    CHECK(security_bits(key_of(test::ec_key("1.3.132.0.10"))) == 128);
    CHECK(security_bits(key_of(test::ec_key("1.3.132.0.34"))) == 192);
    CHECK(security_bits(key_of(test::ec_key("1.3.132.0.35"))) == 256);
    CHECK(security_bits(key_of(test::ec_key("1.3.36.3.3.2.8.1.1.7"))) == 128);
    CHECK(security_bits(key_of(test::ec_key("1.3.36.3.3.2.8.1.1.13"))) == 256);
    CHECK(security_bits(key_of(test::ec_key("1.3.36.3.3.2.8.1.1.15"))) == 0);
    CHECK(security_bits(key_of(test::ec_key("1.2.3.4"))) == 0);
    CHECK(security_bits(key_of(test::simple_key("1.3.101.112"))) == 128);
    CHECK(security_bits(key_of(test::simple_key("1.3.101.113"))) == 224);
    CHECK(security_bits(key_of(test::simple_key("2.16.840.1.101.3.4.3.17"))) == 128);
    CHECK(security_bits(key_of(test::simple_key("2.16.840.1.101.3.4.3.18"))) == 192);
    CHECK(security_bits(key_of(test::simple_key("2.16.840.1.101.3.4.3.19"))) == 256);
    CHECK(security_bits(key_of(test::simple_key("1.2.840.10040.4.1"))) == 0); // DSA
    const public_key spelt_out = key_of(test::sequence(
        test::sequence(test::oid("1.2.840.10045.2.1"), test::sequence(test::integer(1))),
        test::bits(test::raw({4, 1, 2}))));
    CHECK(spelt_out.explicit_parameters);
    CHECK(security_bits(spelt_out) == 0);
}

TEST_CASE("strength of signature algorithms", "[x509][key_strength]") {
    struct vector {
        std::string_view id;
        int bits;
    };
    for (const auto& [id, bits] : {vector{"1.2.840.113549.1.1.2", 0},
                                   vector{"1.2.840.113549.1.1.4", 39},
                                   vector{"1.2.840.113549.1.1.5", 63},
                                   vector{"1.2.840.113549.1.1.14", 112},
                                   vector{"1.2.840.113549.1.1.11", 128},
                                   vector{"1.2.840.113549.1.1.12", 192},
                                   vector{"1.2.840.113549.1.1.13", 256},
                                   vector{"1.2.840.10045.4.1", 63},
                                   vector{"1.2.840.10045.4.3.1", 112},
                                   vector{"1.2.840.10045.4.3.2", 128},
                                   vector{"1.2.840.10045.4.3.3", 192},
                                   vector{"1.2.840.10045.4.3.4", 256},
                                   vector{"1.2.840.10045.4.3.5", 0},
                                   vector{"2.16.840.1.101.3.4.3.10", 128},
                                   vector{"2.16.840.1.101.3.4.3.13", 112},
                                   vector{"2.16.840.1.101.3.4.3.16", 256},
                                   vector{"2.16.840.1.101.3.4.3.19", 256},
                                   vector{"2.16.840.1.101.3.4.3.2", 0},
                                   vector{"1.3.101.112", 128},
                                   vector{"1.3.101.113", 224},
                                   vector{"1.3.14.3.2.29", 0},
                                   vector{"1.2.3", 0}}) {
        CAPTURE(id);
        CHECK(signature(test::algorithm(id)) == bits);
    }
}

TEST_CASE("RSA-PSS tells its digest in its parameters", "[x509][key_strength]") {
    const auto digest = [](std::string_view id) {
        return pss(test::sequence(test::tlv(0xA0, test::sequence(test::oid(id), test::null())),
                                  test::tlv(0xA2, test::integer(32))));
    };
    CHECK(signature(digest("2.16.840.1.101.3.4.2.1")) == 128);
    CHECK(signature(digest("2.16.840.1.101.3.4.2.2")) == 192);
    CHECK(signature(digest("2.16.840.1.101.3.4.2.3")) == 256);
    CHECK(signature(digest("1.3.14.3.2.26")) == 63);
    CHECK(signature(digest("1.2.840.113549.2.5")) == 39);
    CHECK(signature(digest("1.2.3")) == 0);
    CHECK(signature(pss(test::sequence(test::der{}))) == 63); // SHA-1 is the default
    CHECK(signature(pss({})) == 0);
    CHECK(signature(pss(test::null())) == 0);
    CHECK(signature(pss(test::sequence(test::tlv(0xA0, test::null())))) == 0);
}

TEST_CASE("verdicts by level", "[x509][key_strength]") {
    const public_key weak = key_of(test::rsa_key(1024));
    CHECK(check_key(weak, 0, true) == verify_code::ok);
    CHECK(check_key(weak, 1, true) == verify_code::ok);
    CHECK(check_key(weak, 2, true) == verify_code::ee_key_too_small);
    CHECK(check_key(weak, 2, false) == verify_code::ca_key_too_small);
    const public_key unknown = key_of(test::simple_key("1.2.3"));
    CHECK(check_key(unknown, 0, true) == verify_code::ok);
    CHECK(check_key(unknown, 1, true) == verify_code::ee_key_too_small);

    const test::der sha1 = test::algorithm("1.2.840.10045.4.1");
    der::reader in(sha1);
    algorithm_identifier algorithm;
    REQUIRE(read_algorithm(in, algorithm));
    CHECK(check_signature(algorithm, 0) == verify_code::ok);
    CHECK(check_signature(algorithm, 1) == verify_code::ca_md_too_weak);
}
