// SPDX-License-Identifier: BSL-1.0
// Streams under operations in any order, over transports that take and give what they like, with an
// engine that replies when it likes: each byte arrives once and in order, whatever path it took.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>

#include <catch2/catch_template_test_macros.hpp>

#include <support/mock_stream.hpp>

using namespace test;

namespace {

// The application's data at a place of its stream: nothing that the mock engine or a reply uses.
char data_at(std::size_t at) {
    return static_cast<char>('a' + at * 7 % 26);
}
std::string data(std::size_t at, std::size_t size) {
    std::string text(size, '\0');
    for (char& c : text)
        c = data_at(at++);
    return text;
}

template <class Transport>
class walk {
public:
    explicit walk(std::uint32_t seed)
        : random_{seed}, reads_ahead_{seed % 2 != 0}, stream_{std::make_unique<stream_type>(
                                                          test_.open_established(
                                                              {.unwrappable = reads_ahead_}))} {
        test_.wire.on_wait = [this](tlsxx::direction) {
            if (up_to(3) == 0)
                return make_error_code(errc::timed_out);
            turn_knobs();
            return std::error_code{};
        };
    }

    void run(int steps) {
        while (steps-- != 0) {
            turn_knobs();
            step();
            check_output();
        }
        end();
    }

private:
    using stream_type = typename mock_case<Transport>::stream_type;

    std::size_t up_to(std::size_t most) {
        return std::uniform_int_distribution<std::size_t>{0, most}(random_);
    }
    mock_engine& engine() { return *stream_->native_handle(); }

    mock_call replies(want next, std::size_t n = 0) {
        return [this, next, n](tlsxx::bound_transport& t) {
            const std::string reply = "<" + std::to_string(replies_made_++) + ">";
            t.write(bytes(reply));
            replies_ += reply;
            return mock_answer(next, n);
        };
    }

    void turn_knobs() {
        const std::size_t rooms[] = {0, up_to(5), up_to(200), up_to(100'000), fake_wire::unlimited};
        test_.wire.room = rooms[up_to(4)];
        const std::size_t records[] = {1 + up_to(20), 16, mock::record_payload};
        engine().record = records[up_to(2)];
        for (std::size_t n = up_to(2); n != 0; --n) {
            const std::size_t size = 1 + up_to(40);
            test_.wire.input += data(fed_, size) + "|";
            fed_ += size;
        }
        switch (up_to(9)) {
        case 0: engine().reads = {replies(want::read)}; break;
        case 1: engine().reads = {replies(want::nothing, 1)}; break; // it reads a zero byte
        case 2: engine().writes = {replies(want::read)}; break;
        case 3: // in the middle of a group
            engine().writes = {[this](tlsxx::bound_transport& t) {
                                   return engine().seal(t, bytes(data(engine().taken, 1)));
                               },
                               replies(want::read)};
            break;
        default: break;
        }
    }

    void step() {
        switch (up_to(8)) {
        case 0:
        case 1: read(1 + up_to(50)); break;
        case 2: read_exactly(1 + up_to(50)); break;
        case 3:
        case 4: write(1 + up_to(50), false); break;
        case 5: write(1 + up_to(up_to(3) == 0 ? 150'000 : 200), true); break;
        case 6: stream_->flush(test_.ec); break;
        case 7: stream_ = std::make_unique<stream_type>(std::move(*stream_)); break;
        case 8: test_.read(*stream_, 0); break;
        }
        const auto& ec = test_.ec;
        REQUIRE((!ec || ec == errc::want_read || ec == errc::want_write || ec == errc::timed_out));
    }
    void got(std::string_view text) {
        for (const char c : text)
            if (c != '\0')
                REQUIRE(c == data_at(received_++));
    }
    void read(std::size_t size) {
        const std::string text = test_.read(*stream_, size);
        got(text);
        if (!test_.ec)
            CHECK_FALSE(text.empty());
    }
    void read_exactly(std::size_t size) {
        std::string text(size, '\0');
        text.resize(stream_->read_exactly(std::as_writable_bytes(std::span{text}), test_.ec));
        got(text);
        CHECK(test_.ec.operator bool() == (text.size() != size));
    }
    void write(std::size_t size, bool all) {
        const std::string text = data(written_, std::max(size, tried_));
        const std::size_t n =
            all ? stream_->write_all(text, test_.ec) : stream_->write_some(text, test_.ec);
        written_ += n;
        tried_ = test_.ec ? text.size() - n : 0;
        if (!test_.ec)
            CHECK((all ? n == text.size() : n != 0));
    }

    // What the transport has is the records and the replies, each once and in order.
    void check_output() {
        const std::string& output = test_.wire.output;
        bool in_order = true;
        for (; checked_ != output.size(); ++checked_) {
            const char c = output[checked_];
            if ((c >= '0' && c <= '9') || c == '<' || c == '>')
                replies_sent_ += c;
            else if (c != '|')
                in_order = in_order && c == data_at(sent_++);
        }
        REQUIRE(in_order);
        REQUIRE(replies_.starts_with(replies_sent_));
        REQUIRE(sent_ >= written_);
        REQUIRE(sent_ <= written_ + tried_);
        if (!stream_->wants_write()) {
            REQUIRE(replies_sent_ == replies_);
            REQUIRE(sent_ == engine().taken);
        }
    }

    void end() {
        test_.wire.room = fake_wire::unlimited;
        engine().reads.clear();
        engine().writes.clear();
        test_.wire.on_wait = [](tlsxx::direction) { return make_error_code(errc::timed_out); };
        if (tried_ != 0) {
            write(0, true);
            REQUIRE_FALSE(test_.ec);
        }
        stream_->flush(test_.ec);
        check_output();
        CHECK(sent_ == written_);
        while (received_ != fed_)
            read(100);
        test_.wire.output.clear();
        test_.wire.input = "!plain";
        if (reads_ahead_) {
            const auto plain = stream_->unwrap(test_.ec);
            REQUIRE(plain);
            CHECK(plain->bytes.size() + test_.wire.input.size() == 5);
        } else {
            stream_->shutdown(test_.ec);
            CHECK(test_.wire.input == "plain");
        }
        CHECK_FALSE(test_.ec);
        CHECK(test_.wire.output == "!");
    }

    std::mt19937 random_;
    bool reads_ahead_;
    mock_case<Transport> test_;
    std::unique_ptr<stream_type> stream_;
    std::size_t fed_ = 0, received_ = 0;  // data for the stream to read
    std::size_t written_ = 0, tried_ = 0; // data that is done, and the rest of a blocked write
    std::size_t checked_ = 0, sent_ = 0;
    std::size_t replies_made_ = 0;
    std::string replies_, replies_sent_;
};

} // namespace

TEMPLATE_TEST_CASE("stream: operations in any order lose, repeat and reorder nothing", "",
                   fake_transport, waiting_transport) {
    for (std::uint32_t seed = 0; seed != 100; ++seed) {
        CAPTURE(seed);
        walk<TestType>{seed}.run(150);
    }
}
