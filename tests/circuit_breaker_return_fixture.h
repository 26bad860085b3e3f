#pragma once
// What was switched off and comes back, as the tests of the breaker ask for it.

#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "circuit_breaker/channel_tables.h"
#include "circuit_breaker/gateway_return.h"
#include "circuit_breaker/other_info.h"
#include "circuit_breaker_trip_fixture.h"

namespace quotafuse::tests {

constexpr std::int64_t kNull = -1;  // in set_rank

/// All that a return may touch.
inline std::string everything(TestGateway& gateway) {
    const std::string weight = gateway.new_api() ? "weight" : "0";
    const std::string info = gateway.new_api() ? "other_info" : "0";
    std::string text;
    for (const auto& sql :
         {"SELECT id, status, " + info + ", models, priority, weight FROM channels ORDER BY id",
          "SELECT `group`, model, channel_id, enabled, priority, " + weight +
              " FROM abilities ORDER BY 1, 2, 3",
          std::string{"SELECT id, status FROM tokens ORDER BY id"}}) {
        for (const auto& row : gateway.sql(sql)) {
            for (const auto& cell : row) text += cell + "|";
            text += "\n";
        }
    }
    return text;
}

/// The rank of a channel and of its abilities.
inline void set_rank(TestGateway& gateway, std::int64_t channel, std::int64_t priority,
                     std::int64_t weight) {
    const auto sql = [](std::int64_t n) { return n == kNull ? "NULL" : std::to_string(n); };
    gateway.sql(fmt::format("UPDATE channels SET priority = {}, weight = {} WHERE id = {}",
                            sql(priority), sql(weight), channel));
    gateway.sql(
        fmt::format("UPDATE abilities SET priority = {}{} WHERE channel_id = {}", sql(priority),
                    gateway.new_api() ? ", weight = " + sql(weight) : std::string{}, channel));
}

inline Circuit circuit_of(const TripResult& result) {
    return {.trip_id = result.request.trip_id,
            .target = result.request.target,
            .name = result.name,
            .gateway = result.request.gateway,
            .reason = result.request.reason,
            .opened_at = kNow,
            .status_written = result.status_written,
            .before = result.before,
            .after = result.after};
}

/// Switches the channel off.
inline Circuit tripped(TestGateway& gateway, std::int64_t channel, const std::string& trip_id) {
    const auto result = trip(gateway, live(channel, trip_id));
    REQUIRE(kind_name(result.kind) == "tripped");
    return circuit_of(result);
}

/// As the pipeline does: what a trial replaces goes on record before it is written.
inline ReturnResult give_back(sync::GatewaySession& session, TestGateway& gateway,
                              const ReturnRequest& request, const Guard& guard = {}) {
    const auto give = [&](const ReturnRequest& asked) {
        return circuit_breaker::give_back(session, gateway.database(), asked, guard,
                                          kNow + base::Seconds{60});
    };
    auto result = give(request);
    for (int i = 0; i < 5 && result.kind == ReturnResult::Kind::ranks_read; ++i) {
        auto on_record = result.request;
        on_record.circuit.intended = result.kept;
        result = give(on_record);
    }
    return result;
}

inline ReturnResult give_back(TestGateway& gateway, const Circuit& circuit, Way way,
                              bool resumed = false, const Guard& guard = {}) {
    return give_back(*gateway.session(), gateway,
                     {.circuit = circuit,
                      .way = way,
                      .resumed = resumed,
                      .trial_reason = "on trial: " + circuit.reason},
                     guard);
}

inline std::string kind(const ReturnResult& result) {
    return circuit_breaker::kind_name(result.kind);
}

/// As the memory has it after a trial was begun.
inline Circuit on_trial(Circuit circuit, const ReturnResult& result) {
    circuit.state = Circuit::State::trial;
    circuit.trial_at = kNow + base::Seconds{60};
    circuit.kept = result.kept;
    return circuit;
}

/// Switches the channel off and puts it on trial.
inline Circuit put_on_trial(TestGateway& gateway, std::int64_t channel,
                            const std::string& trip_id) {
    const auto circuit = tripped(gateway, channel, trip_id);
    const auto result = give_back(gateway, circuit, Way::trial);
    REQUIRE(kind(result) == "done");
    return on_trial(circuit, result);
}

/// A model that a trip has taken out, as its trip writes it.
inline Circuit tripped_model(TestGateway& gateway, std::int64_t channel, const std::string& model,
                             const std::string& left) {
    Json before{{"models",
                 gateway.value(fmt::format("SELECT models FROM channels WHERE id = {}", channel))},
                {"abilities", Json::array()}};
    for (const auto& row :
         gateway.sql(fmt::format("SELECT `group`, enabled FROM abilities WHERE channel_id = {} AND "
                                 "model = '{}' ORDER BY 1",
                                 channel, model))) {
        before["abilities"].push_back(
            {{"group", row[0]}, {"model", model}, {"enabled", row[1] == "1"}});
    }
    gateway.sql(fmt::format("UPDATE channels SET models = '{}' WHERE id = {}", left, channel));
    gateway.sql(fmt::format(
        "UPDATE abilities SET enabled = 0 WHERE channel_id = {} AND model = '{}'", channel, model));
    return {.trip_id = "m1",
            .target = Target::of_model(channel, model),
            .gateway = gateway.gateway(),
            .reason = "errors",
            .before = before.dump()};
}

/// A key with status 2, which a trip has written.
inline Circuit tripped_key(TestGateway& gateway, std::int64_t id) {
    gateway.sql(
        fmt::format("INSERT INTO tokens(id, user_id, `key`, status, name) VALUES({0}, 4, "
                    "'sk-{0}', 2, 'ci')",
                    id));
    return {.trip_id = fmt::format("k{}", id),
            .target = Target::of_token(id),
            .name = "ci",
            .gateway = gateway.gateway(),
            .reason = "leaked",
            .status_written = kDisabledByHand,
            .before = R"({"status":1})",
            .after = R"({"status":2})"};
}

/// What somebody does to channel 2 after we were there, and what we are to make of it.
struct Scene {
    std::string sql;
    Change change;
    bool new_api_only = false;
};

/// Each scene at each gateway that knows it, with a channel 2 that nobody has touched.
template <class Play>
void in_each_scene(const std::vector<Scene>& scenes, Play play) {
    for (const auto& gateway : every_gateway()) {
        add_two_channels(*gateway);
        for (const auto& scene : scenes) {
            if (scene.new_api_only && !gateway->new_api()) continue;
            CAPTURE(gateway->describe());
            CAPTURE(scene.sql);
            play(*gateway, scene);
            gateway->sql("DELETE FROM channels WHERE id = 2");
            gateway->sql("DELETE FROM abilities WHERE channel_id = 2");
            gateway->add_channel(2, {"default", "vip"}, {"gpt-4o"});
        }
    }
}

inline std::string status_of(TestGateway& gateway, std::int64_t channel) {
    return gateway.value(fmt::format("SELECT status FROM channels WHERE id = {}", channel));
}
inline std::string info_of(TestGateway& gateway, std::int64_t channel) {
    return gateway.value(fmt::format("SELECT other_info FROM channels WHERE id = {}", channel));
}

}  // namespace quotafuse::tests
