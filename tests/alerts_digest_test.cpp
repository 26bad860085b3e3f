#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "alerts/comparison.h"
#include "alerts_fixture.h"

using namespace quotafuse;
using namespace quotafuse::tests;
using alerts::Reason;

// What comes and goes outside the active hours is told once, when they begin.
namespace {

constexpr std::int64_t kHour = 3600;
constexpr std::int64_t kMorning = 8 * kHour;

const std::string kByDay = R"(rules:
  - name: burn
    metric: tokens
    by: [channel]
    window: 1m
    above: 1000
    active_hours: {between: ["08:00-20:00"]}
)";

/// One row that is over the limit for a minute.
std::vector<sync::LogEntry> burst(std::int64_t second, std::int64_t tokens,
                                  std::int64_t channel = 3) {
    return requests(second, 1, tokens, channel);
}

std::vector<std::string> lines(const std::vector<alerts::Notice>& notices) {
    std::vector<std::string> all;
    for (const auto& notice : notices) {
        all.push_back(fmt::format("{} {} {} [{}]", base::unix_seconds(notice.at) - kMonday,
                                  reason_name(notice.reason), notice.episodes,
                                  alerts::describe(notice.key)));
    }
    return all;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("what came and went outside the hours is one notice at their beginning, of the worst") {
    Watchman watchman{kByDay, kMorning - 2 * kHour};
    watchman.run_to(kMorning - kHour);
    watchman.add(burst(kMorning - kHour + 1, 2000));
    CHECK(watchman.run_to(kMorning - 1800).empty());
    watchman.add(burst(kMorning - 1799, 7000, 4));
    CHECK(watchman.run_to(kMorning - 600).empty());
    SUBCASE("in one life") {}
    SUBCASE("over a restart, by which half of it has been seen") {
        watchman.restart(kMorning - 600);
    }
    watchman.add(burst(kMorning - 599, 3000, 5));
    CHECK(watchman.run_to(kMorning - 1).empty());
    const auto told = watchman.run_to(kMorning);
    REQUIRE(told.size() == 1);
    const auto& digest = told.front();
    CHECK(digest.reason == Reason::came_and_went);
    CHECK(digest.rule == "burn");
    CHECK(digest.episodes == 3);
    CHECK(digest.peak == 7000);
    CHECK(digest.threshold == 1000);
    CHECK(digest.since == at(kMorning - 1799));
    CHECK(digest.duration == std::chrono::seconds{60});
    CHECK(digest.actions.empty());
    REQUIRE(digest.series.size() == 1);
    CHECK(alerts::describe(digest.series.front().key) == "channel 4 (azure-us)");
    CHECK(digest.key.empty());
    // Once, also after another restart and on the next morning.
    watchman.restart(kMorning);
    CHECK(watchman.run_to(kMorning + 24 * kHour).empty());
    int events = 0;
    for (const auto& event : alerts::load_history(watchman.mirror().database().handle(), at(0),
                                                  at(kMorning + 24 * kHour))) {
        if (event.reason != "came and went") continue;
        CHECK(event.what == "told");
        CHECK(event.id == digest.event_id);
        CHECK(event.value == 7000.0);
        ++events;
    }
    CHECK(events == 1);
}

TEST_CASE("a single episode stands under its own key, and what still fires is told beside it") {
    Watchman watchman{kByDay, kMorning - kHour};
    watchman.run_to(kMorning - 600);
    watchman.add(burst(kMorning - 599, 2000));
    watchman.run_to(kMorning - 10);
    watchman.add(burst(kMorning - 9, 5000, 4));
    CHECK(lines(watchman.run_to(kMorning + 5)) ==
          Lines{fmt::format("{} hours began 0 [channel 4 (azure-us)]", kMorning),
                fmt::format("{} came and went 1 [channel 3 (azure-eu)]", kMorning)});
}

TEST_CASE("what is over in the first second of the hours came and went before them") {
    Watchman watchman{kByDay, kMorning - kHour};
    watchman.run_to(kMorning - 70);
    watchman.add(burst(kMorning - 60, 2000));
    CHECK(lines(watchman.run_to(kMorning + 5)) ==
          Lines{fmt::format("{} came and went 1 [channel 3 (azure-eu)]", kMorning)});
}

TEST_CASE("the digest waits for what was clearing when the hours began") {
    auto rules = kByDay;
    rules.replace(rules.find("    above"), 0, "    keep_firing_for: 2m\n");
    Watchman watchman{rules, kMorning - kHour};
    watchman.run_to(kMorning - 600);
    watchman.add(burst(kMorning - 599, 2000));
    watchman.run_to(kMorning - 120);
    watchman.add(burst(kMorning - 119, 5000, 4));  // under the limit from 59 s before eight
    CHECK(lines(watchman.run_to(kMorning + 600)) ==
          Lines{fmt::format("{} came and went 2 []", kMorning + 61)});
}

TEST_CASE("what people were told of, or did not want to hear of, is in no digest") {
    Watchman watchman{kByDay, 20 * kHour - 600};
    watchman.run_to(20 * kHour - 10);
    SUBCASE("told in the hours, over after them") {
        watchman.add(burst(20 * kHour - 9, 2000));
        CHECK(reasons(watchman.run_to(20 * kHour)) == std::vector{Reason::first});
        CHECK(reasons(watchman.run_to(24 * kHour + kMorning + 5)) == std::vector{Reason::resolved});
    }
    SUBCASE("silenced all the time") {
        alerts::Silence silence;
        silence.rule = "burn";
        silence.from = at(20 * kHour);
        silence.until = at(22 * kHour);
        watchman.silence(silence);
        watchman.run_to(21 * kHour);
        watchman.add(burst(21 * kHour + 1, 2000));
        CHECK(watchman.run_to(24 * kHour + kMorning + 5).empty());
    }
}

TEST_CASE("a digest waits for the end of a silence of what it would name") {
    Watchman watchman{kByDay, kMorning - kHour};
    watchman.run_to(kMorning - 600);
    watchman.add(burst(kMorning - 599, 2000));
    watchman.run_to(kMorning - 10);
    alerts::Silence silence;
    silence.rule = "burn";
    silence.from = at(kMorning - 10);
    silence.until = at(kMorning + 100);
    watchman.silence(silence);
    CHECK(lines(watchman.run_to(kMorning + 600)) ==
          Lines{fmt::format("{} came and went 1 [channel 3 (azure-eu)]", kMorning + 100)});
}

TEST_CASE("a digest tells what is not silenced, and the rest at the end of the silence") {
    Watchman watchman{kByDay, kMorning - kHour};
    watchman.run_to(kMorning - 600);
    watchman.add(burst(kMorning - 599, 9000, 3));
    watchman.add(burst(kMorning - 599, 2000, 4));
    watchman.run_to(kMorning - 10);
    alerts::Silence silence;
    silence.rule = "burn";
    silence.where = {{alerts::Dimension::channel, {{false, 3, {}}}}};
    silence.from = at(kMorning - 10);
    silence.until = at(kMorning + 100);
    watchman.silence(silence);
    SUBCASE("in one life") {}
    SUBCASE("over a restart") {
        watchman.restart(kMorning - 10);
    }
    auto told = lines(watchman.run_to(kMorning + 50));
    CHECK(told == Lines{fmt::format("{} came and went 1 [channel 4 (azure-us)]", kMorning)});
    CHECK(lines(watchman.run_to(kMorning + 600)) ==
          Lines{fmt::format("{} came and went 1 [channel 3 (azure-eu)]", kMorning + 100)});
    CHECK(alerts::load_state(watchman.mirror().database().handle()).digests.empty());
}

TEST_CASE("a daily cap that was passed at night and ended with the day is in the digest") {
    Watchman watchman{R"(rules:
  - {name: cap, metric: tokens, window: today, above: 1000, active_hours: {between: ["08:00-20:00"]}}
)",
                      22 * kHour};
    watchman.run_to(23 * kHour);
    watchman.add(burst(23 * kHour + 1, 2000));
    CHECK(lines(watchman.run_to(24 * kHour + kMorning)) ==
          Lines{fmt::format("{} came and went 1 []", 24 * kHour + kMorning)});
}

TEST_CASE("what a rule had for its digest goes with the rule when that is changed") {
    Watchman watchman{kByDay, kMorning - kHour};
    watchman.run_to(kMorning - 600);
    watchman.add(burst(kMorning - 599, 2000));
    watchman.run_to(kMorning - 10);
    auto rules = kByDay;
    rules.replace(rules.find("above: 1000"), 11, "above: 1500");
    watchman.change_rules(rules);
    watchman.restart(kMorning - 10);
    CHECK(watchman.run_to(kMorning + 600).empty());
    CHECK(alerts::load_state(watchman.mirror().database().handle()).digests.empty());
}

TEST_CASE("a replay that begins within quiet hours is not held to their whole digest") {
    const auto days = R"(rules:
  - name: burn
    metric: tokens
    by: [channel]
    window: 1m
    above: 1000
    active_hours: {days: [mon-fri], between: ["08:00-20:00"]}
)";
    constexpr std::int64_t kFriday = 4 * 24 * kHour + 20 * kHour;
    constexpr std::int64_t kNextMonday = 7 * 24 * kHour + kMorning;
    Watchman watchman{days, kFriday};
    watchman.run_to(kFriday + kHour);
    watchman.add(burst(kFriday + kHour + 1, 2000));
    // An engine skips what is more than a day behind.
    for (auto t = kFriday + 2 * kHour; t <= kNextMonday - 20 * kHour; t += kHour)
        watchman.run_to(t);
    watchman.add(burst(kNextMonday - 20 * kHour + 1, 3000));
    CHECK(lines(watchman.run_to(kNextMonday + 60)) ==
          Lines{fmt::format("{} came and went 2 []", kNextMonday)});
    const auto differences = [&](std::int64_t from) {
        sync::History history{watchman.mirror().database().handle().getFilename()};
        alerts::ReplayOptions options;
        options.from = at(from);
        options.until = at(kNextMonday + 60);
        return alerts::compare_with_history(rules_from(days), history, options).differences.size();
    };
    CHECK(differences(kNextMonday - kHour) == 0);
    CHECK(differences(kFriday) == 0);
}
