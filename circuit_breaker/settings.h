#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "base/yaml.h"
#include "circuit_breaker/action.h"
#include "sync/dsn.h"

namespace quotafuse::circuit_breaker {

/// The `breaker:` section of the configuration.
struct Settings {
    std::optional<sync::Dsn> dsn;  // the account that may write; shadow mode can do without
    Mode mode = Mode::shadow;      // the most that any rule gets
    std::int64_t max_open = 3;     // channels off at a time
    std::int64_t max_per_hour = 6;
    std::set<std::int64_t> protected_channels;
};

/// Reads the section; faults go to `diagnostics` with their place. ${NAME} must be expanded before.
/// An empty dsn counts as none.
Settings read_settings(const std::string& file, const base::yaml::Node& node,
                       base::yaml::Diagnostics& diagnostics);

/// Why the settings alone forbid the trip, in shadow mode as well; empty when they allow it.
/// `counts` as they are before its intent (Audit::counts). Shadow trips use up nothing of what a
/// live one may; for a shadow one both count, for it shows what would happen.
std::optional<TripCause> guard_policy(const Settings& settings, const Counts& counts,
                                      const TripRequest& request);

}  // namespace quotafuse::circuit_breaker
