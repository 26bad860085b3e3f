#include "alerts/rule_action.h"

#include <algorithm>

#include <fmt/format.h>

#include "alerts/rule_parts.h"
#include "base/text.h"

namespace quotafuse::alerts {
namespace {

using base::Recovery;
using base::yaml::Mapping;
using base::yaml::Node;
using What = RuleAction::What;
using namespace std::chrono_literals;

constexpr std::int64_t kLeastForAction = 5;  // requests behind a ratio
constexpr std::chrono::hours kDay{24};
constexpr int kLeastAttempts = 5;
constexpr int kMostAttempts = 1000;

Recovery read_half_open(Mapping& recover, const Node& node) {
    Mapping map{recover.file(), node, "half_open", recover.diagnostics()};
    Recovery result;
    result.kind = Recovery::Kind::half_open;
    const auto wait = read_seconds(map, "wait", 1min, kDay);
    result.wait = wait.value_or(base::kDefaultWait);
    // What is faulty itself bounds nothing else.
    const bool any_longest = !wait && map.find("wait") != nullptr;
    const std::chrono::seconds least = any_longest ? 1min : result.wait;
    result.longest = read_seconds(map, "longest", least, 7 * kDay)
                         .value_or(std::max(base::kDefaultLongest, result.wait));
    const auto attempts = map.integer("attempts", kLeastAttempts, kMostAttempts);
    if (attempts) result.attempts = static_cast<int>(*attempts);
    const bool any_errors = !attempts && map.find("attempts") != nullptr;
    const auto errors =
        map.integer("max_errors", 0, (any_errors ? kMostAttempts : result.attempts) - 1);
    if (errors) result.most_errors = static_cast<int>(*errors);
    result.probe_time = read_seconds(map, "probe_time", 1min, kDay).value_or(result.probe_time);
    map.refuse_unknown();
    return result;
}

/// One of the ways in which something comes back by itself.
Recovery read_way_back(Mapping& action, const Node& node, What what) {
    static const std::vector<std::string_view> kWays{"after", "until", "half_open"};
    Mapping map{action.file(), node, "recover", action.diagnostics()};
    Recovery result;
    if (map.find("after") != nullptr) {
        result.kind = Recovery::Kind::after;
        result.wait = read_seconds(map, "after", 1min, 30 * kDay).value_or(0s);
    }
    if (const auto until = map.choice("until", {"tomorrow", "next_month"})) {
        result.kind = *until == 0 ? Recovery::Kind::tomorrow : Recovery::Kind::next_month;
    }
    if (const auto* const trials = map.find("half_open")) {
        result = read_half_open(map, *trials);
        if (what == What::token) {
            map.error(trials->place,
                      "half_open is for channels: a key cannot be given a little traffic");
        } else if (what == What::model) {
            map.error(trials->place,
                      "half_open is for whole channels: the gateway ranks channels, not models, "
                      "where its cache is on");
        }
    }
    map.refuse_unknown();
    std::size_t ways = 0;
    for (const auto& member : node.members) {
        if (std::ranges::count(kWays, member.key) == 0 || ++ways != 2) continue;
        map.error(member.key_place, "recover takes one of after, until and half_open");
    }
    if (node.members.empty()) {
        map.error(node.place, "recover needs after, until or half_open; without them it is manual");
    }
    return result;
}

Recovery read_recover(Mapping& action, What what) {
    const auto* const node = action.find("recover");
    if (node == nullptr) return {};
    if (node->kind == Node::Kind::map) return read_way_back(action, *node, what);
    if (node->kind != Node::Kind::scalar || node->text != "manual") {
        action.error(node->place,
                     fmt::format("recover must be manual, {{after: 30m}}, {{until: tomorrow}}, "
                                 "{{until: next_month}} or {{half_open: {{}}}}, not {}",
                                 node->describe()));
    }
    return {};
}

ActionMode read_mode(Mapping& action, ActionMode ceiling) {
    const auto read = action.choice("mode", {"shadow", "live"});
    const auto mode = read == std::size_t{1} ? ActionMode::live : ActionMode::shadow;
    if (read && mode > ceiling) {
        action.diagnostics().warning(
            action.file(), action.find("mode")->place,
            fmt::format("mode is live, but breaker.mode is {}: nothing will be disabled",
                        ceiling == ActionMode::off ? "off" : "shadow"));
    }
    return mode;
}

RuleAction read_disable_channel(Mapping& action, const Node& node, ActionMode ceiling) {
    Mapping map{action.file(), node, "disable_channel", action.diagnostics()};
    RuleAction result;
    result.mode = read_mode(map, ceiling);
    result.even_if_last = map.boolean("even_if_last").value_or(false);
    const auto scope = map.choice("scope", {"channel", "model"});
    if (scope == std::size_t{1}) result.what = What::model;
    result.recover = read_recover(map, result.what);
    map.refuse_unknown();
    return result;
}

RuleAction read_disable_token(Mapping& action, const Node& node, ActionMode ceiling) {
    Mapping map{action.file(), node, "disable_token", action.diagnostics()};
    RuleAction result;
    result.what = What::token;
    result.mode = read_mode(map, ceiling);
    result.recover = read_recover(map, result.what);
    map.refuse_unknown();
    return result;
}

bool has(const std::vector<Dimension>& dimensions, Dimension dimension) {
    return std::ranges::count(dimensions, dimension) > 0;
}

const std::vector<Term>& terms_of(const Rule& rule, Dimension dimension) {
    static const std::vector<Term> kNone;
    const auto condition = std::ranges::find(rule.where, dimension, &Condition::dimension);
    return condition == rule.where.end() ? kNone : condition->terms;
}

/// Whether each series says, or `where` says for all, which one is meant.
bool names_id(const Rule& rule, Dimension dimension) {
    return has(rule.by, dimension) || !ids_in_where(rule, dimension).empty();
}

void check_target(const Rule& rule, const Fault& fault) {
    const auto what = rule.action->what;
    if (what == What::token) {
        if (names_id(rule, Dimension::token)) return;
        fault("action",
              "disable_token needs to know which: token in by, or nothing but ids of keys in "
              "where.token, such as [17, 18]");
        return;
    }
    if (!names_id(rule, Dimension::channel)) {
        fault("action",
              "disable_channel needs to know which: channel in by, or nothing but ids of channels "
              "in where.channel, such as [3, 4]");
    }
    if (what == What::channel || has(rule.by, Dimension::model)) return;
    if (!name_in_where(rule, Dimension::model)) {
        fault("action",
              "scope: model needs to know which: model in by, or one model's name, without * and "
              "?, in where.model");
    }
}

}  // namespace

std::optional<RuleAction> read_action(Mapping& rule, ActionMode ceiling) {
    const auto* const node = rule.find("action");
    if (node == nullptr) return std::nullopt;
    Mapping action{rule.file(), *node, "action", rule.diagnostics()};
    std::optional<RuleAction> result;
    const auto* const channel = action.find("disable_channel");
    const auto* const token = action.find("disable_token");
    if (channel != nullptr) result = read_disable_channel(action, *channel, ceiling);
    if (token != nullptr) result = read_disable_token(action, *token, ceiling);
    if (channel != nullptr && token != nullptr) {
        action.error(std::max(channel->place, token->place),
                     "an action disables a channel or a key, not both: make two rules");
    } else if (node->kind == Node::Kind::map && !result) {
        action.error(node->place, "action needs disable_channel or disable_token");
    }
    const bool always = action.boolean("always").value_or(false);
    if (result) result->always = always;
    action.refuse_unknown();
    return result;
}

void check_action(const Rule& rule, const ReadKeys& read, const Fault& fault) {
    if (!rule.action) return;
    if (read.metric && rule.metric == Metric::channel_down) {
        fault("action", "channel_down is about channels that are disabled already");
    }
    check_target(rule, fault);
    if (read.metric && is_ratio(rule.metric) && rule.min_requests < kLeastForAction) {
        fault("min_requests",
              fmt::format("min_requests must be at least {} where a ratio has an action",
                          kLeastForAction));
    }
}

std::vector<std::int64_t> ids_in_where(const Rule& rule, Dimension dimension) {
    std::vector<std::int64_t> ids;
    for (const auto& term : terms_of(rule, dimension)) {
        if (term.negated || !term.id) return {};
        if (std::ranges::count(ids, *term.id) == 0) ids.push_back(*term.id);
    }
    return ids;
}

std::optional<std::string> name_in_where(const Rule& rule, Dimension dimension) {
    const auto& terms = terms_of(rule, dimension);
    if (terms.size() != 1) return std::nullopt;
    const auto& term = terms.front();
    if (term.negated || term.id || base::is_glob(term.pattern)) return std::nullopt;
    return term.pattern;
}

}  // namespace quotafuse::alerts
