#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/recovery.h"
#include "circuit_breaker/action.h"

namespace quotafuse::circuit_breaker {

// Values as the store keeps them, in one column of JSON each. What cannot be read is the careful
// value: a recovery by hand, no key, no names.

std::string stored(const base::Recovery& recovery);
base::Recovery recovery_from(const std::string& text);

std::string stored(const std::optional<LeadingKey>& leading);  // empty for none
std::optional<LeadingKey> leading_from(const std::string& text);

std::string stored(const std::vector<std::string>& names);
std::vector<std::string> names_from(const std::string& text);

}  // namespace quotafuse::circuit_breaker
