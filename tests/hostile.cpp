// SPDX-License-Identifier: BSL-1.0
// What a hostile peer sends: floods, junk, crumbs. Whatever it is, the victim's memory is bounded,
// and so is what one call of it takes. The program ends with a table of the figures.

#include <random>

#include <support/siege.hpp>

using namespace test;

namespace {

// No connection holds more, whatever its peer sends (a certificate message of 100 kB apart): the
// engine's own buffers, two of 16 KiB each way, and what a handshake needs.
constexpr std::size_t most_heap = 200'000;
// One call: detail::input_limit, and what was read ahead.
constexpr std::size_t most_taken = (1 << 20) + 40'000;

void check_bounds() {
    CHECK(heap::is_counted());
    CHECK(heap::peak() > 1000);
    CHECK(heap::peak() < most_heap);
}

struct flood {
    const char* name;
    bool (*applies)(const victim_kind&);
    std::string (*unit)(record_tap&);
};
bool always(const victim_kind&) {
    return true;
}
bool is_1_3(const victim_kind& v) {
    return v.is_1_3();
}
bool is_1_2(const victim_kind& v) {
    return !v.is_1_3();
}

std::string ticket() {
    // lifetime, age_add, nonce, ticket, extensions
    return handshake_message(4, as_bytes(7200, 4) + as_bytes(1, 4) + as_bytes(1, 1) + "n" +
                                    as_bytes(200, 2) + std::string(200, 't') + as_bytes(0, 2));
}

// Each update makes new keys on both sides.
std::size_t update_padding() {
    return heap::is_sanitized() ? 400 : 0;
}

constexpr flood floods[] = {
    {"empty data records", always, [](record_tap& t) { return t.seal(application_type, ""); }},
    {"empty handshake records", always, [](record_tap& t) { return t.seal(handshake_type, ""); }},
    {"empty alert records", always, [](record_tap& t) { return t.seal(alert_type, ""); }},
    {"warning alerts", always, [](record_tap& t) { return t.seal(alert_type, "\x01\x64"); }},
    {"user_cancelled", always, [](record_tap& t) { return t.seal(alert_type, "\x01\x5A"); }},
    {"change_cipher_spec", always,
     [](record_tap& t) { return t.seal(change_cipher_spec_type, "\x01"); }},
    {"change_cipher_spec, not encrypted", always,
     [](record_tap&) { return plain_record(change_cipher_spec_type, "\x01"); }},
    {"HelloRequest", is_1_2,
     [](record_tap& t) { return t.seal(handshake_type, handshake_message(0, "")); }},
    {"session tickets", is_1_3, [](record_tap& t) { return t.seal(handshake_type, ticket()); }},
    {"KeyUpdate", is_1_3, [](record_tap& t) { return t.seal_key_update(false, update_padding()); }},
    {"KeyUpdate that asks for one", is_1_3,
     [](record_tap& t) { return t.seal_key_update(true, update_padding()); }},
};

} // namespace

ENGINE_CASE("hostile: a flood behind the handshake", "[engines:floods]") {
    for (const victim_kind& v : victims(on)) {
        for (const flood& f : floods) {
            if (!f.applies(v))
                continue;
            INFO(v.name() << ": " << f.name);
            siege s{v};
            s.up();
            // A little at a time first: memory does not grow.
            std::size_t level = 0;
            for (int i = 0; i != 40 && s.ec == errc::want_read; ++i) {
                std::string chunk;
                while (chunk.size() < 8000)
                    chunk += f.unit(*s.tap);
                s.deliver(chunk);
                s.read();
                s.hear();
                if (i == 3)
                    level = heap::live();
            }
            if (s.ec == errc::want_read) {
                CHECK(heap::live() < level + 4000);
                // And then all at once.
                const std::size_t before = s.taken();
                std::string chunk;
                while (chunk.size() < 1'200'000)
                    chunk += f.unit(*s.tap);
                s.deliver(chunk);
                s.read();
                CHECK(s.taken() - before < most_taken);
            }
            INFO(s.victim->last_error().what());
            CHECK(s.ec != errc::want_read);
            check_bounds();
            s.report(f.name);
        }
    }
}

namespace {

// How many records the peer sends in an undisturbed handshake, and at once behind it.
std::size_t records_of(const victim_kind& v) {
    siege s{v};
    s.up();
    return s.delivered_records();
}

std::string repeated(std::string_view unit, std::size_t size) {
    std::string text;
    while (text.size() < size)
        text += unit;
    return text;
}

} // namespace

ENGINE_CASE("hostile: a flood at each step of the handshake", "") {
    const std::pair<const char*, std::string> plain[] = {
        {"change_cipher_spec", plain_record(change_cipher_spec_type, "\x01")},
        {"warning alerts", plain_record(alert_type, "\x01\x5A")},
        {"HelloRequest", plain_record(handshake_type, handshake_message(0, ""))},
        {"empty handshake records", plain_record(handshake_type, "")},
        {"empty data records", plain_record(application_type, "")},
    };
    const std::pair<const char*, opened_record> sealed[] = {
        {"warning alerts", {alert_type, "\x01\x5A", true}},
        {"empty handshake records", {handshake_type, "", true}},
        {"empty data records", {application_type, "", true}},
    };
    for (const victim_kind& v : victims(on)) {
        const std::size_t steps = records_of(v);
        const auto attack = [&](const char* what, std::size_t step, bool encrypted, auto&& bytes) {
            siege s{v};
            s.advance(step);
            s.answer();
            if (s.victim->is_handshake_done() || (encrypted && !s.tap->can_seal()))
                return;
            INFO(v.name() << ": " << what << " at step " << step);
            std::size_t before = s.taken();
            s.deliver(bytes(*s.tap, 40'000));
            s.answer();
            if (s.ec == errc::want_read) {
                before = s.taken();
                s.deliver(bytes(*s.tap, 1'200'000));
                s.answer();
            }
            INFO(s.victim->last_error().what());
            CHECK(s.ec);
            CHECK(!would_block(s.ec));
            CHECK_FALSE(s.victim->is_handshake_done());
            CHECK(s.taken() - before < most_taken);
            check_bounds();
            s.report(std::string{"in the handshake: "} + what + (encrypted ? ", encrypted" : ""));
        };
        for (std::size_t step = 0; step != steps; ++step) {
            for (const auto& each : plain)
                attack(each.first, step, false,
                       [&](record_tap&, std::size_t size) { return repeated(each.second, size); });
            for (const auto& each : sealed)
                attack(each.first, step, true, [&](record_tap& tap, std::size_t size) {
                    std::string text;
                    while (text.size() < size)
                        text += tap.seal(each.second.type, each.second.text);
                    return text;
                });
        }
    }
}

namespace {

// Junk of which the begin may be good, so that more of it is awaited: up to what an engine's buffer
// takes.
template <class Next>
void ends_soon(siege& s, Next&& next) {
    s.ec = make_error_code(errc::want_read);
    for (int i = 0; i != 4 && s.ec == errc::want_read; ++i) {
        s.deliver(next());
        s.read();
    }
    INFO(s.victim->last_error().what());
    CHECK(s.ec);
    CHECK(!would_block(s.ec));
    check_bounds();
}

} // namespace

ENGINE_CASE("hostile: 16 KiB of junk at each step", "") {
    std::mt19937 random{7};
    const std::string noise = [&] {
        std::string text(16384, '\0');
        for (char& c : text)
            c = static_cast<char>(random());
        return text;
    }();
    constexpr std::size_t size = 16384;
    const std::string sslv2_hello("\x80\x2E\x01\x00\x02\x00\x15\x00\x00\x00\x10\x01\x00\x80", 14);
    const auto record_of = [&](unsigned char type, std::size_t announced) {
        return as_bytes(type, 1) + "\x03\x03" + as_bytes(announced, 2) + noise;
    };
    for (const victim_kind& v : victims(on)) {
        // RFC 5246 6.2.3, and RFC 8446 5.2, which is not known to be the version at first
        constexpr std::size_t limit = (1 << 14) + 2048;
        const std::size_t its_limit = v.is_1_3() ? (1 << 14) + 256 : limit;
        const std::pair<const char*, std::string> junk[] = {
            {"random bytes", noise},
            {"zeros", std::string(size, '\0')},
            {"an HTTP request", repeated("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", size)},
            {"an SSLv2 hello", (sslv2_hello + noise).substr(0, size)},
            {"a data record with a bad tag", record_of(application_type, size - 5)},
            {"a handshake record of noise", record_of(handshake_type, size - 5)},
            {"a record of another version", "\x16\x05\x00\x3F\xFB" + noise},
            {"a handshake message of 16 MB",
             plain_record(handshake_type, "\x01\xFF\xFF\xFF" + noise.substr(0, 16000))},
            {"a record above the limit", record_of(application_type, limit + 1)},
            {"a record at the limit", record_of(application_type, its_limit) + noise},
        };
        const std::size_t steps = records_of(v);
        for (const auto& each : junk) {
            const std::string what = each.first;
            for (std::size_t step = 0; step <= steps; ++step) {
                siege s{v};
                s.advance(step);
                s.answer();
                INFO(v.name() << ": " << what << " at step " << step);
                const bool was_done = s.victim->is_handshake_done();
                ends_soon(s, [&] { return each.second; });
                CHECK(s.victim->is_handshake_done() == was_done);
                if (what == "a record above the limit" && !was_done)
                    CHECK(s.ec == errc::protocol_error);
                const std::error_code first = s.ec;
                s.read();
                CHECK(s.ec == first);
                s.report((was_done ? "after" : "in") + (" the handshake: " + what));
            }
        }
        if (v.is_1_3()) {
            siege s{v};
            s.up();
            ends_soon(s, [&] { return record_of(application_type, its_limit + 1); });
            s.report("after the handshake: a record above the limit of 1.3");
        }
        // The same, with a right tag.
        for (const unsigned char type : {handshake_type, alert_type, change_cipher_spec_type}) {
            INFO(v.name() << ": type " << int{type});
            siege s{v};
            s.up();
            ends_soon(s, [&] { return s.tap->seal(type, noise.substr(0, 16000)); });
            s.report("after the handshake: sealed noise");
        }
        siege s{v};
        s.up();
        ends_soon(s, [&] {
            return s.tap->seal(handshake_type, "\x04\xFF\xFF\xFF" + noise.substr(0, 16000));
        });
        if (on == engine::mbedtls) {
            CHECK(s.ec == errc::post_handshake_message);
            CHECK(s.victim->last_error().what().find("16 KiB") != std::string::npos);
        }
        s.report("after the handshake: a sealed message of 16 MB");
    }
}

ENGINE_CASE("hostile: crumbs", "[engines:fragments]") {
    for (const victim_kind& v : victims(on)) {
        const auto crumble = [on](const opened_record& r) {
            std::vector<opened_record> all;
            if (r.type != handshake_type)
                return std::vector{r};
            // The header of a message in one piece: Mbed TLS takes no shorter one.
            std::size_t n = on == engine::mbedtls ? 4 : 1;
            for (std::size_t at = 0; at < r.text.size(); at += std::exchange(n, 1))
                all.push_back({r.type, r.text.substr(at, n), r.secret});
            return all;
        };
        const std::string text = pattern(1000);
        for (const bool fragments : {false, true})
            for (const bool reads : {false, true}) {
                if (!fragments && !reads)
                    continue;
                const std::string what =
                    std::string{fragments ? "handshake messages in fragments of 1 byte" : ""} +
                    (fragments && reads ? ", " : "") + (reads ? "1 byte a read" : "");
                INFO(v.name() << ": " << what);
                siege s{v};
                if (fragments)
                    s.rewrite = crumble;
                if (reads)
                    s.victim->pipe().knobs.most = 1;
                s.advance(no_limit);
                INFO(s.victim->last_error().what());
                CHECK(s.victim->is_handshake_done());
                s.rewrite = {};
                std::string got;
                for (const char c : text) { // records of 1 byte
                    s.deliver(s.tap->seal(application_type, std::string(1, c)));
                    got += s.read();
                }
                CHECK((got == text));
                check_bounds();
                s.report(what);
            }
        // Less than a header is too little for Mbed TLS.
        if (on == engine::mbedtls) {
            siege s{v};
            s.rewrite = [](const opened_record& r) {
                if (r.type != handshake_type)
                    return std::vector{r};
                return std::vector<opened_record>{{r.type, r.text.substr(0, 3), r.secret},
                                                  {r.type, r.text.substr(3), r.secret}};
            };
            s.advance(no_limit);
            CHECK(s.ec == errc::protocol_error);
            s.report("a handshake message whose header is cut");
        }
    }
}
