#include "notifiers/message.h"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

namespace quotafuse::notifiers {
namespace {

using nlohmann::json;

// In the order of the enumerations.
constexpr std::array<std::string_view, 7> kKinds = {"firing",  "reminder", "resolved", "breaker",
                                                    "summary", "digest",   "test"};
constexpr std::array<std::string_view, 3> kSeverities = {"info", "warning", "critical"};

template <class Enum, std::size_t Size>
Enum read(const std::array<std::string_view, Size>& words, const json& word, bool& known) {
    const auto at = std::find(words.begin(), words.end(), word.get<std::string>());
    known = known && at != words.end();
    return static_cast<Enum>(at - words.begin());
}

/// Version 1 wrote one list of lines and nothing of what came later.
std::vector<Message::Section> read_sections(const json& stored) {
    std::vector<Message::Section> sections;
    if (const auto lines = stored.find("lines"); lines != stored.end()) {
        if (!lines->empty()) sections.push_back({{}, *lines});
        return sections;
    }
    for (const auto& section : stored.at("sections")) {
        sections.push_back({section.at(0), section.at(1)});
    }
    return sections;
}

}  // namespace

std::string to_json(const Message& message) {
    auto facts = json::array();
    for (const auto& fact : message.facts) facts.push_back({fact.label, fact.value});
    auto sections = json::array();
    for (const auto& section : message.sections) {
        sections.push_back(json::array({section.heading, section.lines}));
    }
    json stored = {
        {"kind", kKinds.at(static_cast<std::size_t>(message.kind))},
        {"severity", kSeverities.at(static_cast<std::size_t>(message.severity))},
        {"title", message.title},
        {"facts", std::move(facts)},
        {"sections", std::move(sections)},
        {"footer", message.footer},
        {"brief", message.brief},
        {"alerts", message.alerts},
    };
    if (!message.recovered) stored["recovered"] = false;
    if (message.link) stored["link"] = {message.link->text, message.link->url};
    return stored.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::optional<Message> message_from_json(std::string_view text) {
    try {
        const auto stored = json::parse(text);
        bool known = true;
        Message message;
        message.kind = read<Message::Kind>(kKinds, stored.at("kind"), known);
        message.severity = read<base::Severity>(kSeverities, stored.at("severity"), known);
        if (!known) return std::nullopt;
        message.recovered = stored.value("recovered", true);
        message.title = stored.at("title");
        for (const auto& fact : stored.at("facts")) {
            message.facts.push_back({fact.at(0), fact.at(1)});
        }
        message.sections = read_sections(stored);
        if (const auto link = stored.find("link"); link != stored.end()) {
            message.link = Message::Link{link->at(0), link->at(1)};
        }
        message.footer = stored.at("footer");
        message.brief = stored.value("brief", "");
        message.alerts = stored.value("alerts", std::vector<std::string>{});
        return message;
    } catch (const json::exception&) {
        return std::nullopt;
    }
}

}  // namespace quotafuse::notifiers
