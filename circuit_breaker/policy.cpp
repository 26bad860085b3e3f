#include "circuit_breaker/policy.h"

#include <algorithm>

namespace quotafuse::circuit_breaker {
namespace {

using Kind = TripCause::Kind;

bool is_key(const Target& target) {
    return target.kind == Target::Kind::token;
}
bool asked_by_person(const TripRequest& request) {
    return request.rule.empty();
}

bool is_protected(const Settings& settings, const Situation& situation, const Target& target) {
    // A model is protected with its channel.
    if (!is_key(target)) return settings.protected_channels.contains(target.channel);
    return settings.protected_tokens.contains(target.token) ||
           settings.protected_users.contains(situation.owner) ||
           settings.protected_users.contains(target.user);
}

/// What a request of this mode is judged by: a live one by live trips only, a shadow one by both.
bool counts_for(Mode mode, const RecentTrip& trip) {
    return mode == Mode::shadow || trip.mode == Mode::live;
}

std::optional<TripCause> paused(const Situation& situation, Mode mode) {
    if (mode != Mode::live || !situation.pause) return std::nullopt;
    return TripCause{.kind = Kind::paused,
                     .limit = base::unix_seconds(situation.pause->until),
                     .detail = situation.pause->reason};
}

std::optional<TripCause> held(const Situation& situation, const TripRequest& request) {
    if (!asked_by_person(request)) return std::nullopt;
    const bool off = std::ranges::any_of(situation.circuits, [&](const Circuit& circuit) {
        return circuit.state != Circuit::State::trial &&
               stored_key(circuit.target) == stored_key(request.target);
    });
    if (!off) return std::nullopt;
    return TripCause{Kind::held};
}

std::optional<TripCause> old_rows(const Settings& settings, const Situation& situation,
                                  const TripRequest& request) {
    if (asked_by_person(request) || !situation.rows_age) return std::nullopt;
    if (*situation.rows_age <= settings.max_lag.count()) return std::nullopt;
    return TripCause{Kind::old_rows, *situation.rows_age, settings.max_lag.count()};
}

/// One alert may name several channels: they go together.
template <class Trip>
bool same_alert(const TripRequest& request, const Trip& trip) {
    return !request.rule.empty() && trip.rule == request.rule && trip.series == request.series;
}

/// Whether the same key was in front when another channel, or one of its models, was tripped.
bool blamed_elsewhere(const TripRequest& request, const Target& other,
                      const std::optional<LeadingKey>& leading) {
    return !is_key(other) && other.channel != request.target.channel && leading &&
           leading->id == request.leading->id;
}

std::optional<TripCause> same_key(const Situation& situation, const TripRequest& request,
                                  Mode mode) {
    const auto& leading = request.leading;
    const bool asks = !asked_by_person(request) && !is_key(request.target);
    if (!asks || !leading || leading->share < kKeyToBlame) return std::nullopt;
    const bool off = std::ranges::any_of(situation.circuits, [&](const Circuit& circuit) {
        return !same_alert(request, circuit) &&
               blamed_elsewhere(request, circuit.target, circuit.leading);
    });
    const bool before = std::ranges::any_of(situation.recent, [&](const RecentTrip& trip) {
        return counts_for(mode, trip) && !same_alert(request, trip) &&
               blamed_elsewhere(request, trip.target, trip.leading);
    });
    if (!off && !before) return std::nullopt;
    return TripCause{.kind = Kind::same_key, .count = leading->share, .detail = leading->name};
}

std::optional<TripCause> too_many_keys(const Settings& settings, const Counts& counts, Mode mode) {
    const auto last_hour =
        counts.live_keys_last_hour + (mode == Mode::live ? 0 : counts.shadow_keys_last_hour);
    if (last_hour < settings.max_keys_per_hour) return std::nullopt;
    return TripCause{Kind::max_keys, last_hour, settings.max_keys_per_hour};
}

std::optional<TripCause> too_many(const Settings& settings, const Counts& counts,
                                  const TripRequest& request, Mode mode) {
    if (is_key(request.target)) return too_many_keys(settings, counts, mode);
    if (counts.open >= settings.max_open)
        return TripCause{Kind::max_open, counts.open, settings.max_open};
    const auto last_hour =
        counts.live_last_hour + (mode == Mode::live ? 0 : counts.shadow_last_hour);
    if (last_hour >= settings.max_per_hour)
        return TripCause{Kind::max_per_hour, last_hour, settings.max_per_hour};
    return std::nullopt;
}

}  // namespace

std::optional<TripCause> guard_policy(const Settings& settings, const Situation& situation,
                                      const TripRequest& request) {
    const auto mode = stricter(settings.mode, request.mode);
    if (mode == Mode::off) return TripCause{Kind::off};
    if (is_protected(settings, situation, request.target)) return TripCause{Kind::is_protected};
    if (auto cause = paused(situation, mode)) return cause;
    if (auto cause = held(situation, request)) return cause;
    if (auto cause = old_rows(settings, situation, request)) return cause;
    if (auto cause = same_key(situation, request, mode)) return cause;
    return too_many(settings, situation.counts, request, mode);
}

std::vector<std::int64_t> settling(const Settings& settings, const std::vector<RecentTrip>& recent,
                                   const TripRequest& request, base::Second now) {
    if (is_key(request.target)) return {};
    const auto mode = stricter(settings.mode, request.mode);
    std::set<std::int64_t> channels;
    for (const auto& trip : recent) {
        const bool settles = !is_key(trip.target) && !trip.ended && !same_alert(request, trip) &&
                             counts_for(mode, trip) && now - trip.at < settings.settle;
        if (settles && trip.target.channel != request.target.channel)
            channels.insert(trip.target.channel);
    }
    return {channels.begin(), channels.end()};
}

}  // namespace quotafuse::circuit_breaker
