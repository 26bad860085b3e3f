#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <unordered_map>

#include "base/histogram.h"
#include "sync/minutes.h"
#include "sync/rollup_tables.h"
#include "sync/row.h"
#include "sync/tally.h"

namespace quotafuse::sync {

inline constexpr std::int64_t kSecondsOfHour = 3600;

/// The hour of whatever a row calls its time: broken ones are in the first hour of 1970 or the last
/// of the year 9999, which is all that calendars know.
std::int64_t hour_of(std::int64_t created_at);

/// The hour or day, then the table's keys, 0 behind them.
using RollupKey = std::array<std::int64_t, 4>;
struct RollupKeyHash {
    std::size_t operator()(const RollupKey& key) const;
};

/// What the rows of one key add up to.
struct RollupCell {
    std::array<std::int64_t, kRollupSums.size()> sums{};
    std::array<std::int64_t, kRollupTimeSums.size()> time_sums{};
    base::Histogram latency;
    base::Histogram first_token;
    Minutes minutes;

    void add(const Tally& tally);
    void add_times(const Tally& tally);
    /// All but the minutes: as part of a day.
    void merge(const RollupCell& other);
};
using RollupCells = std::unordered_map<RollupKey, RollupCell, RollupKeyHash>;

/// What a batch of rows adds to the hours.
class RollupHours {
public:
    /// Minutes only of rows created at or after `minutes_since`.
    void add(const Row& row, const Tally& tally, std::int64_t minutes_since);
    /// By the table's place in rollup_tables(), < kRowRollups.
    const RollupCells& of_table(std::size_t table) const { return cells_[table]; }

private:
    std::array<RollupCells, kRowRollups> cells_;
};

/// Channel × model summed up by channel and by model, as the tables behind kRowRollups, of hours
/// before `closed`.
std::array<RollupCells, kRollupTables - kRowRollups> sum_up_hours(const RollupCells& channel_model,
                                                                  std::int64_t closed);
/// The hours before `closed`, added up to days.
RollupCells add_up_days(const RollupCells& hours, std::int64_t closed,
                        const std::function<std::int64_t(std::int64_t hour)>& day_of);

}  // namespace quotafuse::sync
