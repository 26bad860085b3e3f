#pragma once

#include <cstddef>
#include <vector>

#include "alerts/names.h"
#include "alerts/notice.h"
#include "alerts/rule.h"
#include "alerts/series_key.h"
#include "sync/row_reader.h"

namespace quotafuse::alerts {

/// So many of the newest rows are looked at: a message must not wait for a month of them.
inline constexpr std::size_t kMostRowsExplained = 50'000;

/// What makes up the value of the series at the engine second t, by each of channel, model, token,
/// user, group (and code, for errors) that the rule does not group by: at most three parts each,
/// largest first; parts of less than 1 % are left out, and a dimension with one value only, too. Of
/// sums, counts and rates of sums; empty for averages, percentiles, distinct values and gauges. May
/// throw SQLite::Exception.
std::vector<Contribution> explain(const Rule& rule, const SeriesKey& key, base::Second t,
                                  sync::RowReader& reader, const Names& names);

}  // namespace quotafuse::alerts
