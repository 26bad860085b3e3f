#include "circuit_breaker/kept_ranks.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/text.h"

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

std::string dump(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void add_ranks(Json& json, const KeptRanks& kept) {
    json["priority"] = number(kept.channel.priority);
    json["weight"] = number(kept.channel.weight);
    auto& abilities = json["abilities"] = Json::array();
    for (const auto& [group, model, rank] : kept.abilities) {
        abilities.push_back({{"group", group},
                             {"model", model},
                             {"priority", number(rank.priority)},
                             {"weight", number(rank.weight)}});
    }
}

Json object(const std::string& image) {
    auto json = Json::parse(image, nullptr, false);
    return json.is_object() ? json : Json::object();
}

}  // namespace

std::string to_text(const KeptRanks& kept) {
    Json json;
    add_ranks(json, kept);
    json["trial"] = {{"priority", kept.trial.priority}, {"weight", kept.trial.weight}};
    for (const auto& [group, model] : kept.off) json["off"].push_back(Json::array({group, model}));
    return dump(json);
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
        for (const auto& pair : json.value("off", Json::array()))
            kept.off.emplace_back(pair.at(0).get<std::string>(), pair.at(1).get<std::string>());
        return kept;
    } catch (const Json::exception&) {
        return {};
    }
}

std::optional<std::string> name_that_is_lost(const KeptRanks& kept) {
    for (const auto& [group, model, rank] : kept.abilities) {
        const auto name = group + "/" + model;
        if (auto valid = base::valid_utf8(name); valid != name) return valid;
    }
    return {};
}

bool same_before(const KeptRanks& a, const KeptRanks& b) {
    return a.channel == b.channel && a.off == b.off &&
           std::ranges::is_permutation(a.abilities, b.abilities);
}

std::string with_ranks(const std::string& image, const KeptRanks& kept) {
    auto json = object(image);
    add_ranks(json, kept);
    return dump(json);
}

std::string with_trial_rank(const std::string& image, const KeptRanks& kept) {
    auto json = object(image);
    json["priority"] = kept.trial.priority;
    json["weight"] = kept.trial.weight;
    return dump(json);
}

}  // namespace quotafuse::circuit_breaker
