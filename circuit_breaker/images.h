#pragma once

#include <string>
#include <vector>

#include "circuit_breaker/channel_tables.h"
#include "circuit_breaker/left_off.h"

namespace quotafuse::circuit_breaker {

/// The JSON of TripResult::before (with `own`: abilities of the target) and after (without).
std::string channel_image(int status, const sync::Cell& other_info);
std::string channel_image(const ChannelRow& row, const std::vector<Ability>& own,
                          const HeldModels& held);
std::string model_image(const sync::Cell& models);
std::string model_image(const sync::Cell& models, const std::vector<Ability>& own);
std::string token_image(int status);

}  // namespace quotafuse::circuit_breaker
