#include "circuit_breaker/recovery_plan.h"

#include <algorithm>
#include <limits>

namespace quotafuse::circuit_breaker {
namespace {

using Kind = base::Recovery::Kind;

std::optional<Way> step_of_open(const Circuit& circuit, const RecoveryView& view) {
    const bool by_hand = circuit.recover.kind == Kind::manual || circuit.back_at == base::Second{};
    if (by_hand || view.now < circuit.back_at || view.alert_fires) return std::nullopt;
    // Only a channel has a rank at which it could be tried.
    const bool by_trial =
        circuit.recover.kind == Kind::half_open && circuit.target.kind == Target::Kind::channel;
    return by_trial ? Way::trial : Way::whole;
}

std::optional<Way> step_of_trial(const Circuit& circuit, const RecoveryView& view) {
    const auto& recover = circuit.recover;
    const bool alert = view.alert_fires || circuit.asked_again;
    if (view.gateway_disabled || alert || view.errors > recover.most_errors) return Way::again;
    if (view.attempts >= recover.attempts) return Way::settle;
    // Too little traffic proves nothing.
    if (view.now - circuit.trial_at >= view.cache_lag + recover.probe_time) return Way::again;
    return std::nullopt;
}

/// first · 2^times, at most `longest`.
base::Seconds doubled(base::Seconds first, int times, base::Seconds longest) {
    auto wait = std::max(first, base::Seconds{1});
    for (int i = 0; i < times && wait < longest; ++i) {
        // Past its half the next doubling reaches it; so nothing overflows.
        wait = wait > longest / 2 ? longest : wait * 2;
    }
    return std::min(wait, longest);
}

/// Whether the last answer was no beginning of a trial, and is young.
bool came_to_nothing_just_now(const Circuit& circuit, base::Second now) {
    return circuit.pending_at > circuit.trial_at && now - circuit.pending_at < kAskAgain;
}

}  // namespace

std::optional<Way> next_step(const Circuit& circuit, const RecoveryView& view) {
    if (circuit.pending || came_to_nothing_just_now(circuit, view.now)) return std::nullopt;
    switch (circuit.state) {
        case Circuit::State::open:
            return step_of_open(circuit, view);
        case Circuit::State::trial:
            return step_of_trial(circuit, view);
        case Circuit::State::unsure:
            return std::nullopt;
    }
    return std::nullopt;
}

Circuit after_failed_trial(Circuit circuit, base::Second now) {
    circuit.state = Circuit::State::open;
    circuit.trial_at = {};
    circuit.off_since = now;
    circuit.asked_again = false;
    circuit.kept.clear();
    circuit.pending.reset();
    if (circuit.failed_trials < std::numeric_limits<int>::max()) ++circuit.failed_trials;
    if (circuit.recover.kind == Kind::half_open) {
        const auto wait =
            doubled(circuit.recover.wait, circuit.failed_trials, circuit.recover.longest);
        circuit.back_at = now + std::min(wait, base::Second::max() - now);
    }
    return circuit;
}

}  // namespace quotafuse::circuit_breaker
