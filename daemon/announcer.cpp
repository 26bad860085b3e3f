#include "daemon/announcer.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

namespace quotafuse::daemon {
namespace {

constexpr std::string_view kNotifierDead = "notifier-dead";
/// Of one step: what many alerts of one second cost is not read one by one, nor for longer than
/// this, since the transaction is open.
constexpr int kMostPriced = 20;
constexpr base::Milliseconds kLongestPricing{5};
constexpr base::Seconds kMemoryOfTrips{400 * 86400};  // open ones are kept in any case

/// What stands in one message with others (see Outbox).
std::string batch_of(const alerts::Notice& notice) {
    return fmt::format("{} {} {}", notice.rule, base::unix_seconds(notice.at),
                       notice.ended ? "over" : "on");
}

notifiers::Letter letter_of(const BreakerDesk::Asking& asking, notifiers::Message message) {
    const auto& notice = asking.notice;
    notifiers::Letter letter;
    letter.event_id = notice.event_id;
    letter.alert = notice.episode;
    letter.batch = fmt::format("{} {}", asking.batch, static_cast<int>(message.kind));
    letter.keeps = !notice.actions.empty() || notice.severity == base::Severity::critical;
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
    rooms_.desk.hand_over();
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
    rooms_.desk.hand_over();
}

void Announcer::checkpoint_if_due() {
    if (rooms_.engine.time() - saved_ >= kCheckpointInterval) checkpoint();
}

/// What the engine decided on time is late, too, when the store could not take it for long.
void Announcer::take_back_actions(alerts::Step& step) {
    const auto before = clock_.now() - 2 * alerts::kLate;
    for (const auto& notice : step.notices) {
        if (!notice.late && !notice.actions.empty() && notice.at < before)
            note_late(notice.at, std::max(notice.at, step.time));
    }
    rooms_.engine.take_back_actions(step, before);
}

/// One transaction: the new state, what people are to be told, what the breaker is asked for.
void Announcer::write(alerts::Step& step) {
    if (step.empty()) return;
    take_back_actions(step);
    std::vector<BreakerDesk::Asking> askings;
    std::vector<alerts::Notice> late;
    base::WriteTransaction transaction{rooms_.database};
    alerts::save_state(rooms_.database, step);
    for (const auto& event : late_) alerts::save_event(rooms_.database, event);
    for (const auto& notice : step.notices) {
        if (notice.late) {
            late.push_back(notice);
        } else {
            askings.push_back(asking_of(notice));
        }
    }
    announce(askings);
    if (!late.empty()) announce_late(late);
    transaction.commit();
    late_.clear();
    if (step.time != base::Second{}) saved_ = step.time;
    rooms_.desk.accept(std::move(askings));
    for (const auto& notice : std::exchange(step, {}).notices) {
        const auto key = alerts::describe(notice.key) + notice.about;
        log_.info(fmt::format("alert {}{}{}: {}", notice.rule, key.empty() ? "" : " ", key,
                              alerts::reason_name(notice.reason)));
    }
}

BreakerDesk::Asking Announcer::asking_of(const alerts::Notice& notice) const {
    BreakerDesk::Asking asking;
    asking.notice = notice;
    asking.notifiers = targets(notice);
    asking.batch = batch_of(notice);
    return asking;
}

/// Puts on record what is asked of the breaker, and then the letters: those of a batch of which one
/// waits for the breaker wait with it. Leaves in `askings` what the breaker's desk is to accept.
void Announcer::announce(std::vector<BreakerDesk::Asking>& askings) {
    const auto now = clock_.now();
    const auto priced_until = clock_.mono() + kLongestPricing;
    int told = 0;
    std::set<std::string> waiting;
    for (auto& asking : askings) {
        if (++told <= kMostPriced && clock_.mono() < priced_until)
            asking.spending = spending_of(asking.notice);
        rooms_.desk.ask(asking);
        if (!asking.requests.empty()) waiting.insert(asking.batch);
    }
    for (const auto& asking : askings) {
        const auto* const spending = asking.spending ? &*asking.spending : nullptr;
        const auto letter =
            letter_of(asking, rooms_.messages.alert(asking.notice, asking.results, spending));
        const bool waits = waiting.contains(asking.batch);
        for (const auto& name : asking.notifiers)
            rooms_.outbox.put(letter, name, now, waits ? now + BreakerDesk::kPatience : now);
    }
    std::erase_if(askings, [&](const auto& asking) { return !waiting.contains(asking.batch); });
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
            {"late-" + theirs.front().event_id, {}, {}, rooms_.messages.late(theirs, now), keeps},
            name, now, now);
    }
}

void Announcer::observe(const sync::GatewayInfo& info) {
    rooms_.messages.show_in(currency_of(config_.currency, info.display));
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
    if (std::ranges::all_of(names, is_dead)) names = config_.notifier_names();
    if (!std::ranges::all_of(names, is_dead)) std::erase_if(names, is_dead);
    return names;
}

}  // namespace quotafuse::daemon
