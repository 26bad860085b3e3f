#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sync/traffic_question.h"

namespace quotafuse::daemon::api {

/// By what objects are larger than others.
enum class Rank { cost, requests, errors, tokens };
std::int64_t rank_of(const sync::TrafficSums& sums, Rank rank);

/// The largest of many objects.
struct Largest {
    std::size_t most = 0;  // 0 for all
    Rank by = Rank::cost;
};

/// Takes out of `cells` those of all objects but the largest over all steps, and returns them
/// summed up: a cell of each step, without id and text. `cells` are an answer to a question `by`.
std::vector<sync::TrafficCell> take_small(std::vector<sync::TrafficCell>& cells, sync::TrafficBy by,
                                          const Largest& largest);

}  // namespace quotafuse::daemon::api
