#include <atomic>

#include <doctest/doctest.h>

#include "base/failure.h"
#include "daemon/errands.h"

using namespace quotafuse;
using namespace quotafuse::daemon;
using namespace std::chrono_literals;

namespace {

int code_of(const std::function<void()>& act) {
    try {
        act();
    } catch (const base::Failure& e) {
        return static_cast<int>(e.code());
    }
    return 0;
}

}  // namespace

TEST_CASE("an errand is done by the thread that runs them, and its answer or error comes back") {
    std::atomic<bool> woken = false;
    Errands errands{[&] { woken = true; }};
    const auto pipeline = std::this_thread::get_id();
    std::thread::id done_by;
    std::string answer;
    std::atomic<int> refused = 0;
    std::thread asking{[&] {
        answer = errands.ask([&] {
            done_by = std::this_thread::get_id();
            return std::string{"42"};
        });
        refused = code_of([&] {
            errands.ask([]() -> std::string {
                throw base::Failure(base::ExitCode::usage, "no such thing");
            });
        });
    }};
    while (refused == 0) {
        if (woken) errands.run();
        std::this_thread::sleep_for(1ms);
    }
    asking.join();
    CHECK(answer == "42");
    CHECK((done_by == pipeline));
    CHECK(refused == static_cast<int>(base::ExitCode::usage));
}

TEST_CASE("an errand that nobody took in time is never done, and one that began is waited for") {
    Errands errands{[] {}};
    bool done = false;
    CHECK(code_of([&] {
              errands.ask([&] {
                  done = true;
                  return std::string{};
              });
          }) == static_cast<int>(base::ExitCode::unavailable));
    errands.run();
    CHECK_FALSE(done);

    std::atomic<bool> begun = false;
    std::atomic<bool> go_on = false;
    std::string answer;
    std::thread asking{[&] {
        answer = errands.ask([&] {
            begun = true;
            while (!go_on) std::this_thread::sleep_for(1ms);
            return std::string{"late"};
        });
    }};
    std::thread pipeline{[&] {
        while (!begun) errands.run();
    }};
    while (!begun) std::this_thread::sleep_for(1ms);
    errands.close();  // what began is finished all the same
    go_on = true;
    asking.join();
    pipeline.join();
    CHECK(answer == "late");
}

TEST_CASE("after the end nobody waits") {
    Errands errands{[] {}};
    std::atomic<int> code = 0;
    std::thread asking{[&] { code = code_of([&] { errands.ask([] { return std::string{}; }); }); }};
    errands.close();
    asking.join();
    CHECK(code == static_cast<int>(base::ExitCode::unavailable));
}
