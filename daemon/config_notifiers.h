#pragma once

#include <string>
#include <vector>

#include "base/yaml.h"
#include "daemon/config.h"

namespace quotafuse::daemon {

/// Reads `notifiers`, `self_notify` and `heartbeat`: who is told. `names` gets every name that the
/// file has, also of those that are left out.
void read_notifiers(base::yaml::Mapping& map, Config& config, NotifierUse use,
                    std::vector<std::string>& names);

}  // namespace quotafuse::daemon
