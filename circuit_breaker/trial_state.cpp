#include "circuit_breaker/trial_state.h"

#include <algorithm>
#include <string>

namespace quotafuse::circuit_breaker {
namespace {

/// On, at the rank of a trial that replaces none, with that off which it leaves off.
bool stands_at_own_rank(const ChannelStand& stand, const KeptRanks& intended) {
    const bool lit = std::ranges::any_of(stand.lit, [&](const auto& route) {
        return std::ranges::find(intended.off, route) != intended.off.end();
    });
    const bool own = intended.channel.rank() == intended.trial && intended.abilities.empty();
    return own && !lit && stand.status == kEnabled && stand.rank == intended.channel &&
           std::ranges::all_of(stand.ability_ranks,
                               [&](const StoredRank& rank) { return rank == intended.channel; });
}

}  // namespace

bool stands_on_trial(const Circuit& circuit, const std::optional<Mark>& mark,
                     const ChannelStand& stand) {
    if (stand.status != kEnabled && stand.status != kDisabledAutomatically) return false;
    if (mark) return mark->trip == circuit.trip_id && mark->trial;
    const auto intended = read_kept(circuit.intended);
    if (!intended) return false;
    return has_trial_rank(stand, *intended) ||
           (circuit.gateway == sync::Gateway::one_api && stands_at_own_rank(stand, *intended));
}

KeptRanks own_ranks(const Circuit& circuit, const std::optional<Mark>& mark,
                    const ChannelStand& stand, const std::vector<OwnAbility>& own) {
    for (const auto& text :
         {mark && mark->trial ? mark->kept : std::string{}, circuit.intended, circuit.kept}) {
        if (auto kept = read_kept(text); kept && has_trial_rank(stand, *kept)) return *kept;
    }
    KeptRanks kept{.channel = stand.rank};
    for (const auto& [group, model, enabled, rank] : own) {
        if (rank != stand.rank) kept.abilities.push_back({group, model, rank});
    }
    return kept;
}

std::optional<KeptRanks> ranks_to_put_back(const Circuit& circuit, const std::optional<Mark>& mark,
                                           const StoredRank& present) {
    auto kept = kept_of(circuit, mark);
    const bool trial = circuit.state == Circuit::State::trial || (mark && mark->trial);
    if (kept && !trial && present.rank() != kept->trial) kept.reset();
    return kept;
}

std::optional<KeptRanks> ranks_of_trial(const Circuit& circuit, const std::optional<Mark>& mark) {
    if (auto kept = read_kept(mark ? mark->kept : std::string{})) return kept;
    return read_kept(circuit.intended);
}

void describe_ranks(ReturnResult& result, const std::optional<KeptRanks>& kept) {
    if (!kept) return;
    if (result.request.way != Way::trial) {
        result.after = with_ranks(result.after, *kept);
        return;
    }
    result.kept = to_text(*kept);
    result.after = with_trial_rank(result.after, *kept);
}

std::optional<std::int64_t> retry_times(sync::Gateway gateway, const sync::OptionValue& option) {
    if (!option.readable) return {};
    const auto times = stored_number(option.value).value_or(0);  // 0 is the gateways' default
    // One API's first retry asks the highest priority again; only the next go below it.
    return gateway == sync::Gateway::one_api ? std::max<std::int64_t>(times - 1, 0) : times;
}

}  // namespace quotafuse::circuit_breaker
