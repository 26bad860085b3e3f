#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "alerts/rule.h"
#include "alerts/rule_checks.h"
#include "base/yaml.h"

namespace quotafuse::alerts {

/// What a rule asks of the circuit breaker: its key `action`.

/// Tells the faults of the key with their places, and returns what could be read. Warns of a mode
/// above `ceiling`.
std::optional<RuleAction> read_action(base::yaml::Mapping& rule, ActionMode ceiling);

/// Sees that it is known what the action is about, and that its value stands on enough requests.
void check_action(const Rule& rule, const ReadKeys& read, const Fault& fault);

/// The ids to which `where` holds a dimension, each once, in the order of the file. Empty where it
/// says anything else beside them, a glob or a negation: then the rule is not about these only.
std::vector<std::int64_t> ids_in_where(const Rule& rule, Dimension dimension);
/// The one name, without * and ?, to which `where` holds a dimension.
std::optional<std::string> name_in_where(const Rule& rule, Dimension dimension);

}  // namespace quotafuse::alerts
