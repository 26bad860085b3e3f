#include "daemon/breaker_json.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/duration.h"
#include "base/failure.h"
#include "daemon/wording.h"

namespace quotafuse::daemon {
namespace {

using circuit_breaker::Target;
using Json = nlohmann::json;

Json optional_time(base::Second t) {
    return t == base::Second{} ? Json(nullptr) : Json(base::unix_seconds(t));
}

Json target_json(const Target& target, const std::string& name) {
    return {{"kind", circuit_breaker::kind_name(target.kind)},
            {"channel", target.channel},
            {"model", target.model},
            {"token", target.token},
            {"user", target.user},
            {"token_name", target.token_name},
            {"name", name}};
}

Json leading_json(const std::optional<circuit_breaker::LeadingKey>& leading) {
    if (!leading) return nullptr;
    return {{"id", leading->id}, {"name", leading->name}, {"share", leading->share}};
}

Json pause_json(const std::optional<circuit_breaker::Pause>& pause) {
    if (!pause) return nullptr;
    return {{"since", base::unix_seconds(pause->since)},
            {"until", optional_time(pause->until)},
            {"reason", pause->reason}};
}

/// What the audit has as JSON; null for none.
Json image_json(const std::string& text) {
    auto json = Json::parse(text, nullptr, false);
    return json.is_object() ? json : Json(nullptr);
}

/// Who asked for what an entry tells.
std::string asked_by(circuit_breaker::Audit& audit, const circuit_breaker::Audit::Entry& entry) {
    constexpr std::array kReturns{"whole", "trial", "settle", "again"};
    const auto way = entry.step.substr(0, entry.step.find('_'));
    if (std::ranges::find(kReturns, way) != kReturns.end()) return audit.return_asked_by(entry);
    if (!circuit_breaker::is_trip_end(entry.step) && entry.step != "unknown") return {};
    return entry.rule.empty() ? std::string{kAskedByPerson} : "rule " + entry.rule;
}

/// A trip of which nobody knows how it ended has a circuit, which tells more.
Json unfinished_json(circuit_breaker::Audit& audit) {
    auto unfinished = Json::array();
    for (const auto& [request, asked_at, notifiers] : audit.pending_intents()) {
        if (audit.circuits().of_trip(request.trip_id)) continue;
        auto json = target_json(request.target, "");
        json["trip_id"] = request.trip_id;
        json["mode"] = circuit_breaker::mode_name(request.mode);
        json["asked_at"] = base::unix_seconds(asked_at);
        json["reason"] = request.reason;
        json["rule"] = request.rule;
        unfinished.push_back(std::move(json));
    }
    return unfinished;
}

/// The text names the target already.
std::string with_remark(std::string text, const std::string& why, const Target& target) {
    return why.empty() ? text : fmt::format("{}: {}", text, circuit_breaker::with_it(why, target));
}

/// Of a person's order that a guard held back.
const char* what_to_do(circuit_breaker::TripCause::Kind kind) {
    using Kind = circuit_breaker::TripCause::Kind;
    if (kind == Kind::last_usable || kind == Kind::undone)
        return "; --even-if-last switches it off all the same";
    if (kind == Kind::again_dark)
        return "; `quotafuse breaker restore` it, then `quotafuse breaker trip` with "
               "--even-if-last switches it off all the same";
    if (kind == Kind::paused) return "; `quotafuse breaker resume` ends that";
    if (kind == Kind::settling) return "; try again after breaker.settle";
    if (kind == Kind::off) return "; set breaker.mode in quotafuse.yaml, and reload";
    return "";
}

/// Of a trip that a pause held back also since when, until when and why.
std::string refusal_text(const circuit_breaker::TripResult& result, const std::string& pause) {
    const bool paused = result.cause.kind == circuit_breaker::TripCause::Kind::paused;
    return paused && !pause.empty() ? "the breaker is " + pause : result.why;
}

std::string sentence_of(const circuit_breaker::TripResult& result, const std::string& pause) {
    using Kind = circuit_breaker::TripResult::Kind;
    const auto object = object_text(result.request.target, result.name);
    switch (result.kind) {
        case Kind::tripped:
            return with_remark(object + " is off", result.why, result.request.target);
        case Kind::would_trip:
            return with_remark(object + " would be switched off; nothing was written", result.why,
                               result.request.target);
        case Kind::refused:
            return with_remark(object + " was not switched off", refusal_text(result, pause),
                               result.request.target) +
                   what_to_do(result.cause.kind);
        case Kind::already_off:
        case Kind::lost_race:
        case Kind::failed:
            return with_remark(object + " was not switched off", result.why, result.request.target);
        case Kind::unknown:
            return with_remark("it is not known whether " + object +
                                   " is off; quotafuse asks again (see `quotafuse breaker list`)",
                               result.why, result.request.target);
    }
    std::abort();
}

const char* returned_text(circuit_breaker::Way way) {
    switch (way) {
        case circuit_breaker::Way::whole:
            return " is given back";
        case circuit_breaker::Way::trial:
            return " is on trial";
        case circuit_breaker::Way::settle:
            return " is given back for good, with its own rank";
        case circuit_breaker::Way::again:
            return " is off again";
    }
    std::abort();
}

std::string sentence_of(const circuit_breaker::ReturnResult& result) {
    using Kind = circuit_breaker::ReturnResult::Kind;
    const auto& circuit = result.request.circuit;
    const auto object = object_text(circuit.target, circuit.name);
    const bool off = result.request.way == circuit_breaker::Way::again;
    switch (result.kind) {
        case Kind::done:
            return with_remark(object + returned_text(result.request.way), result.why,
                               circuit.target);
        case Kind::would_be:
            return with_remark(object + (off ? " would be switched off; nothing was written"
                                             : " would be given back; nothing was written"),
                               result.why, circuit.target);
        case Kind::theirs:
            return with_remark(object + " is left as it is, and quotafuse no longer answers for it",
                               result.why, circuit.target);
        case Kind::refused:
        case Kind::failed:
            return with_remark(object + (off ? " was not switched off" : " was not given back"),
                               result.why, circuit.target) +
                   what_to_do(result.cause.kind);
        case Kind::unknown:
            return with_remark("it is not known whether " + object +
                                   (off ? " is off" : " is back") +
                                   "; quotafuse asks again (see `quotafuse breaker list`)",
                               result.why, circuit.target);
        case Kind::ranks_read:
            break;  // on its way
    }
    std::abort();
}

Json answer(bool ok, std::string_view outcome, const std::string& text) {
    return {{"done", true},          {"ok", ok},
            {"outcome", outcome},    {"text", text},
            {"dark", Json::array()}, {"unused_dark", Json::array()}};
}

std::string dump(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// Of a step that answered a trip; empty for others.
std::optional<std::string> trip_answer(const circuit_breaker::Audit::Entry& entry) {
    using Kind = circuit_breaker::TripResult::Kind;
    for (const auto kind : {Kind::tripped, Kind::would_trip, Kind::refused, Kind::already_off,
                            Kind::lost_race, Kind::failed, Kind::unknown}) {
        if (entry.step != circuit_breaker::kind_name(kind)) continue;
        circuit_breaker::TripResult result;
        result.kind = kind;
        result.request.target = entry.target;
        result.name = entry.name;
        result.why = entry.why;
        return answer_json(result);
    }
    return {};
}

/// What a person asked for with this step; empty for others, and for what quotafuse itself asked.
std::optional<circuit_breaker::Way> ordered_way(const circuit_breaker::Audit::Entry& entry) {
    using circuit_breaker::Way;
    if (entry.why != kAskedByPerson) return {};
    if (entry.step == "whole_asked") return Way::whole;
    if (entry.step == "again_asked") return Way::again;
    return {};
}

/// Of a step that answered a return of this way; empty for others.
std::optional<circuit_breaker::ReturnResult> return_result(
    const circuit_breaker::Audit::Entry& entry, circuit_breaker::Way way) {
    using Kind = circuit_breaker::ReturnResult::Kind;
    const std::string done = circuit_breaker::way_name(way);
    const std::map<std::string, Kind> steps{{done, Kind::done},
                                            {done + "_refused", Kind::refused},
                                            {done + "_failed", Kind::failed},
                                            {done + "_unknown", Kind::unknown},
                                            {"released", Kind::theirs}};
    const auto step = steps.find(entry.step);
    if (step == steps.end()) return {};
    circuit_breaker::ReturnResult result;
    result.kind = step->second;
    result.request.way = way;
    result.request.circuit.target = entry.target;
    result.request.circuit.name = entry.name;
    result.why = entry.why;
    return result;
}

/// What the newest order of a person for a return came to. What quotafuse asked for later by itself
/// is no answer to it.
std::optional<std::string> recorded_return(
    const std::vector<circuit_breaker::Audit::Entry>& entries) {
    for (auto asked = entries.rbegin(); asked != entries.rend(); ++asked) {
        const auto way = ordered_way(*asked);
        if (!way) continue;
        std::string answer;
        for (auto entry = asked.base(); entry != entries.end(); ++entry) {
            const auto result = return_result(*entry, *way);
            if (!result) continue;
            answer = answer_json(*result);
            // What is unknown is asked again.
            if (result->kind != circuit_breaker::ReturnResult::Kind::unknown) break;
        }
        return answer;
    }
    return {};
}

}  // namespace

std::string answer_json(const circuit_breaker::TripResult& result, const std::string& pause) {
    using Kind = circuit_breaker::TripResult::Kind;
    const bool ok = result.kind == Kind::tripped || result.kind == Kind::would_trip;
    auto json = answer(ok, circuit_breaker::kind_name(result.kind), sentence_of(result, pause));
    json["dark"] = result.dark_models;
    json["unused_dark"] = result.unused_dark;
    json["traffic_seconds"] = result.traffic.count();
    return dump(json);
}

std::string answer_json(const circuit_breaker::ReturnResult& result) {
    using Kind = circuit_breaker::ReturnResult::Kind;
    const bool ok = result.kind == Kind::done || result.kind == Kind::would_be;
    return dump(answer(ok, circuit_breaker::kind_name(result.kind), sentence_of(result)));
}

std::optional<std::string> recorded_answer(
    const std::vector<circuit_breaker::Audit::Entry>& entries, bool of_return) {
    if (of_return) return recorded_return(entries);
    for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
        if (entry->step == "intent") return "";
        if (auto answer = trip_answer(*entry)) return answer;
    }
    return {};
}

Json circuit_json(const circuit_breaker::Circuit& circuit) {
    auto json = target_json(circuit.target, circuit.name);
    json["trip_id"] = circuit.trip_id;
    json["mode"] = "live";
    json["state"] = circuit_breaker::state_name(circuit.state);
    json["since"] = base::unix_seconds(circuit.opened_at);
    json["reason"] = circuit.reason;
    json["rule"] = circuit.rule;
    json["recover"] = recover_text(circuit.recover);
    json["back_at"] = optional_time(circuit.back_at);
    json["failed_trials"] = circuit.failed_trials;
    json["trial_at"] = optional_time(circuit.trial_at);
    json["pending"] =
        circuit.pending ? Json(circuit_breaker::way_name(*circuit.pending)) : Json(nullptr);
    json["leading"] = leading_json(circuit.leading);
    json["before"] = image_json(circuit.before);
    json["after"] = image_json(circuit.after);
    json["ranks"] = image_json(circuit.intended.empty() ? circuit.kept : circuit.intended);
    return json;
}

Json entry_json(const circuit_breaker::Audit::Entry& entry) {
    auto json = target_json(entry.target, entry.name);
    if (entry.trip_id.empty()) json["kind"] = "";
    json["at"] = base::unix_seconds(entry.at);
    json["trip_id"] = entry.trip_id;
    json["mode"] = entry.mode;
    json["result"] = entry.step;
    json["rule"] = entry.rule;
    json["reason"] = entry.reason;
    json["why"] = entry.why;
    json["change"] = circuit_breaker::change_name(entry.change);
    json["cause"] = entry.cause;
    return json;
}

Json recent_json(circuit_breaker::Audit& audit,
                 const std::vector<circuit_breaker::Audit::Entry>& entries) {
    auto recent = Json::array();
    for (const auto& entry : entries) {
        auto json = entry_json(entry);
        json["asked_by"] = asked_by(audit, entry);
        json["before"] = image_json(entry.before);
        json["after"] = image_json(entry.after);
        recent.push_back(std::move(json));
    }
    return recent;
}

Json breaker_json(circuit_breaker::Audit& audit, const std::optional<circuit_breaker::Pause>& pause,
                  const Config& config, std::size_t entries) {
    auto open = Json::array();
    for (const auto& circuit : audit.circuits().all()) open.push_back(circuit_json(circuit));
    return {{"mode", circuit_breaker::mode_name(config.breaker.mode)},
            {"paused", pause_json(pause)},
            {"open", open},
            {"unfinished", unfinished_json(audit)},
            {"recent", recent_json(audit, audit.last_outcomes(entries))}};
}

std::string recover_text(const base::Recovery& recover) {
    using Kind = base::Recovery::Kind;
    switch (recover.kind) {
        case Kind::manual:
            return "manual";
        case Kind::after:
            return "after " + base::format_duration(recover.wait);
        case Kind::tomorrow:
            return "until tomorrow";
        case Kind::next_month:
            return "until next_month";
        case Kind::half_open:
            return "half_open";
    }
    std::abort();
}

base::Seconds pause_length(const std::string& typed) {
    constexpr base::Seconds kLongest{366 * 86400};
    const auto length = base::parse_duration(typed);
    if (length && *length >= base::Seconds{1} && *length <= kLongest) return *length;
    throw base::Failure(
        base::ExitCode::usage,
        fmt::format("--for: '{}' is no time such as 30m, 2h or 3d, at most 366d", typed));
}

std::string pause_end_text(const circuit_breaker::Pause& pause, const base::TimeZone& zone) {
    if (pause.until == base::Second{}) return "until `quotafuse breaker resume`";
    return "until " + zone.format(pause.until);
}

std::string pause_text(const circuit_breaker::Pause& pause, const base::TimeZone& zone) {
    return fmt::format("paused since {} {}{}", zone.format(pause.since),
                       pause_end_text(pause, zone),
                       pause.reason.empty() ? "" : fmt::format(" (reason: {})", pause.reason));
}

std::string pause_text(const std::optional<circuit_breaker::Pause>& pause,
                       const base::TimeZone& zone) {
    return pause ? pause_text(*pause, zone) : std::string{};
}

std::string object_text(const Target& target, const std::string& name) {
    const auto text = circuit_breaker::describe(target);
    const bool named = target.kind == Target::Kind::token && target.token == 0;
    return name.empty() || named ? text : fmt::format("{} ({})", text, name);
}

}  // namespace quotafuse::daemon
