#include "circuit_breaker/images.h"

#include <utility>

#include <nlohmann/json.hpp>

namespace quotafuse::circuit_breaker {
namespace {

using Json = nlohmann::ordered_json;

/// Whatever bytes the gateway holds, it is valid JSON.
std::string to_text(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json cell_json(const sync::Cell& cell) {
    return cell ? Json(*cell) : Json();
}

Json channel_json(int status, const sync::Cell& other_info) {
    return {{"status", status}, {"other_info", cell_json(other_info)}};
}

std::string with_abilities(Json json, const std::vector<Ability>& own,
                           const HeldModels& held = {}) {
    auto& rows = json["abilities"] = Json::array();
    for (const auto& ability : own) {
        const auto [group, model] = route_of(ability);
        Json row{{"group", group}, {"model", model}, {"enabled", ability.enabled}};
        if (holds(held, ability.model)) row["held"] = true;
        rows.push_back(std::move(row));
    }
    return to_text(json);
}

}  // namespace

std::string channel_image(int status, const sync::Cell& other_info) {
    return to_text(channel_json(status, other_info));
}

std::string channel_image(const ChannelRow& row, const std::vector<Ability>& own,
                          const HeldModels& held) {
    return with_abilities(channel_json(row.status, row.other_info), own, held);
}

std::string model_image(const sync::Cell& models) {
    return to_text({{"models", cell_json(models)}});
}

std::string model_image(const sync::Cell& models, const std::vector<Ability>& own) {
    return with_abilities({{"models", cell_json(models)}}, own);
}

std::string token_image(int status) {
    return to_text({{"status", status}});
}

}  // namespace quotafuse::circuit_breaker
