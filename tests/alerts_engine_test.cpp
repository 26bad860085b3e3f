#include <doctest/doctest.h>

#include "alerts_fixture.h"

using namespace quotafuse;
using namespace quotafuse::tests;
using alerts::Reason;

namespace {

const std::string kBurn = R"(rules:
  - name: burn
    severity: critical
    summary: "{{channel}}: {{value}} in {{window}}, allowed {{threshold}}"
    metric: tokens
    by: [channel]
    window: 5m
    above: 1000
    action: {disable_channel: {mode: live, even_if_last: true}}
)";

}  // namespace

TEST_CASE(
    "a series over its limit is told in the second in which its row counts, with all that explains "
    "it") {
    Watchman watchman{kBurn};
    CHECK(watchman.run_to(10).empty());
    watchman.add(requests(11, 2, 600));
    CHECK(watchman.run_to(11).empty());
    const auto notices = watchman.run_to(13);
    REQUIRE(notices.size() == 1);
    const auto& notice = notices.front();
    CHECK(notice.event_id.size() == 13);
    CHECK(notice.reason == Reason::first);
    CHECK(notice.rule == "burn");
    CHECK(notice.severity == base::Severity::critical);
    CHECK(notice.unit == "tokens");
    CHECK(notice.key ==
          std::vector{alerts::KeyName{alerts::Dimension::channel, 3, "", "3 (azure-eu)"}});
    CHECK(notice.value == 1200.0);
    CHECK(notice.threshold == 1000);
    CHECK(notice.at == at(12));
    CHECK(notice.since == at(12));
    CHECK(notice.requests == 2);
    CHECK(notice.summary == "3 (azure-eu): 1,200 tokens in 5m, allowed 1,000 tokens");
    CHECK(notice.actions == std::vector{disabling(3, true)});

    const auto view = watchman.engine().overview();
    CHECK(view.firing == 1);
    REQUIRE(view.alerts.size() == 1);
    CHECK(view.alerts.front().value == 1200.0);
    CHECK(view.alerts.front().told);

    const auto over = watchman.run_to(400);
    REQUIRE(over.size() == 1);
    CHECK(over.front().reason == Reason::resolved);
    CHECK(over.front().at == at(11 + 300));  // the first row leaves after exactly five minutes
    CHECK(over.front().duration == std::chrono::seconds{299});
    CHECK(over.front().peak == 1200);
    CHECK(over.front().event_id != notice.event_id);
    CHECK(over.front().actions.empty());
    CHECK(watchman.engine().overview().inactive == 1);
}

TEST_CASE("a second that changes nothing makes an empty step") {
    Watchman watchman{kBurn};
    CHECK_FALSE(watchman.engine().advance(at(1)).empty());  // the first look is remembered
    watchman.add(requests(2, 5, 10));
    CHECK(watchman.engine().advance(at(8)).empty());
    watchman.add(requests(9, 1, 5000));
    CHECK_FALSE(watchman.engine().advance(at(9)).empty());
    watchman.add(requests(10, 5, 5000));  // only the peak moves
    CHECK(watchman.engine().advance(at(100)).empty());
    CHECK(watchman.engine().advance(at(100)).empty());
    CHECK(watchman.engine().time() == at(100));
}

TEST_CASE("40 minutes of data do not look at a clock hour") {
    // From 00:40 to 01:20, over the full hour: a rolling hour sees all of it.
    Watchman watchman{R"(rules:
  - {name: burn, metric: requests, window: 1h, above: 39}
  - {name: quiet, metric: requests, window: 1h, below: 1000}
)",
                      2390};
    std::vector<alerts::Notice> told;
    for (std::int64_t minute = 40; minute < 80; ++minute) {
        watchman.add({request(minute * 60)});
        for (auto& notice : watchman.run_to(minute * 60)) told.push_back(notice);
    }
    // `burn` counts all 40. `quiet` has no hour of history yet, so it says nothing.
    REQUIRE(told.size() == 1);
    CHECK(told.front().rule == "burn");
    CHECK(told.front().value == 40.0);
    CHECK(told.front().at == at(79 * 60));
    // Its hour is full one hour after the rule began to look, not when the clock strikes.
    told = watchman.run_to(9000);
    REQUIRE(told.size() == 2);
    CHECK(told[0].rule == "quiet");
    CHECK(told[0].at == at(2391 + 3600));
    CHECK(told[1].rule == "burn");
    CHECK(told[1].reason == Reason::resolved);
}

TEST_CASE(
    "what a new rule finds at its first look is one summary, and trips nothing until it has "
    "cleared") {
    const std::string two_series = R"(rules:
  - name: burn
    metric: tokens
    by: channel
    window: 5m
    above: 1000
    max_series: 2
    action: {disable_channel: {mode: live}}
)";
    Watchman watchman{two_series};
    watchman.mirror().append(requests(-100, 1, 2000, 3), at(0));
    watchman.mirror().append(requests(-100, 1, 3000, 4), at(0));
    watchman.mirror().append(requests(-100, 1, 1500, 5), at(0));
    watchman.restart(0);
    const auto notices = watchman.run_to(1);
    REQUIRE(notices.size() == 1);
    const auto& summary = notices.front();
    CHECK(summary.reason == Reason::first_look);
    CHECK(summary.actions.empty());
    CHECK(summary.key.empty());
    REQUIRE(summary.series.size() == 2);
    CHECK(summary.series[0].key.front().display == "4 (azure-us)");
    CHECK(summary.series[1].value == 2000.0);
    CHECK(summary.more == 1);
    CHECK(watchman.run_to(100).empty());

    SUBCASE("a restart does not look for the first time again") {
        watchman.restart(101);
        CHECK(watchman.run_to(150).empty());
    }
    SUBCASE("a changed limit does, without a word about the former one") {
        auto changed = two_series;
        changed.replace(changed.find("1000"), 4, "1800");
        watchman.change_rules(changed);
        watchman.restart(101);
        const auto again = watchman.run_to(150);
        REQUIRE(again.size() == 1);
        CHECK(again.front().reason == Reason::first_look);
        CHECK(again.front().threshold == 1800);
    }
    SUBCASE("after it has cleared it trips") {
        watchman.run_to(300);
        watchman.add(requests(301, 1, 5000, 3));
        const auto next = watchman.run_to(301);
        REQUIRE(next.size() == 1);
        CHECK(next.front().reason == Reason::first);
        CHECK(next.front().actions == std::vector{disabling(3)});
    }
}

TEST_CASE(
    "what `below` finds at its first look trips nothing until it has cleared, restart or not") {
    Watchman watchman{R"(rules:
  - name: silent
    metric: requests
    by: channel
    window: 5m
    below: 2
    action: {disable_channel: {mode: live}}
)"};
    watchman.mirror().append(requests(-100, 1, 100, 3), at(0));
    watchman.mirror().append(requests(-100, 1, 100, 4), at(0));
    watchman.restart(0);
    CHECK(watchman.run_to(1).empty());  // it has not seen a full window yet
    watchman.add(requests(2, 3, 100, 4));
    CHECK(watchman.run_to(100).empty());
    watchman.restart(100);
    const auto low = watchman.run_to(250);
    REQUIRE(low.size() == 1);
    CHECK(low.front().reason == Reason::first_look);
    CHECK(low.front().key.front().id == 3);
    CHECK(low.front().actions.empty());

    const auto cleared_before = watchman.run_to(350);
    REQUIRE(cleared_before.size() == 1);
    CHECK(cleared_before.front().reason == Reason::first);
    CHECK(cleared_before.front().actions == std::vector{disabling(4)});

    watchman.add(requests(351, 5, 100, 3));
    CHECK(reasons(watchman.run_to(400)) == std::vector{Reason::resolved});
    const auto again = watchman.run_to(700);
    REQUIRE(again.size() == 1);
    CHECK(again.front().actions == std::vector{disabling(3)});
}

TEST_CASE("what is found late and still fires asks the breaker in its first second on time") {
    Watchman watchman{kBurn};
    watchman.run_to(10);
    watchman.add(requests(100, 1, 5000));
    const auto now = at(400);
    const auto late = watchman.engine().advance(at(339), now);
    REQUIRE(late.notices.size() == 1);
    CHECK(late.notices.front().at == at(100));
    CHECK(late.notices.front().late);
    CHECK(late.notices.front().actions.empty());
    const auto on_time = watchman.engine().advance(at(340), now);
    REQUIRE(on_time.notices.size() == 1);
    CHECK(on_time.notices.front().reason == Reason::action);
    CHECK_FALSE(on_time.notices.front().late);
    CHECK(on_time.notices.front().actions == std::vector{disabling(3, true)});
    CHECK(watchman.engine().advance(at(350), now).notices.empty());
}

TEST_CASE("a long way is gone in slices, each of which is worth saving") {
    Watchman watchman{kBurn};
    watchman.run_to(10);
    watchman.add(requests(320, 1, 5000));
    const auto first = watchman.engine().advance(at(1000));
    CHECK(first.time == at(310));
    CHECK_FALSE(first.empty());
    CHECK(first.notices.empty());
    watchman.save(first);
    watchman.restart(1000);
    CHECK(watchman.engine().time() == at(310));  // a kill does not start over
    const auto second = watchman.engine().advance(at(1000));
    CHECK(second.time == at(610));
    CHECK(reasons(second.notices) == std::vector{Reason::first});
    CHECK(watchman.engine().advance(at(1000)).time == at(910));
    const auto last = watchman.engine().advance(at(1000));
    CHECK(last.time == at(1000));
    CHECK(last.empty());
}

TEST_CASE("a late row of the past counts where it belongs, and one too old counts nowhere") {
    Watchman watchman{"rules: [{name: burn, metric: tokens, window: 1m, above: 1000}]"};
    watchman.run_to(100);
    watchman.add(requests(30, 1, 5000));
    CHECK(watchman.run_to(101).empty());
    watchman.add(requests(60, 1, 5000));
    CHECK(reasons(watchman.run_to(102)) == std::vector{Reason::first});
    const auto over = watchman.run_to(200);
    REQUIRE(over.size() == 1);
    CHECK(over.front().at == at(120));
}

TEST_CASE("what the store deletes for room no longer holds an alert up") {
    Watchman watchman{"rules: [{name: burn, metric: tokens, window: 5m, above: 1000}]"};
    watchman.run_to(10);
    watchman.add(requests(11, 1, 900));
    watchman.add(requests(12, 1, 900));
    CHECK(reasons(watchman.run_to(13)) == std::vector{Reason::first});
    sync::Keep keep;
    keep.rows = base::Seconds{1};
    sync::Store deleting{watchman.mirror().database(), keep};
    const auto gone = deleting.keep_up(at(13)).gone;
    REQUIRE(gone.size() == 1);
    watchman.engine().forget(gone);
    CHECK(reasons(watchman.run_to(14)) == std::vector{Reason::resolved});
    watchman.run_to(400);  // the deleted row does not leave once more
    CHECK(watchman.engine().overview().alerts.empty());
    watchman.add(requests(401, 1, 900));
    watchman.add(requests(402, 1, 200));
    CHECK(reasons(watchman.run_to(402)) == std::vector{Reason::first});
}

TEST_CASE("a clock that jumps ahead is followed for a day, one set back goes on from there") {
    Watchman watchman{"rules: [{name: burn, metric: tokens, window: 1m, above: 1000}]"};
    watchman.run_to(10);
    CHECK(watchman.run_to(40 * 86'400).empty());
    CHECK(watchman.engine().time() == at(40 * 86'400));
    watchman.run_to(20);
    CHECK(watchman.engine().time() == at(20));
    watchman.add(requests(21, 1, 5000));
    CHECK(reasons(watchman.run_to(21)) == std::vector{Reason::first});
    watchman.run_to(1);  // too little to be more than a correction: waited for
    CHECK(watchman.engine().time() == at(21));
}
