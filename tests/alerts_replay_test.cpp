#include <algorithm>
#include <map>
#include <random>
#include <set>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "alerts_replay_fixture.h"

using namespace quotafuse;
using namespace quotafuse::tests;

TEST_CASE(
    "Replay of a recorded day equals the events that the live daemon wrote, event for event") {
    const std::string rules = R"(rules:
  - {name: tokens, metric: tokens, by: [channel], window: 10m, above: 20000, clear: 15000}
  - {name: spend, metric: cost, by: [token], window: 1h, above: 0.2, cooldown: 20m, resolved: false}
  - {name: failing, metric: error_rate, by: [model], window: 5m, above: 12, for: 20s, keep_firing_for: 1m, min_requests: 10}
  - {name: slow, metric: latency_p95, by: [channel], window: 5m, above: 3900}
  - {name: quiet, metric: requests, by: [channel], window: 5m, below: 3, cooldown: 15m}
  - {name: silent, metric: since_last, by: [model], window: 2m, above: 100}
  - {name: faces, metric: distinct_ips, window: 15m, above: 60, eval_delay: 8s}
  - {name: jump, metric: requests, by: [model], window: 10m, compare_to: previous, above: 80, min_requests: 5}
  - {name: day, metric: quota, by: [user], window: today, above: 900000, timezone: Europe/Berlin}
  - {name: night, metric: requests, window: 10m, above: 90, active_hours: {between: ["22:00-06:00"]}}
  - {name: down, metric: channel_down, above: 0}
  - {name: shadowed, metric: errors, by: [channel], window: 5m, above: 4, inhibited_by: [down]}
  - {name: poor, metric: channel_balance, below: 10, for: 1m}
  - {name: hushed, metric: since_last, by: [token], window: 10m, above: 300}
  - {name: key-left, metric: token_remaining, below: 0.1}
)";
    std::mt19937_64 random{20260105};
    const auto chance = [&](double share) {
        return std::uniform_real_distribution<>{}(random) < share;
    };
    const auto any = [&](std::int64_t from, std::int64_t to) {
        return std::uniform_int_distribution<std::int64_t>{from, to}(random);
    };
    constexpr std::int64_t kDay = 86400;
    Live live{rules};
    sync::GatewayInfo info;
    for (int channel = 1; channel <= 4; ++channel) {
        info.channels[channel] = {fmt::format("c{}", channel), 1, 1};
        info.channels[channel].balance = 100;
        info.channels[channel].balance_at = kMonday;
    }
    info.has_balances = true;
    info.extents[sync::ObjectKind::channels] = sync::Extent::all;
    std::map<std::int64_t, sync::TokenInfo> keys;
    for (int token = 1; token <= 6; ++token) keys[token] = {"k", 1, 1, 100'000, 0, {}};
    // The second half of the keys comes a while after each start.
    const auto read_keys = [&](bool complete) {
        info.tokens = keys;
        if (!complete) info.tokens.erase(info.tokens.find(4), info.tokens.end());
        info.tokens_covered = complete ? sync::kEveryId : sync::Coverage{0, 3};
        info.extents[sync::ObjectKind::tokens] = complete ? sync::Extent::all : sync::Extent::begun;
    };

    const auto make = [&](std::int64_t second) {
        auto entry = request(second, any(1, 4));
        entry.model = fmt::format("m{}", any(1, 3));
        entry.token = any(1, 6);
        entry.token_name = fmt::format("k{}", entry.token);
        entry.user = entry.token % 2 + 1;
        entry.ip = fmt::format("10.0.0.{}", any(1, 120));
        entry.quota = any(0, 3000);
        entry.prompt_tokens = any(1, 500);
        entry.latency_ms = any(100, 4000);
        entry.request_id = static_cast<std::uint64_t>(any(1, 1'000'000'000));
        if (chance(0.1)) {
            entry.kind = sync::Kind::error;
            entry.status = chance(0.3) ? 400 : 503;
        }
        return entry;
    };
    std::multimap<std::int64_t, sync::LogEntry> commits;  // by the second of their commit
    for (std::int64_t second = -7200; second < kDay; ++second) {
        // Waves, and a pause now and then.
        const double busy =
            second / 900 % 13 == 0 ? 0.004 : 0.05 + 0.2 * double(second / 1800 % 4) / 3;
        while (chance(busy)) {
            auto entry = make(second);
            entry.created_at += chance(0.02) ? 2 : 0;  // a host whose clock is ahead
            const auto late = chance(0.1) ? any(1, 20) : chance(0.01) ? any(100, 900) : 0;
            commits.emplace(second + late, std::move(entry));
        }
    }
    // What was there before the daemon, which began at 00:00.
    std::vector<sync::LogEntry> before;
    while (!commits.empty() && commits.begin()->first <= 0) {
        before.push_back(std::move(commits.extract(commits.begin()).mapped()));
    }
    live.backfill(std::move(before), 0);
    live.start(0);
    read_keys(false);
    live.see(info);

    std::int64_t silence = 0;
    std::int64_t started = 0;
    const auto outage = [](std::int64_t second) { return second >= 30000 && second < 33600; };
    for (std::int64_t second = 1; second <= kDay; ++second) {
        if (second % 17321 == 0) {
            live.stop();
            second += any(2, 60);
            live.start(second);
            started = second;
        }
        if (outage(second)) continue;
        std::vector<sync::LogEntry> batch;
        while (!commits.empty() && commits.begin()->first < second) {
            batch.push_back(std::move(commits.extract(commits.begin()).mapped()));
        }
        std::shuffle(batch.begin(), batch.end(), random);
        if (!batch.empty()) live.append(std::move(batch), second);
        if (second % 30 == 0) {
            for (auto& [id, channel] : info.channels) {
                if (chance(0.004)) channel.status = channel.status == 1 ? 2 : 1;
                if (chance(0.05)) channel.balance = static_cast<double>(any(0, 120));
            }
            for (auto& [id, token] : keys) {
                if (chance(0.01)) token.status = static_cast<int>(any(1, 4));
                if (chance(0.02)) token.remaining = any(0, 200'000);
            }
            read_keys(second - started > 200);
            live.see(info);
        }
        if (second % 20000 == 500) {
            alerts::Silence quiet;
            quiet.rule = "s*";
            quiet.from = at(second);
            quiet.until = at(second + 9000);
            quiet.reason = "a test";
            silence = live.silence(quiet);
        }
        if (second % 20000 == 4000) live.unsilence(silence, second);
        live.run_to(second);
    }
    live.stop();

    const auto wrote = alerts::load_history(live.database().handle(), at(1), at(kDay));
    std::set<std::string> fired;
    std::set<std::string> why;
    for (const auto& event : wrote) {
        if (event.what == "firing") fired.insert(event.rule);
        why.insert(event.what + " " + event.reason);
    }
    CHECK(fired.size() == 15);  // every rule has something to say
    CHECK(why.contains("told reminder"));
    CHECK(why.contains("told flapping"));
    CHECK(why.contains("firing silenced"));
    CHECK(why.contains("firing outside hours"));
    CHECK(why.contains("told came and went"));
    sync::History history{live.path()};
    auto options = span(1, kDay);
    options.as_it_was = true;
    const auto replayed = alerts::replay(rules_from(rules), history, options);
    CHECK(wrote.size() > 1000);
    const auto expected = lines(wrote);
    const auto got = lines(replayed.events);
    CHECK(expected.size() == got.size());
    const auto differs = std::mismatch(expected.begin(), expected.end(), got.begin(), got.end());
    if (differs.first != expected.end()) MESSAGE("live: ", *differs.first);
    if (differs.second != got.end()) MESSAGE("replay: ", *differs.second);
    CHECK(expected == got);
}

TEST_CASE(
    "episodes say how long, how bad, how many notices, and what the channel went on to cost") {
    Live live{"rules: []\n"};
    std::vector<sync::LogEntry> entries;
    // Channel 3 burns from 02:00 to 02:10, and again at 05:00; channel 4 never does.
    for (std::int64_t second = 0; second < 6 * 3600; second += 10) {
        entries.push_back(request(second, 4));
        const bool burns = (second >= 7200 && second < 7800) || second == 18000;
        if (!burns) continue;
        auto entry = request(second, 3);
        entry.prompt_tokens = second == 18000 ? 5000 : 1000;
        entry.completion_tokens = 0;
        entry.quota = 500'000;
        entries.push_back(entry);
    }
    live.start(0);
    live.backfill(std::move(entries), 6 * 3600);
    live.stop();
    sync::History history{live.path()};
    const auto rules = rules_from(R"(rules:
  - {name: burn, metric: tokens, by: [channel], window: 1m, above: 4000, action: {disable_channel: {mode: live}}}
  - {name: off, enabled: false, metric: tokens, window: 1m, above: 1}
)");
    const auto result = alerts::replay(rules, history, span(0, 6 * 3600));
    CHECK(result.rows == 2160 + 60 + 1);
    CHECK(result.notices == std::map<std::string, int>{{"burn", 4}});
    REQUIRE(result.episodes.size() == 2);
    const auto& first = result.episodes[0];
    CHECK(first.rule == "burn");
    REQUIRE(first.key.size() == 1);
    CHECK(first.key[0].id == 3);
    // The fifth row in a minute; a back-filled row counts from the second after its own.
    CHECK(first.fired == at(7241));
    CHECK(first.began == at(7241));
    CHECK(first.over == at(7790 + 20));
    CHECK(first.ending == "recovered");
    CHECK(first.peak == 6000);
    CHECK(first.notices == 2);
    REQUIRE(first.trips.size() == 1);
    alerts::Action disabled;
    disabled.channel = 3;
    disabled.mode = alerts::ActionMode::live;
    CHECK(first.trips[0].action == disabled);
    CHECK(first.trips[0].at == at(7241));
    CHECK(first.trips[0].quota == 55 * 500'000);  // rows of 7250 … 7790
    CHECK(result.episodes[1].fired == at(18001));
    CHECK(result.episodes[1].peak == 5000);
    CHECK(result.episodes[1].trips.at(0).quota == 0);

    SUBCASE("what still fires at the end has no end") {
        const auto cut = alerts::replay(rules, history, span(0, 7300));
        REQUIRE(cut.episodes.size() == 1);
        CHECK_FALSE(cut.episodes[0].over);
        CHECK(cut.episodes[0].peak == 6000);
        CHECK(cut.episodes[0].trips.at(0).quota == 5 * 500'000);
    }
    SUBCASE("what began before the beginning is in it while it lasts") {
        const auto late = alerts::replay(rules, history, span(7500, 8000));
        REQUIRE(late.episodes.size() == 1);
        CHECK(late.episodes[0].fired == at(7241));
        CHECK(late.events.size() == 2);  // over, and told
    }
    SUBCASE("nothing is asked of the time before the first row or after the last") {
        const auto wide = alerts::replay(rules, history, span(-86400, 10 * 86400));
        CHECK(wide.from == at(-1));
        CHECK(wide.until == at(6 * 3600 - 9));  // in which the last row counts
        CHECK(wide.episodes.size() == 2);
        CHECK(wide.notes ==
              std::vector<std::string>{
                  "the store begins at 2026-01-05 00:00:00",
                  "the gateway's channels, keys and users were never read: rules that "
                  "need their names or gauges say nothing"});
    }
}

TEST_CASE("a store without rows says what to do") {
    Live live{"rules: []\n"};
    sync::History history{live.path()};
    CHECK_THROWS_WITH_AS(alerts::replay({}, history, span(0, 10)),
                         "the store has no rows yet: start the daemon, or run `quotafuse sync`",
                         base::Failure);
}

TEST_CASE("a store whose alerts an older version wrote is not replayed, and what to do is said") {
    Live live{"rules: [{name: a, metric: requests, window: 1h, above: 1}]"};
    live.backfill({request(1)}, 1);
    live.database().handle().exec("UPDATE schema SET version = version - 1 WHERE room = 'alerts'");
    sync::History history{live.path()};
    CHECK_THROWS_WITH_AS(
        alerts::replay({}, history, span(0, 2)),
        doctest::Contains("written by an older quotafuse; start this version's daemon"),
        base::Failure);
}

TEST_CASE("suggested limits fire as often as was asked for") {
    Live live{"rules: []\n"};
    live.start(0);
    std::vector<sync::LogEntry> entries;
    // Each of 30 pairs of hours has one burst, of 100, 200 … 3,000 tokens, in no order.
    constexpr std::int64_t kPair = 7200;
    for (std::int64_t pair = 0; pair < 30; ++pair) {
        auto entry = request(pair * kPair + 3600);
        entry.prompt_tokens = 100 * ((pair * 7) % 30 + 1);
        entry.completion_tokens = 0;
        entries.push_back(entry);
        entries.push_back(request(pair * kPair + 5000));
        entries.back().prompt_tokens = entries.back().completion_tokens = 5;
    }
    entries.push_back(request(30 * kPair));
    live.backfill(std::move(entries), 31 * 86400);
    live.stop();
    sync::History history{live.path()};
    const auto rule = rules_from(R"(rules:
  - {name: burn, metric: tokens, by: [channel], window: 10m, above: 50, clear: 40}
)")
                          .front();
    const auto options = span(0, 30 * kPair);
    const auto got = alerts::suggest_limits(rule, history, options, {12, 60, 240, 6000});
    REQUIRE(got.size() == 4);
    CHECK(got[0].firings == 1);
    CHECK(*got[0].limit >= 2900);
    CHECK(*got[0].limit < 3000);
    CHECK(got[1].firings == 5);
    CHECK(*got[1].limit >= 2500);
    CHECK(*got[1].limit < 2600);
    CHECK(got[2].firings == 20);
    CHECK(*got[2].limit >= 1000);
    CHECK(*got[2].limit < 1100);
    CHECK_FALSE(got[3].limit);
    for (const auto& one : {got[0], got[1], got[2]}) {
        const auto changed = alerts::with_limit(rule, *one.limit);
        CHECK(changed.clear == doctest::Approx(*one.limit * 0.8));
        const auto result = alerts::replay({changed}, history, options);
        CHECK(static_cast<int>(result.episodes.size()) == one.firings);
    }
}
