#include "daemon/wrong_command.h"

#include <CLI/App.hpp>
#include <fmt/format.h>

#include "base/text.h"

namespace quotafuse::daemon {

std::string wrong_command(CLI::App& app, const std::string& before,
                          const std::vector<std::string>& words) {
    const auto subcommands = app.get_subcommands([](CLI::App*) { return true; });
    if (words.empty() || words[0].starts_with('-') || subcommands.empty()) return {};
    std::vector<std::string_view> known;
    for (auto* const one : subcommands) {
        if (one->get_name() == words[0]) {
            return wrong_command(*one, before + words[0] + ' ', {words.begin() + 1, words.end()});
        }
        known.push_back(one->get_name());
    }
    const auto near = base::nearest(words[0], known);
    const auto hint = near.empty() ? "" : fmt::format("did you mean '{}{}'? ", before, near);
    return fmt::format("quotafuse: there is no command '{}{}'; {}`quotafuse {}--help` lists them",
                       before, words[0], hint, before);
}

}  // namespace quotafuse::daemon
