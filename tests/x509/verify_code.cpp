// SPDX-License-Identifier: BSL-1.0
#include <tlsxx/x509/findings.hpp>
#include <tlsxx/x509/verify_code.hpp>

#include <map>
#include <set>
#include <sstream>
#include <string_view>

#include <catch2/catch_test_macros.hpp>

using tlsxx::verify_code;

TEST_CASE("every OpenSSL code has a text of its own", "[x509][verify_code]") {
    std::set<std::string_view> texts;
    for (int number = 0; number <= 95; ++number) {
        const auto text = tlsxx::message(static_cast<verify_code>(number));
        CAPTURE(number, text);
        CHECK(text != tlsxx::message(static_cast<verify_code>(500)));
        CHECK(texts.insert(text).second);
        CHECK(text.back() != '.');
        CHECK_FALSE(tlsxx::is_engine_limit(static_cast<verify_code>(number)));
    }
    for (int number = 1000; number <= 1004; ++number) {
        const auto text = tlsxx::message(static_cast<verify_code>(number));
        CHECK(text.substr(0, 20) == "limit of the engine:");
        CHECK(texts.insert(text).second);
        CHECK(tlsxx::is_engine_limit(static_cast<verify_code>(number)));
    }
}

TEST_CASE("a code is written as its number", "[x509][verify_code]") {
    std::ostringstream out;
    out << verify_code::hostname_mismatch << ' ' << verify_code::engine_limit_name_constraints;
    CHECK(out.str() == "62 1001");
    std::wostringstream wide;
    wide << verify_code::cert_has_expired;
    CHECK(wide.str() == L"10");
}

TEST_CASE("alerts are the ones that OpenSSL 3.0 sends", "[x509][verify_code]") {
    // Asked of OpenSSL's own ssl_x509err2alert; what is not listed is certificate_unknown, 46.
    const std::map<int, int> expected{
        {1, 80},  {2, 48},  {3, 48},  {4, 42},  {5, 42},  {6, 42},  {7, 51},  {8, 51},
        {9, 42},  {10, 45}, {11, 42}, {12, 45}, {13, 42}, {14, 42}, {15, 42}, {16, 42},
        {17, 80}, {18, 48}, {19, 48}, {20, 48}, {21, 48}, {22, 48}, {23, 44}, {25, 48},
        {26, 43}, {27, 42}, {28, 42}, {33, 48}, {50, 40}, {62, 42}, {63, 42}, {64, 42},
        {65, 42}, {66, 42}, {67, 42}, {68, 42}, {69, 80}, {70, 80}, {79, 48}, {94, 42}};
    for (int number = 0; number <= 95; ++number) {
        CAPTURE(number);
        const auto found = expected.find(number);
        CHECK(tlsxx::alert_for(static_cast<verify_code>(number)) ==
              (found == expected.end() ? 46 : found->second));
    }
    CHECK(tlsxx::alert_for(verify_code::engine_limit_name_constraints) == 43);
}

TEST_CASE("the primary reason follows the order of severity", "[x509][findings]") {
    using enum verify_code;
    const verify_code order[] = {engine_limit_certificate_unsupported,
                                 unable_to_get_issuer_cert_locally,
                                 invalid_ca,
                                 invalid_purpose,
                                 ee_key_too_small,
                                 hostname_mismatch,
                                 cert_has_expired,
                                 cert_revoked,
                                 excluded_violation};
    for (std::size_t i = 0; i + 1 < std::size(order); ++i) {
        CAPTURE(i);
        CHECK(tlsxx::severity_rank(order[i]) < tlsxx::severity_rank(order[i + 1]));
        tlsxx::x509::findings both;
        both.add(order[i + 1], 0);
        both.add(order[i], 5);
        CHECK(both.primary() == tlsxx::x509::finding{order[i], 5});
    }
    CHECK(tlsxx::severity_rank(engine_limit_name_constraints) ==
          tlsxx::severity_rank(excluded_violation));
}

TEST_CASE("findings of equal severity: the lowest depth, then the first", "[x509][findings]") {
    tlsxx::x509::findings list;
    CHECK(list.empty());
    CHECK(list.primary() == tlsxx::x509::finding{});
    list.add(verify_code::ok, 0);
    CHECK(list.empty());
    list.add(verify_code::cert_has_expired, 2);
    list.add(verify_code::cert_has_expired, 1);
    list.add(verify_code::cert_not_yet_valid, 1);
    list.add(verify_code::cert_has_expired, 1);
    CHECK(list.size() == 3);
    CHECK(list.primary() == tlsxx::x509::finding{verify_code::cert_has_expired, 1});
}

TEST_CASE("a full list of findings keeps the worst", "[x509][findings]") {
    tlsxx::x509::findings list;
    for (int depth = 0; depth < 40; ++depth)
        list.add(verify_code::cert_has_expired, depth);
    CHECK(list.size() == tlsxx::x509::findings::capacity);
    list.add(verify_code::cert_revoked, 0); // milder than all
    CHECK_FALSE(list.contains({verify_code::cert_revoked, 0}));
    list.add(verify_code::invalid_ca, 39);
    CHECK(list.primary() == tlsxx::x509::finding{verify_code::invalid_ca, 39});
    CHECK(list.contains({verify_code::cert_has_expired, 0}));
    CHECK(list.size() == tlsxx::x509::findings::capacity);
}
