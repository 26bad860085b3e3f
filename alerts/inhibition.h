#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_set>
#include <utility>
#include <vector>

#include "alerts/rule.h"
#include "alerts/series_key.h"
#include "base/clock.h"

namespace quotafuse::alerts {

class RuleWatch;

/// What one rule mutes of another while it fires: series that are equal in every dimension that
/// both group by, and all where they share none.
class Inhibition {
public:
    /// `by` must outlive it. `mine`: what the muted rule groups by.
    Inhibition(const RuleWatch& by, const std::vector<Dimension>& mine);

    /// By what waits() found of this second.
    bool mutes(const SeriesKey& key);
    /// Whether nobody can say yet if the other fires, because it warms up: the muted rule is held
    /// meanwhile. An inhibitor that is in error or never gets what it needs does not hold for ever:
    /// kLongestWait after it began to be waited for on time. To be asked once a second.
    bool waits(base::Second t, bool late);
    static constexpr std::chrono::minutes kLongestWait{10};

private:
    std::optional<base::Second> waits_since_;  // the first such second that was on time
    /// Nobody knows whether what fired when it was last evaluated still does.
    bool is_blind_ = false;
    const RuleWatch* by_;
    std::vector<std::pair<std::size_t, std::size_t>> common_;  // places in theirs and in mine
    std::uint64_t version_ = 0;                                // of `firing_`
    std::unordered_set<SeriesKey, SeriesKeyHash> firing_;      // the common parts of what fires
};

}  // namespace quotafuse::alerts
