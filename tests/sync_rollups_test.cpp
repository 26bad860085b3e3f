#include <algorithm>
#include <cmath>

#include <doctest/doctest.h>

#include "base/histogram.h"
#include "rollups_fixture.h"
#include "sync/minutes.h"

using namespace quotafuse;
using namespace quotafuse::sync;
using namespace quotafuse::tests;

namespace {

// What a row counts for, in SQL's words. Kinds: 1 consume, 2 error, 3 refund; ends: 2 broken,
// 3 client gone.
constexpr auto kSums = R"sql(
sum(kind = 1 AND NOT channel_test),
sum(kind = 2 AND NOT channel_test AND NOT (status IN (400, 404, 413, 422) OR code_name = 'prompt_blocked' OR stream_end = 3)),
sum(kind = 2 AND NOT channel_test AND (status IN (400, 404, 413, 422) OR code_name = 'prompt_blocked' OR stream_end = 3)),
sum((kind = 1) * prompt_tokens), sum((kind = 1) * completion_tokens), sum((kind = 1) * cache_tokens),
sum((kind = 1) * quota), sum((kind = 3) * quota))sql";
constexpr auto kTimeSums = R"sql(,
sum(kind = 1 AND NOT channel_test AND NOT task AND ((completion_tokens = 0 AND quota = 0) OR stream_end = 2)),
sum((kind = 1 AND NOT channel_test AND NOT task AND attempts = 1 AND latency_ms >= 0) * latency_ms),
sum((kind = 1 AND NOT channel_test AND NOT task AND attempts = 1 AND stream AND first_token_ms > 0) * first_token_ms))sql";
static_assert(static_cast<int>(Kind::consume) == 1 && static_cast<int>(Kind::error) == 2);
static_assert(static_cast<int>(Kind::refund) == 3);
static_assert(static_cast<int>(StreamEnd::broken) == 2);
static_assert(static_cast<int>(StreamEnd::client_gone) == 3);

void copy_rows(Ledger& ledger, const std::vector<Row>& rows) {
    SQLite::Transaction transaction{ledger.database().handle()};
    SQLite::Statement insert{
        ledger.database().handle(),
        "INSERT INTO entry VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"};
    for (const auto& row : rows) {
        const auto hour = row.created_at / kHour;
        int at = 0;
        for (const std::int64_t value : std::initializer_list<std::int64_t>{
                 hour, (hour + kShanghaiHours) / 24, static_cast<int>(row.kind), row.channel_test,
                 row.task, row.attempts, row.channel, row.model, row.token, row.user,
                 row.token_name, row.username, row.group, row.route, row.ip, row.status,
                 row.error_code}) {
            insert.bind(++at, value);
        }
        insert.bind(++at, ledger.texts().text(row.error_code));
        for (const std::int64_t value : std::initializer_list<std::int64_t>{
                 static_cast<int>(row.stream_end), row.prompt_tokens, row.completion_tokens,
                 row.cache_tokens, row.quota, row.latency_ms, row.first_token_ms, row.stream}) {
            insert.bind(++at, value);
        }
        insert.exec();
        insert.reset();
    }
    transaction.commit();
}

/// What the span's table says, and what the rows add up to.
void check_sums(Ledger& ledger, const std::string& span, const std::string& dimension,
                const std::string& where) {
    CAPTURE(span);
    CAPTURE(dimension);
    const bool times = has_times(dimension);
    const auto key = span + ", " + kKeys.at(dimension);
    const auto told =
        ledger.list(fmt::format("SELECT {0}, {1}{2} FROM {3}_{4} ORDER BY {0}", key, kSumColumns,
                                times ? kTimeSumColumns : "", span, dimension));
    const auto expected = ledger.list(
        fmt::format("SELECT {0}, {1}{2} FROM entry WHERE kind IN (1, 2, 3) "
                    "AND NOT (kind = 2 AND channel_test) AND {3} GROUP BY {0} ORDER BY {0}",
                    key, kSums, times ? kTimeSums : "", where));
    CHECK(told.size() > 5);
    CHECK(told == expected);
}

struct Times {
    std::vector<std::int64_t> latencies;
    std::vector<std::int64_t> first_tokens;
};
using TimesByKey = std::map<std::array<std::int64_t, 3>, Times>;

/// By hour, channel and model.
TimesByKey times_of(const std::vector<Row>& rows) {
    TimesByKey times;
    for (const auto& row : rows) {
        if (row.kind != Kind::consume || row.channel_test || row.task || row.attempts != 1)
            continue;
        auto& of = times[{row.created_at / kHour, row.channel, row.model}];
        if (row.latency_ms >= 0) of.latencies.push_back(row.latency_ms);
        if (row.stream && row.first_token_ms > 0) of.first_tokens.push_back(row.first_token_ms);
    }
    return times;
}

void check_quantiles(std::string_view bytes, std::vector<std::int64_t> values) {
    const auto histogram = base::Histogram::decode(bytes);
    REQUIRE(histogram.has_value());
    REQUIRE(histogram->count() == static_cast<std::int64_t>(values.size()));
    std::sort(values.begin(), values.end());
    for (std::size_t percent = 5; percent <= 100 && !values.empty(); percent += 5) {
        const auto exact = static_cast<double>(values[(values.size() * percent + 99) / 100 - 1]);
        const auto told = *histogram->quantile(static_cast<double>(percent) / 100);
        CHECK(std::abs(told - exact) <= exact * 0.020001);
    }
}

std::map<int, Minute> minutes_of(const std::vector<Row>& rows, std::int64_t hour,
                                 std::int64_t channel, TextId model, std::int64_t since) {
    std::map<int, Minute> minutes;
    for (const auto& row : rows) {
        if (row.created_at / kHour != hour || row.channel != channel || row.model != model ||
            row.created_at < since || (row.kind == Kind::error && row.channel_test))
            continue;
        const auto number = static_cast<int>(row.created_at % kHour / 60);
        const bool clients = row.status == 400 || row.status == 404 || row.status == 413 ||
                             row.status == 422 || row.stream_end == StreamEnd::client_gone ||
                             row.error_code == 1;  // the first text: prompt_blocked
        if (row.kind == Kind::consume || row.kind == Kind::error) {
            auto& minute = minutes[number];
            if (!row.channel_test) ++minute.requests;
            if (row.kind == Kind::error && !clients) ++minute.errors;
            if (row.kind == Kind::consume) {
                minute.tokens += row.prompt_tokens + row.completion_tokens;
                minute.quota += row.quota;
            }
        } else if (row.kind == Kind::refund) {
            minutes[number].quota -= row.quota;
        }
    }
    for (auto& [number, minute] : minutes) minute.minute = number;
    return minutes;
}

}  // namespace

TEST_CASE("hours and days equal what SQL sums over the rows, table by table") {
    for (const std::uint64_t seed : {1U, 2U, 3U}) {
        Ledger ledger;
        RandomRows source{seed, ledger.texts()};
        const auto rows = source.rows(kMonday, kMonday + 4 * kDay, 6000);
        copy_rows(ledger, rows);
        add_in_batches(ledger, rows, source.random(), 400);
        const auto closed = ledger.closed();
        CHECK(closed == (kMonday + 4 * kDay - 1) / kHour);
        for (const auto& dimension : kDimensions) {
            const auto before = fmt::format("hour < {}", closed);
            const bool closed_only = dimension == "channel" || dimension == "model";
            check_sums(ledger, "hour", dimension, closed_only ? before : "true");
            check_sums(ledger, "day", dimension, before);
        }
    }
}

TEST_CASE("the order and the batches of rows do not matter") {
    Ledger ledger;
    RandomRows source{7, ledger.texts()};
    auto rows = source.rows(kMonday, kMonday + 3 * kDay, 5000);
    add_in_batches(ledger, rows, source.random(), 300, kMonday + kDay);
    const auto hours = ledger.dump("hour");
    const auto days = ledger.dump("day");
    CHECK(hours.size() > 1000);
    CHECK(days.size() > 50);
    for (const std::size_t most : {1U, 40U, 5000U}) {
        Ledger other;
        const RandomRows same_texts{7, other.texts()};
        std::shuffle(rows.begin(), rows.end(), source.random());
        add_in_batches(other, rows, source.random(), most, kMonday + kDay);
        CHECK(other.dump("hour") == hours);
        CHECK(other.dump("day") == days);
    }
}

TEST_CASE("the histograms of hours and days have the times of their rows") {
    Ledger ledger;
    RandomRows source{11, ledger.texts()};
    const auto rows = source.rows(kMonday, kMonday + 2 * kDay, 6000);
    add_in_batches(ledger, rows, source.random(), 500);
    auto expected = times_of(rows);
    TimesByKey by_day;
    for (const auto& [key, times] : expected) {
        if (key[0] >= ledger.closed()) continue;
        auto& day = by_day[{(key[0] + kShanghaiHours) / 24, key[1], key[2]}];
        day.latencies.insert(day.latencies.end(), times.latencies.begin(), times.latencies.end());
        day.first_tokens.insert(day.first_tokens.end(), times.first_tokens.begin(),
                                times.first_tokens.end());
    }
    for (const std::string span : {"hour", "day"}) {
        auto& times = span == "hour" ? expected : by_day;
        SQLite::Statement query{
            ledger.database().handle(),
            fmt::format("SELECT {0}, channel, model, latency, first_token FROM {0}_channel_model",
                        span)};
        int filled = 0;
        while (query.executeStep()) {
            const auto& of = times[{query.getColumn(0).getInt64(), query.getColumn(1).getInt64(),
                                    query.getColumn(2).getInt64()}];
            check_quantiles(query.getColumn(3).getString(), of.latencies);
            check_quantiles(query.getColumn(4).getString(), of.first_tokens);
            filled += of.latencies.size() > 1 ? 1 : 0;
        }
        CHECK(filled > 20);
    }
}

TEST_CASE("hours of channel and model have their minutes, from where minutes are kept") {
    Ledger ledger;
    RandomRows source{13, ledger.texts()};
    const auto rows = source.rows(kMonday, kMonday + kDay, 4000);
    const auto since = kMonday + 6 * kHour + 1800;
    add_in_batches(ledger, rows, source.random(), 300, since);
    SQLite::Statement query{ledger.database().handle(),
                            "SELECT hour, channel, model, minutes FROM hour_channel_model"};
    std::size_t found = 0;
    while (query.executeStep()) {
        const auto minutes = Minutes::decode(query.getColumn(3).getString());
        REQUIRE(minutes.has_value());
        std::map<int, Minute> told;
        for (const auto& minute : minutes->list()) told[minute.minute] = minute;
        CHECK(told == minutes_of(rows, query.getColumn(0).getInt64(), query.getColumn(1).getInt64(),
                                 query.getColumn(2).getInt(), since));
        found += told.size();
    }
    CHECK(found > 1000);
}

TEST_CASE("minutes come back as they were encoded, and other bytes are none") {
    std::mt19937_64 random{1};
    for (int round = 0; round < 300; ++round) {
        Minutes minutes;
        for (auto i = random() % 70; i > 0; --i) {
            minutes.add({static_cast<int>(random() % 60), static_cast<std::int64_t>(random() % 300),
                         static_cast<std::int64_t>(random() % 3),
                         static_cast<std::int64_t>(random() % 100'000),
                         static_cast<std::int64_t>(random() % 100'000) - 50'000});
        }
        CHECK(Minutes::decode(minutes.encode()) == minutes);
        auto cut = minutes.encode();
        if (cut.empty()) continue;
        cut.pop_back();
        CHECK_FALSE(Minutes::decode(cut) == minutes);
    }
    CHECK_FALSE(Minutes::decode(std::string(1, '\0')).has_value());
    CHECK_FALSE(Minutes::decode(std::string("\x7A\x02\x02\x02", 4)).has_value());  // minute 60
    CHECK(Minutes::decode(std::string("\x78\x02\x02\x02", 4))->list() ==
          std::vector<Minute>{{59, 1, 0, 1, 1}});
}
