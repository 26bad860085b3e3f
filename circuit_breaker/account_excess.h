#pragma once

#include <string>
#include <vector>

#include "circuit_breaker/grant_list.h"
#include "circuit_breaker/grants.h"

namespace quotafuse::circuit_breaker {

/// What the powers allow beyond what is needed, save reading: one sentence for each object and
/// account or role that has them, with what takes them: a REVOKE, from PUBLIC or a role where they
/// stand there; for the right that comes with a role of MySQL, the REVOKE of the role. `account` is
/// quoted.
std::vector<std::string> excess_of(const std::vector<Power>& powers,
                                   const std::vector<TableGrant>& needed,
                                   const std::string& account);

/// What takes the SELECT away that these powers give.
std::string cure_of_reading(const std::vector<Power>& sources, const std::string& account);

}  // namespace quotafuse::circuit_breaker
