#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "circuit_breaker/action.h"

namespace quotafuse::circuit_breaker {

/// One way to route a request: a row of the gateway's `abilities`.
struct Ability {
    std::string group;
    std::string model;
    std::int64_t channel = 0;
    bool enabled = false;
    bool channel_on = false;  // status 1 in `channels`
    /// The gateway routes by one table or the other, as its cache is off or on: both must say yes.
    bool serves() const { return enabled && channel_on; }
};

/// The abilities of `channel` that are enabled; of one model (the exact name) where one is given.
std::vector<Ability> lit_of(std::int64_t channel, const std::optional<std::string>& model,
                            const std::vector<Ability>& abilities);

/// What nobody would serve without one channel.
struct Dark {
    std::vector<UsedPair> used;
    std::vector<std::string> unused;
    base::Seconds traffic = kGuardTraffic;  // as the guard counted
};

/// The pairs of `lit` (abilities that `channel` serves) for which no other channel in `now` serves,
/// channels under a firing alert not counted.
Dark find_dark(std::int64_t channel, const std::vector<Ability>& lit,
               const std::vector<Ability>& now, const Guard& guard);

/// A channel of Guard::settling that is set up for a pair of `lit`, on or off, if there is one.
std::optional<std::int64_t> find_settling(std::int64_t channel, const std::vector<Ability>& lit,
                                          const std::vector<Ability>& now, const Guard& guard);

}  // namespace quotafuse::circuit_breaker
