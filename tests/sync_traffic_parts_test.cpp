// What stands beside the sums of hours: minutes, and the slowest answers.

#include "sync/minute_reader.h"
#include "sync/slow_answers.h"
#include "sync/slowest.h"
#include "sync_traffic_fixture.h"

using namespace quotafuse;
using namespace quotafuse::sync;
using namespace quotafuse::tests;

namespace {

using Site = TrafficSite;

}  // namespace

TEST_CASE("each hour's slowest answers are the slowest of its rows") {
    Site site{19};
    for (int i = 0; i < 30; ++i)
        site.fill(kStart + i * kHour / 10, kStart + (i + 1) * kHour / 10, 40);
    const auto slowest = dump(site.handle(), "SELECT hour, latency_ms, id FROM slowest");
    const auto anew = dump(
        site.handle(),
        "SELECT hour, latency_ms, id FROM (SELECT created_at / 3600 AS hour, latency_ms, id, "
        "row_number() OVER (PARTITION BY created_at / 3600 ORDER BY latency_ms DESC, id DESC) AS n "
        "FROM log WHERE kind = 1 AND flags & 6 = 0 AND latency_ms > 0) WHERE n <= 20 "
        "ORDER BY hour, latency_ms, id");
    CHECK(slowest.size() == 60);
    CHECK(slowest == anew);
    Slowest room{site.store_database()};
    CHECK_FALSE(room.expire(kStart + kHour + 5, 100));
    CHECK(number(site.handle(), "SELECT min(hour) FROM slowest") == kStart / kHour + 1);
}

TEST_CASE("sums by minutes equal plain SQL over the rows") {
    Site site{23};
    const auto end = kStart + 5 * kHour + 1234;
    site.fill(kStart, end, 4000);
    for (const std::int64_t step : {1, 5, 15, 60, 120}) {
        MinuteQuestion question{.by = MinutesBy::channel};
        question.model = site.text("model-2");
        question.from = base::from_unix(kStart + 1000);
        question.until = base::from_unix(end - 500);
        question.step = step;
        const auto seconds = step * 60;
        const auto first = (kStart + 1000) / seconds * seconds;
        const auto last = (end - 500 + seconds - 1) / seconds * seconds;
        std::vector<std::string> told;
        for (const auto& cell : MinuteReader{site.handle()}.answer(question))
            told.push_back(fmt::format("{}|{}|{}|{}|{}|{}|", cell.time, cell.channel, cell.requests,
                                       cell.errors, cell.tokens, cell.quota));
        check_equal(
            told,
            dump(site.handle(),
                 fmt::format("SELECT created_at / {0} * {0} AS t, channel, sum(kind IN (1, 2) AND "
                             "NOT flags & 2), sum(kind = 2 AND NOT (status IN (400, 404, 413, 422) "
                             "OR error_code = {1} OR flags >> 3 = 3)), "
                             "sum((kind = 1) * (prompt_tokens + completion_tokens)), "
                             "sum((kind = 1) * quota - (kind = 3) * quota) FROM log WHERE "
                             "created_at >= {2} AND created_at < {3} AND model = {4} AND kind IN "
                             "(1, 2, 3) AND NOT (kind = 2 AND flags & 2) GROUP BY t, channel",
                             seconds, site.text("prompt_blocked"), first, last, *question.model)));
    }
}

TEST_CASE("of too many rows the hours with the slowest answers of one attempt are looked at") {
    Site site{29};
    site.fill(kStart, kStart + 6 * kHour, 6000);
    SlowQuestion question{{}, base::from_unix(kStart), base::from_unix(kStart + 6 * kHour), 3};
    question.of.channel = 2;
    const auto rows = "FROM log WHERE kind = 1 AND flags & 6 = 0 AND channel = 2";
    const auto ids = [&] {
        std::vector<std::string> found;
        for (const auto& row : slow_answers(site.handle(), question).rows)
            found.push_back(fmt::format("{}|", row.id));
        return found;
    };
    const auto order = " ORDER BY latency_ms DESC, id DESC LIMIT 3";
    CHECK(slow_answers(site.handle(), question).cut == TrafficCut::none);
    CHECK(ids() == dump(site.handle(), std::string{"SELECT id "} + rows + order));
    site.handle().exec("UPDATE hour_group SET answers = answers + 100000");
    CHECK(slow_answers(site.handle(), question).cut == TrafficCut::too_many_rows);
    // One hour was looked through: that of the slowest answer, or of one within the 2 % that the
    // histograms tell apart.
    const auto found = slow_answers(site.handle(), question).rows;
    REQUIRE(found.size() == 3);
    CHECK(static_cast<double>(found[0].latency_ms) >=
          0.97 * static_cast<double>(number(site.handle(), std::string{"SELECT max(latency_ms) "} +
                                                               rows + " AND attempts = 1")));
    CHECK(found[0].created_at / kHour == found[2].created_at / kHour);
}
