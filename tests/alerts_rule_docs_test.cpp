#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <regex>
#include <set>
#include <sstream>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "alerts_rules_fixture.h"
#include "base/text.h"

using namespace quotafuse;
using namespace std::string_view_literals;
using tests::Lines;

namespace {

namespace fs = std::filesystem;

std::string content(const fs::path& path) {
    std::ifstream in{path, std::ios::binary};
    REQUIRE(in);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

std::vector<fs::path> files(const char* folder) {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator{folder}) {
        if (entry.path().extension() == ".yaml") found.push_back(entry.path());
    }
    std::sort(found.begin(), found.end());
    return found;
}

/// What a host has that changed nothing but its notifiers.
alerts::LoadContext usual_host() {
    alerts::LoadContext context;
    context.notifiers = {"telegram", "feishu"};
    context.kept = std::chrono::hours{35 * 24};
    return context;
}

/// The ```yaml blocks of a text, each with as many lines before it as in the text, so that places
/// fit.
std::vector<std::string> yaml_blocks(const std::string& text) {
    std::vector<std::string> blocks;
    std::istringstream in{text};
    std::string line;
    std::string block;
    std::string before;
    bool inside = false;
    while (std::getline(in, line)) {
        if (inside && line == "```") {
            blocks.push_back(block);
            inside = false;
        }
        if (inside) block += line + "\n";
        before += "\n";
        if (line == "```yaml") {
            inside = true;
            block = before;
        }
    }
    return blocks;
}

std::string faults_of(const std::string& name, const std::string& text,
                      const alerts::LoadContext& context) {
    base::yaml::Diagnostics diagnostics;
    const auto set = alerts::parse_rules(name, text, context, diagnostics);
    std::string told;
    for (const auto& line : diagnostics.lines()) told += line + "\n";
    if (!diagnostics.ok()) CHECK(set.rules.empty());
    if (diagnostics.ok()) told += fmt::format("loaded {} rules\n", set.rules.size());
    return told;
}

void collect_keys(const base::yaml::Node& node, std::set<std::string>& keys) {
    for (const auto& member : node.members) keys.insert(member.key);
}

}  // namespace

TEST_CASE(
    "every example of docs/rules.md loads, and together they show every metric and every key") {
    std::set<std::string_view> metrics;
    std::set<std::string> keys;
    std::set<alerts::Dimension> dimensions;
    std::size_t tests = 0;
    const auto blocks = yaml_blocks(content(QUOTAFUSE_DOCS "/rules.md"));
    CHECK(blocks.size() >= 10);
    for (const auto& block : blocks) {
        base::yaml::Diagnostics diagnostics;
        const auto set = alerts::parse_rules("docs/rules.md", block, usual_host(), diagnostics);
        CHECK(Lines{diagnostics.lines()} == Lines{});
        CHECK_FALSE(set.rules.empty());
        for (const auto& rule : set.rules) {
            metrics.insert(metric_name(rule.metric));
            for (const auto& condition : rule.where) dimensions.insert(condition.dimension);
        }
        tests += set.tests.size();
        const auto document = base::yaml::parse("docs/rules.md", block, diagnostics);
        for (const auto& rule : document->root.find("rules")->items) collect_keys(rule, keys);
    }
    CHECK(metrics.size() == alerts::metric_names().size());
    CHECK(dimensions.size() == alerts::dimension_names().size());
    CHECK(tests >= 3);
    // What a rule may have is what the loader names when it meets something else.
    const auto told = faults_of("r", "rules: [{zzzzzz: 1}]", {});
    const auto known = told.substr(told.find("known are ") + 10);
    for (const auto key : base::split(base::trim(known), ',')) {
        const std::string name{base::trim(key)};
        if (name == "gateway") continue;  // etc/rules.d shows it
        INFO(name);
        CHECK(keys.contains(name));
    }
}

TEST_CASE("the examples of docs/rules.md show every action and every way back") {
    std::set<alerts::RuleAction::What> objects;
    std::set<base::Recovery::Kind> ways;
    for (const auto& block : yaml_blocks(content(QUOTAFUSE_DOCS "/rules.md"))) {
        base::yaml::Diagnostics diagnostics;
        const auto set = alerts::parse_rules("docs/rules.md", block, usual_host(), diagnostics);
        for (const auto& rule : set.rules) {
            if (!rule.action) continue;
            objects.insert(rule.action->what);
            ways.insert(rule.action->recover.kind);
        }
    }
    CHECK(objects.size() == 3);
    CHECK(ways.size() == 5);
}

TEST_CASE("the rules of the first day propose to try a channel again, and to stop a key") {
    std::vector<std::string> paths;
    for (const auto& path : files(QUOTAFUSE_RULES)) paths.push_back(path.string());
    base::yaml::Diagnostics diagnostics;
    const auto set = alerts::load_rules(paths, usual_host(), diagnostics);
    const auto action_of = [&](std::string_view name) {
        const auto rule = std::ranges::find(set.rules, name, &alerts::Rule::name);
        REQUIRE(rule != set.rules.end());
        return rule->action.value_or(alerts::RuleAction{});
    };
    CHECK(action_of("key-spend") == alerts::RuleAction{.what = alerts::RuleAction::What::token});
    CHECK(action_of("channel-error-rate").recover.kind == base::Recovery::Kind::half_open);
}

TEST_CASE("docs/rules.md defines every metric and every key in a table") {
    const auto text = content(QUOTAFUSE_DOCS "/rules.md");
    std::string tables;
    std::istringstream in{text};
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("| `")) tables += line.substr(0, line.find('|', 1)) + "\n";
    }
    for (const auto name : alerts::metric_names()) {
        INFO(name);
        CHECK(tables.find(fmt::format("`{}`", name)) != std::string::npos);
    }
    for (const auto* const key : {"name",
                                  "enabled",
                                  "summary",
                                  "severity",
                                  "metric",
                                  "gateway",
                                  "where",
                                  "errors_when",
                                  "by",
                                  "window",
                                  "compare_to",
                                  "above",
                                  "below",
                                  "clear",
                                  "for",
                                  "keep_firing_for",
                                  "min_requests",
                                  "eval_delay",
                                  "max_series",
                                  "inhibited_by",
                                  "active_hours",
                                  "timezone",
                                  "cooldown",
                                  "resolved",
                                  "notify",
                                  "action",
                                  "tests",
                                  "disable_channel",
                                  "disable_token",
                                  "always",
                                  "mode",
                                  "even_if_last",
                                  "scope",
                                  "recover",
                                  "wait",
                                  "longest",
                                  "attempts",
                                  "max_errors",
                                  "probe_time"}) {
        INFO(key);
        CHECK(tables.find(fmt::format("`{}`", key)) != std::string::npos);
    }
}

TEST_CASE("the rules of the first day load on every gateway, name no notifier and write nothing") {
    for (const auto gateway :
         {std::optional<sync::Gateway>{}, std::optional{sync::Gateway::new_api},
          std::optional{sync::Gateway::one_api}}) {
        auto host = usual_host();
        host.notifiers.clear();
        host.gateway = gateway;
        std::vector<std::string> paths;
        for (const auto& path : files(QUOTAFUSE_RULES)) paths.push_back(path.string());
        base::yaml::Diagnostics diagnostics;
        const auto set = alerts::load_rules(paths, host, diagnostics);
        CHECK(Lines{diagnostics.lines()} == Lines{});
        CHECK(set.rules.size() >= 25);
        std::size_t enabled = 0;
        std::size_t usual = 0;
        for (const auto& rule : set.rules) {
            INFO(rule.name);
            CHECK(rule.notify.empty());
            CHECK((!rule.action || rule.action->mode == alerts::ActionMode::shadow));
            if (rule.enabled) ++enabled;
            if (rule.compare_to == alerts::Comparison::usual) {
                ++usual;
                CHECK(rule.min_requests >= 100);
            }
            if (rule.enabled && gateway) CHECK(cannot_give(rule, *gateway).empty());
        }
        CHECK(usual >= 4);
        const bool one_api = gateway == sync::Gateway::one_api;
        CHECK((enabled < set.rules.size()) == one_api);
        CHECK(enabled >= 18);
    }
}

TEST_CASE("mutilated rule files are refused with their faults at their places, or are no fault") {
    std::size_t count = 0;
    for (const auto& path : files(QUOTAFUSE_BAD_RULES)) {
        ++count;
        INFO(path.filename().string());
        auto expected = path;
        expected.replace_extension(".expected");
        // yaml-cpp 0.8 names the anchor, 0.7 does not.
        static const std::regex kAnchor{"(the referenced anchor is not defined): .*"};
        const auto faults = faults_of(path.filename().string(), content(path), {});
        CHECK(std::regex_replace(faults, kAnchor, "$1") == content(expected));
    }
    CHECK(count >= 30);
}

TEST_CASE("rule files with bytes lost, doubled and changed are refused with places or load") {
    std::mt19937 random{20260105};
    const auto below = [&](std::size_t n) {
        return std::uniform_int_distribution<std::size_t>{0, n - 1}(random);
    };
    static constexpr auto kBytes = "\0\n\t :-{}[]\"'*&!#%@,0aZ\xff\xc3<|>"sv;
    std::size_t refused = 0;
    std::vector<std::string> originals;
    for (const auto& path : files(QUOTAFUSE_RULES)) originals.push_back(content(path));
    for (int round = 0; round < 1'500; ++round) {
        auto text = originals[below(originals.size())];
        for (auto changes = below(4) + 1; changes > 0; --changes) {
            const auto at = below(text.size());
            const auto length = std::min(below(40) + 1, text.size() - at);
            switch (below(4)) {
                case 0:
                    text.erase(at, length);
                    break;
                case 1:
                    text.insert(below(text.size()), text.substr(at, length));
                    break;
                case 2:
                    text[at] = kBytes[below(kBytes.size())];
                    break;
                default:
                    text.resize(std::max<std::size_t>(at, 1));
            }
        }
        base::yaml::Diagnostics diagnostics;
        const auto set = alerts::parse_rules("r.yaml", text, usual_host(), diagnostics);
        if (diagnostics.ok()) continue;
        ++refused;
        CHECK(set.rules.empty());
        for (const auto& line : diagnostics.lines()) {
            int at_line = 0;
            int at_column = 0;
            CHECK(std::sscanf(line.c_str(), "r.yaml:%d:%d: ", &at_line, &at_column) == 2);
            CHECK(at_line >= 1);
            CHECK(at_column >= 1);
        }
    }
    CHECK(refused > 500);
}
