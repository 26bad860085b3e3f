#include "circuit_breaker/ownership.h"

#include <nlohmann/json.hpp>

#include "circuit_breaker/model_tables.h"
#include "circuit_breaker/token_table.h"

namespace quotafuse::circuit_breaker {
namespace {

using Json = nlohmann::json;

/// What tells nothing by itself: no mark where there is none to be had.
bool has_mark(const Circuit& circuit) {
    return circuit.gateway == sync::Gateway::new_api;
}

Change of_open(const Circuit& circuit, const ChannelStand& stand, const std::optional<Mark>& mark) {
    if (stand.status == kEnabled) return Change::enabled;
    // A second trip of ours would not have been possible with the channel off.
    if (mark && mark->trip != circuit.trip_id) return Change::enabled;
    const bool other_hand =
        stand.status == kDisabledByHand && circuit.status_written == kDisabledAutomatically;
    if (other_hand) return Change::disabled_by_hand;
    // From 2 to 3 the gateway goes by itself, when a request fails that was on its way.
    const bool off = stand.status == kDisabledByHand || stand.status == kDisabledAutomatically;
    const bool ours = off && (mark || !has_mark(circuit));
    return ours ? Change::none : Change::altered;
}

bool all_at(const Rank& rank, const ChannelStand& stand) {
    return stand.rank.rank() == rank &&
           std::ranges::all_of(stand.ability_ranks,
                               [&](const StoredRank& own) { return own.rank() == rank; });
}

Change of_trial(const Circuit& circuit, const ChannelStand& stand,
                const std::optional<Mark>& mark) {
    if (stand.status == kDisabledByHand) return Change::disabled_by_hand;
    const bool marked = !has_mark(circuit) || (mark && mark->trip == circuit.trip_id);
    if (!marked) return Change::altered;
    if (stand.status == kDisabledAutomatically) return Change::gateway_disabled;
    const auto kept = kept_of(circuit, mark);
    const bool on_trial = stand.status == kEnabled && (!has_mark(circuit) || mark->trial) && kept &&
                          all_at(kept->trial, stand);
    if (!on_trial) return Change::altered;
    // It is on already, so who enables it changes nothing but what the trial left off.
    const bool enabled = std::ranges::any_of(stand.lit, [&](const auto& route) {
        return std::ranges::find(kept->off, route) != kept->off.end();
    });
    return enabled ? Change::enabled : Change::none;
}

std::vector<Ability> read_abilities(const Json& json, std::int64_t channel) {
    std::vector<Ability> abilities;
    for (const auto& ability : json) {
        if (ability.value("held", false)) continue;
        abilities.push_back({.group = ability.at("group").get<std::string>(),
                             .model = ability.at("model").get<std::string>(),
                             .channel = channel,
                             .enabled = ability.at("enabled").get<bool>()});
    }
    return abilities;
}

}  // namespace

ChannelStand stand_of(const ChannelRow& row, const StoredRank& rank) {
    return {.status = row.status, .other_info = row.other_info, .rank = rank};
}

Change change_of_channel(const Circuit& circuit, const std::optional<ChannelStand>& stand) {
    if (!stand) return Change::deleted;
    const auto mark = has_mark(circuit) ? read_mark(stand->other_info) : std::nullopt;
    return circuit.state == Circuit::State::trial ? of_trial(circuit, *stand, mark)
                                                  : of_open(circuit, *stand, mark);
}

bool has_trial_rank(const ChannelStand& stand, const KeptRanks& kept) {
    // NULL counts as 0, but is no trial's.
    const auto is_trial = [&](const StoredRank& rank) {
        return rank.priority == kept.trial.priority && rank.rank() == kept.trial;
    };
    const bool replaced =
        !is_trial(kept.channel) ||
        !std::ranges::all_of(kept.abilities, is_trial, &KeptRanks::Exception::rank);
    return replaced && is_trial(stand.rank) && std::ranges::all_of(stand.ability_ranks, is_trial);
}

Change change_of_model(const Circuit& circuit, const std::optional<ModelStand>& stand) {
    if (!stand) return Change::deleted;
    const bool on = stand->served || has_model(stand->models, circuit.target.model);
    return on ? Change::enabled : Change::none;
}

Change change_of_token(const std::optional<int>& status) {
    if (!status) return Change::deleted;
    return *status == kKeyEnabled ? Change::enabled : Change::none;
}

BeforeImage read_before(const Circuit& circuit) {
    BeforeImage image;
    try {
        const auto json = Json::parse(circuit.before);
        if (const auto info = json.find("other_info"); info != json.end()) {
            image.other_info.emplace();
            if (info->is_string()) *image.other_info = info->get<std::string>();
        }
        if (const auto models = json.find("models"); models != json.end() && models->is_string())
            image.models = models->get<std::string>();
        if (const auto abilities = json.find("abilities"); abilities != json.end())
            image.abilities = read_abilities(*abilities, circuit.target.channel);
    } catch (const Json::exception&) {
        // Nothing on record: a trip that was found after a crash has no image.
        return {};
    }
    return image;
}

std::optional<KeptRanks> kept_of(const Circuit& circuit, const std::optional<Mark>& mark) {
    if (auto kept = read_kept(circuit.kept)) return kept;
    return mark && mark->trial ? read_kept(mark->kept) : std::nullopt;
}

}  // namespace quotafuse::circuit_breaker
