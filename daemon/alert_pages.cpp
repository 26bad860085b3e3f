#include "daemon/alert_pages.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/failure.h"
#include "circuit_breaker/audit.h"
#include "daemon/api/parameters.h"
#include "daemon/breaker_json.h"
#include "daemon/messages_json.h"
#include "daemon/rule_report.h"
#include "daemon/rules_page.h"

namespace quotafuse::daemon {
namespace {

using api::Json;

constexpr std::size_t kMostEntries = 1000;  // of the audit
constexpr std::size_t kMostSeries = 200;
// What built-in alerts do not have, and what is not published yet, is null.
constexpr std::initializer_list<const char*> kMembers{
    "rule",      "severity", "state", "key",  "labels", "series", "since",    "value",    "peak",
    "threshold", "clear",    "below", "unit", "text",   "told",   "silenced", "inhibited"};

Json member(const Json& json, const char* name) {
    const auto found = json.find(name);
    return found == json.end() ? Json(nullptr) : *found;
}

/// What there is under `name`, and an empty list before the pipeline has published.
Json list_of(const Json& status, const char* name) {
    const auto found = status.find(name);
    return found == status.end() ? Json::array() : *found;
}

/// Why the rule is not evaluated now, so that its alerts are what they last were; by rule.
std::map<std::string, std::string> stale_rules(const Json& status) {
    std::map<std::string, std::string> why;
    const auto rules = status.value("rules", Json::object());
    for (const auto& rule : list_of(rules, "warming_rules"))
        why[rule.at("rule")] = "the rule's window is being filled";
    for (const auto& rule : list_of(rules, "errors")) why[rule.at("rule")] = rule.at("text");
    return why;
}

std::optional<AlertCauses::Alert> series_of(const Json& alert) {
    const auto series = member(alert, "series");
    if (!series.is_string()) return std::nullopt;
    return AlertCauses::Alert{alert.at("rule"), series};
}

/// What the breaker did since the oldest of the alerts began, by alert, oldest first.
std::map<AlertCauses::Alert, Json> actions_since(const api::Inquiry& inquiry, const Json& alerts) {
    auto from = base::unix_seconds(inquiry.now());
    for (const auto& alert : alerts)
        if (series_of(alert)) from = std::min(from, alert.at("since").get<std::int64_t>());
    std::map<AlertCauses::Alert, Json> actions;
    if (alerts.empty()) return actions;
    circuit_breaker::Audit audit{inquiry.database()};
    for (const auto& entry :
         audit.between(base::from_unix(from), inquiry.now() + base::Seconds{1}, kMostEntries)) {
        if (entry.rule.empty() || entry.step == "intent") continue;
        auto& list = actions[{entry.rule, entry.series}];
        if (list.is_null()) list = Json::array();
        list.push_back(Json(entry_json(entry)));
    }
    return actions;
}

/// Of the actions only those of this episode.
Json actions_of(const Json& alert, const std::map<AlertCauses::Alert, Json>& actions) {
    auto list = Json::array();
    const auto series = series_of(alert);
    const auto found = series ? actions.find(*series) : actions.end();
    if (found == actions.end()) return list;
    for (const auto& one : found->second)
        if (one.at("at") >= alert.at("since")) list.push_back(one);
    return list;
}

Json standing_of(const alerts::SeriesStanding& series) {
    const auto number = [](const std::optional<double>& value) {
        return value ? Json(*value) : Json(nullptr);
    };
    return {
        {"labels", key_json(series.key)},
        {"state", alerts::phase_name(series.phase)},
        {"value", number(series.value)},
        {"now", number(series.now)},
        {"base", number(series.base)},
        {"requests", series.requests},
        {"since", series.phase == alerts::Phase::inactive ? Json(nullptr)
                                                          : Json(base::unix_seconds(series.since))},
        {"told", series.told},
        {"silenced", series.silenced},
        {"inhibited", series.inhibited}};
}

/// The nearest to the limit of a rule within it. A series with fewer requests than min_requests
/// cannot be over the limit, however high its value.
Json nearest_of(const Json& series, const alerts::Rule& rule) {
    for (const auto& one : series)  // the nearest come first
        if (one.at("value").is_number() &&
            one.at("requests").get<std::int64_t>() >= rule.min_requests)
            return one.at("value");
    return nullptr;
}

}  // namespace

Json alerts_page(const api::Inquiry& inquiry, const std::string& status_text, AlertCauses& causes) {
    const api::Parameters none{inquiry.request(), {}};
    const auto status = Json::parse(status_text);
    const auto alerts = list_of(status, "alerts");
    const auto time = status.value("engine_time", std::int64_t{0});
    const auto stale = stale_rules(status);
    const auto actions = actions_since(inquiry, alerts);
    std::vector<AlertCauses::Alert> asked;
    for (const auto& alert : alerts) {
        const auto series = series_of(alert);
        if (series && alert.at("state") == "firing") asked.push_back(*series);
    }
    const auto told = causes.of(asked, base::from_unix(time));
    auto list = Json::array();
    for (const auto& alert : alerts) {
        auto one = Json::object();
        for (const auto* const name : kMembers) one[name] = member(alert, name);
        const auto why = stale.find(alert.at("rule"));
        one["stale"] = why == stale.end() ? Json(nullptr) : Json(why->second);
        const auto series = series_of(alert);
        const auto parts = series ? told->parts.find(*series) : told->parts.end();
        one["contributions"] =
            parts == told->parts.end() ? Json::array() : contributions_json(parts->second);
        one["actions"] = actions_of(alert, actions);
        list.push_back(std::move(one));
    }
    return {
        {"at", time},
        {"alerts", std::move(list)},
        {"more", list_of(status, "more_alerts")},
        {"explained_at",
         asked.empty() || !told->why.empty() ? Json(nullptr) : Json(base::unix_seconds(told->at))},
        {"unexplained", told->why.empty() ? Json(nullptr) : Json(told->why)}};
}

HttpReply answer_silences(const std::string& status_text, const HttpRequest& request) {
    try {
        const api::Parameters none{request, {}};
    } catch (const api::BadParameter& wrong) {
        return error_reply(400, wrong.message);
    }
    const auto status = Json::parse(status_text);
    return api::json_reply({{"at", status.value("engine_time", std::int64_t{0})},
                            {"silences", list_of(status, "silences")}});
}

HttpReply answer_rule(const Config& config, const std::string& status,
                      const std::function<std::string(const std::string& rule)>& ask,
                      const HttpRequest& request) {
    try {
        const api::Parameters none{request, {}};
        const auto name = request.path.substr(std::min(request.path.size(), kRulePath.size()));
        const auto rule = std::ranges::find(config.rules, name, &alerts::Rule::name);
        if (rule == config.rules.end()) return error_reply(404, "there is no rule of that name");
        auto json = Json::parse(ask(name));
        json["rule"] = rule_json(*rule, config, Json::parse(status));
        if (json["rule"]["value"].is_null())
            json["rule"]["value"] = nearest_of(json.value("series", Json::array()), *rule);
        return api::json_reply(json);
    } catch (const api::BadParameter& wrong) {
        return error_reply(400, wrong.message);
    } catch (const base::Failure& e) {  // the pipeline is busy
        return api::unavailable(e.what());
    }
}

std::string standing_json(const alerts::Engine& engine, const std::string& rule) {
    const auto standing = engine.standing(rule, kMostSeries);
    auto series = Json::array();
    for (const auto& one : standing.series) series.push_back(standing_of(one));
    // The report measures them all, too.
    const auto report = standing.too_many
                            ? Json{{"evaluations", Json::array()}}
                            : Json::parse(report_json(engine, Json{{"rule", rule}}.dump()));
    const Json json{{"at", base::unix_seconds(engine.time())},
                    {"series", std::move(series)},
                    {"more", standing.more},
                    {"too_many", standing.too_many},
                    {"evaluations", report.at("evaluations")}};
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace quotafuse::daemon
