#include "daemon/breaker_json.h"

#include <cstdlib>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/duration.h"

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

std::string with_remark(std::string text, const std::string& why) {
    return why.empty() ? text : fmt::format("{}: {}", text, why);
}

std::string sentence_of(const circuit_breaker::TripResult& result) {
    using Kind = circuit_breaker::TripResult::Kind;
    const auto object = object_text(result.request.target, result.name);
    switch (result.kind) {
        case Kind::tripped:
            return with_remark(object + " is off", result.why);
        case Kind::would_trip:
            return with_remark(object + " would be switched off, nothing was written", result.why);
        case Kind::refused:
        case Kind::already_off:
        case Kind::lost_race:
        case Kind::failed:
            return with_remark(object + " was not switched off", result.why);
        case Kind::unknown:
            return with_remark("nobody knows whether " + object + " is off", result.why);
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
            return with_remark(object + returned_text(result.request.way), result.why);
        case Kind::would_be:
            return with_remark(object + (off ? " would be switched off, nothing was written"
                                             : " would be given back, nothing was written"),
                               result.why);
        case Kind::theirs:
            return with_remark(object + " is left as it is, quotafuse answers for it no more",
                               result.why);
        case Kind::refused:
        case Kind::failed:
            return with_remark(object + (off ? " was not switched off" : " was not given back"),
                               result.why);
        case Kind::unknown:
            return with_remark("nobody knows whether " + object + (off ? " is off" : " is back"),
                               result.why);
    }
    std::abort();
}

std::string answer(bool ok, std::string_view outcome, const std::string& text,
                   const std::vector<std::string>& dark,
                   const std::vector<std::string>& unused_dark) {
    const Json json{{"done", true}, {"ok", ok},     {"outcome", outcome},
                    {"text", text}, {"dark", dark}, {"unused_dark", unused_dark}};
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string answer_json(const circuit_breaker::TripResult& result) {
    using Kind = circuit_breaker::TripResult::Kind;
    const bool ok = result.kind == Kind::tripped || result.kind == Kind::would_trip;
    return answer(ok, circuit_breaker::kind_name(result.kind), sentence_of(result),
                  result.dark_models, result.unused_dark);
}

std::string answer_json(const circuit_breaker::ReturnResult& result) {
    using Kind = circuit_breaker::ReturnResult::Kind;
    const bool ok = result.kind == Kind::done || result.kind == Kind::would_be;
    return answer(ok, circuit_breaker::kind_name(result.kind), sentence_of(result), {}, {});
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
    return json;
}

Json entry_json(const circuit_breaker::Audit::Entry& entry) {
    auto json = target_json(entry.target, entry.name);
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

Json breaker_json(circuit_breaker::Audit& audit, const std::optional<circuit_breaker::Pause>& pause,
                  const Config& config, std::size_t entries) {
    auto open = Json::array();
    for (const auto& circuit : audit.circuits().all()) open.push_back(circuit_json(circuit));
    auto recent = Json::array();
    for (const auto& entry : audit.last_outcomes(entries)) recent.push_back(entry_json(entry));
    return {{"mode", circuit_breaker::mode_name(config.breaker.mode)},
            {"paused", pause_json(pause)},
            {"open", open},
            {"recent", recent}};
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

std::string object_text(const Target& target, const std::string& name) {
    const auto text = circuit_breaker::describe(target);
    const bool named = target.kind == Target::Kind::token && target.token == 0;
    return name.empty() || named ? text : fmt::format("{} ({})", text, name);
}

}  // namespace quotafuse::daemon
