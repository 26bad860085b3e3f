#include "daemon/announcer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "base/duration.h"
#include "circuit_breaker/settings.h"

namespace quotafuse::daemon {
namespace {

using circuit_breaker::TripRequest;
using circuit_breaker::TripResult;

/// Older than this is history: people hear of it in one digest, and the breaker does nothing about it.
constexpr base::Seconds kLate{60};
/// A notice that asked for a trip waits so long for its result, so that one message tells both.
constexpr base::Seconds kTripPatience{8};
constexpr base::Seconds kTrafficOfGuard{24 * 3600};

std::string reason_text(const alerts::Notice& notice) {
    return fmt::format("{}: {} {} {} in {}", notice.rule, alerts::metric_name(notice.metric),
                       notice.below ? "under" : "over", notice.threshold, base::format_duration(notice.window));
}

}  // namespace

Announcer::Announcer(Rooms rooms, const Config& config, const base::Clock& clock, const base::Log& log)
    : rooms_(rooms), config_(config), clock_(clock), log_(log), messages_(config) {}

void Announcer::advance(base::Second t) {
    if (!unsaved_.empty()) write(unsaved_);  // what the last call could not write
    unsaved_ = {};
    unsaved_ = rooms_.engine.advance(t);
    if (!unsaved_.empty()) write(unsaved_);
    unsaved_ = {};
    submit_orders();
}

void Announcer::checkpoint() {
    if (!unsaved_.empty()) write(unsaved_);
    unsaved_ = {};
    unsaved_ = rooms_.engine.checkpoint();
    if (!unsaved_.empty()) write(unsaved_);
    unsaved_ = {};
}

/// One transaction: the new state, what people are to be told, what the breaker is asked for.
void Announcer::write(const alerts::Step& step) {
    orders_.clear();
    base::WriteTransaction transaction{rooms_.database};
    rooms_.engine.save(step);
    std::vector<alerts::Notice> late;
    for (const auto& notice : step.notices) {
        if (clock_.now() - notice.at > kLate) late.push_back(notice);
        else announce(notice);
    }
    if (!late.empty()) announce_late(late);
    transaction.commit();
    for (const auto& notice : step.notices) {
        log_.info(fmt::format("alert {} {}: {}", notice.rule, alerts::describe(notice.key), alerts::reason_name(notice.reason)));
    }
}

void Announcer::announce(const alerts::Notice& notice) {
    const auto now = clock_.now();
    auto request = request_of(notice);
    std::optional<TripResult> refusal;
    if (request) {
        refusal = refused_by_policy(*request);
        rooms_.audit.intend(*request, now);
        if (refusal) rooms_.audit.record(*refusal, now);
    }
    const auto names = targets(notice);
    const auto message = messages_.alert(notice, refusal ? &*refusal : nullptr);
    const bool waits = request && !refusal;
    for (const auto& name : names) {
        rooms_.outbox.put(notice.event_id, name, message, now, waits ? now + kTripPatience : now);
    }
    if (!waits) return;
    waiting_[request->trip_id] = {notice, names};
    orders_.push_back(std::move(*request));
}

void Announcer::announce_late(const std::vector<alerts::Notice>& notices) {
    std::map<std::string, std::vector<alerts::Notice>> by_notifier;
    for (const auto& notice : notices) {
        for (const auto& name : targets(notice)) by_notifier[name].push_back(notice);
    }
    const auto now = clock_.now();
    for (const auto& [name, theirs] : by_notifier) {
        rooms_.outbox.put("late-" + theirs.front().event_id, name, messages_.late(theirs, now), now, now);
    }
}

std::optional<TripRequest> Announcer::request_of(const alerts::Notice& notice) const {
    if (!notice.action) return std::nullopt;
    const auto mode = effective_mode(notice.action->mode, config_);
    if (mode == circuit_breaker::Mode::off) return std::nullopt;
    TripRequest request;
    // A notice comes from rows, so the gateway has been read and its program is known.
    request.gateway = rooms_.intake.state().gateway.value_or(sync::Gateway::new_api);
    request.trip_id = notice.event_id;
    request.channel = notice.action->channel;
    request.reason = reason_text(notice);
    request.mode = mode;
    request.even_if_last = notice.action->even_if_last;
    return request;
}

std::optional<TripResult> Announcer::refused_by_policy(const TripRequest& request) {
    const auto counts = rooms_.audit.counts(clock_.now());
    auto why = circuit_breaker::guard_policy(config_.breaker, counts.open, counts.last_hour, request);
    if (!why) return std::nullopt;
    TripResult result;
    result.kind = TripResult::Kind::refused;
    result.request = request;
    result.why = std::move(*why);
    return result;
}

void Announcer::submit_orders() {
    for (const auto& request : std::exchange(orders_, {})) submit(request, clock_.now());
}

void Announcer::submit(const TripRequest& request, base::Second asked_at) {
    if (rooms_.breaker.submit({request, guard_of(request.channel), asked_at})) return;
    log_.error(fmt::format("breaker: too many orders at once, channel {} has to wait", request.channel));
}

circuit_breaker::Guard Announcer::guard_of(std::int64_t channel) {
    circuit_breaker::Guard guard;
    const auto after = base::unix_seconds(clock_.now() - kTrafficOfGuard);
    for (auto& pair : rooms_.store.served_by(channel, after)) {
        guard.served.push_back({std::move(pair.group), std::move(pair.model), pair.requests});
    }
    for (const auto& alert : rooms_.engine.overview().alerts) {
        if (alert.phase != alerts::Phase::firing) continue;
        for (const auto& part : alert.key) {
            if (part.dimension == alerts::Dimension::channel && part.id && *part.id != channel) guard.firing.push_back(*part.id);
        }
    }
    return guard;
}

void Announcer::take(const TripResult& result) {
    const auto now = clock_.now();
    const auto waiting = waiting_.find(result.request.trip_id);
    base::WriteTransaction transaction{rooms_.database};
    rooms_.audit.record(result, now);
    std::size_t told = 0;
    auto names = everybody();
    if (waiting != waiting_.end()) {
        names = waiting->second.notifiers;
        told = static_cast<std::size_t>(rooms_.outbox.replace_unsent(
            waiting->second.notice.event_id, messages_.alert(waiting->second.notice, &result)));
    }
    if (told < names.size()) {
        // The alert was sent before the result came, or by a former run: the result is news of its own.
        const auto message = messages_.breaker(result, now);
        for (const auto& name : names) rooms_.outbox.put("trip-" + result.request.trip_id, name, message, now, now);
    }
    transaction.commit();
    if (waiting != waiting_.end()) waiting_.erase(waiting);
    log_.info(fmt::format("breaker: channel {} ({}): {}{}{}", result.request.channel, circuit_breaker::mode_name(result.request.mode),
                          circuit_breaker::kind_name(result.kind), result.why.empty() ? "" : ": ", result.why));
}

void Announcer::observe(const sync::GatewayInfo& info) {
    std::map<std::int64_t, int> states;
    for (const auto& [id, channel] : info.channels) states[id] = channel.status;
    for (const auto& released : rooms_.audit.observe(states, clock_.now())) {
        log_.info(fmt::format("breaker: channel {} is not ours any more: {}", released.trip.channel, released.why));
    }
}

void Announcer::resume() {
    for (const auto& pending : rooms_.audit.pending_intents()) submit(pending.request, pending.asked_at);
}

std::vector<std::string> Announcer::targets(const alerts::Notice& notice) const {
    if (!notice.notifiers.empty()) {
        // A notifier that was left out (no secret set) is no target.
        auto names = everybody();
        std::erase_if(names, [&](const auto& name) {
            return std::find(notice.notifiers.begin(), notice.notifiers.end(), name) == notice.notifiers.end();
        });
        return names;
    }
    std::vector<std::string> names;
    for (const auto& notifier : config_.notifiers) {
        if (notifier.min_severity <= notice.severity) names.push_back(notifier.name);
    }
    return names;
}

std::vector<std::string> Announcer::everybody() const {
    std::vector<std::string> names;
    for (const auto& notifier : config_.notifiers) names.push_back(notifier.name);
    return names;
}

}  // namespace quotafuse::daemon
