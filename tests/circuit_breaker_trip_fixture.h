#pragma once
// Trips of a gateway's channels, as the tests of the breaker ask for them.

#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "circuit_breaker/gateway_trip.h"
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

inline std::string with_trip(const std::optional<std::string>& other_info, const std::string& trip,
                             const std::string& reason, std::int64_t now, const Routes& off = {}) {
    return with_mark(other_info, {.trip = trip, .off = off}, reason, now);
}
inline std::optional<std::string> trip_mark(const std::optional<std::string>& other_info) {
    const auto mark = read_mark(other_info);
    return mark ? std::optional{mark->trip} : std::nullopt;
}
inline Routes abilities_off(const std::optional<std::string>& other_info) {
    const auto mark = read_mark(other_info);
    return mark ? mark->off : Routes{};
}

inline TripRequest live(std::int64_t channel, const std::string& trip = "t1",
                        sync::Gateway gateway = sync::Gateway::new_api) {
    return {.trip_id = trip,
            .target = Target::of_channel(channel),
            .reason = "tokens 2,400,000 in 1h",
            .gateway = gateway,
            .mode = Mode::live};
}

inline TripRequest live_model(std::int64_t channel, const std::string& model) {
    auto request = live(channel);
    request.target = Target::of_model(channel, model);
    return request;
}

inline TripRequest live_token(std::int64_t token) {
    auto request = live(0);
    request.target = Target::of_token(token);
    return request;
}

inline TripResult trip(TestGateway& gateway, TripRequest request, const Guard& guard = {}) {
    request.gateway = gateway.gateway();
    return circuit_breaker::trip(*gateway.session(), gateway.database(), request, guard, kNow);
}

/// Channels 1 and 2 serve gpt-4o, channel 1 alone serves o1.
inline void add_two_channels(TestGateway& gateway) {
    gateway.add_channel(1, {"default", "vip"}, {"gpt-4o", "o1"});
    gateway.add_channel(2, {"default", "vip"}, {"gpt-4o"});
}

/// Three channels for gpt-4o with shares of 1 : 2 : 4; 1 and 2 also serve o1, 3 alone serves o3. A
/// fourth one waits at a lower priority.
inline void add_four_channels(TestGateway& gateway) {
    gateway.add_channel(1, {"default", "vip"}, {"gpt-4o", "o1"});
    gateway.add_channel(2, {"default", "vip"}, {"o1", "gpt-4o"});
    gateway.add_channel(3, {"default"}, {"gpt-4o", "o3"});
    gateway.add_channel(4, {"default", "vip"}, {"gpt-4o"});
    gateway.set_rank(1, 10, 20);
    gateway.set_rank(2, 10, 40);
    gateway.set_rank(3, 10, 80);
    gateway.set_rank(4, 0, 0);
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
    "channel 1 is the last usable one for default/o1 (1,234 requests in the last 24 h)";

}  // namespace quotafuse::tests
