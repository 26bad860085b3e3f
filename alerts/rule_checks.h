#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "alerts/rule.h"
#include "alerts/rule_loader.h"

namespace quotafuse::alerts {

/// Tells what is wrong with the value of a key ("above", "where.status"); of a key that is not
/// there at the rule itself.
using Fault = std::function<void(std::string_view key, std::string text)>;

/// Which keys could be read. What depends on the others is not checked.
struct ReadKeys {
    bool metric = false;
    bool limit = false;
    bool window = false;  // false for gauges
};

/// Sees that the keys of a rule, each well by itself, fit each other and what there is.
void check_rule(const Rule& rule, ReadKeys read, const LoadContext& context, const Fault& fault);

}  // namespace quotafuse::alerts
