#include <doctest/doctest.h>

#include "alerts_fixture.h"

using namespace quotafuse;
using namespace quotafuse::tests;
using alerts::Reason;

TEST_CASE("a series that comes and goes is told to flap, over restarts too") {
    Watchman watchman{"rules: [{name: burn, metric: tokens, by: token, window: 1m, above: 1000}]"};
    std::vector<Reason> told;
    for (std::int64_t episode = 0; episode < 6; ++episode) {
        const auto begin = 300 * episode;
        for (const auto& notice : watchman.run_to(begin + 1)) told.push_back(notice.reason);
        watchman.add(requests(begin + 2, 1, 5000));
        for (const auto& notice : watchman.run_to(begin + 200)) told.push_back(notice.reason);
        watchman.restart(begin + 200);
    }
    CHECK(told == std::vector{Reason::first, Reason::resolved, Reason::first, Reason::resolved,
                              Reason::flapping});
    CHECK(reasons(watchman.run_to(5000)) == std::vector{Reason::resolved});
}

TEST_CASE("a rule with too many series is named as in error") {
    Watchman watchman{R"(rules:
  - {name: burn, metric: tokens, window: 1m, above: 1000000000}
  - {name: by-user, metric: tokens, by: user, window: 1m, above: 1000000000}
)"};
    watchman.run_to(1);
    CHECK(watchman.engine().overview().errors.empty());
    std::vector<sync::LogEntry> rows(alerts::kMostSeries + 1, request(2));
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i].user = static_cast<std::int64_t>(i) + 1;
    watchman.add(std::move(rows));
    watchman.run_to(2);
    const auto view = watchman.engine().overview();
    REQUIRE(view.errors.size() == 1);
    CHECK(view.errors.front().rule == "by-user");
    CHECK(view.errors.front().text.find("100,000") != std::string::npos);
    CHECK(watchman.engine().report("by-user")->error == view.errors.front().text);
    CHECK(view.inactive == 1);
}

TEST_CASE(
    "a night rule in Shanghai speaks at night, and announces in the evening what began by day") {
    Watchman watchman{R"(rules:
  - name: night
    metric: tokens
    window: 1m
    above: 100
    timezone: Asia/Shanghai
    active_hours: {between: ["22:00-06:00"]}
)",
                      12 * 3600};
    const auto burn_at = [&](std::int64_t hour, std::int64_t minute) {
        const auto second =
            (hour * 60 + minute) * 60 - 8 * 3600;  // Shanghai's clock on that Monday
        watchman.run_to(second - 1);
        watchman.add(requests(second, 1, 500));
        const auto told = reasons(watchman.run_to(second));
        watchman.run_to(second + 61);
        return told;
    };
    CHECK(burn_at(23, 30) == std::vector{Reason::first});
    CHECK(burn_at(24 + 5, 30) == std::vector{Reason::first});
    CHECK(burn_at(24 + 12, 0).empty());
    // From 21:59:30 it fires until after ten.
    const auto ten = (24 + 22) * 3600 - 8 * 3600;
    watchman.run_to(ten - 30);
    watchman.add(requests(ten - 29, 1, 500));
    CHECK(watchman.run_to(ten - 1).empty());
    const auto told = watchman.run_to(ten + 5);
    // What was over by noon is told as well.
    CHECK(reasons(told) == std::vector{Reason::hours_began, Reason::came_and_went});
    CHECK(told.front().since == at(ten - 29));
}

TEST_CASE("ratios look three seconds back, and too few requests start nothing") {
    Watchman watchman{R"(rules:
  - {name: failing, metric: error_rate, by: [channel], window: 1m, above: 30, min_requests: 10}
)"};
    watchman.run_to(9);
    std::vector<sync::LogEntry> rows;
    for (int i = 0; i < 9; ++i) rows.push_back(failure(10));
    rows.push_back(failure(10, 404));  // the client's doing is no attempt
    watchman.add(rows);
    CHECK(watchman.run_to(20).empty());
    watchman.add({request(21)});
    CHECK(watchman.run_to(23).empty());
    const auto told = watchman.run_to(24);
    REQUIRE(told.size() == 1);
    CHECK(told.front().value == 90.0);
    CHECK(told.front().requests == 10);
    const auto over = watchman.run_to(300);
    REQUIRE(over.size() == 1);
    // The errors leave first; the good request that stays for a few seconds more is a recovery.
    CHECK(over.front().at == at(73));
    CHECK(over.front().ended == alerts::Ending::recovered);
}

TEST_CASE("a silent key counts as 0, fires, and after a week without a row is gone") {
    Watchman watchman{R"(rules:
  - {name: silent, metric: requests, by: [channel], window: 1h, below: 1}
)"};
    watchman.run_to(1);
    watchman.add({request(2)});
    const auto told = watchman.run_to(2 * 3600);
    REQUIRE(told.size() == 1);
    CHECK(told.front().value == 0.0);
    CHECK(told.front().at == at(2 + 3600 + 3));
    watchman.restart(2 * 3600);
    const auto later = watchman.run_to(7 * 86'400 + 60);
    REQUIRE_FALSE(later.empty());
    CHECK(later.back().ended == alerts::Ending::gone);
    CHECK(later.back().at == at(2 + 7 * 86'400));
    CHECK(watchman.engine().overview().alerts.empty());
}

TEST_CASE("cost follows the gateway's price of a dollar") {
    Watchman watchman{"rules: [{name: bill, metric: cost, window: 5m, above: 2}]"};
    watchman.run_to(1);
    auto entry = request(2);
    entry.quota = 900'000;
    watchman.add({entry});
    CHECK(watchman.run_to(5).empty());
    watchman.directory().quota_per_unit = 300'000;
    watchman.tell();
    const auto told = watchman.run_to(6);
    REQUIRE(told.size() == 1);
    CHECK(told.front().value == 3.0);
}

TEST_CASE("no more series are told than max_series, the largest first") {
    Watchman watchman{R"(rules:
  - {name: burn, metric: tokens, by: token, window: 5m, above: 10, max_series: 2}
)"};
    watchman.run_to(1);
    std::vector<sync::LogEntry> rows;
    for (int i = 1; i <= 5; ++i) {
        auto entry = request(2);
        entry.token = i;
        entry.token_name = "k" + std::to_string(i);
        entry.prompt_tokens = 1000 * i;
        rows.push_back(entry);
    }
    watchman.add(rows);
    const auto told = watchman.run_to(2);
    REQUIRE(told.size() == 2);
    CHECK(told[0].key.front().display == "k5 (alice)");
    CHECK(told[1].key.front().display == "k4 (alice)");
    CHECK(told[0].more == 0);
    CHECK(told[1].more == 3);
    // Nor are they shown.
    const auto view = watchman.engine().overview();
    REQUIRE(view.alerts.size() == 2);
    CHECK(view.alerts[0].key.front().display == "k4 (alice)");
    CHECK(view.alerts[1].key.front().display == "k5 (alice)");
    REQUIRE(view.more.size() == 1);
    CHECK(view.more[0].rule == "burn");
    CHECK(view.more[0].series == 3);
    CHECK(view.firing == 1);
}

TEST_CASE("of more alerts than are shown the largest are, and firing ones before pending ones") {
    Watchman watchman{R"(rules:
  - {name: drop, metric: requests, by: channel, window: 1m, below: 3, for: 30s, max_series: 2}
)"};
    const auto give = [&](std::int64_t second, int channel, int count) {
        std::vector<sync::LogEntry> rows;
        for (int i = 0; i < count; ++i) {
            rows.push_back(request(second));
            rows.back().channel = channel;
        }
        watchman.add(rows);
    };
    for (const int channel : {1, 2}) watchman.directory().channels[channel] = {"c", 1, 0, 0};
    watchman.tell();
    watchman.run_to(1);
    for (int channel = 1; channel <= 4; ++channel) give(2, channel, 5);
    watchman.run_to(40);
    give(41, 1, 5);
    give(41, 2, 1);
    give(41, 4, 2);
    watchman.run_to(70);
    const auto shown = [&] {
        std::vector<std::int64_t> channels;
        for (const auto& alert : watchman.engine().overview().alerts)
            channels.push_back(alert.key.front().id.value_or(0));
        return channels;
    };
    CHECK(shown() == std::vector<std::int64_t>{2, 3});  // with 1 and none, in one second
    CHECK(watchman.engine().overview().pending == 1);
    CHECK(watchman.engine().firing_channels().empty());
    watchman.run_to(95);
    give(96, 2, 5);
    watchman.run_to(110);  // 1, 2 and 4 have lost their rows of second 41
    CHECK(shown() == std::vector<std::int64_t>{3, 4});
    CHECK(watchman.engine().firing_channels() == std::set<std::int64_t>{3, 4});
    REQUIRE(watchman.engine().overview().more.size() == 1);
    CHECK(watchman.engine().overview().more.front().series == 1);
    CHECK(watchman.engine().overview().alerts.front().phase == alerts::Phase::firing);
    watchman.run_to(140);
    CHECK(watchman.engine().firing_channels() == std::set<std::int64_t>{1, 3, 4});
}
