#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "alerts/names.h"
#include "alerts/notice.h"
#include "alerts/rule.h"
#include "alerts/series_key.h"
#include "sync/row_reader.h"

namespace quotafuse::alerts {

/// At most so many rows are read to explain the notices of one second, the newest first; fewer
/// where many rules look at them, which costs as well. Nobody is to wait for a month of rows.
inline constexpr std::size_t kMostRowsExplained = 25'000;
/// So many notices of one second are explained.
inline constexpr std::size_t kMostExplained = 100;

/// A series whose notice is to be explained.
struct Question {
    std::string event_id;  // of the notice
    const Rule* rule = nullptr;
    SeriesKey key;
};

/// Says in the notices that are asked about what makes up their value at the engine second t, by
/// each dimension that the rule neither groups by nor holds to one value: at most three parts each,
/// largest first, none of under 1 %. Provider and tag are those of a channel, and the user that of
/// a token: they are left out where that is known. status and code explain failures only. A
/// dimension that no row says anything of (no address was logged) is left out as well. Explains
/// sums, counts and rates of sums; averages, percentiles, distinct values and gauges are not.
///
/// Rows are read once for all of them, from the newest on. May throw SQLite::Exception: no notice
/// is explained then.
void explain(const std::vector<Question>& questions, base::Second t, sync::RowReader& reader,
             const Names& names, std::vector<Notice>& notices);

}  // namespace quotafuse::alerts
