#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "alerts/decide.h"
#include "alerts/rule.h"
#include "base/clock.h"
#include "base/yaml.h"
#include "sync/log_entry.h"

namespace quotafuse::alerts {

/// The `tests:` of one rule, as loaded.
struct RuleTest {
    struct Rows {
        std::chrono::seconds at{0};  // after `starts`
        int repeat = 1;
        std::chrono::seconds every{1};
        sync::LogEntry entry;  // created_at is filled in when it runs
    };
    struct Gauge {
        std::chrono::seconds at{0};
        std::string name;     // as the metric: channel_balance, …
        std::string object;   // id, or "group/model"
        std::optional<double> value;
    };
    struct Expectation {
        std::chrono::seconds at{0};
        /// The series: dimension → id or name; empty for a rule without `by`.
        std::vector<std::pair<Dimension, std::string>> key;
        std::optional<Phase> state;
        std::optional<double> value;
        std::optional<int> notices;  // so far
        base::yaml::Place place;
    };
    std::string name;  // may be empty
    std::string file;
    base::yaml::Place place;
    std::string rule;
    base::Second starts{};
    std::vector<Rows> rows;
    std::vector<Gauge> gauges;
    std::vector<Expectation> expect;
};

/// What a test found: nothing, or what differs, as "rules.yaml:12:9: at 3m channel 3: expected firing, got
/// pending (value 2,900,000 tokens, reason pending)".
struct TestOutcome {
    std::string rule;
    std::string name;
    std::vector<std::string> differences;
};

/// Runs one test with the production engine on a store of its own, over the rule and what inhibits it.
/// `folder`: where the store may be.
TestOutcome run_test(const RuleTest& test, const std::vector<Rule>& rules,
                     const std::string& folder);

}  // namespace quotafuse::alerts
