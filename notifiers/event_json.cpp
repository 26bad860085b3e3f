#include "notifiers/event_json.h"

#include <chrono>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "notifiers/rendering.h"

namespace quotafuse::notifiers {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kMostText = 32 * 1024;
constexpr std::size_t kMostAlerts = 200 * 1024;

std::string rfc3339(std::int64_t unix_seconds) {
    const std::chrono::sys_seconds at{std::chrono::seconds{unix_seconds}};
    const auto day = std::chrono::floor<std::chrono::days>(at);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss time{at - day};
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                       time.hours().count(), time.minutes().count(), time.seconds().count());
}

/// As many alerts, in order, as have room.
ordered_json alerts_of(const Message& message) {
    auto alerts = ordered_json::array();
    std::size_t bytes = 0;
    for (const auto& text : message.alerts) {
        auto alert = ordered_json::parse(text, nullptr, false);
        bytes += text.size();
        if (!alert.is_object() || bytes > kMostAlerts) break;
        alerts.push_back(std::move(alert));
    }
    return alerts;
}

}  // namespace

std::string event_json(const Mail& mail) {
    const auto& message = mail.message;
    // The form of the outbox has the names of kinds and severities.
    const auto stored = ordered_json::parse(to_json(message));
    std::string title;
    const auto text = render_to_fit(
        message, kMostText,
        [&](const Message& part) {
            title = part.title;
            return plain_text(part);
        },
        [](const std::string& whole) { return whole.size() <= kMostText; });
    auto alerts = alerts_of(message);
    const auto truncated = message.alerts.size() - alerts.size();
    const ordered_json event = {
        {"version", 1},
        {"event_id", mail.event_id},
        {"kind", stored.at("kind")},
        {"severity", stored.at("severity")},
        {"raised_at", rfc3339(mail.put_at)},
        {"title", title},
        {"text", text},
        {"link", message.link ? ordered_json(message.link->url) : ordered_json(nullptr)},
        {"alerts", std::move(alerts)},
        {"truncated", truncated},
    };
    return event.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace quotafuse::notifiers
