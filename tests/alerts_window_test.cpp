#include <algorithm>
#include <map>
#include <random>

#include <doctest/doctest.h>

#include "alerts/window.h"
#include "alerts_fixture.h"

using namespace quotafuse;
using namespace quotafuse::tests;
using alerts::Dimension;
using alerts::SeriesKey;
using alerts::Sums;

namespace {

sync::LogEntry random_entry(std::mt19937& random, std::int64_t now) {
    const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
    // Mostly now, sometimes minutes late, sometimes from a clock that is ahead.
    const auto when = below(10);
    auto entry = request(when < 6 ? now : when < 9 ? now - below(400) : now + below(40));
    const sync::Kind kinds[] = {sync::Kind::consume, sync::Kind::consume, sync::Kind::error,
                                sync::Kind::refund,  sync::Kind::other,   sync::Kind::test};
    const int statuses[] = {400, 429, 500, 503};
    entry.kind = kinds[below(6)];
    entry.channel = 1 + below(4);
    entry.model = below(2) == 0 ? "gpt-4o" : "claude-3";
    entry.prompt_tokens = below(1000);
    entry.completion_tokens = below(1000);
    entry.cache_tokens = below(100);
    entry.quota = below(5000);
    entry.latency_ms = below(5) == 0 ? 0 : below(9000);
    entry.attempts = 1 + below(2);
    entry.channel_test = below(8) == 0;
    entry.task = below(8) == 0;
    if (entry.kind == sync::Kind::error) entry.status = statuses[below(4)];
    return entry;
}

/// The definitions of the metrics once more, row by row.
Sums expected_of(const sync::LogEntry& entry) {
    Sums sums;
    if (entry.kind == sync::Kind::refund) {
        sums.rows = 1;
        sums.quota = -entry.quota;
    } else if (entry.kind == sync::Kind::error && !entry.channel_test) {
        const bool clients = entry.status == 400;
        sums.rows = sums.requests = 1;
        sums.client_errors = clients ? 1 : 0;
        sums.errors = sums.attempts = clients ? 0 : 1;
    } else if (entry.kind == sync::Kind::consume) {
        sums.rows = 1;
        sums.requests = sums.attempts = entry.channel_test ? 0 : 1;
        sums.prompt_tokens = entry.prompt_tokens;
        sums.completion_tokens = entry.completion_tokens;
        sums.cache_tokens = entry.cache_tokens;
        sums.quota = entry.quota;
        if (entry.attempts == 1 && entry.latency_ms >= 0 && !entry.task && !entry.channel_test) {
            sums.latency_ms = entry.latency_ms;
            sums.latency_rows = 1;
        }
    }
    return sums;
}

std::map<std::pair<std::int64_t, std::string>, Sums> brute_force(
    const std::vector<sync::LogEntry>& entries, base::Second head, std::chrono::seconds length) {
    std::map<std::pair<std::int64_t, std::string>, Sums> sums;
    for (const auto& entry : entries) {
        const auto created = base::from_unix(entry.created_at);
        if (created > head || created <= head - length || entry.model != "gpt-4o") continue;
        const auto counts = expected_of(entry);
        if (counts.rows > 0) sums[{entry.channel, entry.model}] += counts;
    }
    return sums;
}

std::map<std::pair<std::int64_t, std::string>, Sums> sums_of(const alerts::Window& window,
                                                             const sync::Texts& texts) {
    std::map<std::pair<std::int64_t, std::string>, Sums> sums;
    for (const auto& [key, series] : window.series()) {
        sums[{key.parts[0].number, texts.text(key.parts[1].text)}] = series.sums;
    }
    return sums;
}

alerts::WindowSpec spec(std::chrono::seconds length, std::chrono::seconds delay) {
    alerts::Condition only_gpt{Dimension::model, {{false, std::nullopt, "gpt-4*"}}};
    return {{only_gpt}, false, {Dimension::channel, Dimension::model}, length, delay};
}

void ignore(const sync::Row&) {}

}  // namespace

TEST_CASE(
    "every window equals the sum over all rows at every second, however late or early rows come") {
    using namespace std::chrono_literals;
    for (unsigned seed = 1; seed <= 5; ++seed) {
        std::mt19937 random{seed};
        Mirror mirror;
        alerts::WindowSet windows{mirror.store()};
        for (const auto length : {60s, 300s, 301s}) {
            for (const auto delay : {0s, 3s}) windows.share(spec(length, delay));
        }
        windows.warm_up(at(0), ignore);
        std::vector<sync::LogEntry> entries;
        std::int64_t now = 0;
        for (int tick = 0; tick < 400; ++tick) {
            std::vector<sync::LogEntry> batch;
            for (auto n = random() % 6; n > 0; --n) batch.push_back(random_entry(random, now));
            entries.insert(entries.end(), batch.begin(), batch.end());
            for (const auto& row : mirror.append(batch, at(now))) windows.feed(row);
            // Mostly second by second, sometimes further than the shortest window is long.
            now += tick % 97 == 96 ? 200 : 1;
            windows.advance(at(now), ignore);
            for (const auto& window : windows.windows()) {
                const auto expected =
                    brute_force(entries, at(now) - window->spec().delay, window->spec().length);
                const auto is = sums_of(*window, mirror.store().texts());
                REQUIRE(is == expected);
            }
        }
        REQUIRE(entries.size() > 500);
        // A warm start and a rebuild know the same as the windows that were moved there.
        alerts::WindowSet again{mirror.store()};
        for (const auto& window : windows.windows()) again.share(window->spec());
        again.warm_up(at(now), ignore);
        for (std::size_t i = 0; i < again.windows().size(); ++i) {
            auto& warm = *again.windows()[i];
            auto& moved = *windows.windows()[i];
            CHECK(sums_of(warm, mirror.store().texts()) == sums_of(moved, mirror.store().texts()));
            windows.rebuild(moved);
            CHECK(sums_of(warm, mirror.store().texts()) == sums_of(moved, mirror.store().texts()));
        }
    }
}

TEST_CASE("rows that the store deletes leave every window that still holds them") {
    using namespace std::chrono_literals;
    for (unsigned seed = 1; seed <= 5; ++seed) {
        CAPTURE(seed);
        std::mt19937 random{seed};
        sync::Keep keep;
        keep.rows = base::Seconds{150 + seed * 40};  // shorter than some windows
        Mirror mirror{keep};
        alerts::WindowSet windows{mirror.store()};
        for (const auto length : {60s, 300s, 900s}) {
            for (const auto delay : {0s, 3s}) windows.share(spec(length, delay));
        }
        windows.warm_up(at(0), ignore);
        std::int64_t now = 0;
        std::size_t held = 0;
        for (int tick = 0; tick < 600; ++tick) {
            std::vector<sync::LogEntry> batch;
            for (auto n = random() % 6; n > 0; --n) batch.push_back(random_entry(random, now));
            for (const auto& row : mirror.append(batch, at(now))) windows.feed(row);
            const auto step = mirror.store().keep_up(at(now));
            for (const auto& row : step.gone) {
                held += row.created_at > base::unix_seconds(at(now)) - 900 ? 1 : 0;
                windows.forget(row);
            }
            now += tick % 97 == 96 ? 200 : 1;
            windows.advance(at(now), ignore);
            if (tick % 10 != 0 && step.gone.empty()) continue;
            alerts::WindowSet fresh{mirror.store()};
            for (const auto& window : windows.windows()) fresh.share(window->spec());
            fresh.warm_up(at(now), ignore);
            for (std::size_t i = 0; i < fresh.windows().size(); ++i) {
                REQUIRE(sums_of(*fresh.windows()[i], mirror.store().texts()) ==
                        sums_of(*windows.windows()[i], mirror.store().texts()));
            }
        }
        CHECK(held > 100);
    }
}

TEST_CASE("rules that ask for the same window share it") {
    Mirror mirror;
    alerts::WindowSet windows{mirror.store()};
    const auto rules = rules_from(R"(rules:
  - {name: a, metric: tokens, by: channel, window: 1h, above: 10}
  - {name: b, metric: cost, by: channel, window: 1h, above: 20}
  - {name: c, metric: tokens, by: channel, window: 1h, below: 20}
  - {name: d, metric: tokens, by: model, window: 1h, above: 10}
)");
    for (const auto& rule : rules) windows.share(window_of(rule));
    CHECK(windows.windows().size() == 3);
}

TEST_CASE("a condition on the status chooses errors and never thins the attempts") {
    Mirror mirror;
    const auto rules = rules_from(R"(rules:
  - {name: a, metric: error_rate, where: {status: 5xx}, window: 1m, above: 10}
  - {name: b, metric: requests, where: {status: 5xx}, window: 1m, above: 10}
)");
    alerts::WindowSet windows{mirror.store()};
    for (const auto& rule : rules) windows.share(window_of(rule));
    windows.warm_up(at(0), ignore);
    auto gone = failure(1, 0);
    gone.stream_end = sync::StreamEnd::client_gone;
    auto blocked = failure(1, 500);
    blocked.error_code = "prompt_blocked";
    mirror.append({request(1), failure(1, 500), failure(1, 503), failure(1, 429), failure(1, 404),
                   gone, blocked},
                  at(1));
    windows.advance(at(10), ignore);
    const auto rate = windows.windows()[0]->sums({});
    CHECK(rate.attempts == 4);
    CHECK(rate.errors == 2);
    CHECK(value_of(alerts::Metric::error_rate, rate, std::chrono::seconds{60}, 1) == 50.0);
    CHECK(windows.windows()[1]->sums({}).requests == 3);
}

TEST_CASE("a ratio of no rows has no value, a sum of no rows is 0") {
    const std::chrono::seconds minute{60};
    CHECK_FALSE(value_of(alerts::Metric::error_rate, {}, minute, 1).has_value());
    CHECK_FALSE(value_of(alerts::Metric::latency_avg, {}, minute, 1).has_value());
    CHECK(value_of(alerts::Metric::tokens, {}, minute, 1) == 0.0);
}

TEST_CASE("cost is money, and rpm and tpm are by the minute") {
    Sums sums;
    sums.quota = 1'250'000;
    sums.requests = 30;
    sums.prompt_tokens = 400;
    sums.completion_tokens = 200;
    const std::chrono::seconds window{300};
    CHECK(value_of(alerts::Metric::cost, sums, window, 500'000) == 2.5);
    CHECK(value_of(alerts::Metric::rpm, sums, window, 1) == 6.0);
    CHECK(value_of(alerts::Metric::tpm, sums, window, 1) == 120.0);
}

TEST_CASE("values are matched by id, name and pattern, and ! takes away") {
    Mirror mirror;
    const auto channels = [] {
        std::map<std::int64_t, sync::Channel> map;
        map[3].name = "azure-eu";
        map[4].name = "azure-us";
        map[5].name = "openai";
        return map;
    }();
    const auto matching = [&](const std::string& where) {
        const auto rule =
            rules_from("rules: [{name: a, metric: tokens, window: 1m, above: 1, where: " + where +
                       "}]")
                .front();
        alerts::Filter filter{rule.where, false, mirror.store().texts()};
        filter.use_names(channels);
        std::vector<std::int64_t> matched;
        for (const std::int64_t channel : {3, 4, 5, 6}) {
            auto entry = request(0);
            entry.channel = channel;
            entry.token_name = channel == 4 ? "internal-x" : "k1";
            const auto rows = mirror.append({entry}, at(0));
            if (filter.count(rows.front())) matched.push_back(channel);
        }
        return matched;
    };
    using Ids = std::vector<std::int64_t>;
    CHECK(matching("{channel: 3}") == Ids{3});
    CHECK(matching("{channel: [5, \"azure-*\"]}") == Ids{3, 4, 5});
    CHECK(matching("{channel: [\"azure-*\", \"!4\"]}") == Ids{3});
    CHECK(matching("{channel: \"!azure-*\"}") == Ids{5, 6});
    CHECK(matching("{token: \"!internal-*\"}") == Ids{3, 5, 6});
    CHECK(matching("{token: 12, user: alice, model: \"gpt-?o\"}") == Ids{3, 4, 5, 6});
    CHECK(matching("{user: [bob, \"!7\"]}").empty());
}

TEST_CASE("a token without an id is its owner and its name") {
    Mirror mirror;
    auto one = request(0);
    one.token = 0;
    auto other = one;
    other.user = 8;
    const auto rows = mirror.append({one, other, one}, at(0));
    const std::vector<Dimension> by{Dimension::token};
    CHECK(alerts::key_of(rows[0], by) != alerts::key_of(rows[1], by));
    CHECK(alerts::key_of(rows[0], by) == alerts::key_of(rows[2], by));
    const auto json = alerts::to_json(alerts::key_of(rows[0], by), by, mirror.store().texts());
    CHECK(json == R"([[-7,"k1"]])");
    CHECK(alerts::key_from_json(json, by, mirror.store().texts()) == alerts::key_of(rows[0], by));
    CHECK_FALSE(alerts::key_from_json("[[0,\"never seen\"]]", by, mirror.store().texts()));
    CHECK_FALSE(alerts::key_from_json("[[0", by, mirror.store().texts()));
}

TEST_CASE("an address groups rows by its number, and is stored and shown as people write it") {
    Mirror mirror;
    const auto key_of_ip = [&](const std::string& ip) {
        auto entry = request(0);
        entry.ip = ip;
        return alerts::key_of(mirror.append({entry}, at(0)).front(), {Dimension::ip});
    };
    const std::vector<Dimension> by{Dimension::ip};
    const auto& texts = mirror.store().texts();
    CHECK(key_of_ip("203.0.113.7") == key_of_ip("::ffff:203.0.113.7"));
    CHECK(key_of_ip("203.0.113.7") != key_of_ip("203.0.113.8"));
    CHECK(key_of_ip("2001:db8:1:2::1") == key_of_ip("2001:db8:1:2:ffff::1"));
    // As the first version stored it, so that its alerts go on.
    CHECK(to_json(key_of_ip("203.0.113.7"), by, texts) == R"([[0,"203.0.113.7"]])");
    for (const auto* const ip : {"203.0.113.7", "2001:db8:1:2::1", ""}) {
        const auto key = key_of_ip(ip);
        CHECK(alerts::key_from_json(to_json(key, by, texts), by, texts) == key);
    }
    CHECK_FALSE(alerts::key_from_json(R"([[0,"2001:db8:1:2::1"]])", by, texts));  // no series now
    CHECK_FALSE(alerts::key_from_json(R"([[0,"alice"]])", by, texts));
    const alerts::Names names{texts};
    const auto name = names.name(Dimension::ip, key_of_ip("2001:db8:1:2::1").parts[0], "");
    CHECK(name.text == "2001:db8:1:2::/64");
    CHECK(name.display == "2001:db8:1:2::/64");
    CHECK_FALSE(name.id);
    CHECK(names.name(Dimension::ip, key_of_ip("").parts[0], "").display == "(none)");
}

TEST_CASE("addresses are matched as they are written, one of IPv6 by its /64") {
    Mirror mirror;
    const auto matching = [&](const std::string& where) {
        const auto rule =
            rules_from("rules: [{name: a, metric: tokens, window: 1m, above: 1, where: {ip: " +
                       where + "}}]")
                .front();
        alerts::Filter filter{rule.where, false, mirror.store().texts()};
        std::string matched;
        for (const auto* const ip : {"10.0.0.1", "10.0.1.1", "2001:db8:1:2::1", "fe80::1", ""}) {
            auto entry = request(0);
            entry.ip = ip;
            const bool yes = filter.count(mirror.append({entry}, at(0)).front()).has_value();
            matched += yes ? 'y' : '-';
        }
        return matched;
    };
    CHECK(matching("\"10.0.0.1\"") == "y----");
    CHECK(matching("\"::ffff:10.0.0.1\"") == "y----");
    CHECK(matching("\"10.0.*\"") == "yy---");
    CHECK(matching("\"2001:0DB8:1:2::99\"") == "--y--");
    CHECK(matching("\"2001:db8:1:2::/64\"") == "--y--");
    CHECK(matching("\"2001:db8:*\"") == "--y--");
    CHECK(matching("[\"fe80::5\", \"10.0.1.1\"]") == "-y-y-");
    CHECK(matching("\"!10.0.*\"") == "--yyy");
    CHECK(matching("\"?*\"") == "yyyy-");
}
