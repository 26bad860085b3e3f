#include <algorithm>

#include <fmt/format.h>

#include "daemon/bundle_text.h"
#include "daemon/messages.h"
#include "daemon/messages_json.h"

// What messages say of what comes back, and of what people change.
namespace quotafuse::daemon {
namespace {

using base::Severity;
using circuit_breaker::Change;
using circuit_breaker::Circuit;
using circuit_breaker::ReturnResult;
using circuit_breaker::Target;
using circuit_breaker::TripCause;
using circuit_breaker::Way;
using notifiers::Message;

/// Good news wakes nobody; what somebody should look at now does.
Severity severity_of(const ReturnResult& result) {
    switch (result.kind) {
        case ReturnResult::Kind::done:
            return result.request.way == Way::again ? Severity::warning : Severity::info;
        case ReturnResult::Kind::would_be:
            return Severity::info;
        case ReturnResult::Kind::failed:
            return Severity::warning;
        case ReturnResult::Kind::refused:  // ill, and nothing else is left
            return result.cause.kind == TripCause::Kind::again_dark ? Severity::critical
                                                                    : Severity::warning;
        case ReturnResult::Kind::unknown:
            return Severity::critical;
        case ReturnResult::Kind::ranks_read:
            break;
        case ReturnResult::Kind::theirs:
            return released_severity(result.request.circuit.target.kind, result.change);
    }
    std::abort();
}

}  // namespace

/// What all messages about a circuit have: why it went off, and when.
Message Messages::of_circuit(const Circuit& circuit) const {
    Message message;
    message.kind = Message::Kind::breaker;
    if (!circuit.reason.empty()) {
        message.facts.push_back(
            {std::string{words_.say("熔断原因", "Tripped for")}, circuit.reason});
    }
    message.facts.push_back(
        {std::string{words_.say("禁用于", "Disabled at")}, zone_.format(circuit.opened_at)});
    return message;
}

Message Messages::returned(const ReturnResult& result, base::Second at,
                           std::string_view detail) const {
    const auto& circuit = result.request.circuit;
    auto message = of_circuit(circuit);
    message.severity = severity_of(result);
    message.title = words_.outcome(result);
    if (!detail.empty()) {
        const auto label = circuit.trial_at == base::Second{} ? words_.say("说明", "Detail")
                                                              : words_.say("试用结果", "Trial");
        message.facts.push_back({std::string{label}, std::string{detail}});
    }
    message.sections.push_back({std::string{words_.breaker()}, words_.consequences(result, zone_)});
    const auto colon = detail.empty() ? std::string_view{} : words_.say("：", ": ");
    message.brief = brief_of(fmt::format("{}{}{}", message.title, colon, detail));
    message.alerts = {return_object(result, message.severity, at, site_)};
    frame_.close(message, circuit.trip_id, zone_, at);
    return message;
}

Message Messages::released(const Circuit& circuit, Change change, base::Second at) const {
    auto message = of_circuit(circuit);
    message.severity = released_severity(circuit.target.kind, change);
    message.title = words_.released(circuit, change);
    message.sections.push_back(
        {std::string{words_.breaker()}, words_.consequences(circuit, change)});
    message.brief = brief_of(message.title);
    message.alerts = {release_object(circuit, change, at, site_)};
    frame_.close(message, circuit.trip_id, zone_, at);
    return message;
}

}  // namespace quotafuse::daemon
