// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a contender is asked to do, a slice of operations at a time.

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wires.hpp"

namespace bench {

class workload {
public:
    virtual ~workload() = default;
    virtual void run(unsigned operations) = 0;
};

// pp64: 64 bytes to the server and 64 back, over sockets. rec16k: 16 KiB to the server.
template <template <class> class Link>
class data_workload final : public workload {
public:
    data_workload(const std::string& pki, std::size_t size, bool both_ways)
        : context_{pki}, link_{context_, wires_.client, wires_.server}, both_ways_{both_ways},
          data_(size, std::byte{'x'}), buffer_(size) {
        link_.handshake();
        once(true); // tickets and first allocations
        once(false);
    }
    void run(unsigned operations) override {
        for (; operations != 0; --operations) {
            once(true);
            if (both_ways_)
                once(false);
        }
    }

private:
    void once(bool by_client) {
        link_.write(by_client, data_);
        link_.read(!by_client, buffer_);
    }

    socket_wires wires_;
    typename Link<socket_end>::context context_;
    Link<socket_end> link_;
    bool both_ways_;
    std::vector<std::byte> data_, buffer_;
};

// A connection in memory: made, one byte each way, and gone.
template <template <class> class Link>
class handshake_workload final : public workload {
public:
    handshake_workload(const std::string& pki, bool resumed) : context_{pki}, resumed_{resumed} {
        if constexpr (Link<memory_end>::resumes)
            if (resumed_)
                session_ = connect([](auto&) {}, [](auto& link) { return link.take_session(); });
    }
    void run(unsigned operations) override {
        for (; operations != 0; --operations) {
            if constexpr (Link<memory_end>::resumes)
                connect([&](auto& link) { resumed_ ? link.offer(session_) : void(); },
                        [&](auto& link) {
                            check(link.resumed() == resumed_, "resumption");
                            return typename Link<memory_end>::session{};
                        });
            else
                connect([](auto&) {}, [](auto&) { return 0; });
        }
    }

private:
    template <class Before, class After>
    auto connect(Before before, After after) {
        wires_.clear();
        Link<memory_end> link{context_, wires_.client, wires_.server};
        before(link);
        link.handshake();
        std::byte one{'x'};
        for (const bool by_client : {true, false}) {
            link.write(by_client, {&one, 1});
            link.read(!by_client, {&one, 1});
        }
        return after(link);
    }

    memory_wires wires_;
    typename Link<memory_end>::context context_;
    bool resumed_;
    decltype([] {
        if constexpr (Link<memory_end>::resumes)
            return typename Link<memory_end>::session{};
        else
            return 0;
    }()) session_{};
};

template <template <class> class Link>
std::unique_ptr<workload> make_workload(std::string_view name, const std::string& pki) {
    if (name == "pp64")
        return std::make_unique<data_workload<Link>>(pki, 64, true);
    if (name == "rec16k")
        return std::make_unique<data_workload<Link>>(pki, 16384, false);
    return nullptr;
}

template <template <class> class Link>
std::unique_ptr<workload> make_handshake(std::string_view name, const std::string& pki) {
    if (name == "handshake")
        return std::make_unique<handshake_workload<Link>>(pki, false);
    if (name == "resumed" && Link<memory_end>::resumes)
        return std::make_unique<handshake_workload<Link>>(pki, true);
    return nullptr;
}

} // namespace bench
