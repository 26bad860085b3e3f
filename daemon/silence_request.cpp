#include "daemon/silence_request.h"

#include <algorithm>

#include <fmt/format.h>

#include "alerts/rule_parts.h"
#include "alerts/self_alerts.h"
#include "base/duration.h"
#include "base/failure.h"
#include "base/local_time.h"
#include "base/text.h"
#include "base/yaml.h"

namespace quotafuse::daemon {
namespace {

using base::yaml::Node;

constexpr std::size_t kLongestReason = 500;

[[noreturn]] void refuse(const std::string& why) {
    throw base::Failure(base::ExitCode::usage, why);
}

Node scalar(std::string_view text, int column) {
    Node node;
    node.kind = Node::Kind::scalar;
    node.text = text;
    node.place = {1, column};
    return node;
}

Node& values_of(Node& where, const std::string& dimension, int column) {
    for (auto& member : where.members) {
        if (member.key == dimension) return member.value;
    }
    Node list;
    list.kind = Node::Kind::list;
    list.place = {1, column};
    where.members.push_back({dimension, {1, column}, std::move(list)});
    return where.members.back().value;
}

/// The same reading as that of `where` in a rule, so that both mean the same.
alerts::Where parse_match(const std::string& match) {
    if (base::trim(match).empty()) return {};
    Node where;
    where.kind = Node::Kind::map;
    int column = 1;
    for (const auto part : base::split(match, ',')) {
        const auto at = part.find('=');
        if (at == std::string_view::npos)
            refuse(fmt::format("--match: '{}' is no condition; write it as channel=3,model=gpt-4*",
                               base::trim(part)));
        const auto value = base::trim(part.substr(at + 1));
        values_of(where, std::string{base::trim(part.substr(0, at))}, column)
            .items.push_back(scalar(value, column));
        column += static_cast<int>(part.size()) + 1;
    }
    Node root;
    root.kind = Node::Kind::map;
    root.members.push_back({"where", {1, 1}, std::move(where)});
    base::yaml::Diagnostics diagnostics;
    base::yaml::Mapping rule{"--match", root, "a silence", diagnostics};
    auto conditions = alerts::read_where(rule, std::nullopt);
    if (!diagnostics.ok()) refuse(fmt::format("{}", fmt::join(diagnostics.lines(), "\n")));
    return conditions;
}

base::Second end_of(const SilenceRequest& request, base::Second now, const base::TimeZone& zone) {
    if (request.lasts.empty() == request.until.empty())
        refuse("a silence needs an end: --for 2h, or --until \"2026-11-22 08:00\"");
    if (!request.lasts.empty()) {
        const auto lasts = base::parse_duration(request.lasts);
        if (!lasts || lasts->count() <= 0 || *lasts > kLongestSilence)
            refuse(fmt::format("--for: '{}' is no duration from 1s to 366d, as 30m, 2h or 1d12h",
                               request.lasts));
        return now + *lasts;
    }
    const auto until = base::parse_local_time(request.until, zone);
    if (!until)
        refuse(
            fmt::format("--until: '{}' is no local time; write it as 2026-11-22 or "
                        "\"2026-11-22 08:00\" (here: {})",
                        request.until, zone.name()));
    if (*until <= now)
        refuse(fmt::format("--until: {} is over; here it is {} ({})", zone.format(*until),
                           zone.format(now), zone.name()));
    if (*until - now > kLongestSilence) refuse("--until: a silence lasts 366 days at most");
    return *until;
}

std::vector<alerts::Dimension> missing(const alerts::Silence& silence, const alerts::Rule& rule) {
    std::vector<alerts::Dimension> dimensions;
    for (const auto& condition : silence.where) {
        if (std::ranges::count(rule.by, condition.dimension) == 0)
            dimensions.push_back(condition.dimension);
    }
    return dimensions;
}

}  // namespace

alerts::Silence parse_silence(const SilenceRequest& request, base::Second from, base::Second now,
                              const base::TimeZone& zone) {
    alerts::Silence silence;
    silence.rule = base::trim(request.rule);
    if (silence.rule.empty()) refuse("a silence needs a rule: --rule NAME, or --rule '*' for all");
    silence.where = parse_match(request.match);
    silence.from = from;
    silence.until = end_of(request, now, zone);
    silence.reason = base::cut_bytes(base::valid_utf8(base::trim(request.reason)), kLongestReason);
    if (silence.reason.empty())
        refuse("a silence needs a reason, for those who find it: --reason \"new cables\"");
    silence.holds_actions = request.no_action;
    return silence;
}

std::string match_text(const alerts::Where& where) {
    std::vector<std::string> texts;
    for (const auto& condition : where) {
        for (const auto& term : condition.terms) {
            texts.push_back(fmt::format("{}={}{}", alerts::dimension_name(condition.dimension),
                                        term.negated ? "!" : "",
                                        term.id ? std::to_string(*term.id) : term.pattern));
        }
    }
    return fmt::format("{}", fmt::join(texts, ","));
}

std::vector<std::string> doubts(const alerts::Silence& silence,
                                const std::vector<alerts::Rule>& rules) {
    std::vector<std::string> texts;
    std::vector<std::string_view> names = alerts::self_alert_names();
    for (const auto& rule : rules) names.emplace_back(rule.name);
    bool any = std::ranges::any_of(
        names, [&](auto name) { return alerts::concerns(silence, std::string{name}); });
    if (!any) {
        const auto near = base::nearest(silence.rule, names);
        texts.push_back(fmt::format("no rule is called {} now{}", silence.rule,
                                    near.empty() ? "" : fmt::format("; did you mean {}?", near)));
    }
    // A glob is meant for those that fit; of one rule it is a mistake.
    const auto rule = std::ranges::find(rules, silence.rule, &alerts::Rule::name);
    if (rule == rules.end()) return texts;
    for (const auto dimension : missing(silence, *rule)) {
        texts.push_back(fmt::format("rule {} is not grouped by {}: nothing of it matches",
                                    rule->name, alerts::dimension_name(dimension)));
    }
    return texts;
}

}  // namespace quotafuse::daemon
