#include "daemon/announcer.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include "circuit_breaker/settings.h"
#include "daemon/number_format.h"

namespace quotafuse::daemon {
namespace {

using circuit_breaker::TripRequest;
using circuit_breaker::TripResult;

/// A notice that asked for a trip waits so long for its result, so that one message tells both.
constexpr base::Seconds kTripPatience{8};
constexpr std::string_view kNotifierDead = "notifier-dead";
constexpr base::Seconds kTrafficOfGuard{24 * 3600};
/// Of one step: what many alerts of one second cost is not read one by one, nor for longer than
/// this, since the transaction is open.
constexpr int kMostPriced = 20;
constexpr base::Milliseconds kLongestPricing{5};
constexpr base::Seconds kMemoryOfTrips{400 * 86400};  // open ones are kept in any case

std::string reason_text(const alerts::Notice& notice) {
    const bool compares = notice.compare_to != alerts::Comparison::none;
    const bool has_window = compares || !alerts::is_gauge(notice.metric);
    return fmt::format("{}: {}{} {} {}{}", notice.rule, alerts::metric_name(notice.metric),
                       compares ? " changed by" : "", notice.below ? "under" : "over",
                       format_value(notice.metric, notice.compare_to, notice.threshold),
                       has_window ? " in " + alerts::describe(notice.window, notice.zone) : "");
}

/// What stands in one message with others (see Outbox).
notifiers::Letter letter_of(const alerts::Notice& notice, notifiers::Message message,
                            bool asks_breaker) {
    notifiers::Letter letter;
    letter.event_id = notice.event_id;
    letter.alert = notice.episode;
    letter.batch = fmt::format("{} {} {}", notice.rule, base::unix_seconds(notice.at),
                               static_cast<int>(message.kind));
    letter.keeps = asks_breaker || notice.severity == base::Severity::critical;
    letter.message = std::move(message);
    return letter;
}

}  // namespace

Announcer::Announcer(Rooms rooms, const Config& config, const base::Clock& clock,
                     const base::Log& log)
    : rooms_(rooms),
      config_(config),
      clock_(clock),
      log_(log),
      messages_(config),
      purse_(rooms.database, rooms.store.texts()) {}

void Announcer::advance(base::Second t) {
    write(unsaved_);  // what the last call could not write
    const auto next = rooms_.engine.time() + base::Seconds{1};
    const auto now = clock_.now();
    const auto note_what_was_late = [&] {
        // What it jumped over nobody looked at.
        note_late(std::max(next, rooms_.engine.began() + base::Seconds{1}),
                  std::min(rooms_.engine.time(), now - alerts::kLate - base::Seconds{1}));
    };
    try {
        unsaved_ = rooms_.engine.advance(t, now);
    } catch (const SQLite::Exception&) {
        note_what_was_late();  // it came some of the way
        throw;
    }
    note_what_was_late();
    write(unsaved_);
    hand_over_orders();
}

/// Replay goes by rows, which do not tell when a second was looked at.
void Announcer::note_late(base::Second first, base::Second last) {
    if (last < first) return;
    const auto detail = std::to_string(base::unix_seconds(last));
    const auto follows = [&](const alerts::EngineEvent& former) {
        return former.detail == std::to_string(base::unix_seconds(first) - 1);
    };
    if (!late_.empty() && follows(late_.back())) {
        late_.back().detail = detail;
    } else {
        late_.push_back({alerts::EngineEvent::Kind::late, first, detail});
    }
}

void Announcer::advance_self() {
    write(unsaved_self_);
    unsaved_self_ = rooms_.self_alerts.evaluate(clock_.now());
    write(unsaved_self_);
}

void Announcer::note_errors(const std::vector<alerts::Overview::Error>& errors) {
    std::map<std::string, std::string> now;
    for (const auto& error : errors) {
        now.emplace(error.rule, error.text);
        const auto told = told_errors_.find(error.rule);
        if (told == told_errors_.end() || told->second != error.text)
            log_.error(fmt::format("rule {}: not evaluated: {}", error.rule, error.text));
    }
    for (const auto& [rule, text] : told_errors_) {
        if (!now.contains(rule)) log_.info(fmt::format("rule {}: evaluated again", rule));
    }
    told_errors_ = std::move(now);
}

void Announcer::checkpoint() {
    rooms_.audit.prune(clock_.now() - kMemoryOfTrips);
    write(unsaved_self_);
    write(unsaved_);
    unsaved_ = rooms_.engine.checkpoint();
    write(unsaved_);
    hand_over_orders();
}

void Announcer::checkpoint_if_due() {
    if (rooms_.engine.time() - saved_ >= kCheckpointInterval) checkpoint();
}

/// What the engine decided on time is late, too, when the store could not take it for long.
void Announcer::take_back_actions(alerts::Step& step) {
    const auto before = clock_.now() - 2 * alerts::kLate;
    for (const auto& notice : step.notices) {
        if (!notice.late && notice.action && notice.at < before)
            note_late(notice.at, std::max(notice.at, step.time));
    }
    rooms_.engine.take_back_actions(step, before);
}

/// One transaction: the new state, what people are to be told, what the breaker is asked for.
void Announcer::write(alerts::Step& step) {
    if (step.empty()) return;
    take_back_actions(step);
    std::vector<Order> orders;
    std::vector<alerts::Notice> late;
    int told = 0;
    const auto priced_until = clock_.mono() + kLongestPricing;
    base::WriteTransaction transaction{rooms_.database};
    alerts::save_state(rooms_.database, step);
    for (const auto& event : late_) alerts::save_event(rooms_.database, event);
    for (const auto& notice : step.notices) {
        if (notice.late) {
            late.push_back(notice);
        } else {
            announce(notice, ++told <= kMostPriced && clock_.mono() < priced_until, orders);
        }
    }
    if (!late.empty()) announce_late(late);
    transaction.commit();
    late_.clear();
    if (step.time != base::Second{}) saved_ = step.time;
    std::move(orders.begin(), orders.end(), std::back_inserter(orders_));
    for (const auto& notice : std::exchange(step, {}).notices) {
        const auto key = alerts::describe(notice.key) + notice.about;
        log_.info(fmt::format("alert {}{}{}: {}", notice.rule, key.empty() ? "" : " ", key,
                              alerts::reason_name(notice.reason)));
    }
}

void Announcer::announce(const alerts::Notice& notice, bool with_money,
                         std::vector<Order>& orders) {
    const auto now = clock_.now();
    const auto names = targets(notice);
    auto request = request_of(notice);
    std::optional<TripResult> refusal;
    if (request) {
        refusal = refused_by_policy(*request);
        rooms_.audit.intend(*request, names, now);
        if (refusal) rooms_.audit.record(*refusal, now);
    }
    const auto spending = with_money ? spending_of(notice) : std::nullopt;
    const auto letter = letter_of(
        notice,
        messages_.alert(notice, refusal ? &*refusal : nullptr, spending ? &*spending : nullptr),
        request.has_value());
    const bool waits = request && !refusal;
    for (const auto& name : names)
        rooms_.outbox.put(letter, name, now, waits ? now + kTripPatience : now);
    if (waits) orders.push_back({std::move(*request), now, {notice, names, spending}});
}

std::optional<Spending> Announcer::spending_of(const alerts::Notice& notice) const {
    const auto rule = std::ranges::find(config_.rules, notice.rule, &alerts::Rule::name);
    if (rule == config_.rules.end()) return std::nullopt;  // of quotafuse itself
    return purse_.spending(notice, rule->where, rooms_.engine.names().directory().quota_per_unit);
}

void Announcer::announce_late(const std::vector<alerts::Notice>& notices) {
    std::map<std::string, std::vector<alerts::Notice>> by_notifier;
    for (const auto& notice : notices) {
        for (const auto& name : targets(notice)) by_notifier[name].push_back(notice);
    }
    const auto now = clock_.now();
    for (const auto& [name, theirs] : by_notifier) {
        const bool keeps =
            std::ranges::count(theirs, base::Severity::critical, &alerts::Notice::severity) > 0;
        rooms_.outbox.put(
            {"late-" + theirs.front().event_id, {}, {}, messages_.late(theirs, now), keeps}, name,
            now, now);
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
    auto cause = circuit_breaker::guard_policy(config_.breaker, counts, request);
    if (!cause) return std::nullopt;
    TripResult result;
    result.kind = TripResult::Kind::refused;
    result.request = request;
    circuit_breaker::explain(result, std::move(*cause));
    return result;
}

/// What the breaker has no room for waits here; it is worth its 30 s from when it was asked for.
void Announcer::hand_over_orders() {
    while (!orders_.empty()) {
        const auto& [request, asked_at, waiting] = orders_.front();
        if (!rooms_.breaker.submit({request, guard_of(request.channel), asked_at})) return;
        waiting_[request.trip_id] = waiting;
        orders_.pop_front();
    }
}

circuit_breaker::Guard Announcer::guard_of(std::int64_t channel) {
    circuit_breaker::Guard guard;
    const auto after = base::unix_seconds(clock_.now() - kTrafficOfGuard);
    for (auto& pair : rooms_.store.served(after)) {
        guard.served.push_back({std::move(pair.group), std::move(pair.model), pair.requests});
    }
    auto firing = rooms_.engine.firing_channels();
    firing.erase(channel);
    guard.firing.assign(firing.begin(), firing.end());
    return guard;
}

void Announcer::take(const TripResult& result) {
    const auto now = clock_.now();
    const auto found = waiting_.find(result.request.trip_id);
    const Waiting waiting = found == waiting_.end() ? Waiting{{}, everybody(), {}} : found->second;
    base::WriteTransaction transaction{rooms_.database};
    rooms_.audit.record(result, now);
    std::vector<std::string> told;
    if (waiting.notice) {
        const auto* const spending = waiting.spending ? &*waiting.spending : nullptr;
        told = rooms_.outbox.replace_unsent(waiting.notice->event_id,
                                            messages_.alert(*waiting.notice, &result, spending));
    }
    // Where the alert went out before the result came, the result is news of its own.
    const auto* const asked = waiting.notice ? &*waiting.notice : nullptr;
    const notifiers::Letter letter{
        "trip-" + result.request.trip_id, {}, {}, messages_.breaker(result, now, asked), true};
    for (const auto& name : waiting.notifiers) {
        if (std::ranges::count(told, name) > 0) continue;
        rooms_.outbox.put(letter, name, now, now);
    }
    transaction.commit();
    waiting_.erase(result.request.trip_id);
    log_.info(fmt::format("breaker: channel {} ({}): {}{}{}", result.request.channel,
                          circuit_breaker::mode_name(result.request.mode),
                          circuit_breaker::kind_name(result.kind), result.why.empty() ? "" : ": ",
                          result.why));
}

void Announcer::observe(const sync::GatewayInfo& info) {
    messages_.show_in(currency_of(config_.currency, info.display));
    // Of a channel that was not read now the state is from before: it says nothing.
    for (const auto& trip : rooms_.audit.open_trips()) {
        if (!info.channels_covered.contains(trip.channel)) return;
    }
    std::map<std::int64_t, int> states;
    for (const auto& [id, channel] : info.channels) states[id] = channel.status;
    for (const auto& released : rooms_.audit.observe(states, clock_.now())) {
        log_.info(fmt::format("breaker: channel {} is not ours any more: {}", released.trip.channel,
                              released.why));
    }
}

void Announcer::resume() {
    for (auto& pending : rooms_.audit.pending_intents()) {
        // The configuration may have become stricter since.
        pending.request.mode = stricter(pending.request.mode, config_.breaker.mode);
        orders_.push_back({pending.request, pending.asked_at, {{}, pending.notifiers, {}}});
    }
}

std::vector<std::string> Announcer::targets(const alerts::Notice& notice) const {
    std::vector<std::string> names;
    for (const auto& notifier : config_.notifiers) {
        // A notifier that was left out (no secret set) is no target.
        const bool wanted = notice.notifiers.empty()
                                ? notifier.min_severity <= notice.severity
                                : std::ranges::count(notice.notifiers, notifier.name) > 0;
        if (wanted) names.push_back(notifier.name);
    }
    if (notice.rule != kNotifierDead) return names;
    // That one fails is told to those that work, whoever was meant to hear of it; with none left
    // it waits for whichever works first.
    std::vector<std::string> dead;
    for (const auto& alert : rooms_.self_alerts.alerts()) {
        if (alert.name == kNotifierDead) dead.push_back(alert.about);
    }
    const auto is_dead = [&](const auto& name) { return std::ranges::count(dead, name) > 0; };
    if (std::ranges::all_of(names, is_dead)) names = everybody();
    if (!std::ranges::all_of(names, is_dead)) std::erase_if(names, is_dead);
    return names;
}

std::vector<std::string> Announcer::everybody() const {
    std::vector<std::string> names;
    for (const auto& notifier : config_.notifiers) names.push_back(notifier.name);
    return names;
}

}  // namespace quotafuse::daemon
