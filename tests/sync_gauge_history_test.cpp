// What is kept of gauges, for how long, and how it is found.

#include <limits>
#include <random>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "sync/channel_keys.h"
#include "sync/channel_types.h"
#include "sync/gauge_tables.h"
#include "sync/history.h"
#include "sync_gauges_fixture.h"

using namespace quotafuse;
using namespace quotafuse::sync;
using namespace quotafuse::tests;

TEST_CASE("old gauges keep the last of each hour, and the ones in force for ever") {
    const TempDir folder;
    const auto path = folder.file("s.db");
    Gauged opened{path};
    std::mt19937 random{3};
    auto info = channels({});
    std::vector<GaugeChange> all;
    for (std::int64_t second = 0; second < 3 * kDay; second += 600) {
        for (std::int64_t id = 1; id <= 8; ++id) {
            if (random() % 3 == 0)
                info.channels.erase(id);
            else
                info.channels[id] = {"c", 1, static_cast<int>(1 + random() % 3)};
        }
        info.channels[9] = {"steady", 1, 1};
        for (auto& one : opened.gauges.record(info, at(second))) all.push_back(one);
    }
    auto& db = opened.file.database.handle();
    const auto count = [&] { return number(db, "SELECT count(*) FROM gauge_change"); };
    const auto expected_at = [&](std::int64_t t) {
        std::map<GaugeKey, double> values;
        for (const auto& one : all) {
            if (one.at > t) break;
            if (one.value)
                values[one.key] = *one.value;
            else
                values.erase(one.key);
        }
        return values;
    };
    const auto step = [&](std::int64_t hourly, std::int64_t gone) {
        int calls = 0;
        for (bool more = true; more; ++calls) {
            base::WriteTransaction transaction{opened.file.database};
            more = expire_gauges(db, kStart + hourly, kStart + gone, 50);
            transaction.commit();
            REQUIRE(calls < 1000);
        }
        return calls;
    };
    CHECK(count() == static_cast<std::int64_t>(all.size()));
    CHECK(step(2 * kDay, 0) > 20);
    CHECK(number(db, fmt::format("SELECT count(*) FROM (SELECT 1 FROM gauge_change WHERE at < {} "
                                 "GROUP BY series, at / 3600 HAVING count(*) > 1)",
                                 kStart + 2 * kDay)) == 0);
    for (std::int64_t hour = 1; hour <= 72; ++hour) {
        const auto t = kStart + hour * 3600 - 1;
        CHECK(by_key(gauges_at(db, t)) == expected_at(t));
    }
    // Younger ones are all there.
    CHECK(by_key(gauges_at(db, kStart + 2 * kDay + 1201)) == expected_at(kStart + 2 * kDay + 1201));
    const auto thinned = count();
    CHECK(thinned < static_cast<std::int64_t>(all.size()) * 2 / 3);
    step(2 * kDay, kDay);
    CHECK(count() < thinned - 100);
    for (std::int64_t hour = 24; hour <= 72; ++hour) {
        const auto t = kStart + hour * 3600 - 1;
        CHECK(by_key(gauges_at(db, t)) == expected_at(t));
    }
    // Afterwards it goes on as if nothing had been: also with gauges that left no trace.
    CHECK(opened.values() == Gauged{path}.values());
    for (std::int64_t id = 1; id <= 9; ++id) info.channels[id] = {"c", 1, 7};
    CHECK(opened.gauges.record(info, at(4 * kDay)).size() == 9);
    CHECK(opened.values().size() == 9);
}

TEST_CASE("what keep_up leaves of a gateway that is gone for 400 days is nothing") {
    const TempDir folder;
    Gauged opened{folder.file("s.db")};
    auto& store = opened.file.store;
    opened.gauges.record(channels({{1, {"a", 1, 1}}, {2, {"b", 1, 1}}}), at(0));
    opened.gauges.record(channels({{1, {"a", 1, 1}}}), at(60));
    const auto now = kStart + 401 * kDay;
    store.append({{entry(1, now)}, at_cursor(1)}, base::from_unix(now));
    int calls = 0;
    while (store.keep_up(base::from_unix(now)).more) REQUIRE(++calls < 100);
    auto& db = opened.file.database.handle();
    CHECK(number(db, "SELECT count(*) FROM gauge_series") == 1);
    CHECK(number(db, "SELECT count(*) FROM gauge_change") == 1);
    CHECK(opened.values().size() == 1);
}

TEST_CASE("gauges are found by their keys, whatever is stored") {
    const TempDir folder;
    Gauged opened{folder.file("s.db")};
    auto& db = opened.file.database.handle();
    CHECK(plan(db, kGaugesAt) ==
          "SCAN gauge_series\n"
          "SEARCH gauge_change USING PRIMARY KEY (series=? AND at=?)\n"
          "CORRELATED SCALAR SUBQUERY 1\n"
          "SEARCH gauge_change USING PRIMARY KEY (series=? AND at<?)\n");
    CHECK(plan(db, kGaugeChangesInTurn) ==
          "SEARCH gauge_change USING INDEX gauge_change_by_time ((at,series)>(?,?) AND at<?)\n"
          "SEARCH gauge_series USING INTEGER PRIMARY KEY (rowid=?)\n");
}

TEST_CASE("dead keys are those that a multi-key channel lists as switched off") {
    CHECK(count_dead_keys(R"({"is_multi_key":true,"multi_key_size":4,"multi_key_status_list":)"
                          R"({"0":3,"2":2,"3":1},"multi_key_mode":"random"})") == 2);
    CHECK(count_dead_keys(R"({"is_multi_key":true,"multi_key_size":3})") == 0);
    CHECK(count_dead_keys(R"({"is_multi_key":true,"multi_key_size":3,)"
                          R"("multi_key_status_list":null})") == 0);
    // A key that was taken out stays in the list for a while.
    CHECK(count_dead_keys(R"({"is_multi_key":true,"multi_key_size":2,"multi_key_status_list":)"
                          R"({"1":3,"5":3,"x":3,"-1":3}})") == 1);
    for (const auto* const text :
         {"", "null", "{", "[]", "{}", R"({"is_multi_key":false,"multi_key_status_list":{"0":3}})",
          R"({"is_multi_key":"yes"})"}) {
        CAPTURE(text);
        CHECK_FALSE(count_dead_keys(text));
    }
}

TEST_CASE("a channel's type is named as its gateway numbers it") {
    CHECK(channel_type_name(Gateway::new_api, 43) == "DeepSeek");
    CHECK(channel_type_name(Gateway::one_api, 36) == "DeepSeek");
    CHECK(channel_type_name(Gateway::new_api, 40) == "SiliconFlow");
    CHECK(channel_type_name(Gateway::one_api, 44) == "SiliconFlow");
    CHECK(channel_type_name(Gateway::new_api, 60) == "NewAPI");
    CHECK(channel_type_name(Gateway::one_api, 51) == "GeminiOpenAICompatible");
    for (const auto gateway : {Gateway::new_api, Gateway::one_api}) {
        CHECK(channel_type_name(gateway, 1) == "OpenAI");
        CHECK(channel_type_name(gateway, 14) == "Anthropic");
        CHECK(channel_type_name(gateway, 25) == "Moonshot");
        for (const int none : {0, -1, 61, 52'000'000})
            CHECK(channel_type_name(gateway, none).empty());
    }
    CHECK(channel_type_name(Gateway::new_api, 29).empty());
}
