// SPDX-License-Identifier: BSL-1.0
// Certificates that a hostile peer sends: too many, too large, with too many names, or no
// certificates at all. Each is refused by name, or taken, at a bounded cost.

#include <random>

#include <openssl/pem.h>
#include <openssl/x509.h>

#include <support/der_writer.hpp>
#include <support/siege.hpp>

using namespace test;
using tlsxx::verify_code;

namespace {

struct key_deleter {
    void operator()(::EVP_PKEY* key) const { ::EVP_PKEY_free(key); }
};
using key_ptr = std::unique_ptr<::EVP_PKEY, key_deleter>;

key_ptr new_key() {
    return key_ptr{::EVP_EC_gen("P-256")};
}
template <class Object, class Encode>
der encoded(const Object* object, Encode&& encode) {
    der out(static_cast<std::size_t>(encode(object, nullptr)));
    auto* at = reinterpret_cast<unsigned char*>(out.data());
    encode(object, &at);
    return out;
}
der public_part(const key_ptr& key) {
    return encoded(key.get(), ::i2d_PUBKEY);
}

struct issuer {
    key_ptr key;
    der name;
};
// The authority that the victims trust.
const issuer& root() {
    static const issuer it = [] {
        const std::string key_text = pki_text("root.key"), text = pki_text("root.pem");
        ::BIO* bio = ::BIO_new_mem_buf(key_text.data(), static_cast<int>(key_text.size()));
        issuer made{key_ptr{::PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr)}, {}};
        ::BIO_free(bio);
        bio = ::BIO_new_mem_buf(text.data(), static_cast<int>(text.size()));
        ::X509* const x = ::PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
        made.name = encoded(::X509_get_subject_name(x), ::i2d_X509_NAME);
        ::X509_free(x);
        ::BIO_free(bio);
        return made;
    }();
    return it;
}

// The certificate, with a signature.
der sign(const test::certificate& c, const key_ptr& key) {
    const der unsigned_one = c.build();
    // the first element of the outer sequence
    const auto length_at = [&](std::size_t at) {
        std::size_t n = std::to_integer<std::size_t>(unsigned_one[at + 1]), header = 2;
        if (n >= 0x80)
            for (std::size_t octets = std::exchange(n, 0) & 0x7F; octets != 0; --octets)
                n = n << 8 | std::to_integer<std::size_t>(unsigned_one[at + header++]);
        return std::pair{header, n};
    };
    const std::size_t begin = length_at(0).first;
    const auto [header, size] = length_at(begin);
    const der body(unsigned_one.begin() + static_cast<std::ptrdiff_t>(begin),
                   unsigned_one.begin() + static_cast<std::ptrdiff_t>(begin + header + size));
    der signature(256);
    std::size_t n = signature.size();
    ::EVP_MD_CTX* const context = ::EVP_MD_CTX_new();
    const bool good =
        ::EVP_DigestSignInit(context, nullptr, ::EVP_sha256(), nullptr, key.get()) == 1 &&
        ::EVP_DigestSign(context, reinterpret_cast<unsigned char*>(signature.data()), &n,
                         reinterpret_cast<const unsigned char*>(body.data()), body.size()) == 1;
    ::EVP_MD_CTX_free(context);
    REQUIRE(good);
    signature.resize(n);
    return sequence(body, c.signature_algorithm, bits(signature));
}

// An end's certificate for localhost, for servers and clients, issued by the root.
test::certificate leaf_of(const key_ptr& key, std::vector<der> extensions = {}) {
    test::certificate c;
    c.issuer = root().name;
    c.key = public_part(key);
    c.extensions = {basic_constraints(false), key_usage({0})};
    if (extensions.empty())
        extensions.push_back(extension("2.5.29.17", false, sequence(dns("localhost"))));
    c.extensions.insert(c.extensions.end(), extensions.begin(), extensions.end());
    return c;
}
test::certificate authority_of(const key_ptr& key, const der& subject, const der& issued_by) {
    test::certificate c;
    c.subject = subject;
    c.issuer = issued_by;
    c.key = public_part(key);
    c.extensions = {basic_constraints(true), key_usage({5, 6})};
    return c;
}

using chain = std::vector<der>;

chain long_chain(const key_ptr& key, std::size_t count) {
    const key_ptr common = new_key(); // of all authorities in it
    const auto name_of_nth = [](std::size_t i) { return name("CA " + std::to_string(i)); };
    test::certificate leaf = leaf_of(key);
    leaf.issuer = name_of_nth(1);
    chain all{sign(leaf, common)};
    for (std::size_t i = 1; i != count; ++i) {
        const bool last = i + 1 == count;
        all.push_back(
            sign(authority_of(common, name_of_nth(i), last ? root().name : name_of_nth(i + 1)),
                 last ? root().key : common));
    }
    return all;
}

std::string text_of_chain(const chain& all) {
    std::string text;
    for (const der& c : all)
        text += text_of(c);
    return text;
}

// What a Certificate message holds besides the certificates, and for each of them.
std::size_t message_size(const victim_kind& v, const chain& all) {
    std::size_t size = v.is_1_3() ? 4 : 3;
    for (const der& c : all)
        size += c.size() + (v.is_1_3() ? 5 : 3);
    return size;
}
std::string certificate_message(const victim_kind& v, const chain& all) {
    std::string list;
    for (const der& c : all)
        list += as_bytes(c.size(), 3) + text_of(c) + (v.is_1_3() ? std::string(2, '\0') : "");
    return handshake_message(11, (v.is_1_3() ? std::string(1, '\0') : "") +
                                     as_bytes(list.size(), 3) + list);
}

// The peer has this key, and shows this chain.
siege_plan shows(const chain& all, const key_ptr& key, const victim_kind& v) {
    const std::string certificates = text_of_chain(all);
    const std::string private_key = text_of(encoded(key.get(), ::i2d_PrivateKey));
    siege_plan plan;
    plan.outgoing = 300'000; // OpenSSL's tickets hold a client's certificate
    plan.identity = v.is_server ? "good" : "";
    plan.prepare = [=](any_context& victim, any_context& peer) {
        std::error_code ec;
        peer.load_cert_chain({.certdata = certificates, .keydata = private_key}, ec);
        INFO(peer.last_error().what());
        REQUIRE_FALSE(ec);
        if (!v.is_server)
            return;
        victim.load_verify_locations({.cafile = pki("root.pem")}, ec);
        victim.set_verify_mode(tlsxx::verify_mode::required, ec);
        REQUIRE_FALSE(ec);
    };
    return plan;
}

// Engines keep what they read, parsed and not; a name of 6 bytes takes OpenSSL 120.
void check_cost(std::size_t size) {
    CHECK(heap::peak() < 200'000 + 24 * size);
}

// The handshake with that peer.
std::unique_ptr<siege> meet(const victim_kind& v, const chain& all, const key_ptr& key,
                            const char* what) {
    auto s = std::make_unique<siege>(v, shows(all, key, v));
    s->advance(no_limit);
    INFO(s->victim->last_error().what());
    check_cost(message_size(v, all));
    s->report(what);
    return s;
}

void check_refusal(const siege& s, verify_code code) {
    INFO(s.victim->last_error().what());
    CHECK(s.ec == errc::verification_failed);
    CHECK(s.victim->verification().code() == code);
    CHECK_FALSE(s.victim->is_handshake_done());
}

// A chain whose message has that size. What fills it is in a second certificate, or in the first.
chain of_size(const victim_kind& v, const key_ptr& key, std::size_t size, bool in_first) {
    const auto made = [&](std::size_t padding) {
        const der filler = extension("1.2.3.4", false, octets(der(padding)));
        const der names = extension("2.5.29.17", false, sequence(dns("localhost")));
        if (in_first)
            return chain{sign(leaf_of(key, {names, filler}), root().key)};
        test::certificate second = authority_of(key, name("Nobody's issuer"), root().name);
        second.extensions.push_back(filler);
        return chain{sign(leaf_of(key), root().key), sign(second, root().key)};
    };
    std::size_t padding = size - 1500;
    for (;;) { // a signature is of one size or another
        chain all = made(padding);
        const std::size_t is = message_size(v, all);
        if (is == size)
            return all;
        if (is + 4 < size || is > size + 4)
            padding += size - is;
    }
}

} // namespace

ENGINE_CASE("hostile: a chain of 100 certificates", "") {
    const key_ptr key = new_key();
    for (const victim_kind& v : victims(on)) {
        INFO(v.name());
        CHECK(meet(v, long_chain(key, 9), key, "a chain of 9 certificates")
                  ->victim->is_handshake_done());
        check_refusal(*meet(v, long_chain(key, 25), key, "a chain of 25 certificates"),
                      verify_code::cert_chain_too_long);
        check_refusal(*meet(v, long_chain(key, 100), key, "a chain of 100 certificates"),
                      on == engine::openssl ? verify_code::cert_chain_too_long
                                            : verify_code::engine_limit_message_too_long);
        // All of one name: a builder that tries each with each is busy for long.
        const key_ptr other = new_key();
        test::certificate leaf = leaf_of(key);
        leaf.issuer = name("Twin");
        chain twins{sign(leaf, new_key())};
        for (int i = 0; i != 30; ++i)
            twins.push_back(sign(authority_of(new_key(), name("Twin"), name("Twin")), other));
        const auto s = meet(v, twins, key, "30 issuers of one name and no right one");
        CHECK(s->ec == errc::verification_failed);
    }
}

ENGINE_CASE("hostile: a certificate message at the limit and above it",
            "[engines:certificate-message]") {
    const key_ptr key = new_key();
    for (const victim_kind& v : victims(on)) {
        const bool openssl = on == engine::openssl;
        for (const std::size_t size : {16'380UL, 17'000UL, 102'400UL, 102'401UL, 120'000UL})
            for (const bool in_first : {false, true}) {
                INFO(v.name() << ": " << size << (in_first ? ", one certificate" : ""));
                const std::string what = "a certificate message of " + std::to_string(size);
                const auto s = meet(v, of_size(v, key, size, in_first), key, what.c_str());
                if (openssl && v.is_server && in_first && size == 102'400) {
                    // It does not fit into OpenSSL's own ticket.
                    CHECK(s->ec == errc::engine_failure);
                } else if (size <= (openssl ? 102'400 : 16'380)) {
                    CHECK(s->victim->is_handshake_done());
                } else if (!openssl) {
                    check_refusal(*s, verify_code::engine_limit_message_too_long);
                } else {
                    CHECK(s->ec == errc::protocol_error);
                    CHECK(s->victim->last_error().reason() == "EXCESSIVE_MESSAGE_SIZE");
                    CHECK(s->taken() < 20'000); // it is not waited for
                }
            }
    }
}

ENGINE_CASE("hostile: a certificate with 10,000 names", "") {
    const key_ptr key = new_key();
    const auto with_names = [&](std::size_t count, std::size_t size, const char* last) {
        der names;
        for (std::size_t i = 0; i != count; ++i) {
            std::string digits = std::to_string(i);
            const der one = dns(std::string(size - digits.size(), 'n') + digits);
            names.insert(names.end(), one.begin(), one.end());
        }
        const der right = dns(last);
        names.insert(names.end(), right.begin(), right.end());
        return chain{
            sign(leaf_of(key, {extension("2.5.29.17", false, sequence(names))}), root().key)};
    };
    for (const victim_kind& v : victims(on)) {
        INFO(v.name());
        // What fits the engine; no server looks at names.
        const std::size_t fits = on == engine::openssl ? 10'000 : 2'000;
        CHECK(meet(v, with_names(fits, 4, "localhost"), key, "10,000 names (Mbed TLS: 2,000)")
                  ->victim->is_handshake_done());
        const auto wrong =
            meet(v, with_names(fits, 4, "other.test"), key, "10,000 names, no right one");
        if (v.is_server)
            CHECK(wrong->victim->is_handshake_done());
        else
            check_refusal(*wrong, verify_code::hostname_mismatch);
        const auto too_long =
            meet(v, with_names(10'000, 10, "localhost"), key, "10,000 names above the limit");
        if (on == engine::openssl)
            CHECK(too_long->ec == errc::protocol_error);
        else
            check_refusal(*too_long, verify_code::engine_limit_message_too_long);
    }
}

ENGINE_CASE("hostile: what is no certificate", "") {
    const key_ptr key = new_key();
    const der good = sign(leaf_of(key), root().key);
    const auto nested = [](std::size_t levels) {
        der inner = null();
        for (std::size_t i = 0; i != levels; ++i)
            inner = sequence(inner);
        return inner;
    };
    const auto endless = [](int tag, std::size_t levels) {
        der all;
        for (std::size_t i = 0; i != levels; ++i) {
            all.push_back(static_cast<std::byte>(tag));
            all.push_back(std::byte{0x80});
        }
        return all;
    };
    const auto part = [&](std::size_t n) {
        return der(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(n));
    };
    const auto with = [&](std::string_view id, const der& value, bool critical = false) {
        return sign(leaf_of(key, {extension(id, critical, value)}), root().key);
    };
    const auto with_subject = [&](const der& subject) {
        test::certificate c = leaf_of(key);
        c.subject = subject;
        return sign(c, root().key);
    };
    const auto with_key = [&](const der& subject_key) {
        test::certificate c = leaf_of(key);
        c.key = subject_key;
        return sign(c, root().key);
    };
    const auto repeated = [](const der& unit, std::size_t count) {
        der all;
        for (std::size_t i = 0; i != count; ++i)
            all.insert(all.end(), unit.begin(), unit.end());
        return all;
    };
    const der one_name = sequence(attribute("2.5.4.10", utf8("o")));
    test::certificate large_serial = leaf_of(key);
    large_serial.serial = tlv(2, der(5000, std::byte{0x55}));
    std::vector<der> many;
    for (int i = 0; i != 500; ++i)
        many.push_back(extension("1.2.3." + std::to_string(1000 + i), false, null()));
    many.push_back(extension("2.5.29.17", false, sequence(dns("other.test"))));
    const key_ptr constrained = new_key();
    test::certificate authority = authority_of(constrained, name("Constrained"), root().name);
    authority.extensions.push_back(
        extension("2.5.29.30", true, sequence(tlv(0xA0, repeated(sequence(dns("x.test")), 500)))));
    test::certificate constrained_leaf =
        leaf_of(key, {extension("2.5.29.17", false, sequence(repeated(dns("localhost"), 500)))});
    constrained_leaf.issuer = name("Constrained");

    std::vector<chain> all{
        {der{}},
        {raw({0x30})},
        {raw({0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF})},
        {raw({0x30, 0x80, 0x00, 0x00})},
        {der(12'000)},
        {der(12'000, std::byte{0x30})},
        {nested(3'000)},
        {endless(0x30, 6'000)},
        {part(good.size() - 1)},
        {part(good.size() / 2)},
        {part(10)},
        {join(good, raw({0}))},
        {join(good, good)},
        {with("2.5.29.17", nested(2'500))},
        {with("2.5.29.17", endless(0x30, 5'000))},
        {with("2.5.29.17", endless(0x24, 5'000))},
        {with("2.5.29.17", tlv(0x30, tlv(0xA0, join(oid("1.2.3.4"), tlv(0xA0, nested(2'500))))))},
        {with("2.5.29.19", nested(2'500), true)},
        {with("2.5.29.37", nested(2'500))},
        {with("2.5.29.31", nested(2'500))},
        {with("2.5.29.30", nested(2'500), true)},
        {with("2.5.29.35", nested(2'500))},
        {with("2.5.29.32", nested(2'500), true)},
        {with("2.5.29.37", sequence(repeated(oid("1.2.3.4"), 2'000)))},
        {with("2.5.29.19", sequence(boolean(true), tlv(2, der(5'000, std::byte{0x7F}))), true)},
        {with_subject(sequence(repeated(set(one_name), 900)))},
        {with_subject(sequence(set(repeated(one_name, 900))))},
        {with_subject(nested(2'500))},
        {with_subject(sequence(set(sequence(tlv(6, der(5'000, std::byte{0x81})), utf8("x")))))},
        {with_key(rsa_key(60'000))},
        {with_key(nested(2'500))},
        {with_key(ec_key("1.2.3.4"))},
        {sign(large_serial, root().key)},
        {sign(leaf_of(key, many), root().key)},
        {sign(constrained_leaf, constrained), sign(authority, root().key)},
        chain(400, raw({0x30, 0x00})),
        chain(2'000, der{}),
    };
    std::mt19937 random{3};
    for (int i = 0; i != 40; ++i) {
        der flipped = good;
        flipped[random() % flipped.size()] ^= static_cast<std::byte>(1 + random() % 255);
        all.push_back({std::move(flipped)});
    }
    for (const victim_kind& v : victims(on)) {
        for (std::size_t i = 0; i != all.size(); ++i) {
            INFO(v.name() << ": number " << i);
            siege s{v, shows({good}, key, v)};
            bool replaced = false;
            s.rewrite = [&](const opened_record& r) {
                if (r.type != handshake_type || r.text.empty() || r.text[0] != 11)
                    return std::vector{r};
                replaced = true;
                std::vector<opened_record> records; // of at most 2^14 bytes
                for (std::string text = certificate_message(v, all[i]); !text.empty();
                     text.erase(0, 16'000))
                    records.push_back({r.type, text.substr(0, 16'000), r.secret});
                return records;
            };
            s.advance(no_limit);
            INFO(s.victim->last_error().what());
            CHECK(replaced);
            CHECK(s.ec);
            CHECK(!would_block(s.ec));
            CHECK_FALSE(s.victim->is_handshake_done());
            check_cost(message_size(v, all[i]));
            s.report("no certificate, or a hostile one");
        }
    }
}

ENGINE_CASE("hostile: a good certificate of somebody else's", "") {
    const key_ptr key = new_key(), other = new_key();
    const der good = sign(leaf_of(key), root().key), stolen = sign(leaf_of(other), root().key);
    for (const victim_kind& v : victims(on)) {
        INFO(v.name());
        siege s{v, shows({good}, key, v)};
        s.rewrite = [&](const opened_record& r) {
            const bool is_it = r.type == handshake_type && !r.text.empty() && r.text[0] == 11;
            return std::vector{
                is_it ? opened_record{r.type, certificate_message(v, {stolen}), r.secret} : r};
        };
        s.advance(no_limit);
        INFO(s.victim->last_error().what());
        CHECK(s.ec == errc::protocol_error); // the signature does not fit it
        CHECK_FALSE(s.victim->is_handshake_done());
        s.report("a good certificate of somebody else's");
    }
}
