#include <algorithm>
#include <iostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "alerts/rule_test.h"
#include "base/duration.h"
#include "base/failure.h"
#include "daemon/commands/commands.h"
#include "daemon/number_format.h"
#include "daemon/rule_report.h"
#include "daemon/scratch_folder.h"

namespace quotafuse::daemon {
namespace {

using alerts::Rule;
using alerts::RuleTest;
using alerts::TestDifference;
using Json = nlohmann::ordered_json;

constexpr auto kProvesNothing =
    "warning: none of its rows and gauges are any of this rule's business (`where`, metric), and "
    "it expects nothing but silence: it would pass whatever the rule does";

struct Ran {
    const RuleTest& test;
    const Rule& rule;
    alerts::TestOutcome outcome;
};

std::string counted(std::size_t number, std::string_view what) {
    return fmt::format("{} {}{}", number, what, number == 1 ? "" : "s");
}

std::size_t rules_with_tests(const alerts::RuleSet& set) {
    return static_cast<std::size_t>(std::ranges::count_if(set.rules, [&](const Rule& rule) {
        return std::ranges::count(set.tests, rule.name, &RuleTest::rule) > 0;
    }));
}

/// "2 of 31 tests failed (3 of 12 rules have tests)".
std::string summary(const alerts::RuleSet& set, std::size_t failed) {
    const auto tested = rules_with_tests(set);
    const auto rules = fmt::format("{} of {} {} tests", tested, counted(set.rules.size(), "rule"),
                                   tested == 1 ? "has" : "have");
    const auto tests = counted(set.tests.size(), "test");
    return failed > 0 ? fmt::format("{} of {} failed ({})", failed, tests, rules)
                      : fmt::format("{} passed ({})", tests, rules);
}

std::string describe(const RuleTest& test) {
    auto place = fmt::format("{}:{}", test.file, test.place.line);
    return test.name.empty() ? fmt::format("{} ({})", test.rule, place)
                             : fmt::format("{}: {} ({})", test.rule, test.name, place);
}

std::string value_text(const Rule& rule, std::optional<double> value) {
    return value ? format_value(rule.metric, rule.compare_to, *value) : "no value";
}

/// With all digits where people's digits do not tell the two apart.
std::string values_text(const Rule& rule, double expected, std::optional<double> got) {
    const auto text = value_text(rule, expected);
    const auto other = value_text(rule, got);
    if (text != other) return fmt::format("expected value {}, got {}", text, other);
    return fmt::format("expected value {}, got {}", expected, *got);
}

/// " at 12 %", where the reason does not tell it anyway.
std::string at_value(const TestDifference& difference, const Rule& rule) {
    const auto is = [&](alerts::Reason reason) {
        return difference.evaluation && difference.evaluation->reason == reason;
    };
    if (is(alerts::Reason::inactive) || is(alerts::Reason::no_value)) return {};
    return difference.value ? " at " + value_text(rule, difference.value) : " without a value";
}

/// "expected firing, got inactive: 0 % is not over 20 %".
std::string describe(const TestDifference& difference, const Rule& rule) {
    const auto& expected = difference.expected;
    const auto reason = difference.evaluation ? ": " + why(*difference.evaluation, rule) : "";
    switch (difference.what) {
        case TestDifference::What::value:
            return values_text(rule, expected.value.value_or(0), difference.value);
        case TestDifference::What::notices:
            return fmt::format(
                "expected {}, got {}; {}{}",
                counted(static_cast<std::size_t>(expected.notices.value_or(0)), "notice"),
                difference.notices, phase_name(difference.phase), reason);
        case TestDifference::What::state:
            break;
    }
    return fmt::format("expected {}, got {}{}{}",
                       phase_name(expected.state.value_or(alerts::Phase::inactive)),
                       phase_name(difference.phase), at_value(difference, rule), reason);
}

void print(const Ran& ran) {
    const auto& [test, rule, outcome] = ran;
    const bool passed = outcome.differences.empty();
    std::cout << fmt::format("{}  {}\n", passed ? "ok    " : "FAILED", describe(test));
    for (const auto& difference : outcome.differences) {
        std::string series;
        for (const auto& [dimension, text] : difference.expected.key) {
            series +=
                fmt::format("{} {} {}", series.empty() ? "" : ",", dimension_name(dimension), text);
        }
        const auto& place = difference.expected.place;
        std::cout << fmt::format("  {}:{}:{}: at {}{}: {}\n", test.file, place.line, place.column,
                                 base::format_duration(difference.expected.at), series,
                                 describe(difference, rule));
    }
    if (outcome.proves_nothing) std::cout << "  " << kProvesNothing << '\n';
}

Json to_json(const Ran& ran) {
    auto differences = Json::array();
    for (const auto& one : ran.outcome.differences) {
        auto key = Json::object();
        for (const auto& [dimension, text] : one.expected.key) {
            key[std::string{dimension_name(dimension)}] = text;
        }
        differences.push_back({{"line", one.expected.place.line},
                               {"column", one.expected.place.column},
                               {"at_seconds", one.expected.at.count()},
                               {"key", key},
                               {"text", describe(one, ran.rule)}});
    }
    return {{"rule", ran.test.rule},
            {"name", ran.test.name},
            {"file", ran.test.file},
            {"line", ran.test.place.line},
            {"passed", ran.outcome.differences.empty()},
            {"proves_nothing", ran.outcome.proves_nothing},
            {"differences", differences}};
}

void print_json(const alerts::RuleSet& set, const Json& tests, std::size_t failed) {
    const Json all{{"rules", set.rules.size()},
                   {"rules_with_tests", rules_with_tests(set)},
                   {"failed", failed},
                   {"tests", tests}};
    std::cout << all.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
}

void print_summary(const alerts::RuleSet& set, std::size_t failed) {
    if (!set.tests.empty()) {
        std::cout << summary(set, failed) << '\n';
        return;
    }
    std::cout << fmt::format(
        "no tests in {}; a rule's `tests:` say what it makes of rows that you write down, see "
        "docs/rules.md\n",
        counted(set.rules.size(), "rule"));
}

}  // namespace

int test_rules_command(const Arguments& arguments) {
    const auto config = load_or_fail(arguments);
    const auto set = load_rules_or_fail(config, arguments.rule_files);
    const ScratchFolder folder;
    std::size_t failed = 0;
    auto tests = Json::array();
    for (const auto& test : set.tests) {
        const auto& rule = *std::ranges::find(set.rules, test.rule, &Rule::name);
        const Ran ran{test, rule, alerts::run_test(test, set.rules, folder.path())};
        if (!ran.outcome.differences.empty()) ++failed;
        if (arguments.json) {
            tests.push_back(to_json(ran));
        } else {
            print(ran);
        }
    }
    if (arguments.json) {
        print_json(set, tests, failed);
    } else {
        print_summary(set, failed);
    }
    return failed == 0 ? 0 : static_cast<int>(base::ExitCode::failed);
}

}  // namespace quotafuse::daemon
