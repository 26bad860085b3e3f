#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include "sync/rollup_reader.h"
#include "sync_store_fixture.h"

using namespace quotafuse;
using namespace quotafuse::sync;
using namespace quotafuse::tests;
using base::from_unix;

namespace {

constexpr std::int64_t kDay = 86'400;
constexpr std::int64_t kMidnight = 20'000 * kDay;  // of a day in UTC
constexpr std::int64_t kNoon = kMidnight + kDay / 2;

/// A store with the days in UTC, and rows of a few fields.
struct Traffics {
    void row(std::int64_t at, std::int64_t channel, const std::string& model, std::int64_t quota,
             std::int64_t token = 6) {
        auto one = entry(++last, at, model);
        one.channel = channel;
        one.quota = quota;
        one.token = token;
        one.user = token;
        one.token_name = fmt::format("k{}", token);
        file.store.append({{one}, at_cursor(last)}, from_unix(kNoon + 10 * kDay));
    }
    TrafficOf channel(std::int64_t id) const {
        TrafficOf of;
        of.channel = id;
        return of;
    }
    TrafficOf token(std::int64_t id) const {
        TrafficOf of;
        of.token = id;
        return of;
    }
    TempDir folder;
    StoreFile file{folder.file("s.db")};
    RollupReader reader{file.database};
    std::int64_t last = 0;
};

/// Every statement that a database is asked, its parameters filled in.
struct Trace {
    explicit Trace(SQLite::Database& db) : handle(db.getHandle()) {
        sqlite3_trace_v2(handle, SQLITE_TRACE_STMT, &Trace::note, this);
    }
    ~Trace() { sqlite3_trace_v2(handle, 0, nullptr, nullptr); }
    Trace(const Trace&) = delete;
    Trace& operator=(const Trace&) = delete;

    static int note(unsigned, void* self, void* statement, void*) {
        auto* const sql = sqlite3_expanded_sql(static_cast<sqlite3_stmt*>(statement));
        static_cast<Trace*>(self)->asked.emplace_back(sql);
        sqlite3_free(sql);
        return 0;
    }
    sqlite3* handle;
    std::vector<std::string> asked;
};

LocalDays days(std::int64_t first, std::int64_t end) {
    return {first, end, from_unix(first * kDay), from_unix(end * kDay)};
}

}  // namespace

TEST_CASE("the last hour of a channel is that to the minute, across the hour of the clock") {
    Traffics t;
    const auto now = kNoon + 20 * 60 + 30;
    t.row(now - 59 * 60 - 31, 3, "a", 1);  // a minute too old
    t.row(now - 59 * 60, 3, "a", 20);
    t.row(now - 10, 3, "b", 300);
    t.row(now - 10, 4, "b", 4000);
    const auto spent = t.reader.lately(t.channel(3), from_unix(now)).value();
    CHECK(spent.quota == 320);
    CHECK(spent.from == from_unix(kNoon + 20 * 60 - 59 * 60));
    CHECK(spent.until == from_unix(now));
    CHECK(t.reader.lately({}, from_unix(now))->quota == 4320);
    TrafficOf model = t.channel(3);
    model.model = t.file.store.texts().find("b");
    CHECK(t.reader.lately(model, from_unix(now))->quota == 300);
}

TEST_CASE("what has no minutes is told since a full hour of the clock") {
    Traffics t;
    t.row(kNoon - 100, 3, "a", 20, 8);
    t.row(kNoon + 100, 3, "a", 300, 8);
    t.row(kNoon + 100, 3, "a", 4000, 9);
    const auto early = t.reader.lately(t.token(8), from_unix(kNoon + 899)).value();
    CHECK(early.quota == 320);
    CHECK(early.from == from_unix(kNoon - 3600));
    const auto later = t.reader.lately(t.token(8), from_unix(kNoon + 900)).value();
    CHECK(later.quota == 300);
    CHECK(later.from == from_unix(kNoon));
}

TEST_CASE("of two objects whose traffic is not kept together nothing is told") {
    Traffics t;
    t.row(kNoon, 3, "a", 20, 8);
    auto both = t.channel(3);
    both.token = 8;
    CHECK_FALSE(t.reader.lately(both, from_unix(kNoon)));
    CHECK(t.reader.same_hour(both, from_unix(kNoon), 14).empty());
}

TEST_CASE("the same hour of the days before counts as far as rows reach, empty ones as nothing") {
    Traffics t;
    t.row(kNoon - 3 * kDay - 3600, 9, "a", 7);  // rows begin
    t.row(kNoon - 3 * kDay + 60, 3, "a", 30);
    t.row(kNoon - kDay + 60, 3, "a", 10);
    t.row(kNoon - kDay + 3600, 3, "a", 999);  // the hour after
    t.row(kNoon + 60, 3, "a", 5);
    CHECK(t.reader.same_hour(t.channel(3), from_unix(kNoon + 1800), 14) ==
          std::vector<std::int64_t>{10, 0, 30});
    CHECK(t.reader.of_channel(3, from_unix(kNoon - kDay), from_unix(kNoon)) == 1009);
}

TEST_CASE("sums of days are those of the closed hours and of the hours since") {
    Traffics t;
    t.row(kMidnight - kDay + 10, 3, "a", 1000, 8);
    t.row(kMidnight + 10, 3, "a", 20, 8);
    t.row(kNoon, 4, "b", 300, 9);
    t.row(kNoon + 10, 3, "a", 1, 8);
    const auto day = kMidnight / kDay;
    const auto today = t.reader.total(days(day, day + 1));
    CHECK(today.quota == 321);
    CHECK(today.answers == 3);
    CHECK(today.tokens == 90);
    CHECK(t.reader.total(days(day - 1, day)).quota == 1000);
    CHECK(t.reader.total(days(day - 1, day + 1)).quota == 1321);
    CHECK(t.reader.first_day() == day - 1);

    const auto channels = t.reader.largest(RollupBy::channel, days(day, day + 1), 5);
    REQUIRE(channels.size() == 2);
    CHECK(channels.at(0).id == 4);
    CHECK(channels.at(1).traffic.quota == 21);
    CHECK(t.reader.traffic_of(RollupBy::channel, channels.at(1), days(day - 1, day)).quota == 1000);
    CHECK(t.reader.largest(RollupBy::channel, days(day, day + 1), 1).size() == 1);
    const auto models = t.reader.largest(RollupBy::model, days(day, day + 1), 5);
    CHECK(t.file.store.texts().text(models.at(0).text) == "b");
    const auto tokens = t.reader.largest(RollupBy::token, days(day, day + 1), 5);
    CHECK(tokens.at(0).id == 9);
    CHECK(t.file.store.texts().text(tokens.at(0).text) == "k9");
    CHECK(t.reader.traffic_of(RollupBy::token, tokens.at(1), days(day, day + 1)).quota == 21);
}

TEST_CASE("a key without an id is known by its owner and name") {
    Traffics t;
    for (const auto* const name : {"a", "b", "a"}) {
        auto one = entry(++t.last, kNoon);
        one.token = 0;
        one.quota = 100;
        one.token_name = name;
        t.file.store.append({{one}, at_cursor(t.last)}, from_unix(kNoon));
    }
    const auto day = kMidnight / kDay;
    const auto tokens = t.reader.largest(RollupBy::token, days(day, day + 1), 5);
    REQUIRE(tokens.size() == 2);
    CHECK(tokens.at(0).owner == 5);
    CHECK(tokens.at(0).traffic.quota == 200);
    CHECK(t.reader.traffic_of(RollupBy::token, tokens.at(0), days(day, day + 1)).quota == 200);
}

TEST_CASE("whatever is asked looks keys of the rollups up, and never reads through one of them") {
    Traffics t;
    t.row(kNoon - 2 * kDay, 3, "a", 1000, 8);
    t.row(kNoon, 3, "a", 20, 8);
    std::vector<std::string> asked;
    {
        const Trace trace{t.file.database.handle()};
        std::vector<TrafficOf> all(7);
        all[1].channel = 3;
        all[2].model = 1;
        all[3].token = 8;
        all[4].user = 8;
        all[5].group = 1;
        all[6].route = 1;
        for (const auto& of : all) {
            t.reader.lately(of, from_unix(kNoon));
            t.reader.same_hour(of, from_unix(kNoon), 14);
        }
        t.reader.of_channel(3, from_unix(kNoon - kDay), from_unix(kNoon));
        const auto week = days(kMidnight / kDay - 6, kMidnight / kDay + 1);
        t.reader.total(week);
        t.reader.first_day();
        for (const auto by : {RollupBy::channel, RollupBy::model, RollupBy::token, RollupBy::user,
                              RollupBy::group, RollupBy::route}) {
            for (const auto& object : t.reader.largest(by, week, 5))
                t.reader.traffic_of(by, object, week);
        }
        asked = trace.asked;
    }
    CHECK(asked.size() > 30);
    for (const auto& sql : asked) {
        CAPTURE(sql);
        const auto way = plan(t.file.database.handle(), sql);
        CAPTURE(way);
        CHECK(way.find("SCAN hour_") == std::string::npos);
        CHECK(way.find("SCAN day_") == std::string::npos);
    }
}
