#pragma once

#include <deque>
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
#include "circuit_breaker/breaker.h"
#include "daemon/config.h"
#include "daemon/intake.h"
#include "daemon/messages.h"
#include "daemon/money.h"
#include "notifiers/outbox.h"
#include "sync/store.h"

namespace quotafuse::daemon {

/// Turns what the engine decided into what is on record for people and for the breaker: state,
/// outbox and intents in one transaction, and only then an order to the breaker. Its results come
/// back here and become part of the notice that asked for them. Pipeline thread only; throws
/// SQLite::Exception, and what could not be written is written by the next call.
class Announcer {
public:
    struct Rooms {
        base::Database& database;
        sync::Store& store;
        alerts::Engine& engine;
        alerts::SelfAlerts& self_alerts;
        notifiers::Outbox& outbox;
        circuit_breaker::Audit& audit;
        circuit_breaker::Breaker& breaker;
        const Intake& intake;
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
    void take(const circuit_breaker::TripResult& result);
    /// Logs which rules are in error, where that changed.
    void note_errors(const std::vector<alerts::Overview::Error>& errors);
    /// Channels as the gateway shows them: what a person changed is not ours any more.
    void observe(const sync::GatewayInfo& info);
    /// Orders that a former run put on record and did not see answered.
    void resume();

private:
    /// A trip that is on record and not answered yet.
    struct Waiting {
        std::optional<alerts::Notice> notice;  // the alert that asked for it; none after a restart
        std::vector<std::string> notifiers;
        std::optional<Spending> spending = {};  // as its message told it
    };
    struct Order {
        circuit_breaker::TripRequest request;
        base::Second asked_at;
        Waiting waiting;
    };
    void write(alerts::Step& step);
    void take_back_actions(alerts::Step& step);
    void note_late(base::Second first, base::Second last);
    void announce(const alerts::Notice& notice, bool with_money, std::vector<Order>& orders);
    std::optional<Spending> spending_of(const alerts::Notice& notice) const;
    void announce_late(const std::vector<alerts::Notice>& notices);
    std::optional<circuit_breaker::TripRequest> request_of(const alerts::Notice& notice) const;
    std::optional<circuit_breaker::TripResult> refused_by_policy(
        const circuit_breaker::TripRequest& request);
    void hand_over_orders();
    circuit_breaker::Guard guard_of(std::int64_t channel);
    std::vector<std::string> targets(const alerts::Notice& notice) const;
    std::vector<std::string> everybody() const;

    Rooms rooms_;
    const Config& config_;
    const base::Clock& clock_;
    const base::Log& log_;
    Messages messages_;
    Purse purse_;
    alerts::Step unsaved_;                            // decided, not yet on record,
    alerts::Step unsaved_self_;                       // both
    base::Second saved_{};                            // the engine time on record
    std::vector<alerts::EngineEvent> late_;           // to go on record with the next step
    std::deque<Order> orders_;                        // on record, not yet handed to the breaker
    std::map<std::string, Waiting> waiting_;          // by trip id
    std::map<std::string, std::string> told_errors_;  // rule → what the log has heard of it
};

}  // namespace quotafuse::daemon
