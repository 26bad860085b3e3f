#include <limits>
#include <set>

#include <doctest/doctest.h>
#include <sqlite3.h>

#include "rollups_fixture.h"

using namespace quotafuse;
using namespace quotafuse::sync;
using namespace quotafuse::tests;

TEST_CASE("a day begins with the hour in which local midnight falls") {
    const auto days_in = [](const std::string& zone, std::int64_t from, int hours) {
        Ledger ledger{zone};
        ledger.add(hourly(from, hours + 1));
        std::map<std::int64_t, std::int64_t> answers;
        for (const auto day : days_of(ledger)) {
            answers[day] =
                ledger.number(fmt::format("SELECT answers FROM day_user WHERE day = {}", day));
        }
        return answers;
    };
    const auto monday = kMonday / kDay;
    using Days = std::map<std::int64_t, std::int64_t>;
    CHECK(days_in("UTC", kMonday, 25) == Days{{monday, 24}, {monday + 1, 1}});
    // Midnight at 16:00 UTC.
    CHECK(days_in("Asia/Shanghai", kMonday, 24) == Days{{monday, 16}, {monday + 1, 8}});
    // Midnight at 18:30 UTC: the whole hour from 18:00 belongs to the new day.
    CHECK(days_in("Asia/Kolkata", kMonday, 24) == Days{{monday, 18}, {monday + 1, 6}});
    // 2026-03-08 has 23 hours in New York, from 05:00 UTC on.
    const std::int64_t spring = 1'772'928'000;
    CHECK(days_in("America/New_York", spring, 48) ==
          Days{{spring / kDay - 1, 5}, {spring / kDay, 23}, {spring / kDay + 1, 20}});
    // 2026-11-01 has 25, from 04:00 UTC on.
    const std::int64_t autumn = 1'793'491'200;
    CHECK(days_in("America/New_York", autumn, 48) ==
          Days{{autumn / kDay - 1, 4}, {autumn / kDay, 25}, {autumn / kDay + 1, 19}});
}

TEST_CASE("the newest hour joins its day when the next one begins, a late row at once") {
    Ledger ledger{"UTC"};
    const auto answers = [&] { return ledger.number("SELECT sum(answers) FROM day_user"); };
    ledger.add({{request(kMonday), request(kMonday + 5)}});
    CHECK(answers() == 0);
    ledger.add({{request(kMonday + kHour)}});
    CHECK(answers() == 2);
    ledger.add({{request(kMonday + 10)}});
    CHECK(answers() == 3);
    auto ahead = request(kMonday + 5 * kHour);
    ahead.seen_at = kMonday + kHour;  // the gateway's clock, or a broken row
    ledger.add({{ahead}});
    CHECK(ledger.closed() == kMonday / kHour + 1);
    CHECK(answers() == 3);
    ledger.add({{request(kMonday + 6 * kHour)}});
    CHECK(answers() == 5);
    CHECK(ledger.number("SELECT sum(answers) FROM hour_user") == 6);
}

TEST_CASE("after a change of zone the days are those of the new one") {
    const std::vector<std::string> zones{"America/New_York", "Asia/Kolkata", "UTC",
                                         "Pacific/Kiritimati"};
    Ledger ledger;
    RandomRows source{17, ledger.texts()};
    const auto rows = source.rows(kMonday, kMonday + 5 * kDay, 3000);
    add_in_batches(ledger, rows, source.random(), 300);
    CHECK_FALSE(ledger.follow_zone());
    for (const auto& zone : zones) {
        CAPTURE(zone);
        Ledger fresh{zone};
        CHECK_FALSE(fresh.follow_zone());
        const RandomRows same_texts{17, fresh.texts()};
        fresh.add(rows);
        ledger.use_zone(zone);
        CHECK(ledger.follow_zone());
        CHECK_FALSE(ledger.follow_zone());
        CHECK(ledger.dump("day") == fresh.dump("day"));
    }
}

TEST_CASE("rows added before anybody followed the new zone follow it by themselves") {
    Ledger ledger{"UTC"};
    const auto rows = hourly(kMonday, 48);
    ledger.add_part({&rows[0], 20}, 0);
    ledger.use_zone("Asia/Shanghai");
    ledger.add_part({&rows[20], 28}, 0);
    Ledger fresh;
    fresh.add(rows);
    CHECK(ledger.dump("day") == fresh.dump("day"));
}

TEST_CASE("days whose hours are gone stay through any change of zone, and no row counts twice") {
    Ledger ledger{"UTC"};
    const auto rows = hourly(kMonday, 24 * 10);
    ledger.add(rows);
    const auto monday = kMonday / kDay;
    const auto answers = [&] { return ledger.number("SELECT sum(answers) FROM day_user"); };
    REQUIRE(answers() == 239);
    ledger.expire(0, kMonday + 3 * kDay + 7 * kHour, {});
    REQUIRE(ledger.number("SELECT count(*) FROM hour_user") == 240 - 79);
    const auto old_days =
        ledger.list(fmt::format("SELECT * FROM day_user WHERE day <= {} ORDER BY day", monday + 3));
    for (const auto* const zone :
         {"Pacific/Honolulu", "Asia/Shanghai", "Pacific/Kiritimati", "America/New_York", "UTC"}) {
        CAPTURE(zone);
        ledger.use_zone(zone);
        CHECK(ledger.follow_zone());
        CHECK(answers() == 239);
        CHECK(ledger.list(fmt::format("SELECT * FROM day_user WHERE day <= {} ORDER BY day",
                                      monday + 3)) == old_days);
        ledger.expire(0, kMonday + 3 * kDay + 9 * kHour, {});
    }
    CHECK(days_of(ledger).size() == 10);
    // A row that comes 9 days late, into an hour that is gone.
    ledger.add({{request(kMonday + kHour)}});
    CHECK(answers() == 240);
    // One whose hour was in the last day that stays, but would be in the next one of another zone.
    ledger.use_zone("Pacific/Kiritimati");
    ledger.add({{request(kMonday + 3 * kDay + 23 * kHour)}});
    CHECK(answers() == 241);
    ledger.use_zone("Asia/Shanghai");
    CHECK(ledger.follow_zone());
    CHECK(answers() == 241);
}

TEST_CASE("what is old goes in small steps and takes nothing along from the days") {
    Ledger ledger{"UTC"};
    RandomRows source{19, ledger.texts()};
    const auto rows = source.rows(kMonday, kMonday + 6 * kDay, 6000);
    add_in_batches(ledger, rows, source.random(), 500);
    const auto days = ledger.dump("day");
    const auto minutes_before = kMonday + 5 * kDay + 1800;
    const auto hours_before = kMonday + 3 * kDay;
    int steps = 0;
    for (bool more = true; more; ++steps) {
        const auto changes = ledger.database().handle().getTotalChanges();
        more = ledger.expire(minutes_before, hours_before, {}, 50);
        // Fifty rows and the mark.
        REQUIRE(ledger.database().handle().getTotalChanges() - changes <= 51);
        REQUIRE(steps < 1000);
    }
    CHECK(steps > 20);
    for (const auto& dimension : kDimensions) {
        CHECK(ledger.number("SELECT min(hour) FROM hour_" + dimension) == hours_before / kHour);
    }
    const auto filled = [&](const char* which) {
        return ledger.number(
            fmt::format("SELECT count(*) FROM hour_channel_model WHERE hour {} {} "
                        "AND minutes IS NOT NULL",
                        which, minutes_before / kHour));
    };
    CHECK(filled("<") == 0);
    CHECK(filled(">=") > 100);
    CHECK(ledger.dump("day") == days);
    const auto changes = ledger.database().handle().getTotalChanges();
    CHECK_FALSE(ledger.expire(minutes_before, hours_before, {}, 50));
    CHECK(ledger.database().handle().getTotalChanges() == changes);

    while (ledger.expire(minutes_before, hours_before, kMonday + 2 * kDay + kHour, 20)) {
    }
    CHECK(ledger.number("SELECT min(day) FROM day_token") == kMonday / kDay + 2);
}

TEST_CASE("minutes that are gone do not come back with a late row") {
    Ledger ledger{"UTC"};
    ledger.add(hourly(kMonday, 10));
    const auto kept = [&] {
        return ledger.number("SELECT count(minutes) FROM hour_channel_model");
    };
    CHECK(kept() == 10);
    CHECK_FALSE(ledger.expire(kMonday + 6 * kHour, 0, {}));
    CHECK(kept() == 4);
    ledger.add({{request(kMonday + 5 * kHour), request(kMonday + 6 * kHour)}});
    CHECK(kept() == 4);
}

TEST_CASE("hours that never had minutes are passed a day at a time") {
    Ledger ledger{"UTC"};
    ledger.add_part(hourly(kMonday, 20 * 24), kMonday + 19 * kDay);
    int steps = 1;
    while (ledger.expire(kMonday + 18 * kDay, 0, {})) ++steps;
    CHECK(steps == 18);
    CHECK(ledger.number("SELECT count(minutes) FROM hour_channel_model") == 24);
}

TEST_CASE("an hour that nothing followed is in its day when it goes") {
    Ledger ledger{"UTC"};
    ledger.add({{request(kMonday), request(kMonday + 1)}});
    ledger.expire(kMonday + kDay, kMonday + kDay, {});
    CHECK(ledger.number("SELECT count(*) FROM hour_user") == 0);
    CHECK(ledger.number("SELECT sum(answers) FROM day_user") == 2);
    ledger.add({{request(kMonday + 2)}});
    ledger.add({{request(kMonday + 2 * kDay)}});
    CHECK(ledger.number("SELECT sum(answers) FROM day_user") == 3);
}

TEST_CASE("a clock that jumps to another century ends, and minutes are kept again afterwards") {
    Ledger ledger{"UTC"};
    ledger.add(hourly(kMonday, 40));
    const auto far = kMonday + 100 * 365 * kDay;
    int steps = 0;
    while (ledger.expire(far, far, {}, 10)) REQUIRE(++steps < 200);
    CHECK(ledger.number("SELECT sum(answers) FROM day_user") == 40);
    const std::vector<Row> rows{request(kMonday + 40 * kHour), request(kMonday + 41 * kHour),
                                request(kMonday + 42 * kHour)};
    ledger.add(rows);
    CHECK(ledger.number("SELECT sum(answers) FROM hour_user") == 3);
    CHECK(ledger.number("SELECT count(minutes) FROM hour_channel_model") == 3);
    CHECK(ledger.number("SELECT sum(answers) FROM day_user") == 42);
}

TEST_CASE("what a transaction takes back was never there") {
    Ledger ledger;
    RandomRows source{23, ledger.texts()};
    const auto rows = source.rows(kMonday, kMonday + 2 * kDay, 1000);
    {
        base::WriteTransaction transaction{ledger.database()};
        ledger.rollups().add(rows, 0, kMonday + 2 * kDay);
        ledger.rollups().expire(kMonday + kDay, kMonday + kDay, {}, 10'000);
    }
    CHECK(ledger.dump("hour").empty());
    ledger.add(rows);
    Ledger fresh;
    const RandomRows same_texts{23, fresh.texts()};
    fresh.add(rows);
    CHECK(ledger.dump("hour") == fresh.dump("hour"));
    CHECK(ledger.dump("day") == fresh.dump("day"));
}

TEST_CASE("numbers and times that no gateway means break no sum") {
    Ledger ledger;
    const auto huge = std::numeric_limits<std::int64_t>::max();
    std::vector<Row> rows;
    for (const auto second : {kMonday, std::int64_t{-5}, -huge - 1, huge}) {
        for (int i = 0; i < 20; ++i) {
            auto row = request(second);
            row.seen_at = kMonday;
            row.quota = row.prompt_tokens = row.latency_ms = huge;
            row.completion_tokens = -huge - 1;
            rows.push_back(row);
        }
    }
    ledger.add(rows);
    for (const auto& row : rows) ledger.add({{row}});
    CHECK(ledger.number("SELECT count(*) FROM hour_channel_model") == 3);
    CHECK(ledger.number("SELECT sum(answers) FROM hour_channel_model") == 160);
    CHECK(ledger.list("SELECT DISTINCT typeof(quota), typeof(latency_ms), typeof(prompt_tokens), "
                      "typeof(completion_tokens) FROM hour_channel_model") ==
          std::vector<std::string>{"integer|integer|integer|integer|"});
    int steps = 0;
    while (ledger.expire(huge, 0, 0)) REQUIRE(++steps < 10);
    // The last hour of all never gets old.
    CHECK(ledger.number("SELECT count(minutes) FROM hour_channel_model") == 1);
    ledger.use_zone("America/New_York");
    CHECK(ledger.follow_zone());
}

TEST_CASE("a damaged histogram is said to be one") {
    Ledger ledger;
    ledger.add({{request(kMonday)}});
    ledger.database().handle().exec("UPDATE hour_channel_model SET latency = x'00FF'");
    CHECK_THROWS_WITH_AS(ledger.add({{request(kMonday + 1)}}),
                         doctest::Contains("damaged: restore a backup"), SQLite::Exception);
}

TEST_CASE("no statement of the rollups scans a table") {
    Ledger ledger;
    std::set<std::string> statements;
    auto* const handle = ledger.database().handle().getHandle();
    for (auto* at = sqlite3_next_stmt(handle, nullptr); at != nullptr;
         at = sqlite3_next_stmt(handle, at)) {
        statements.insert(sqlite3_sql(at));
    }
    CHECK(statements.size() >= 30);
    int searches = 0;
    for (const auto& sql : statements) {
        CAPTURE(sql);
        for (const auto& line : ledger.list("EXPLAIN QUERY PLAN " + sql)) {
            CAPTURE(line);
            CHECK(line.find("SCAN") == std::string::npos);
            searches += line.find("USING PRIMARY KEY") != std::string::npos ||
                                line.find("USING INTEGER PRIMARY KEY") != std::string::npos
                            ? 1
                            : 0;
        }
    }
    CHECK(searches >= 29);
}
