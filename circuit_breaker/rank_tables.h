#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "circuit_breaker/channel_tables.h"
#include "circuit_breaker/kept_ranks.h"
#include "circuit_breaker/trial_rank.h"

namespace quotafuse::circuit_breaker {

/// A channel's own ability as it is stored.
struct OwnAbility {
    std::string group;
    std::string model;
    bool enabled = false;
    StoredRank rank{};  // where it was asked for
};

enum class WithRank { no, yes };

/// The statements on what a trial changes beside a channel's status. Ranks are read and written
/// only where they are asked for: who has no half-open rule grants no `priority` and `weight`. All
/// throw GatewayError.
class RankTables {
public:
    RankTables(sync::GatewaySession& session, sync::Gateway gateway)
        : session_(session), tables_(session, gateway) {}

    std::vector<OwnAbility> own_abilities(std::int64_t channel, WithRank with, Lock lock);
    /// Of the channel itself; empty when it is gone.
    std::optional<StoredRank> rank(std::int64_t channel, Lock lock);
    /// Of many, without locks; those that are gone are left out.
    std::map<std::int64_t, StoredRank> ranks(const std::vector<std::int64_t>& channels);
    /// The different ranks of their abilities, without locks: a channel on trial has one.
    std::map<std::int64_t, std::vector<StoredRank>> ability_ranks(
        const std::vector<std::int64_t>& channels);
    /// The abilities of every channel for the groups × models of this one, without locks.
    std::vector<RankedAbility> pairs(std::int64_t channel);

    /// Sets status, other_info and rank where all three are still as they were; false when they are
    /// not, or nothing changed by it.
    bool set_channel(std::int64_t channel, const ChannelRow& before, const StoredRank& rank_before,
                     int status, const sync::Cell& other_info, const StoredRank& rank);
    void set_abilities(std::int64_t channel, const StoredRank& rank);
    void set_ability(std::int64_t channel, const KeptRanks::Exception& ability);

private:
    /// One API's abilities have no weight, and it does not route by that of its channels.
    std::vector<std::string> columns() const;
    std::vector<sync::Cells> query_ranks(const std::string& which,
                                         const std::vector<sync::Argument>& arguments, Lock lock);
    void set_abilities(const std::string& which, std::vector<sync::Argument> arguments,
                       const StoredRank& rank);

    sync::GatewaySession& session_;
    ChannelTables tables_;
};

}  // namespace quotafuse::circuit_breaker
