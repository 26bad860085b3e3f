#pragma once

#include <string>
#include <vector>

#include "circuit_breaker/grant_list.h"
#include "circuit_breaker/grants.h"

namespace quotafuse::circuit_breaker {

/// What the powers allow beyond what is needed, save reading: one sentence for each object and
/// account or role that has them, with the REVOKE that takes them.
std::vector<std::string> excess_of(const std::vector<Power>& powers,
                                   const std::vector<TableGrant>& needed);

/// What takes the SELECT away that these powers give.
std::string cure_of_reading(const std::vector<Power>& sources);

}  // namespace quotafuse::circuit_breaker
