#include <algorithm>

#include <fmt/format.h>

#include "alerts/rule_watch.h"
#include "alerts/window.h"

// How much of a rule's time is known, when it is over, and when there is nothing to evaluate in it.
namespace quotafuse::alerts {

bool RuleWatch::has_history(const Series& series, base::Second t) const {
    const auto head = t - delay_;
    if (rule_.window.kind == Frame::Kind::rolling) {
        return head - series.first_seen >= rule_.window.length;
    }
    if (rule_.window.kind == Frame::Kind::fixed) return head >= rule_.window.to;
    return series.first_seen <= span_of(rule_.window, head, rule_.zone).tail;
}

bool RuleWatch::is_gone(const Series& series, const Reading& reading, base::Second t) const {
    if (!series.chosen) return true;
    if (is_gauge(rule_.metric)) return !reading.has_rows;
    if (!keeps_) return false;
    return series.deleted ||
           (!rule_.by.empty() && series.last_row && t - *series.last_row >= kGoneAfter);
}

bool RuleWatch::is_past(base::Second t) const {
    return rule_.window.kind == Frame::Kind::fixed && t - rule_.window.to >= kFixedLasts;
}

/// What a fixed window looks at stays behind, and one day its rows are deleted: its values would
/// fall, and what fires would seem to recover.
void RuleWatch::note_kept(const Moment& moment) {
    if (rule_.window.kind != Frame::Kind::fixed || is_gauge(rule_.metric)) return;
    lost_before_.reset();
    if (is_past(moment.at)) return;
    if (base::unix_seconds(rule_.window.from) + 1 < moment.kept_since)
        lost_before_ = base::from_unix(moment.kept_since);
}

/// Series that keep their key stay for days after they left the window, which has a bound of its
/// own.
void RuleWatch::note_size(base::Second t) {
    const auto wait = retry_after(rule_.window);
    const bool is_over = too_many_until_ && (t >= *too_many_until_ || *too_many_until_ - t > wait);
    if (is_over) {
        // One evaluation, which ends what is over: none of that could be let go of.
        too_many_until_.reset();
        return;
    }
    if (too_many_until_ || std::max(series_.size(), meter_->remembered()) <= kMostSeries) return;
    too_many_until_ = t + wait;
    let_go_of_resting();
}

/// What fires or is pending, or is still to be told as over, stays as it is.
void RuleWatch::let_go_of_resting() {
    for (auto at = series_.begin(); at != series_.end();) {
        if (restless_.contains(at->first)) {
            ++at;
            continue;
        }
        if (at->second.stored)
            unsaved_.insert(at->first);
        else
            unsaved_.erase(at->first);
        at = series_.erase(at);
    }
    series_.rehash(0);
    due_.clear();
    for (const auto& [key, series] : series_) due_.emplace(base::Second{}, key);
    meter_->forget_remembered();
    for (const auto& [key, series] : series_) {
        if (series.newest) meter_->recall(key, *series.newest);
    }
}

const Window* RuleWatch::rests_on() const {
    const bool keeps_nothing = looked_ && series_.empty() && restless_.empty() && due_.empty() &&
                               digests_.empty() && inhibitions_.empty();
    const bool is_judged = !too_many_until_ && rule_.window.kind != Frame::Kind::fixed;
    return keeps_nothing && is_judged ? meter_->decisive_window() : nullptr;
}

void RuleWatch::wake(base::Second t) {
    if (!asleep_since_) return;
    log_.add_quiet(t, (t - *asleep_since_).count());
    meter_->pass_over(t);
    asleep_since_.reset();
}

std::string RuleWatch::error() const {
    if (too_many_until_)
        return fmt::format(
            "over 100,000 series to be remembered: narrow `where`, or group `by` less; tried again "
            "at {}",
            rule_.zone.format(*too_many_until_));
    if (!lost_before_) return meter_->error();
    return fmt::format(
        "its window begins at {}, and rows from before {} are not kept any more (store.keep.rows)",
        rule_.zone.format(rule_.window.from), rule_.zone.format(*lost_before_));
}

}  // namespace quotafuse::alerts
