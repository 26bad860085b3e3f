#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>

#include <fmt/format.h>

#include "alerts/replay.h"

namespace quotafuse::alerts {
namespace {

/// Of the first look, from limit to limit.
constexpr double kFactor = 4;
/// Between two neighbours of the first look: for one rule, and for each of several, which take the
/// longer.
constexpr int kFineSteps = 16;
constexpr int kStepsOfMany = 12;
constexpr std::chrono::hours kMonth{30 * 24};

/// Whether values are whole: a limit between two of them says no more than the lower one.
bool is_count(const Rule& rule) {
    const auto unit = metric_unit(rule.metric);
    return rule.compare_to == Comparison::none && rule.metric != Metric::channel_balance &&
           (unit.empty() || unit == "tokens" || unit == "quota");
}

/// Two digits: nobody wants a limit of 1873.4421.
double rounded(const Rule& rule, double limit) {
    const auto nice = std::strtod(fmt::format("{:.1e}", limit).c_str(), nullptr);
    return is_count(rule) ? std::max(1.0, std::round(nice)) : nice;
}

/// Whether values end at 100.
bool is_share(const Rule& rule) {
    return rule.compare_to == Comparison::none &&
           (is_ratio(rule.metric) || rule.metric == Metric::token_used_percent ||
            rule.metric == Metric::user_used_percent);
}

/// A drop: the limit is a change in percent, and none is under −100.
bool is_drop(const Rule& rule) {
    return rule.below && rule.compare_to != Comparison::none;
}

/// From the strictest, which fires least, to the loosest.
class Limits {
public:
    Limits(const Rule& rule, LimitRange range) : rule_(rule), range_(range) {}

    std::set<double> coarse() const {
        std::set<double> limits;
        if (is_drop(rule_)) {
            for (int percent = 5; percent < 100; percent += 5) limits.insert(-percent);
            return limits;
        }
        const double own = rule_.limit > 0 ? rule_.limit : 1;
        for (double share = 1; share >= range_.least; share /= kFactor) add(limits, own * share);
        for (double times = 1; times <= range_.most; times *= kFactor) add(limits, own * times);
        return limits;
    }
    /// Between two limits, and a step beyond them.
    std::set<double> fine(double a, double b, int steps) const {
        std::set<double> limits;
        for (int step = 1; step < steps; ++step) {
            const double part = static_cast<double>(step) / steps;
            add(limits, a * b > 0
                            ? std::copysign(
                                  std::pow(std::abs(a), 1 - part) * std::pow(std::abs(b), part), a)
                            : a + (b - a) * part);
        }
        return limits;
    }

private:
    void add(std::set<double>& limits, double limit) const {
        const double nice = rounded(rule_, limit);
        if (!is_share(rule_) || (nice > 0 && nice < 100)) limits.insert(nice);
    }
    const Rule& rule_;
    const LimitRange range_;
};

/// What is counted is episodes, whoever would have been told of them.
Rule bare(Rule rule, double limit, std::size_t number) {
    rule = with_limit(std::move(rule), limit);
    rule.name = fmt::format("{}#{}", number, limit);
    rule.enabled = true;
    rule.summary.clear();
    rule.inhibited_by.clear();
    rule.action.reset();
    return rule;
}

/// How often each rule fires at each limit that was tried.
class Trials {
public:
    Trials(const std::vector<Rule>& rules, sync::History& history, const ReplayOptions& options)
        : rules_(rules), history_(history), options_(options), counts_(rules.size()) {}

    /// One replay for all.
    void run(const std::vector<std::set<double>>& limits) {
        std::vector<Rule> all;
        std::map<std::string, int*> counts;
        for (std::size_t i = 0; i < rules_.size(); ++i) {
            for (const auto limit : limits[i]) {
                if (counts_[i].contains(limit)) continue;
                all.push_back(bare(rules_[i], limit, i));
                counts[all.back().name] = &counts_[i][limit];
            }
        }
        if (all.empty()) return;
        const auto result = replay(all, history_, options_);
        length_ = result.until - result.from;
        for (const auto& episode : result.episodes) {
            if (episode.fired >= result.from) ++*counts.at(episode.rule);
        }
    }

    using Count = std::pair<double, int>;  // limit, firings
    /// From the strictest limit to the loosest.
    std::vector<Count> counts(std::size_t rule) const {
        std::vector<Count> all{counts_[rule].begin(), counts_[rule].end()};
        if (!rules_[rule].below) std::reverse(all.begin(), all.end());
        return all;
    }
    double wanted(double per_month) const {
        return per_month * static_cast<double>(length_.count()) /
               static_cast<double>(std::chrono::seconds{kMonth}.count());
    }

private:
    const std::vector<Rule>& rules_;
    sync::History& history_;
    const ReplayOptions& options_;
    std::vector<std::map<double, int>> counts_;
    std::chrono::seconds length_{0};
};

/// The first limit at which it fires often enough; looser ones may fire less, because episodes
/// merge.
std::size_t first_enough(const std::vector<Trials::Count>& counts, double wanted) {
    const auto at = std::find_if(counts.begin(), counts.end(),
                                 [&](const auto& one) { return one.second >= wanted; });
    return static_cast<std::size_t>(at - counts.begin());
}

/// How far a number of firings is from the wanted one, in proportion.
double distance(int firings, double wanted) {
    return std::abs(std::log((firings + 0.5) / (wanted + 0.5)));
}

/// Of neighbours that fire equally often the middle one: at the ends it is a matter of chance.
std::size_t middle_of_equals(const std::vector<Trials::Count>& counts, std::size_t at) {
    auto first = at;
    auto last = at;
    while (first > 0 && counts[first - 1].second == counts[at].second) --first;
    while (last + 1 < counts.size() && counts[last + 1].second == counts[at].second) ++last;
    return (first + last) / 2;
}

Suggestion choose(const std::vector<Trials::Count>& counts, double per_month, double wanted) {
    Suggestion suggestion{per_month, std::nullopt, 0};
    if (counts.empty()) return suggestion;
    auto at = first_enough(counts, wanted);
    if (at == counts.size()) {
        if (wanted >= 1) return suggestion;  // whatever the limit
        --at;
    }
    if (at > 0 && distance(counts[at - 1].second, wanted) < distance(counts[at].second, wanted)) {
        --at;
    }
    const int firings = counts[at].second;
    const bool near = firings <= 2 * wanted + 1 && firings + 1 >= wanted / 2;
    if (!near || (firings == 0 && wanted >= 1)) return suggestion;
    // Where it hardly may fire at all, the limit stays as near to what happens as that allows.
    const auto chosen = firings == 0 ? at : middle_of_equals(counts, at);
    suggestion.limit = counts[chosen].first;
    suggestion.firings = firings;
    return suggestion;
}

}  // namespace

Rule with_limit(Rule rule, double limit) {
    rule.clear =
        rule.limit == 0 || rule.clear == rule.limit ? limit : rule.clear / rule.limit * limit;
    rule.limit = limit;
    return rule;
}

std::vector<std::vector<Suggestion>> suggest_limits(const std::vector<Rule>& rules,
                                                    sync::History& history,
                                                    const ReplayOptions& options,
                                                    const std::vector<double>& per_month,
                                                    LimitRange range) {
    Trials trials{rules, history, options};
    std::vector<std::set<double>> limits;
    for (const auto& rule : rules) limits.push_back(Limits{rule, range}.coarse());
    trials.run(limits);
    const int steps = rules.size() == 1 ? kFineSteps : kStepsOfMany;
    for (std::size_t i = 0; i < rules.size(); ++i) {
        limits[i].clear();
        const auto counts = trials.counts(i);
        for (const auto wish : per_month) {
            const auto at = first_enough(counts, trials.wanted(wish));
            if (at == 0 || at == counts.size()) continue;
            limits[i].merge(
                Limits{rules[i], range}.fine(counts[at - 1].first, counts[at].first, steps));
        }
    }
    trials.run(limits);
    std::vector<std::vector<Suggestion>> all;
    for (std::size_t i = 0; i < rules.size(); ++i) {
        auto& suggestions = all.emplace_back();
        for (const auto wish : per_month) {
            suggestions.push_back(choose(trials.counts(i), wish, trials.wanted(wish)));
        }
    }
    return all;
}

std::vector<Suggestion> suggest_limits(const Rule& rule, sync::History& history,
                                       const ReplayOptions& options,
                                       const std::vector<double>& per_month, LimitRange range) {
    return suggest_limits(std::vector{rule}, history, options, per_month, range).front();
}

}  // namespace quotafuse::alerts
