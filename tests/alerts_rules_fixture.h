#pragma once

#include <initializer_list>
#include <ostream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "alerts/rule_loader.h"

namespace quotafuse::tests {

/// Lines of text that a failed check shows one under the other.
struct Lines {
    std::string text;
    Lines(std::initializer_list<std::string> lines) : Lines(std::vector<std::string>{lines}) {}
    explicit Lines(const std::vector<std::string>& lines) {
        for (const auto& line : lines) text += line + "\n";
    }
    bool operator==(const Lines&) const = default;
    friend std::ostream& operator<<(std::ostream& out, const Lines& lines) {
        return out << '\n' << lines.text;
    }
};

inline alerts::LoadContext context() {
    alerts::LoadContext context;
    context.notifiers = {"ops-telegram", "ops-feishu"};
    return context;
}

inline Lines faults(const std::string& text, const alerts::LoadContext& with = context()) {
    base::yaml::Diagnostics diagnostics;
    const auto set = alerts::parse_rules("a.yaml", text, with, diagnostics);
    if (!diagnostics.ok()) CHECK(set.rules.empty());
    if (!diagnostics.ok()) CHECK(set.tests.empty());
    return Lines{diagnostics.lines()};
}

inline alerts::RuleSet load_set(const std::string& text) {
    base::yaml::Diagnostics diagnostics;
    auto set = alerts::parse_rules("a.yaml", text, context(), diagnostics);
    CHECK(Lines{diagnostics.lines()} == Lines{});
    return set;
}
inline std::vector<alerts::Rule> load(const std::string& text) {
    return load_set(text).rules;
}

/// The faults of a rule that is well but for these keys.
inline Lines faults_with(const std::string& keys) {
    return faults("rules:\n  - name: a\n    metric: tokens\n    window: 1h\n    above: 10\n" +
                  keys);
}

}  // namespace quotafuse::tests
