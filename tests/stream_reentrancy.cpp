// SPDX-License-Identifier: BSL-1.0
// An operation of a stream from within a call of its own transport: debug builds stop there.

#include <csignal>
#include <functional>

#if __has_include(<sys/wait.h>)
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

#include <support/mock_stream.hpp>

using namespace test;

#if __has_include(<sys/wait.h>) && !defined(NDEBUG)

namespace {

struct calling_transport : fake_transport {
    using fake_transport::fake_transport;
    std::function<void()>* on_write = nullptr;

    tlsxx::io_result write_some(std::span<const std::byte> bytes) noexcept {
        if (on_write && *on_write)
            (*on_write)();
        return fake_transport::write_some(bytes);
    }
};

// The signal that ends a process which does this; 0 if it comes to its end.
int signal_of(const std::function<void()>& action) {
    const ::pid_t child = ::fork();
    REQUIRE(child != -1);
    if (child == 0) {
        const ::rlimit none{0, 0};
        ::setrlimit(RLIMIT_CORE, &none);
        std::signal(SIGABRT, SIG_DFL);
        ::dup2(::open("/dev/null", O_WRONLY), STDERR_FILENO);
        action();
        ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

} // namespace

TEST_CASE("stream: an operation within a call of its own transport stops a debug build") {
    mock_case<calling_transport> test;
    auto stream = test.open_established();
    std::function<void()> nested;
    stream.transport().on_write = &nested;
    std::error_code ignored;

    CHECK(signal_of([&] { test.write(stream, "data"); }) == 0);
    nested = [&] {
        std::byte one[1];
        stream.read_some(one, ignored);
    };
    CHECK(signal_of([&] { test.write(stream, "data"); }) == SIGABRT);
    CHECK(signal_of([&] { stream.close_notify(ignored); }) == SIGABRT);
    nested = [&] { stream.flush(ignored); };
    CHECK(signal_of([&] { test.write(stream, "data"); }) == SIGABRT);
    mock_case beside;
    auto other = beside.open_established();
    nested = [&] { // as where one stream runs over another
        other.write_all("data", ignored);
        auto moved = std::move(other);
        moved.flush(ignored);
        other = std::move(moved);
        other.close_notify(ignored);
    };
    CHECK(signal_of([&] { test.write(stream, "data"); }) == 0);
    nested = [&] { static_cast<void>(stream.has_pending()); };
    CHECK(signal_of([&] { test.write(stream, "data"); }) == 0); // a question is none
}

#endif
