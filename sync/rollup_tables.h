#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace quotafuse::sync {

// The tables of the rollups and what is said to them.

/// The columns that every rollup sums.
inline constexpr std::array<std::string_view, 8> kRollupSums{
    "answers",           "errors",       "client_errors", "prompt_tokens",
    "completion_tokens", "cache_tokens", "quota",         "refund"};
/// Further sums where times are kept.
inline constexpr std::array<std::string_view, 3> kRollupTimeSums{"empty_replies", "latency_ms",
                                                                 "first_token_ms"};

/// What rows are summed by: hour_<name> and day_<name>.
struct RollupTable {
    std::string_view name;
    std::vector<std::string_view> keys;  // after the hour or day
    bool times;                          // has kRollupTimeSums, latency and first_token
    bool minutes;                        // its hours have minutes
    /// How many rows of one hour and of one day stay when it is over, where clients choose how many
    /// there are: the largest; the others become one row, of kOtherAddresses. 0 keeps all.
    int most_of_hour = 0;
    int most_of_day = 0;
};
/// The first ones are summed from rows; every counted row is in each of them.
inline constexpr std::size_t kRowRollups = 7;
/// The others, by channel and by model, are sums of the first one, channel × model, and have its
/// closed hours only: a page that asks for a month of channels reads no pairs of channel and model.
inline constexpr std::size_t kRollupTables = 9;
const std::array<RollupTable, kRollupTables>& rollup_tables();

/// As parts of migrations of the room. The second one needs add_rollup_functions().
std::string rollup_schema();
std::string rollup_schema_by_more();

enum class RollupSpan { hour, day };

/// Parameters: the hour or day, keys, sums; where there are times also time sums, latency and
/// first_token; where the hours have minutes, these.
std::string upsert_rollup(const RollupTable& table, RollupSpan span);
/// Parameter: the hour. Sums channel × model up to `table`, one of the others.
std::string sum_up_rollup(const RollupTable& table);
/// Parameters: day, hour. Adds the hour to its day.
std::string fold_rollup(const RollupTable& table);
/// How many rows an hour or day has, which is the parameter.
std::string count_rollup(const RollupTable& table, RollupSpan span);
/// Parameters: an hour or day, most. Adds what is beyond the largest `most` to one row ...
std::string sum_up_small(const RollupTable& table, RollupSpan span);
/// ... and deletes it. The same parameters, with nothing written in between.
std::string delete_small(const RollupTable& table, RollupSpan span);
/// Parameters: the first hour or day that stays, how many rows at most.
std::string delete_rollup(const RollupTable& table, RollupSpan span);

}  // namespace quotafuse::sync
