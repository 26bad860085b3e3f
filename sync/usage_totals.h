#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

#include "sync/rollup_cells.h"
#include "sync/row.h"
#include "sync/tally.h"
#include "sync/traffic_question.h"

namespace quotafuse::sync {

/// What each channel × model ever added up to, and how long each model ever took, since the store
/// began: tables of the hours that are folded into them, which retention and a change of zone leave
/// as they are, and the days and hours since. Sums that only grow, over restarts too, as counters
/// must. Whole days are folded, so that it costs next to nothing.
///
/// Some gateways write a negative charge for what they give back: here it counts as given back, and
/// a negative refund as charged, so that no sum falls; what is left of both is the same.
///
/// `place` counts the pairs in the order in which they were first seen and never changes, so that
/// whoever shows the first n of them shows the same ones for ever. Traffic of no channel (0) is one
/// pair whatever its model: a model's name is the operator's only where a channel has it.
///
/// Part of Rollups, within its transactions. Every hour that is not folded must still be there.
class UsageTotals {
public:
    /// The tables with what the days know, as a migration of the room. Needs
    /// add_rollup_functions().
    static std::string tables();

    /// `database` has the tables and the functions, and outlives this.
    explicit UsageTotals(SQLite::Database& database);

    /// What rows take away from sums that only grow: their negative numbers, by channel and model.
    class Minus {
    public:
        void add(const Row& row, const Tally& tally);

    private:
        friend class UsageTotals;
        std::map<std::pair<std::int64_t, std::int64_t>, std::array<std::int64_t, 4>> minus_;
    };

    /// Rows came in: what they add to channel × model. New pairs get their place; of hours that are
    /// folded already it is added here.
    void add(const RollupCells& channel_model, const Minus& minus);

    /// Hours before it are folded.
    std::int64_t folded();
    /// The beginning of a day of rollups, in whichever zone they are.
    struct DayStart {
        std::int64_t hour;
        std::int64_t day;
        std::string zone;
    };
    /// Folds the hours before that day, which are closed. Days up to the one behind `kept_day` (see
    /// Rollups) may hold other hours than those of the zone.
    void fold_days(const DayStart& until, std::int64_t kept_day);
    /// Folds the hours before that one, which are closed.
    void fold_hours(std::int64_t until);

private:
    struct State {
        std::int64_t folded;
        std::int64_t day;  // that begins with that hour in the zone
        std::string zone;  // empty: it is the beginning of no day
    };
    State read_state();
    void write_state(const State& state);
    void place(const RollupCells& channel_model);
    std::int64_t highest_place();
    void add_late(const RollupCells& channel_model, std::int64_t folded);

    using Pair = std::pair<std::int64_t, std::int64_t>;
    SQLite::Database& database_;
    std::set<Pair> placed_;     // known to be in usage_pair
    std::int64_t highest_ = 0;  // place, when that was so
    SQLite::Statement get_highest_;
    SQLite::Statement place_;
    SQLite::Statement add_pair_;
    SQLite::Statement add_model_;
    SQLite::Statement take_;
    SQLite::Statement get_state_;
    SQLite::Statement set_state_;
};

struct UsageTotal {
    std::int64_t place;  // from 1
    std::int64_t channel;
    TextId model;
    TrafficSums sums;  // with empty replies, without times
};
struct ModelTimes {
    std::int64_t latency_total = 0;      // ms
    std::int64_t first_token_total = 0;  // ms
    base::Histogram latency{};           // ms
    base::Histogram first_token{};       // ms
};
struct Usage {
    std::vector<UsageTotal> pairs;  // by place
    std::map<TextId, ModelTimes> models;
};

/// For whoever reads: in one snapshot, which is a transaction of the caller. Reads a row of each
/// pair and model and of what came in the last day. Throws SQLite::Exception.
Usage read_usage(SQLite::Database& database);

}  // namespace quotafuse::sync
