#pragma once

#include <optional>
#include <vector>

#include "base/clock.h"
#include "circuit_breaker/audit.h"

namespace quotafuse::daemon {

/// A time in which a trip kept its target off; without an end it still does.
struct OffSpan {
    base::Second from{};
    std::optional<base::Second> until{};
    bool operator==(const OffSpan&) const = default;
};

/// The times in which `trip`, an entry of a trip that was carried out, kept its target off: a trial
/// is none of them, and what somebody else switched off or deleted stays off. `entries`: what is on
/// record from the trip on, oldest first; those of other trips do not matter.
std::vector<OffSpan> off_spans(const std::vector<circuit_breaker::Audit::Entry>& entries,
                               const circuit_breaker::Audit::Entry& trip);

/// A person switched it on again.
struct Enabled {
    base::Second at{};      // of an order: when it was given
    bool by_order = false;  // `quotafuse breaker restore` or `undo`; otherwise at the gateway
    bool operator==(const Enabled&) const = default;
};
/// Empty where nobody did.
std::optional<Enabled> enabled_by_somebody(
    const std::vector<circuit_breaker::Audit::Entry>& entries,
    const circuit_breaker::Audit::Entry& trip);

/// How long of from … until it was off.
base::Seconds off_time(const std::vector<OffSpan>& spans, base::Second from, base::Second until);

/// What is left of `span`, which has an end, without the others; all of them from < t ≤ until.
std::vector<OffSpan> without(OffSpan span, std::vector<OffSpan> others);

/// Whoever enables a channel so soon after says that it should not have been disabled.
inline constexpr base::Seconds kSoon{3600};

}  // namespace quotafuse::daemon
