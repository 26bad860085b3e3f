#include "daemon/messages_json.h"

#include <algorithm>
#include <cstdlib>

#include <nlohmann/json.hpp>

#include "alerts/self_alerts.h"
#include "base/time_zone.h"

namespace quotafuse::daemon {
namespace {

using alerts::Notice;
using circuit_breaker::TripResult;
using nlohmann::ordered_json;
using Kind = notifiers::Message::Kind;

std::string rfc3339(base::Second at) {
    auto text = base::TimeZone{}.format(at) + "Z";
    text.at(text.find(' ')) = 'T';
    return text;
}

ordered_json number(const std::optional<double>& value) {
    return value ? ordered_json(*value) : ordered_json(nullptr);
}

bool is_built_in(const Notice& notice) {
    return std::ranges::count(alerts::self_alert_names(), notice.rule) > 0;
}

ordered_json name_of(const alerts::KeyName& name) {
    ordered_json object = ordered_json::object();
    object["id"] = name.id ? ordered_json(*name.id) : ordered_json(nullptr);
    object["name"] = name.display;
    return object;
}

ordered_json labels_of(const std::vector<alerts::KeyName>& key, const std::string& about) {
    auto labels = ordered_json::array();
    for (const auto& part : key) {
        ordered_json label = ordered_json::object();
        label["dimension"] = alerts::dimension_name(part.dimension);
        label.update(name_of(part));
        labels.push_back(std::move(label));
    }
    // What a built-in alert is about (a notifier, a rule) has no dimension.
    if (!about.empty())
        labels.push_back({{"dimension", nullptr}, {"id", nullptr}, {"name", about}});
    return labels;
}

ordered_json contributions_of(const Notice& notice) {
    auto all = ordered_json::array();
    for (const auto& one : notice.contributions) {
        auto parts = ordered_json::array();
        for (const auto& part : one.parts) {
            auto object = name_of(part.name);
            object["share"] = part.share;
            object["share_of_rise"] = number(part.share_of_rise);
            parts.push_back(std::move(object));
        }
        ordered_json object = ordered_json::object();
        object["dimension"] = alerts::dimension_name(one.dimension);
        object["parts"] = std::move(parts);
        object["newest_rows"] =
            one.newest_rows ? ordered_json(*one.newest_rows) : ordered_json(nullptr);
        all.push_back(std::move(object));
    }
    return all;
}

ordered_json trip_of(const TripResult& trip) {
    ordered_json object = ordered_json::object();
    object["kind"] = circuit_breaker::kind_name(trip.kind);
    object["channel"] = trip.request.channel;
    object["channel_name"] = trip.channel_name;
    object["mode"] = circuit_breaker::mode_name(trip.request.mode);
    object["why"] = trip.why;
    return object;
}

ordered_json spend_of(const Spending& spending) {
    ordered_json object = ordered_json::object();
    object["usd"] = spending.dollars;
    object["from"] = rfc3339(spending.from);
    object["until"] = rfc3339(spending.until);
    object["usual_usd_per_hour"] = number(spending.usual);
    object["usd_per_day"] = spending.an_hour() * 24;
    return object;
}

/// All members, so that a reader may ask for any of them.
ordered_json blank(Kind kind, base::Severity severity, std::string_view event_id, base::Second at,
                   std::string_view site) {
    ordered_json object = {{"rule", nullptr},
                           {"kind", kind_word(kind)},
                           {"severity", severity_word(severity)},
                           {"metric", nullptr},
                           {"value", nullptr},
                           {"threshold", nullptr},
                           {"unit", nullptr},
                           {"labels", ordered_json::array()},
                           {"since", nullptr},
                           {"at", rfc3339(at)},
                           {"ended", nullptr},
                           {"peak", nullptr},
                           {"requests", nullptr},
                           {"contributions", ordered_json::array()},
                           {"spend", nullptr},
                           {"breaker", nullptr},
                           {"site", site},
                           {"event_id", event_id}};
    return object;
}

std::string text_of(const ordered_json& object) {
    return object.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

ordered_json object_of(const Notice& notice, Kind kind, std::string_view site) {
    auto object = blank(kind, notice.severity, notice.event_id, notice.at, site);
    object["rule"] = notice.rule;
    object["since"] = rfc3339(notice.since);
    if (notice.ended) object["ended"] = alerts::ending_name(*notice.ended);
    object["labels"] = labels_of(notice.key, notice.about);
    if (is_built_in(notice)) return object;
    object["metric"] = alerts::metric_name(notice.metric);
    object["value"] = number(notice.value);
    object["threshold"] = notice.threshold;
    object["unit"] = notice.unit;
    object["peak"] = notice.peak;
    object["requests"] = notice.requests;
    object["contributions"] = contributions_of(notice);
    return object;
}

}  // namespace

std::string_view severity_word(base::Severity severity) {
    switch (severity) {
        case base::Severity::info:
            return "info";
        case base::Severity::warning:
            return "warning";
        case base::Severity::critical:
            return "critical";
    }
    std::abort();
}

std::string_view kind_word(Kind kind) {
    switch (kind) {
        case Kind::firing:
            return "firing";
        case Kind::reminder:
            return "reminder";
        case Kind::resolved:
            return "resolved";
        case Kind::breaker:
            return "breaker";
        case Kind::summary:
            return "summary";
        case Kind::digest:
            return "digest";
        case Kind::test:
            return "test";
    }
    std::abort();
}

std::vector<std::string> alert_objects(const Notice& notice, Kind kind, const AlertMore& more,
                                       std::string_view site) {
    auto object = object_of(notice, kind, site);
    if (more.trip != nullptr) object["breaker"] = trip_of(*more.trip);
    if (more.spending != nullptr) object["spend"] = spend_of(*more.spending);
    if (notice.series.empty()) return {text_of(object)};
    std::vector<std::string> objects;
    for (const auto& one : notice.series) {
        object["labels"] = labels_of(one.key, {});
        object["value"] = number(one.value);
        objects.push_back(text_of(object));
    }
    return objects;
}

std::string breaker_object(const TripResult& trip, base::Second at, std::string_view site) {
    auto object = blank(Kind::breaker, base::Severity::critical, trip.request.trip_id, at, site);
    object["breaker"] = trip_of(trip);
    return text_of(object);
}

AlertObject read_alert_object(std::string_view json) {
    const auto stored = ordered_json::parse(json, nullptr, false);
    const auto text = [](const ordered_json& object, const char* key) {
        const auto at = object.is_object() ? object.find(key) : object.end();
        return at != object.end() && at->is_string() ? at->get<std::string>() : std::string{};
    };
    AlertObject object{text(stored, "rule"), text(stored, "kind"), {}, {}};
    if (!stored.is_object()) return object;
    const auto labels = stored.find("labels");
    if (labels != stored.end() && labels->is_array()) {
        for (const auto& label : *labels)
            object.labels.push_back({text(label, "dimension"), text(label, "name")});
    }
    const auto breaker = stored.find("breaker");
    if (breaker != stored.end() && breaker->is_object()) {
        const auto channel = breaker->find("channel");
        if (channel != breaker->end() && channel->is_number_integer())
            object.tripped = {channel->get<std::int64_t>(), text(*breaker, "channel_name")};
    }
    return object;
}

}  // namespace quotafuse::daemon
