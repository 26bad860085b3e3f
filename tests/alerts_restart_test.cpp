#include <algorithm>
#include <random>
#include <set>

#include <SQLiteCpp/Statement.h>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "alerts_fixture.h"

using namespace quotafuse;
using namespace quotafuse::tests;

namespace {

const std::string kRules = R"(rules:
  - name: burn
    metric: tokens
    by: [channel]
    window: 2m
    above: 3000
    clear: 2000
    for: 5s
    keep_firing_for: 10s
    cooldown: 3m
    action: {disable_channel: {mode: live}}
  - {name: by-token, metric: requests, by: [token, model], window: 1m, above: 8, resolved: false, cooldown: 2m, action: {disable_token: {mode: live}}}
  - {name: failing, metric: error_rate, by: [channel], window: 2m, above: 30, min_requests: 5, for: 3s}
  - {name: quiet, metric: requests, by: [channel], window: 1m, below: 2, keep_firing_for: 5s}
  - name: hours
    metric: tokens
    window: 1m
    above: 4000
    active_hours: {between: ["00:10-00:20", "00:30-00:35"]}
)";

const std::string kMoreRules =
    kRules +
    R"(  - {name: today, metric: tokens, by: [channel], window: today, above: 20000, timezone: Asia/Shanghai}
  - {name: silent, metric: since_last, by: [channel], window: 2m, above: 90}
  - {name: rise, metric: requests, by: [channel], window: 2m, compare_to: previous, above: 150, min_requests: 3}
  - {name: drop, metric: tokens, by: [channel], window: 2m, compare_to: previous, below: -60}
  - {name: slow, metric: latency_p95, by: [model], window: 5m, above: 1500}
  - {name: users, metric: distinct_tokens, by: [channel], window: 2m, above: 1}
  - {name: muted, metric: tokens, by: [channel], window: 2m, above: 3500, inhibited_by: [failing]}
)";

constexpr std::int64_t kEnd = 3000;

/// Rows of every second, in bursts, so that alerts come and go.
std::vector<std::vector<sync::LogEntry>> history(unsigned seed, bool late) {
    std::mt19937 random{seed};
    std::vector<std::vector<sync::LogEntry>> seconds(kEnd + 1);
    for (std::int64_t t = 1; t <= kEnd; ++t) {
        const auto burst = (t / 150) % 3 == 0;
        for (auto n = random() % (burst ? 3 : 30) == 0 ? 3 : 0; n > 0; --n) {
            auto entry = random() % 3 == 0 ? failure(t) : request(t);
            entry.channel = 3 + static_cast<std::int64_t>(random() % 3);
            entry.token = 1 + static_cast<std::int64_t>(random() % 2);
            entry.token_name = "k" + std::to_string(entry.token);
            entry.latency_ms = 200 * static_cast<std::int64_t>(random() % 10);
            if (late && random() % 4 == 0)
                entry.created_at -= static_cast<std::int64_t>(random() % 90);
            if (entry.kind == sync::Kind::consume) {
                entry.prompt_tokens = static_cast<std::int64_t>(random() % 900);
            }
            seconds[static_cast<std::size_t>(t)].push_back(entry);
        }
    }
    return seconds;
}

std::string line_of(const alerts::Notice& notice) {
    auto line = fmt::format("{} {} {} {} [{}] {} {} peak {} for {} {} more {} series {}",
                            base::unix_seconds(notice.at) - kMonday, notice.event_id, notice.rule,
                            reason_name(notice.reason), alerts::describe(notice.key),
                            notice.stored_key, notice.value.value_or(-1), notice.peak,
                            notice.duration.count(), notice.ended ? ending_name(*notice.ended) : "",
                            notice.more, notice.series.size());
    for (const auto& action : notice.actions)
        line += fmt::format(" in {} disable {} {}", notice.episode, action.channel, action.token);
    return line;
}

enum class Restart { killed, stopped };

/// Plays a history; before each second, with the given chance, the program dies and starts again,
/// with or without having saved what it decided last. Where it is stopped, not killed, it saves how
/// far it came, and rows may come late: after a kill the seconds since the last change are gone
/// through again, with all rows that are known by then.
std::vector<std::string> play(unsigned seed, unsigned restarts_per_thousand,
                              Restart restart = Restart::killed) {
    const auto rows = history(seed, restart == Restart::stopped);
    Watchman watchman{kMoreRules};
    alerts::Silence silence;
    silence.rule = "b*";
    silence.where = {{alerts::Dimension::channel, {{false, 4, {}}}}};
    silence.from = at(500);
    silence.until = at(1200);
    watchman.silence(silence);
    std::mt19937 random{seed + 1};
    std::vector<std::string> told;
    for (std::int64_t t = 1; t <= kEnd; ++t) {
        watchman.add(rows[static_cast<std::size_t>(t)]);
        if (random() % 1000 < restarts_per_thousand) watchman.save_windows();
        const auto save = [&] {
            if (restart == Restart::stopped) watchman.save(watchman.engine().checkpoint());
        };
        if (random() % 1000 < restarts_per_thousand) {
            save();
            watchman.restart(t - 1);
        }
        if (random() % 1000 < restarts_per_thousand) {
            save();
            watchman.engine().advance(at(t));  // decided, but never saved: it is decided again
            watchman.restart(t);
        }
        for (const auto& notice : watchman.run_to(t)) told.push_back(line_of(notice));
    }
    return told;
}

int count_events(Watchman& watchman) {
    SQLite::Statement count{watchman.mirror().database().handle(),
                            "SELECT count(*) FROM alert_event"};
    REQUIRE(count.executeStep());
    return count.getColumn(0).getInt();
}

}  // namespace

TEST_CASE("restarts at random moments change no notice") {
    for (const auto restart : {Restart::killed, Restart::stopped}) {
        for (unsigned seed = 1; seed <= 2; ++seed) {
            const auto undisturbed = play(seed, 0, restart);
            REQUIRE(undisturbed.size() > 60);
            const auto disturbed = play(seed, 30, restart);
            for (std::size_t i = 0; i < std::min(disturbed.size(), undisturbed.size()); ++i) {
                REQUIRE(disturbed[i] == undisturbed[i]);
            }
            CHECK(disturbed.size() == undisturbed.size());
        }
    }
}

TEST_CASE("an episode asks the breaker once, whatever restarts come between") {
    std::vector<std::string> asked;
    for (const auto& line : play(3, 30)) {
        const auto from = line.find(" in ");
        if (from != std::string::npos) asked.push_back(line.substr(from));
    }
    CHECK(asked.size() > 10);
    CHECK(std::set(asked.begin(), asked.end()).size() == asked.size());
}

TEST_CASE("every notice has an id of its own") {
    for (unsigned seed = 1; seed <= 2; ++seed) {
        std::set<std::string> ids;
        const auto told = play(seed, 0);
        for (const auto& line : told) {
            const auto from = line.find(' ') + 1;
            ids.insert(line.substr(from, 13));
        }
        CHECK(ids.size() == told.size());
    }
}

TEST_CASE("a step can be saved again after a failure, and a failed one leaves nothing") {
    Watchman watchman{kRules};
    watchman.run_to(5);
    auto entry = request(6);
    entry.prompt_tokens = 9000;
    watchman.add({entry});
    auto step = watchman.engine().advance(at(20));
    REQUIRE(step.notices.size() == 1);
    {
        base::WriteTransaction transaction{watchman.mirror().database()};
        alerts::save_state(watchman.mirror().database(), step);
    }  // rolled back
    CHECK(count_events(watchman) == 0);
    watchman.save(step);
    watchman.save(step);
    CHECK(count_events(watchman) == 3);  // burn fires and is told, hours fires and is not
    watchman.restart(20);
    CHECK(watchman.run_to(30).empty());
    CHECK(watchman.engine().overview().firing == 2);
}

TEST_CASE("the last day of a long stop is gone through, as that of a long outage") {
    constexpr std::int64_t kHour = 3600;
    constexpr std::int64_t kBack = 60 * kHour;
    Watchman watchman{"rules: [{name: burn, metric: tokens, window: 1m, above: 1000}]"};
    watchman.run_to(5);
    watchman.save(watchman.engine().checkpoint());
    SUBCASE("a stop") {
        watchman.restart(kBack);
        CHECK(watchman.engine().time() == at(kBack - 24 * kHour));
    }
    SUBCASE("an outage") {}
    watchman.add(requests(kBack - 30 * kHour, 1, 5000));
    watchman.add(requests(kBack - 10 * kHour, 1, 7000));
    const auto told = watchman.run_to(kBack);
    REQUIRE(reasons(told) == std::vector{alerts::Reason::first, alerts::Reason::resolved});
    CHECK(told.front().at == at(kBack - 10 * kHour));
    CHECK(told.front().value == 7000.0);
}

TEST_CASE("after a stop of less than a day the engine goes on from where it was") {
    Watchman watchman{kRules};
    watchman.run_to(5);
    watchman.restart(5 + 86'400);
    CHECK(watchman.engine().time() == at(5));
}

TEST_CASE("a checkpoint spares a restart the quiet time before it") {
    Watchman watchman{kRules};
    watchman.run_to(5);
    watchman.engine().advance(at(300));
    watchman.save(watchman.engine().checkpoint());
    watchman.restart(301);
    CHECK(watchman.engine().time() == at(300));
}

TEST_CASE("states that former versions stored are taken over") {
    const TempDir folder;
    auto former = alerts::schema();
    former.migrations.resize(1);
    {
        base::Database database{folder.file("store.db"), {former}};
        database.handle().exec(
            "INSERT INTO alert_state VALUES('burn', '[]', '[]', 2, 5, 0, 9, 5, NULL, NULL, 0, 7.5, "
            "1, 0, 1, 0, 1, 4, NULL)");
    }
    base::Database database{folder.file("store.db"), {alerts::schema()}};
    const auto saved = alerts::load_state(database.handle());
    REQUIRE(saved.series.size() == 1);
    alerts::AlertState expected;
    expected.phase = alerts::Phase::firing;
    expected.since = expected.began = base::from_unix(5);
    expected.mute_until = base::from_unix(9);
    expected.peak = 7.5;
    expected.told = expected.acted = true;
    expected.sequence = 1;
    CHECK(saved.series.front().state == expected);
}

TEST_CASE("a digest that a former version stored is taken over") {
    const TempDir folder;
    auto former = alerts::schema();
    former.migrations.resize(4);
    {
        base::Database database{folder.file("store.db"), {former}};
        database.handle().exec("INSERT INTO rule_digest VALUES('burn', 2, '[3]', '[]', 7.5, 5, 9)");
    }
    base::Database database{folder.file("store.db"), {alerts::schema()}};
    const auto saved = alerts::load_state(database.handle());
    REQUIRE(saved.digests.size() == 1);
    CHECK(saved.digests.front().episodes == 2);
    CHECK(saved.digests.front().key == "[3]");
    CHECK(base::unix_seconds(saved.digests.front().over) == 9);
}

TEST_CASE("rules that are gone are forgotten, and come back as new ones") {
    const std::string rule = "rules: [{name: burn, metric: tokens, window: 5m, above: 10}]";
    Watchman watchman{rule};
    watchman.run_to(1);
    watchman.add({request(2)});
    REQUIRE(watchman.run_to(2).size() == 1);
    watchman.change_rules("rules: []");
    watchman.restart(3);
    watchman.save(watchman.engine().checkpoint());
    watchman.change_rules(rule);
    watchman.restart(4);
    const auto told = watchman.run_to(10);
    REQUIRE(told.size() == 1);
    CHECK(told.front().reason == alerts::Reason::first_look);
}

TEST_CASE("what the daemon did is kept for replay, in order, and pruned with the history") {
    Mirror mirror;
    auto& file = mirror.database();
    using Kind = alerts::EngineEvent::Kind;
    alerts::save_event(file, {Kind::started, at(10), {}});
    alerts::save_event(file, {Kind::reloaded, at(20), {}});
    alerts::save_event(file, {Kind::late, at(20), "1"});
    alerts::save_event(file, {Kind::stopped, at(30), {}});
    const auto all = alerts::load_events(file.handle(), at(11));
    REQUIRE(all.size() == 3);
    CHECK(all[0].kind == Kind::reloaded);
    CHECK(all[1].kind == Kind::late);
    CHECK(all[1].detail == "1");
    CHECK(all[2].at == at(30));
    CHECK(alerts::prune_history(file, at(30), 2));  // there may be more
    CHECK_FALSE(alerts::prune_history(file, at(30), 2));
    CHECK(alerts::load_events(file.handle(), at(0)).size() == 1);
}

TEST_CASE("the history is read by time and pruned in steps") {
    Watchman watchman{"rules: [{name: burn, metric: tokens, by: token, window: 1m, above: 10}]"};
    watchman.run_to(1);
    for (std::int64_t t = 2; t < 500; t += 100) {
        watchman.add({request(t)});
        watchman.run_to(t + 99);
    }
    auto& file = watchman.mirror().database();
    const auto history = alerts::load_history(file.handle(), at(0), at(10'000));
    REQUIRE(history.size() > 12);
    CHECK(history[0].what == "firing");
    CHECK(history[0].at == at(2));
    CHECK(history[0].value == 100.0);
    CHECK(history[1].what == "told");
    CHECK(std::is_sorted(history.begin(), history.end(),
                         [](const auto& a, const auto& b) { return a.at < b.at; }));
    CHECK(alerts::load_history(file.handle(), at(2), at(61)).size() == 2);
    CHECK(alerts::prune_history(file, at(300), 3));
    CHECK(alerts::load_history(file.handle(), at(0), at(10'000)).size() == history.size() - 3);
    while (alerts::prune_history(file, at(300), 3)) {
    }
    CHECK(alerts::load_history(file.handle(), at(0), at(10'000)).front().at >= at(300));
    SQLite::Statement plan{
        file.handle(), "EXPLAIN QUERY PLAN SELECT id FROM alert_event WHERE at BETWEEN 1 AND 2"};
    REQUIRE(plan.executeStep());
    CHECK(plan.getColumn(3).getString().find("alert_event_by_time") != std::string::npos);
}

TEST_CASE("windows as they were come back, without the rows that were fed since") {
    const std::string rule =
        "rules: [{name: burn, metric: tokens, by: channel, window: 1h, above: 10000}]";
    Watchman watchman{rule};
    watchman.run_to(100);
    watchman.add(requests(90, 1, 4000));
    watchman.run_to(200);
    watchman.add(requests(150, 1, 4000));  // late, and not evaluated yet
    watchman.save_windows();
    watchman.save(watchman.engine().checkpoint());
    const auto windows = alerts::load_windows(watchman.mirror().database().handle());
    REQUIRE(windows.size() == 1);
    CHECK(windows.front().head == at(200));
    CHECK(windows.front().seen == at(199));
    SUBCASE("in this run") {}
    SUBCASE("after a restart") {
        watchman.restart(200);
    }
    watchman.add(requests(201, 1, 2000));
    CHECK(watchman.run_to(210).empty());
    watchman.add(requests(211, 1, 1));
    const auto told = watchman.run_to(211);
    REQUIRE(told.size() == 1);
    CHECK(told.front().value == 10'001.0);
}

TEST_CASE(
    "an outage that began before a long stop is as old as it was, its row out of the window") {
    Watchman watchman{R"(rules:
  - {name: silent, metric: since_last, by: [channel], window: 1h, above: 600}
)"};
    watchman.run_to(1);
    watchman.add({request(10)});
    watchman.run_to(3500);
    watchman.add({request(3500)});
    REQUIRE(watchman.run_to(4200).size() == 1);  // its row is in the window still
    constexpr std::int64_t kLater = 4200 + 3 * 86'400;
    watchman.restart(kLater);
    REQUIRE(watchman.engine().time() == at(kLater - 86'400));
    for (const auto& notice : watchman.run_to(kLater + 5)) {
        CHECK(notice.reason == alerts::Reason::reminder);
    }
    const auto view = watchman.engine().overview();
    REQUIRE(view.alerts.size() == 1);
    CHECK(view.alerts.front().phase == alerts::Phase::firing);
    CHECK(view.alerts.front().value == static_cast<double>(kLater + 5 - 3 - 3500));
    SUBCASE("a new row ends it") {
        watchman.add({request(kLater + 6)});
        const auto over = watchman.run_to(kLater + 20);
        REQUIRE(over.size() == 1);
        CHECK(over.front().ended == alerts::Ending::recovered);
    }
    SUBCASE("a week without any ends it") {
        watchman.restart(3490 + 7 * 86'400);
        const auto over = watchman.run_to(3510 + 7 * 86'400);
        REQUIRE_FALSE(over.empty());
        CHECK(over.back().ended == alerts::Ending::gone);
        CHECK(over.back().at == at(3500 + 7 * 86'400));
    }
}

TEST_CASE("a series at rest does not take an old row for its last after a long stop") {
    Watchman watchman{R"(rules:
  - {name: silent, metric: since_last, by: [channel], window: 1h, above: 600}
)"};
    watchman.run_to(1);
    for (std::int64_t t = 10; t < 1200; t += 100) {
        watchman.add({request(t)});
        CHECK(watchman.run_to(t + 50).empty());
    }
    watchman.save(watchman.engine().checkpoint());
    watchman.restart(2 * 86'400);
    CHECK(watchman.run_to(2 * 86'400 + 5).empty());
}
