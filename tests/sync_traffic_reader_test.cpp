#include <algorithm>
#include <map>
#include <numeric>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "sync_traffic_fixture.h"

using namespace quotafuse;
using namespace quotafuse::sync;
using namespace quotafuse::tests;

namespace {

using Site = TrafficSite;

// What a row counts for, in SQL's words. Kinds: 1 consume, 2 error, 3 refund; flags: 2 a channel
// test, 4 a task, 24 how the stream ended.
constexpr auto kSums = R"sql(
sum(kind = 1 AND NOT flags & 2) AS a,
sum(kind = 2 AND NOT (status IN (400, 404, 413, 422) OR error_code = {0} OR flags >> 3 = 3)) AS e,
sum(kind = 2 AND (status IN (400, 404, 413, 422) OR error_code = {0} OR flags >> 3 = 3)) AS ce,
sum((kind = 1) * prompt_tokens) AS p, sum((kind = 1) * completion_tokens) AS c,
sum((kind = 1) * cache_tokens) AS ca, sum((kind = 1) * quota) AS q, sum((kind = 3) * quota) AS r)sql";

std::string line_of(const TrafficCell& cell) {
    const auto& s = cell.sums;
    return fmt::format("{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}", cell.time, cell.id, cell.text,
                       cell.owner, s.answers, s.errors, s.client_errors, s.prompt_tokens,
                       s.completion_tokens, s.cache_tokens, s.quota, s.refund);
}

bool is_nothing(const TrafficSums& sums) {
    return sums == TrafficSums{};
}

struct Way {
    TrafficBy by;
    std::string id, text, owner, group_by;
};

const std::vector<Way>& ways() {
    static const std::vector<Way> kWays{
        {TrafficBy::all, "0", "0", "0", ""},
        {TrafficBy::channel, "channel", "0", "0", "channel"},
        {TrafficBy::model, "0", "model", "0", "model"},
        {TrafficBy::channel_model, "channel", "model", "0", "channel, model"},
        {TrafficBy::group, "0", "grp", "0", "grp"},
        {TrafficBy::route, "0", "route", "0", "route"},
        {TrafficBy::ip, "ip", "0", "0", "ip"},
        {TrafficBy::status, "status", "0", "0", "status"},
        {TrafficBy::error, "status", "error_code", "0", "status, error_code"},
        {TrafficBy::channel_error, "status", "error_code", "channel",
         "status, error_code, channel"},
        {TrafficBy::user, "user", "max(username)", "0", "user"}};
    return kWays;
}

/// The answer by plain SQL over the rows, of the span that was answered.
std::vector<std::string> expected(Site& site, const Way& way, const TrafficAnswer& answer,
                                  const std::string& where) {
    const auto sums = fmt::format(kSums, site.text("prompt_blocked"));
    return dump(
        site.handle(),
        fmt::format(
            "SELECT 0, {}, {}, {}, a, e, ce, p, c, ca, q, r FROM (SELECT *, {} FROM log WHERE "
            "created_at >= {} AND created_at < {} AND kind IN (1, 2, 3) AND NOT (kind = 2 AND "
            "flags & 2) AND {} {}) WHERE a OR e OR ce OR p OR c OR ca OR q OR r ",
            way.id, way.text == "max(username)" ? "username" : way.text, way.owner, sums,
            base::unix_seconds(answer.from), base::unix_seconds(answer.until), where,
            way.group_by.empty() ? "" : "GROUP BY " + way.group_by));
}

std::vector<std::string> told(const TrafficAnswer& answer) {
    std::vector<std::string> lines;
    for (const auto& cell : answer.cells)
        if (!is_nothing(cell.sums)) lines.push_back(line_of(cell) + "|");
    return lines;
}

}  // namespace

TEST_CASE("sums over any span equal plain SQL over the rows") {
    Site site{20261122};
    const auto end = kStart + 20 * kDay + 1234;
    site.fill(kStart, end, 6000);
    for (int round = 0; round < 60; ++round) {
        for (const auto& way : ways()) {
            TrafficQuestion question{.by = way.by};
            const auto from = kStart + site.below(20 * kDay);
            const auto until = from + 1 + site.below(end - from);
            question.from = base::from_unix(from);
            question.until = base::from_unix(until);
            std::string where = "true";
            const auto filter = site.below(8);
            if (filter == 1) {
                question.of.channel = 1 + site.below(4);
                where = fmt::format("channel = {}", *question.of.channel);
            } else if (filter == 2) {
                question.of.model = site.text("model-1");
                where = fmt::format("model = {}", *question.of.model);
            } else if (filter == 3) {
                question.of.user = 2;
                where = "user = 2";
            } else if (filter == 5) {
                question.of.token = 2;
                where = "token = 2";
            } else if (filter == 6) {
                question.of.group = site.text("vip");
                where = fmt::format("grp = {}", *question.of.group);
            } else if (filter == 4) {
                question.of.channels = {{1, 3}};
                where = "channel IN (1, 3)";
            }
            CAPTURE(static_cast<int>(way.by));
            CAPTURE(where);
            const auto answer = site.ask(question, end);
            // Few rows: nothing is snapped to the hour.
            CHECK(answer.from == question.from);
            CHECK(answer.until == question.until);
            check_equal(told(answer), expected(site, way, answer, where));
        }
    }
}

TEST_CASE("a span that ends now takes the hour that is not over as it is") {
    Site site{7};
    const auto end = kStart + 9 * kDay + 1800;
    site.fill(kStart, end, 2000);
    const auto way = ways().at(2);
    TrafficQuestion question{.by = way.by};
    question.from = base::from_unix(kStart + 100);
    question.until = base::from_unix(end + 60);
    const auto answer = site.ask(question, end);
    CHECK(base::unix_seconds(answer.until) == end + 60);
    check_equal(told(answer), expected(site, way, answer, "true"));
}

TEST_CASE("steps of hours and of local days add up to the whole") {
    for (const std::string zone : {"Asia/Shanghai", "Asia/Kolkata", "America/New_York"}) {
        CAPTURE(zone);
        Site site{11, zone};
        const auto end = kStart + 60 * kDay + 777;  // New York's clocks jump on 8 March
        site.fill(kStart, end, 3000);
        for (const auto step : {TrafficStep::hour, TrafficStep::day}) {
            TrafficQuestion question{.by = TrafficBy::channel, .step = step};
            question.from = base::from_unix(kStart + 12'345);
            question.until = base::from_unix(end);
            const auto answer = site.ask(question, end);
            std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> sums;
            site.store().read(kStart + 12'344, end - 1, [&](const Row& row) {
                if (row.kind != Kind::consume) return;
                auto at = row.created_at / kHour * kHour;
                if (step == TrafficStep::day) {
                    // The hour in which a midnight falls begins the day.
                    const auto last = base::from_unix(at + kHour - 1);
                    at = base::unix_seconds(site.zone().at(last, 0, base::Seconds{0})) / kHour *
                         kHour;
                }
                sums[{at, row.channel}] += row.quota;
            });
            std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> found;
            for (const auto& cell : answer.cells)
                if (cell.sums.quota != 0) found[{cell.time, cell.id}] += cell.sums.quota;
            std::erase_if(sums, [](const auto& one) { return one.second == 0; });
            CHECK(sums.size() > 50);
            CHECK(found == sums);
        }
    }
}

TEST_CASE("times are within 2 % of those of the rows") {
    Site site{3};
    const auto end = kStart + 10 * kDay;
    site.fill(kStart, end, 4000);
    TrafficQuestion question{.by = TrafficBy::channel, .times = true};
    question.from = base::from_unix(kStart + 5000);
    question.until = base::from_unix(end - 4321);
    const auto answer = site.ask(question, end);
    REQUIRE(answer.cells.size() == 4);
    for (const auto& cell : answer.cells) {
        std::vector<std::int64_t> latencies;
        site.store().read(kStart + 4999, end - 4322, [&](const Row& row) {
            const bool counts = row.kind == Kind::consume && !row.channel_test && !row.task &&
                                row.attempts == 1 && row.latency_ms >= 0;
            if (counts && row.channel == cell.id) latencies.push_back(row.latency_ms);
        });
        std::sort(latencies.begin(), latencies.end());
        REQUIRE(cell.sums.latency.count() == static_cast<std::int64_t>(latencies.size()));
        const auto middle = static_cast<double>(latencies[(latencies.size() - 1) / 2]);
        CHECK(cell.sums.latency_total ==
              std::accumulate(latencies.begin(), latencies.end(), std::int64_t{0}));
        CHECK(*cell.sums.latency.quantile(0.5) == doctest::Approx(middle).epsilon(0.02));
    }
}

TEST_CASE("keys without an id are told apart by owner and name") {
    Site site{5};
    const auto end = kStart + 2 * kDay;
    site.fill(kStart, end, 1500);
    TrafficQuestion question{.by = TrafficBy::token};
    question.from = base::from_unix(kStart);
    question.until = base::from_unix(end);
    std::map<std::string, std::int64_t> found;
    for (const auto& cell : site.ask(question, end).cells)
        found[cell.id != 0 ? fmt::format("{}", cell.id)
                           : fmt::format("{}:{}", cell.owner, cell.text)] += cell.sums.quota;
    std::map<std::string, std::int64_t> sums;
    site.store().read(kStart - 1, end, [&](const Row& row) {
        if (row.kind == Kind::consume)
            sums[row.token != 0 ? fmt::format("{}", row.token)
                                : fmt::format("{}:{}", row.user, row.token_name)] += row.quota;
    });
    CHECK(found.size() >= 6);
    CHECK(found == sums);
}

TEST_CASE("where rows are gone already, a part of an hour becomes the whole hour") {
    Site site{29};
    const auto end = kStart + 40 * kDay;
    site.fill(kStart, end, 3000);
    const auto whole = site.ask({.by = TrafficBy::channel,
                                 .of = {},
                                 .from = base::from_unix(kStart + 2 * kHour),
                                 .until = base::from_unix(kStart + 3 * kDay)},
                                end);
    while (site.store().keep_up(base::from_unix(end + 3600)).more) continue;
    REQUIRE(site.store().kept_since() > kStart + 3 * kDay);
    TrafficQuestion question{.by = TrafficBy::channel};
    question.from = base::from_unix(kStart + 2 * kHour + 1234);
    question.until = base::from_unix(kStart + 3 * kDay - 777);
    const auto answer = site.ask(question, end);
    CHECK(answer.from == whole.from);
    CHECK(answer.until == whole.until);
    check_equal(told(answer), told(whole));
    // What only rows can tell begins where they do.
    question.by = TrafficBy::model;
    question.of.token = 2;
    question.until = base::from_unix(end);
    CHECK(base::unix_seconds(site.ask(question, end).from) == site.store().kept_since());
}

TEST_CASE("what only rows can tell is told of as many as may be read, to the second") {
    Site site{13};
    const auto end = kStart + 2 * kDay;
    site.fill(kStart, end, 45'000);
    TrafficQuestion question{.by = TrafficBy::model};
    question.of.token = 2;  // no rollup has keys by model
    question.from = base::from_unix(kStart);
    question.until = base::from_unix(end);
    const auto answer = site.ask(question, end);
    CHECK(answer.from > question.from);
    CHECK(answer.until == question.until);
    check_equal(told(answer), expected(site, ways().at(2), answer, "token = 2"));
    CHECK(number(site.handle(), fmt::format("SELECT count(*) FROM log WHERE created_at >= {}",
                                            base::unix_seconds(answer.from))) <=
          TrafficReader::kMostRows);
}

TEST_CASE("a part of an hour with too many rows becomes the whole hour") {
    Site site{17};
    site.fill(kStart, kStart + kHour, 30'000);
    site.fill(kStart + kHour, kStart + 3 * kHour, 100);
    TrafficQuestion question{.by = TrafficBy::channel};
    question.from = base::from_unix(kStart + 1000);
    question.until = base::from_unix(kStart + 3 * kHour);
    const auto answer = site.ask(question, kStart + 3 * kHour);
    CHECK(base::unix_seconds(answer.from) == kStart);
    check_equal(told(answer), expected(site, ways().at(1), answer, "true"));
}
