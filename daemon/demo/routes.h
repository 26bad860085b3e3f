#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "daemon/demo/gateway.h"

namespace quotafuse::demo {

using Random = std::mt19937_64;

/// Which channels a gateway may send a request to. A gateway without its memory cache believes
/// `abilities.enabled`, one with it `channels.status`; here a channel must be enabled in both.
class Routes {
public:
    explicit Routes(const DemoGateway& gateway);
    /// As the tables stand now. Throws sync::GatewayError.
    static Routes read(sync::GatewaySession& session, Flavour flavour);

    /// The gateway's choice: the n-th retry goes to the n-th of the distinct priorities, highest
    /// first (the last for all further ones), there by chance with weight + 10. Empty when no
    /// channel serves the pair.
    std::optional<std::int64_t> choose(const std::string& group, const std::string& model,
                                       int retry, Random& random) const;

private:
    struct Candidate {
        std::int64_t channel;
        std::int64_t priority;
        std::int64_t weight;
    };
    using Pair = std::pair<std::string, std::string>;  // group and model
    Routes() = default;
    void sort();
    std::map<Pair, std::vector<Candidate>> candidates_;  // highest priority first
};

}  // namespace quotafuse::demo
