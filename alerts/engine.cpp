#include "alerts/engine.h"

#include <algorithm>
#include <map>
#include <utility>

#include <SQLiteCpp/Exception.h>
#include <fmt/format.h>

#include "alerts/baseline.h"
#include "alerts/explain.h"
#include "alerts/meter.h"
#include "alerts/notice_maker.h"
#include "alerts/rule_action.h"
#include "alerts/self_alerts.h"

namespace quotafuse::alerts {
namespace {

bool is_self_alert(const std::string& name) {
    return std::ranges::count(self_alert_names(), name) > 0;
}

/// Rules in use, each after those that inhibit it. The loader refuses cycles; in one the order of
/// the rules decides.
std::vector<const Rule*> in_order(const std::vector<Rule>& rules) {
    std::map<std::string_view, const Rule*> waiting;
    for (const auto& rule : rules) {
        if (rule.enabled) waiting.emplace(rule.name, &rule);
    }
    std::vector<const Rule*> order;
    const std::function<void(const Rule&)> place = [&](const Rule& rule) {
        if (waiting.erase(rule.name) == 0) return;
        for (const auto& name : rule.inhibited_by) {
            const auto other = waiting.find(name);
            if (other != waiting.end()) place(*other->second);
        }
        order.push_back(&rule);
    };
    for (const auto& rule : rules) {
        if (rule.enabled) place(rule);
    }
    return order;
}

}  // namespace

Engine::Engine(std::vector<Rule> rules, sync::RowReader& reader)
    : Engine(std::move(rules), reader, Options{}) {}

Engine::Engine(std::vector<Rule> rules, sync::RowReader& reader, Options options)
    : rules_(std::move(rules)),
      options_(options),
      reader_(reader),
      names_(reader.texts()),
      windows_(reader) {
    make_watches();
}

Engine::~Engine() = default;

void Engine::make_watches() {
    for (const auto* const rule : in_order(rules_)) {
        const auto weeks = weeks_of(*rule, options_.weeks, options_.kept);
        auto watch = std::make_unique<RuleWatch>(
            *rule, make_meter(*rule, windows_, gauges_, names_, weeks), names_);
        for (const auto& name : rule->inhibited_by) {
            if (const auto* const other = watch_of(name)) watch->inhibit_by(*other);
        }
        watches_.push_back(std::move(watch));
    }
    asleep_.assign(watches_.size(), false);
}

std::vector<VoidRule> Engine::restore(const SavedState& saved, base::Second start,
                                      const std::vector<WindowRecord>& windows) {
    const bool goes_on = saved.time && *saved.time <= start + kPatience;
    time_ = goes_on ? std::max(*saved.time, start - kLongestCatchUp) : start;
    began_ = time_;

    std::vector<VoidRule> dropped;
    for (const auto& [name, former] : saved.looked) {
        auto* const watch = watch_of(name);
        if (watch != nullptr && fingerprint(watch->rule()) == former) {
            watch->restore_looked();
        } else {
            drop(dropped, name);
        }
    }
    for (const auto& record : saved.series) {
        if (is_self_alert(record.rule)) continue;
        auto* const watch = watch_of(record.rule);
        const bool looked = watch != nullptr && saved.looked.contains(record.rule);
        const auto known = std::ranges::find(dropped, record.rule, &VoidRule::rule);
        if (!looked || known != dropped.end()) {
            note_dropped(record, drop(dropped, record.rule));
        } else if (!watch->restore(record)) {
            forget_series(record);
        }
    }
    for (const auto& record : saved.unreadable) forget_series(record);
    for (const auto& digest : saved.digests) {
        auto* const watch = watch_of(digest.rule);
        const auto known = std::ranges::find(dropped, digest.rule, &VoidRule::rule);
        if (watch != nullptr && known == dropped.end()) watch->restore(digest);
    }
    for (const auto& one : dropped) unsaved_.dropped_rules.push_back(one.rule);
    windows_.start(time_, windows);
    return dropped;
}

VoidRule& Engine::drop(std::vector<VoidRule>& dropped, const std::string& rule) const {
    const auto known = std::ranges::find(dropped, rule, &VoidRule::rule);
    if (known != dropped.end()) return *known;
    return dropped.emplace_back(VoidRule{rule, watch_of(rule) != nullptr, {}});
}

/// Nobody is told, but the history has its end.
void Engine::note_dropped(const SeriesRecord& record, VoidRule& dropped) {
    const auto& state = record.state;
    if (state.phase != Phase::firing) return;
    dropped.firing.push_back(fmt::format("{}", fmt::join(record.names, ", ")));
    unsaved_.events.push_back({event_id_of(record.rule, record.key, state.began, 0), record.rule,
                               record.key, time_, "over",
                               dropped.changed ? "rule changed" : "rule removed", std::nullopt});
}

/// Its texts stand in no row any more.
void Engine::forget_series(const SeriesRecord& record) {
    SeriesRecord forgotten;
    forgotten.rule = record.rule;
    forgotten.key = record.key;
    forgotten.forgotten = true;
    unsaved_.series.push_back(std::move(forgotten));
}

bool Engine::warm_up(std::chrono::milliseconds budget) {
    return windows_.warm_up(budget, [&](const sync::Row& row) { names_.learn(row); });
}

void Engine::feed(const std::vector<sync::Row>& rows) {
    const auto now = base::unix_seconds(time_);
    for (const auto& row : rows) {
        names_.learn(row);
        windows_.feed(row);
        if (row.created_at > now || row.seen_at < now) continue;
        fed_too_much_ = fed_too_much_ || fed_.size() == kMostFedKept;
        if (!fed_too_much_) fed_.push_back(row);
    }
}

void Engine::forget(const std::vector<sync::Row>& rows) {
    for (const auto& row : rows) {
        windows_.forget(row);
        std::erase_if(fed_, [&](const sync::Row& fed) { return fed.id == row.id; });
    }
}

void Engine::use(const sync::Directory& directory) {
    if (directory == names_.directory()) return;
    wake_all();
    const auto former_price = names_.directory().quota_per_unit;
    windows_.use(directory);
    names_.use(directory);
    if (directory.quota_per_unit != former_price) {
        for (const auto& window : windows_.windows()) window->touch_all();
    }
    for (const auto& watch : watches_) watch->look_at_all();
}

void Engine::observe(const std::vector<sync::GaugeChange>& changes) {
    bool objects = false;
    for (const auto& change : changes) {
        const auto gauge = change.key.gauge;
        objects = objects || gauge == sync::Gauge::channel_status ||
                  gauge == sync::Gauge::token_status || gauge == sync::Gauge::user_status ||
                  change.value.has_value() != gauges_.value(change.key).has_value();
        gauges_.set(change);
    }
    gauges_.note_known();
    if (!objects) return;
    wake_all();
    for (const auto& watch : watches_) watch->look_at_all();
}

void Engine::set_silences(std::vector<Silence> silences) {
    silences_ = std::move(silences);
    for (const auto& watch : watches_) watch->set_silences(silences_);
}

void Engine::use_self_alerts(SelfAlertFires fires) {
    self_alert_fires_ = std::move(fires);
}

Step Engine::advance(base::Second t, base::Second now) {
    const bool back = t + kPatience < time_;
    const bool far = t - time_ > kLongestCatchUp;
    if (back) jump_to(t);
    if (far) jump_to(t - kLongestCatchUp);
    // After a jump windows have to be warmed up first: the caller gets the chance to.
    const auto until = far ? time_ : std::min(t, time_ + kMostSecondsOfStep);
    while (time_ < until) {
        const auto next = time_ + std::chrono::seconds{1};
        step_to(next, now - next > kLate);
    }
    if (time_ < t || back) unsaved_.changes_state = true;
    if (unsaved_.changes_state) return take_step();
    Step nothing;
    nothing.time = time_;
    return nothing;
}

Step Engine::checkpoint() {
    unsaved_.changes_state = true;
    return take_step();
}

Step Engine::take_step() {
    for (const auto& watch : watches_) watch->collect_unsaved(unsaved_);
    unsaved_.time = time_;
    return std::exchange(unsaved_, {});
}

void Engine::step_to(base::Second t, bool late) {
    windows_.advance(t, [&](const sync::Row& row) { names_.learn(row); });
    woken_.clear();
    resting_.wake(names_.directory().quota_per_unit, woken_);
    wake(woken_);
    time_ = t;
    fed_.clear();
    fed_too_much_ = false;
    std::vector<Question> questions;
    RuleWatch::Explain explain;
    if (options_.explains && !late) {
        explain = [&](const Question& question) { questions.push_back(question); };
    }
    const auto kept_since = reader_.kept_since();
    for (std::size_t i = 0; i < watches_.size(); ++i) {
        if (asleep_[i]) continue;
        auto& watch = *watches_[i];
        watch.evaluate({t, late, is_inhibited(watch.rule(), t), kept_since, explain}, unsaved_);
        const auto* const window = watch.rests_on();
        if (window == nullptr) continue;
        asleep_[i] = true;
        watch.sleep(t);
        resting_.put(i, watch.rule(), *window);
    }
    if (!questions.empty()) explain_notices(questions, t);
    windows_.settle();
    gauges_.settle();
}

/// They slept up to the last evaluated second.
void Engine::wake(const std::vector<std::size_t>& places) {
    for (const auto place : places) {
        asleep_[place] = false;
        watches_[place]->wake(time_);
    }
}

void Engine::wake_all() {
    woken_.clear();
    resting_.wake_all(woken_);
    wake(woken_);
}

bool Engine::is_inhibited(const Rule& rule, base::Second t) const {
    if (!self_alert_fires_) return false;
    return std::ranges::any_of(rule.inhibited_by, [&](const std::string& name) {
        return is_self_alert(name) && self_alert_fires_(name, t);
    });
}

/// The alert matters more than what explains it: where the store cannot be read it goes out
/// without.
void Engine::explain_notices(const std::vector<Question>& questions, base::Second t) {
    try {
        explain(questions, t, reader_, names_, unsaved_.notices);
    } catch (const SQLite::Exception&) {
        return;
    }
}

void Engine::jump_to(base::Second t) {
    wake_all();
    unsaved_.jumps.push_back({time_, t});
    time_ = began_ = t;
    fed_.clear();
    fed_too_much_ = false;
    windows_.start(t, {});
}

std::vector<WindowRecord> Engine::window_records() {
    if (fed_too_much_) return {};
    for (const auto& row : fed_) windows_.forget(row);
    auto records = windows_.records(time_ - std::chrono::seconds{1});
    for (const auto& row : fed_) windows_.feed(row);
    return records;
}

RuleWatch* Engine::watch_of(std::string_view rule) const {
    for (const auto& watch : watches_) {
        if (watch->rule().name == rule) return watch.get();
    }
    return nullptr;
}

Overview Engine::overview() const {
    Overview view;
    view.time = time_;
    view.total = rules_.size();
    view.disabled = rules_.size() - watches_.size();
    for (const auto& watch : watches_) {
        const auto& rule = watch->rule();
        auto [alerts, more, pending] = watch->alerts();
        if (more > 0) view.more.push_back({rule.name, more});
        for (auto& alert : alerts) {
            const auto& state = alert.state;
            view.alerts.push_back({rule.name, rule.severity, std::move(alert.key), state.phase,
                                   alert.value, state.peak, rule.limit, rule.clear, rule.below,
                                   unit_of(rule), state.since, state.told, alert.silenced,
                                   alert.inhibited, std::move(alert.stored_key)});
        }
        if (auto error = watch->error(); !error.empty()) {
            view.errors.push_back({rule.name, std::move(error)});
        } else if (const auto part = watch->meter().warmed_up(); part < 1) {
            view.warming.push_back({rule.name, part});
        } else if (watch->firing() > 0) {
            ++view.firing;
        } else {
            ++(pending > 0 ? view.pending : view.inactive);
        }
    }
    return view;
}

std::set<std::int64_t> Engine::firing_channels() const {
    std::set<std::int64_t> channels;
    for (const auto& watch : watches_) {
        const auto& rule = watch->rule();
        const auto& by = rule.by;
        const auto part = std::ranges::find(by, Dimension::channel) - by.begin();
        if (part == std::ssize(by)) {
            // Without an action of its own a channel may be but one of many that it is about.
            const bool acts = rule.action && rule.action->what != RuleAction::What::token;
            if (!acts || watch->firing() == 0) continue;
            for (const auto id : ids_in_where(rule, Dimension::channel)) channels.insert(id);
            continue;
        }
        for (const auto& key : watch->firing_keys())
            channels.insert(key.parts[static_cast<std::size_t>(part)].number);
    }
    return channels;
}

Phase Engine::phase_of(std::string_view rule, const SeriesKey& key) const {
    const auto* const watch = watch_of(rule);
    return watch == nullptr ? Phase::inactive : watch->phase_of(key);
}

bool Engine::is_firing(std::string_view rule, const std::string& stored_key) const {
    const auto* const watch = watch_of(rule);
    if (watch == nullptr) return false;
    const auto key = key_from_json(stored_key, watch->rule().by, names_.texts());
    return key && watch->phase_of(*key) == Phase::firing;
}

RuleStanding Engine::standing(std::string_view rule, std::size_t most) const {
    const auto* const watch = watch_of(rule);
    return watch == nullptr ? RuleStanding{} : watch->standing(time_, most);
}

std::map<std::string, double> Engine::nearest(std::size_t most) const {
    std::map<std::string, double> values;
    for (const auto& watch : watches_) {
        const auto series = watch->meter().shown();
        if (series > most) continue;
        most -= series;
        if (const auto value = watch->nearest(time_)) values.emplace(watch->rule().name, *value);
    }
    return values;
}

std::optional<RuleReport> Engine::report(std::string_view rule) const {
    const auto known = std::ranges::find(rules_, rule, &Rule::name);
    if (known == rules_.end()) return std::nullopt;
    const auto* const watch = watch_of(rule);
    if (watch != nullptr) return watch->report(time_);
    RuleReport disabled;
    disabled.rule = known->name;
    disabled.enabled = false;
    return disabled;
}

}  // namespace quotafuse::alerts
