#include "daemon/breaker_recovery.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "circuit_breaker/cause_names.h"
#include "circuit_breaker/recovery_plan.h"
#include "daemon/breaker_json.h"

namespace quotafuse::daemon {
namespace {

using circuit_breaker::Change;
using circuit_breaker::Circuit;
using circuit_breaker::ReturnOrder;
using circuit_breaker::ReturnRequest;
using circuit_breaker::ReturnResult;
using circuit_breaker::Target;
using circuit_breaker::Way;

/// What makes a return that came to nothing worth telling: not how many requests there were.
std::string news_of(const ReturnResult& result) {
    auto text = fmt::format("{} {} {} {}", circuit_breaker::way_name(result.request.way),
                            circuit_breaker::kind_name(result.kind),
                            circuit_breaker::cause_name(result.cause.kind), result.cause.detail);
    std::set<std::string> pairs;
    for (const auto& pair : result.cause.pairs) pairs.insert(pair.pair);
    for (const auto& pair : pairs) text += ' ' + pair;
    return text;
}

const char* asked_by(Way way) {
    if (way == Way::whole) return "its time has come";
    if (way == Way::trial) return "half-open";
    return way == Way::settle ? "the trial went well" : "the trial failed";
}

}  // namespace

BreakerRecovery::BreakerRecovery(BreakerRooms rooms, const BreakerDesk& desk,
                                 alerts::SelfAlerts& self_alerts, const Config& config,
                                 const base::Clock& clock, const base::Log& log)
    : rooms_(rooms),
      desk_(desk),
      self_alerts_(self_alerts),
      config_(config),
      clock_(clock),
      log_(log),
      words_(config.language),
      watch_(config, rooms.store.texts(), clock),
      troubles_(config, clock, log) {}

void BreakerRecovery::resume() {
    hold_or_let_go();
    for (const auto& circuit : rooms_.audit.circuits().all()) {
        if (!circuit.pending) continue;
        const auto asked_by = who_asked(circuit);
        ReturnRequest request{circuit, *circuit.pending, true, false, asked_by, {}};
        orders_.push_back({{std::move(request), {}, circuit.pending_at}});
        if (asked_by != kAskedByPerson) continue;
        // Whoever gave this order may still ask.
        rooms_.answers.expect(BreakerAnswers::id_of_return(circuit.trip_id, false));
    }
}

/// For the return that is pending, as it is on record.
std::string BreakerRecovery::who_asked(const Circuit& circuit) const {
    const auto step = fmt::format("{}_asked", circuit_breaker::way_name(*circuit.pending));
    const auto entries = rooms_.audit.of_trip(circuit.trip_id);
    const auto asked = std::find_if(entries.rbegin(), entries.rend(),
                                    [&](const auto& entry) { return entry.step == step; });
    return asked == entries.rend() ? "a former run" : asked->why;
}

/// Also what a former run, with another configuration, asked for is not written in shadow mode.
void BreakerRecovery::hold_or_let_go() {
    using Kind = circuit_breaker::TripCause::Kind;
    if (config_.breaker.mode != circuit_breaker::Mode::live) return rooms_.breaker.hold(Kind::off);
    if (rooms_.pause.at(clock_.now())) return rooms_.breaker.hold(Kind::paused);
    rooms_.breaker.hold(std::nullopt);
}

void BreakerRecovery::tick() {
    hold_or_let_go();
    const auto circuits = rooms_.audit.circuits().all();
    watch_.follow(circuits, rooms_.store);
    watch_.tell(self_alerts_);
    for (const auto& proof : watch_.take_proofs()) {
        const auto entries = rooms_.audit.of_trip(proof.circuit.trip_id);
        const bool known = std::ranges::any_of(entries, [&](const auto& entry) {
            return entry.step == "still_serving" && entry.at >= proof.circuit.off_since;
        });
        if (known) continue;  // from before a restart
        base::WriteTransaction transaction{rooms_.database};
        rooms_.audit.note(proof.circuit, "still_serving", proof.text, clock_.now());
        transaction.commit();
        log_.warning("breaker: " + proof.text);
    }
    look(circuits);
    troubles_.tell(self_alerts_);
    plan(circuits);
    hand_over();
}

void BreakerRecovery::look(const std::vector<Circuit>& circuits) {
    if (circuits.empty()) return troubles_.note({});
    if (looking_ || clock_.mono() < next_look_) return;
    next_look_ = clock_.mono() + kLookEvery;
    // Not at first sight: somebody may just be writing it.
    const bool may_write = config_.breaker.mode == circuit_breaker::Mode::live;
    looking_ = rooms_.breaker.submit(circuit_breaker::LookOrder{
        circuits, may_write ? std::exchange(half_on_, {}) : std::set<std::string>{}});
}

/// Stale rows tell neither that an alert is over nor how a trial goes.
bool BreakerRecovery::may_act(base::Second now) const {
    const auto lag = rooms_.intake.lag();
    return config_.breaker.mode == circuit_breaker::Mode::live && !rooms_.pause.at(now) && lag &&
           base::Seconds{*lag} <= config_.breaker.max_lag;
}

bool BreakerRecovery::alert_fires(const Circuit& circuit) const {
    const auto& rules = rooms_.engine.rules();
    const auto rule = std::ranges::find(rules, circuit.rule, &alerts::Rule::name);
    if (rule == rules.end() || !alerts::ends_without_traffic(*rule)) return false;
    return rooms_.engine.is_firing(circuit.rule, circuit.series);
}

void BreakerRecovery::plan(const std::vector<Circuit>& circuits) {
    const auto now = clock_.now();
    if (!may_act(now)) return;
    for (const auto& circuit : circuits) {
        const auto [attempts, errors] = watch_.attempts(circuit.trip_id);
        auto way = circuit_breaker::next_step(
            circuit, {now, alert_fires(circuit), attempts, errors,
                      circuit_breaker::cache_lag(config_.breaker, circuit.gateway),
                      gateway_disabled_.contains(circuit.trip_id)});
        if (!way) continue;
        why_.erase(circuit.trip_id);
        if (way == Way::again) why_[circuit.trip_id] = why_it_failed(circuit);
        // What may not be switched off any more is not left half-way either.
        if (way == Way::again && !may_switch_off(circuit)) way = Way::settle;
        begin(circuit, *way, asked_by(*way));
    }
}

/// As the configuration has it now.
bool BreakerRecovery::may_switch_off(const Circuit& circuit) const {
    if (config_.breaker.protected_channels.contains(circuit.target.channel)) return false;
    return circuit.rule.empty() || rule_mode(circuit.rule, config_) == circuit_breaker::Mode::live;
}

void BreakerRecovery::begin(const Circuit& circuit, Way way, const std::string& asked_by) {
    const auto now = clock_.now();
    ReturnRequest request{circuit, way, false, false, asked_by, {}};
    base::WriteTransaction transaction{rooms_.database};
    if (!rooms_.audit.intend_return(request, now)) return;
    transaction.commit();
    orders_.push_back({{std::move(request), {}, now}});
}

/// What is to be known at the gateway, as it is now.
void BreakerRecovery::complete(ReturnOrder& order) const {
    auto& request = order.request;
    const auto& target = request.circuit.target;
    if (request.way == Way::again) {
        circuit_breaker::TripRequest again;
        again.target = target;
        again.mode = circuit_breaker::Mode::live;
        order.guard = desk_.guard_of(again, clock_.now());
    }
    if (target.kind != Target::Kind::channel) return;
    request.trial_reason = words_.reason_on_trial(request.circuit.reason);
    request.models_off = rooms_.audit.circuits().models_off(target.channel);
}

/// What it depends on is not known yet.
bool BreakerRecovery::waits(const ReturnRequest& request) const {
    if (request.resumed && desk_.may_have_tripped(request.circuit.target)) return true;
    return request.way == Way::again && !desk_.learn_traffic();
}

/// A later trip may have ended its circuit since.
bool BreakerRecovery::is_asked(const ReturnRequest& request) const {
    const auto circuit = rooms_.audit.circuits().of_trip(request.circuit.trip_id);
    return circuit && (request.dry_run || circuit->pending == request.way);
}

bool BreakerRecovery::needs_traffic() const {
    return std::ranges::any_of(
        orders_, [](const Waiting& waiting) { return waiting.order.request.way == Way::again; });
}

void BreakerRecovery::hand_over() {
    const auto now = clock_.mono();
    for (auto waiting = orders_.begin(); waiting != orders_.end();) {
        const auto& request = waiting->order.request;
        if (!is_asked(request)) {
            drop(request);
            waiting = orders_.erase(waiting);
            continue;
        }
        if (now < waiting->not_before || waits(request)) {
            ++waiting;
            continue;
        }
        auto order = waiting->order;
        complete(order);
        if (!rooms_.breaker.submit(std::move(order))) return;
        waiting = orders_.erase(waiting);
    }
}

/// Whoever waits for it hears so at once.
void BreakerRecovery::drop(const ReturnRequest& request) {
    ReturnResult dropped;
    dropped.kind = ReturnResult::Kind::refused;
    dropped.request = request;
    circuit_breaker::explain(dropped, {.kind = circuit_breaker::TripCause::Kind::not_held});
    rooms_.answers.answer(BreakerAnswers::id_of_return(request.circuit.trip_id, request.dry_run),
                          answer_json(dropped));
}

std::string BreakerRecovery::why_it_failed(const Circuit& circuit) const {
    if (gateway_disabled_.contains(circuit.trip_id))
        return std::string{
            words_.say("网关自身在试探期间禁用了它", "the gateway itself disabled it")};
    const auto [attempts, errors] = watch_.attempts(circuit.trip_id);
    if (errors > circuit.recover.most_errors) {
        return words_.chinese() ? fmt::format("{} 次请求中 {} 次失败", attempts, errors)
                                : fmt::format("{} of {} attempts failed", errors, attempts);
    }
    if (circuit.asked_again || alert_fires(circuit))
        return std::string{words_.say("告警再次触发", "its alert fired again")};
    return words_.chinese()
               ? fmt::format("时限内只有 {} 次请求，需要 {} 次", attempts, circuit.recover.attempts)
               : fmt::format("only {} attempts came in time, {} are needed", attempts,
                             circuit.recover.attempts);
}

/// What the trial will replace is on record before it is written.
void BreakerRecovery::go_on(const ReturnResult& result) {
    const auto now = clock_.now();
    base::WriteTransaction transaction{rooms_.database};
    rooms_.audit.record(result, now);
    transaction.commit();
    auto circuit = rooms_.audit.circuits().of_trip(result.request.circuit.trip_id);
    if (!circuit || circuit->pending != result.request.way) return drop(result.request);
    auto request = result.request;
    const auto asked_at = circuit->pending_at;
    request.circuit = std::move(*circuit);
    orders_.push_back({{std::move(request), {}, asked_at}, {}});
    hand_over();
}

void BreakerRecovery::take(const ReturnResult& result) {
    if (result.kind == ReturnResult::Kind::ranks_read) return go_on(result);
    const auto& request = result.request;
    const auto& trip = request.circuit.trip_id;
    const auto id = BreakerAnswers::id_of_return(trip, request.dry_run);
    if (request.dry_run) return rooms_.answers.answer(id, answer_json(result));
    const auto now = clock_.now();
    base::WriteTransaction transaction{rooms_.database};
    if (rooms_.audit.record(result, now)) tell(result, now);
    if (result.mended) note_mended(request.circuit, "return", now);
    transaction.commit();
    using Kind = ReturnResult::Kind;
    if (result.kind == Kind::done || result.kind == Kind::theirs) gateway_disabled_.erase(trip);
    if (result.kind == Kind::unknown) {
        auto again = request;
        again.resumed = true;
        orders_.push_back(
            {{std::move(again), {}, now}, clock_.mono() + circuit_breaker::kAskAgain});
    }
    if (request.asked_by == kAskedByPerson) rooms_.answers.answer(id, answer_json(result));
    log_.info(fmt::format(
        "breaker: {}: {} ({}): {}{}{}", circuit_breaker::describe(request.circuit.target),
        circuit_breaker::way_name(request.way), request.asked_by,
        circuit_breaker::kind_name(result.kind), result.why.empty() ? "" : ": ", result.why));
}

/// What fails in the same way again is no news.
void BreakerRecovery::tell(const ReturnResult& result, base::Second now) {
    using Kind = ReturnResult::Kind;
    const auto& circuit = result.request.circuit;
    if (result.kind == Kind::theirs) return tell_released(circuit, result.change, now);
    const bool done = result.kind == Kind::done;
    auto left = rooms_.audit.circuits().of_trip(circuit.trip_id);
    const auto news = news_of(result);
    if (!done && left && left->told == news) return;
    if (left) {
        left->told = done ? std::string{} : news;
        rooms_.audit.circuits().put(*left);
    }
    const auto event_id = fmt::format("{}-{}-{}-{}", circuit_breaker::way_name(result.request.way),
                                      circuit_breaker::kind_name(result.kind), circuit.trip_id,
                                      base::unix_seconds(now));
    auto shown = result;
    // As it stands on record now: what comes next is told, too.
    if (left) shown.request.circuit = std::move(*left);
    put(event_id, rooms_.messages.returned(shown, now, why_again(result.request)), now);
}

/// Empty for what is given back, and where nobody knows (any more).
std::string BreakerRecovery::why_again(const ReturnRequest& request) const {
    if (request.way != Way::again) return {};
    if (request.asked_by == kAskedByPerson)
        return std::string{words_.say("试用被人工撤销", "a person undid the trial")};
    const auto why = why_.find(request.circuit.trip_id);
    return why == why_.end() ? std::string{} : why->second;
}

void BreakerRecovery::tell_released(const Circuit& circuit, Change change, base::Second now) {
    put("released-" + circuit.trip_id, rooms_.messages.released(circuit, change, now), now);
}

void BreakerRecovery::put(const std::string& event_id, notifiers::Message message,
                          base::Second now) {
    const notifiers::Letter letter{event_id, {}, {}, std::move(message), true};
    for (const auto& name : config_.notifier_names()) rooms_.outbox.put(letter, name, now, now);
}

void BreakerRecovery::take(const circuit_breaker::Looked& looked) {
    looking_ = false;
    troubles_.note(looked.troubles);
    const auto now = clock_.now();
    base::WriteTransaction transaction{rooms_.database};
    const auto released = rooms_.audit.observe(looked.sightings, looked.began, now);
    for (const auto& [circuit, change] : released) tell_released(circuit, change, now);
    for (const auto& trip : looked.mended) {
        if (const auto circuit = rooms_.audit.circuits().of_trip(trip))
            note_mended(*circuit, "trip", now);
    }
    transaction.commit();
    for (const auto& [circuit, change] : released) {
        gateway_disabled_.erase(circuit.trip_id);
        why_.erase(circuit.trip_id);
        log_.info(fmt::format("breaker: {} is not ours any more: {}",
                              circuit_breaker::describe(circuit.target),
                              circuit_breaker::sentence(change)));
    }
    for (const auto& [trip, change, half_on, state] : looked.sightings) {
        const auto circuit = rooms_.audit.circuits().of_trip(trip);
        if (!circuit || circuit->state != state) continue;  // an older picture
        if (change == Change::gateway_disabled) gateway_disabled_.insert(trip);
        if (half_on) half_on_.insert(trip);
        if (change == Change::none && !half_on) watch_.confirm(trip, looked.began);
    }
    for (const auto& trip : looked.mended) half_on_.erase(trip);
}

/// Also of a circuit that has ended: it was written.
void BreakerRecovery::note_mended(const Circuit& circuit, std::string_view deed, base::Second now) {
    const auto why = fmt::format(
        "{} was off, but its abilities were on: the gateway wrote them in the middle of "
        "our {}; they are off again",
        circuit_breaker::describe(Target::of_channel(circuit.target.channel)), deed);
    rooms_.audit.note(circuit, "mended", why, now);
    log_.warning("breaker: " + why);
}

}  // namespace quotafuse::daemon
