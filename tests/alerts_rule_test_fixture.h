#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "alerts/rule_loader.h"
#include "alerts/rule_test.h"
#include "base/yaml.h"
#include "support/temp_dir.h"

namespace quotafuse::tests {

inline alerts::RuleSet load_tests(const std::string& text) {
    alerts::LoadContext context;
    context.ceiling = alerts::ActionMode::live;
    context.notifiers = {"telegram", "feishu", "wecom"};
    base::yaml::Diagnostics diagnostics;
    auto set = alerts::parse_rules("t.yaml", text, context, diagnostics);
    if (!diagnostics.ok()) throw std::runtime_error(diagnostics.lines().front());
    REQUIRE_FALSE(set.tests.empty());
    return set;
}

/// "line 13 at 50 s: pending, 2600000, 0 notices, pending".
inline std::string describe(const alerts::TestDifference& difference) {
    const auto& reason = difference.evaluation;
    return fmt::format("line {} at {} s: {}, {}, {} notices, {}", difference.expected.place.line,
                       difference.expected.at.count(), phase_name(difference.phase),
                       difference.value ? fmt::format("{}", *difference.value) : "no value",
                       difference.notices, reason ? reason_name(reason->reason) : "not known why");
}

/// The differences of all tests of a set of rules.
inline std::vector<std::string> differences(const alerts::RuleSet& set) {
    const TempDir folder;
    std::vector<std::string> all;
    for (const auto& test : set.tests) {
        for (const auto& one : alerts::run_test(test, set.rules, folder.path()).differences) {
            all.push_back(describe(one));
        }
    }
    return all;
}

inline std::vector<std::string> differences(const std::string& text) {
    return differences(load_tests(text));
}

}  // namespace quotafuse::tests
