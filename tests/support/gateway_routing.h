#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "support/test_gateway.h"

namespace quotafuse::tests {

/// How a gateway chooses the channel of a request, over its real tables.
///
/// Cache off: among the abilities of the group × model that are enabled; the channel's status is
/// not looked at. Chance goes by weight + 10.
/// Cache on: among the channels of status 1 by their `group` and `models`, as they were at the last
/// rereading (every 60 s; the first request reads). Chance goes by weight, equally where all
/// weights are 0; a single candidate is used whatever its weight.
/// Both take the highest priority; each retry goes one distinct priority down, to the lowest.
class GatewayRouting {
public:
    static constexpr base::Seconds kReread{60};

    GatewayRouting(TestGateway& gateway, TestGateway::Cache cache, std::uint64_t seed)
        : gateway_(gateway), cache_(cache), chance_(seed) {}

    /// The time of the next requests; not before that of the last ones.
    void set_time(base::Second now) { now_ = now; }

    /// The channels of `requests` requests of the same kind, in their order; empty where nobody
    /// serves them.
    std::vector<std::int64_t> draw(const std::string& group, const std::string& model, int requests,
                                   int retry = 0);
    /// The same, as how many each channel got.
    std::map<std::int64_t, int> counts(const std::string& group, const std::string& model,
                                       int requests, int retry = 0);

private:
    struct Candidate {
        std::int64_t channel = 0;
        std::int64_t priority = 0;
        std::int64_t weight = 0;
    };
    using Route = std::pair<std::string, std::string>;

    std::vector<Candidate> by_abilities(const std::string& group, const std::string& model);
    void reread();
    std::int64_t choose(const std::vector<Candidate>& candidates);

    TestGateway& gateway_;
    TestGateway::Cache cache_;
    std::mt19937_64 chance_;
    base::Second now_{};
    std::optional<base::Second> read_at_;
    std::map<Route, std::vector<Candidate>> routes_;  // the cache
};

}  // namespace quotafuse::tests
