#pragma once

#include <cstdint>
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
        : session_(session), new_api_(gateway == sync::Gateway::new_api) {}

    std::vector<OwnAbility> own_abilities(std::int64_t channel, WithRank with, Lock lock);
    /// Of the channel itself; empty when it is gone.
    std::optional<StoredRank> rank(std::int64_t channel, Lock lock);
    /// The abilities of every channel for the groups × models of this one, without locks.
    std::vector<RankedAbility> pairs(std::int64_t channel);

    /// Sets status, other_info and rank where all three are still as they were; false when they are
    /// not, or nothing changed by it.
    bool set_channel(std::int64_t channel, const ChannelRow& before, const StoredRank& rank_before,
                     int status, const sync::Cell& other_info, const StoredRank& rank);
    void set_abilities(std::int64_t channel, const StoredRank& rank);
    void set_ability(std::int64_t channel, const KeptRanks::Exception& ability);

private:
    bool mysql() const { return session_.kind() == sync::Dsn::Kind::mysql; }
    const char* locking(Lock lock) const {
        return lock == Lock::yes && mysql() ? " FOR UPDATE" : "";
    }
    StoredRank read_rank(const sync::Cell& priority, const sync::Cell& weight) const;

    sync::GatewaySession& session_;
    bool new_api_;
};

/// A column's number; empty for NULL and anything else.
std::optional<std::int64_t> stored_number(const sync::Cell& cell);

}  // namespace quotafuse::circuit_breaker
