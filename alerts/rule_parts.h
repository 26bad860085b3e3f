#pragma once

#include <optional>
#include <string>
#include <vector>

#include "alerts/active_hours.h"
#include "alerts/rule.h"
#include "base/yaml.h"

namespace quotafuse::alerts {

/// The parts of a rule that are maps or lists of their own. Each reads one key of the rule, tells
/// its faults with their places, and returns what could be read.

Where read_where(base::yaml::Mapping& rule);
std::vector<Dimension> read_by(base::yaml::Mapping& rule);
ActiveHours read_active_hours(base::yaml::Mapping& rule);
/// Warns of a mode above `ceiling`.
std::optional<RuleAction> read_action(base::yaml::Mapping& rule, ActionMode ceiling);
/// The values of a key that is one text or a list of texts, with their places.
std::vector<const base::yaml::Node*> read_list(base::yaml::Mapping& map, std::string_view key);

/// "; did you mean 'x'?", or what is known where nothing is near.
std::string suggest(std::string_view word, const std::vector<std::string_view>& known);

}  // namespace quotafuse::alerts
