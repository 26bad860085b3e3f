#pragma once

#include <string>

#include "base/environment.h"
#include "base/yaml.h"

namespace quotafuse::daemon {

/// Replaces, in place, every ${NAME} of every value and every {file: path} by what it stands for. A
/// path is looked up in systemd's $CREDENTIALS_DIRECTORY first, then relative to the
/// configuration's folder; one trailing line break of the file is dropped. What is missing or
/// readable by everybody is told with its place.
void fill_in_values(base::yaml::Node& node, const std::string& config_file,
                    const base::Environment& environment, base::yaml::Diagnostics& diagnostics);

/// The text of the configuration that the gateway's and older monitors' variables mean, to be read
/// like a file, so that one set of checks holds.
std::string from_environment(const base::Environment& environment);

}  // namespace quotafuse::daemon
