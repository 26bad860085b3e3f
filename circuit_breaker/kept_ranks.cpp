#include "circuit_breaker/kept_ranks.h"

#include <nlohmann/json.hpp>

namespace quotafuse::circuit_breaker {
namespace {

using Json = nlohmann::ordered_json;

Json number(const std::optional<std::int64_t>& value) {
    return value ? Json(*value) : Json();
}

std::optional<std::int64_t> number(const Json& json, const char* key) {
    const auto& value = json.at(key);
    if (value.is_null()) return {};
    return value.get<std::int64_t>();
}

StoredRank stored_rank(const Json& json) {
    return {.priority = number(json, "priority"), .weight = number(json, "weight")};
}

}  // namespace

std::string to_text(const KeptRanks& kept) {
    Json json{{"priority", number(kept.channel.priority)},
              {"weight", number(kept.channel.weight)},
              {"abilities", Json::array()},
              {"trial", {{"priority", kept.trial.priority}, {"weight", kept.trial.weight}}}};
    for (const auto& [group, model, rank] : kept.abilities) {
        json["abilities"].push_back({{"group", group},
                                     {"model", model},
                                     {"priority", number(rank.priority)},
                                     {"weight", number(rank.weight)}});
    }
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<KeptRanks> read_kept(const std::string& text) {
    try {
        const auto json = Json::parse(text);
        KeptRanks kept{.channel = stored_rank(json)};
        for (const auto& ability : json.at("abilities")) {
            kept.abilities.push_back({.group = ability.at("group").get<std::string>(),
                                      .model = ability.at("model").get<std::string>(),
                                      .rank = stored_rank(ability)});
        }
        kept.trial = stored_rank(json.at("trial")).rank();
        return kept;
    } catch (const Json::exception&) {
        return {};
    }
}

}  // namespace quotafuse::circuit_breaker
