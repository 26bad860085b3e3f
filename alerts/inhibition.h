#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_set>
#include <utility>
#include <vector>

#include "alerts/rule.h"
#include "alerts/series_key.h"

namespace quotafuse::alerts {

class RuleWatch;

/// What one rule mutes of another while it fires: series that are equal in every dimension that
/// both group by, and all where they share none.
class Inhibition {
public:
    /// `by` must outlive it. `mine`: what the muted rule groups by.
    Inhibition(const RuleWatch& by, const std::vector<Dimension>& mine);

    bool mutes(const SeriesKey& key);

private:
    const RuleWatch* by_;
    std::vector<std::pair<std::size_t, std::size_t>> common_;  // places in theirs and in mine
    std::uint64_t version_ = 0;                                // of `firing_`
    std::unordered_set<SeriesKey, SeriesKeyHash> firing_;      // the common parts of what fires
};

}  // namespace quotafuse::alerts
