#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/secret.h"
#include "notifiers/http_client.h"

namespace quotafuse::base::yaml {
class Diagnostics;
struct Node;
}  // namespace quotafuse::base::yaml

namespace quotafuse::notifiers {

struct HeartbeatSettings {
    base::Secret url;  // called with GET; any answer of 200 to 299 counts as heard
    std::chrono::seconds every{60};
    HttpOptions http;

    /// What no output may contain.
    std::vector<std::string> secrets() const;
};

/// Reads `heartbeat:` of the configuration. Nothing, with a warning, where its url is empty: a
/// variable that is not set.
std::optional<HeartbeatSettings> read_heartbeat(const std::string& file,
                                                const base::yaml::Node& node,
                                                base::yaml::Diagnostics& diagnostics);

}  // namespace quotafuse::notifiers
