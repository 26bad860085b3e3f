#pragma once

#include <optional>
#include <string>
#include <vector>

#include "circuit_breaker/channel_tables.h"
#include "circuit_breaker/circuit.h"
#include "circuit_breaker/kept_ranks.h"
#include "circuit_breaker/other_info.h"

namespace quotafuse::circuit_breaker {

/// A channel as it stands at the gateway.
struct ChannelStand {
    int status = 0;
    sync::Cell other_info{};  // New API only
    StoredRank rank{};        // only where the circuit is on trial, as all that follows
    std::vector<StoredRank> ability_ranks{};  // all that there are, each at least once
    Routes lit{};  // abilities that are on: those of KeptRanks::off at least
};
ChannelStand stand_of(const ChannelRow& row, const StoredRank& rank = {});
/// Whether channel and abilities have the rank of this trial, and not all had it before.
bool has_trial_rank(const ChannelStand& stand, const KeptRanks& kept);

/// What somebody made of a channel that is off, or on trial, by our hand; `stand` empty: the row is
/// gone.
Change change_of_channel(const Circuit& circuit, const std::optional<ChannelStand>& stand);

/// One model of a channel.
struct ModelStand {
    sync::Cell models{};  // the channel's list
    bool served = false;  // an ability of the channel for it is enabled
};
Change change_of_model(const Circuit& circuit, const std::optional<ModelStand>& stand);

/// A key; `status` is empty when the row is gone or deleted.
Change change_of_token(const std::optional<int>& status);

/// What a trip's before image tells; empty fields where it is not on record.
struct BeforeImage {
    std::optional<std::optional<std::string>> other_info{};
    std::optional<std::string> models{};
    std::vector<Ability> abilities{};  // of its channel, without those that others held then
};
BeforeImage read_before(const Circuit& circuit);

/// The ranks from before the trial: on record, else in the mark.
std::optional<KeptRanks> kept_of(const Circuit& circuit, const std::optional<Mark>& mark);

}  // namespace quotafuse::circuit_breaker
