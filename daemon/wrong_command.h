#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace quotafuse::daemon {

/// What to say of a command that does not exist; CLI11 only says that one is missing. Empty where
/// there is nothing to say. `before`: the commands that lead to `app`, each with a space behind it.
std::string wrong_command(CLI::App& app, const std::string& before,
                          const std::vector<std::string>& words);

}  // namespace quotafuse::daemon
