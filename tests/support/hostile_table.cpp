// SPDX-License-Identifier: BSL-1.0
// After a run: what each hostile scenario came to, and what it cost.

#include <cstdio>
#include <map>
#include <tuple>

#include <catch2/reporters/catch_reporter_event_listener.hpp>
#include <catch2/reporters/catch_reporter_registrars.hpp>

#include <support/siege.hpp>

namespace test {

namespace {

std::vector<hostile_row>& rows() {
    static std::vector<hostile_row> all;
    return all;
}

// The word by which programs know a code.
std::string word_for(const std::error_code& ec) {
    if (!ec)
        return "success";
    if (ec.category() != tlsxx::error_category())
        return ec.message();
    switch (static_cast<errc>(ec.value())) {
    case errc::want_read: return "want_read";
    case errc::want_write: return "want_write";
    case errc::stream_truncated: return "stream_truncated";
    case errc::timed_out: return "timed_out";
    case errc::output_overflow: return "output_overflow";
    case errc::verification_failed: return "verification_failed";
    case errc::alert_received: return "alert_received";
    case errc::protocol_error: return "protocol_error";
    case errc::handshake_failure: return "handshake_failure";
    case errc::certificate_required: return "certificate_required";
    case errc::post_handshake_message: return "post_handshake_message";
    case errc::engine_failure: return "engine_failure";
    default: return ec.message();
    }
}

class hostile_table : public Catch::EventListenerBase {
public:
    using EventListenerBase::EventListenerBase;

    void testRunEnded(const Catch::TestRunStats&) override {
        if (rows().empty())
            return;
        std::printf("\n%-52s %-8s %-6s %-7s %-23s %5s %10s %10s %6s %8s\n", "hostile peer",
                    "engine", "role", "version", "outcome", "runs", "peak heap", "bytes in",
                    "calls", "time");
        for (const hostile_row& row : rows())
            std::printf("%-52s %-8s %-6s %-7s %-23s %5zu %7.1f kB %10zu %6zu %5lld ms\n",
                        row.scenario.c_str(), name_of(row.victim.on).data(),
                        row.victim.is_server ? "server" : "client",
                        std::string{to_string(row.victim.version)}.c_str(),
                        word_for(row.outcome).c_str(), row.runs,
                        static_cast<double>(row.peak) / 1000, row.bytes, row.calls,
                        static_cast<long long>(row.time.count()));
        std::printf("peak heap: of one connection, its engine's blocks included; bytes in, calls: "
                    "of one connection, the most of all runs\n");
        std::fflush(stdout);
    }
};

CATCH_REGISTER_LISTENER(hostile_table)

} // namespace

void add_row(const hostile_row& row) {
    for (hostile_row& old : rows())
        if (old.scenario == row.scenario && old.victim.on == row.victim.on &&
            old.victim.is_server == row.victim.is_server &&
            old.victim.version == row.victim.version && old.outcome == row.outcome) {
            old.runs += row.runs;
            old.peak = std::max(old.peak, row.peak);
            old.bytes = std::max(old.bytes, row.bytes);
            old.calls = std::max(old.calls, row.calls);
            old.time += row.time;
            return;
        }
    rows().push_back(row);
}

} // namespace test
