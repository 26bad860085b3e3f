#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/yaml.h"
#include "circuit_breaker/action.h"
#include "sync/dsn.h"

namespace quotafuse::circuit_breaker {

/// Whether the gateway routes from memory (its cache), which decides how long a trip takes to
/// work. Nobody can read it from the database: the configuration says it, else it is unknown.
enum class GatewayCache { unknown, off, on };

/// The `breaker:` section of the configuration.
struct Settings {
    std::optional<sync::Dsn> dsn;  // the account that may write; shadow mode can do without
    Mode mode = Mode::shadow;      // the most that any rule gets
    std::int64_t max_open = 3;     // channels off at a time
    std::int64_t max_per_hour = 6;
    std::int64_t max_keys_per_hour = 5;
    std::set<std::int64_t> protected_channels;
    std::set<std::int64_t> protected_tokens;  // ids of keys
    std::set<std::int64_t> protected_users;   // whose keys are never switched off
    base::Seconds settle{300};
    /// Rows that are older than this tell nothing: no trip.
    base::Seconds max_lag{60};
    /// So far back requests make a group × model worth keeping alive.
    base::Seconds guard_traffic = kGuardTraffic;
    GatewayCache cache = GatewayCache::unknown;
    /// After a change at the gateway its nodes may go on as before for so long; empty: 90 s on New
    /// API, 660 s on One API, 0 where `cache` is off.
    std::optional<base::Seconds> cache_lag{};
};

/// Reads the section; faults go to `diagnostics` with their place. ${NAME} must be expanded before.
/// An empty dsn counts as none.
Settings read_settings(const std::string& file, const base::yaml::Node& node,
                       base::yaml::Diagnostics& diagnostics);

/// How long after a trip rows of its target prove nothing.
base::Seconds cache_lag(const Settings& settings, sync::Gateway gateway);

}  // namespace quotafuse::circuit_breaker
