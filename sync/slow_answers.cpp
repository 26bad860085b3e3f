#include "sync/slow_answers.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <stdexcept>
#include <utility>

#include <SQLiteCpp/Statement.h>

#include "base/histogram.h"
#include "sync/log_pages.h"
#include "sync/rollup_cells.h"
#include "sync/traffic_plan.h"

namespace quotafuse::sync {
namespace {

std::int64_t number_of(SQLite::Database& database, const char* sql, std::int64_t hour) {
    SQLite::Statement query{database, sql};
    if (query.getBindParameterCount() > 0) query.bind(1, hour);
    query.executeStep();
    return query.getColumn(0).getInt64();
}

/// About: retried ones are not in the histogram, so it may be less than the slowest answer took.
double slowest_of(const SQLite::Column& blob) {
    if (blob.isNull()) return 0;
    const auto found = base::Histogram::decode(
        {static_cast<const char*>(blob.getBlob()), static_cast<std::size_t>(blob.getBytes())});
    if (!found) throw std::runtime_error("a rollup's histogram is damaged: restore a backup");
    return found->quantile(1).value_or(0);
}

/// The hours in which there was something of the filter; those with the slowest answers first.
std::vector<std::int64_t> hours_of(SQLite::Database& database, const TrafficFilter& of,
                                   std::int64_t from, std::int64_t until) {
    SQLite::Statement query{database,
                            "SELECT hour, latency FROM hour_channel_model WHERE hour >= ? AND "
                            "hour < ? AND answers > 0" +
                                conditions_of(of)};
    query.bind(1, from);
    query.bind(2, until);
    std::map<std::int64_t, double> slowest;
    while (query.executeStep()) {
        auto& of_hour = slowest[query.getColumn(0).getInt64()];
        of_hour = std::max(of_hour, slowest_of(query.getColumn(1)));
    }
    std::vector<std::pair<double, std::int64_t>> order;
    for (const auto& [hour, latency] : slowest) order.emplace_back(latency, hour);
    std::sort(order.begin(), order.end(), std::greater<>{});
    std::vector<std::int64_t> hours;
    for (const auto& [latency, hour] : order) hours.push_back(hour);
    return hours;
}

/// While the slowest of a filter are gathered.
class Gathering {
public:
    Gathering(SQLite::Database& database, const SlowQuestion& question)
        : most_(question.most),
          query_(database,
                 "SELECT latency_ms, id FROM log INDEXED BY log_by_time WHERE created_at >= ?1 AND "
                 "created_at < ?2 AND latency_ms >= ?3 AND latency_ms > 0 AND kind = 1 AND "
                 "flags & 6 = 0" +
                     conditions_of(question.of)) {}

    void add_hour(std::int64_t hour) {
        query_.bind(1, hour * kSecondsOfHour);
        query_.bind(2, (hour + 1) * kSecondsOfHour);
        query_.bind(3, found_.size() < most_ ? 0 : found_.begin()->first);
        while (query_.executeStep()) {
            found_.emplace(query_.getColumn(0).getInt64(), query_.getColumn(1).getInt64());
            if (found_.size() > most_) found_.erase(found_.begin());
        }
        query_.reset();
    }
    /// Row ids, slowest first.
    std::vector<std::int64_t> ids() const {
        std::vector<std::int64_t> list;
        for (auto one = found_.rbegin(); one != found_.rend(); ++one) list.push_back(one->second);
        return list;
    }

private:
    const std::size_t most_;
    SQLite::Statement query_;
    std::set<std::pair<std::int64_t, std::int64_t>> found_;  // latency, id
};

}  // namespace

SlowAnswers slow_answers(SQLite::Database& database, const SlowQuestion& question) {
    const LogPages pages{database};
    const auto kept_since = number_of(database, "SELECT kept_since FROM upkeep", 0);
    SlowAnswers answers{.from = question.from};
    if (base::unix_seconds(question.from) < kept_since) {
        answers.from = base::from_unix(kept_since);
        answers.cut = TrafficCut::not_kept;
    }
    if (question.of == TrafficFilter{}) {
        answers.rows = pages.slowest(question.from, question.until, question.most);
        return answers;
    }
    const auto from = base::unix_seconds(answers.from) / kSecondsOfHour;
    const auto until = (base::unix_seconds(question.until) + kSecondsOfHour - 1) / kSecondsOfHour;
    Gathering gathering{database, question};
    std::int64_t looked = 0;
    for (const auto hour : hours_of(database, question.of, from, until)) {
        if (looked >= kMostSlowRows) {
            answers.cut = TrafficCut::too_many_rows;
            break;
        }
        // Refunds and chores are few beside requests.
        looked += number_of(database,
                            "SELECT ifnull(sum(answers + errors + client_errors), 0) FROM "
                            "hour_group WHERE hour = ?",
                            hour);
        gathering.add_hour(hour);
    }
    for (const auto id : gathering.ids())
        if (const auto row = pages.row(id)) answers.rows.push_back(*row);
    return answers;
}

}  // namespace quotafuse::sync
