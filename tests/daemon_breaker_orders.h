#pragma once
// What alerts and people ask of the breaker's desk.

#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "daemon_announcer_fixture.h"

namespace quotafuse::tests {

using Json = nlohmann::json;

inline std::string tokens_rule(const std::string& action) {
    return fmt::format(
        "  - {{name: burn, metric: tokens, by: [channel], window: 1h, above: 100, action: {}}}\n",
        action);
}
inline constexpr auto* kDisableChannel = "{disable_channel: {mode: live}}";

inline Json answer(Desk& desk, const std::string& id) {
    return Json::parse(desk.requests().result(Json{{"id", id}}.dump()));
}

inline Json ask(Desk& desk, const std::string& request) {
    const auto id = Json::parse(desk.requests().trip(request)).at("id").get<std::string>();
    if (!answer(desk, id).at("done").get<bool>()) desk.take_results(1);
    return answer(desk, id);
}

inline Json restore(Desk& desk, const std::string& request) {
    const auto id = Json::parse(desk.requests().restore(request)).at("id").get<std::string>();
    desk.take_results(1);
    return answer(desk, id);
}

inline sync::LogEntry of_key(int channel, int token, const std::string& name, int tokens) {
    auto entry = Desk::entry_of(channel, tokens, kStart + 1);
    entry.token = token;
    entry.token_name = name;
    entry.username = "alice";
    entry.user = 4;
    return entry;
}

}  // namespace quotafuse::tests
