#pragma once

#include <cstddef>
#include <vector>

#include "sync/traffic_question.h"

namespace quotafuse::daemon::api {

/// Takes out of `cells` those of all objects but the `most` that cost most over all steps, and
/// returns them summed up: a cell of each step, without id and text. `cells` are an answer to a
/// question `by`.
std::vector<sync::TrafficCell> take_small(std::vector<sync::TrafficCell>& cells, sync::TrafficBy by,
                                          std::size_t most);

}  // namespace quotafuse::daemon::api
