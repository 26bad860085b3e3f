#include "alerts/rule_watch.h"

#include <algorithm>
#include <tuple>

namespace quotafuse::alerts {
namespace {

bool at_rest(const AlertState& state) {
    return state.phase == Phase::inactive && !state.over_at;
}

bool counts_as_told(const AlertState& state) {
    return state.phase == Phase::firing && state.told;
}

/// The peak moves with every row; it is saved along with the next real change, from which a restart
/// evaluates again.
bool differs_beyond_peak(AlertState a, const AlertState& b) {
    a.peak = b.peak;
    return a != b;
}

}  // namespace

RuleWatch::RuleWatch(const Rule& rule, Window& window, const Names& names, const sync::Texts& texts)
    : rule_(rule), window_(window), names_(names), texts_(texts), maker_(rule, texts) {}

bool RuleWatch::restore(const SeriesRecord& record) {
    const auto key = key_from_json(record.key, rule_.by, texts_);
    if (!key) return false;
    series_[*key] = {record.state, record.first_seen, record.last_row, record.names, {}};
    if (!at_rest(record.state)) restless_.insert(*key);
    if (counts_as_told(record.state)) ++told_;
    due_.emplace(base::Second{}, *key);  // its own times are found at the first look
    return true;
}

void RuleWatch::evaluate(base::Second t, bool late, double quota_per_unit, Step& step) {
    if (window_.overflowed()) return;
    auto looks = look(t, late, quota_per_unit);
    // The worst come first, so that they are the ones told where there is room for some only.
    std::sort(looks.begin(), looks.end(), [&](const Look& a, const Look& b) {
        const auto rank = [&](const Look& one) {
            const auto value = one.facts.value.value_or(0);
            return std::tuple{!one.facts.value, rule_.below ? value : -value, one.key};
        };
        return rank(a) < rank(b);
    });
    std::vector<Notice> notices;
    for (const auto& one : looks) judge(one, step, notices);
    hand_over(std::move(notices), step);
    if (!looked_) {
        looked_ = true;
        step.rules.push_back({rule_.name, fingerprint(rule_), t});
        step.changes_state = true;
    }
}

std::vector<SeriesKey> RuleWatch::keys_to_look_at(base::Second t) {
    std::vector<SeriesKey> keys{window_.changed().begin(), window_.changed().end()};
    keys.insert(keys.end(), restless_.begin(), restless_.end());
    while (!due_.empty() && due_.begin()->first <= t) {
        keys.push_back(due_.begin()->second);
        due_.erase(due_.begin());
    }
    // No row at all is what a `below` rule without grouping waits for.
    if (rule_.below && rule_.by.empty() && series_.empty()) keys.emplace_back();
    if (!looked_) {
        for (const auto& [key, rows] : window_.series()) keys.push_back(key);
    }
    std::sort(keys.begin(), keys.end());
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    return keys;
}

std::vector<RuleWatch::Look> RuleWatch::look(base::Second t, bool late, double quota_per_unit) {
    std::vector<Look> looks;
    for (const auto& key : keys_to_look_at(t)) {
        const auto sums = window_.sums(key);
        const auto value = value_of(rule_.metric, sums, rule_.window, quota_per_unit);
        auto* const series = find_or_begin(key, value);
        if (series == nullptr) continue;
        see_rows(key, *series);
        series->value = value;
        Look look{key, {}};
        look.facts.at = t;
        look.facts.value = value;
        look.facts.requests = weight_of(rule_.metric, sums);
        look.facts.ready = !rule_.below || window_.head() - series->first_seen >= rule_.window;
        const auto channel = channel_of(key);
        look.facts.gone = is_gone(key, *series, t);
        look.facts.deleted = channel && names_.is_deleted(*channel);
        look.facts.first_look = !looked_;
        look.facts.late = late;
        looks.push_back(look);
    }
    if (looks.empty()) return looks;
    const bool in_hours = active(t, rule_.hours, rule_.zone);
    for (auto& look : looks) look.facts.in_hours = in_hours;
    return looks;
}

/// Null for a key that there is nothing to say or to remember about.
RuleWatch::Series* RuleWatch::find_or_begin(const SeriesKey& key, std::optional<double> value) {
    const auto known = series_.find(key);
    if (known != series_.end()) return &known->second;
    const auto* const rows = window_.find(key);
    if (!rule_.below && !is_breached(value, rule_)) return nullptr;
    if (rows == nullptr && !rule_.by.empty()) return nullptr;
    auto& series = series_[key];
    series.first_seen = rows == nullptr ? window_.head() : base::from_unix(rows->oldest);
    unsaved_.insert(key);
    return &series;
}

void RuleWatch::see_rows(const SeriesKey& key, Series& series) {
    if (window_.find(key) != nullptr) {
        series.last_row.reset();
    } else if (!series.last_row) {
        series.last_row = window_.head() - rule_.window;  // it left just now
        unsaved_.insert(key);
    }
}

bool RuleWatch::is_gone(const SeriesKey& key, const Series& series, base::Second t) const {
    const auto channel = channel_of(key);
    if (channel && !window_.filter().allows_channel(*channel)) return true;
    return rule_.below && !rule_.by.empty() && series.last_row &&
           t - *series.last_row >= kGoneAfter;
}

std::optional<std::int64_t> RuleWatch::channel_of(const SeriesKey& key) const {
    const auto at = std::find(rule_.by.begin(), rule_.by.end(), Dimension::channel);
    if (at == rule_.by.end()) return std::nullopt;
    return key.parts[static_cast<std::size_t>(at - rule_.by.begin())].number;
}

void RuleWatch::look_at_all() {
    for (const auto& [key, series] : series_) due_.emplace(base::Second{}, key);
}

void RuleWatch::judge(const Look& look, Step& step, std::vector<Notice>& notices) {
    auto& series = series_.at(look.key);
    auto facts = look.facts;
    facts.room = told_ < rule_.max_series;
    const auto former = series.state;
    const auto decision = decide(former, facts, rule_);
    series.state = decision.state;
    if (series.state != former) unsaved_.insert(look.key);
    if (differs_beyond_peak(former, series.state)) {
        step.changes_state = true;
        auto names = name_key(look.key, series.names);
        series.names.clear();
        for (const auto& name : names) series.names.push_back(name.display);
        note(look.key, facts, former, decision, step);
        if (is_told(decision.reason)) {
            notices.push_back(maker_.make(look.key, std::move(names), facts, former, decision));
        }
    }
    keep_track(look.key, series, former, facts.at);
}

void RuleWatch::keep_track(const SeriesKey& key, const Series& series, const AlertState& former,
                           base::Second t) {
    const auto& state = series.state;
    if (counts_as_told(former)) --told_;
    if (counts_as_told(state)) ++told_;
    if (!at_rest(state)) {
        restless_.insert(key);
        return;
    }
    restless_.erase(key);
    // Its cooldown is worth remembering, and that it fired, should it flap.
    const auto remember_until =
        std::max(state.mute_until.value_or(base::Second{}), state.began + kFlapSpan);
    if (remember_until > t) due_.emplace(remember_until, key);
    if (!rule_.below || is_gone(key, series, t)) {
        if (remember_until > t) return;
        unsaved_.insert(key);
        series_.erase(key);
        return;
    }
    const auto ready_at = series.first_seen + rule_.window + window_.spec().delay;
    if (ready_at > t) due_.emplace(ready_at, key);
    if (series.last_row && !rule_.by.empty()) due_.emplace(*series.last_row + kGoneAfter, key);
}

void RuleWatch::note(const SeriesKey& key, const Facts& facts, const AlertState& former,
                     const Decision& decision, Step& step) const {
    const auto& state = decision.state;
    const auto add = [&](int sequence, std::string what, std::string_view reason) {
        step.events.push_back({maker_.event_id(key, state, sequence), rule_.name,
                               maker_.stored_key(key), facts.at, std::move(what),
                               std::string{reason}, facts.value});
    };
    if (state.phase == Phase::firing && former.phase != Phase::firing) {
        add(0, "firing", reason_name(decision.reason));
    }
    if (decision.ended) add(0, "over", ending_name(*decision.ended));
    if (is_told(decision.reason)) add(state.sequence, "told", reason_name(decision.reason));
}

void RuleWatch::hand_over(std::vector<Notice> notices, Step& step) const {
    if (notices.empty()) return;
    const auto found = std::stable_partition(
        notices.begin(), notices.end(),
        [](const Notice& notice) { return notice.reason != Reason::first_look; });
    std::vector<Notice> first_look{std::make_move_iterator(found),
                                   std::make_move_iterator(notices.end())};
    notices.erase(found, notices.end());
    if (!first_look.empty()) notices.push_back(maker_.summarise(std::move(first_look)));
    if (told_ >= rule_.max_series) {
        const auto untold = [&](const SeriesKey& key) {
            const auto& state = series_.at(key).state;
            return state.phase == Phase::firing && !state.told;
        };
        notices.back().more =
            static_cast<std::size_t>(std::count_if(restless_.begin(), restless_.end(), untold));
    }
    std::move(notices.begin(), notices.end(), std::back_inserter(step.notices));
}

void RuleWatch::collect_unsaved(Step& step) {
    for (const auto& key : unsaved_) {
        SeriesRecord record;
        record.rule = rule_.name;
        record.key = maker_.stored_key(key);
        const auto known = series_.find(key);
        if (known == series_.end()) {
            record.forgotten = true;
        } else {
            const auto& series = known->second;
            record.state = series.state;
            record.first_seen = series.first_seen;
            record.last_row = series.last_row;
            record.names = series.names;
        }
        step.series.push_back(std::move(record));
    }
    unsaved_.clear();
}

std::vector<RuleWatch::Alert> RuleWatch::alerts() const {
    std::vector<Alert> alerts;
    for (const auto& key : restless_) {
        const auto& series = series_.at(key);
        if (series.state.phase == Phase::inactive) continue;
        alerts.push_back({name_key(key, series.names), series.state, series.value});
    }
    std::stable_sort(alerts.begin(), alerts.end(), [](const Alert& a, const Alert& b) {
        const auto rank = [](const AlertState& state) {
            return std::tuple{state.phase != Phase::firing, state.since};
        };
        return rank(a.state) < rank(b.state);
    });
    return alerts;
}

std::vector<KeyName> RuleWatch::name_key(const SeriesKey& key,
                                         const std::vector<std::string>& former) const {
    std::vector<KeyName> names;
    for (std::size_t i = 0; i < rule_.by.size(); ++i) {
        names.push_back(names_.name(rule_.by[i], key.parts[i], i < former.size() ? former[i] : ""));
    }
    return names;
}

}  // namespace quotafuse::alerts
