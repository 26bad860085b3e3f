#include "alerts/rule_reader.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "alerts/rule_action.h"
#include "alerts/rule_parts.h"
#include "alerts/rule_test_loader.h"
#include "alerts/self_alerts.h"
#include "alerts/summary.h"
#include "base/duration.h"
#include "base/text.h"

namespace quotafuse::alerts {
namespace {

using base::Severity;
using base::yaml::Node;
using namespace std::chrono_literals;

constexpr std::chrono::hours kDay{24};
constexpr std::int64_t kDefaultForRatios = 20;
constexpr std::size_t kMostInhibitors = 100;
constexpr std::size_t kLongestSummary = 1'000;  // bytes
constexpr std::size_t kLongestVariable = 60;    // bytes, in a message

bool is_rule_name(std::string_view name) {
    const auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_';
    };
    return !name.empty() && name.size() <= 100 && std::all_of(name.begin(), name.end(), fits);
}

bool contains(const std::vector<std::string_view>& words, std::string_view word) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

RuleReader::RuleReader(const std::string& file, const Node& node, const LoadContext& context,
                       std::vector<std::string> excused, base::yaml::Diagnostics& diagnostics)
    : map_(file, node, "a rule", diagnostics),
      node_(node),
      context_(context),
      excused_(std::move(excused)) {}

LoadedRule RuleReader::read() {
    need("name");
    need("metric");
    read_keys();
    need_limit();
    if (!is_gauge(rule_.metric)) need("window");
    finish_gauge();
    check_rule(rule_, read_, context_,
               [this](std::string_view key, std::string text) { fault(key, std::move(text)); });
    check_variables();
    auto tests = read_tests(map_, rule_);
    map_.refuse_unknown();
    if (context_.gateway && rule_.gateway && *rule_.gateway != *context_.gateway) {
        rule_.enabled = false;
    }
    return {std::move(rule_), std::move(tests), std::move(inhibitors_), map_.file()};
}

void RuleReader::fault(std::string_view key, std::string text) {
    const auto dot = key.find('.');
    const auto* node = node_.find(key.substr(0, dot));
    if (node != nullptr && dot != std::string_view::npos) node = node->find(key.substr(dot + 1));
    map_.error(node == nullptr ? node_.place : node->place, std::move(text));
}

bool RuleReader::is_there(std::string_view key) const {
    return node_.find(key) != nullptr ||
           std::find(excused_.begin(), excused_.end(), key) != excused_.end();
}

/// For keys that a typed reader asks for: require() would make them known twice.
void RuleReader::need(std::string_view key) {
    if (node_.kind != Node::Kind::map || is_there(key)) return;
    map_.error(node_.place, fmt::format("a rule needs the key '{}'", key));
}

void RuleReader::need_limit() {
    if (node_.kind != Node::Kind::map || is_there("above") || is_there("below")) return;
    map_.error(node_.place, "a rule needs one of the keys 'above' and 'below'");
}

void RuleReader::read_keys() {
    read_name();
    rule_.enabled = map_.boolean("enabled").value_or(true);
    read_summary();
    if (const auto level = map_.choice("severity", {"info", "warning", "critical"})) {
        rule_.severity = static_cast<Severity>(*level);
    }
    read_metric();
    read_gateway();
    rule_.where = read_where(map_, read_.metric ? std::optional{rule_.metric} : std::nullopt);
    rule_.errors_when = read_errors_when(map_);
    rule_.by = read_by(map_);
    read_zone();
    read_frame();
    read_limit();
    read_durations();
    read_min_requests();
    rule_.max_series =
        static_cast<std::size_t>(map_.integer("max_series", 1, 10'000).value_or(200));
    read_inhibitors();
    rule_.hours = read_active_hours(map_);
    rule_.resolved = map_.boolean("resolved").value_or(true);
    read_notify();
    rule_.action = read_action(map_, context_.ceiling);
}

void RuleReader::read_name() {
    const auto name = map_.text("name");
    if (!name) return;
    if (!is_rule_name(*name)) {
        fault("name", fmt::format("name must be 1 to 100 letters, digits, - and _, not {}",
                                  node_.find("name")->describe()));
    }
    if (contains(self_alert_names(), *name)) {
        fault("name", fmt::format("{} is the name of a built-in alert", *name));
    }
    rule_.name = *name;
}

void RuleReader::read_summary() {
    auto text = map_.text("summary");
    if (!text) return;
    if (text->size() > kLongestSummary) {
        fault("summary", fmt::format("summary must have at most {} bytes, not {}", kLongestSummary,
                                     text->size()));
        return;
    }
    rule_.summary = std::move(*text);
}

void RuleReader::read_metric() {
    const auto metric = map_.choice("metric", metric_names());
    read_.metric = metric.has_value();
    if (metric) rule_.metric = static_cast<Metric>(*metric);
}

void RuleReader::read_gateway() {
    const auto gateway = map_.choice("gateway", {"new-api", "one-api"});
    if (gateway) rule_.gateway = *gateway == 0 ? sync::Gateway::new_api : sync::Gateway::one_api;
}

/// A number, or a duration where the metric is a time.
std::optional<double> RuleReader::limit(std::string_view key) {
    const auto* const node = map_.find(key);
    const auto unit = metric_unit(rule_.metric);
    const bool in_ms = unit == "ms";
    const bool is_time = rule_.compare_to == Comparison::none && (in_ms || unit == "seconds");
    if (node == nullptr || node->kind != Node::Kind::scalar || (read_.metric && !is_time)) {
        return map_.number(key);
    }
    if (const auto time = base::parse_duration_ms(node->text)) {
        return static_cast<double>(time->count()) / (in_ms ? 1 : 1000);
    }
    const auto number = base::yaml::as_number(*node);
    if (!number) {
        fault(key, fmt::format("{} must be a number{} or a duration with its unit, such as 90s or "
                               "30m, not {}",
                               key,
                               !read_.metric ? ""
                               : in_ms       ? " of milliseconds"
                                             : " of seconds",
                               node->describe()));
    }
    return number;
}

void RuleReader::read_limit() {
    const auto above = limit("above");
    const auto below = limit("below");
    const auto clear = limit("clear");
    rule_.below = node_.find("below") != nullptr;
    if (node_.find("above") != nullptr && rule_.below) {
        fault("below", "a rule takes above or below, not both");
        return;
    }
    const auto value = rule_.below ? below : above;
    if (!value) return;
    read_.limit = node_.find("clear") == nullptr || clear;
    rule_.limit = *value;
    rule_.clear = clear.value_or(*value);
}

void RuleReader::read_zone() {
    rule_.zone = context_.zone;
    const auto name = map_.text("timezone");
    if (!name) return;
    if (auto zone = base::TimeZone::find(*name)) {
        rule_.zone = std::move(*zone);
    } else {
        fault("timezone", fmt::format("this host knows no time zone {}; one is Asia/Shanghai",
                                      node_.find("timezone")->describe()));
    }
}

void RuleReader::read_frame() {
    if (const auto comparison = map_.choice("compare_to", comparison_names())) {
        rule_.compare_to = static_cast<Comparison>(*comparison + 1);
    }
    const auto frame = read_window(map_, rule_.zone);
    read_.window = frame && !(read_.metric && is_gauge(rule_.metric));
    rule_.window = frame.value_or(Frame::rolling(1h));
}

void RuleReader::read_durations() {
    rule_.hold = read_seconds(map_, "for", 0s, kDay).value_or(0s);
    rule_.keep_firing = read_seconds(map_, "keep_firing_for", 0s, 7 * kDay).value_or(0s);
    rule_.eval_delay = read_seconds(map_, "eval_delay", 0s, 10min).value_or(3s);
    rule_.cooldown = read_seconds(map_, "cooldown", 1s, 30 * kDay).value_or(1h);
}

void RuleReader::read_min_requests() {
    const auto least = map_.integer("min_requests", 0, 1'000'000'000);
    const bool ratio = read_.metric && is_ratio(rule_.metric);
    rule_.min_requests = least.value_or(ratio ? kDefaultForRatios : 0);
}

void RuleReader::read_inhibitors() {
    for (const auto* const item : read_list(map_, "inhibited_by")) {
        const auto& known = rule_.inhibited_by;
        if (std::find(known.begin(), known.end(), item->text) != known.end()) {
            map_.error(item->place, fmt::format("inhibited_by names {} twice", item->describe()));
            continue;
        }
        if (known.size() == kMostInhibitors) {
            map_.error(item->place, fmt::format("inhibited_by takes at most {}", kMostInhibitors));
            return;
        }
        rule_.inhibited_by.push_back(item->text);
        inhibitors_.push_back({item->text, item->place});
    }
}

void RuleReader::read_notify() {
    const std::vector<std::string_view> known{context_.notifiers.begin(), context_.notifiers.end()};
    for (const auto* const item : read_list(map_, "notify")) {
        if (!contains(known, item->text)) {
            map_.error(item->place, fmt::format("there is no notifier {}{}", item->describe(),
                                                suggest(item->text, known)));
        }
        rule_.notify.push_back(item->text);
    }
}

/// A gauge has one series for each object of its kind, and no window.
void RuleReader::finish_gauge() {
    if (!read_.metric || !is_gauge(rule_.metric)) return;
    const auto name = metric_name(rule_.metric);
    const auto& object = object_of(rule_.metric);
    if (!rule_.by.empty() && rule_.by != object) {
        fault("by",
              fmt::format("{} has one series for each {}: by must be [{}], or left out", name,
                          object.size() == 1 ? dimension_name(object.front()) : "group and model",
                          list_of(object)));
    }
    rule_.by = object;
    rule_.window = {};
    for (const auto* const key : {"window", "compare_to", "min_requests", "eval_delay"}) {
        if (node_.find(key) == nullptr) continue;
        fault(key, fmt::format("{} is what the gateway says now: leave {} out", name, key));
    }
}

void RuleReader::refuse_strange_variables() {
    auto known = dimension_names();
    known.insert(known.end(), {"value", "rule", "window", "threshold", "now", "base"});
    refuse_variables(known);
}

void RuleReader::check_variables() {
    std::vector<std::string_view> known{"value", "rule", "window", "threshold"};
    if (rule_.compare_to != Comparison::none) {
        known.emplace_back("now");
        known.emplace_back("base");
    }
    for (const auto dimension : rule_.by) known.push_back(dimension_name(dimension));
    refuse_variables(known);
}

void RuleReader::refuse_variables(const std::vector<std::string_view>& known) {
    std::set<std::string> told;
    for (const auto& variable : variables_of(rule_.summary)) {
        if (contains(known, variable) || !told.insert(variable).second) continue;
        fault("summary", fmt::format("unknown variable {{{{{}}}}}{}",
                                     base::cut_bytes(base::valid_utf8(variable), kLongestVariable),
                                     suggest(variable, known)));
    }
}

}  // namespace quotafuse::alerts
