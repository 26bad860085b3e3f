#pragma once
// Trips of a gateway's channels, as the tests of the breaker ask for them.

#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "circuit_breaker/gateway_channel.h"
#include "circuit_breaker/other_info.h"
#include "support/test_gateway.h"

namespace quotafuse::tests {

using namespace quotafuse::circuit_breaker;
using Cache = TestGateway::Cache;
using Engine = TestGateway::Engine;
using Kind = TripResult::Kind;
using Json = nlohmann::json;

constexpr auto kNow = base::Second{base::Seconds{1'767'600'000}};
using Texts = std::vector<std::string>;

inline TripRequest live(std::int64_t channel, const std::string& trip = "t1",
                        sync::Gateway gateway = sync::Gateway::new_api) {
    return {.trip_id = trip,
            .channel = channel,
            .reason = "tokens 2,400,000 in 1h",
            .gateway = gateway,
            .mode = Mode::live};
}

inline TripResult trip(TestGateway& gateway, TripRequest request, const Guard& guard = {}) {
    request.gateway = gateway.gateway();
    return trip_channel(*gateway.session(), gateway.database(), request, guard, kNow);
}

/// Channels 1 and 2 serve gpt-4o, channel 1 alone serves o1.
inline void add_two_channels(TestGateway& gateway) {
    gateway.add_channel(1, {"default", "vip"}, {"gpt-4o", "o1"});
    gateway.add_channel(2, {"default", "vip"}, {"gpt-4o"});
}

/// For the test that only needs one gateway of its kind.
inline std::unique_ptr<TestGateway> new_api(Engine engine = Engine::mariadb) {
    auto gateway = std::make_unique<TestGateway>(engine, "newapi_2026");
    add_two_channels(*gateway);
    return gateway;
}

inline Guard o1_has_traffic() {
    return {.served = {{"default", "o1", 1234}, {"default", "gpt-4o", 9}}};
}

inline constexpr auto* kO1IsLast =
    "channel 1 is the last usable one for default/o1 (1,234 requests in 24 h)";

}  // namespace quotafuse::tests
