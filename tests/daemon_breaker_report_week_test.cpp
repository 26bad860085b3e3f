// The report of a week of chance, held against plain SQL over its rows.
#include <algorithm>
#include <map>
#include <random>

#include "daemon_breaker_report_fixture.h"

using namespace quotafuse;
using namespace quotafuse::daemon;
using namespace quotafuse::tests;

namespace {

using Kind = TripResult::Kind;
constexpr std::int64_t kHour = 3600;

/// A week of chance: rows, episodes, and what the breaker made of them.
struct Week {
    static constexpr std::int64_t kBegin = kNoon - 7 * 24 * kHour;

    explicit Week(std::uint64_t seed) : random(seed) {
        ledger.rule("burn").keep_firing = base::Seconds{120};
        ledger.rule("leak").action->recover = {.kind = base::Recovery::Kind::after,
                                               .wait = base::Seconds{1800}};
        for (int i = 0; i < 20'000; ++i) add_row();
        for (const std::string rule : {"burn", "leak"}) {
            for (int series = 1; series <= 4; ++series) add_episodes(rule, series);
        }
        std::ranges::sort(asked, {}, [](const auto& one) { return one.first; });
        for (const auto& [at, what] : asked) ledger.trip(at, what);
        ledger.store_rows();
    }

    std::int64_t dice(std::int64_t least, std::int64_t most) {
        return std::uniform_int_distribution<std::int64_t>{least, most}(random);
    }
    void add_row() {
        const auto kind = dice(0, 19);
        auto& row = ledger.row(kBegin + dice(0, 7 * 24 * kHour - 1), dice(1, 4), dice(0, 50'000),
                               kind == 0   ? sync::Kind::refund
                               : kind == 1 ? sync::Kind::error
                                           : sync::Kind::consume);
        row.model = dice(0, 1) == 0 ? "gpt-4o" : "o3";
        row.token = dice(0, 6);
        row.user = dice(1, 2);
        row.token_name = dice(0, 1) == 0 ? "ci" : "web";
        row.channel_test = kind == 2;
    }
    Target target(const std::string& rule, int series) {
        if (rule == "burn") return Target::of_channel(series);
        if (series <= 2) return Target::of_model(series, "o3");
        if (series == 3) return Target::of_token(5);
        Target named;
        named.kind = Target::Kind::token;
        named.user = 1;
        named.token_name = "web";
        return named;
    }
    void add_episodes(const std::string& rule, int series) {
        const auto key = fmt::format("[[{},\"\"]]", series);
        auto t = kBegin + dice(0, kHour);
        while (t < kNoon) {
            ledger.alert(rule, key, t);
            Ledger::Asked one;
            one.rule = rule;
            one.series = key;
            one.target = target(rule, series);
            if (dice(0, 3) == 0) {
                one.kind = Kind::refused;
                one.cause.kind =
                    dice(0, 1) == 0 ? TripCause::Kind::last_usable : TripCause::Kind::max_open;
            }
            asked.emplace_back(t + dice(1, 20), one);
            t += dice(30, dice(0, 2) == 0 ? 1000 : 6 * kHour);
            if (dice(0, 30) == 0) break;  // it goes on
            ledger.alert(rule, key, t, dice(0, 4) == 0 ? "no_traffic" : "recovered");
            t += dice(60, dice(0, 1) == 0 ? 1200 : 8 * kHour);
        }
    }

    std::mt19937_64 random;
    Ledger ledger;
    std::vector<std::pair<std::int64_t, Ledger::Asked>> asked;
};

std::string rows_of(const Target& target) {
    switch (target.kind) {
        case Target::Kind::channel:
            return fmt::format("channel = {}", target.channel);
        case Target::Kind::model:
            return fmt::format("channel = {} AND model = (SELECT id FROM text WHERE value = '{}')",
                               target.channel, target.model);
        case Target::Kind::token:
            break;
    }
    if (target.token != 0) return fmt::format("token = {}", target.token);
    return fmt::format(
        "token = 0 AND user = {} AND token_name = (SELECT id FROM text WHERE value = '{}')",
        target.user, target.token_name);
}

/// kind: 1 consume, 3 refund; flag 2: the gateway's own test.
constexpr auto kCost =
    "SELECT ifnull(sum(iif(kind = 3, -quota, quota)), 0) FROM log WHERE kind IN (1, 3) AND "
    "flags & 2 = 0 AND ({})";
static_assert(static_cast<int>(sync::Kind::consume) == 1 &&
              static_cast<int>(sync::Kind::refund) == 3);

/// The end of the episode in which the entry asked, by plain SQL; `none` where it goes on.
std::int64_t end_of(Ledger& ledger, std::int64_t entry, const std::string& ending,
                    std::int64_t none) {
    return ledger.sql(fmt::format(
        "SELECT ifnull((SELECT min(o.at) FROM alert_event o WHERE o.what = 'over' AND o.rule = "
        "a.rule AND o.series = a.series {} AND o.at >= (SELECT max(f.at) FROM alert_event f WHERE "
        "f.what = 'firing' AND f.rule = a.rule AND f.series = a.series AND f.at <= a.at) AND NOT "
        "EXISTS(SELECT 1 FROM alert_event b WHERE b.what <> 'told' AND b.rule = a.rule AND "
        "b.series = a.series AND b.at > a.at AND b.at < o.at)), {}) FROM breaker_audit a WHERE "
        "a.id = {}",
        ending.empty() ? "" : fmt::format("AND o.reason = '{}'", ending), none, entry));
}

}  // namespace

TEST_CASE("every number of a week's report is that of plain SQL over its rows") {
    for (const std::uint64_t seed : {1U, 2U, 3U}) {
        CAPTURE(seed);
        Week week{seed};
        auto& ledger = week.ledger;
        const auto from = Week::kBegin + 12 * kHour;
        const auto until = kNoon - 6 * kHour;
        const auto report = ledger.report(from, until);
        REQUIRE(report.trips.size() > 50);
        std::map<std::string, std::int64_t> saved;
        std::map<std::string, std::string> let_through{{"burn", "0"}, {"leak", "0"}};
        std::map<std::string, std::int64_t> undone;
        std::map<std::string, std::int64_t> off;  // target (and guard) → until when
        std::string any = "0";
        std::int64_t repeats = 0;
        SQLite::Statement entries{
            ledger.database().handle(),
            "SELECT id, at, rule, step, cause FROM breaker_audit WHERE at >= ? AND at < ? AND step "
            "IN ('would_trip', 'refused') ORDER BY at, id"};
        entries.bind(1, from);
        entries.bind(2, until);
        std::size_t i = 0;
        while (entries.executeStep()) {
            const auto id = entries.getColumn(0).getInt64();
            const auto at = entries.getColumn(1).getInt64();
            const auto rule = entries.getColumn(2).getString();
            const bool shadow = entries.getColumn(3).getString() == "would_trip";
            const auto found = std::ranges::find_if(
                report.trips, [&](const auto& trip) { return trip.entry.id == id; });
            const auto over = end_of(ledger, id, "", until + kHour);
            const auto back = rule == "leak" && shadow ? std::max(over, at + 1800) : over;
            const auto target = ledger.sql(fmt::format(
                "SELECT (CASE target_kind WHEN 'channel' THEN 0 WHEN 'model' THEN 100 ELSE 200 END)"
                " + channel * 10 + token + user FROM breaker_audit WHERE id = {}",
                id));
            auto& lane =
                off[fmt::format("{} {}", target, shadow ? "" : entries.getColumn(4).getString())];
            if (at <= lane) {
                CHECK(found == report.trips.end());
                ++repeats;
                continue;
            }
            lane = back;
            REQUIRE(found != report.trips.end());
            REQUIRE(&*found == &report.trips.at(i++));
            const auto span = fmt::format("created_at > {} AND created_at <= {} AND {}", at + 90,
                                          std::min(over, until), rows_of(found->entry.target));
            const auto quota = ledger.sql(fmt::format(kCost, span));
            CHECK(found->quota == quota);
            if (!shadow) {
                let_through[rule] += fmt::format(" OR ({})", span);
                continue;
            }
            saved[rule] += quota;
            any += fmt::format(" OR ({})", span);
            const auto recovered = end_of(ledger, id, "recovered", until + 24 * kHour);
            const bool soon = recovered - (rule == "burn" ? 120 : 0) - at <= 600;
            CHECK(found->undone == soon);
            undone[rule] += soon ? 1 : 0;
        }
        CHECK(i == report.trips.size());
        REQUIRE(report.rules.size() == 2);
        std::int64_t told_repeats = 0;
        for (const auto& sum : report.rules) {
            CAPTURE(sum.rule);
            CHECK(sum.shadow_quota == saved[sum.rule]);
            CHECK(sum.refused_quota == ledger.sql(fmt::format(kCost, let_through[sum.rule])));
            CHECK(sum.undone == undone[sum.rule]);
            CHECK(sum.undone > 0);
            told_repeats += sum.repeats;
        }
        CHECK(told_repeats == repeats);
        CHECK(report.shadow_quota == ledger.sql(fmt::format(kCost, any)));
        CHECK(report.shadow_quota < saved["burn"] + saved["leak"]);  // they have rows in common
    }
}
