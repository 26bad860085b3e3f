#pragma once

#include <cstddef>
#include <vector>

#include "alerts/rule.h"
#include "alerts/window.h"

namespace quotafuse::alerts {

/// Rules that keep nothing of any series and can only begin to when a value in their window passes
/// their limit. Most rules are so most of the time; here the highest value of what changed in a
/// window is compared with the lowest limit of those that share it, and the others sleep on.
class RestingRules {
public:
    /// `place` is the caller's name for the rule. `window` must outlive it.
    void put(std::size_t place, const Rule& rule, const Window& window);
    /// Takes out, and adds to `places`, the rules that may have something to say since settle().
    void wake(double quota_per_unit, std::vector<std::size_t>& places);
    void wake_all(std::vector<std::size_t>& places);

private:
    struct Sleeper {
        double limit;
        std::size_t place;
    };
    struct Group {
        const Window* window;
        Metric metric;
        std::vector<Sleeper> sleepers;  // the lowest limit last
    };
    std::vector<Group> groups_;
};

}  // namespace quotafuse::alerts
