#pragma once

#include <vector>

#include "alerts/rule.h"
#include "alerts/rule_test.h"
#include "base/yaml.h"

namespace quotafuse::alerts {

/// The key `tests` of a rule that was read otherwise. Tells every fault with its place; what it
/// returns counts only without one.
std::vector<RuleTest> read_tests(base::yaml::Mapping& map, const Rule& rule);

}  // namespace quotafuse::alerts
