#include "daemon/rules_page.h"

#include <algorithm>
#include <string_view>

#include <nlohmann/json.hpp>

#include "alerts/frame.h"
#include "base/failure.h"
#include "circuit_breaker/settings.h"
#include "daemon/api/inquiry.h"
#include "daemon/api/parameters.h"
#include "daemon/messages_json.h"

namespace quotafuse::daemon {
namespace {

using api::Json;

/// The entry of a list that is about the rule; null where there is none.
Json entry_of(const Json& list, const std::string& rule) {
    for (const auto& one : list)
        if (one.at("rule") == rule) return one;
    return nullptr;
}

/// What is known of a rule's alerts.
struct Standing {
    std::int64_t firing = 0;
    std::int64_t pending = 0;
    Json value = nullptr;  // the furthest
};

Standing standing_of(const Json& alerts, const alerts::Rule& rule) {
    Standing standing;
    for (const auto& alert : alerts) {
        if (alert.at("rule") != rule.name) continue;
        ++(alert.at("state") == "firing" ? standing.firing : standing.pending);
        const auto& value = alert.at("value");
        if (value.is_null()) continue;
        const bool further =
            standing.value.is_null() || (rule.below ? value.get<double>() < standing.value
                                                    : value.get<double>() > standing.value);
        if (further) standing.value = value;
    }
    return standing;
}

std::string_view state_of(const alerts::Rule& rule, const Standing& standing, bool blind,
                          bool warming) {
    if (!rule.enabled) return "disabled";
    if (blind) return "error";
    if (warming) return "warming";
    if (standing.firing > 0) return "firing";
    return standing.pending > 0 ? "pending" : "inactive";
}

/// A busy pipeline is not waited for: that the rest is told matters more.
Json nearest_of(const std::function<std::string()>& values) {
    if (!values) return Json::object();
    try {
        return Json::parse(values());
    } catch (const base::Failure&) {
        return Json::object();
    }
}

}  // namespace

Json rule_json(const alerts::Rule& rule, const Config& config, const Json& status) {
    // Empty until the pipeline has published for the first time.
    static const Json kNone = Json::array();
    const bool told = status.contains("rules");
    const auto blind = entry_of(told ? status.at("rules").at("errors") : kNone, rule.name);
    const auto warming = entry_of(told ? status.at("rules").at("warming_rules") : kNone, rule.name);
    const auto standing = standing_of(told ? status.at("alerts") : kNone, rule);
    auto by = Json::array();
    for (const auto dimension : rule.by) by.push_back(alerts::dimension_name(dimension));
    return {
        {"name", rule.name},
        {"enabled", rule.enabled},
        {"severity", severity_word(rule.severity)},
        {"metric", alerts::metric_name(rule.metric)},
        {"unit", rule.compare_to == alerts::Comparison::none ? alerts::metric_unit(rule.metric)
                                                             : std::string_view{"%"}},
        {"by", std::move(by)},
        {"window", alerts::describe(rule.window, rule.zone)},
        {"below", rule.below},
        {"threshold", rule.limit},
        {"clear", rule.clear},
        {"min_requests", rule.min_requests},
        {"cooldown", rule.cooldown.count()},
        {"hold", rule.hold.count()},
        {"keep_firing", rule.keep_firing.count()},
        {"max_series", rule.max_series},
        {"inhibited_by", rule.inhibited_by},
        {"breaker",
         rule.action ? Json(circuit_breaker::mode_name(effective_mode(rule.action->mode, config)))
                     : Json(nullptr)},
        {"notify", rule.notify.empty() ? config.notifier_names() : rule.notify},
        {"state", state_of(rule, standing, !blind.is_null(), !warming.is_null())},
        {"warm_percent", warming.is_null() ? Json(nullptr) : warming.at("percent")},
        {"value", standing.value},
        {"series", standing.firing + standing.pending},
        {"firing", standing.firing},
        {"blind", blind.is_null() ? Json(nullptr) : blind.at("text")}};
}

HttpReply answer_rules(const Config& config, const std::string& status, const HttpRequest& request,
                       const std::function<std::string()>& values) {
    try {
        const api::Parameters parameters{request, {"name"}};
        const auto name = parameters.words("name");
        const auto json = Json::parse(status);
        const auto nearest = nearest_of(values);
        auto rules = Json::array();
        for (const auto& rule : config.rules) {
            if (name && *name != rule.name) continue;
            auto one = rule_json(rule, config, json);
            if (one.at("value").is_null() && nearest.contains(rule.name))
                one["value"] = nearest.at(rule.name);
            rules.push_back(std::move(one));
        }
        return api::json_reply(
            {{"at", json.value("engine_time", std::int64_t{0})}, {"rules", std::move(rules)}});
    } catch (const api::BadParameter& wrong) {
        return error_reply(400, wrong.message);
    }
}

std::string values_json(const alerts::Engine& engine) {
    auto values = Json::object();
    for (const auto& [rule, value] : engine.nearest(alerts::kMostStanding)) values[rule] = value;
    return values.dump();
}

}  // namespace quotafuse::daemon
