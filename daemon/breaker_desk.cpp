#include "daemon/breaker_desk.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>

#include "alerts/stable_hash.h"
#include "circuit_breaker/recovery_plan.h"
#include "daemon/breaker_json.h"
#include "daemon/notice_trip.h"
#include "daemon/wording.h"

namespace quotafuse::daemon {
namespace {

using alerts::Action;
using alerts::Notice;
using circuit_breaker::Circuit;
using circuit_breaker::Mode;
using circuit_breaker::Target;
using circuit_breaker::TripCause;
using circuit_breaker::TripRequest;
using circuit_breaker::TripResult;

bool is_by_hand(const TripRequest& request) {
    return request.rule.empty();
}

/// So far back a person's change is looked for.
constexpr base::Seconds kMemoryOfPersons{24 * 3600};

}  // namespace

BreakerDesk::BreakerDesk(BreakerRooms rooms, const Config& config, const base::Clock& clock,
                         const base::Log& log, std::uint64_t seed)
    : rooms_(rooms), config_(config), clock_(clock), log_(log), seed_(seed) {}

sync::Gateway BreakerDesk::gateway() const {
    return rooms_.intake.state().gateway.value_or(sync::Gateway::new_api);
}

TripRequest BreakerDesk::request_of(const Notice& notice, const Action& action,
                                    std::size_t place) const {
    TripRequest request;
    request.trip_id = id_of(notice.event_id, static_cast<std::int64_t>(place));
    request.target = target_of(action);
    request.target.user = owner_of(request.target);
    request.reason = Wording{config_.language}.reason(notice);
    request.gateway = gateway();
    request.mode = effective_mode(action.mode, config_);
    request.even_if_last = action.even_if_last;
    request.recover = action.recover;
    request.back_at = back_at(action.recover, notice.zone, clock_.now());
    request.rule = notice.rule;
    request.series = notice.stored_key;
    request.leading = leading_key(notice, find_rule(notice.rule, config_));
    return request;
}

const sync::Directory& BreakerDesk::directory() const {
    return rooms_.engine.names().directory();
}

std::int64_t BreakerDesk::owner_of(const Target& target) const {
    if (target.kind != Target::Kind::token) return 0;
    if (target.user != 0) return target.user;
    const auto& tokens = directory().tokens;
    const auto found = tokens.find(target.token);
    return found == tokens.end() ? 0 : found->second.user;
}

/// What does not change while an order waits for its turn.
circuit_breaker::Situation BreakerDesk::lasting_situation(const Target& target,
                                                          base::Second now) const {
    return {{}, {}, {}, rooms_.pause.at(now), rooms_.intake.lag(), owner_of(target)};
}

circuit_breaker::Situation BreakerDesk::situation(const Target& target, base::Second now) const {
    auto all = lasting_situation(target, now);
    all.counts = rooms_.audit.counts(now);
    all.recent = rooms_.audit.recent(now);
    all.circuits = rooms_.audit.circuits().all();
    return all;
}

std::optional<TripResult> BreakerDesk::refused(const TripRequest& request,
                                               const circuit_breaker::Situation& situation) const {
    auto cause = circuit_breaker::guard_policy(config_.breaker, situation, request);
    if (!cause) return std::nullopt;
    return refusal_of(request, std::move(*cause), directory());
}

/// Off it goes, but as the end of its trial, with its own rank. While the end of the trial is under
/// way already, what comes of that decides.
std::optional<TripResult> BreakerDesk::ends_trial(const TripRequest& request) {
    auto circuit = rooms_.audit.circuits().of_target(request.target);
    const bool on_trial = circuit && circuit->state == Circuit::State::trial &&
                          circuit->pending != circuit_breaker::Way::settle;
    if (!on_trial || request.mode != Mode::live) return std::nullopt;
    circuit->asked_again = true;
    rooms_.audit.circuits().put(*circuit);
    auto result = refusal_of(request, {TripCause::Kind::on_trial}, directory());
    result.name = circuit->name;
    return result;
}

/// A person switched it on again after a trip that this rule asked for: what holds since then is
/// left to them, whichever series of the rule asks, until that alert is over.
std::optional<TripResult> BreakerDesk::left_to_person(const TripRequest& request,
                                                      base::Second now) const {
    if (is_by_hand(request)) return std::nullopt;
    const auto newest = rooms_.audit.tripped_or_released(request.target, now - kMemoryOfPersons);
    if (!newest || newest->step != "released") return std::nullopt;
    const bool holds = newest->rule == request.rule && newest->series != request.series &&
                       rooms_.engine.is_firing(newest->rule, newest->series);
    if (!holds) return std::nullopt;
    return refusal_of(request, {TripCause::Kind::enabled_again}, directory());
}

/// Within the caller's transaction.
std::optional<TripResult> BreakerDesk::judge(const TripRequest& request, base::Second now) {
    if (auto refusal = refused(request, lasting_situation(request.target, now))) return refusal;
    if (auto refusal = ends_trial(request)) return refusal;
    if (auto refusal = left_to_person(request, now)) return refusal;
    return refused(request, situation(request.target, now));
}

void BreakerDesk::ask(Asking& asking) {
    const auto now = clock_.now();
    asking.asked_at = now;
    for (std::size_t place = 0; place < asking.notice.actions.size(); ++place) {
        auto request = request_of(asking.notice, asking.notice.actions[place], place);
        if (request.mode == Mode::off) continue;
        auto refusal = judge(request, now);
        rooms_.audit.intend(request, asking.notifiers, now);
        if (refusal) {
            if (refusal->name.empty()) refusal->name = name_of(request.target, asking.notice);
            rooms_.audit.record(*refusal, now);
            log(*refusal);
            asking.results.push_back(std::move(*refusal));
        } else {
            asking.requests.push_back(std::move(request));
        }
    }
}

/// Of a batch the worst comes first: it is the one that the others wait for.
void BreakerDesk::accept(std::vector<Asking> askings) {
    std::map<std::string, std::size_t> places;
    for (const auto& asking : askings) places.emplace(asking.batch, places.size());
    std::ranges::stable_sort(askings, {}, [&](const Asking& asking) {
        const auto value = asking.notice.value.value_or(0);
        return std::pair{places.at(asking.batch), asking.notice.below ? value : -value};
    });
    for (auto& asking : askings) {
        for (const auto& request : asking.requests)
            orders_.push_back({request, asking.asked_at, asking.notifiers, asking.notice.event_id});
        askings_.insert_or_assign(asking.notice.event_id, std::move(asking));
    }
}

/// No other daemon's, and no other one of ours.
std::string BreakerDesk::id_of(std::string_view what, std::int64_t number) const {
    return alerts::base32(alerts::stable_hash(fmt::format("{}\n{}\n{}", what, number, seed_)));
}

/// Unique for ever, and different for the same wish a second later.
std::string BreakerDesk::new_id(const Target& target) {
    for (;;) {
        auto id = id_of(fmt::format("{}\n{}", circuit_breaker::stored_key(target),
                                    base::unix_seconds(clock_.now())),
                        ++asked_by_hand_);
        if (rooms_.audit.of_trip(id).empty()) return id;
    }
}

std::string BreakerDesk::ask_by_hand(TripRequest request, bool dry_run) {
    const auto now = clock_.now();
    request.trip_id = new_id(request.target);
    request.target.user = owner_of(request.target);
    request.gateway = gateway();
    request.mode = dry_run ? Mode::shadow : config_.breaker.mode;
    rooms_.answers.expect(request.trip_id);
    std::optional<TripResult> refusal;
    if (dry_run) {
        auto judged = request;  // as the order itself would be
        judged.mode = config_.breaker.mode;
        refusal = refused(judged, situation(request.target, now));
    } else {
        base::WriteTransaction transaction{rooms_.database};
        refusal = judge(request, now);
        rooms_.audit.intend(request, everybody(), now);
        if (refusal) {
            rooms_.audit.record(*refusal, now);
            tell(*refusal, {request, now, everybody()}, now);
        }
        transaction.commit();
    }
    if (refusal) {
        if (!dry_run) log(*refusal);
        answer(*refusal);
        return request.trip_id;
    }
    if (dry_run) dry_runs_.insert(request.trip_id);
    orders_.push_back({request, now, everybody()});
    hand_over();
    return request.trip_id;
}

/// The configuration may have become stricter since: then the order is only looked for, because it
/// may have been carried out.
Mode BreakerDesk::present_mode(const TripRequest& request) const {
    auto mode = stricter(request.mode, config_.breaker.mode);
    const auto lasting = lasting_situation(request.target, clock_.now());
    auto judged = request;
    judged.mode = mode;
    if (refused(judged, {{}, {}, {}, {}, {}, lasting.owner})) return Mode::off;
    return is_by_hand(request) ? mode : stricter(mode, rule_mode(request.rule, config_));
}

void BreakerDesk::resume() {
    for (auto& pending : rooms_.audit.pending_intents()) {
        pending.request.mode = present_mode(pending.request);
        // Whoever gave this order may still ask.
        if (is_by_hand(pending.request)) rooms_.answers.expect(pending.request.trip_id);
        orders_.push_back({pending.request, pending.asked_at, pending.notifiers});
    }
}

/// The breaker has an order that it may still answer soon. One that takes long (a lock at the
/// gateway) does not hold up the others.
bool BreakerDesk::waits_for_breaker() const {
    return !in_hand_.empty() && clock_.mono() - in_hand_.back().handed_at < kSlow;
}

/// What the breaker has no room for waits here; it is worth its 30 s from when it was asked for.
/// Each is judged again when it is its turn, by what those before it did.
void BreakerDesk::hand_over() {
    for (;;) {
        if (refusal_) {
            const auto refused_now = in_hand_.back();
            finish(*refusal_, refused_now);
            refusal_.reset();
            in_hand_.pop_back();
        }
        if (waits_for_breaker()) return;
        const auto now = clock_.mono();
        const auto due = std::ranges::find_if(
            orders_, [&](const Order& order) { return order.not_before <= now; });
        if (due == orders_.end()) return;
        auto& request = due->request;
        if (request.target.kind != Target::Kind::token && !learn_traffic()) return;
        const bool judged = request.resumed || dry_runs_.contains(request.trip_id);
        if (!judged) refusal_ = refused(request, situation(request.target, clock_.now()));
        if (request.target.kind == Target::Kind::channel)
            request.models_off = rooms_.audit.circuits().models_off(request.target.channel);
        const bool handed =
            refusal_ || rooms_.breaker.submit(circuit_breaker::TripOrder{
                            request, guard_of(request, clock_.now()), due->asked_at});
        if (!handed) return;
        due->handed_at = now;
        in_hand_.push_back(std::move(*due));
        orders_.erase(due);
    }
}

bool BreakerDesk::needs_traffic() const {
    return trips_channels(config_) || std::ranges::any_of(orders_, [](const Order& order) {
               return order.request.target.kind != Target::Kind::token;
           });
}

bool BreakerDesk::may_have_tripped(const Target& target) const {
    const auto is_it = [&](const Order& order) {
        return order.request.resumed && stored_key(order.request.target) == stored_key(target);
    };
    return std::ranges::any_of(orders_, is_it) || std::ranges::any_of(in_hand_, is_it);
}

/// quotafuse has it switched off.
bool BreakerDesk::is_held(const Target& target) const {
    const auto circuit = rooms_.audit.circuits().of_target(target);
    return circuit && circuit->state != Circuit::State::trial;
}

bool BreakerDesk::learn_traffic() const {
    const auto after = clock_.now() - config_.breaker.guard_traffic;
    return rooms_.store.count_traffic(base::unix_seconds(after));
}

circuit_breaker::Guard BreakerDesk::guard_of(const TripRequest& request, base::Second now) const {
    const auto& target = request.target;
    circuit_breaker::Guard guard;
    const auto& settings = config_.breaker;
    guard.protected_tokens.assign(settings.protected_tokens.begin(),
                                  settings.protected_tokens.end());
    guard.protected_users.assign(settings.protected_users.begin(), settings.protected_users.end());
    if (target.kind == Target::Kind::token) return guard;  // it takes no channel from anybody
    const auto after = base::unix_seconds(now - config_.breaker.guard_traffic);
    for (auto& pair : rooms_.store.served(after))
        guard.served.push_back({std::move(pair.group), std::move(pair.model), pair.requests});
    auto firing = rooms_.engine.firing_channels();
    for (const auto& circuit : rooms_.audit.circuits().all()) {
        if (circuit.state == Circuit::State::trial) firing.insert(circuit.target.channel);
    }
    firing.erase(target.channel);
    guard.firing.assign(firing.begin(), firing.end());
    guard.traffic = settings.guard_traffic;
    guard.settling =
        circuit_breaker::settling(config_.breaker, rooms_.audit.recent(now), request, now);
    return guard;
}

void BreakerDesk::take(const TripResult& result) {
    const auto& id = result.request.trip_id;
    const auto ours = std::ranges::find_if(
        in_hand_, [&](const Order& order) { return order.request.trip_id == id; });
    if (ours == in_hand_.end()) {
        finish(result, Order{result.request, {}, everybody()});
    } else {
        const auto order = *ours;
        finish(result, order);
        in_hand_.erase(ours);
    }
    hand_over();
}

void BreakerDesk::finish(TripResult result, const Order& order) {
    // The gateway tells that it is off, not by whom.
    if (result.kind == TripResult::Kind::already_off && is_held(result.request.target))
        explain(result, {TripCause::Kind::held});
    if (dry_runs_.erase(result.request.trip_id) > 0) return answer(result);
    const auto now = clock_.now();
    base::WriteTransaction transaction{rooms_.database};
    rooms_.audit.record(result, now);
    tell(result, order, now);
    transaction.commit();
    note_answered(result, order);
    answer(result);
    log(result);
    if (result.kind != TripResult::Kind::unknown) return;
    auto again = order;
    again.request.resumed = true;
    again.event_id.clear();
    again.not_before = clock_.mono() + circuit_breaker::kAskAgain;
    orders_.push_back(std::move(again));
}

}  // namespace quotafuse::daemon
