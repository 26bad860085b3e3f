#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "circuit_breaker/last_channel_guard.h"

namespace quotafuse::circuit_breaker {

/// Where a gateway places a channel among its peers: the highest priority is asked first (each
/// retry goes one distinct priority down), and among equals chance goes by weight.
struct Rank {
    std::int64_t priority = 0;
    std::int64_t weight = 0;
    bool operator==(const Rank&) const = default;
};

/// An ability with its rank.
struct RankedAbility {
    Ability ability;
    Rank rank;
};

/// A rank that gets little traffic, never above its own. Where the gateway retries (`retry_times` ≥
/// 1): one below the lowest priority of the peers, so that it gets retries only; where so few
/// retries would not come down to it, one below the highest. Where the gateway does not retry, or
/// nobody may read it: the peers' highest priority (of several pairs the lowest of these, else it
/// would get all of one) with the smallest weight that still gets some: 1, or 0 where the peers of
/// a pair have no weights, which then share equally. Its own rank where no other channel serves any
/// of its pairs: then all traffic is its own anyhow. Only peers that serve count.
/// `pairs`: abilities of every channel for the pairs of `channel`.
Rank trial_rank(std::int64_t channel, Rank own, const std::vector<RankedAbility>& pairs,
                std::optional<std::int64_t> retry_times);

}  // namespace quotafuse::circuit_breaker
