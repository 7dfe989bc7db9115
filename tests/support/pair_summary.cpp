// SPDX-License-Identifier: BSL-1.0
// After a run: how many cases passed on each ordered pair of engines.

#include <iostream>
#include <map>
#include <string>

#include <catch2/catch_test_case_info.hpp>
#include <catch2/reporters/catch_reporter_event_listener.hpp>
#include <catch2/reporters/catch_reporter_registrars.hpp>

namespace {

class pair_summary : public Catch::EventListenerBase {
public:
    using EventListenerBase::EventListenerBase;

    void testCaseEnded(const Catch::TestCaseStats& stats) override {
        // Cases are named "behaviour: CLIENT to SERVER, VERSION", or "behaviour: ENGINE".
        const std::string& name = stats.testInfo->name;
        const std::size_t colon = name.rfind(": ");
        if (colon == std::string::npos)
            return;
        std::string on = name.substr(colon + 2);
        on.resize(std::min(on.find(','), on.size()));
        const std::size_t to = on.find(" to ");
        if (!is_engine(on.substr(0, to)))
            return;
        if (to != std::string::npos)
            on.replace(to, 4, "\u2192");
        count& c = counts_[on];
        if (stats.totals.testCases.failed != 0)
            ++c.failed;
        else if (stats.totals.testCases.skipped != 0)
            ++c.skipped;
        else
            ++c.passed;
    }
    void testRunEnded(const Catch::TestRunStats&) override {
        const char* separator = "pairs: ";
        for (const auto& [on, c] : counts_) {
            std::cout << separator << on << ' ' << c.passed;
            if (c.failed != 0)
                std::cout << " (" << c.failed << " failed)";
            if (c.skipped != 0)
                std::cout << " (" << c.skipped << " skipped)";
            separator = ", ";
        }
        if (!counts_.empty())
            std::cout << std::endl;
    }

private:
    struct count {
        int passed = 0, failed = 0, skipped = 0;
    };
    static bool is_engine(const std::string& name) {
        return name == "openssl" || name == "mbedtls";
    }
    std::map<std::string, count> counts_;
};

CATCH_REGISTER_LISTENER(pair_summary)

} // namespace
