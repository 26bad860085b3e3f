#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sync/traffic_question.h"

namespace quotafuse::sync {

/// A rollup as TrafficReader asks it: hour_<name> and day_<name>.
struct TrafficTable {
    std::string_view name;
    std::string_view open_name;  // where the hours that are not over stand
    bool narrow;                 // has nothing before rollup_state.narrow_since
};

/// The smallest rollup that can answer; empty where only rows can.
std::optional<TrafficTable> table_for(const TrafficQuestion& question);

/// The columns by which a question tells objects apart: "id", "text" and "owner" of a cell, and
/// what to group by.
struct TrafficColumns {
    std::string_view id;
    std::string_view text;
    std::string_view owner;
    std::string_view group_by;  // empty for all
};
TrafficColumns columns_of(TrafficBy by);

/// " AND channel = 3 AND model = 7" of numbers only.
std::string conditions_of(const TrafficFilter& filter);

/// A row's cell without its sums, as columns_of() would give it.
TrafficCell cell_of(TrafficBy by, const Row& row);

}  // namespace quotafuse::sync
