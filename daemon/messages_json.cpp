#include "daemon/messages_json.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "alerts/self_alerts.h"
#include "base/time_zone.h"
#include "daemon/breaker_json.h"

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

ordered_json text_or_null(const std::string& text) {
    return text.empty() ? ordered_json(nullptr) : ordered_json(text);
}
ordered_json number_or_null(std::int64_t number) {
    return number == 0 ? ordered_json(nullptr) : ordered_json(number);
}

/// What the breaker's objects have in common; a channel's members are older than the others.
struct OfBreaker {
    std::string kind;
    const circuit_breaker::Target& target;
    const std::string& name;
    std::string_view mode;
    std::string why;
    const std::string& trip_id;
    const base::Recovery& recover;
    base::Second back_at;
};
ordered_json breaker_of(const OfBreaker& one) {
    const bool key = one.target.kind == circuit_breaker::Target::Kind::token;
    ordered_json object = ordered_json::object();
    object["kind"] = one.kind;
    object["target"] = circuit_breaker::kind_name(one.target.kind);
    object["channel"] = key ? ordered_json(nullptr) : ordered_json(one.target.channel);
    object["channel_name"] = key ? ordered_json(nullptr) : ordered_json(one.name);
    object["model"] = text_or_null(one.target.model);
    object["token"] = number_or_null(one.target.token);
    object["token_name"] = key ? ordered_json(one.name.empty() ? one.target.token_name : one.name)
                               : ordered_json(nullptr);
    object["user"] = number_or_null(one.target.user);
    object["mode"] = one.mode;
    object["why"] = one.why;
    object["trip_id"] = one.trip_id;
    object["recover"] = recover_text(one.recover);
    object["back_at"] =
        one.back_at == base::Second{} ? ordered_json(nullptr) : ordered_json(rfc3339(one.back_at));
    object["change"] = nullptr;
    return object;
}

ordered_json trip_of(const TripResult& trip) {
    const auto& request = trip.request;
    return breaker_of({std::string{circuit_breaker::kind_name(trip.kind)}, request.target,
                       trip.name, circuit_breaker::mode_name(request.mode), trip.why,
                       request.trip_id, request.recover, request.back_at});
}

ordered_json circuit_of(const circuit_breaker::Circuit& circuit, std::string kind,
                        const std::string& why, circuit_breaker::Change change) {
    auto object = breaker_of({std::move(kind), circuit.target, circuit.name, "live", why,
                              circuit.trip_id, circuit.recover, circuit.back_at});
    object["change"] = text_or_null(circuit_breaker::change_name(change));
    return object;
}

/// As the audit names its steps: "whole", "trial_refused", "released".
std::string step_of(const circuit_breaker::ReturnResult& result) {
    using ReturnKind = circuit_breaker::ReturnResult::Kind;
    if (result.kind == ReturnKind::theirs) return "released";
    const std::string way = circuit_breaker::way_name(result.request.way);
    return result.kind == ReturnKind::done
               ? way
               : fmt::format("{}_{}", way, circuit_breaker::kind_name(result.kind));
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
                           {"breakers", ordered_json::array()},
                           {"site", site},
                           {"event_id", event_id}};
    return object;
}

std::string text_of(const ordered_json& object) {
    return object.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::string with_breaker(ordered_json object, ordered_json breaker) {
    object["breakers"].push_back(breaker);
    object["breaker"] = std::move(breaker);
    return text_of(object);
}

ordered_json object_of(const Notice& notice, Kind kind, std::string_view site) {
    auto object = blank(kind, notice.severity, notice.event_id, notice.at, site);
    object["rule"] = notice.rule;
    object["since"] = rfc3339(notice.since);
    if (notice.ended) object["ended"] = alerts::ending_name(*notice.ended);
    object["labels"] = key_json(notice.key, notice.about);
    if (is_built_in(notice)) return object;
    object["metric"] = alerts::metric_name(notice.metric);
    object["value"] = number(notice.value);
    object["threshold"] = notice.threshold;
    object["unit"] = notice.unit;
    object["peak"] = notice.peak;
    object["requests"] = notice.requests;
    object["contributions"] = contributions_json(notice.contributions);
    return object;
}

}  // namespace

ordered_json key_json(const std::vector<alerts::KeyName>& key, const std::string& about) {
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

ordered_json contributions_json(const std::vector<alerts::Contribution>& contributions) {
    auto all = ordered_json::array();
    for (const auto& one : contributions) {
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
    if (more.trips != nullptr) {
        for (const auto& trip : *more.trips) object["breakers"].push_back(trip_of(trip));
        if (!more.trips->empty()) object["breaker"] = object["breakers"].front();
    }
    if (more.spending != nullptr) object["spend"] = spend_of(*more.spending);
    if (notice.series.empty()) return {text_of(object)};
    std::vector<std::string> objects;
    for (const auto& one : notice.series) {
        object["labels"] = key_json(one.key, {});
        object["value"] = number(one.value);
        objects.push_back(text_of(object));
    }
    return objects;
}

std::string breaker_object(const TripResult& trip, base::Second at, std::string_view site) {
    auto object = blank(Kind::breaker, base::Severity::critical, trip.request.trip_id, at, site);
    return with_breaker(std::move(object), trip_of(trip));
}

std::string return_object(const circuit_breaker::ReturnResult& result, base::Severity severity,
                          base::Second at, std::string_view site) {
    const auto& circuit = result.request.circuit;
    auto object = blank(Kind::breaker, severity, circuit.trip_id, at, site);
    return with_breaker(std::move(object),
                        circuit_of(circuit, step_of(result), result.why, result.change));
}

std::string release_object(const circuit_breaker::Circuit& circuit, circuit_breaker::Change change,
                           base::Second at, std::string_view site) {
    auto object = blank(Kind::breaker, released_severity(circuit.target.kind, change),
                        circuit.trip_id, at, site);
    return with_breaker(std::move(object),
                        circuit_of(circuit, "released", circuit_breaker::sentence(change), change));
}

base::Severity released_severity(circuit_breaker::Target::Kind kind,
                                 circuit_breaker::Change change) {
    const bool key_is_on =
        kind == circuit_breaker::Target::Kind::token && change == circuit_breaker::Change::enabled;
    return key_is_on ? base::Severity::critical : base::Severity::warning;
}

namespace {

std::string text_in(const ordered_json& object, const char* key) {
    const auto at = object.is_object() ? object.find(key) : object.end();
    return at != object.end() && at->is_string() ? at->get<std::string>() : std::string{};
}
std::int64_t number_in(const ordered_json& object, const char* key) {
    const auto at = object.is_object() ? object.find(key) : object.end();
    return at != object.end() && at->is_number_integer() ? at->get<std::int64_t>() : 0;
}

/// Also of messages from before there were models and keys, which name channels only.
AlertObject::Tripped read_tripped(const ordered_json& breaker) {
    using circuit_breaker::Target;
    Target target;
    const auto kind = text_in(breaker, "target");
    if (kind == circuit_breaker::kind_name(Target::Kind::model)) target.kind = Target::Kind::model;
    if (kind == circuit_breaker::kind_name(Target::Kind::token)) target.kind = Target::Kind::token;
    target.channel = number_in(breaker, "channel");
    target.model = text_in(breaker, "model");
    target.token = number_in(breaker, "token");
    target.user = number_in(breaker, "user");
    const bool key = target.kind == Target::Kind::token;
    auto name = text_in(breaker, key ? "token_name" : "channel_name");
    if (key && target.token == 0) target.token_name = name;
    return {std::move(target), std::move(name)};
}

}  // namespace

AlertObject read_alert_object(std::string_view json) {
    const auto stored = ordered_json::parse(json, nullptr, false);
    AlertObject object{text_in(stored, "rule"), text_in(stored, "kind"), {}, {}};
    if (!stored.is_object()) return object;
    const auto labels = stored.find("labels");
    if (labels != stored.end() && labels->is_array()) {
        for (const auto& label : *labels)
            object.labels.push_back({text_in(label, "dimension"), text_in(label, "name")});
    }
    const auto all = stored.find("breakers");
    if (all != stored.end() && all->is_array()) {
        for (const auto& one : *all) object.tripped.push_back(read_tripped(one));
    } else if (const auto one = stored.find("breaker"); one != stored.end() && one->is_object()) {
        object.tripped.push_back(read_tripped(*one));
    }
    return object;
}

}  // namespace quotafuse::daemon
