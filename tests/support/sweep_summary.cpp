// SPDX-License-Identifier: BSL-1.0
// After a run: what the sweeps have tried.

#include <cstddef>
#include <iostream>

#include <catch2/catch_test_case_info.hpp>
#include <catch2/reporters/catch_reporter_event_listener.hpp>
#include <catch2/reporters/catch_reporter_registrars.hpp>

#include <support/sweep_counts.hpp>

namespace {

class sweep_summary : public Catch::EventListenerBase {
public:
    using EventListenerBase::EventListenerBase;

    void testRunEnded(const Catch::TestRunStats&) override {
        for (const auto& [kind, tallies] : test::sweep_tallies()) {
            std::size_t faults = 0;
            std::size_t runs = 0;
            for (const auto& [name, t] : tallies) {
                std::cout << "sweep, " << kind << ": " << name << ": n to " << t.reached;
                if (t.stride != 1)
                    std::cout << " by " << t.stride;
                std::cout << ", " << t.ways.size() << " ways, " << t.faults << " faults";
                const char* separator = " (";
                for (const auto& [code, count] : t.results) {
                    std::cout << separator << count << ' ' << code;
                    separator = ", ";
                }
                std::cout << (t.results.empty() ? "\n" : ")\n");
                faults += t.faults;
                runs += t.runs;
            }
            std::cout << "sweep, " << kind << ": " << tallies.size() << " rows, " << runs
                      << " runs, " << faults << " faults" << std::endl;
        }
    }
};

CATCH_REGISTER_LISTENER(sweep_summary)

} // namespace
