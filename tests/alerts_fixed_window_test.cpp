#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "alerts_fixture.h"

using namespace quotafuse;
using namespace quotafuse::tests;
using alerts::Reason;

namespace {

constexpr std::int64_t kDay = 86'400;
constexpr std::int64_t kHour = 3600;

const std::string kSale = R"(rules:
  - name: sale
    metric: requests
    window: {from: "2026-01-05 01:00", to: "2026-01-05 02:00"}
    above: 3
    cooldown: 20h
)";

}  // namespace

TEST_CASE("an alert of a fixed window is over a day after its end, without a word") {
    Watchman watchman{kSale};
    watchman.run_to(kHour + 5);
    watchman.add(requests(kHour + 6, 5, 10));
    CHECK(reasons(watchman.run_to(2 * kHour)) == std::vector{Reason::first});
    CHECK(reasons(watchman.run_to(2 * kHour + kDay - 1)) == std::vector{Reason::reminder});
    CHECK(watchman.engine().overview().firing == 1);
    CHECK(watchman.run_to(2 * kHour + kDay).empty());
    CHECK(watchman.engine().overview().inactive == 1);
    CHECK(endings(watchman) == std::vector{"new period " + std::to_string(2 * kHour + kDay)});
    CHECK(watchman.run_to(2 * kHour + 4 * kDay).empty());
    watchman.restart(2 * kHour + 4 * kDay);
    CHECK(watchman.run_to(2 * kHour + 4 * kDay + 60).empty());
    CHECK(watchman.engine().overview().inactive == 1);
    CHECK(endings(watchman).size() == 1);
}

TEST_CASE("a rule whose fixed window was over long before its first look says nothing") {
    Watchman watchman{"rules: []"};
    watchman.run_to(kHour + 5);
    watchman.add(requests(kHour + 6, 5, 10));
    SUBCASE("within the day it still does") {
        watchman.run_to(2 * kHour + kDay - 60);
        watchman.change_rules(kSale);
        watchman.restart(2 * kHour + kDay - 60);
        CHECK(reasons(watchman.run_to(2 * kHour + kDay - 30)) == std::vector{Reason::first_look});
    }
    SUBCASE("after it") {
        watchman.run_to(2 * kHour + kDay);
        watchman.save(watchman.engine().checkpoint());
        watchman.change_rules(kSale);
        watchman.restart(2 * kHour + kDay);
        CHECK(watchman.run_to(2 * kHour + kDay + 60).empty());
    }
}

TEST_CASE("a fixed window whose first rows were deleted is in error, and recovers nothing") {
    Watchman watchman{kSale};
    watchman.run_to(kHour + 5);
    watchman.add(requests(kHour + 6, 5, 10));
    CHECK(reasons(watchman.run_to(kHour + 60)) == std::vector{Reason::first});
    sync::Keep keep;
    keep.rows = base::Seconds{600};
    {
        sync::Store deleting{watchman.mirror().database(), keep};
        REQUIRE(deleting.keep_up(at(kHour + 660)).gone.size() == 5);
    }
    watchman.restart(kHour + 660);
    CHECK(watchman.run_to(kHour + 700).empty());
    const auto view = watchman.engine().overview();
    REQUIRE(view.errors.size() == 1);
    CHECK(view.errors.front().text ==
          "its window begins at 2026-01-05 01:00:00, and rows from before 2026-01-05 01:00:11 are "
          "not kept any more (store.keep.rows)");
    CHECK(watchman.engine().report("sale")->error == view.errors.front().text);
    CHECK(endings(watchman).empty());
    watchman.run_to(2 * kHour + kDay);
    CHECK(watchman.engine().overview().errors.empty());
    CHECK(endings(watchman).size() == 1);
}
