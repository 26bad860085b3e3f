#include <filesystem>
#include <iostream>

#include <fmt/format.h>

#include "alerts/rule_test.h"
#include "base/failure.h"
#include "daemon/commands/commands.h"
#include "daemon/scratch_folder.h"

namespace quotafuse::daemon {
namespace {

/// "2 of 31 tests failed (3 of 12 rules have tests)".
std::string summary(const alerts::RuleSet& set, std::size_t failed) {
    std::size_t tested = 0;
    for (const auto& rule : set.rules) {
        const auto is_about = [&](const alerts::RuleTest& test) { return test.rule == rule.name; };
        if (std::any_of(set.tests.begin(), set.tests.end(), is_about)) ++tested;
    }
    const auto rules = fmt::format("{} of {} rules have tests", tested, set.rules.size());
    const auto tests = set.tests.size();
    if (failed > 0) return fmt::format("{} of {} tests failed ({})", failed, tests, rules);
    return fmt::format("{} test{} passed ({})", tests, tests == 1 ? "" : "s", rules);
}

std::string describe(const alerts::RuleTest& test) {
    auto place = fmt::format("{}:{}", test.file, test.place.line);
    return test.name.empty() ? fmt::format("{} ({})", test.rule, place)
                             : fmt::format("{}: {} ({})", test.rule, test.name, place);
}

}  // namespace

int test_rules_command(const Arguments& arguments) {
    const auto config = load_or_fail(arguments);
    const auto set = load_rules_or_fail(config, arguments.rule_files);
    if (set.tests.empty()) {
        std::cout << fmt::format(
            "no tests in {} rules; a rule's `tests:` say what it makes of rows that you write "
            "down, "
            "see docs/rules.md\n",
            set.rules.size());
        return 0;
    }
    const ScratchFolder folder;
    std::size_t failed = 0;
    for (const auto& test : set.tests) {
        const auto outcome = alerts::run_test(test, set.rules, folder.path());
        const bool ok = outcome.differences.empty();
        std::cout << fmt::format("{}  {}\n", ok ? "ok    " : "FAILED", describe(test));
        for (const auto& difference : outcome.differences) std::cout << "  " << difference << '\n';
        if (!ok) ++failed;
    }
    std::cout << summary(set, failed) << '\n';
    return failed == 0 ? 0 : static_cast<int>(base::ExitCode::failed);
}

}  // namespace quotafuse::daemon
