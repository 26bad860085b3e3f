#include "alerts/inhibition.h"

#include <algorithm>

#include "alerts/rule_watch.h"

namespace quotafuse::alerts {

Inhibition::Inhibition(const RuleWatch& by, const std::vector<Dimension>& mine) : by_(&by) {
    const auto& theirs = by.rule().by;
    for (std::size_t i = 0; i < theirs.size(); ++i) {
        const auto at = std::ranges::find(mine, theirs[i]);
        if (at != mine.end()) common_.emplace_back(i, static_cast<std::size_t>(at - mine.begin()));
    }
}

bool Inhibition::waits(base::Second t, bool late) {
    is_blind_ = !by_->error().empty();
    if (by_->meter().warmed_up() >= 1 || is_blind_) {
        waits_since_.reset();
        return false;
    }
    // Missed seconds go by far quicker than windows are filled.
    if (late) return true;
    if (!waits_since_ || *waits_since_ > t) waits_since_ = t;
    is_blind_ = t - *waits_since_ >= kLongestWait;
    return !is_blind_;
}

bool Inhibition::mutes(const SeriesKey& key) {
    if (by_->firing() == 0 || is_blind_) return false;
    if (common_.empty()) return true;
    if (version_ != by_->firing_version()) {
        version_ = by_->firing_version();
        firing_.clear();
        for (const auto& one : by_->firing_keys()) {
            SeriesKey common;
            for (std::size_t i = 0; i < common_.size(); ++i) {
                common.parts[i] = one.parts[common_[i].first];
            }
            firing_.insert(common);
        }
    }
    SeriesKey common;
    for (std::size_t i = 0; i < common_.size(); ++i) {
        common.parts[i] = key.parts[common_[i].second];
    }
    return firing_.contains(common);
}

}  // namespace quotafuse::alerts
