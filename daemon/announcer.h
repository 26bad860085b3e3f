#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "alerts/engine.h"
#include "alerts/self_alerts.h"
#include "alerts/state_store.h"
#include "base/clock.h"
#include "base/database.h"
#include "base/log.h"
#include "circuit_breaker/audit.h"
#include "daemon/breaker_desk.h"
#include "daemon/config.h"
#include "daemon/messages.h"
#include "daemon/money.h"
#include "notifiers/outbox.h"
#include "sync/store.h"

namespace quotafuse::daemon {

/// Turns what the engine decided into what is on record for people and for the breaker: state,
/// outbox and intents in one transaction, and only then orders to the breaker (see BreakerDesk).
/// Pipeline thread only; throws SQLite::Exception, and what could not be written is written by the
/// next call.
class Announcer {
public:
    struct Rooms {
        base::Database& database;
        sync::Store& store;
        alerts::Engine& engine;
        alerts::SelfAlerts& self_alerts;
        notifiers::Outbox& outbox;
        circuit_breaker::Audit& audit;
        Messages& messages;
        BreakerDesk& desk;
    };
    Announcer(Rooms rooms, const Config& config, const base::Clock& clock, const base::Log& log);

    /// Evaluates the next seconds, at most up to t (see Engine::advance), and puts on record what
    /// follows.
    void advance(base::Second t);
    /// The same for the built-in alerts, which go by the clock.
    void advance_self();
    /// Puts on record all that a restart should not have to work out again.
    void checkpoint();
    /// The same where nothing was put on record for kCheckpointInterval of engine time: a kill -9
    /// costs no more than that to be evaluated again (see Engine).
    void checkpoint_if_due();
    static constexpr base::Seconds kCheckpointInterval{60};
    /// Options of the gateway: how it shows amounts.
    void observe(const sync::GatewayInfo& info);
    /// Logs which rules are in error, where that changed.
    void note_errors(const std::vector<alerts::Overview::Error>& errors);

private:
    void write(alerts::Step& step);
    void take_back_actions(alerts::Step& step);
    void note_late(base::Second first, base::Second last);
    BreakerDesk::Asking asking_of(const alerts::Notice& notice) const;
    void announce(std::vector<BreakerDesk::Asking>& askings);
    std::optional<Spending> spending_of(const alerts::Notice& notice) const;
    void announce_late(const std::vector<alerts::Notice>& notices);
    std::vector<std::string> targets(const alerts::Notice& notice) const;

    Rooms rooms_;
    const Config& config_;
    const base::Clock& clock_;
    const base::Log& log_;
    Purse purse_;
    alerts::Step unsaved_;                            // decided, not yet on record,
    alerts::Step unsaved_self_;                       // both
    base::Second saved_{};                            // the engine time on record
    std::vector<alerts::EngineEvent> late_;           // to go on record with the next step
    std::map<std::string, std::string> told_errors_;  // rule → what the log has heard of it
};

}  // namespace quotafuse::daemon
