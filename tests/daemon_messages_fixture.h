#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "daemon/messages.h"

// One alert, one trip, and what a message of them holds.
namespace quotafuse::tests {

using daemon::Config;
using daemon::Language;
using namespace std::chrono_literals;

inline Config config(Language language) {
    Config c;
    c.site = "prod";
    c.language = language;
    c.timezone = *base::TimeZone::find("Asia/Shanghai");
    return c;
}

inline alerts::Notice notice() {
    alerts::Notice n;
    n.event_id = "abc";
    n.rule = "token-burn";
    n.severity = base::Severity::critical;
    n.metric = alerts::Metric::tokens;
    n.key = {{alerts::Dimension::channel, 3, "", "3 (azure-eu)"}};
    n.value = 2'500'000;
    n.threshold = 2'000'000;
    n.window = alerts::Frame::rolling(1h);
    n.since = base::from_unix(1'767'625'200);
    n.at = n.since;
    n.zone = *base::TimeZone::find("Asia/Shanghai");
    return n;
}

inline circuit_breaker::TripResult trip(circuit_breaker::TripResult::Kind kind) {
    circuit_breaker::TripResult result;
    result.kind = kind;
    result.request.target = circuit_breaker::Target::of_channel(3);
    result.request.mode = kind == circuit_breaker::TripResult::Kind::would_trip
                              ? circuit_breaker::Mode::shadow
                              : circuit_breaker::Mode::live;
    result.name = "azure-eu";
    result.status_written = 3;
    return result;
}

inline circuit_breaker::Circuit circuit(circuit_breaker::Target target, std::string name) {
    circuit_breaker::Circuit c;
    c.trip_id = "t1";
    c.target = std::move(target);
    c.name = std::move(name);
    c.reason = "token-burn: tokens over 2,000,000 in 1h";
    c.rule = "token-burn";
    c.opened_at = notice().at;
    return c;
}

inline circuit_breaker::ReturnResult returned(circuit_breaker::Way way,
                                              circuit_breaker::ReturnResult::Kind kind) {
    circuit_breaker::ReturnResult result;
    result.kind = kind;
    result.request.way = way;
    result.request.circuit = circuit(circuit_breaker::Target::of_channel(3), "azure-eu");
    return result;
}

/// Of all sections, without their headings.
inline std::vector<std::string> lines_of(const notifiers::Message& message) {
    std::vector<std::string> lines;
    for (const auto& section : message.sections)
        lines.insert(lines.end(), section.lines.begin(), section.lines.end());
    return lines;
}

inline nlohmann::json only_object(const notifiers::Message& message) {
    REQUIRE(message.alerts.size() == 1);
    return nlohmann::json::parse(message.alerts.front());
}

}  // namespace quotafuse::tests
