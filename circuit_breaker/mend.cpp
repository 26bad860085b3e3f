#include "circuit_breaker/mend.h"

#include <algorithm>

#include "circuit_breaker/channel_tables.h"
#include "circuit_breaker/ownership.h"
#include "circuit_breaker/rank_tables.h"
#include "circuit_breaker/write_transaction.h"

namespace quotafuse::circuit_breaker {

bool mend(sync::GatewaySession& session, const Circuit& circuit) {
    limit_lock_waits(session);
    ChannelTables tables{session, circuit.gateway};
    GatewayTransaction transaction{session};
    const auto row = tables.read(circuit.target.channel, Lock::yes);
    if (!row || change_of_channel(circuit, stand_of(*row)) != Change::none) return false;
    tables.disable_abilities(circuit.target.channel);
    transaction.commit();
    return true;
}

bool mend_after_return(sync::GatewaySession& session, const Circuit& circuit) {
    limit_lock_waits(session);
    const auto channel = circuit.target.channel;
    ChannelTables tables{session, circuit.gateway};
    RankTables ranks{session, circuit.gateway};
    GatewayTransaction transaction{session};
    // Abilities first, as a trip does, so that the two never wait for each other.
    const auto own = ranks.own_abilities(channel, WithRank::no, Lock::yes);
    const auto row = tables.read(channel, Lock::yes);
    const bool half =
        row && row->status != kEnabled && std::ranges::any_of(own, &OwnAbility::enabled);
    if (!half) return false;
    tables.disable_abilities(channel);
    transaction.commit();
    return true;
}

}  // namespace quotafuse::circuit_breaker
