// The report of a week in shadow mode at the demo's gateway: made by the real chain from rows to
// the audit, held against plain SQL over the store.
#include <cmath>
#include <sstream>

#include "daemon/breaker_report.h"
#include "daemon/breaker_report_text.h"
#include "daemon_breaker_report_demo_fixture.h"
#include "sync/history.h"

using namespace quotafuse;
using namespace quotafuse::tests;

namespace {

/// What the rules say, for SQL: when a target comes back at the earliest, and how long an alert is
/// held on to.
constexpr auto kBack =
    "CASE a.rule WHEN 'channel-errors' THEN a.at + 10800 WHEN 'key-spend' THEN (a.at + 28800) / "
    "86400 * 86400 + 57600 ELSE a.at END";
constexpr auto kHeld = "iif(a.rule = 'channel-burn', 120, 0)";

/// What was charged and not given back, over the rows of the log that pass, each once.
constexpr auto kCost =
    "SELECT ifnull(sum(iif(l.kind = 3, -l.quota, l.quota)), 0) FROM log l WHERE l.kind IN (1, 3) "
    "AND l.token_name NOT IN (SELECT id FROM text WHERE value = '模型测试') AND {}";
/// The key that the gateway names where it tests a channel itself.
constexpr auto kTestName = "(SELECT id FROM text WHERE value = '模型测试')";
static_assert(static_cast<int>(sync::Kind::consume) == 1 &&
              static_cast<int>(sync::Kind::refund) == 3);
/// A row that the trip `t` would have saved, or the refusal let through.
constexpr auto kOfTrip =
    "EXISTS(SELECT 1 FROM piece p WHERE p.trip = t.id AND l.created_at > p.after AND l.created_at "
    "<= p.until) AND iif(t.target_kind = 'token', l.token = t.token, l.channel = t.channel) AND "
    "(t.step = 'would_trip' OR NOT EXISTS(SELECT 1 FROM trip s WHERE s.step = 'would_trip' AND "
    "s.target_kind = t.target_kind AND s.channel = t.channel AND s.token = t.token AND "
    "l.created_at > s.at + 90 AND (s.off_until IS NULL OR l.created_at <= s.off_until)))";

/// The same period by plain SQL: table `trip` has what the report has to tell.
class Expected {
public:
    Expected(const std::string& store, Span period) : db_(store) {
        // An episode's events have its id in common.
        db_.exec(fmt::format(
            "CREATE TEMP TABLE episode AS SELECT f.rule, f.series, f.at AS begins, o.at AS over "
            "FROM alert_event f LEFT JOIN alert_event o ON o.what = 'over' AND o.id = f.id WHERE "
            "f.what = 'firing';"
            "CREATE TEMP TABLE asked AS SELECT a.id, a.at, a.rule, a.series, a.step, a.cause, "
            "a.target_kind, a.channel, a.token, o.at AS over, o.reason AS ending, "
            "min(ifnull(o.at, {1}), {1}) AS counted_until, "
            "iif(a.step = 'refused', o.at, max(o.at, {2})) AS off_until, "
            "ifnull(a.step = 'would_trip' AND o.reason = 'recovered' AND o.at - {3} <= a.at + 600, "
            "0) AS undone FROM breaker_audit a LEFT JOIN alert_event f ON f.what = 'firing' AND "
            "f.rule = a.rule AND f.series = a.series AND f.at = (SELECT max(at) FROM alert_event "
            "WHERE what = 'firing' AND rule = a.rule AND series = a.series AND at <= a.at) "
            "LEFT JOIN alert_event o ON o.what = 'over' AND o.id = f.id "
            "WHERE a.step IN ('would_trip', 'refused') AND a.at < {1};"
            "CREATE TEMP TABLE trip AS SELECT *, 0 AS repeats FROM asked LIMIT 0;"
            "CREATE TEMP TABLE repeat(rule TEXT);"
            "CREATE TEMP TABLE piece(trip INTEGER, after INTEGER, until INTEGER)",
            period.from, period.until, kBack, kHeld));
        wait_for_alerts();
        sort_out(period);
    }

    std::int64_t number(const std::string& sql) { return db_.execAndGet(sql).getInt64(); }
    std::int64_t cost(const std::string& which) {
        return number(fmt::format(
            kCost, fmt::format("EXISTS(SELECT 1 FROM trip t WHERE {} AND {})", kOfTrip, which)));
    }
    SQLite::Database& db() { return db_; }

private:
    /// An alert that fires when the time has come is waited for.
    void wait_for_alerts() {
        while (db_.exec("UPDATE asked SET off_until = (SELECT e.over FROM episode e WHERE e.rule = "
                        "asked.rule AND e.series = asked.series AND e.begins <= off_until AND "
                        "ifnull(e.over > off_until, 1)) WHERE step = 'would_trip' AND EXISTS("
                        "SELECT 1 FROM episode e WHERE e.rule = asked.rule AND e.series = "
                        "asked.series AND e.begins <= off_until AND ifnull(e.over > off_until, "
                        "1))") > 0) {
        }
    }

    /// The newest trip of that target, asked for as `step` and held by `cause`, if it holds on.
    static std::string holder(const std::string& step, const std::string& cause) {
        return fmt::format(
            "(SELECT t.id FROM trip t WHERE t.step = '{0}' AND t.target_kind = a.target_kind AND "
            "t.channel = a.channel AND t.token = a.token AND {1} AND ifnull(t.off_until >= a.at, "
            "1) ORDER BY t.at DESC LIMIT 1)",
            step, cause);
    }

    /// What is asked for while its target would be off already (or the same guard holds it still)
    /// repeats the newest trip of that target, and saves what its own episode costs meanwhile.
    void sort_out(Span period) {
        SQLite::Statement next{
            db_, fmt::format("SELECT a.id, a.rule, coalesce({}, iif(a.step = 'refused', {}, NULL)) "
                             "FROM asked a WHERE a.id > ? ORDER BY a.id LIMIT 1",
                             holder("would_trip", "1"), holder("refused", "t.cause = a.cause"))};
        for (std::int64_t last = 0;; next.reset()) {
            next.bind(1, last);
            if (!next.executeStep()) break;
            last = next.getColumn(0).getInt64();
            if (next.getColumn(2).isNull()) {
                db_.exec(fmt::format(
                    "INSERT INTO trip SELECT *, 0 FROM asked WHERE id = {0};"
                    "INSERT INTO piece SELECT id, max(at + 90, {1}), counted_until FROM "
                    "asked WHERE id = {0}",
                    last, period.from));
            } else {
                db_.exec(fmt::format(
                    "UPDATE trip SET repeats = repeats + 1 WHERE id = {0} AND (SELECT at FROM "
                    "asked "
                    "WHERE id = {2}) >= {4};"
                    "INSERT INTO repeat SELECT '{1}' FROM asked WHERE id = {2} AND at >= {4};"
                    "INSERT INTO piece SELECT t.id, max(a.at, t.at + 90, {4}), "
                    "min(a.counted_until, "
                    "ifnull(t.off_until, {3})) FROM trip t, asked a WHERE t.id = {0} AND a.id = "
                    "{2} AND t.step = 'would_trip';"
                    "UPDATE trip SET counted_until = max(counted_until, ifnull((SELECT max(until) "
                    "FROM piece WHERE trip = id AND until > after), 0))",
                    next.getColumn(2).getInt64(), next.getColumn(1).getString(), last, period.until,
                    period.from));
            }
        }
        // What was over before the period is none of it.
        db_.exec(
            fmt::format("DELETE FROM trip WHERE at < {} AND repeats = 0 AND NOT EXISTS(SELECT "
                        "1 FROM piece WHERE trip = trip.id AND until > after)",
                        period.from));
    }

    SQLite::Database db_;
};

/// As the command makes it.
BreakerReport report_of(const ShadowSite& site, Span period) {
    BreakerReportPlan plan;
    plan.from = base::from_unix(period.from);
    plan.until = base::from_unix(period.until);
    plan.now = plan.until + base::Seconds{kDay};
    plan.lag = circuit_breaker::cache_lag(site.config.breaker, sync::Gateway::new_api);
    plan.config = &site.config;
    sync::History history{site.config.store};
    return read_breaker_report(history, plan);
}

void check_trips(const BreakerReport& report, Expected& expected, Span period) {
    SQLite::Statement row{
        expected.db(),
        fmt::format("SELECT t.id, t.at, t.step = 'would_trip', t.target_kind, t.channel, t.token, "
                    "t.rule, t.cause, t.over, t.ending, t.counted_until, t.undone, t.repeats, ({}) "
                    "FROM trip t ORDER BY t.at, t.id",
                    fmt::format(kCost, kOfTrip))};
    using Target = circuit_breaker::Target;
    for (const auto& trip : report.trips) {
        REQUIRE(row.executeStep());
        const auto column = [&](int i) { return row.getColumn(i).getInt64(); };
        CAPTURE(column(0));
        CHECK(trip.entry.id == column(0));
        CHECK(base::unix_seconds(trip.entry.at) == column(1));
        CHECK((trip.kind == BreakerReport::Trip::Kind::shadow) == (column(2) == 1));
        CHECK((trip.kind == BreakerReport::Trip::Kind::refused) == (column(2) == 0));
        const auto& target = trip.entry.target;
        CHECK((target.kind == Target::Kind::token) == (row.getColumn(3).getString() == "token"));
        CHECK(target.channel == column(4));
        CHECK(target.token == column(5));
        CHECK(trip.entry.rule == row.getColumn(6).getString());
        CHECK(trip.entry.cause == row.getColumn(7).getString());
        if (!row.getColumn(8).isNull() && column(8) <= period.until) {
            CHECK(trip.over == base::from_unix(column(8)));
            CHECK(trip.ending == row.getColumn(9).getString());
        } else {
            CHECK((!trip.over || *trip.over > base::from_unix(period.until)));
        }
        CHECK(base::unix_seconds(trip.counted_until) == column(10));
        CHECK(trip.undone == (column(11) == 1));
        CHECK(trip.repeats == column(12));
        CHECK(trip.earlier == (column(1) < period.from));
        CHECK(!trip.undecided);
        CHECK(trip.quota == column(13));
        CHECK(trip.off == 0s);
    }
    CHECK(!row.executeStep());
}

void check_rules(const BreakerReport& report, Expected& expected, const Config& config,
                 Span period) {
    REQUIRE(report.rules.size() == config.rules.size());
    const auto in_it = fmt::format(" AND t.at >= {}", period.from);
    const auto before = fmt::format(" AND t.at < {}", period.from);
    for (const auto& sum : report.rules) {
        CAPTURE(sum.rule);
        const auto shadow = fmt::format("t.rule = '{}' AND t.step = 'would_trip'", sum.rule);
        const auto refused = fmt::format("t.rule = '{}' AND t.step = 'refused'", sum.rule);
        const auto count = [&](const std::string& what, const std::string& which) {
            return expected.number(
                fmt::format("SELECT ifnull({}, 0) FROM trip t WHERE {}", what, which));
        };
        REQUIRE(sum.now != nullptr);
        CHECK(sum.now->name == sum.rule);
        CHECK(sum.shadow == count("count(*)", shadow + in_it));
        CHECK(sum.earlier == count("count(*)", shadow + before));
        CHECK(sum.shadow_quota == count("sum((" + fmt::format(kCost, kOfTrip) + "))", shadow));
        CHECK(sum.undone == count("sum(t.undone)", shadow + in_it));
        CHECK(sum.refused == count("count(*)", refused + in_it));
        CHECK(sum.earlier_refused == count("count(*)", refused + before));
        CHECK(sum.refused_quota == expected.cost(refused));
        std::int64_t by_cause = 0;
        for (const auto& [cause, times] : sum.refused_by) {
            CHECK(times == count("count(*)", refused + in_it + " AND t.cause = '" + cause + "'"));
            by_cause += times;
        }
        CHECK(by_cause == sum.refused);
        CHECK(sum.repeats == expected.number(fmt::format(
                                 "SELECT count(*) FROM repeat WHERE rule = '{}'", sum.rule)));
        CHECK(sum.live + sum.earlier_live + sum.taken_back + sum.failed == 0);
        CHECK(sum.live_quota == 0);
    }
}

void check(const BreakerReport& report, const ShadowSite& site, Span period) {
    Expected expected{site.store(), period};
    check_trips(report, expected, period);
    check_rules(report, expected, site.config, period);
    CHECK(report.shadow_quota == expected.cost("t.step = 'would_trip'"));
    CHECK(report.from == base::from_unix(period.from));
    CHECK(report.until == base::from_unix(period.until));
    CHECK(report.lag == 90s);
    CHECK(report.quota_per_dollar == 500'000);
    CHECK(report.all_read);
    CHECK(report.more_trips == 0);
}

/// The words between two spaces or more.
std::vector<std::string> cells(const std::string& line) {
    std::vector<std::string> found;
    for (std::size_t at = 0; at < line.size();) {
        const auto end = std::min(line.find("  ", at), line.size());
        if (end > at) found.push_back(line.substr(at, end - at));
        at = std::min(line.find_first_not_of(' ', end), line.size());
    }
    return found;
}

/// Whether the amount is that of the row's quota, to the digits that are printed.
bool is_amount(std::string text, std::int64_t quota) {
    std::erase(text, ',');
    REQUIRE(text.starts_with("$"));
    const auto dollars = static_cast<double>(quota) / 500'000;
    const auto shown = std::stod(text.substr(1));
    return std::abs(shown - dollars) <= (dollars < 0.01 ? 0.000001 : 0.005);
}

/// "$2.50" of "…; $2.50 saved until …".
std::string amount_before(const std::string& line, const std::string& words) {
    const auto end = line.find(words);
    REQUIRE(end != std::string::npos);
    const auto begin = line.rfind('$', end);
    REQUIRE(begin != std::string::npos);
    return line.substr(begin, end - begin);
}

/// Each number that the program prints, of rules and of trips, as plain SQL has it.
void check_printed(const std::string& text, Expected& expected) {
    std::vector<std::string> lines;
    std::istringstream all{text};
    for (std::string line; std::getline(all, line);) lines.push_back(line);
    const auto number = [&](const std::string& what, const std::string& which) {
        return expected.number(fmt::format("SELECT ifnull({}, 0) FROM trip t {}", what, which));
    };
    const auto cost = "sum((" + fmt::format(kCost, kOfTrip) + "))";
    REQUIRE(lines.size() > 10);
    REQUIRE(cells(lines[2]) == std::vector<std::string>{"rule", "mode", "would trip", "would save",
                                                        "undone", "refused", "let through",
                                                        "repeats"});
    for (std::size_t i = 3; i < 7; ++i) {
        const auto row = cells(lines[i]);
        REQUIRE(row.size() == 8);
        CAPTURE(lines[i]);
        const auto shadow = "WHERE t.step = 'would_trip' AND t.rule = '" + row[0] + "'";
        const auto refused = "t.step = 'refused' AND t.rule = '" + row[0] + "'";
        CHECK(row[1] == "shadow");
        CHECK(row[2] == std::to_string(number("count(*)", shadow)));
        CHECK(is_amount(row[3], number(cost, shadow)));
        CHECK(row[4] == std::to_string(number("sum(t.undone)", shadow)));
        CHECK(row[5] == std::to_string(number("count(*)", "WHERE " + refused)));
        CHECK(is_amount(row[6], expected.cost(refused)));
        CHECK(row[7] == std::to_string(expected.number(
                            fmt::format("SELECT count(*) FROM repeat WHERE rule = '{}'", row[0]))));
    }
    CHECK(is_amount(amount_before(text, " in all, each row once"),
                    expected.cost("t.step = 'would_trip'")));
    // The newest trip first, one line each, to the end.
    const auto trips = static_cast<std::size_t>(number("count(*)", ""));
    REQUIRE(trips <= BreakerReportText::kMostShown);
    REQUIRE(lines.size() > trips);
    SQLite::Statement row{
        expected.db(),
        fmt::format("SELECT datetime(t.at + 28800, 'unixepoch'), t.rule, t.step = 'would_trip', "
                    "iif(t.target_kind = 'token', 'key ' || t.token, 'channel ' || t.channel), "
                    "({}), datetime(t.counted_until + 28800, 'unixepoch'), t.undone, t.repeats "
                    "FROM trip t ORDER BY t.at DESC, t.id DESC",
                    fmt::format(kCost, kOfTrip))};
    for (auto i = lines.size() - trips; i < lines.size(); ++i) {
        REQUIRE(row.executeStep());
        const auto column = [&](int k) { return row.getColumn(k).getString(); };
        const bool shadow = row.getColumn(2).getInt() == 1;
        CAPTURE(lines[i]);
        CHECK(lines[i].starts_with(fmt::format("{}  {}: {} {} (", column(0), column(1),
                                               shadow ? "would have disabled" : "did not disable",
                                               column(3))));
        const auto until = fmt::format(" {} until {}", shadow ? "saved" : "let through", column(5));
        CHECK(is_amount(amount_before(lines[i], until), row.getColumn(4).getInt64()));
        CHECK((lines[i].find("would have undone it") != std::string::npos) == (column(6) == "1"));
        CHECK((lines[i].find("; asked for again " + column(7) + " time") != std::string::npos) ==
              (column(7) != "0"));
    }
}

/// That the week has something of everything.
void require_all_sorts(const BreakerReport& report, const ShadowSite& site) {
    Expected all{site.store(), {kBegin, kEnd}};
    const auto trips = [&](const std::string& which) {
        return all.number("SELECT count(*) FROM trip t WHERE " + which);
    };
    REQUIRE(trips("step = 'would_trip'") >= 5);
    REQUIRE(trips("step = 'would_trip' AND target_kind = 'token'") >= 2);
    REQUIRE(trips("step = 'refused' AND cause = 'last_usable'") >= 1);
    REQUIRE(trips("undone") >= 2);
    REQUIRE(trips("undone AND over > at + 600") >= 1);  // its alert was held on to
    REQUIRE(trips("repeats > 0") >= 1);
    REQUIRE(trips("step = 'would_trip' AND over IS NULL") >= 1);
    std::int64_t sum = 0;
    for (const auto& rule : report.rules) sum += rule.shadow_quota;
    REQUIRE(report.shadow_quota > 0);
    REQUIRE(report.shadow_quota < sum);  // a key and its channel have rows in common
    const auto rows = [&](const std::string& which) {
        return all.number(
            fmt::format("SELECT count(*) FROM trip t, log l WHERE {} AND {}", kOfTrip, which));
    };
    REQUIRE(rows("l.kind = 3") > 0);
    REQUIRE(rows(fmt::format("l.quota > 0 AND l.token_name IN {}", kTestName)) > 0);
}

}  // namespace

TEST_CASE("the report of a shadow week at the demo's gateway is true to its rows") {
    ShadowSite site{1};
    const auto before = read_file(site.gateway());
    Shadow{site}.live_through_the_week();
    CHECK((read_file(site.gateway()) == before));  // nothing was written

    const Span week{kBegin, kEnd};
    const auto report = report_of(site, week);
    require_all_sorts(report, site);
    check(report, site, week);
    const Span part{kBegin + 2 * kDay + 15 * kHour, kBegin + 5 * kDay + 13 * kHour};
    check(report_of(site, part), site, part);

    const auto told = run_program({"breaker", "report", "--json", "--since", "2026-01-05",
                                   "--until", "2026-01-12", "--config", site.file()});
    REQUIRE_MESSAGE(told.code == 0, told.err);
    CHECK(told.out == BreakerReportText{report, site.config}.json() + "\n");
    const auto read = run_program({"breaker", "report", "--since", "2026-01-05", "--until",
                                   "2026-01-12", "--config", site.file()});
    REQUIRE_MESSAGE(read.code == 0, read.err);
    Expected expected{site.store(), week};
    check_printed(read.out, expected);
}
