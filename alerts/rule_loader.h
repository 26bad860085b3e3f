#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "alerts/rule.h"
#include "base/time_zone.h"
#include "base/yaml.h"

namespace quotafuse::alerts {

/// What rule files may refer to.
struct LoadContext {
    std::vector<std::string> notifiers;  // names that `notify` may use
    base::TimeZone zone;                 // of rules without `timezone`
    ActionMode ceiling =
        ActionMode::shadow;  // breaker.mode: a rule that asks for more gets a warning
    /// store.keep.rows: a rule that looks further back is an error. Empty: rows stay for ever.
    std::optional<std::chrono::seconds> kept{};
};

/// Reads rule files, each `rules: [ … ]`, whole or not at all: with a single error (see
/// diagnostics.ok()) the result is empty. Every fault is told, with its place and what is allowed.
/// Names are unique over all files. Disabled rules are checked and returned like the others.
std::vector<Rule> load_rules(const std::vector<std::string>& files, const LoadContext& context,
                             base::yaml::Diagnostics& diagnostics);
/// load_rules for one file's text; `file` is what messages call it.
std::vector<Rule> parse_rules(const std::string& file, const std::string& text,
                              const LoadContext& context, base::yaml::Diagnostics& diagnostics);

}  // namespace quotafuse::alerts
