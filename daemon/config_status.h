#pragma once

#include <string>

#include "base/yaml.h"
#include "daemon/config.h"

namespace quotafuse::daemon {

/// Reads `status:` into listen, public_url and access. Who could be seen by others without a
/// password is an error at its place.
void read_status(const std::string& file, const base::yaml::Node& node, Config& config,
                 base::yaml::Diagnostics& diagnostics);

}  // namespace quotafuse::daemon
