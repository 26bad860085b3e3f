#include "daemon/replay_report.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/duration.h"
#include "daemon/notice_trip.h"
#include "daemon/number_format.h"

namespace quotafuse::daemon {
namespace {

using Json = nlohmann::ordered_json;
using alerts::Episode;

/// How far beyond the limit, in proportion: what makes one episode worse than one of another rule.
double excess(const alerts::Rule& rule, const Episode& episode) {
    return std::abs(episode.peak - rule.limit) / std::max(std::abs(rule.limit), 1e-9);
}

/// In columns: signs of one byte each but for names, which people choose.
std::size_t width_of(const std::vector<std::vector<std::string>>& rows, std::size_t column) {
    std::size_t width = 0;
    for (const auto& row : rows) width = std::max(width, row[column].size());
    return width;
}

Json trip_json(const Episode::Trip& trip, double dollars) {
    const auto target = target_of(trip.action);
    Json json{{"kind", circuit_breaker::kind_name(target.kind)}};
    if (target.channel != 0) json["channel"] = target.channel;
    if (!target.model.empty()) json["model"] = target.model;
    if (target.token != 0) json["token"] = target.token;
    if (!target.token_name.empty()) json["token_name"] = target.token_name;
    json["at"] = base::unix_seconds(trip.at);
    json["cost_usd"] = dollars;
    return json;
}

/// Of a key as it is stored: the id or the text of each part.
std::string key_text(const std::string& stored) {
    std::string text;
    for (const auto& part : Json::parse(stored, nullptr, false)) {
        if (!part.is_array() || part.size() != 2 || !part[1].is_string()) continue;
        const auto name = part[1].get<std::string>();
        text += (text.empty() ? "" : ", ") + (name.empty() ? part[0].dump() : name);
    }
    return text;
}

std::string difference_text(const alerts::HistoryComparison::Difference& difference,
                            const base::TimeZone& zone) {
    const auto& event = difference.event;
    const auto key = key_text(event.key);
    return fmt::format("only {}  {}  {}{}{}: {}, {}{}", difference.recorded ? "daemon" : "replay",
                       zone.format(event.at), event.rule, key.empty() ? "" : " ", key, event.what,
                       event.reason,
                       event.value ? fmt::format(", value {}", plain_number(*event.value)) : "");
}

}  // namespace

std::string comparison_text(const alerts::HistoryComparison& comparison,
                            const base::TimeZone& zone) {
    const auto events = [](std::size_t count) {
        return fmt::format("{} event{}", group_digits(static_cast<std::int64_t>(count)),
                           count == 1 ? "" : "s");
    };
    auto text =
        fmt::format("{} to {}\n", zone.format(comparison.from), zone.format(comparison.until));
    for (const auto& note : comparison.notes) text += fmt::format("note: {}\n", note);
    const auto& differences = comparison.differences;
    if (differences.empty()) return text + "same: " + events(comparison.same);
    text += fmt::format("different: {}; the same: {}", events(differences.size()),
                        events(comparison.same));
    const auto shown = std::min(differences.size(), ReplayReport::kMostShown);
    for (std::size_t i = 0; i < shown; ++i) text += '\n' + difference_text(differences[i], zone);
    if (differences.size() > shown)
        text += "\nand more; --rule NAME compares one rule, --json shows all";
    return text;
}

std::string comparison_json(const alerts::HistoryComparison& comparison) {
    Json differences = Json::array();
    for (const auto& [event, recorded] : comparison.differences) {
        differences.push_back({{"only", recorded ? "daemon" : "replay"},
                               {"at", base::unix_seconds(event.at)},
                               {"rule", event.rule},
                               {"key", event.key},
                               {"what", event.what},
                               {"reason", event.reason},
                               {"value", event.value ? Json(*event.value) : Json()}});
    }
    const Json all{{"from", base::unix_seconds(comparison.from)},
                   {"until", base::unix_seconds(comparison.until)},
                   {"same", comparison.same},
                   {"differences", std::move(differences)},
                   {"notes", comparison.notes}};
    return all.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string in_columns(const std::vector<std::vector<std::string>>& rows) {
    std::string text;
    for (const auto& row : rows) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) {
            const bool first = i == 0;
            const bool last = i + 1 == row.size();
            if (!first) line += "  ";
            const auto width = width_of(rows, i);
            if (last) {
                line += row[i];
            } else {
                line += first ? fmt::format("{:<{}}", row[i], width)
                              : fmt::format("{:>{}}", row[i], width);
            }
        }
        while (line.ends_with(' ')) line.pop_back();
        text += line + '\n';
    }
    return text;
}

std::string plain_number(double value) {
    auto text = fmt::format("{:.6f}", value);
    while (text.ends_with('0')) text.pop_back();
    if (text.ends_with('.')) text.pop_back();
    return text;
}

std::string limit_text(const alerts::Rule& rule, double value) {
    if (rule.compare_to != alerts::Comparison::none) return format_change(value);
    const auto unit = alerts::metric_unit(rule.metric);
    if (unit == "ms") {
        const auto seconds = std::llround(value / 1000);
        if (seconds > 0 && std::abs(value - 1000 * static_cast<double>(seconds)) < 0.5) {
            return base::format_duration(std::chrono::seconds{seconds});
        }
    }
    const bool named = unit == "tokens" || unit == "quota";
    const auto text = format_value(rule.metric, value);
    return named ? fmt::format("{} {}", text, unit) : text;
}

ReplayReport::ReplayReport(const std::vector<alerts::Rule>& rules,
                           const alerts::ReplayResult& result, const base::TimeZone& zone)
    : result_(result), zone_(zone) {
    for (const auto& rule : rules) {
        if (rule.enabled) lines_.push_back(line_of(rule));
    }
}

std::chrono::seconds ReplayReport::length(const Episode& episode) const {
    return episode.over.value_or(result_.until) - std::max(episode.fired, result_.from);
}

double ReplayReport::dollars(std::int64_t quota) const {
    return result_.quota_per_unit > 0 ? static_cast<double>(quota) / result_.quota_per_unit : 0;
}

ReplayReport::Line ReplayReport::line_of(const alerts::Rule& rule) const {
    Line line;
    line.rule = &rule;
    std::set<std::string> known;
    for (const auto& episode : result_.episodes) {
        if (episode.rule != rule.name) continue;
        const bool worse = rule.below ? episode.peak < line.worst : episode.peak > line.worst;
        if (line.episodes.empty() || worse) line.worst = episode.peak;
        line.episodes.push_back(&episode);
        line.longest = std::max(line.longest, length(episode));
        for (const auto& trip : episode.trips) {
            if (known.insert(circuit_breaker::stored_key(target_of(trip.action))).second)
                line.trips.push_back(&trip);
        }
    }
    const auto notices = result_.notices.find(rule.name);
    if (notices != result_.notices.end()) line.notices = notices->second;
    return line;
}

std::string ReplayReport::head(double seconds) const {
    auto text = fmt::format("{} to {} ({}), {} rows, replayed in {:.1f} s\n",
                            zone_.format(result_.from), zone_.format(result_.until),
                            base::format_duration(result_.until - result_.from),
                            group_digits(result_.rows), seconds);
    for (const auto& note : result_.notes) text += fmt::format("note: {}\n", note);
    return text;
}

std::string ReplayReport::disabled_text(const Line& line, double dollars) {
    if (line.trips.empty()) return {};
    if (line.trips.size() > 1) {
        const auto what = line.rule->action->what;
        const auto* const several = what == alerts::RuleAction::What::channel ? "channels"
                                    : what == alerts::RuleAction::What::model ? "models"
                                                                              : "keys";
        return fmt::format("{} {}, {} from then on", line.trips.size(), several,
                           format_value(alerts::Metric::cost, dollars));
    }
    return fmt::format("{}, {} from then on",
                       circuit_breaker::describe(target_of(line.trips.front()->action)),
                       format_value(alerts::Metric::cost, dollars));
}

std::string ReplayReport::table() const {
    std::vector<std::vector<std::string>> rows{
        {"rule", "fired", "longest", "worst", "limit", "notices", "would have disabled"}};
    std::vector<std::string> quiet;
    for (const auto& line : lines_) {
        if (line.episodes.empty()) {
            const bool evaluated = std::ranges::count(result_.silent, line.rule->name) == 0;
            if (evaluated) quiet.push_back(line.rule->name);
            continue;
        }
        std::int64_t quota = 0;
        for (const auto* const trip : line.trips) quota += trip->quota;
        rows.push_back({line.rule->name,
                        group_digits(static_cast<std::int64_t>(line.episodes.size())),
                        base::format_duration(line.longest), limit_text(*line.rule, line.worst),
                        limit_text(*line.rule, line.rule->limit), group_digits(line.notices),
                        disabled_text(line, dollars(quota))});
    }
    std::string text = rows.size() > 1 ? in_columns(rows) : "";
    if (!quiet.empty()) {
        text +=
            fmt::format("{}never fired: {}\n", rows.size() > 1 ? "\n" : "", fmt::join(quiet, ", "));
    }
    if (!result_.silent.empty()) {
        text += fmt::format(
            "not evaluated to the end, because rows, names or gauges that they need are not in the "
            "store: {}\n",
            fmt::join(result_.silent, ", "));
    }
    return text;
}

std::string ReplayReport::episode_text(const alerts::Rule& rule, const Episode& episode) const {
    auto text = fmt::format("{}  {:>8}  {}", zone_.format(episode.fired),
                            base::format_duration(length(episode)), rule.name);
    if (!episode.key.empty()) text += fmt::format(", {}", alerts::describe(episode.key));
    text += fmt::format(": {}", limit_text(rule, episode.peak));
    if (episode.fired < result_.from) text += ", had fired before";
    if (!episode.over) text += ", still firing at the end";
    for (const auto& trip : episode.trips) {
        text += fmt::format("; would have disabled {}, which cost {} from then on",
                            circuit_breaker::describe(target_of(trip.action)),
                            format_value(alerts::Metric::cost, dollars(trip.quota)));
    }
    return text;
}

std::string ReplayReport::episodes() const {
    std::vector<std::pair<const alerts::Rule*, const Episode*>> all;
    for (const auto& line : lines_) {
        for (const auto* const episode : line.episodes) all.emplace_back(line.rule, episode);
    }
    if (all.empty()) return {};
    std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
        return excess(*a.first, *a.second) > excess(*b.first, *b.second);
    });
    const auto shown = std::min(all.size(), kMostShown);
    std::string text = "\nworst first: when it fired, for how long\n";
    for (std::size_t i = 0; i < shown; ++i) {
        text += episode_text(*all[i].first, *all[i].second) + '\n';
    }
    if (all.size() > shown) {
        text += fmt::format("and {} more; --rule NAME shows one rule, --json all\n",
                            group_digits(static_cast<std::int64_t>(all.size() - shown)));
    }
    return text;
}

std::string ReplayReport::text(double seconds) const {
    auto text = head(seconds) + '\n' + table() + episodes();
    text.pop_back();
    return text;
}

std::string ReplayReport::json(double seconds) const {
    Json rules = Json::array();
    Json episodes = Json::array();
    for (const auto& line : lines_) {
        Json disabled = Json::array();
        for (const auto* const one : line.trips) {
            disabled.push_back(trip_json(*one, dollars(one->quota)));
        }
        rules.push_back({{"rule", line.rule->name},
                         {"episodes", line.episodes.size()},
                         {"longest_seconds", line.longest.count()},
                         {"worst", line.episodes.empty() ? Json() : Json(line.worst)},
                         {"limit", line.rule->limit},
                         {"notices", line.notices},
                         {"disabled", std::move(disabled)}});
        for (const auto* const one : line.episodes) {
            Json key = Json::object();
            for (const auto& part : one->key) {
                key[std::string{alerts::dimension_name(part.dimension)}] = part.display;
            }
            Json trips = Json::array();
            for (const auto& trip : one->trips)
                trips.push_back(trip_json(trip, dollars(trip.quota)));
            episodes.push_back({{"rule", one->rule},
                                {"key", std::move(key)},
                                {"began", base::unix_seconds(one->began)},
                                {"fired", base::unix_seconds(one->fired)},
                                {"over", one->over ? Json(base::unix_seconds(*one->over)) : Json()},
                                {"ending", one->ending},
                                {"worst", one->peak},
                                {"notices", one->notices},
                                {"trips", std::move(trips)}});
        }
    }
    const Json all{{"from", base::unix_seconds(result_.from)},
                   {"until", base::unix_seconds(result_.until)},
                   {"rows", result_.rows},
                   {"seconds", seconds},
                   {"rules", std::move(rules)},
                   {"episodes", std::move(episodes)},
                   {"notes", result_.notes},
                   {"silent", result_.silent}};
    return all.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace quotafuse::daemon
