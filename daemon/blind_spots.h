#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "alerts/engine.h"
#include "base/clock.h"
#include "daemon/config.h"
#include "sync/dialect.h"

namespace quotafuse::daemon {

// What rules and people will not see, although nothing is wrong with the configuration: one
// sentence each, for `check`.

/// What the configuration alone tells.
std::vector<std::string> blind_spots(const Config& config);

/// What the gateway shows.
struct GatewaySight {
    std::optional<sync::Gateway> gateway;
    std::int64_t rows = 0;                        // the newest ones, that were looked at
    std::int64_t errors = 0;                      // failed requests among them
    std::map<std::string, std::string> troubles;  // see GatewayInfo::troubles
};
inline constexpr std::int64_t kRowsLookedAt = 5000;
std::vector<std::string> blind_spots(const Config& config, const GatewaySight& sight);

/// What the store holds: created_at of its first row, empty without rows.
std::vector<std::string> blind_spots(const Config& config, std::optional<base::Second> first_row,
                                     base::Second now);

/// Among the kinds of troubles: that not even channels can be read, and with them nothing of the
/// gateway's objects; and that no name of a channel was ever read.
inline constexpr auto kChannelsKind = "channels";
inline constexpr auto kNamesKind = "names of channels";

// Rules that are not evaluated because of the gateway, as errors of the overview.

/// Those that need what the account may not read.
void add_unreadable(alerts::Overview& overview, const std::vector<alerts::Rule>& rules,
                    const std::map<std::string, std::string>& troubles);
/// Those that ask for what the gateway has not, e.g. failed requests: known only once it has been
/// read. Rules that are for another gateway are none of them.
void add_unlogged(alerts::Overview& overview, const std::vector<alerts::Rule>& rules,
                  std::optional<sync::Gateway> gateway);
/// Both, each with its reason.
std::vector<alerts::Overview::Error> blind_rules(const std::vector<alerts::Rule>& rules,
                                                 const std::map<std::string, std::string>& troubles,
                                                 std::optional<sync::Gateway> gateway);

}  // namespace quotafuse::daemon
