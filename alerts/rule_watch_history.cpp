#include <fmt/format.h>

#include "alerts/rule_watch.h"

// How much of a rule's time is known, and when it is over.
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

std::string RuleWatch::error() const {
    if (!lost_before_) return meter_->error();
    return fmt::format(
        "its window begins at {}, and rows from before {} are not kept any more (store.keep.rows)",
        rule_.zone.format(rule_.window.from), rule_.zone.format(*lost_before_));
}

}  // namespace quotafuse::alerts
