#pragma once

#include <map>
#include <string>
#include <vector>

#include "daemon/config.h"
#include "support/program.h"

namespace quotafuse::daemon {

/// A configuration as it was read, and what was told of it.
struct Loaded {
    Config config;
    std::vector<std::string> lines;
    bool ok;
};

inline Loaded load(const std::string& file, std::map<std::string, std::string> variables = {}) {
    base::yaml::Diagnostics diagnostics;
    auto config = load_config({file, true}, base::Environment{std::move(variables)}, diagnostics);
    return {std::move(config), diagnostics.lines(), diagnostics.ok()};
}

inline Loaded load_text(const tests::TempDir& folder, const std::string& text,
                        std::map<std::string, std::string> variables = {}) {
    tests::write_file(folder.file("q.yaml"), text);
    return load(folder.file("q.yaml"), std::move(variables));
}

}  // namespace quotafuse::daemon
