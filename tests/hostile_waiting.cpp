// SPDX-License-Identifier: BSL-1.0
// Peers that make one wait: they stop in the middle, send a byte now and then, never read, or never
// stop sending. The deadline holds, and nothing grows meanwhile.

#include <atomic>
#include <thread>

#include <support/siege.hpp>

using namespace test;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds timeout{40};
constexpr milliseconds patience{20'000}; // how late a deadline may be on a busy machine

void set_timeout(siege& s, milliseconds time) {
    std::error_code ec;
    s.victim->socket().set_timeout(time, ec);
    REQUIRE_FALSE(ec);
}

// A siege over sockets, with `records` of the peer's delivered.
std::unique_ptr<siege> stopped_at(const victim_kind& v, std::size_t records) {
    auto s = std::make_unique<siege>(v, siege_plan{.sockets = true});
    set_timeout(*s, milliseconds{0});
    s->advance(records);
    return s;
}

// What the victim says when its time is over, and that it was over.
template <class Call>
void check_deadline(siege& s, Call&& call) {
    set_timeout(s, timeout);
    const stopwatch watch;
    s.call(call);
    CHECK(s.ec == errc::timed_out);
    CHECK(watch.elapsed() >= timeout - milliseconds{2});
    CHECK(watch.elapsed() < patience);
    CHECK(heap::peak() < 200'000);
}
auto reads(siege& s) {
    return [&s](any_stream& stream) {
        std::byte buffer[100];
        stream.read_some(buffer, s.ec); // does the handshake on the way
    };
}

// Sends `bytes` in another thread, a few at a time, until told to stop.
class dripping {
public:
    dripping(siege& s, std::string bytes, std::size_t at_once, milliseconds pause)
        : siege_{s}, bytes_{std::move(bytes)}, thread_{[=, this] {
              const int handle = siege_.socket->native_handle();
              while (!stopped_ && sent_ != bytes_.size()) {
                  const auto n =
                      ::send(handle, bytes_.data() + sent_,
                             std::min(at_once, bytes_.size() - sent_), MSG_NOSIGNAL | MSG_DONTWAIT);
                  if (n > 0)
                      sent_ += static_cast<std::size_t>(n);
                  std::this_thread::sleep_for(pause);
              }
          }} {}
    dripping(const dripping&) = delete;
    dripping& operator=(const dripping&) = delete;
    ~dripping() { stop(); }
    // True if there was something left to send.
    bool stop() {
        stopped_ = true;
        if (thread_.joinable()) {
            thread_.join();
            siege_.note_delivered(sent_);
        }
        return sent_ != bytes_.size();
    }

private:
    siege& siege_;
    std::string bytes_;
    std::size_t sent_ = 0; // the thread's own until it is joined
    std::atomic<bool> stopped_{false};
    std::thread thread_;
};

// Everything that the peer still has to say before it needs an answer.
std::string rest_of_flight(siege& s) {
    std::string bytes;
    if (s.more())
        while (!s.said.empty())
            bytes += s.next_record();
    return bytes;
}

} // namespace

ENGINE_CASE("hostile: a handshake that stalls at each message ends at its deadline", "") {
    for (const victim_kind& v : victims(on)) {
        for (std::size_t step = 0;; ++step) {
            INFO(v.name() << ": step " << step);
            auto s = stopped_at(v, step);
            if (s->victim->is_handshake_done() || s->delivered_records() != step)
                break;
            check_deadline(*s, reads(*s));
            if (s->victim->is_handshake_done())
                break; // that was the last one
            s->report("stalls behind a message of the handshake");

            auto half = stopped_at(v, step);
            if (!half->more())
                continue;
            const std::string record = half->next_record();
            half->deliver(std::string_view{record}.substr(0, record.size() / 2));
            check_deadline(*half, reads(*half));
            half->report("stalls in a message of the handshake");
            // Nothing is broken: it goes on when the peer does.
            half->deliver(std::string_view{record}.substr(record.size() / 2));
            set_timeout(*half, milliseconds{0});
            half->advance(no_limit);
            INFO(half->victim->last_error().what());
            CHECK(half->victim->is_handshake_done());
        }
    }
}

ENGINE_CASE("hostile: a byte now and then does not prolong a handshake", "") {
    for (const victim_kind& v : victims(on)) {
        for (std::size_t step = 0;; ++step) {
            INFO(v.name() << ": step " << step);
            auto s = stopped_at(v, step);
            set_timeout(*s, milliseconds{0});
            const std::string rest = rest_of_flight(*s);
            if (rest.size() < 40) // not enough for the time
                break;
            dripping drops{*s, rest, 1, milliseconds{3}};
            check_deadline(*s, reads(*s));
            CHECK(drops.stop());
            s->report("a byte of the handshake every 3 ms");
        }
    }
}

ENGINE_CASE("hostile: a byte now and then does not prolong reads, whatever is in them", "") {
    for (const victim_kind& v : victims(on)) {
        INFO(v.name());
        const auto attack = [&](const char* what, auto&& make, auto&& operation) {
            INFO(what);
            auto s = stopped_at(v, no_limit);
            REQUIRE(s->victim->is_handshake_done());
            s->answer();
            s->read();
            const std::string bytes = make(*s->tap);
            dripping drops{*s, bytes, 20, milliseconds{1}};
            check_deadline(*s, [&](any_stream& stream) { operation(stream, s->ec); });
            CHECK(drops.stop());
            s->report(what);
        };
        const auto one_record = [](record_tap& tap) {
            return tap.seal(application_type, std::string(16'000, 'x'));
        };
        const auto small_records = [](record_tap& tap) {
            std::string bytes;
            for (int i = 0; i != 4000; ++i)
                bytes += tap.seal(application_type, "x");
            return bytes;
        };
        attack("a record in small pieces, to read_some", one_record,
               [](any_stream& stream, std::error_code& ec) {
                   std::byte buffer[100];
                   stream.read_some(buffer, ec);
               });
        attack("small records, to read_exactly", small_records,
               [](any_stream& stream, std::error_code& ec) {
                   std::vector<std::byte> buffer(100'000);
                   stream.read_exactly(buffer, ec);
               });
        attack("small records, to read_all", small_records,
               [](any_stream& stream, std::error_code& ec) {
                   std::string text;
                   stream.read_all(text, ec);
               });
        attack("small records, to shutdown", small_records,
               [](any_stream& stream, std::error_code& ec) { stream.shutdown(ec); });
        attack("small records, to shutdown with a time-out", small_records,
               [](any_stream& stream, std::error_code& ec) { stream.shutdown(timeout, ec); });
    }
}

ENGINE_CASE("hostile: a peer that never stops sending can't prolong a shutdown", "") {
    for (const victim_kind& v : victims(on)) {
        INFO(v.name());
        auto s = stopped_at(v, no_limit);
        REQUIRE(s->victim->is_handshake_done());
        s->answer();
        s->read();
        std::string bytes;
        while (bytes.size() < (heap::is_sanitized() ? 4'000'000 : 40'000'000))
            bytes += s->tap->seal(application_type, std::string(16'000, 'x'));
        dripping flood{*s, bytes, 1 << 16, milliseconds{0}};
        check_deadline(*s, [&](any_stream& stream) { stream.shutdown(s->ec); });
        flood.stop();
        s->report("a flood of data, to shutdown");
    }
}

ENGINE_CASE("hostile: a flood of data holds one call of shutdown no longer than 1 MiB of it", "") {
    for (const victim_kind& v : victims(on)) {
        for (const std::size_t size : {16'000UL, 1UL}) {
            INFO(v.name() << ": records of " << size);
            siege s{v};
            s.up();
            std::string bytes;
            while (bytes.size() < 2'500'000)
                bytes += s.tap->seal(application_type, std::string(size, 'x'));
            s.deliver(bytes);
            int calls = 0;
            do {
                const std::size_t before = s.taken();
                s.call([&](any_stream& stream) { stream.shutdown(s.ec); });
                CHECK(s.taken() - before < (1 << 20) + 40'000); // see detail::input_limit
            } while (s.ec == errc::message_too_large && ++calls != 10);
            CHECK(calls > 1);
            CHECK(s.ec == errc::want_read);
            s.deliver(s.tap->seal(alert_type, std::string_view{"\x01\0", 2}));
            s.call([&](any_stream& stream) { stream.shutdown(s.ec); });
            CHECK_FALSE(s.ec);
            CHECK(heap::peak() < 200'000);
            s.report("a flood of data, to shutdown without waiting");
        }
    }
}

ENGINE_CASE("hostile: a peer that reads nothing is written to until the deadline", "") {
    for (const victim_kind& v : victims(on)) {
        INFO(v.name());
        auto s = stopped_at(v, no_limit);
        REQUIRE(s->victim->is_handshake_done());
        const std::string text = pattern(4'000'000);
        std::size_t sent = 0;
        check_deadline(*s, [&](any_stream& stream) { sent = stream.write_all(text, s->ec); });
        CHECK(sent < text.size());
        const std::size_t level = heap::live();
        for (int i = 0; i != 5; ++i)
            check_deadline(*s, [&](any_stream& stream) {
                stream.write_some(std::string_view{text}.substr(sent), s->ec);
            });
        check_deadline(*s, [&](any_stream& stream) { stream.close_notify(s->ec); });
        check_deadline(*s, [&](any_stream& stream) { stream.shutdown(s->ec); });
        CHECK(heap::live() <= level + 1000);
        s->report("reads nothing, over a socket with a time-out");
    }
}

ENGINE_CASE("hostile: a peer that reads nothing fills the pipe and one record, no more", "") {
    for (const victim_kind& v : victims(on)) {
        INFO(v.name());
        siege s{v};
        s.up();
        s.victim->pipe().set_capacity(1000);
        const std::string text = pattern(100'000);
        s.call([&](any_stream& stream) { stream.write_some(text, s.ec); });
        CHECK(s.ec == errc::want_write);
        const std::size_t level = heap::live();
        const std::size_t made = heap::calls();
        for (int i = 0; i != 1000; ++i)
            s.call([&](any_stream& stream) { stream.write_all(text, s.ec); });
        CHECK(s.ec == errc::want_write);
        CHECK(heap::live() <= level);
        CHECK(heap::calls() - made <= 1000); // no more than one a call
        // It may still be read from.
        s.deliver(s.tap->seal(application_type, "news"));
        CHECK(s.read() == "news");
        for (int i = 0; i != 10; ++i)
            s.call([&](any_stream& stream) { stream.close_notify(s.ec); });
        CHECK(s.ec == errc::want_write);
        CHECK(heap::live() <= level + 1000);
        CHECK(heap::peak() < 200'000);
        s.report("reads nothing, over a pipe");
    }
}

ENGINE_CASE("hostile: replies to a peer that reads nothing are limited", "") {
    for (const victim_kind& v : victims(on)) {
        // What the engines reply to: OpenSSL to KeyUpdate, clients to HelloRequest.
        const bool updates = v.is_1_3() && v.on == engine::openssl;
        const bool requests = !v.is_1_3() && !v.is_server;
        if (!updates && !requests)
            continue;
        INFO(v.name());
        siege s{v};
        s.up();
        s.victim->pipe().set_capacity(100);
        s.call([&](any_stream& stream) { stream.write_some(pattern(16'000), s.ec); });
        CHECK(s.ec == errc::want_write);
        // In small pieces, each of which is a call.
        int calls = 0;
        do {
            s.deliver(updates ? s.tap->seal_key_update(true, 0)
                              : s.tap->seal(handshake_type, handshake_message(0, "")));
            s.read();
        } while (s.ec == errc::want_read && ++calls != 10'000);
        CHECK(s.ec == errc::output_overflow);
        CHECK(heap::peak() < 200'000);
        s.call([&](any_stream& stream) { stream.write_some("x", s.ec); });
        CHECK(s.ec == errc::output_overflow);
        s.report("wants replies and reads nothing");
    }
}
