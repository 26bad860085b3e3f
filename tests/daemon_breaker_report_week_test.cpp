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

constexpr std::int64_t kNever = 1'900'000'000;

/// The first second from t on in which the entry's alert does not fire, by plain SQL.
std::int64_t quiet_from(Ledger& ledger, std::int64_t entry, std::int64_t t) {
    for (;;) {
        const auto next = ledger.sql(fmt::format(
            "SELECT iif((SELECT what FROM alert_event e WHERE e.rule = a.rule AND e.series = "
            "a.series AND e.what <> 'told' AND e.at <= {0} ORDER BY e.at DESC LIMIT 1) = 'firing', "
            "ifnull((SELECT min(o.at) FROM alert_event o WHERE o.what = 'over' AND o.rule = a.rule "
            "AND o.series = a.series AND o.at > {0}), {1}), {0}) FROM breaker_audit a WHERE a.id = "
            "{2}",
            t, kNever, entry));
        if (next == t) return t;
        t = next;
    }
}

/// What the report has to tell, in plain numbers and SQL over rows.
class Expected {
public:
    Expected(Week& week, std::int64_t from, std::int64_t until)
        : ledger_(week.ledger), from_(from), until_(until) {
        // What would have been off at `from` was asked for before it.
        for (const auto& entry : ledger_.audit().between(base::from_unix(Week::kBegin),
                                                         base::from_unix(until), 100'000)) {
            if (entry.step == "would_trip" || entry.step == "refused") take(entry);
        }
        for (const auto& trip : trips) {
            if (trip.shadow) shadows_.push_back(trip);
        }
        std::erase_if(trips, [&](const Trip& trip) {
            return is_before(trip.entry) && trip.repeats == 0 && trip.seconds == 0;
        });
    }
    bool is_before(const circuit_breaker::Audit::Entry& entry) const {
        return base::unix_seconds(entry.at) < from_;
    }

    struct Trip {
        circuit_breaker::Audit::Entry entry;
        bool shadow;
        std::int64_t until;  // off, or held by the guard, so long
        std::int64_t counted_until;
        std::int64_t repeats = 0;
        bool undone = false;
        std::int64_t seconds = 0;  // in which those are that it is worth
        std::string rows{};        // SQL of those that it is worth
    };
    std::vector<Trip> trips;
    std::map<std::string, std::int64_t> repeats{};  // by rule

    /// Where no shadow trip would have had the target off.
    std::string not_off(const Target& target) const {
        std::string sql = "1";
        for (const auto& trip : shadows_) {
            if (takes_with_it(trip.entry.target, target))
                sql += fmt::format(" AND NOT (created_at > {} AND created_at <= {})",
                                   at_of(trip) + 90, trip.until);
        }
        return sql;
    }
    static std::int64_t at_of(const Trip& trip) { return base::unix_seconds(trip.entry.at); }

private:
    static bool takes_with_it(const Target& off, const Target& target) {
        return off == target ||
               (off == Target::of_channel(target.channel) && target.kind == Target::Kind::model);
    }
    /// The newest of those by which it would be off already, or is held.
    Trip* earlier(const circuit_breaker::Audit::Entry& entry) {
        const auto holds = [&](const Trip& trip, bool shadow) {
            const bool same = trip.entry.target == entry.target;
            const bool fits = shadow && entry.step == "refused"
                                  ? takes_with_it(trip.entry.target, entry.target)
                                  : same && (shadow || trip.entry.cause == entry.cause);
            return trip.shadow == shadow && fits && base::unix_seconds(entry.at) <= trip.until;
        };
        // Of two that have it off the one of the target itself.
        Trip* found = nullptr;
        for (auto& trip : trips) {
            const bool better = found == nullptr || trip.entry.target == entry.target;
            if (holds(trip, true) && better) found = &trip;
        }
        if (found != nullptr || entry.step != "refused") return found;
        for (auto& trip : trips) {
            if (holds(trip, false)) found = &trip;
        }
        return found;
    }
    void take(const circuit_breaker::Audit::Entry& entry) {
        const auto at = base::unix_seconds(entry.at);
        const bool shadow = entry.step == "would_trip";
        const auto over = end_of(ledger_, entry.id, "", kNever);
        const auto span = [&](std::int64_t after, std::int64_t end) {
            return fmt::format("(created_at > {} AND created_at <= {} AND {})", after, end,
                               rows_of(entry.target));
        };
        if (auto* const first = earlier(entry)) {
            first->repeats += is_before(entry) ? 0 : 1;
            repeats[entry.rule] += is_before(entry) ? 0 : 1;
            if (!first->shadow) return;
            const auto after = std::max({at, at_of(*first) + 90, from_});
            const auto end = std::min({over, first->until, until_});
            first->seconds += std::max<std::int64_t>(end - after, 0);
            first->rows += " OR " + span(after, end);
            if (end > after) first->counted_until = std::max(first->counted_until, end);
            return;
        }
        Trip trip{entry, shadow, over, std::min(over, until_)};
        if (shadow && entry.rule == "leak")
            trip.until = quiet_from(ledger_, entry.id, std::max(over, at + 1800));
        const auto after = std::max(at + 90, from_);
        trip.rows = span(after, trip.counted_until);
        trip.seconds = std::max<std::int64_t>(trip.counted_until - after, 0);
        const auto recovered = end_of(ledger_, entry.id, "recovered", kNever);
        trip.undone = shadow && recovered - (entry.rule == "burn" ? 120 : 0) - at <= 600;
        trips.push_back(trip);
    }

    Ledger& ledger_;
    std::int64_t from_;
    std::int64_t until_;
    std::vector<Trip> shadows_;  // those that ended before `from`, too
};

}  // namespace

TEST_CASE("every number of a week's report is that of plain SQL over its rows") {
    std::int64_t held = 0;  // by guards since before the period
    for (const std::uint64_t seed : {1U, 2U, 3U}) {
        CAPTURE(seed);
        Week week{seed};
        auto& ledger = week.ledger;
        const auto from = Week::kBegin + 12 * kHour;
        const auto until = kNoon - 6 * kHour;
        const auto report = ledger.report(from, until);
        const Expected expected{week, from, until};
        REQUIRE(report.trips.size() > 50);
        REQUIRE(report.trips.size() == expected.trips.size());
        struct Sum {
            std::int64_t saved = 0, undone = 0, refused = 0, shadow = 0, earlier = 0, held = 0;
            std::string let_through = "0";
        };
        std::map<std::string, Sum> sums;
        std::string any = "0";
        std::int64_t longer = 0;   // that a repeat adds to
        std::int64_t shorter = 0;  // that a shadow trip takes from
        for (std::size_t i = 0; i < report.trips.size(); ++i) {
            const auto& trip = report.trips[i];
            const auto& one = expected.trips[i];
            REQUIRE(trip.entry.id == one.entry.id);
            CHECK(trip.repeats == one.repeats);
            CHECK(trip.undone == one.undone);
            CHECK(trip.counted_until == base::from_unix(one.counted_until));
            const auto rows = one.shadow ? one.rows
                                         : fmt::format("({}) AND {}", one.rows,
                                                       expected.not_off(one.entry.target));
            CHECK(trip.quota == ledger.sql(fmt::format(kCost, rows)));
            auto& sum = sums[one.entry.rule];
            const bool earlier = expected.is_before(one.entry);
            CHECK(trip.earlier == earlier);
            if (one.shadow) {
                sum.saved += trip.quota;
                ++(earlier ? sum.earlier : sum.shadow);
                sum.undone += one.undone && !earlier ? 1 : 0;
                any += " OR " + one.rows;
                longer += one.rows.find(" OR ") != std::string::npos ? 1 : 0;
            } else {
                ++(earlier ? sum.held : sum.refused);
                sum.let_through += fmt::format(" OR ({})", rows);
                shorter += trip.quota != ledger.sql(fmt::format(kCost, one.rows)) ? 1 : 0;
            }
        }
        CHECK(longer > 0);
        CHECK(shorter > 0);
        REQUIRE(report.rules.size() == 2);
        for (const auto& sum : report.rules) {
            CAPTURE(sum.rule);
            const auto& one = sums[sum.rule];
            CHECK(sum.shadow_quota == one.saved);
            CHECK(sum.refused == one.refused);
            CHECK(sum.earlier_refused == one.held);
            CHECK(sum.refused_quota == ledger.sql(fmt::format(kCost, one.let_through)));
            CHECK(sum.undone == one.undone);
            CHECK(sum.undone > 0);
            CHECK(sum.shadow == one.shadow);
            CHECK(sum.earlier == one.earlier);
            const auto repeats = expected.repeats.find(sum.rule);
            CHECK(sum.repeats == (repeats == expected.repeats.end() ? 0 : repeats->second));
        }
        CHECK(report.shadow_quota == ledger.sql(fmt::format(kCost, any)));
        CHECK(sums["burn"].earlier + sums["leak"].earlier > 0);
        held += sums["burn"].held + sums["leak"].held;
        // They have rows in common.
        CHECK(report.shadow_quota < sums["burn"].saved + sums["leak"].saved);
    }
    CHECK(held > 0);
}
