#include "circuit_breaker/mend.h"

#include "circuit_breaker/channel_tables.h"
#include "circuit_breaker/ownership.h"
#include "circuit_breaker/write_transaction.h"

namespace quotafuse::circuit_breaker {

bool mend(sync::GatewaySession& session, const Circuit& circuit) {
    limit_lock_waits(session);
    ChannelTables tables{session, circuit.gateway};
    GatewayTransaction transaction{session};
    const auto row = tables.read(circuit.target.channel, Lock::yes);
    const auto stand =
        row ? std::optional{ChannelStand{.status = row->status, .other_info = row->other_info}}
            : std::nullopt;
    if (change_of_channel(circuit, stand) != Change::none) return false;
    tables.disable_abilities(circuit.target.channel);
    transaction.commit();
    return true;
}

}  // namespace quotafuse::circuit_breaker
