#include <algorithm>
#include <iterator>
#include <set>
#include <tuple>

#include "alerts/rule_watch.h"

// What people are shown of a rule at work; none of it changes what is decided.
namespace quotafuse::alerts {

bool RuleWatch::is_larger(const Entry& a, const Entry& b) const {
    const auto place = [&](const Entry& one) {
        const auto& [key, series] = one;
        const auto value = series->value.value_or(0);
        return std::tuple{series->state.phase != Phase::firing, !series->value,
                          rule_.below ? value : -value};
    };
    return std::tuple{place(a), *a.first} < std::tuple{place(b), *b.first};
}

/// A rule on addresses may fire for a hundred thousand, and this is asked for every second.
RuleWatch::Alerts RuleWatch::alerts() const {
    Alerts all;
    std::vector<Entry> largest;  // a heap: the least of them is at its front
    const auto is_larger = [&](const Entry& a, const Entry& b) { return this->is_larger(a, b); };
    for (const auto& key : restless_) {
        const auto& series = series_.at(key);
        if (series.state.phase == Phase::inactive) continue;
        if (series.state.phase == Phase::pending) ++all.pending;
        const Entry entry{&key, &series};
        if (largest.size() == rule_.max_series) {
            ++all.more;
            if (!is_larger(entry, largest.front())) continue;
            std::ranges::pop_heap(largest, is_larger);
            largest.pop_back();
        }
        largest.push_back(entry);
        std::ranges::push_heap(largest, is_larger);
    }
    std::ranges::sort(largest, [](const Entry& a, const Entry& b) {
        const auto place = [](const Entry& one) {
            const auto& state = one.second->state;
            return std::tuple{state.phase != Phase::firing, state.since, *one.first};
        };
        return place(a) < place(b);
    });
    for (const auto& [key, series] : largest) {
        all.shown.push_back({names_.name(*key, rule_.by, series->names), series->state,
                             series->value, series->silenced, series->inhibited,
                             maker_.stored_key(*key)});
    }
    return all;
}

Phase RuleWatch::phase_of(const SeriesKey& key) const {
    const auto series = series_.find(key);
    return series == series_.end() ? Phase::inactive : series->second.state.phase;
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

RuleReport RuleWatch::report(base::Second now) const {
    RuleReport report;
    report.rule = rule_.name;
    report.error = error();
    report.warmed_up = meter_->warmed_up();
    report.series = series_.size();
    report.firing = firing_;
    report.pending = pending();
    auto log = log_;
    if (asleep_since_) log.add_quiet(now, (now - *asleep_since_).count());
    report.evaluations = log.read(names_, rule_.by);
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

/// A series with fewer requests than min_requests cannot be over the limit, however high its value.
std::optional<double> RuleWatch::nearest(base::Second now) const {
    if (meter_->warmed_up() < 1 || !error().empty()) return std::nullopt;
    std::vector<Look> looks;
    meter_->show(now, looks);
    std::optional<double> nearest;
    for (const auto& look : looks) {
        const auto& value = look.reading.value;
        if (!value || look.reading.requests < rule_.min_requests) continue;
        const bool nearer = !nearest || (rule_.below ? *value < *nearest : *value > *nearest);
        if (nearer) nearest = value;
    }
    return nearest;
}

SeriesStanding RuleWatch::standing_of(const Look& look) const {
    SeriesStanding one;
    one.value = look.reading.value;
    one.now = look.reading.now;
    one.base = look.reading.base;
    one.requests = look.reading.requests;
    const auto known = series_.find(look.key);
    if (known == series_.end()) {
        one.key = names_.name(look.key, rule_.by);
        return one;
    }
    const auto& series = known->second;
    one.key = names_.name(look.key, rule_.by, series.names);
    one.phase = series.state.phase;
    if (one.phase != Phase::inactive) one.since = series.state.since;
    one.told = one.phase == Phase::firing && series.state.told;
    one.silenced = series.silenced;
    one.inhibited = series.inhibited;
    return one;
}

RuleStanding RuleWatch::standing(base::Second now, std::size_t most) const {
    RuleStanding standing;
    if (meter_->warmed_up() < 1 || !error().empty()) return standing;
    std::vector<Look> looks;
    standing.too_many = meter_->shown() > kMostStanding;
    if (!standing.too_many) meter_->show(now, looks);
    std::set<SeriesKey> unseen;  // that are alerts, although nothing of them is left to measure
    std::ranges::copy_if(restless_, std::inserter(unseen, unseen.end()), [&](const SeriesKey& key) {
        return series_.at(key).state.phase != Phase::inactive;
    });
    for (const auto& look : looks) unseen.erase(look.key);
    for (const auto& key : unseen) {
        Look look{key, {}};
        look.reading.value = series_.at(key).value;  // of its last evaluation
        looks.push_back(look);
    }
    const auto place = [&](const Look& look) {
        const auto value = look.reading.value.value_or(0);
        const auto phase = static_cast<int>(phase_of(look.key));  // firing is the last of them
        return std::tuple{-phase, !look.reading.value, rule_.below ? value : -value, look.key};
    };
    const auto shown = std::min(most, looks.size());
    const auto end = looks.begin() + static_cast<std::ptrdiff_t>(shown);
    std::ranges::partial_sort(looks, end, {}, place);
    for (auto look = looks.begin(); look != end; ++look)
        standing.series.push_back(standing_of(*look));
    standing.more = looks.size() - shown;
    return standing;
}

}  // namespace quotafuse::alerts
