#include "sync/traffic_reader.h"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <tuple>

#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

#include "sync/rollup_cells.h"
#include "sync/rollup_days.h"
#include "sync/row_query.h"
#include "sync/tally.h"
#include "sync/traffic_plan.h"

namespace quotafuse::sync {
namespace {

constexpr auto kSums =
    "sum(answers), sum(errors), sum(client_errors), sum(prompt_tokens), sum(completion_tokens), "
    "sum(cache_tokens), sum(quota), sum(refund)";
constexpr auto kSumsAndTimes =
    "answers, errors, client_errors, prompt_tokens, completion_tokens, cache_tokens, quota, "
    "refund, empty_replies, latency_ms, first_token_ms, latency, first_token";

/// What the rollups say of themselves.
struct State {
    std::int64_t closed = 0;
    std::int64_t first_hour = 0;  // hours before it are gone, or were never there
    std::int64_t narrow_since = 0;
    std::int64_t rows_since = 0;  // unix second; rows created before it are gone
};

State read_state(SQLite::Database& database) {
    SQLite::Statement query{database,
                            "SELECT closed, max(kept_until, ifnull((SELECT min(hour) FROM "
                            "hour_group), 0)), narrow_since, (SELECT kept_since FROM upkeep) "
                            "FROM rollup_state"};
    query.executeStep();
    return {query.getColumn(0).getInt64(), query.getColumn(1).getInt64(),
            query.getColumn(2).getInt64(), query.getColumn(3).getInt64()};
}

TextId text_id(SQLite::Database& database, const char* text) {
    SQLite::Statement query{database, "SELECT id FROM text WHERE value = ?"};
    query.bind(1, text);
    return query.executeStep() ? query.getColumn(0).getInt() : -1;
}

base::Histogram histogram_at(const SQLite::Statement& query, int column) {
    const auto blob = query.getColumn(column);
    if (blob.isNull()) return {};
    const auto found = base::Histogram::decode(
        {static_cast<const char*>(blob.getBlob()), static_cast<std::size_t>(blob.getBytes())});
    if (!found) throw std::runtime_error("a rollup's histogram is damaged: restore a backup");
    return *found;
}

TrafficSums sums_at(const SQLite::Statement& query, int column, bool times) {
    const auto number = [&](int i) { return query.getColumn(column + i).getInt64(); };
    TrafficSums sums{number(0), number(1), number(2), number(3),
                     number(4), number(5), number(6), number(7)};
    if (!times) return sums;
    sums.empty_replies = number(8);
    sums.latency_total = number(9);
    sums.first_token_total = number(10);
    sums.latency = histogram_at(query, column + 11);
    sums.first_token = histogram_at(query, column + 12);
    return sums;
}

TrafficSums sums_of(const Tally& tally, bool times) {
    TrafficSums sums{
        tally.answers,           tally.errors,       tally.client_errors, tally.prompt_tokens,
        tally.completion_tokens, tally.cache_tokens, tally.quota,         tally.refund};
    if (!times) return sums;
    sums.empty_replies = tally.empty_replies;
    if (tally.latency_ms >= 0) {
        sums.latency_total = tally.latency_ms;
        sums.latency.add(tally.latency_ms);
    }
    if (tally.first_token_ms >= 0) {
        sums.first_token_total = tally.first_token_ms;
        sums.first_token.add(tally.first_token_ms);
    }
    return sums;
}

/// One question while it is answered.
class Inquiry {
public:
    Inquiry(SQLite::Database& database, const base::TimeZone& zone, const TrafficQuestion& question,
            base::Second now, TextId prompt_blocked)
        : database_(database),
          days_(zone),
          question_(question),
          from_(base::unix_seconds(question.from)),
          until_(base::unix_seconds(question.until)),
          now_(base::unix_seconds(now)),
          prompt_blocked_(prompt_blocked),
          state_(read_state(database)) {}

    TrafficAnswer answer() {
        from_ = std::max<std::int64_t>(from_, 0);
        if (from_ < until_) {
            if (const auto table = table_for(question_)) {
                answer_from(*table);
            } else {
                answer_from_rows();
            }
        }
        return take_answer();
    }

    std::optional<TrafficAnswer> answer_in_steps(std::int64_t seconds) {
        from_ = std::max<std::int64_t>(from_, 0);
        if (from_ < state_.rows_since) return std::nullopt;
        std::int64_t rows = 0;
        for (auto hour = hour_of(from_); hour * kSecondsOfHour < until_; ++hour) {
            rows += rows_of_hour(hour);
            if (rows > TrafficReader::kMostStepRows) return std::nullopt;
        }
        seconds_ = seconds;
        add_rows(from_, until_);
        return take_answer();
    }

private:
    using Key = std::tuple<std::int64_t, std::int64_t, TextId, std::int64_t>;

    TrafficAnswer take_answer();
    void answer_from(const TrafficTable& table);
    void answer_from_rows();
    bool add_part_of_hour(std::int64_t from, std::int64_t until);
    std::int64_t rows_of_hour(std::int64_t hour) const;
    void add_hours(const TrafficTable& table, std::int64_t from, std::int64_t until);
    void add_days(const TrafficTable& table, std::int64_t from, std::int64_t until);
    void add_table(std::string_view name, bool days, std::int64_t from, std::int64_t until);
    bool has_others(const char* span, std::int64_t from, std::int64_t until) const;
    void begin_at(std::int64_t second, TrafficCut why);
    void add_rows(std::int64_t from, std::int64_t until);
    void add_row(const Row& row);
    void add(TrafficCell cell);
    std::int64_t step_of(std::int64_t second);

    SQLite::Database& database_;
    RollupDays days_;
    const TrafficQuestion& question_;
    std::int64_t from_;
    std::int64_t until_;
    const std::int64_t now_;
    const TextId prompt_blocked_;
    const State state_;
    std::int64_t rows_left_ = TrafficReader::kMostRows;
    std::int64_t seconds_ = 0;  // of a step, instead of question_.step; 0 for none
    bool has_others_ = false;
    TrafficCut cut_ = TrafficCut::none;
    std::map<Key, TrafficCell> cells_;
};

TrafficAnswer Inquiry::take_answer() {
    TrafficAnswer answer{base::from_unix(from_), base::from_unix(std::max(from_, until_)), cut_};
    for (auto& [key, cell] : cells_) answer.cells.push_back(std::move(cell));
    answer.has_others = has_others_;
    return answer;
}

void Inquiry::answer_from(const TrafficTable& table) {
    begin_at(state_.first_hour * kSecondsOfHour, TrafficCut::before_store);
    if (table.narrow) begin_at(state_.narrow_since * kSecondsOfHour, TrafficCut::not_kept);
    if (from_ >= until_) return;
    // Whole hours: from ≤ hour < until. The one of now is as whole as it can be.
    auto hour = (from_ + kSecondsOfHour - 1) / kSecondsOfHour;
    auto end = until_ / kSecondsOfHour;
    if (until_ >= now_) end = (until_ + kSecondsOfHour - 1) / kSecondsOfHour;
    if (hour > end) {  // both ends within one hour
        if (add_part_of_hour(from_, until_)) return;
        from_ = end * kSecondsOfHour;
        until_ = from_ + kSecondsOfHour;
        return add_hours(table, end, end + 1);
    }
    if (from_ < hour * kSecondsOfHour && !add_part_of_hour(from_, hour * kSecondsOfHour))
        from_ = --hour * kSecondsOfHour;
    if (end * kSecondsOfHour < until_ && !add_part_of_hour(end * kSecondsOfHour, until_))
        until_ = ++end * kSecondsOfHour;
    add_hours(table, hour, end);
}

/// False, and nothing added, when that would be too many rows, or some are gone.
bool Inquiry::add_part_of_hour(std::int64_t from, std::int64_t until) {
    if (from < state_.rows_since) return false;
    const auto rows = rows_of_hour(from / kSecondsOfHour);
    if (rows > rows_left_) return false;
    rows_left_ -= rows;
    add_rows(from, until);
    return true;
}

void Inquiry::add_rows(std::int64_t from, std::int64_t until) {
    RowQuery query{database_,
                   "FROM log INDEXED BY log_by_time WHERE created_at >= ?1 AND created_at < ?2 "
                   "ORDER BY created_at"};
    query.each({from, until}, [&](const Row& row) { add_row(row); });
}

/// About: refunds and the gateway's chores are not requests.
std::int64_t Inquiry::rows_of_hour(std::int64_t hour) const {
    SQLite::Statement query{database_,
                            "SELECT ifnull(sum(answers + errors + client_errors), 0) "
                            "FROM hour_group WHERE hour = ?"};
    query.bind(1, hour);
    query.executeStep();
    return query.getColumn(0).getInt64();
}

/// Not before `second`.
void Inquiry::begin_at(std::int64_t second, TrafficCut why) {
    if (second <= from_) return;
    from_ = second;
    cut_ = why;
}

/// The newest rows, as many as may be read: what they cover is told.
void Inquiry::answer_from_rows() {
    begin_at(state_.rows_since, TrafficCut::not_kept);
    if (from_ >= until_) return;
    RowQuery query{database_,
                   "FROM log INDEXED BY log_by_time WHERE created_at >= ?1 AND created_at < ?2 "
                   "ORDER BY created_at DESC LIMIT ?3"};
    std::vector<Row> matching;
    std::int64_t oldest = until_;
    const auto read = query.each({from_, until_, TrafficReader::kMostRows}, [&](const Row& row) {
        oldest = row.created_at;
        if (question_.of.matches(row)) matching.push_back(row);
    });
    // The oldest second may have lost a part of its rows.
    if (read == static_cast<std::size_t>(TrafficReader::kMostRows))
        begin_at(oldest + 1, TrafficCut::too_many_rows);
    for (const auto& row : matching)
        if (row.created_at >= from_) add_row(row);
}

void Inquiry::add_hours(const TrafficTable& table, std::int64_t from, std::int64_t until) {
    const auto closed = std::clamp(state_.closed, from, until);
    auto hour = from;
    if (question_.step != TrafficStep::hour &&
        base::Seconds{(closed - from) * kSecondsOfHour} > TrafficReader::kByHours) {
        const auto first = days_.first_hour_of_day(from);
        const auto end = days_.day_start(closed);
        if (first < end) {
            add_table(table.name, false, from, first);
            add_days(table, days_.day_of(first), days_.day_of(end));
            hour = end;
        }
    }
    add_table(table.name, false, hour, closed);
    add_table(table.open_name, false, closed, until);
}

void Inquiry::add_days(const TrafficTable& table, std::int64_t from, std::int64_t until) {
    add_table(table.name, true, from, until);
}

void Inquiry::add_table(std::string_view name, bool days, std::int64_t from, std::int64_t until) {
    if (from >= until) return;
    const auto* const span = days ? "day" : "hour";
    has_others_ = has_others_ || (name == "ip" && has_others(span, from, until));
    const auto columns = columns_of(question_.by);
    const bool times = question_.times;
    const bool by_time = question_.step != TrafficStep::whole || times;
    // Histograms are merged here: so each row of the rollup comes by itself. Otherwise the newest
    // hour or day comes along with the sum.
    std::string sql =
        fmt::format("SELECT {}, {}, {}, {}, {} FROM {}_{} WHERE {} >= ?1 AND {} < ?2{}",
                    by_time ? span : fmt::format("max({})", span), columns.id, columns.text,
                    columns.owner, times ? kSumsAndTimes : kSums, span, name, span, span,
                    conditions_of(question_.of) +
                        (question_.only_failed ? " AND errors + client_errors > 0" : ""));
    if (!times) {
        const std::string group{columns.group_by};
        if (by_time) sql += fmt::format(" GROUP BY {}{}{}", span, group.empty() ? "" : ", ", group);
        if (!by_time && !group.empty()) sql += " GROUP BY " + group;
    }
    SQLite::Statement query{database_, sql};
    query.bind(1, from);
    query.bind(2, until);
    while (query.executeStep()) {
        if (query.getColumn(0).isNull()) continue;  // a sum of nothing
        const auto at = query.getColumn(0).getInt64();
        const auto hour = days ? days_.start_of(at) : at;
        const auto after = days ? days_.start_of(at + 1) : at + 1;
        TrafficCell cell;
        cell.time = step_of(hour * kSecondsOfHour);
        cell.id = query.getColumn(1).getInt64();
        cell.text = query.getColumn(2).getInt();
        cell.owner = query.getColumn(3).getInt64();
        cell.sums = sums_at(query, 4, times);
        cell.last = after * kSecondsOfHour;
        add(std::move(cell));
    }
}

bool Inquiry::has_others(const char* span, std::int64_t from, std::int64_t until) const {
    SQLite::Statement query{
        database_,
        fmt::format("SELECT 1 FROM {0}_ip WHERE {0} >= ? AND {0} < ? AND ip = ? LIMIT 1", span)};
    query.bind(1, from);
    query.bind(2, until);
    query.bind(3, kOtherAddresses);
    return query.executeStep();
}

void Inquiry::add_row(const Row& row) {
    if (!question_.of.matches(row)) return;
    const auto tally = tally_of(row, prompt_blocked_);
    if (!tally) return;
    auto cell = cell_of(question_.by, row);
    cell.time = step_of(row.created_at);
    cell.sums = sums_of(*tally, question_.times);
    cell.last = row.created_at + 1;
    if (question_.only_failed && cell.sums.errors + cell.sums.client_errors == 0) return;
    add(std::move(cell));
}

void Inquiry::add(TrafficCell cell) {
    if (question_.only_failed)
        cell.sums = {.errors = cell.sums.errors, .client_errors = cell.sums.client_errors};
    // A key or user with an id may have had several names.
    const bool named = question_.by == TrafficBy::token || question_.by == TrafficBy::user;
    const Key key = named && cell.id != 0 ? Key{cell.time, cell.id, 0, 0}
                                          : Key{cell.time, cell.id, cell.text, cell.owner};
    const auto [found, is_new] = cells_.try_emplace(key, cell);
    if (is_new) return;
    auto& kept = found->second;
    kept.sums.add(cell.sums);
    if (cell.last > kept.last) {
        kept.text = cell.text;
        kept.owner = cell.owner;
        kept.last = cell.last;
    }
}

std::int64_t Inquiry::step_of(std::int64_t second) {
    if (seconds_ > 0) return second / seconds_ * seconds_;
    switch (question_.step) {
        case TrafficStep::whole:
            return 0;
        case TrafficStep::hour:
            return hour_of(second) * kSecondsOfHour;
        case TrafficStep::day:
            return days_.day_start(hour_of(second)) * kSecondsOfHour;
    }
    std::abort();
}

}  // namespace

TrafficReader::TrafficReader(SQLite::Database& database, base::TimeZone zone)
    : database_(database),
      zone_(std::move(zone)),
      prompt_blocked_(text_id(database, "prompt_blocked")) {}

TrafficAnswer TrafficReader::answer(const TrafficQuestion& question, base::Second now) const {
    return Inquiry{database_, zone_, question, now, prompt_blocked_}.answer();
}

std::optional<TrafficAnswer> TrafficReader::answer_in_steps(const TrafficQuestion& question,
                                                            base::Seconds step) const {
    return Inquiry{database_, zone_, question, question.until, prompt_blocked_}.answer_in_steps(
        step.count());
}

}  // namespace quotafuse::sync
