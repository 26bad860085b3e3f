#include <cstdlib>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "circuit_breaker/gateway_return.h"
#include "circuit_breaker/model_tables.h"
#include "circuit_breaker/ownership.h"
#include "circuit_breaker/rank_tables.h"
#include "circuit_breaker/token_table.h"

namespace quotafuse::circuit_breaker {
namespace {

using State = Circuit::State;
using Circuits = std::vector<const Circuit*>;
using Sightings = std::map<std::string, Sighting>;  // by trip id

/// What is read together: for each there are grants of its own, so that it can fail alone.
enum class Part { channels, trials, models, keys };

Part part_of(const Circuit& circuit) {
    switch (circuit.target.kind) {
        case Target::Kind::channel:
            return circuit.state == State::trial ? Part::trials : Part::channels;
        case Target::Kind::model:
            return Part::models;
        case Target::Kind::token:
            return Part::keys;
    }
    std::abort();
}

/// A key that only its name tells is of a trip that never came to read its id: there is nothing to
/// compare with, and the trip itself is asked again.
bool is_known(const Circuit& circuit) {
    return circuit.target.kind != Target::Kind::token || circuit.target.token != 0;
}

std::vector<std::int64_t> ids_of(const Circuits& circuits, std::int64_t Target::*id) {
    std::set<std::int64_t> ids;
    for (const auto* circuit : circuits) ids.insert(circuit->target.*id);
    return {ids.begin(), ids.end()};
}

void see(const Circuit& circuit, Change change, bool half_on, Sightings& seen) {
    seen[circuit.trip_id] = {circuit.trip_id, change, half_on, circuit.state};
}

void see_channels(ChannelTables tables, const Circuits& circuits, Sightings& seen) {
    const auto ids = ids_of(circuits, &Target::channel);
    const auto rows = tables.read(ids);
    const auto lit = tables.lit(ids);
    for (const auto* circuit : circuits) {
        const auto id = circuit->target.channel;
        const auto row = rows.find(id);
        const auto change = row == rows.end() ? change_of_channel(*circuit, {})
                                              : change_of_channel(*circuit, stand_of(row->second));
        const bool half_on =
            circuit->state == State::open && change == Change::none && lit.contains(id);
        see(*circuit, change, half_on, seen);
    }
}

/// Of channels on trial, those abilities that are off during it.
std::vector<AbilityKey> left_off(const Circuits& circuits) {
    std::vector<AbilityKey> off;
    for (const auto* circuit : circuits) {
        const auto kept = read_kept(circuit->kept);
        if (!kept) continue;
        for (const auto& [group, model] : kept->off)
            off.push_back({circuit->target.channel, group, model});
    }
    return off;
}

void see_trials(ChannelTables tables, RankTables rank_tables, const Circuits& circuits,
                Sightings& seen) {
    const auto ids = ids_of(circuits, &Target::channel);
    const auto rows = tables.read(ids);
    const auto ranks = rank_tables.ranks(ids);
    const auto ability_ranks = rank_tables.ability_ranks(ids);
    const auto lit = tables.lit(left_off(circuits));
    for (const auto* circuit : circuits) {
        const auto id = circuit->target.channel;
        const auto row = rows.find(id);
        const auto rank = ranks.find(id);
        std::optional<ChannelStand> stand;
        if (row != rows.end() && rank != ranks.end()) {
            stand = stand_of(row->second, rank->second);
            if (const auto own = ability_ranks.find(id); own != ability_ranks.end())
                stand->ability_ranks = own->second;
            for (const auto& [channel, group, model] : lit)
                if (channel == id) stand->lit.emplace_back(group, model);
        }
        see(*circuit, change_of_channel(*circuit, stand), false, seen);
    }
}

void see_models(ModelTables tables, const Circuits& circuits, Sightings& seen) {
    const auto rows = tables.read(ids_of(circuits, &Target::channel));
    ModelTables::Models models;
    for (const auto* circuit : circuits)
        models.emplace_back(circuit->target.channel, circuit->target.model);
    const auto served = tables.served(models);
    for (const auto* circuit : circuits) {
        const auto& [channel, model] = std::tie(circuit->target.channel, circuit->target.model);
        const auto row = rows.find(channel);
        std::optional<ModelStand> stand;
        if (row != rows.end())
            stand = ModelStand{row->second.models, served.contains({channel, model})};
        see(*circuit, change_of_model(*circuit, stand), false, seen);
    }
}

void see_keys(TokenTable table, const Circuits& circuits, Sightings& seen) {
    const auto rows = table.read(ids_of(circuits, &Target::token));
    for (const auto* circuit : circuits) {
        const auto row = rows.find(circuit->target.token);
        const auto status = row == rows.end() ? std::nullopt : std::optional{row->second.status};
        see(*circuit, change_of_token(status), false, seen);
    }
}

void see(sync::GatewaySession& session, sync::Gateway gateway, Part part, const Circuits& circuits,
         Sightings& seen) {
    switch (part) {
        case Part::channels:
            return see_channels({session, gateway}, circuits, seen);
        case Part::trials:
            return see_trials({session, gateway}, {session, gateway}, circuits, seen);
        case Part::models:
            return see_models(ModelTables{session}, circuits, seen);
        case Part::keys:
            return see_keys({session, gateway}, circuits, seen);
    }
    std::abort();
}

/// Nobody answers: what is asked next would only wait as long again.
bool is_silence(const sync::GatewayError& e) {
    using Kind = sync::GatewayError::Kind;
    return e.kind() == Kind::unreachable || e.kind() == Kind::stalled ||
           e.kind() == Kind::interrupted;
}

}  // namespace

LookResult look_at(sync::GatewaySession& session, const std::vector<Circuit>& circuits) {
    std::map<std::pair<Part, sync::Gateway>, Circuits> parts;
    for (const auto& circuit : circuits) {
        if (is_known(circuit)) parts[{part_of(circuit), circuit.gateway}].push_back(&circuit);
    }
    LookResult result;
    Sightings seen;
    std::string silence;
    for (const auto& [key, those] : parts) {
        const auto& [part, gateway] = key;
        std::string error = silence;
        if (silence.empty()) {
            try {
                see(session, gateway, part, those, seen);
            } catch (const sync::GatewayError& e) {
                error = e.what();
                if (is_silence(e)) silence = error;
            }
        }
        if (!error.empty()) result.troubles.emplace(those.front()->target.kind, error);
    }
    for (const auto& circuit : circuits) {
        if (const auto at = seen.find(circuit.trip_id); at != seen.end())
            result.sightings.push_back(at->second);
    }
    return result;
}

}  // namespace quotafuse::circuit_breaker
