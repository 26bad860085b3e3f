#include <algorithm>
#include <iterator>

#include "alerts/rule_watch.h"

// What people are shown of a rule at work; none of it changes what is decided.
namespace quotafuse::alerts {

std::vector<RuleWatch::Alert> RuleWatch::alerts() const {
    std::vector<Alert> alerts;
    for (const auto& key : restless_) {
        const auto& series = series_.at(key);
        if (series.state.phase == Phase::inactive) continue;
        alerts.push_back({names_.name(key, rule_.by, series.names), series.state, series.value,
                          series.silenced, series.inhibited});
    }
    std::ranges::stable_sort(alerts, [](const Alert& a, const Alert& b) {
        if (a.state.phase != b.state.phase) return a.state.phase > b.state.phase;
        return a.state.since < b.state.since;
    });
    return alerts;
}

std::size_t RuleWatch::pending() const {
    return static_cast<std::size_t>(std::ranges::count_if(restless_, [&](const SeriesKey& key) {
        return series_.at(key).state.phase == Phase::pending;
    }));
}

std::vector<SeriesKey> RuleWatch::firing_keys() const {
    std::vector<SeriesKey> keys;
    std::ranges::copy_if(restless_, std::back_inserter(keys), [&](const SeriesKey& key) {
        return series_.at(key).state.phase == Phase::firing;
    });
    return keys;
}

RuleReport RuleWatch::report() const {
    RuleReport report;
    report.rule = rule_.name;
    report.error = error();
    report.warmed_up = meter_->warmed_up();
    report.series = series_.size();
    report.firing = firing_;
    report.pending = pending();
    report.evaluations = log_.read(names_, rule_.by);
    if (report.error.empty() && report.warmed_up == 1) show_nearest(report.evaluations);
    return report;
}

/// While nothing is over the limit nobody asks for values; now somebody does.
void RuleWatch::show_nearest(std::vector<Evaluation>& evaluations) const {
    if (evaluations.empty() || evaluations.front().reason != Reason::inactive) return;
    auto& newest = evaluations.front();
    std::vector<Look> looks;
    meter_->show(newest.last, looks);
    const Look* nearest = nullptr;
    for (const auto& look : looks) {
        const auto& value = look.reading.value;
        if (!value) continue;
        const auto other = nearest == nullptr ? value : nearest->reading.value;
        const bool nearer = rule_.below ? *value < *other : *value > *other;
        if (nearest == nullptr || nearer) nearest = &look;
    }
    if (nearest == nullptr) return;
    newest.key = names_.name(nearest->key, rule_.by);
    newest.value = nearest->reading.value;
    newest.requests = nearest->reading.requests;
    newest.series = looks.size();
}

}  // namespace quotafuse::alerts
