#include "sync/rollups.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>
#include <vector>

#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

#include "sync/rollup_bounds.h"
#include "sync/rollup_cells.h"
#include "sync/rollup_days.h"
#include "sync/rollup_functions.h"
#include "sync/rollup_tables.h"
#include "sync/rollup_writer.h"
#include "sync/tally.h"
#include "sync/usage_totals.h"

namespace quotafuse::sync {
namespace {

/// What rollup_state says.
struct State {
    std::string zone;
    std::int64_t closed = 0;
    std::int64_t minutes_gone = 0;
    std::int64_t kept_day = 0;
    std::int64_t kept_until = 0;
    bool operator==(const State&) const = default;
};

constexpr auto kClearMinutes =
    "UPDATE hour_channel_model SET minutes = NULL WHERE (hour, channel, model) IN "
    "(SELECT hour, channel, model FROM hour_channel_model "
    "WHERE hour >= ? AND hour < ? AND minutes IS NOT NULL LIMIT ?) RETURNING hour";

}  // namespace

struct Rollups::Impl {
    Impl(base::Database& opened, const Texts& dictionary, base::TimeZone days);

    State read_state();
    void write_state(const State& state);
    std::int64_t day_of(std::int64_t hour, const State& state) const;
    /// The first hour with counted rows, from ≤ hour < until; empty when there is none.
    std::optional<std::int64_t> next_hour(std::int64_t from, std::int64_t until);
    /// The last one before that hour.
    std::optional<std::int64_t> last_hour(std::int64_t before);
    /// Sums the hours from ≤ hour < until up by channel and by model, and adds them to their days.
    void close(std::int64_t from, std::int64_t until, const State& state);
    /// Adds the hours from ≤ hour < until to their days, and returns these.
    std::set<std::int64_t> fold(std::int64_t from, std::int64_t until, const State& state);
    /// After the hours from ≤ hour < until were closed, and rows were written to `late` ones.
    void bound(std::int64_t from, std::int64_t until, const RollupCells& late, const State& state);
    /// Adds the days before that of the first open hour to the totals.
    void fold_totals(const State& state);
    void follow_zone(State& state);
    int clear_minutes(std::int64_t until, int most, State& state);
    int delete_hours(std::int64_t until, int most, State& state);
    int delete_days(std::int64_t until, int most);

    void write(std::size_t table, RollupSpan span, const RollupCells& cells);

    struct Statements {
        SQLite::Statement upsert_hour;
        SQLite::Statement upsert_day;
        SQLite::Statement fold;
        SQLite::Statement delete_hours;
        SQLite::Statement delete_days;
    };

    SQLite::Database& database;
    const Texts& texts;
    base::TimeZone zone;
    std::vector<Statements> tables;          // as rollup_tables()
    std::vector<SQLite::Statement> sum_ups;  // of those behind kRowRollups
    RollupBounds bounds;
    UsageTotals totals;
    SQLite::Statement get_state;
    SQLite::Statement set_state;
    SQLite::Statement get_next_hour;
    SQLite::Statement get_last_hour;
    SQLite::Statement set_no_minutes;
};

namespace {

std::optional<std::int64_t> hour_from(SQLite::Statement& query) {
    query.executeStep();
    const auto column = query.getColumn(0);
    const auto hour = column.isNull() ? std::nullopt : std::optional{column.getInt64()};
    query.reset();
    return hour;
}

/// The functions that the statements need, then the database.
SQLite::Database& with_functions(SQLite::Database& database) {
    add_rollup_functions(database);
    return database;
}

}  // namespace

Rollups::Impl::Impl(base::Database& opened, const Texts& dictionary, base::TimeZone days)
    : database(with_functions(opened.handle())),
      texts(dictionary),
      zone(std::move(days)),
      bounds(database),
      totals(database),
      get_state(database,
                "SELECT zone, closed, minutes_gone, kept_day, kept_until FROM rollup_state "
                "WHERE one = 1"),
      set_state(database,
                "UPDATE rollup_state SET zone = ?, closed = ?, minutes_gone = ?, kept_day = ?, "
                "kept_until = ? WHERE one = 1"),
      get_next_hour(database,
                    "SELECT min(hour) FROM hour_channel_model WHERE hour >= ? AND hour < ?"),
      get_last_hour(database, "SELECT max(hour) FROM hour_channel_model WHERE hour < ?"),
      set_no_minutes(database, kClearMinutes) {
    for (const auto& table : rollup_tables()) {
        tables.push_back({{database, upsert_rollup(table, RollupSpan::hour)},
                          {database, upsert_rollup(table, RollupSpan::day)},
                          {database, fold_rollup(table)},
                          {database, delete_rollup(table, RollupSpan::hour)},
                          {database, delete_rollup(table, RollupSpan::day)}});
    }
    for (auto i = kRowRollups; i < kRollupTables; ++i)
        sum_ups.emplace_back(database, sum_up_rollup(rollup_tables()[i]));
}

State Rollups::Impl::read_state() {
    get_state.tryReset();
    get_state.executeStep();
    State state{get_state.getColumn(0).getString(), get_state.getColumn(1).getInt64(),
                get_state.getColumn(2).getInt64(), get_state.getColumn(3).getInt64(),
                get_state.getColumn(4).getInt64()};
    get_state.reset();
    return state;
}

void Rollups::Impl::write_state(const State& state) {
    set_state.tryReset();
    set_state.bind(1, state.zone);
    set_state.bind(2, state.closed);
    set_state.bind(3, state.minutes_gone);
    set_state.bind(4, state.kept_day);
    set_state.bind(5, state.kept_until);
    set_state.exec();
}

/// A day that has lost hours takes no other ones when the zone changes, and gives none away.
std::int64_t Rollups::Impl::day_of(std::int64_t hour, const State& state) const {
    const auto day = RollupDays{zone}.day_of(hour);
    return hour < state.kept_until ? std::min(day, state.kept_day)
                                   : std::max(day, state.kept_day + 1);
}

std::optional<std::int64_t> Rollups::Impl::next_hour(std::int64_t from, std::int64_t until) {
    get_next_hour.tryReset();
    get_next_hour.bind(1, from);
    get_next_hour.bind(2, until);
    return hour_from(get_next_hour);
}

std::optional<std::int64_t> Rollups::Impl::last_hour(std::int64_t before) {
    get_last_hour.tryReset();
    get_last_hour.bind(1, before);
    return hour_from(get_last_hour);
}

void Rollups::Impl::close(std::int64_t from, std::int64_t until, const State& state) {
    for (auto hour = next_hour(from, until); hour; hour = next_hour(*hour + 1, until)) {
        for (auto& sum_up : sum_ups) {
            sum_up.tryReset();
            sum_up.bind(1, *hour);
            sum_up.exec();
        }
    }
    fold(from, until, state);
}

std::set<std::int64_t> Rollups::Impl::fold(std::int64_t from, std::int64_t until,
                                           const State& state) {
    std::set<std::int64_t> days;
    for (auto hour = next_hour(from, until); hour; hour = next_hour(*hour + 1, until)) {
        const auto day = day_of(*hour, state);
        days.insert(day);
        for (auto& statements : tables) {
            statements.fold.tryReset();
            statements.fold.bind(1, day);
            statements.fold.bind(2, *hour);
            statements.fold.exec();
        }
    }
    return days;
}

void Rollups::Impl::bound(std::int64_t from, std::int64_t until, const RollupCells& late,
                          const State& state) {
    std::set<std::int64_t> hours;
    for (auto hour = next_hour(from, until); hour; hour = next_hour(*hour + 1, until))
        hours.insert(*hour);
    for (const auto& [key, cell] : late)
        if (key[0] < until) hours.insert(key[0]);
    std::set<std::int64_t> days;
    const auto today = day_of(until, state);
    for (const auto hour : hours) days.insert(day_of(hour, state));
    // The day that ends with the hour `from` had its rows before.
    if (from < until) days.insert(day_of(from - 1, state));
    std::erase_if(days, [&](std::int64_t day) { return day >= today; });
    bounds.bound_hours(hours);
    bounds.bound_days(days);
}

void Rollups::Impl::fold_totals(const State& state) {
    RollupDays of_zone{zone};
    totals.fold_days({of_zone.day_start(state.closed), of_zone.day_of(state.closed), zone.name()},
                     state.kept_day);
}

void Rollups::Impl::follow_zone(State& state) {
    state.zone = zone.name();
    for (const auto& table : rollup_tables()) {
        SQLite::Statement remove{database,
                                 fmt::format("DELETE FROM day_{} WHERE day > ?", table.name)};
        remove.bind(1, state.kept_day);
        remove.exec();
    }
    auto days = fold(state.kept_until, state.closed, state);
    days.erase(day_of(state.closed, state));
    bounds.bound_days(days);
}

/// How many rows lost their minutes; `most` also when there is more to look at.
int Rollups::Impl::clear_minutes(std::int64_t until, int most, State& state) {
    const auto first = next_hour(state.minutes_gone, until);
    if (!first) return 0;
    // Hours without minutes cost a look too: no more than those of a day in one call.
    const auto end = std::min(until, *first + 24);
    auto reached = *first;
    int cleared = 0;
    set_no_minutes.tryReset();
    set_no_minutes.bind(1, *first);
    set_no_minutes.bind(2, end);
    set_no_minutes.bind(3, most);
    for (; set_no_minutes.executeStep(); ++cleared)
        reached = std::max(reached, set_no_minutes.getColumn(0).getInt64());
    set_no_minutes.reset();
    if (cleared < most) reached = *last_hour(end) + 1;
    state.minutes_gone = std::max(state.minutes_gone, reached);
    return end < until ? most : cleared;
}

int Rollups::Impl::delete_hours(std::int64_t until, int most, State& state) {
    const auto last = last_hour(until).value_or(-1);
    if (last >= state.closed) {
        close(state.closed, last + 1, state);
        bound(state.closed, last + 1, {}, state);
        state.closed = last + 1;
    }
    totals.fold_hours(last + 1);  // an hour that is not in the totals stays
    if (last >= state.kept_until) {
        const auto day = day_of(last, state);
        auto next = last + 1;
        while (day_of(next, state) == day) ++next;
        state.kept_day = day;
        state.kept_until = next;
    }
    int deleted = 0;
    for (auto& statements : tables) {
        if (deleted >= most) break;
        statements.delete_hours.tryReset();
        statements.delete_hours.bind(1, until);
        statements.delete_hours.bind(2, most - deleted);
        deleted += statements.delete_hours.exec();
    }
    return deleted;
}

void Rollups::Impl::write(std::size_t table, RollupSpan span, const RollupCells& cells) {
    auto& statements = tables[table];
    write_rollup(span == RollupSpan::hour ? statements.upsert_hour : statements.upsert_day,
                 rollup_tables()[table], span, cells);
}

int Rollups::Impl::delete_days(std::int64_t until, int most) {
    int deleted = 0;
    for (auto& statements : tables) {
        if (deleted >= most) break;
        statements.delete_days.tryReset();
        statements.delete_days.bind(1, until);
        statements.delete_days.bind(2, most - deleted);
        deleted += statements.delete_days.exec();
    }
    return deleted;
}

std::string Rollups::tables() {
    return rollup_schema();
}

std::string Rollups::more_tables() {
    return rollup_schema_by_more();
}

std::string Rollups::totals_tables() {
    return UsageTotals::tables();
}

Rollups::Rollups(base::Database& database, const Texts& texts, base::TimeZone zone)
    : impl_(std::make_unique<Impl>(database, texts, std::move(zone))) {}
Rollups::~Rollups() = default;

void Rollups::add(std::span<const Row> rows, std::int64_t minutes_since, std::int64_t now) {
    const auto before = impl_->read_state();
    auto state = before;
    if (state.zone != impl_->zone.name()) impl_->follow_zone(state);
    minutes_since = std::max(minutes_since, state.minutes_gone * kSecondsOfHour);
    RollupHours hours;
    UsageTotals::Minus minus;
    for (const auto& row : rows) {
        const auto tally = tally_of(row, impl_->texts);
        if (!tally) continue;
        hours.add(row, *tally, minutes_since);
        minus.add(row, *tally);
        state.closed = std::max(state.closed, hour_of(std::min(row.created_at, now)));
    }
    impl_->close(before.closed, state.closed, state);
    if (state.closed != before.closed) impl_->fold_totals(state);
    const auto day_of = [&](std::int64_t hour) { return impl_->day_of(hour, state); };
    const auto write = [&](std::size_t table, const RollupCells& cells) {
        impl_->write(table, RollupSpan::hour, cells);
        impl_->write(table, RollupSpan::day, add_up_days(cells, state.closed, day_of));
    };
    for (std::size_t i = 0; i < kRowRollups; ++i) write(i, hours.of_table(i));
    impl_->totals.add(hours.of_table(0), minus);
    const auto sums = sum_up_hours(hours.of_table(0), state.closed);
    for (std::size_t i = 0; i < sums.size(); ++i) write(kRowRollups + i, sums[i]);
    impl_->bound(before.closed, state.closed, hours.of_table(0), state);
    if (state != before) impl_->write_state(state);
}

bool Rollups::expire(std::int64_t minutes_before, std::int64_t hours_before,
                     std::optional<std::int64_t> days_before, int most) {
    const auto before = impl_->read_state();
    auto state = before;
    if (state.zone != impl_->zone.name()) impl_->follow_zone(state);
    auto done = impl_->clear_minutes(hour_of(minutes_before), most, state);
    if (done < most) done += impl_->delete_hours(hour_of(hours_before), most - done, state);
    if (done < most && days_before) {
        const auto first = impl_->day_of(hour_of(*days_before), state);
        impl_->totals.fold_hours(std::min(hour_of(*days_before), state.closed));
        done += impl_->delete_days(first, most - done);
    }
    if (state != before) impl_->write_state(state);
    return done >= most;
}

bool Rollups::follow_zone() {
    auto state = impl_->read_state();
    if (state.zone == impl_->zone.name()) return false;
    const bool had_days = !state.zone.empty();
    impl_->follow_zone(state);
    impl_->write_state(state);
    return had_days;
}

}  // namespace quotafuse::sync
