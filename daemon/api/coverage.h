#pragma once

#include "daemon/api/inquiry.h"
#include "daemon/api/span.h"
#include "daemon/api/traffic.h"
#include "sync/traffic_question.h"

namespace quotafuse::daemon::api {

/// Whether its ends are those of the hours around what was asked for, since the rows of a part of
/// an hour are too many to be counted one by one, or gone.
bool counts_whole_hours(const TrafficTable& table, const Span& asked);
/// What of the span that was asked for an answer is about: {"from", "to", "complete", "incomplete",
/// "whole_hours"}.
Json coverage_json(const TrafficTable& table, const Span& asked);
/// Why it is not all that was asked for: "before_store", "not_kept", "too_many_rows" or
/// "other_addresses"; null: it is.
Json incomplete_json(const TrafficTable& table, const Span& asked);
Json cut_json(sync::TrafficCut cut);

}  // namespace quotafuse::daemon::api
