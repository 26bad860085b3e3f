#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "alerts/self_alerts.h"
#include "base/clock.h"
#include "base/log.h"
#include "circuit_breaker/breaker.h"
#include "circuit_breaker/circuit.h"
#include "daemon/breaker_desk.h"
#include "daemon/circuit_watch.h"
#include "daemon/config.h"
#include "daemon/look_troubles.h"
#include "sync/row.h"

namespace quotafuse::daemon {

/// What comes after a trip: looks at the gateway whether a person changed what is ours, proves that
/// it works, gives back what is due, and tells what came of that. Pipeline thread only; throws
/// SQLite::Exception, and the same call may then be made again.
class BreakerRecovery {
public:
    BreakerRecovery(BreakerRooms rooms, const BreakerDesk& desk, alerts::SelfAlerts& self_alerts,
                    const Config& config, const base::Clock& clock, const base::Log& log);

    /// Returns that a former run put on record and did not see answered.
    void resume();
    /// Rows as they came in.
    void note_rows(const std::vector<sync::Row>& rows) { watch_.note_rows(rows); }
    /// Once a second.
    void tick();
    /// Tells the breaker whether it may write now: in live mode, while nobody paused it.
    void hold_or_let_go();
    /// See BreakerDesk: something waits to be switched off again.
    bool needs_traffic() const;
    void take(const circuit_breaker::ReturnResult& result);
    void take(const circuit_breaker::Looked& looked);

    /// A person wants it back. The answer comes by `answers`, under the returned id. Throws Failure
    /// where that cannot be, also of a dry run: nothing is written in shadow mode or while paused.
    std::string give_back_by_hand(const circuit_breaker::Circuit& circuit, bool dry_run);
    /// The same for a trial that a person wants to be off again; the next comes after its wait.
    std::string end_trial_by_hand(const circuit_breaker::Circuit& circuit, bool dry_run);

    static constexpr base::Seconds kLookEvery{5};

private:
    struct Waiting {
        circuit_breaker::ReturnOrder order;
        base::MonoTime not_before{};
    };
    void look(const std::vector<circuit_breaker::Circuit>& circuits);
    void plan(const std::vector<circuit_breaker::Circuit>& circuits);
    bool may_act(base::Second now) const;
    bool alert_fires(const circuit_breaker::Circuit& circuit) const;
    bool may_switch_off(const circuit_breaker::Circuit& circuit) const;
    void begin(const circuit_breaker::Circuit& circuit, circuit_breaker::Way way,
               const std::string& asked_by);
    std::string who_asked(const circuit_breaker::Circuit& circuit) const;
    void require_allowed(const circuit_breaker::ReturnRequest& request) const;
    std::string by_hand(circuit_breaker::ReturnRequest request);
    void hand_over();
    bool waits(const circuit_breaker::ReturnRequest& request) const;
    void drop(const circuit_breaker::ReturnRequest& request);
    bool is_asked(const circuit_breaker::ReturnRequest& request) const;
    void complete(circuit_breaker::ReturnOrder& order) const;
    void go_on(const circuit_breaker::ReturnResult& result);
    std::string why_it_failed(const circuit_breaker::Circuit& circuit) const;
    std::string why_again(const circuit_breaker::ReturnRequest& request) const;
    void tell(const circuit_breaker::ReturnResult& result, base::Second now);
    void tell_released(const circuit_breaker::Circuit& circuit, circuit_breaker::Change change,
                       base::Second now);
    void put(const std::string& event_id, notifiers::Message message, base::Second now);
    void note_mended(const circuit_breaker::Circuit& circuit, std::string_view deed,
                     base::Second now);

    BreakerRooms rooms_;
    const BreakerDesk& desk_;
    alerts::SelfAlerts& self_alerts_;
    const Config& config_;
    const base::Clock& clock_;
    const base::Log& log_;
    const Wording words_;
    CircuitWatch watch_;
    std::deque<Waiting> orders_;              // on record, not yet handed over
    std::set<std::string> gateway_disabled_;  // trials, by trip id
    std::map<std::string, std::string> why_;  // by trip id: why its trial failed, for messages
    std::set<std::string> half_on_;           // as the last look saw it
    bool looking_ = false;
    base::MonoTime next_look_{};
    LookTroubles troubles_;
};

}  // namespace quotafuse::daemon
