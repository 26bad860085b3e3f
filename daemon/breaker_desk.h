#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "alerts/engine.h"
#include "base/clock.h"
#include "base/database.h"
#include "base/log.h"
#include "circuit_breaker/audit.h"
#include "circuit_breaker/breaker.h"
#include "circuit_breaker/pause.h"
#include "circuit_breaker/policy.h"
#include "daemon/breaker_answers.h"
#include "daemon/config.h"
#include "daemon/intake.h"
#include "daemon/messages.h"
#include "daemon/money.h"
#include "notifiers/outbox.h"
#include "sync/store.h"

namespace quotafuse::daemon {

/// What the rooms of the breaker in this folder share.
struct BreakerRooms {
    base::Database& database;
    sync::Store& store;
    alerts::Engine& engine;
    notifiers::Outbox& outbox;
    circuit_breaker::Audit& audit;
    circuit_breaker::PauseBook& pause;
    circuit_breaker::Breaker& breaker;
    const Intake& intake;
    const Messages& messages;
    BreakerAnswers& answers;
};

/// Between those who ask for trips (alerts, people) and the breaker: puts on record what is asked
/// for, judges it by what we know ourselves, hands it over one at a time, so that each is judged by
/// what the one before did, and tells what became of it. Pipeline thread only; throws
/// SQLite::Exception, and the same call may then be made again.
class BreakerDesk {
public:
    /// `seed`: of this run alone. Daemons with the same rules at one gateway see the same alerts in
    /// the same second, and none must take another's mark for its own.
    BreakerDesk(BreakerRooms rooms, const Config& config, const base::Clock& clock,
                const base::Log& log, std::uint64_t seed = 0);

    /// What one notice asks for.
    struct Asking {
        alerts::Notice notice;
        std::vector<std::string> notifiers;
        std::optional<Spending> spending{};  // as its message tells it
        std::string batch;                   // of its letter (see notifiers::Letter)
        base::Second asked_at{};
        std::vector<circuit_breaker::TripResult> results{};    // known so far
        std::vector<circuit_breaker::TripRequest> requests{};  // on record, to be handed over
    };
    /// Judges and puts on record, within the caller's transaction.
    void ask(Asking& asking);
    /// Once that is committed: all of a batch of which one has `requests`. Their letters wait for
    /// kPatience, and are said more in and released when all are answered.
    void accept(std::vector<Asking> askings);
    /// What a person asks for: on record, and on its way. A dry run leaves no trace. The answer
    /// comes by `answers`, under the returned id.
    std::string ask_by_hand(circuit_breaker::TripRequest request, bool dry_run);

    /// Orders that a former run put on record and did not see answered.
    void resume();
    /// Hands over what waits; asks again for what is unknown.
    void hand_over();
    void take(const circuit_breaker::TripResult& result);

    /// Whether a guard may soon ask for the traffic: a rule may switch off a channel, or an order
    /// waits. Else it is not worth the reading of days of rows at each start.
    bool needs_traffic() const;
    /// One short step towards knowing the traffic of `guard_traffic` without reading it; true when
    /// it is known. Until then no order is handed over: reading a day of rows at once would hold up
    /// those that come in.
    bool learn_traffic() const;
    /// A trip of it may have been carried out, and is still to be looked for.
    bool may_have_tripped(const circuit_breaker::Target& target) const;
    /// What the guards at the gateway must know for this request.
    circuit_breaker::Guard guard_of(const circuit_breaker::TripRequest& request,
                                    base::Second now) const;
    /// Which program is behind the tables. A notice comes from rows, so it has been read.
    sync::Gateway gateway() const;
    std::vector<std::string> everybody() const { return config_.notifier_names(); }

    /// A notice that asked for a trip waits so long for its result, so that one message tells both.
    static constexpr base::Seconds kPatience{8};
    /// So long the others wait for what an order comes to.
    static constexpr base::Seconds kSlow{4};

private:
    struct Order {
        circuit_breaker::TripRequest request;
        base::Second asked_at{};
        std::vector<std::string> notifiers;
        std::string event_id{};  // of the notice that asked; empty after a restart, or by hand
        base::MonoTime not_before{};
        base::MonoTime handed_at{};
    };
    circuit_breaker::TripRequest request_of(const alerts::Notice& notice,
                                            const alerts::Action& action, std::size_t place) const;
    std::optional<circuit_breaker::TripResult> judge(const circuit_breaker::TripRequest& request,
                                                     base::Second now);
    std::optional<circuit_breaker::TripResult> refused(
        const circuit_breaker::TripRequest& request,
        const circuit_breaker::Situation& situation) const;
    std::optional<circuit_breaker::TripResult> ends_trial(
        const circuit_breaker::TripRequest& request);
    std::optional<circuit_breaker::TripResult> left_to_person(
        const circuit_breaker::TripRequest& request, base::Second now) const;
    circuit_breaker::Situation lasting_situation(const circuit_breaker::Target& target,
                                                 base::Second now) const;
    circuit_breaker::Situation situation(const circuit_breaker::Target& target,
                                         base::Second now) const;
    circuit_breaker::Mode present_mode(const circuit_breaker::TripRequest& request) const;
    const sync::Directory& directory() const;
    std::int64_t owner_of(const circuit_breaker::Target& target) const;
    void finish(circuit_breaker::TripResult result, const Order& order);
    bool is_held(const circuit_breaker::Target& target) const;
    void log(const circuit_breaker::TripResult& result) const;
    void tell(const circuit_breaker::TripResult& result, const Order& order, base::Second now);
    std::vector<std::string> amend(const Asking& asking, const circuit_breaker::TripResult* result);
    bool batch_is_answered(const std::string& batch, const std::string& trip_id) const;
    bool waits_for_breaker() const;
    void note_answered(const circuit_breaker::TripResult& result, const Order& order);
    void answer(const circuit_breaker::TripResult& result);
    std::string id_of(std::string_view what, std::int64_t number) const;
    std::string new_id(const circuit_breaker::Target& target);

    BreakerRooms rooms_;
    const Config& config_;
    const base::Clock& clock_;
    const base::Log& log_;
    const std::uint64_t seed_;
    std::map<std::string, Asking> askings_;  // whose letters may still wait, by event id
    std::deque<Order> orders_;               // on record, not yet handed to the breaker
    std::vector<Order> in_hand_;             // the breaker has them …
    std::optional<circuit_breaker::TripResult>
        refusal_;                     // … or the last was refused when it was its turn
    std::set<std::string> dry_runs_;  // trip ids
    std::int64_t asked_by_hand_ = 0;
};

}  // namespace quotafuse::daemon
