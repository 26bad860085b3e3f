#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sync/gateway_session.h"

namespace quotafuse::sync {

using Options = std::map<std::string, std::string>;

/// Where `quotafuse grants` puts the options without the secrets among them, quoted.
std::string options_view(const std::string& database);
/// Where it puts the masked API keys: `id`, `masked`.
std::string token_masks_view(const std::string& database);
inline constexpr auto kOptionsTable = "`options`";

/// Those of the keys that were ever saved, in one statement; empty when the table may not be read.
/// Throws GatewayError of every other kind.
std::optional<Options> ask_options(GatewaySession& session, const std::string& table,
                                   const std::vector<std::string>& keys);

/// The account may not, or there is no such table or column: trying again changes nothing.
bool is_refused(const GatewayError& error);

}  // namespace quotafuse::sync
