#include <doctest/doctest.h>
#include <fmt/format.h>

#include "rollups_fixture.h"
#include "sync/address.h"
#include "sync/traffic_reader.h"
#include "sync_store_fixture.h"

using namespace quotafuse;
using namespace quotafuse::sync;
using namespace quotafuse::tests;

namespace {

constexpr int kMostOfHour = 100;
constexpr int kMostOfDay = 500;

/// Each from an address of its own, which are numbered from `first`; the higher the dearer.
std::vector<Row> from_addresses(std::int64_t created_at, int first, int count) {
    std::vector<Row> rows;
    for (int i = 0; i < count; ++i) {
        auto row = request(created_at);
        row.ip = first + i;
        row.quota = first + i;
        rows.push_back(row);
    }
    return rows;
}

std::int64_t rows_in(Ledger& ledger, const std::string& where) {
    return ledger.number("SELECT count(*) FROM " + where);
}

std::int64_t quota_in(Ledger& ledger, const std::string& where) {
    return ledger.number("SELECT ifnull(sum(quota), 0) FROM " + where);
}

std::int64_t sum_of_numbers(int first, int count) {
    return std::int64_t{count} * (2 * first + count - 1) / 2;
}

}  // namespace

TEST_CASE("an hour that is over keeps its largest addresses apart, and the sum of the others") {
    Ledger ledger{"UTC"};
    ledger.add(from_addresses(kMonday, 1, 250));
    CHECK(rows_in(ledger, "hour_ip") == 250);
    ledger.add({request(kMonday + kHour)});
    const auto hour = fmt::format("hour_ip WHERE hour = {}", kMonday / kHour);
    CHECK(rows_in(ledger, hour) == kMostOfHour + 1);
    CHECK(quota_in(ledger, hour) == sum_of_numbers(1, 250));
    CHECK(quota_in(ledger, hour + " AND ip = -1") == sum_of_numbers(1, 150));
    CHECK(rows_in(ledger, hour + " AND ip BETWEEN 151 AND 250") == kMostOfHour);
    CHECK(ledger.number("SELECT answers FROM " + hour + " AND ip = -1") == 150);
    // The day that is not over still has them all.
    CHECK(rows_in(ledger, "day_ip") == 250);
}

TEST_CASE("as many addresses as may be are all kept") {
    Ledger ledger{"UTC"};
    ledger.add(from_addresses(kMonday, 1, kMostOfHour));
    ledger.add({request(kMonday + kHour)});
    CHECK(rows_in(ledger, "hour_ip WHERE ip > 0") == kMostOfHour);
    CHECK(rows_in(ledger, "hour_ip WHERE ip = -1") == 0);
}

TEST_CASE("hours that come whole in one batch are bounded alike") {
    Ledger ledger{"UTC"};
    std::vector<Row> rows;
    for (int hour = 0; hour < 30; ++hour) {
        for (const auto& row : from_addresses(kMonday + hour * kHour, 1 + hour * 300, 300))
            rows.push_back(row);
    }
    ledger.add(rows);
    CHECK(ledger.number("SELECT max(n) FROM (SELECT count(*) n FROM hour_ip WHERE hour < "
                        "(SELECT closed FROM rollup_state) GROUP BY hour)") == kMostOfHour + 1);
    const auto monday = fmt::format("day_ip WHERE day = {}", kMonday / kDay);
    CHECK(rows_in(ledger, monday) == kMostOfDay + 1);
    CHECK(quota_in(ledger, monday) == sum_of_numbers(1, 24 * 300));
    CHECK(quota_in(ledger, "hour_ip") == sum_of_numbers(1, 30 * 300));
    // A day's largest are those of its hours before these were bounded.
    CHECK(rows_in(ledger, monday + " AND ip > 24 * 300 - 500") == kMostOfDay);
}

TEST_CASE("late rows of an hour that was bounded count, and leave it bounded") {
    Ledger ledger{"UTC"};
    ledger.add(from_addresses(kMonday, 1, 250));
    ledger.add({request(kMonday + kHour)});
    auto small = from_addresses(kMonday + 5, 10, 1);
    auto kept = from_addresses(kMonday + 6, 240, 1);
    ledger.add({small.front(), kept.front()});
    ledger.add(from_addresses(kMonday + 7, 1000, 40));
    const auto hour = fmt::format("hour_ip WHERE hour = {}", kMonday / kHour);
    CHECK(rows_in(ledger, hour) <= kMostOfHour + 1);
    CHECK(quota_in(ledger, hour) == sum_of_numbers(1, 250) + 10 + 240 + sum_of_numbers(1000, 40));
    CHECK(quota_in(ledger, hour + " AND ip = 240") == 480);
    CHECK(rows_in(ledger, hour + " AND ip >= 1000") == 40);
}

TEST_CASE("a day is bounded when it ends, in the operator's zone, and after that was changed") {
    Ledger ledger{"Asia/Shanghai"};
    for (int hour = 0; hour < 48; ++hour)
        ledger.add(from_addresses(kMonday + hour * kHour, 1 + hour * 60, 60));
    const auto sum = quota_in(ledger, "hour_ip WHERE hour < (SELECT closed FROM rollup_state)");
    const auto largest_day = [&] {
        return ledger.number(
            "SELECT max(n) FROM (SELECT count(*) n FROM day_ip WHERE day < (SELECT max(day) FROM "
            "day_ip) GROUP BY day)");
    };
    CHECK(largest_day() == kMostOfDay + 1);
    CHECK(rows_in(ledger, "hour_ip") == 48 * 60);
    CHECK(quota_in(ledger, "day_ip") == sum);
    ledger.use_zone("UTC");
    CHECK(ledger.follow_zone());
    CHECK(largest_day() == kMostOfDay + 1);
    CHECK(quota_in(ledger, "day_ip") == sum);
}

TEST_CASE("who asks by address or of one is told that there were others") {
    const TempDir folder;
    const auto path = folder.file("store.db");
    base::Database database{path, {Store::schema()}};
    database.set_durable(false);
    Store store{database};
    Batch batch;
    for (int i = 0; i < 150; ++i) {
        auto e = entry(i + 1, kMonday + i);
        e.ip = fmt::format("10.0.0.{}", i + 1);
        e.quota = 1000 + i;
        batch.entries.push_back(e);
    }
    batch.entries.push_back(entry(151, kMonday + kHour));
    batch.position = at_cursor(151);
    store.append(batch, base::from_unix(kMonday + kHour + 5));

    SQLite::Database reader{path, SQLite::OPEN_READONLY};
    TrafficQuestion question{.by = TrafficBy::ip};
    question.from = base::from_unix(kMonday);
    question.until = base::from_unix(kMonday + kHour);
    const auto ask = [&] {
        return TrafficReader{reader, {}}.answer(question, base::from_unix(kMonday + 2 * kHour));
    };
    const auto by_address = ask();
    CHECK(by_address.has_others);
    CHECK(by_address.cells.size() == kMostOfHour + 1);
    question.by = TrafficBy::all;
    question.of.ip = parse_address("10.0.0.150");
    CHECK(ask().has_others);
    CHECK(ask().cells.at(0).sums.quota == 1149);
    // Where nobody is told apart nothing is missing, nor in an hour with few of them.
    question.of.ip.reset();
    CHECK_FALSE(ask().has_others);
    question.by = TrafficBy::ip;
    question.from = base::from_unix(kMonday + kHour);
    question.until = base::from_unix(kMonday + 2 * kHour);
    CHECK_FALSE(ask().has_others);
}

TEST_CASE("the number of the others is no address") {
    CHECK(format_address(kOtherAddresses).empty());
    CHECK(parse_address("ffff:ffff:ffff:ffff::1") == 0);
    CHECK(parse_address("ffff:ffff:ffff:fffe::1") != 0);
}
