#pragma once

#include <string>
#include <vector>

#include "circuit_breaker/grant_list.h"
#include "circuit_breaker/grants.h"

namespace quotafuse::circuit_breaker {

/// Whether every account of the server has it: by PUBLIC, or a mandatory role.
bool of_everybody(const Power& power);

/// What shows that the account is somebody else's, an administrator's or the gateway's: "do
/// everything on the whole server". To take its rights away would break something. Empty where
/// nothing shows that; what everybody has is no sign.
std::string sign_of_owner(const std::vector<Power>& powers);

/// What the powers allow beyond what is needed, save reading: one sentence for each object and
/// account or role that has them, with what takes them: a REVOKE, from PUBLIC or a role where they
/// stand there; for the right that comes with a role of MySQL, the REVOKE of the role. `account` is
/// quoted.
std::vector<std::string> excess_of(const std::vector<Power>& powers,
                                   const std::vector<TableGrant>& needed,
                                   const std::string& account);

/// " as every account of the server (PUBLIC)", " by the role 'r'@'%'": where the SELECT comes from
/// that these powers give; empty for the account itself.
std::string source_of_reading(const std::vector<Power>& sources, const std::string& account);

/// What takes the SELECT away that these powers give.
std::string cure_of_reading(const std::vector<Power>& sources, const std::string& account);

}  // namespace quotafuse::circuit_breaker
