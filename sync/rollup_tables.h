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
    bool times;  // has kRollupTimeSums, latency and first_token; its hours have minutes
};
inline constexpr std::size_t kRollupTables = 5;
/// The one by channel × model is the first. Every counted row is in each.
const std::array<RollupTable, kRollupTables>& rollup_tables();
std::string rollup_schema();

enum class RollupSpan { hour, day };

/// Parameters: the hour or day, keys, sums; where there are times also time sums, latency,
/// first_token and (hours) minutes.
std::string upsert_rollup(const RollupTable& table, RollupSpan span);
/// Parameters: day, hour. Adds the hour to its day.
std::string fold_rollup(const RollupTable& table);
/// Parameters: the first hour or day that stays, how many rows at most.
std::string delete_rollup(const RollupTable& table, RollupSpan span);

}  // namespace quotafuse::sync
