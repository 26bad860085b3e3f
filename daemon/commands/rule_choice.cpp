#include <algorithm>
#include <cerrno>
#include <iostream>
#include <set>

#include <fmt/format.h>
#include <unistd.h>

#include "base/failure.h"
#include "base/text.h"
#include "daemon/commands/commands.h"

namespace quotafuse::daemon {
namespace {

/// Those in use, and those that are left out for want of a token but stand in the rules.
std::vector<std::string> notifier_names(const Config& config) {
    std::set<std::string> names;
    for (const auto& notifier : config.notifiers) names.insert(notifier.name);
    for (const auto& rule : config.rules) names.insert(rule.notify.begin(), rule.notify.end());
    return {names.begin(), names.end()};
}

}  // namespace

alerts::RuleSet load_rules_or_fail(const Config& config, const std::vector<std::string>& files) {
    if (files.empty()) return {config.rules, config.rule_tests};
    for (const auto& file : files) {
        if (::access(file.c_str(), F_OK) != 0 && errno == ENOENT)
            throw base::Failure(base::ExitCode::no_input, fmt::format("there is no file {}", file));
    }
    base::yaml::Diagnostics diagnostics;
    auto set = alerts::load_rules(files, rule_context(config, notifier_names(config)), diagnostics);
    for (const auto& line : diagnostics.lines()) std::cerr << line << '\n';
    if (diagnostics.ok()) return set;
    throw base::Failure(base::ExitCode::config, "the rules have faults");
}

const alerts::Rule& rule_or_fail(const std::vector<alerts::Rule>& rules, const std::string& name) {
    const auto at = std::find_if(rules.begin(), rules.end(),
                                 [&](const alerts::Rule& rule) { return rule.name == name; });
    if (at != rules.end()) return *at;
    std::vector<std::string_view> known;
    for (const auto& rule : rules) known.push_back(rule.name);
    const auto close = base::nearest(name, known);
    throw base::Failure(
        base::ExitCode::usage,
        fmt::format("there is no rule '{}'{}", name,
                    close.empty() ? "" : fmt::format("; did you mean '{}'?", close)));
}

}  // namespace quotafuse::daemon
