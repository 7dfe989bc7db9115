// SPDX-License-Identifier: BSL-1.0
#include <tlsxx/x509/der.hpp>
#include <tlsxx/x509/time.hpp>

#include <optional>
#include <string_view>

#include <catch2/catch_test_macros.hpp>

#include "support/der_writer.hpp"

namespace der = tlsxx::x509::der;
using test::raw;
using tlsxx::x509::bytes;

namespace {

bool reads(const test::der& input) {
    der::reader in(input);
    der::element out;
    return in.next(out) && in.at_end();
}

std::optional<std::int64_t> utc(std::string_view text,
                                tlsxx::x509::rounding r = tlsxx::x509::rounding::down) {
    return tlsxx::x509::parse_time(0x17, test::text_bytes(text), r);
}
std::optional<std::int64_t> general(std::string_view text,
                                    tlsxx::x509::rounding r = tlsxx::x509::rounding::down) {
    return tlsxx::x509::parse_time(0x18, test::text_bytes(text), r);
}

} // namespace

TEST_CASE("lengths are definite and shortest", "[x509][der]") {
    CHECK(reads(raw({0x04, 0x00})));
    CHECK(reads(raw({0x04, 0x01, 0xAA})));
    CHECK(reads(test::tlv(0x04, test::der(127, std::byte{1}))));
    CHECK(reads(test::tlv(0x04, test::der(128, std::byte{1}))));
    CHECK(reads(test::tlv(0x04, test::der(255, std::byte{1}))));
    CHECK(reads(test::tlv(0x04, test::der(256, std::byte{1}))));
    CHECK(reads(test::tlv(0x04, test::der(70000, std::byte{1}))));

    CHECK_FALSE(reads({}));
    CHECK_FALSE(reads(raw({0x04})));
    CHECK_FALSE(reads(raw({0x04, 0x02, 0xAA})));
    CHECK_FALSE(reads(raw({0x04, 0x80, 0x00, 0x00})));             // indefinite
    CHECK_FALSE(reads(raw({0x04, 0x81, 0x01, 0xAA})));             // long form of a short length
    CHECK_FALSE(reads(raw({0x04, 0x82, 0x00, 0x01, 0xAA})));       // leading zero
    CHECK_FALSE(reads(raw({0x04, 0x84, 0xFF, 0xFF, 0xFF, 0xFF}))); // beyond the end
    CHECK_FALSE(reads(raw({0x04, 0x88, 0, 0, 0, 0, 0, 0, 0, 1, 0xAA})));
    CHECK_FALSE(reads(raw({0x04, 0xFF, 0xAA})));
    CHECK_FALSE(reads(raw({0x1F, 0x81, 0x00, 0x00}))); // tag numbers from 31 on
}

TEST_CASE("a reader that has failed gives nothing more", "[x509][der]") {
    const auto input = test::join(test::integer(1), test::null(), test::integer(2));
    der::reader in(input);
    bytes content;
    CHECK(in.next(0x02, content));
    CHECK(in.next_is(0x05));
    CHECK_FALSE(in.next(0x02, content));
    CHECK(in.failed());
    CHECK_FALSE(in.more());
    CHECK_FALSE(in.at_end());
    CHECK_FALSE(in.next_is(0x05));
    CHECK_FALSE(in.skip(0x05));
    der::element element;
    CHECK_FALSE(in.next(element));

    der::reader skipping(input);
    CHECK(skipping.skip(0x05)); // not there: nothing happens
    CHECK(skipping.skip(0x02));
    CHECK(skipping.skip(0x05));
    CHECK(skipping.next(element));
    CHECK(skipping.at_end());
    CHECK(element.whole.size() == 3);
}

TEST_CASE("single wants one element to the end", "[x509][der]") {
    bytes content;
    CHECK(der::single(test::integer(5), 0x02, content));
    CHECK_FALSE(der::single(test::integer(5), 0x03, content));
    CHECK_FALSE(der::single(test::join(test::integer(5), test::null()), 0x02, content));
    CHECK_FALSE(der::single({}, 0x02, content));
}

TEST_CASE("booleans and integers in their canonical form", "[x509][der]") {
    bool flag = false;
    CHECK(der::read_boolean(raw({0xFF}), flag));
    CHECK(flag);
    CHECK(der::read_boolean(raw({0x00}), flag));
    CHECK_FALSE(flag);
    CHECK_FALSE(der::read_boolean(raw({0x01}), flag));
    CHECK_FALSE(der::read_boolean({}, flag));
    CHECK_FALSE(der::read_boolean(raw({0xFF, 0xFF}), flag));

    CHECK(der::is_integer(raw({0x00})));
    CHECK(der::is_integer(raw({0x7F})));
    CHECK(der::is_integer(raw({0x00, 0x80})));
    CHECK(der::is_integer(raw({0xFF, 0x7F})));
    CHECK_FALSE(der::is_integer({}));
    CHECK_FALSE(der::is_integer(raw({0x00, 0x7F})));
    CHECK_FALSE(der::is_integer(raw({0xFF, 0x80})));

    std::uint32_t value = 0;
    CHECK(der::read_unsigned(raw({0x01, 0x02}), 1000, value));
    CHECK(value == 258);
    CHECK(der::read_unsigned(raw({0x7F, 1, 2, 3, 4, 5, 6, 7, 8, 9}), 1000, value));
    CHECK(value == 1000);
    CHECK_FALSE(der::read_unsigned(raw({0x80}), 1000, value)); // negative
    CHECK_FALSE(der::read_unsigned(raw({0x00, 0x01}), 1000, value));
}

TEST_CASE("bit strings", "[x509][der]") {
    der::bit_string out;
    const auto content = raw({5, 0xA0});
    REQUIRE(der::read_bit_string(content, out));
    CHECK(out.bit(0));
    CHECK_FALSE(out.bit(1));
    CHECK(out.bit(2));
    CHECK_FALSE(out.bit(8)); // beyond the end
    CHECK_FALSE(out.bit(100000));
    CHECK(der::read_bit_string(raw({0}), out));
    CHECK_FALSE(der::read_bit_string({}, out));
    CHECK_FALSE(der::read_bit_string(raw({1}), out));       // padding of nothing
    CHECK_FALSE(der::read_bit_string(raw({8, 0x00}), out)); // more than seven
    CHECK_FALSE(der::read_bit_string(raw({4, 0x08}), out)); // padding that is not zero
}

TEST_CASE("object identifiers", "[x509][der]") {
    CHECK(der::is_oid(raw({0x55, 0x1D, 0x11})));
    CHECK(der::is_oid(raw({0x2A, 0x86, 0x48})));
    CHECK_FALSE(der::is_oid({}));
    CHECK_FALSE(der::is_oid(raw({0x2A, 0x86})));       // an arc without its end
    CHECK_FALSE(der::is_oid(raw({0x2A, 0x80, 0x01}))); // an arc with a leading zero
    CHECK(tlsxx::x509::equal(tlsxx::x509::oid<0x55, 0x1D, 0x11>, raw({0x55, 0x1D, 0x11})));
    CHECK(test::oid("2.5.29.17") == raw({0x06, 3, 0x55, 0x1D, 0x11}));
}

TEST_CASE("times", "[x509][time]") {
    CHECK(utc("700101000000Z") == 0);
    CHECK(utc("691231235959Z") == -1);
    CHECK(utc("500101000000Z") == -631152000);
    CHECK(utc("491231235959Z") == 2524607999);
    CHECK(general("20500101000000Z") == 2524608000);
    CHECK(general("99991231235959Z") == 253402300799);
    CHECK(general("00000101000000Z") == -62167219200);
    CHECK(general("20000229000000Z") == 951782400); // 2000 is a leap year
    CHECK(utc("240229120000Z") == 1709208000);

    for (const std::string_view wrong : {"",
                                         "Z",
                                         "7001010000Z",
                                         "700101000000",
                                         "700101000000+0000",
                                         "700101000000z",
                                         "700101000000ZZ",
                                         "700001000000Z",
                                         "701301000000Z",
                                         "700100000000Z",
                                         "700132000000Z",
                                         "700431000000Z",
                                         "700229000000Z",
                                         "700101240000Z",
                                         "700101006000Z",
                                         "700101000060Z",
                                         "70010100000/Z",
                                         "7001010000 0Z",
                                         "-70101000000Z",
                                         "700101000000.5Z",
                                         "20200101000000Z"}) {
        CAPTURE(wrong);
        CHECK_FALSE(utc(wrong));
    }
    for (const std::string_view wrong :
         {"", "700101000000Z", "20200101000000", "20210229000000Z", "19000229000000Z",
          "20200101000000.Z", "20200101000000.5", "20200101000000,5Z", "20200101000000.5xZ",
          "20200101000000+0100", "20200101000000.5Z0"}) {
        CAPTURE(wrong);
        CHECK_FALSE(general(wrong));
    }
    CHECK_FALSE(tlsxx::x509::parse_time(0x16, test::text_bytes("700101000000Z"),
                                        tlsxx::x509::rounding::down));
}

TEST_CASE("a fraction of a second never makes a validity longer", "[x509][time]") {
    using enum tlsxx::x509::rounding;
    CHECK(general("19700101000010.5Z", down) == 10);
    CHECK(general("19700101000010.5Z", up) == 11);
    CHECK(general("19700101000010.001Z", up) == 11);
    CHECK(general("19700101000010.000Z", up) == 10);
}

TEST_CASE("a truncated time is no time", "[x509][time]") {
    const std::string_view whole = "20200101000000.25Z";
    for (std::size_t n = 0; n < whole.size(); ++n)
        CHECK_FALSE(general(whole.substr(0, n)));
}
