#include <doctest/doctest.h>

#include "alerts_fixture.h"

using namespace quotafuse;
using namespace quotafuse::tests;
using alerts::Ending;
using alerts::Reason;

namespace {

constexpr std::int64_t kDay = 86'400;
constexpr std::int64_t kHour = 3600;

/// A daily cap in Shanghai, whose day begins at 16:00 UTC.
const std::string kDaily = R"(rules:
  - name: cap
    metric: tokens
    by: [channel]
    window: today
    above: 10000
    cooldown: 48h
    timezone: Asia/Shanghai
)";
constexpr std::int64_t kMidnight = 16 * kHour;

}  // namespace

TEST_CASE("a daily cap counts from local midnight, ends there without a word, and is told anew") {
    Watchman watchman{kDaily, kMidnight - 2 * kHour};
    watchman.run_to(kMidnight - kHour);
    watchman.add(requests(kMidnight - kHour + 1, 2, 6000));
    const auto first = watchman.run_to(kMidnight - 60);
    REQUIRE(first.size() == 1);
    CHECK(first.front().reason == Reason::first);
    CHECK(first.front().value == 12'000.0);
    CHECK(first.front().window.kind == alerts::Frame::Kind::today);
    CHECK(watchman.run_to(kMidnight - 1).empty());
    CHECK(watchman.engine().overview().firing == 1);
    SUBCASE("without a restart") {}
    SUBCASE("with a restart on the way") {
        watchman.restart(kMidnight - 1);
    }
    CHECK(watchman.run_to(kMidnight).empty());
    CHECK(watchman.engine().overview().firing == 0);
    CHECK(endings(watchman) == std::vector{"new period " + std::to_string(kMidnight)});
    watchman.add(requests(kMidnight + 1, 1, 9000));
    CHECK(watchman.run_to(kMidnight + kHour).empty());  // what was yesterday does not count
    watchman.add(requests(kMidnight + kHour + 1, 1, 2000));
    const auto next = watchman.run_to(kMidnight + kHour + 1);
    REQUIRE(next.size() == 1);  // the cooldown was of yesterday
    CHECK(next.front().reason == Reason::first);
    CHECK(next.front().value == 11'000.0);
    CHECK(next.front().since == at(kMidnight + kHour + 1));
}

TEST_CASE("a rule that came to be over its cap within the first second of a day is told once") {
    Watchman watchman{kDaily, kMidnight - 100};
    watchman.run_to(kMidnight - 50);
    watchman.add(requests(kMidnight - 49, 1, 20'000));
    CHECK(watchman.run_to(kMidnight - 1).size() == 1);
    watchman.add(requests(kMidnight, 1, 20'000));  // the first second of the day counts
    CHECK(watchman.run_to(kMidnight).empty());
    const auto told = watchman.run_to(kMidnight + 10);
    REQUIRE(told.size() == 1);
    CHECK(told.front().reason == Reason::first);
    CHECK(told.front().value == 20'000.0);
}

TEST_CASE("the day of Berlin's clock changes is 23 and 25 hours long") {
    // 2026-03-29 and 2026-10-25; kMonday is 2026-01-05. Midnight is at 23:00 and 22:00 UTC.
    const auto play = [](std::int64_t begins, std::int64_t hours) {
        auto rule = kDaily;
        rule.replace(rule.find("Asia/Shanghai"), 13, "Europe/Berlin");
        Watchman watchman{rule, begins - kHour};
        watchman.run_to(begins - 10);
        watchman.add(requests(begins, 1, 6000));
        watchman.add(requests(begins + hours * kHour - 1, 1, 6000));
        const auto told = watchman.run_to(begins + hours * kHour - 1);
        REQUIRE(told.size() == 1);
        CHECK(told.front().value == 12'000.0);
        watchman.run_to(begins + hours * kHour + 5);
        CHECK(watchman.engine().overview().firing == 0);
        CHECK(endings(watchman) ==
              std::vector{"new period " + std::to_string(begins + hours * kHour)});
    };
    play(82 * kDay + 23 * kHour, 23);
    play(292 * kDay + 22 * kHour, 25);
}

TEST_CASE("a month ends with its last day, a leap day too") {
    // 2028-02-01 to 2028-03-01: 29 days. 2026-01-05 is 757 days before 2028-02-01.
    const auto begins = 757 * kDay;
    Watchman watchman{"rules: [{name: cap, metric: tokens, window: this_month, above: 10000}]",
                      begins + 28 * kDay};
    watchman.run_to(begins + 28 * kDay + 1);
    watchman.add(requests(begins + 28 * kDay + 2, 1, 20'000));
    CHECK(watchman.run_to(begins + 28 * kDay + 2).size() == 1);
    CHECK(watchman.run_to(begins + 29 * kDay - 1).size() >= 1);  // reminders
    CHECK(watchman.engine().overview().firing == 1);
    CHECK(watchman.run_to(begins + 29 * kDay).empty());
    CHECK(watchman.engine().overview().firing == 0);
}

TEST_CASE("a pending alert of the former day starts anew at midnight") {
    auto rule = kDaily;
    rule += "    for: 10m\n";
    Watchman watchman{rule, kMidnight - kHour};
    watchman.run_to(kMidnight - 300);
    watchman.add(requests(kMidnight - 299, 1, 20'000));
    watchman.run_to(kMidnight - 1);
    CHECK(watchman.engine().overview().pending == 1);
    watchman.add(requests(kMidnight + 1, 1, 20'000));
    watchman.run_to(kMidnight);
    CHECK(watchman.engine().overview().pending == 0);
    CHECK(watchman.run_to(kMidnight + 600).empty());
    const auto told = watchman.run_to(kMidnight + 601);
    REQUIRE(told.size() == 1);
    CHECK(told.front().since == at(kMidnight + 1));
}

TEST_CASE("a window between two times counts what lies in it, and keeps it for good") {
    Watchman watchman{R"(rules:
  - name: sale
    metric: requests
    window: {from: "2026-01-05 01:00", to: "2026-01-05 02:00"}
    above: 3
)"};
    watchman.run_to(10);
    watchman.add(requests(kHour - 1, 2, 10));  // 00:59:59 and 01:00:00 are before it
    CHECK(watchman.run_to(kHour + 5).empty());
    watchman.add(requests(kHour + 6, 3, 10));
    CHECK(watchman.run_to(2 * kHour - 10).empty());
    watchman.add(requests(2 * kHour, 2, 10));  // 02:00:00 is in it, the second after is not
    const auto told = watchman.run_to(2 * kHour + 10);
    REQUIRE(told.size() == 1);
    CHECK(told.front().at == at(2 * kHour));
    CHECK(told.front().value == 4.0);
    watchman.run_to(3 * kHour);
    CHECK(watchman.engine().overview().firing == 1);
}
