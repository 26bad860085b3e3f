#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "circuit_breaker/circuit.h"

namespace quotafuse::circuit_breaker {

/// What is known of a circuit at an instant.
struct RecoveryView {
    base::Second now{};
    /// The alert that asked for the trip still fires for this series (where it can tell: one that
    /// only traffic could end, as `below`, is not waited for).
    bool alert_fires = false;
    /// Upstream attempts of requests that began since the trial (see base::Recovery), and how many
    /// of them were errors.
    std::int64_t attempts = 0;
    std::int64_t errors = 0;
    /// So long after its beginning the gateway may not know of the trial: probe_time counts from
    /// then.
    base::Seconds cache_lag{0};
    bool gateway_disabled = false;  // the gateway itself switched it off during the trial
};

/// What came to nothing (refused, failed), or to an end that nobody knows, is asked for again after
/// so long.
inline constexpr base::Seconds kAskAgain{60};

/// What is to be done with the circuit now; empty: nothing. `open` and due: whole, or a trial with
/// half_open (of a channel: nothing else has a rank); it waits for the alert to be over. `trial`:
/// settle once `attempts` of them came with at most `most_errors` errors; again as soon as there
/// are more errors, the alert fires or the gateway switched it off; and again when `probe_time`
/// ends with too few. Nothing while a return is pending, for kAskAgain after one that came to
/// nothing, or for `unsure`.
std::optional<Way> next_step(const Circuit& circuit, const RecoveryView& view);

/// The circuit after a failed trial: off, its next trial after a wait that doubled, at most
/// `longest`.
Circuit after_failed_trial(Circuit circuit, base::Second now);

}  // namespace quotafuse::circuit_breaker
