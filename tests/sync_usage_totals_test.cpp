#include <doctest/doctest.h>

#include "base/histogram.h"
#include "rollups_fixture.h"
#include "sync/usage_totals.h"

using namespace quotafuse;
using namespace quotafuse::sync;
using namespace quotafuse::tests;

namespace {

using Numbers = std::vector<std::int64_t>;

Numbers numbers_of(const TrafficSums& sums) {
    return {sums.answers,           sums.errors,       sums.client_errors, sums.prompt_tokens,
            sums.completion_tokens, sums.cache_tokens, sums.quota,         sums.refund,
            sums.empty_replies};
}

Numbers numbers_of(const ModelTimes& times) {
    Numbers numbers{times.latency_total, times.first_token_total, times.latency.count(),
                    times.first_token.count()};
    for (const std::int64_t bound : {0, 1000, 10'000, 40'000}) {
        numbers.push_back(times.latency.count_up_to(bound));
        numbers.push_back(times.first_token.count_up_to(bound));
    }
    return numbers;
}

std::string key_of(std::int64_t channel, TextId model) {
    return fmt::format("{}/{}", channel, channel == 0 ? 0 : model);
}

using Sums = std::map<std::string, Numbers>;

/// What the rows add up to: by channel and model, those of no channel in one, and times by model.
Sums sums_of(std::span<const Row> rows, const Texts& texts) {
    std::map<std::string, RollupCell> cells;
    std::map<std::string, ModelTimes> models;
    for (const auto& row : rows) {
        const auto tally = tally_of(row, texts);
        if (!tally) continue;
        auto counted = *tally;
        // A negative charge is money given back.
        counted.refund =
            std::max<std::int64_t>(tally->refund, 0) + std::max<std::int64_t>(-tally->quota, 0);
        counted.quota =
            std::max<std::int64_t>(tally->quota, 0) + std::max<std::int64_t>(-tally->refund, 0);
        auto& cell = cells[key_of(row.channel, row.model)];
        cell.add(counted);
        cell.add_times(counted);
        if (tally->latency_ms < 0 && tally->first_token_ms < 0) continue;
        auto& times = models["times of " + std::to_string(row.model)];
        if (tally->latency_ms >= 0) {
            times.latency_total += tally->latency_ms;
            times.latency.add(tally->latency_ms);
        }
        if (tally->first_token_ms >= 0) {
            times.first_token_total += tally->first_token_ms;
            times.first_token.add(tally->first_token_ms);
        }
    }
    Sums sums;
    for (const auto& [key, cell] : cells) {
        auto& numbers = sums[key];
        numbers.assign(cell.sums.begin(), cell.sums.end());
        numbers.push_back(cell.time_sums[0]);
    }
    for (const auto& [key, times] : models) sums[key] = numbers_of(times);
    return sums;
}

Sums told_by(Ledger& ledger) {
    const auto usage = read_usage(ledger.database().handle());
    Sums told;
    for (const auto& pair : usage.pairs)
        told[key_of(pair.channel, pair.model)] = numbers_of(pair.sums);
    CHECK(told.size() == usage.pairs.size());
    for (const auto& [model, times] : usage.models)
        told["times of " + std::to_string(model)] = numbers_of(times);
    return told;
}

}  // namespace

TEST_CASE("totals equal the rows after each batch, keep their places and never fall") {
    Ledger ledger;
    RandomRows source{21, ledger.texts()};
    const auto rows = source.rows(kMonday, kMonday + 3 * kDay, 4000);
    std::vector<UsageTotal> before;
    for (std::size_t at = 0; at < rows.size(); at += 250) {
        ledger.add_part({rows.data() + at, std::min<std::size_t>(250, rows.size() - at)}, 0);
        CHECK(told_by(ledger) ==
              sums_of({rows.data(), std::min(at + 250, rows.size())}, ledger.texts()));
        const auto totals = read_usage(ledger.database().handle()).pairs;
        REQUIRE(totals.size() >= before.size());
        for (std::size_t i = 0; i < totals.size(); ++i) {
            CHECK(totals[i].place == static_cast<std::int64_t>(i) + 1);
            if (i >= before.size()) continue;
            CHECK(totals[i].channel == before[i].channel);
            CHECK(totals[i].model == before[i].model);
            const auto now = numbers_of(totals[i].sums);
            const auto then = numbers_of(before[i].sums);
            for (std::size_t k = 0; k < now.size(); ++k) CHECK(now[k] >= then[k]);
        }
        before = totals;
    }
    CHECK(before.size() == 4 * 4 + 1);  // channels 1 to 4 with four models each, and none
    // Most of it is folded, by whole days.
    CHECK(ledger.number("SELECT folded FROM usage_state") >= kMonday / kHour + 56);
    CHECK(ledger.number("SELECT day FROM usage_state") > 0);
}

TEST_CASE("whatever retention, zones and late rows do, totals equal the rows that ever came") {
    const std::vector<std::string> zones{"Asia/Shanghai", "America/New_York", "UTC",
                                         "Pacific/Kiritimati", "Asia/Kolkata"};
    for (const std::uint64_t seed : {1U, 2U, 3U, 4U, 5U, 6U}) {
        CAPTURE(seed);
        Ledger ledger;
        RandomRows source{seed, ledger.texts()};
        const auto rows = source.rows(kMonday, kMonday + 9 * kDay, 6000);
        auto& random = source.random();
        std::map<std::string, int> done;
        for (std::size_t at = 0; at < rows.size();) {
            const auto now = rows[at].seen_at;
            const auto back = [&](std::int64_t most) {
                return now + kDay - static_cast<std::int64_t>(random() % 40) * most / 40;
            };
            switch (random() % 8) {
                case 0:
                    ledger.use_zone(zones[random() % zones.size()]);
                    if (random() % 2 == 0) ledger.follow_zone();
                    ++done["zone"];
                    break;
                case 1:
                    ledger.expire(back(5 * kDay), back(5 * kDay), {},
                                  random() % 2 == 0 ? 30 : 1'000'000);
                    ++done["hours"];
                    break;
                case 2:
                    ledger.expire(0, 0, back(6 * kDay), 1'000'000);
                    ++done["days"];
                    break;
                default: {
                    const auto count = std::min<std::size_t>(1 + random() % 300, rows.size() - at);
                    ledger.add_part({rows.data() + at, count}, 0);
                    at += count;
                }
            }
            const bool equal = told_by(ledger) == sums_of({rows.data(), at}, ledger.texts());
            REQUIRE(equal);
        }
        CHECK(done.size() == 3);
    }
}

TEST_CASE("a batch that is rolled back leaves no trace, and none of its places") {
    Ledger ledger;
    RandomRows source{23, ledger.texts()};
    const auto rows = source.rows(kMonday, kMonday + kDay, 500);
    auto& db = ledger.database().handle();
    {
        base::WriteTransaction transaction{ledger.database()};
        ledger.rollups().add(rows, 0, rows.back().seen_at);
        CHECK_FALSE(read_usage(db).pairs.empty());
    }
    CHECK(read_usage(db).pairs.empty());
    CHECK(told_by(ledger).empty());
    ledger.add({request(kMonday)});
    REQUIRE(read_usage(db).pairs.size() == 1);
    CHECK(read_usage(db).pairs.front().place == 1);
    CHECK(read_usage(db).pairs.front().sums.quota == 500);
    ledger.add(rows);  // those whose places were lost have some again
    auto all = rows;
    all.push_back(request(kMonday));
    CHECK(told_by(ledger) == sums_of(all, ledger.texts()));
}
