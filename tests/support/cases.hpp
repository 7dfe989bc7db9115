// SPDX-License-Identifier: BSL-1.0
#pragma once

// Test cases that run on each engine, or on each ordered pair of engines, under TLS 1.2 and 1.3.
// The body is compiled once; each combination is a case of its own with its own name, such as
// "close_notify ends a read: openssl to mbedtls, TLSv1.3" (client to server).

#include <optional>
#include <string>

#include <catch2/catch_test_macros.hpp>
#include <catch2/catch_tostring.hpp>

#include <tlsxx/verification.hpp>

#include <support/engines.hpp>

namespace test {

inline constexpr tlsxx::tls_version both_versions[] = {tlsxx::tls_version::tls_1_2,
                                                       tlsxx::tls_version::tls_1_3};

// What a case runs on. The client's engine is `client`; a case on one engine has it on both sides.
struct pairing {
    engine client = engine::openssl;
    engine server = engine::openssl;
    tlsxx::tls_version version = tlsxx::tls_version::maximum_supported;
};

template <class Body, class Argument>
class case_invoker final : public Catch::ITestInvoker {
public:
    case_invoker(Body body, Argument argument) : body_{body}, argument_{argument} {}
    void invoke() const override { body_(argument_); }

private:
    Body body_;
    Argument argument_;
};

template <class Body, class Argument>
void register_case(Body body, Argument argument, const std::string& name, const char* tags,
                   const Catch::SourceLineInfo& where) {
    Catch::AutoReg{Catch::Detail::unique_ptr<Catch::ITestInvoker>{new case_invoker{body, argument}},
                   where, Catch::StringRef{},
                   Catch::NameAndTags{Catch::StringRef{name}, Catch::StringRef{tags}}};
}

struct pair_cases {
    pair_cases(void (*body)(const pairing&), const char* name, const char* tags,
               const Catch::SourceLineInfo& where) {
        for (const engine client : all_engines)
            for (const engine server : all_engines)
                for (const tlsxx::tls_version v : both_versions)
                    register_case(body, pairing{client, server, v},
                                  std::string{name}
                                      .append(": ")
                                      .append(name_of(client))
                                      .append(" to ")
                                      .append(name_of(server))
                                      .append(", ")
                                      .append(to_string(v)),
                                  tags, where);
    }
};
struct engine_cases {
    engine_cases(void (*body)(engine), const char* name, const char* tags,
                 const Catch::SourceLineInfo& where) {
        for (const engine e : all_engines)
            register_case(body, e, std::string{name}.append(": ").append(name_of(e)), tags, where);
    }
};

} // namespace test

#define TEST_JOIN_(a, b) a##b
#define TEST_JOIN(a, b) TEST_JOIN_(a, b)
// PAIR_CASE("behaviour", "[tags]") { uses `with`, a pairing }
#define PAIR_CASE(name, tags)                                                                      \
    static void TEST_JOIN(pair_case_, __LINE__)(const ::test::pairing&);                           \
    static const ::test::pair_cases TEST_JOIN(pair_cases_, __LINE__){                              \
        &TEST_JOIN(pair_case_, __LINE__), name, tags, CATCH_INTERNAL_LINEINFO};                    \
    static void TEST_JOIN(pair_case_, __LINE__)([[maybe_unused]] const ::test::pairing& with)
// ENGINE_CASE("behaviour", "[tags]") { uses `on`, an engine }
#define ENGINE_CASE(name, tags)                                                                    \
    static void TEST_JOIN(engine_case_, __LINE__)(::test::engine);                                 \
    static const ::test::engine_cases TEST_JOIN(engine_cases_, __LINE__){                          \
        &TEST_JOIN(engine_case_, __LINE__), name, tags, CATCH_INTERNAL_LINEINFO};                  \
    static void TEST_JOIN(engine_case_, __LINE__)([[maybe_unused]] ::test::engine on)

// What a failed check prints.
template <>
struct Catch::StringMaker<tlsxx::verify_code> {
    static std::string convert(tlsxx::verify_code code) {
        return std::to_string(static_cast<int>(code)) + " " + std::string{message(code)};
    }
};
template <>
struct Catch::StringMaker<tlsxx::alert_description> {
    static std::string convert(tlsxx::alert_description alert) {
        return std::string{to_string(alert)};
    }
};
template <>
struct Catch::StringMaker<std::optional<tlsxx::alert_description>> {
    static std::string convert(const std::optional<tlsxx::alert_description>& alert) {
        return alert ? std::string{to_string(*alert)} : "no alert";
    }
};
template <>
struct Catch::StringMaker<tlsxx::tls_version> {
    static std::string convert(tlsxx::tls_version v) { return std::string{to_string(v)}; }
};
template <>
struct Catch::StringMaker<std::error_code> {
    static std::string convert(const std::error_code& ec) {
        return ec ? ec.category().name() + (": " + ec.message()) : "no error";
    }
};
template <>
struct Catch::StringMaker<tlsxx::errc> {
    static std::string convert(tlsxx::errc e) { return std::string{message(e)}; }
};
