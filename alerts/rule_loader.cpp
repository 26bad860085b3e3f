#include "alerts/rule_loader.h"

#include <algorithm>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "alerts/rule_parts.h"
#include "alerts/summary.h"
#include "base/duration.h"
#include "base/text.h"

namespace quotafuse::alerts {
namespace {

using base::Severity;
using base::yaml::Mapping;
using base::yaml::Node;
using namespace std::chrono_literals;

constexpr std::chrono::hours kDay{24};
constexpr std::int64_t kDefaultForRatios = 20;
constexpr std::int64_t kLeastForAction = 5;

bool is_rule_name(std::string_view name) {
    const auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_';
    };
    return !name.empty() && name.size() <= 100 && std::all_of(name.begin(), name.end(), fits);
}

bool names_channel(const std::vector<Dimension>& by) {
    return std::find(by.begin(), by.end(), Dimension::channel) != by.end();
}

bool is_one_channel(const Condition& condition) {
    return condition.dimension == Dimension::channel && condition.terms.size() == 1 &&
           condition.terms.front().id && !condition.terms.front().negated;
}

/// Reads one rule. Keys that depend on others are checked after all have been read.
class RuleReader {
public:
    RuleReader(const std::string& file, const Node& node, const LoadContext& context,
               base::yaml::Diagnostics& diagnostics)
        : map_(file, node, "a rule", diagnostics), node_(node), context_(context) {}

    Rule read() {
        read_name();
        rule_.enabled = map_.boolean("enabled").value_or(true);
        map_.text("summary");
        if (const auto level = map_.choice("severity", {"info", "warning", "critical"})) {
            rule_.severity = static_cast<Severity>(*level);
        }
        read_metric();
        rule_.where = read_where(map_);
        rule_.by = read_by(map_);
        read_limit();
        read_durations();
        check_kept();
        read_min_requests();
        rule_.max_series =
            static_cast<std::size_t>(map_.integer("max_series", 1, 10'000).value_or(200));
        read_zone();
        rule_.hours = read_active_hours(map_);
        rule_.resolved = map_.boolean("resolved").value_or(true);
        read_notify();
        rule_.action = read_action(map_, context_.ceiling);
        check_metric();
        check_action();
        check_summary();
        map_.refuse_unknown();
        return std::move(rule_);
    }

private:
    void fault(std::string_view key, std::string text) {
        const auto* const node = node_.find(key);
        map_.error(node == nullptr ? node_.place : node->place, std::move(text));
    }

    /// For keys that a typed reader asks for: require() would make them known twice.
    void need(std::string_view key) {
        if (node_.kind != Node::Kind::map || node_.find(key) != nullptr) return;
        map_.error(node_.place, fmt::format("a rule needs the key '{}'", key));
    }

    void read_name();
    void read_metric();
    void read_limit();
    void read_durations();
    void read_min_requests();
    void check_kept();
    void read_zone();
    void read_notify();
    void check_metric();
    void refuse_choice_of_errors();
    void check_action();
    void check_summary();
    std::optional<std::chrono::seconds> duration(std::string_view key, std::chrono::seconds least,
                                                 std::chrono::seconds most);

    Mapping map_;
    const Node& node_;
    const LoadContext& context_;
    bool has_metric_ = false;
    Rule rule_;
};

void RuleReader::read_name() {
    need("name");
    const auto name = map_.text("name");
    if (!name) return;
    rule_.name = *name;
    if (is_rule_name(*name)) return;
    fault("name", fmt::format("name must be 1 to 100 letters, digits, - and _, not {}",
                              node_.find("name")->describe()));
}

void RuleReader::read_metric() {
    need("metric");
    const auto metric = map_.choice("metric", metric_names());
    has_metric_ = metric.has_value();
    if (metric) rule_.metric = static_cast<Metric>(*metric);
}

void RuleReader::read_limit() {
    const auto above = map_.number("above");
    const auto below = map_.number("below");
    const auto clear = map_.number("clear");
    const bool has_above = node_.find("above") != nullptr;
    rule_.below = node_.find("below") != nullptr;
    if (has_above && rule_.below) {
        fault("below", "a rule takes above or below, not both");
        return;
    }
    if (!has_above && !rule_.below && node_.kind == Node::Kind::map) {
        map_.error(node_.place, "a rule needs one of the keys 'above' and 'below'");
    }
    const auto limit = rule_.below ? below : above;
    if (!limit) return;
    rule_.limit = *limit;
    rule_.clear = clear.value_or(*limit);
    const std::string_view side = rule_.below ? "below" : "above";
    if (*limit < 0) fault(side, fmt::format("{} must not be negative: no value ever is", side));
    if (!rule_.below && rule_.clear > *limit) {
        fault("clear", fmt::format("clear ({}) must not be over above ({})", rule_.clear, *limit));
    }
    if (rule_.below && rule_.clear < *limit) {
        fault("clear", fmt::format("clear ({}) must not be under below ({})", rule_.clear, *limit));
    }
}

/// A duration of whole seconds.
std::optional<std::chrono::seconds> RuleReader::duration(std::string_view key,
                                                         std::chrono::seconds least,
                                                         std::chrono::seconds most) {
    const auto value = map_.duration(key, least, most);
    if (!value) return std::nullopt;
    const auto seconds = std::chrono::floor<std::chrono::seconds>(*value);
    if (seconds != *value) fault(key, fmt::format("{} must be whole seconds", key));
    return seconds;
}

void RuleReader::read_durations() {
    need("window");
    rule_.window = duration("window", 1min, 30 * kDay).value_or(1h);
    rule_.hold = duration("for", 0s, kDay).value_or(0s);
    rule_.keep_firing = duration("keep_firing_for", 0s, 7 * kDay).value_or(0s);
    rule_.eval_delay = duration("eval_delay", 0s, 10min).value_or(3s);
    rule_.cooldown = duration("cooldown", 1s, 30 * kDay).value_or(1h);
}

/// A window over rows that are deleted already would be too small without anybody noticing.
void RuleReader::check_kept() {
    const auto reach = rule_.window + delay_of(rule_);
    if (!context_.kept || reach <= *context_.kept) return;
    const auto delay = reach > rule_.window ? fmt::format(" (and {} of eval_delay)",
                                                          base::format_duration(delay_of(rule_)))
                                            : std::string{};
    fault("window",
          fmt::format("a window of {}{} is longer than the {} that rows are kept (store.keep.rows)",
                      base::format_duration(rule_.window), delay,
                      base::format_duration(*context_.kept)));
}

void RuleReader::read_min_requests() {
    const auto least = map_.integer("min_requests", 0, 1'000'000'000);
    const bool ratio = has_metric_ && rule_.metric == Metric::error_rate;
    rule_.min_requests = least.value_or(ratio ? kDefaultForRatios : 0);
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

void RuleReader::read_notify() {
    const std::vector<std::string_view> known{context_.notifiers.begin(), context_.notifiers.end()};
    for (const auto* const item : read_list(map_, "notify")) {
        if (std::find(known.begin(), known.end(), item->text) == known.end()) {
            map_.error(item->place, fmt::format("there is no notifier {}{}", item->describe(),
                                                suggest(item->text, known)));
        }
        rule_.notify.push_back(item->text);
    }
}

void RuleReader::check_metric() {
    if (!has_metric_) return;
    if (rule_.metric == Metric::error_rate) {
        if (!rule_.below && rule_.limit >= 100)
            fault("above", "error_rate is never above 100 percent");
        for (const auto dimension : rule_.by) {
            if (dimension != Dimension::status && dimension != Dimension::code) continue;
            fault("by",
                  fmt::format("error_rate cannot be grouped by {}: attempts that succeed have none",
                              dimension_name(dimension)));
        }
    }
    if (rule_.metric == Metric::attempts) refuse_choice_of_errors();
    if (rule_.metric != Metric::error_rate && rule_.metric != Metric::errors) return;
    for (const auto& condition : rule_.where) {
        if (condition.dimension != Dimension::status) continue;
        for (const auto& term : condition.terms) {
            if (term.negated || !term.id) continue;
            if (*term.id != 400 && *term.id != 404 && *term.id != 413 && *term.id != 422) continue;
            fault("where",
                  fmt::format("status {} is the client's doing and counts in client_errors, "
                              "never in {}",
                              *term.id, metric_name(rule_.metric)));
        }
    }
}

/// Status and code choose which attempts are errors, of which `attempts` counts none in particular.
void RuleReader::refuse_choice_of_errors() {
    for (const auto& condition : rule_.where) {
        if (condition.dimension != Dimension::status && condition.dimension != Dimension::code) {
            continue;
        }
        const auto name = dimension_name(condition.dimension);
        map_.error(
            node_.find("where")->find(name)->place,
            fmt::format("attempts are counted whatever their {}; where.{} works with errors, "
                        "client_errors, error_rate and requests",
                        name, name));
    }
}

void RuleReader::check_action() {
    if (!rule_.action) return;
    if (!names_channel(rule_.by) &&
        std::none_of(rule_.where.begin(), rule_.where.end(), is_one_channel)) {
        fault("action",
              "disable_channel needs to know which: channel in by, or one channel's id in "
              "where.channel");
    }
    if (has_metric_ && rule_.metric == Metric::error_rate && rule_.min_requests < kLeastForAction) {
        fault("min_requests",
              fmt::format("min_requests must be at least {} where a ratio has an action",
                          kLeastForAction));
    }
}

void RuleReader::check_summary() {
    const auto* const node = node_.find("summary");
    if (node == nullptr || node->kind != Node::Kind::scalar) return;
    rule_.summary = node->text;
    std::vector<std::string_view> known{"value", "rule", "window", "threshold"};
    for (const auto dimension : rule_.by) known.push_back(dimension_name(dimension));
    for (const auto& variable : variables_of(rule_.summary)) {
        if (std::find(known.begin(), known.end(), variable) != known.end()) continue;
        fault("summary",
              fmt::format("unknown variable {{{{{}}}}}{}", variable, suggest(variable, known)));
    }
}

/// Reads files one after the other and sees that no name comes twice.
class Loader {
public:
    Loader(const LoadContext& context, base::yaml::Diagnostics& diagnostics)
        : context_(context), diagnostics_(diagnostics) {}

    void add(const std::optional<base::yaml::Document>& document) {
        // A file of comments only is as good as one that is not there.
        if (!document || document->root.kind == Node::Kind::null) return;
        Mapping file{document->file, document->root, "a rule file", diagnostics_};
        const auto* const rules = file.require("rules");
        if (rules != nullptr && rules->kind == Node::Kind::list) {
            for (const auto& node : rules->items) add_rule(document->file, node);
        } else if (rules != nullptr && rules->kind != Node::Kind::null) {
            file.error(rules->place,
                       fmt::format("rules must be a list of rules, not {}", rules->describe()));
        }
        file.refuse_unknown();
    }

    std::vector<Rule> take() {
        if (!diagnostics_.ok()) rules_.clear();
        return std::move(rules_);
    }

private:
    void add_rule(const std::string& file, const Node& node) {
        auto rule = RuleReader{file, node, context_, diagnostics_}.read();
        if (node.kind != Node::Kind::map) return;
        if (const auto* const name = node.find("name"); name != nullptr && !rule.name.empty()) {
            const auto here = fmt::format("{}:{}:{}", file, name->place.line, name->place.column);
            const auto [former, fresh] = places_.emplace(rule.name, here);
            if (!fresh) {
                diagnostics_.error(
                    file, name->place,
                    fmt::format("a rule named '{}' is already at {}", rule.name, former->second));
            }
        }
        rules_.push_back(std::move(rule));
    }

    const LoadContext& context_;
    base::yaml::Diagnostics& diagnostics_;
    std::map<std::string, std::string> places_;
    std::vector<Rule> rules_;
};

}  // namespace

std::vector<Rule> load_rules(const std::vector<std::string>& files, const LoadContext& context,
                             base::yaml::Diagnostics& diagnostics) {
    Loader loader{context, diagnostics};
    for (const auto& file : files) loader.add(base::yaml::load(file, diagnostics));
    return loader.take();
}

std::vector<Rule> parse_rules(const std::string& file, const std::string& text,
                              const LoadContext& context, base::yaml::Diagnostics& diagnostics) {
    Loader loader{context, diagnostics};
    loader.add(base::yaml::parse(file, text, diagnostics));
    return loader.take();
}

}  // namespace quotafuse::alerts
