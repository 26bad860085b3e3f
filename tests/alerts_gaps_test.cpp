#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "alerts/comparison.h"
#include "alerts/player.h"
#include "alerts_replay_fixture.h"

// What the daemon did not look at, or cannot read any more, a replay does not tell either.

using namespace quotafuse;
using namespace quotafuse::tests;

namespace {

constexpr std::int64_t kHour = 3600;

const std::string kRules = R"(rules:
  - {name: burst, metric: requests, window: 5m, above: 8, cooldown: 1m}
  - {name: silent, metric: since_last, by: [channel], window: 30m, above: 20m}
)";

std::vector<sync::LogEntry> burst(std::int64_t second) {
    std::vector<sync::LogEntry> entries;
    for (std::int64_t i = 0; i < 10; ++i) entries.push_back(request(second + i));
    return entries;
}

/// "burst firing 1809": what the daemon wrote, seconds after Monday.
std::vector<std::string> written(Live& live, std::int64_t until) {
    std::vector<std::string> all;
    for (const auto& event : alerts::load_history(live.database().handle(), at(1), at(until))) {
        all.push_back(fmt::format("{} {} {}", event.rule, event.what,
                                  base::unix_seconds(event.at) - kMonday));
    }
    return all;
}

alerts::HistoryComparison compared(Live& live, std::int64_t until) {
    sync::History history{live.path()};
    return alerts::compare_with_history(rules_from(kRules), history, span(1, until));
}

bool has(const std::vector<std::string>& all, const std::string& one) {
    return std::find(all.begin(), all.end(), one) != all.end();
}

/// A daemon that read its last row a minute after Monday began.
void begin(Live& live) {
    live.backfill({request(-600)}, 0);
    live.start(0);
    live.append({request(50)}, 51);
    live.run_to(60);
}

}  // namespace

TEST_CASE("what an outage of over a day made the engine skip is skipped by a replay, too") {
    Live live{kRules};
    begin(live);
    bool restarted = false;
    SUBCASE("in one life") {}
    SUBCASE("with a restart in the middle") {
        restarted = true;
        live.stop();
        live.start(20 * kHour);
    }
    auto entries = burst(kHour / 3);
    for (auto& entry : burst(10 * kHour)) entries.push_back(entry);
    live.append(entries, 25 * kHour);
    live.run_to(25 * kHour);
    live.stop();
    const auto wrote = written(live, 25 * kHour);
    CHECK_FALSE(has(wrote, "burst firing 1208"));
    CHECK(has(wrote, "burst firing 36008"));
    // Its last row left the window unseen; a new life knows of none.
    CHECK(has(wrote, "silent firing 3601") == !restarted);
    const auto comparison = compared(live, 25 * kHour);
    CHECK(comparison.differences.empty());
    CHECK(comparison.same == wrote.size());
}

TEST_CASE("a restart and a jump may follow each other") {
    Live live{kRules};
    begin(live);
    live.stop();
    live.start(26 * kHour);  // goes on from 02:00
    auto entries = burst(4 * kHour);
    for (auto& entry : burst(20 * kHour)) entries.push_back(entry);
    live.append(entries, 40 * kHour);
    live.run_to(40 * kHour);  // from 16:00
    live.stop();
    const auto wrote = written(live, 40 * kHour);
    CHECK_FALSE(has(wrote, "burst firing 14408"));
    CHECK(has(wrote, "burst firing 72008"));
    const auto comparison = compared(live, 40 * kHour);
    CHECK(comparison.differences.empty());
    CHECK(comparison.same == wrote.size());
}

TEST_CASE("a comparison says where the clock was set back, and which time was evaluated twice") {
    Live live{kRules};
    begin(live);
    live.append(burst(90), 100);
    live.run_to(2 * kHour);
    const std::string note =
        "the clock was set back from 2026-01-05 02:00:00 to 2026-01-05 01:00:00: the daemon "
        "evaluated that time twice, and replay does so once";
    CHECK_FALSE(has(compared(live, 2 * kHour).notes, note));
    live.run_to(kHour);
    live.run_to(3 * kHour);
    live.stop();
    CHECK(has(compared(live, 3 * kHour).notes, note));
}

TEST_CASE("sums that were added up in another order are the same in a comparison") {
    Live live{kRules};
    begin(live);
    live.append(burst(90), 100);
    live.run_to(200);
    const auto shift = [&](double by) {
        SQLite::Statement add{live.database().handle(),
                              "UPDATE alert_event SET value = value + ? WHERE rule = 'burst'"};
        add.bind(1, by);
        add.exec();
        return compared(live, 200).differences.size();
    };
    CHECK(shift(6e-9) == 0);
    CHECK(shift(1e-6) == 2 * written(live, 200).size());
}

TEST_CASE("of a fixed window whose first rows were deleted a replay says so, and nothing else") {
    const std::string rules = R"(rules:
  - name: sale
    metric: requests
    window: {from: "2026-01-05 01:00", to: "2026-01-05 02:00"}
    above: 15
)";
    Live live{rules};
    live.backfill({request(-600)}, 0);
    live.start(0);
    live.append(burst(kHour + 10), kHour + 30);
    live.run_to(kHour + 1000);
    live.append(burst(kHour + 1000), kHour + 1010);
    live.run_to(kHour + 1200);
    live.stop();
    const auto replayed = [&] {
        sync::History history{live.path()};
        return alerts::replay(rules_from(rules), history, span(kHour, kHour + 1200));
    };
    CHECK(replayed().episodes.size() == 1);
    sync::Keep keep;
    keep.rows = base::Seconds{600};
    sync::Store deleting{live.database(), keep};
    REQUIRE(deleting.keep_up(at(kHour + 1200)).gone.size() == 11);
    const auto result = replayed();
    CHECK(result.episodes.empty());
    REQUIRE_FALSE(result.notes.empty());
    CHECK(result.notes.back() ==
          "rule sale: its window begins at 2026-01-05 01:00:00, and rows from before 2026-01-05 "
          "01:00:20 are not kept any more (store.keep.rows)");
}

TEST_CASE("a built-in alert of several series fires from the first of them to the last") {
    Live live{kRules};
    const auto note = [&](const std::string& key, const std::string& what, std::int64_t second) {
        alerts::Step step;
        step.changes_state = true;
        step.events.push_back({key + what, "notifier-dead", key, at(second), what, "", {}});
        base::WriteTransaction transaction{live.database()};
        alerts::save_state(live.database(), step);
        transaction.commit();
    };
    note("a", "firing", 10);
    note("b", "firing", 20);
    note("b", "over", 30);
    note("c", "firing", 35);
    note("a", "over", 40);
    note("c", "over", 50);
    note("d", "firing", 60);
    note("d", "over", 70);
    const alerts::SelfAlertTimes times{live.database().handle(), at(0), at(100)};
    for (std::int64_t second = 0; second < 100; ++second) {
        CAPTURE(second);
        const bool fires = (second > 10 && second <= 50) || (second > 60 && second <= 70);
        CHECK(times.fires("notifier-dead", at(second)) == fires);
        CHECK_FALSE(times.fires("source-stale", at(second)));
    }
}

TEST_CASE("a series whose state no version wrote begins anew") {
    Live live{kRules};
    begin(live);
    live.append(burst(90), 100);
    live.run_to(200);
    REQUIRE(live.engine().overview().firing == 1);
    live.stop();
    live.database().handle().exec("UPDATE alert_state SET phase = 7 WHERE rule = 'burst'");
    const auto saved = alerts::load_state(live.database().handle());
    REQUIRE(saved.unreadable.size() == 1);
    CHECK(saved.unreadable.front().rule == "burst");
    live.start(201);
    CHECK(live.engine().overview().firing == 0);
    live.run_to(202);
    CHECK(live.engine().overview().firing == 1);
    live.stop();
    CHECK(alerts::load_state(live.database().handle()).unreadable.empty());
}
