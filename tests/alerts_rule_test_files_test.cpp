#include <algorithm>
#include <filesystem>
#include <fstream>

#include "alerts/replay.h"
#include "alerts_rule_test_fixture.h"

using namespace quotafuse;
using namespace quotafuse::tests;

namespace {

/// The rules of the first day, all files together.
alerts::RuleSet default_rules() {
    std::vector<std::string> paths;
    for (const auto& entry : std::filesystem::directory_iterator{QUOTAFUSE_RULES}) {
        if (entry.path().extension() == ".yaml") paths.push_back(entry.path().string());
    }
    std::sort(paths.begin(), paths.end());
    base::yaml::Diagnostics diagnostics;
    auto set = alerts::load_rules(paths, {}, diagnostics);
    REQUIRE(diagnostics.ok());
    return set;
}

/// As `init` may leave them: limits of rows moved by the factor, shares at most to what is still
/// exceeded by all.
alerts::RuleSet tuned(alerts::RuleSet set, double factor) {
    for (auto& rule : set.rules) {
        if (is_gauge(rule.metric) || rule.metric == alerts::Metric::since_last) continue;
        if (rule.below || rule.compare_to != alerts::Comparison::none) continue;
        const bool share = is_ratio(rule.metric);
        rule = with_limit(rule, share ? std::min(rule.limit * factor, 99.9) : rule.limit * factor);
    }
    return set;
}

}  // namespace

TEST_CASE("the tests of the documentation hold") {
    std::ifstream file{QUOTAFUSE_DOCS "/rules.md"};
    REQUIRE(file);
    std::string block;
    bool inside = false;
    int tests = 0;
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("```")) {
            inside = line == "```yaml";
            if (inside || block.find("tests:") == std::string::npos) {
                block.clear();
                continue;
            }
            ++tests;
            CHECK(fmt::format("{}", fmt::join(differences(block), "\n")) == "");
            block.clear();
        } else if (inside) {
            block += line + '\n';
        }
    }
    CHECK(tests > 0);
}

TEST_CASE("the tests of the rules of the first day hold, and prove something") {
    const auto set = default_rules();
    const TempDir folder;
    for (const auto& test : set.tests) {
        INFO(test.rule);
        const auto outcome = alerts::run_test(test, set.rules, folder.path());
        for (const auto& one : outcome.differences) CHECK(describe(one) == "");
        CHECK_FALSE(outcome.proves_nothing);
    }
    for (const auto* const rule : {"channel-token-burn", "channel-error-rate", "gateway-silent",
                                   "channel-balance-low", "redundancy-lost"}) {
        INFO(rule);
        CHECK(std::any_of(set.tests.begin(), set.tests.end(),
                          [&](const alerts::RuleTest& test) { return test.rule == rule; }));
    }
}

TEST_CASE("the tests of the rules of the first day hold with every limit that init may choose") {
    for (const auto factor : {0.1, 0.5, 30.0, 1024.0}) {
        INFO(factor);
        CHECK(fmt::format("{}", fmt::join(differences(tuned(default_rules(), factor)), "\n")) ==
              "");
    }
}
