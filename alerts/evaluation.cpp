#include "alerts/evaluation.h"

#include <algorithm>
#include <utility>

namespace quotafuse::alerts {
namespace {

/// What is still so in a second in which nothing changed.
bool lasts(Reason reason) {
    return reason == Reason::inactive || reason == Reason::no_value ||
           reason == Reason::few_requests || reason == Reason::usual_range ||
           reason == Reason::short_history;
}

}  // namespace

void EvaluationLog::add(const Entry& entry) {
    if (!kept_.empty()) {
        auto& last = kept_.back();
        if (!last.quiet && last.newest.key == entry.key && last.newest.phase == entry.phase &&
            last.newest.reason == entry.reason) {
            last.newest = entry;
            ++last.times;
            return;
        }
    }
    push({entry, entry.at, 1, false});
}

void EvaluationLog::add_quiet(base::Second t, std::int64_t seconds) {
    if (seconds <= 0) return;
    if (!kept_.empty() && lasts(kept_.back().newest.reason)) {
        kept_.back().newest.at = t;
        kept_.back().times += seconds;
        return;
    }
    Entry entry;
    entry.at = t;
    push({entry, t - std::chrono::seconds{seconds - 1}, seconds, true});
}

void EvaluationLog::push(Kept kept) {
    if (kept_.size() == kEvaluationsKept) kept_.pop_front();
    kept_.push_back(kept);
}

std::vector<Evaluation> EvaluationLog::read(const Names& names,
                                            const std::vector<Dimension>& by) const {
    std::vector<Evaluation> evaluations;
    for (auto kept = kept_.rbegin(); kept != kept_.rend(); ++kept) {
        const auto& entry = kept->newest;
        Evaluation one;
        one.first = kept->first;
        one.last = entry.at;
        one.times = kept->times;
        if (!kept->quiet) one.key = names.name(entry.key, by);
        one.phase = entry.phase;
        one.reason = entry.reason;
        one.value = entry.value;
        one.requests = entry.requests;
        one.series = entry.series;
        evaluations.push_back(std::move(one));
    }
    return evaluations;
}

}  // namespace quotafuse::alerts
