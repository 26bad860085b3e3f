#include "alerts/rule_watch.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <tuple>

namespace quotafuse::alerts {
namespace {

bool at_rest(const AlertState& state) {
    return state.phase == Phase::inactive && !state.over_at;
}

bool counts_as_told(const AlertState& state) {
    return state.phase == Phase::firing && state.told;
}

/// Over the limit, but not to be told yet: such a series is watched, so that it is known why not.
bool is_blocked(Reason reason) {
    return reason == Reason::few_requests || reason == Reason::usual_range ||
           reason == Reason::short_history;
}

/// What a person reads to understand an alert; an ending needs none of it.
bool is_explained(Reason reason) {
    return is_told(reason) && reason != Reason::resolved;
}

/// The peak moves with every row; it is saved along with the next real change, from which a restart
/// evaluates again.
bool differs_beyond_peak(AlertState a, const AlertState& b) {
    a.peak = b.peak;
    return a != b;
}

}  // namespace

RuleWatch::RuleWatch(const Rule& rule, std::unique_ptr<Meter> meter, const Names& names)
    : rule_(rule),
      meter_(std::move(meter)),
      names_(names),
      maker_(rule, names.texts()),
      keeps_(keeps_keys(rule)),
      always_hours_(rule.hours == ActiveHours{}),
      delay_(delay_of(rule)),
      known_([this](const SeriesKey& key) { return !series_.empty() && series_.contains(key); }) {}

void RuleWatch::inhibit_by(const RuleWatch& other) {
    inhibitions_.emplace_back(other, rule_.by);
}

void RuleWatch::set_silences(const std::vector<Silence>& silences) {
    silences_.clear();
    std::ranges::copy_if(silences, std::back_inserter(silences_),
                         [&](const Silence& silence) { return concerns(silence, rule_.name); });
}

bool RuleWatch::restore(const SeriesRecord& record) {
    const auto key = key_from_json(record.key, rule_.by, names_.texts());
    if (!key) return false;
    Series series;
    series.state = record.state;
    series.first_seen = record.first_seen;
    series.last_row = series.newest = record.last_row;
    series.period = record.period;
    series.names = record.names;
    series.stored = true;
    if (!at_rest(record.state)) restless_.insert(*key);
    if (record.last_row) meter_->recall(*key, *record.last_row);
    // A restore that failed further on is made again.
    const bool is_new = series_.insert_or_assign(*key, std::move(series)).second;
    if (is_new && counts_as_told(record.state)) ++told_;
    if (is_new && record.state.phase == Phase::firing) ++firing_;
    ++firing_version_;
    due_.emplace(base::Second{}, *key);  // its own times are found at the first look
    return true;
}

void RuleWatch::look_at_all() {
    ++objects_;
    for (const auto& [key, series] : series_) due_.emplace(base::Second{}, key);
}

void RuleWatch::evaluate(const Moment& moment, Step& step) {
    note_kept(moment);
    note_size(moment.at);
    if (meter_->warmed_up() < 1 || !error().empty()) return;
    held_ = moment.inhibited;
    for (auto& one : inhibitions_) held_ = one.waits(moment.at, moment.late) || held_;
    gather(moment.at);
    if (looks_.empty()) {
        log_.add_quiet(moment.at);
    } else {
        // The worst come first, so that they are the ones told where there is room for some only.
        std::sort(looks_.begin(), looks_.end(), [&](const Look& a, const Look& b) {
            const auto place = [&](const Look& one) {
                const auto value = one.reading.value.value_or(0);
                return std::tuple{!one.reading.value, rule_.below ? value : -value, one.key};
            };
            return place(a) < place(b);
        });
        nearest_ = {};
        std::vector<Notice> notices;
        for (const auto& look : looks_) judge(look, moment, step, notices);
        hand_over(std::move(notices), step);
        nearest_.series = looks_.size();
        if (nearest_.at == moment.at) {
            log_.add(nearest_);
        } else {
            log_.add_quiet(moment.at);
        }
    }
    if (!digests_.empty()) tell_digest(moment, step);
    if (looked_) return;
    looked_ = true;
    step.rules.push_back({rule_.name, fingerprint(rule_), moment.at});
    step.changes_state = true;
}

/// Readings of all series that are to be looked at, each once.
void RuleWatch::gather(base::Second t) {
    looks_.clear();
    // Nothing is known of a rule at rest, which spares most rules to look at single series.
    static const Meter::Known kNobody;
    meter_->look(t, series_.empty() ? kNobody : known_, !looked_, looks_);
    const bool is_due = !due_.empty() && due_.begin()->first <= t;
    // No row at all is what a rule without grouping may wait for.
    const bool begins_empty = keeps_ && rule_.by.empty() && series_.empty();
    if (restless_.empty() && !is_due && !begins_empty) return;
    gather_unseen(t);
}

void RuleWatch::gather_unseen(base::Second t) {
    std::vector<SeriesKey> keys{restless_.begin(), restless_.end()};
    for (; !due_.empty() && due_.begin()->first <= t; due_.erase(due_.begin())) {
        keys.push_back(due_.begin()->second);
    }
    if (keeps_ && rule_.by.empty() && series_.empty()) keys.emplace_back();
    std::ranges::sort(keys);
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    std::ranges::sort(looks_, {}, &Look::key);
    const auto seen = looks_.size();
    for (const auto& key : keys) {
        const auto end = looks_.begin() + static_cast<std::ptrdiff_t>(seen);
        const auto at = std::lower_bound(
            looks_.begin(), end, key,
            [](const Look& look, const SeriesKey& wanted) { return look.key < wanted; });
        if (at == end || at->key != key) looks_.push_back({key, meter_->read(key, t)});
    }
}

/// Null for a key that there is nothing to say or to remember about.
RuleWatch::Series* RuleWatch::find_or_begin(const Look& look, base::Second t) {
    const auto known = series_.find(look.key);
    if (known != series_.end()) return &known->second;
    const auto& reading = look.reading;
    if (!keeps_ && !is_breached(reading.value, rule_)) return nullptr;
    if (!reading.has_rows && !reading.oldest && !rule_.by.empty()) return nullptr;
    Series series;
    note_objects(look.key, series);
    if (!series.chosen || (keeps_ && series.deleted)) return nullptr;
    series.first_seen = reading.oldest.value_or(t - delay_);
    if (keeps_) unsaved_.insert(look.key);
    return &series_.emplace(look.key, std::move(series)).first->second;
}

void RuleWatch::judge(const Look& look, const Moment& moment, Step& step,
                      std::vector<Notice>& notices) {
    auto* const series = find_or_begin(look, moment.at);
    if (series == nullptr) return;
    const auto facts = facts_of(look, *series, moment);
    const auto former = series->state;
    const auto decision = decide(former, facts, rule_);
    series->state = decision.state;
    series->value = facts.value;
    if (nearest_.at != moment.at || series->state.phase > nearest_.phase) {
        nearest_ = {moment.at,      look.key, series->state.phase, decision.reason, facts.value,
                    facts.requests, 0};
    }
    if (series->state != former) unsaved_.insert(look.key);
    if (differs_beyond_peak(former, series->state) || is_told(decision.reason)) {
        step.changes_state = true;
        auto names = names_.name(look.key, rule_.by, series->names);
        series->names.clear();
        for (const auto& name : names) series->names.push_back(name.display);
        note(look.key, facts, former, decision, step);
        if (decision.unheard) note_unheard(look.key, *series, moment.at);
        if (is_told(decision.reason)) {
            auto notice =
                maker_.make(look.key, std::move(names), facts, look.reading, former, decision);
            if (moment.explain && !moment.late && is_explained(decision.reason)) {
                moment.explain({notice.event_id, &rule_, look.key});
            }
            notices.push_back(std::move(notice));
        }
    }
    keep_track(look, former, decision.reason, moment.at);
}

Facts RuleWatch::facts_of(const Look& look, Series& series, const Moment& moment) {
    const auto t = moment.at;
    const bool was_deleted = series.deleted;
    note_objects(look.key, series);
    const auto begun = look.reading.oldest.value_or(series.first_seen);
    if (keeps_ && was_deleted && !series.deleted && begun > series.first_seen) {
        series.first_seen = begun;  // switched on again: it has a window to be heard of
        unsaved_.insert(look.key);
    }
    if (keeps_) note_rows(look, series, t);
    Facts facts;
    facts.at = t;
    facts.value = look.reading.value;
    facts.requests = look.reading.requests;
    facts.ready = !keeps_ || has_history(series, t);
    facts.unusual = look.reading.unusual;
    if (const auto period = meter_->period(t)) {
        facts.new_period = series.period && *series.period != *period;
        series.period = period;
    }
    facts.gone = is_gone(series, look.reading, t);
    facts.past = is_past(t);
    facts.deleted = series.deleted;
    facts.first_look = !looked_;
    facts.late = moment.late;
    facts.in_hours = always_hours_ || active(t, rule_.hours, rule_.zone);
    facts.room = told_ < rule_.max_series;
    note_muting(look.key, series, facts);
    return facts;
}

/// What the gateway says of the key's objects; asked again when it says something else of any.
void RuleWatch::note_objects(const SeriesKey& key, Series& series) {
    if (series.objects == objects_) return;
    series.objects = objects_;
    series.chosen = meter_->chooses(key);
    series.deleted = meter_->deleted(key);
}

void RuleWatch::note_rows(const Look& look, Series& series, base::Second t) {
    const auto& reading = look.reading;
    if (reading.last_row) series.newest = reading.last_row;
    if (reading.has_rows) {
        series.last_row.reset();
    } else if (!series.last_row) {
        // It left just now.
        series.last_row =
            reading.last_row.value_or(span_of(rule_.window, t - delay_, rule_.zone).tail);
        unsaved_.insert(look.key);
    }
}

bool RuleWatch::is_inhibited(const SeriesKey& key) {
    return held_ ||
           std::ranges::any_of(inhibitions_, [&](Inhibition& one) { return one.mutes(key); });
}

void RuleWatch::note_muting(const SeriesKey& key, Series& series, Facts& facts) {
    facts.inhibited = is_inhibited(key);
    if (!silences_.empty()) {
        const auto names = names_.name(key, rule_.by, series.names);
        for (const auto& silence : silences_) {
            if (!silences(silence, rule_.name, names, facts.at)) continue;
            facts.silenced = true;
            facts.actions_held = facts.actions_held || silence.holds_actions;
        }
    }
    series.silenced = facts.silenced;
    series.inhibited = facts.inhibited;
}

void RuleWatch::keep_track(const Look& look, const AlertState& former, Reason reason,
                           base::Second t) {
    auto& series = series_.at(look.key);
    const auto& state = series.state;
    if (counts_as_told(former)) --told_;
    if (counts_as_told(state)) ++told_;
    if ((former.phase == Phase::firing) != (state.phase == Phase::firing)) {
        ++firing_version_;
        firing_ += state.phase == Phase::firing ? 1U : 0U;
        firing_ -= former.phase == Phase::firing ? 1U : 0U;
    }
    if (at_rest(state)) {
        rest(look, series, reason, t);
    } else if (at_rest(former)) {
        restless_.insert(look.key);
    }
}

/// When a series at rest is to be looked at next, or that it is forgotten.
void RuleWatch::rest(const Look& look, Series& series, Reason reason, base::Second t) {
    if (!restless_.empty()) restless_.erase(look.key);
    // Its cooldown is worth remembering, and that it fired, should it flap.
    const auto remember_until =
        std::max(series.state.mute_until.value_or(base::Second{}), series.state.began + kFlapSpan);
    const bool remembers = remember_until > t;
    // The new period may be over the limit already, and no row may come to say so.
    if (reason == Reason::new_period) due_.emplace(t + std::chrono::seconds{1}, look.key);
    if (remembers) due_.emplace(remember_until, look.key);
    if (!keeps_ || is_gone(series, look.reading, t)) {
        if (!remembers && !is_blocked(reason)) forget(look.key, series);
        return;
    }
    const bool rolls = rule_.window.kind == Frame::Kind::rolling;
    const auto ready_at = series.first_seen + rule_.window.length + delay_;
    if (rolls && ready_at > t) due_.emplace(ready_at, look.key);
    // One of them: when it comes, newer rows may have put off the end.
    const bool has_due = series.gone_due && *series.gone_due > t;
    if (series.last_row && !rule_.by.empty() && !has_due) {
        series.gone_due = *series.last_row + kGoneAfter;
        due_.emplace(*series.gone_due, look.key);
    }
}

void RuleWatch::forget(const SeriesKey& key, const Series& series) {
    if (series.stored) {
        unsaved_.insert(key);
    } else if (!unsaved_.empty()) {
        unsaved_.erase(key);
    }
    const auto copy = key;  // `key` may be the one that is erased
    series_.erase(copy);
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
            auto& series = known->second;
            record.state = series.state;
            record.first_seen = series.first_seen;
            // While it is over its limit a row that comes changes its state: none came since.
            const bool rests = series.state.phase == Phase::inactive;
            record.last_row = rests || series.last_row ? series.last_row : series.newest;
            record.names = series.names;
            record.period = series.period;
            series.stored = true;
        }
        step.series.push_back(std::move(record));
    }
    unsaved_.clear();
    for (const auto& key : digests_unsaved_) {
        const auto digest = digests_.find(key);
        step.digests.push_back(digest != digests_.end()
                                   ? digest->second
                                   : DigestRecord{rule_.name, 0, key, {}, 0, {}, {}});
    }
    digests_unsaved_.clear();
}

}  // namespace quotafuse::alerts
