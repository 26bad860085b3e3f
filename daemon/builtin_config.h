#pragma once

#include <span>
#include <string_view>

namespace quotafuse::daemon {

struct ConfigFile {
    std::string_view name;
    std::string_view content;
};

/// quotafuse.yaml and secrets.env of etc/, compiled in for `quotafuse init`.
std::span<const ConfigFile> builtin_config();

}  // namespace quotafuse::daemon
