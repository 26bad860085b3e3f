#include "circuit_breaker/last_channel_guard.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "base/text.h"

namespace quotafuse::circuit_breaker {
namespace {

std::string lower(std::string text) {
    std::ranges::transform(text, text.begin(), [](unsigned char c) {
        return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    });
    return text;
}

/// Requests of a pair. Logs hold the name that the client sent: MySQL finds the ability whatever
/// its case, and New API also by a pattern ("gpt-4-gizmo-*").
std::int64_t requests_of(const Ability& ability, const Guard& guard) {
    const auto group = lower(ability.group);
    const auto model = lower(ability.model);
    std::int64_t sum = 0;
    for (const auto& served : guard.served) {
        const bool group_fits = served.group.empty() || lower(served.group) == group;
        if (group_fits && base::glob_match(model, lower(served.model))) sum += served.requests;
    }
    return sum;
}

}  // namespace

std::vector<Ability> lit_of(std::int64_t channel, const std::optional<std::string>& model,
                            const std::vector<Ability>& abilities) {
    std::vector<Ability> lit;
    std::ranges::copy_if(abilities, std::back_inserter(lit), [&](const Ability& ability) {
        return ability.channel == channel && ability.enabled && (!model || ability.model == *model);
    });
    return lit;
}

Dark find_dark(std::int64_t channel, const std::vector<Ability>& lit,
               const std::vector<Ability>& now, const Guard& guard) {
    std::set<std::pair<std::string, std::string>> served_by_others;
    for (const auto& ability : now) {
        const bool other =
            ability.channel != channel && std::ranges::count(guard.firing, ability.channel) == 0;
        if (other && ability.serves()) served_by_others.emplace(ability.group, ability.model);
    }
    Dark dark;
    dark.traffic = guard.traffic;
    for (const auto& ability : lit) {
        if (served_by_others.contains({ability.group, ability.model})) continue;
        const auto pair = ability.group + "/" + ability.model;
        if (const auto requests = requests_of(ability, guard); requests > 0) {
            dark.used.push_back({pair, requests});
        } else {
            dark.unused.push_back(pair);
        }
    }
    std::ranges::stable_sort(dark.used, std::ranges::greater{}, &UsedPair::requests);
    return dark;
}

std::optional<std::int64_t> find_settling(std::int64_t channel, const std::vector<Ability>& lit,
                                          const std::vector<Ability>& now, const Guard& guard) {
    std::set<std::pair<std::string, std::string>> own;
    for (const auto& ability : lit) own.emplace(ability.group, ability.model);
    const auto shares = [&](const Ability& ability) {
        return ability.channel != channel && own.contains({ability.group, ability.model}) &&
               std::ranges::count(guard.settling, ability.channel) != 0;
    };
    const auto found = std::ranges::find_if(now, shares);
    if (found == now.end()) return {};
    return found->channel;
}

}  // namespace quotafuse::circuit_breaker
