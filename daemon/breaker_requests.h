#pragma once

#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/breaker_desk.h"
#include "daemon/breaker_recovery.h"
#include "daemon/config.h"

namespace quotafuse::daemon {

/// `quotafuse breaker …` at the daemon's side: answers to commands, a request in JSON, an answer in
/// JSON. A trip or return takes its time at the gateway: it is answered by {"id"}, and result()
/// tells what became of it. All throw Failure: usage for what cannot be meant, failed for what is
/// not done, io_error when the store cannot be written; then nothing has changed. Pipeline thread
/// only.
class BreakerRequests {
public:
    BreakerRequests(BreakerRooms rooms, BreakerDesk& desk, BreakerRecovery& recovery,
                    const Config& config, const base::Clock& clock, const base::Log& log);

    /// {"limit": 20} → see breaker_json()
    std::string list(const std::string& request) const;
    /// {"kind": "channel" | "model" | "token", "channel", "model", "token", "reason",
    /// "even_if_last", "dry_run"} → {"id"}
    std::string trip(const std::string& request);
    /// {"trip": id, or the object as above, "dry_run"} → {"id"}
    std::string restore(const std::string& request);
    /// {"trip", "even_if_last", "dry_run"} → {"id"}: the last step of that trip, the other way
    /// round: what is off is given back, what is on trial goes off, what came back is tripped
    /// again, to come back as it would have. Only that last one may be forced by `even_if_last`.
    std::string undo(const std::string& request);
    /// {"id"} → {"done": false}, or {"done": true, …} as answer_json() has it, with breaker.mode as
    /// "mode"
    std::string result(const std::string& request) const;
    /// {"for": "2h", "reason"} → {"text"}; without "for" until resume()
    std::string pause(const std::string& request);
    /// {} → {"text"}
    std::string resume();

private:
    circuit_breaker::Circuit circuit_of(const std::string& request) const;
    std::string trip_again(const circuit_breaker::Audit::Entry& entry, bool even_if_last,
                           bool dry_run);

    BreakerRooms rooms_;
    BreakerDesk& desk_;
    BreakerRecovery& recovery_;
    const Config& config_;
    const base::Clock& clock_;
    const base::Log& log_;
};

}  // namespace quotafuse::daemon
