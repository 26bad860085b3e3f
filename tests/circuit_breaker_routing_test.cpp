// What a trip does to the requests of a gateway, by a model of its own choice of channels.

#include <cmath>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "circuit_breaker_trip_fixture.h"
#include "support/gateway_routing.h"

using namespace quotafuse;
using namespace quotafuse::circuit_breaker;
using namespace quotafuse::tests;

namespace {

constexpr int kRequests = 4000;
constexpr auto kNextReread = kNow + GatewayRouting::kReread;
constexpr int kRetries = 3;

/// Requests for a model in any group and at any retry that the channel got.
int traffic(GatewayRouting& routing, std::int64_t channel, const std::string& model) {
    int sum = 0;
    for (const auto* group : {"default", "vip"}) {
        for (int retry = 0; retry <= kRetries; ++retry)
            sum += routing.counts(group, model, kRequests, retry)[channel];
    }
    return sum;
}

int traffic(GatewayRouting& routing, std::int64_t channel) {
    int sum = 0;
    for (const auto* model : {"gpt-4o", "o1", "o3"}) sum += traffic(routing, channel, model);
    return sum;
}

/// Whether counts are as shares foretell, within five standard deviations.
bool matches(const std::map<std::int64_t, int>& counts, const std::map<std::int64_t, int>& shares) {
    double sum = 0;
    double requests = 0;
    for (const auto& [channel, share] : shares) sum += share;
    for (const auto& [channel, count] : counts) requests += count;
    if (counts.size() != shares.size()) return false;
    for (const auto& [channel, share] : shares) {
        const auto p = share / sum;
        const auto found = counts.find(channel);
        if (found == counts.end()) return false;
        if (std::abs(found->second - requests * p) > 5 * std::sqrt(requests * p * (1 - p)) + 1)
            return false;
    }
    return true;
}

}  // namespace

TEST_CASE("the model of the gateway chooses as the gateway does") {
    TestGateway gateway{Engine::mariadb, "newapi_2026"};
    add_four_channels(gateway);
    GatewayRouting off{gateway, Cache::off, 1};
    GatewayRouting on{gateway, Cache::on, 1};
    const auto ask = [](GatewayRouting& routing, int retry) {
        return routing.counts("default", "gpt-4o", kRequests, retry);
    };
    CHECK(matches(ask(off, 0), {{1, 30}, {2, 50}, {3, 90}}));
    CHECK(matches(ask(on, 0), {{1, 20}, {2, 40}, {3, 80}}));
    // Down the distinct priorities, and no further than the lowest.
    for (const int retry : {1, 2}) {
        CHECK(ask(off, retry) == std::map<std::int64_t, int>{{4, kRequests}});
        CHECK(ask(on, retry) == std::map<std::int64_t, int>{{4, kRequests}});
    }
    gateway.sql("UPDATE channels SET weight = 0; UPDATE abilities SET weight = 0");
    CHECK(matches(ask(off, 0), {{1, 1}, {2, 1}, {3, 1}}));
    CHECK(matches(ask(on, 0), {{1, 20}, {2, 40}, {3, 80}}));  // not read again yet
    on.set_time(kNow);
    CHECK(matches(ask(on, 0), {{1, 1}, {2, 1}, {3, 1}}));
    // One of weight 0 gets nothing with the cache on, and its part with the cache off.
    gateway.set_rank(1, 10, 5);
    on.set_time(kNextReread);
    CHECK(ask(on, 0) == std::map<std::int64_t, int>{{1, kRequests}});
    CHECK(matches(ask(off, 0), {{1, 15}, {2, 10}, {3, 10}}));
    CHECK(off.draw("default", "unknown", 1).empty());
    CHECK(on.draw("nobody", "gpt-4o", 1).empty());
}

TEST_CASE("after a trip of a channel no request goes there, whichever way the gateway routes") {
    for (const auto& gateway : every_gateway()) {
        CAPTURE(gateway->describe());
        add_four_channels(*gateway);
        GatewayRouting off{*gateway, Cache::off, 7};
        GatewayRouting on{*gateway, Cache::on, 7};
        on.set_time(kNow);
        CHECK(traffic(off, 2) > 0);
        CHECK(traffic(on, 2) > 0);
        REQUIRE(kind_name(trip(*gateway, live(2)).kind) == "tripped");
        CHECK(traffic(off, 2) == 0);
        on.set_time(kNextReread - base::Seconds{1});
        CHECK(traffic(on, 2) > 0);
        on.set_time(kNextReread);
        CHECK(traffic(on, 2) == 0);
    }
}

TEST_CASE("after a trip of a model its requests go elsewhere, and only its own") {
    for (const auto& gateway : every_gateway()) {
        CAPTURE(gateway->describe());
        add_four_channels(*gateway);
        GatewayRouting off{*gateway, Cache::off, 7};
        GatewayRouting on{*gateway, Cache::on, 7};
        REQUIRE(kind_name(trip(*gateway, live_model(2, "gpt-4o")).kind) == "tripped");
        for (auto* const routing : {&off, &on}) {
            CHECK(traffic(*routing, 2, "gpt-4o") == 0);
            CHECK(traffic(*routing, 2, "o1") > 0);
            CHECK(traffic(*routing, 1, "gpt-4o") > 0);
        }
    }
}

TEST_CASE("requests that the target did not serve are routed as before, one for one") {
    for (const auto& gateway : every_gateway()) {
        CAPTURE(gateway->describe());
        add_four_channels(*gateway);
        const auto draws = [&](Cache cache, const std::string& group, const std::string& model) {
            return GatewayRouting{*gateway, cache, 3}.draw(group, model, 500);
        };
        std::map<Cache, std::vector<std::vector<std::int64_t>>> before;
        std::map<Cache, std::vector<std::vector<std::int64_t>>> after;
        for (const auto cache : {Cache::off, Cache::on}) {
            before[cache] = {draws(cache, "vip", "gpt-4o"), draws(cache, "default", "o1")};
        }
        // Channel 3 serves gpt-4o for default only, and o3.
        REQUIRE(kind_name(trip(*gateway, live(3)).kind) == "tripped");
        for (const auto cache : {Cache::off, Cache::on}) {
            after[cache] = {draws(cache, "vip", "gpt-4o"), draws(cache, "default", "o1")};
        }
        CHECK(after == before);
    }
}

TEST_CASE("the others share what the target had as their weights say") {
    for (const auto* schema : {"newapi_2025", "newapi_2026"}) {
        TestGateway gateway{Engine::mariadb, schema};
        add_four_channels(gateway);
        REQUIRE(kind_name(trip(gateway, live(2)).kind) == "tripped");
        GatewayRouting off{gateway, Cache::off, 11};
        GatewayRouting on{gateway, Cache::on, 11};
        CHECK(matches(off.counts("default", "gpt-4o", kRequests), {{1, 30}, {3, 90}}));
        CHECK(matches(on.counts("default", "gpt-4o", kRequests), {{1, 20}, {3, 80}}));
        CHECK(on.counts("vip", "gpt-4o", kRequests) == std::map<std::int64_t, int>{{1, kRequests}});
        CHECK(off.counts("vip", "gpt-4o", kRequests, 1) ==
              std::map<std::int64_t, int>{{4, kRequests}});
    }
}

TEST_CASE("a write to one of the two tables alone would leave traffic in one of the modes") {
    for (const auto& gateway : every_gateway()) {
        CAPTURE(gateway->describe());
        add_four_channels(*gateway);
        const auto remains = [&](Cache cache, const std::string& model) {
            GatewayRouting routing{*gateway, cache, 5};
            return traffic(routing, 2, model) > 0;
        };
        gateway->sql("UPDATE channels SET status = 3 WHERE id = 2");
        CHECK(remains(Cache::off, "gpt-4o"));
        CHECK(!remains(Cache::on, "gpt-4o"));
        gateway->sql("UPDATE channels SET status = 1 WHERE id = 2");
        gateway->sql("UPDATE abilities SET enabled = 0 WHERE channel_id = 2");
        CHECK(!remains(Cache::off, "gpt-4o"));
        CHECK(remains(Cache::on, "gpt-4o"));
        gateway->sql("UPDATE abilities SET enabled = 1 WHERE channel_id = 2");
        // The same for one model.
        gateway->sql("UPDATE channels SET models = 'o1' WHERE id = 2");
        CHECK(remains(Cache::off, "gpt-4o"));
        CHECK(!remains(Cache::on, "gpt-4o"));
        gateway->sql("UPDATE channels SET models = 'o1,gpt-4o' WHERE id = 2");
        gateway->sql("UPDATE abilities SET enabled = 0 WHERE channel_id = 2 AND model = 'gpt-4o'");
        CHECK(!remains(Cache::off, "gpt-4o"));
        CHECK(remains(Cache::on, "gpt-4o"));
    }
}

TEST_CASE("a group always keeps a row: its gateway would end without one") {
    TestGateway gateway{Engine::sqlite, "newapi_2026"};
    gateway.add_channel(1, {"solo"}, {"gpt-4o", "o1"});
    auto request = live(1);
    request.even_if_last = true;
    REQUIRE(kind_name(trip(gateway, request).kind) == "tripped");
    gateway.add_channel(2, {"default"}, {"gpt-4o"});
    GatewayRouting on{gateway, Cache::on, 1};
    CHECK(on.draw("solo", "gpt-4o", 1).empty());
    gateway.sql("UPDATE channels SET status = 1; DELETE FROM abilities WHERE channel_id = 1");
    GatewayRouting dies{gateway, Cache::on, 1};
    CHECK_THROWS_AS(dies.draw("solo", "gpt-4o", 1), std::logic_error);
}
