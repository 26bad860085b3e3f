#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/demo/traffic.h"

namespace quotafuse::demo {

/// A gateway to show quotafuse with: New API's default, a SQLite file, with a month behind it: thin
/// traffic, and half an hour of the story's pace.
struct DemoSetup {
    std::string folder;
    std::string gateway_path;  // one-api.db
    std::string store_path;    // where the demo's daemon keeps its mirror; not made yet
    std::string socket_path;   // of its control socket; not made yet
};

/// Makes the gateway in `folder`, which exists, its history ending at clock.now(). Throws
/// base::Failure (io_error) where a file cannot be written or a gateway is there already.
DemoSetup prepare_demo(const std::string& folder, const base::Clock& clock, std::uint64_t seed = 1);

/// Starts the story at that gateway.
std::unique_ptr<DemoTraffic> start_traffic(const DemoSetup& setup, const base::Clock& clock,
                                           const base::Log& log, std::uint64_t seed = 2);

/// The configuration of the demo's daemon, with its rules in `rules_file` (relative to the
/// configuration). `listen` as in status.listen. The breaker is live: it is the demo's own gateway.
std::string demo_config_yaml(const DemoSetup& setup, const std::string& listen,
                             const std::string& rules_file);
/// Rules as in etc/rules.d, with windows short enough for a spectator.
std::string demo_rules_yaml();

}  // namespace quotafuse::demo
