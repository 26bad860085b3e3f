#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "alerts/decide.h"
#include "alerts/evaluation.h"
#include "alerts/rule.h"
#include "base/clock.h"
#include "base/yaml.h"
#include "sync/log_entry.h"

namespace quotafuse::alerts {

/// The `tests:` of one rule, as loaded.
struct RuleTest {
    struct Rows {
        std::chrono::seconds at{0};  // after `starts`; below 0: what the mirror holds by then
        int repeat = 1;
        std::chrono::seconds every{1};
        sync::LogEntry entry;  // created_at is filled in when it runs
    };
    struct Gauge {
        std::chrono::seconds at{0};
        std::string name;    // as the metric: channel_balance, …
        std::string object;  // id, or "group/model"
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
    /// What the gateway calls its objects. Those that a row or a gauge names by id alone have none
    /// of this.
    struct Channel {
        std::string name;
        std::string provider;
        std::string tag;
    };
    struct Token {
        std::string name;
        std::int64_t user = 0;
    };
    struct User {
        std::string name;
        std::string group;
    };
    std::string name;  // may be empty
    std::string file;
    base::yaml::Place place;
    std::string rule;
    base::Second starts{};
    std::map<std::int64_t, Channel> channels;
    std::map<std::int64_t, Token> tokens;
    std::map<std::int64_t, User> users;
    std::vector<Rows> rows;
    std::vector<Gauge> gauges;
    std::vector<Expectation> expect;
};

/// Where a test found something else than it expects, and what.
struct TestDifference {
    enum class What { state, value, notices };
    What what = What::state;
    RuleTest::Expectation expected;
    Phase phase = Phase::inactive;
    std::optional<double> value;
    int notices = 0;
    /// Why the series is as it is, where the rule's last evaluation was about it.
    std::optional<Evaluation> evaluation;
};

struct TestOutcome {
    std::vector<TestDifference> differences;
    /// It expects nothing but silence, and nothing that it gives is any of the rule's business: it
    /// would also pass if the rule were broken.
    bool proves_nothing = false;
};

/// Runs one test with the production engine on a store of its own, over the rule and what inhibits
/// it. `rules` has the rule of the test. `folder`: where the store may be.
TestOutcome run_test(const RuleTest& test, const std::vector<Rule>& rules,
                     const std::string& folder);

}  // namespace quotafuse::alerts
