#pragma once

#include <map>
#include <string>
#include <vector>

#include "alerts/engine.h"
#include "base/clock.h"
#include "base/database.h"
#include "base/log.h"
#include "circuit_breaker/audit.h"
#include "circuit_breaker/breaker.h"
#include "daemon/config.h"
#include "daemon/intake.h"
#include "daemon/messages.h"
#include "notifiers/outbox.h"
#include "sync/store.h"

namespace quotafuse::daemon {

/// Turns what the engine decided into what is on record for people and for the breaker: state, outbox and
/// intents in one transaction, and only then an order to the breaker. Its results come back here and
/// become part of the notice that asked for them. Pipeline thread only; throws SQLite::Exception, and
/// what could not be written is written by the next call.
class Announcer {
public:
    struct Rooms {
        base::Database& database;
        sync::Store& store;
        alerts::Engine& engine;
        notifiers::Outbox& outbox;
        circuit_breaker::Audit& audit;
        circuit_breaker::Breaker& breaker;
        const Intake& intake;
    };
    Announcer(Rooms rooms, const Config& config, const base::Clock& clock, const base::Log& log);

    /// Evaluates up to t and puts on record what follows.
    void advance(base::Second t);
    /// Puts on record all that a restart should not have to work out again.
    void checkpoint();
    void take(const circuit_breaker::TripResult& result);
    /// Channels as the gateway shows them: what a person changed is not ours any more.
    void observe(const sync::GatewayInfo& info);
    /// Orders that a former run put on record and did not see answered.
    void resume();

private:
    struct Waiting {
        alerts::Notice notice;
        std::vector<std::string> notifiers;
    };
    void write(const alerts::Step& step);
    void announce(const alerts::Notice& notice);
    void announce_late(const std::vector<alerts::Notice>& notices);
    std::optional<circuit_breaker::TripRequest> request_of(const alerts::Notice& notice) const;
    std::optional<circuit_breaker::TripResult> refused_by_policy(const circuit_breaker::TripRequest& request);
    void submit(const circuit_breaker::TripRequest& request, base::Second asked_at);
    void submit_orders();
    circuit_breaker::Guard guard_of(std::int64_t channel);
    std::vector<std::string> targets(const alerts::Notice& notice) const;
    std::vector<std::string> everybody() const;

    Rooms rooms_;
    const Config& config_;
    const base::Clock& clock_;
    const base::Log& log_;
    Messages messages_;
    alerts::Step unsaved_;  // decided, not yet on record
    std::vector<circuit_breaker::TripRequest> orders_;  // on record, not yet handed over
    std::map<std::string, Waiting> waiting_;            // trip id → the notice that asked for it
};

}  // namespace quotafuse::daemon
