#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "alerts/decide.h"

namespace quotafuse::tests {

using alerts::Ending;
using alerts::Facts;
using alerts::Phase;
using alerts::Reason;
using alerts::Rule;

/// One series whose seconds are played one by one.
class Play {
public:
    explicit Play(Rule rule) : rule_(std::move(rule)) {}

    alerts::Decision second(std::optional<double> value, std::int64_t requests = 100) {
        facts_.at = base::from_unix(now_++);
        facts_.value = value;
        facts_.requests = requests;
        const auto decision = alerts::decide(state, facts_, rule_);
        state = decision.state;
        facts_.first_look = false;
        return decision;
    }
    /// So many seconds with one value; what was told, with the second it was told in.
    std::vector<std::pair<std::int64_t, Reason>> hold(std::optional<double> value,
                                                      std::int64_t seconds) {
        std::vector<std::pair<std::int64_t, Reason>> told;
        for (std::int64_t i = 0; i < seconds; ++i) {
            const auto reason = second(value).reason;
            if (is_told(reason)) told.emplace_back(now_ - 1, reason);
        }
        return told;
    }
    Facts& facts() { return facts_; }
    Rule& rule() { return rule_; }
    std::int64_t now() const { return now_; }
    void jump(std::int64_t seconds) { now_ += seconds; }
    alerts::AlertState state;

private:
    Rule rule_;
    Facts facts_;
    std::int64_t now_ = 1'000'000;
};

inline Rule above(double limit) {
    Rule rule;
    rule.limit = rule.clear = limit;
    return rule;
}

using Told = std::vector<std::pair<std::int64_t, Reason>>;

}  // namespace quotafuse::tests
