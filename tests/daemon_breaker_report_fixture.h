#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <SQLiteCpp/Statement.h>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "alerts/state_store.h"
#include "circuit_breaker/audit.h"
#include "daemon/breaker_report.h"
#include "daemon/wording.h"
#include "support/temp_dir.h"
#include "sync/store.h"

namespace quotafuse::tests {

using circuit_breaker::Target;
using circuit_breaker::TripCause;
using circuit_breaker::TripResult;

inline constexpr std::int64_t kNoon = 1'767'585'600;  // 2026-01-05 04:00 UTC
inline constexpr std::int64_t kDollar = 500'000;
inline constexpr auto kSeries = "[[3,\"\"]]";  // of channel 3

/// A store with rows, alerts and steps of the breaker, written as the daemon writes them, and read
/// as the command reads it.
class Ledger {
public:
    Ledger()
        : database_(folder_.file("s.db"),
                    {sync::Store::schema(), alerts::schema(), circuit_breaker::Audit::schema()}),
          store_(database_),
          audit_(database_) {
        database_.set_durable(false);  // no test here cuts the power
    }

    sync::LogEntry& row(std::int64_t at, std::int64_t channel, std::int64_t quota,
                        sync::Kind kind = sync::Kind::consume) {
        sync::LogEntry entry;
        entry.id = ++last_id_;
        entry.created_at = at;
        entry.kind = kind;
        entry.channel = channel;
        entry.model = "gpt-4o";
        entry.group = "default";
        entry.user = 4;
        entry.token = 7;
        entry.token_name = "ci";
        entry.quota = quota;
        return rows_.emplace_back(entry);
    }
    /// An event of an alert's history: "firing", or "over" with how it ended.
    void alert(const std::string& rule, const std::string& series, std::int64_t at,
               const std::string& ending = {}) {
        alerts::Step step;
        step.changes_state = true;
        step.events = {{fmt::format("{}-{}-{}", rule, series, ++events_),
                        rule,
                        series,
                        base::from_unix(at),
                        ending.empty() ? "firing" : "over",
                        ending,
                        {}}};
        base::WriteTransaction transaction{database_};
        alerts::save_state(database_, step);
        transaction.commit();
    }
    struct Asked {
        std::string rule = "burn";
        std::string series = kSeries;
        TripResult::Kind kind = TripResult::Kind::would_trip;
        Target target = Target::of_channel(3);
        TripCause cause{};
    };
    /// Returns its trip id.
    std::string trip(std::int64_t at, const Asked& asked) {
        TripResult result;
        result.kind = asked.kind;
        result.request.trip_id = fmt::format("t{}", ++trips_);
        result.request.target = asked.target;
        result.request.reason = asked.rule + ": too much";
        result.request.rule = asked.rule;
        result.request.series = asked.series;
        const bool live = asked.kind == TripResult::Kind::tripped;
        result.request.mode = live ? circuit_breaker::Mode::live : circuit_breaker::Mode::shadow;
        result.name = "azure";
        result.before = result.after = "{}";
        explain(result, asked.cause);
        base::WriteTransaction transaction{database_};
        audit_.record(result, base::from_unix(at));
        transaction.commit();
        return result.request.trip_id;
    }
    std::string trip(std::int64_t at) { return trip(at, Asked{}); }
    void released(const std::string& trip, std::int64_t at,
                  circuit_breaker::Change change = circuit_breaker::Change::enabled) {
        base::WriteTransaction transaction{database_};
        REQUIRE(audit_.observe({{trip, change}}, base::from_unix(at), base::from_unix(at)).size() ==
                1);
        transaction.commit();
    }
    void given_back(const std::string& trip, std::int64_t at, circuit_breaker::Way way) {
        const auto circuit = audit_.circuits().of_trip(trip);
        REQUIRE(circuit);
        circuit_breaker::ReturnResult result;
        result.kind = circuit_breaker::ReturnResult::Kind::done;
        result.request.circuit = *circuit;
        result.request.way = way;
        base::WriteTransaction transaction{database_};
        REQUIRE(audit_.intend_return(result.request, base::from_unix(at)));
        audit_.record(result, base::from_unix(at));
        transaction.commit();
    }
    /// As `quotafuse breaker restore` does, answered so many seconds later.
    void ordered_back(
        const std::string& trip, std::int64_t at, std::int64_t answered_after = 0,
        circuit_breaker::ReturnResult::Kind kind = circuit_breaker::ReturnResult::Kind::done) {
        const auto circuit = audit_.circuits().of_trip(trip);
        REQUIRE(circuit);
        circuit_breaker::ReturnResult result;
        result.kind = kind;
        result.request.circuit = *circuit;
        result.request.way = circuit_breaker::Way::whole;
        result.request.asked_by = daemon::kAskedByPerson;
        base::WriteTransaction transaction{database_};
        REQUIRE(audit_.intend_return(result.request, base::from_unix(at)));
        audit_.record(result, base::from_unix(at + answered_after));
        transaction.commit();
    }
    alerts::Rule& rule(const std::string& name) {
        alerts::Rule rule;
        rule.name = name;
        rule.action = alerts::RuleAction{};
        return config.rules.emplace_back(rule);
    }
    void store_rows() {
        sync::Batch batch;
        batch.entries = std::exchange(rows_, {});
        batch.position.cursor = last_id_;
        store_.append(batch, base::from_unix(kNoon));
    }

    daemon::BreakerReport report(std::int64_t from, std::int64_t until,
                                 const std::string& only = {}) {
        if (!rows_.empty()) store_rows();
        sync::History history{database_.path()};
        daemon::BreakerReportPlan plan;
        plan.from = base::from_unix(from);
        plan.until = base::from_unix(until);
        plan.now = now ? base::from_unix(*now) : plan.until + base::Seconds{86'400};
        plan.rule = only;
        plan.lag = lag;
        plan.config = &config;
        return daemon::read_breaker_report(history, plan);
    }
    /// The day around noon.
    daemon::BreakerReport report() { return report(kNoon - 43'200, kNoon + 43'200); }
    /// The first number of the first row.
    std::int64_t sql(const std::string& statement) {
        SQLite::Statement query{database_.handle(), statement};
        REQUIRE(query.executeStep());
        return query.getColumn(0).getInt64();
    }
    base::Database& database() { return database_; }
    circuit_breaker::Audit& audit() { return audit_; }

    daemon::Config config;
    base::Seconds lag{90};
    std::optional<std::int64_t> now;  // when reports are read; empty: a day later

private:
    TempDir folder_;
    base::Database database_;
    sync::Store store_;
    circuit_breaker::Audit audit_;
    std::vector<sync::LogEntry> rows_;
    std::int64_t last_id_ = 0;
    std::int64_t events_ = 0;
    std::int64_t trips_ = 0;
};

inline Ledger::Asked refused(TripCause::Kind cause) {
    Ledger::Asked asked;
    asked.kind = TripResult::Kind::refused;
    asked.cause.kind = cause;
    return asked;
}

inline Ledger::Asked live() {
    Ledger::Asked asked;
    asked.kind = TripResult::Kind::tripped;
    return asked;
}

}  // namespace quotafuse::tests
