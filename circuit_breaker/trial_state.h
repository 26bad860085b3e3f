#pragma once

#include <optional>
#include <vector>

#include "circuit_breaker/ownership.h"
#include "circuit_breaker/rank_tables.h"
#include "sync/gateway_info.h"

namespace quotafuse::circuit_breaker {

// What a channel's rows tell of a trial, whatever of it came on record.

/// Whether the channel is on trial by this circuit: by its mark; where there is none (One API, or
/// somebody took it away), by the rank that is on record as the trial's. On One API a trial at the
/// channel's own rank looks like an enabling by a person: of an order that may have been carried
/// out it counts as the trial.
bool stands_on_trial(const Circuit& circuit, const std::optional<Mark>& mark,
                     const ChannelStand& stand);

/// The ranks that channel and abilities have of themselves, not those that a trial gave them.
KeptRanks own_ranks(const Circuit& circuit, const std::optional<Mark>& mark,
                    const ChannelStand& stand, const std::vector<OwnAbility>& own);

/// The ranks from before a trial. Of a channel that another trip switched off since, only where it
/// still has that of the trial.
std::optional<KeptRanks> ranks_to_put_back(const Circuit& circuit, const std::optional<Mark>& mark,
                                           const StoredRank& present);

/// Those of a trial that stands, but is not on record yet.
std::optional<KeptRanks> ranks_of_trial(const Circuit& circuit, const std::optional<Mark>& mark);

/// Fills in `kept` and the ranks of `after` of a return that was done.
void describe_ranks(ReturnResult& result, const std::optional<KeptRanks>& kept);

/// RetryTimes as trial_rank() takes it; empty where nobody may read it.
std::optional<std::int64_t> retry_times(sync::Gateway gateway, const sync::OptionValue& option);

}  // namespace quotafuse::circuit_breaker
