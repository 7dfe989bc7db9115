// SPDX-License-Identifier: BSL-1.0
// Alerts that are read as they pass by.

#include <tlsxx/mbedtls/plain_alert.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <string_view>

using namespace std::string_literals;
using tlsxx::alert_description;
using tlsxx::mbedtls::detail::plain_alert_reader;

namespace {

const std::string fatal_unknown_ca = "\x15\x03\x03\x00\x02\x02\x30"s;
const std::string warning = "\x15\x03\x03\x00\x02\x01\x5A"s;

std::string record(char type, std::size_t size) {
    std::string bytes{type, 3, 3, static_cast<char>(size / 256), static_cast<char>(size % 256)};
    return bytes + std::string(size, '\x15');
}

std::optional<alert_description> read(std::string_view bytes, std::size_t chunk) {
    plain_alert_reader reader;
    for (; !bytes.empty(); bytes.remove_prefix(std::min(chunk, bytes.size())))
        reader.feed(std::as_bytes(std::span{bytes.substr(0, chunk)}));
    return reader.alert();
}

} // namespace

TEST_CASE("mbedtls: an alert is found behind other records, however they are cut") {
    const std::string before =
        record(22, 300) + record(20, 1) + record(22, 0) + record(22, 2) + record(23, 70) + warning;
    for (const std::size_t chunk : {1U, 2U, 3U, 5U, 6U, 7U, 64U, 100000U}) {
        INFO(chunk);
        CHECK_FALSE(read(before, chunk));
        CHECK(read(before + fatal_unknown_ca, chunk) == alert_description::unknown_ca);
        CHECK(read(fatal_unknown_ca + before, chunk) == alert_description::unknown_ca);
    }
}

TEST_CASE("mbedtls: what is not an alert in the clear is none") {
    CHECK_FALSE(read("", 1));
    CHECK_FALSE(read(record(21, 26), 7)); // encrypted
    CHECK_FALSE(read(record(21, 1), 7));
    CHECK_FALSE(read(fatal_unknown_ca.substr(0, 6), 7));
    CHECK_FALSE(read(record(22, 7) + record(22, 65535), 1000));
}
