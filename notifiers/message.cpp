#include "notifiers/message.h"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

namespace quotafuse::notifiers {
namespace {

// In the order of the enumerations.
constexpr std::array<std::string_view, 7> kKinds = {"firing",  "reminder", "resolved", "breaker",
                                                    "summary", "digest",   "test"};
constexpr std::array<std::string_view, 3> kSeverities = {"info", "warning", "critical"};

template <class Enum, std::size_t Size>
std::optional<Enum> read(const std::array<std::string_view, Size>& words, std::string_view word) {
    const auto at = std::find(words.begin(), words.end(), word);
    if (at == words.end()) return std::nullopt;
    return static_cast<Enum>(at - words.begin());
}

}  // namespace

std::string to_json(const Message& message) {
    auto facts = nlohmann::json::array();
    for (const auto& fact : message.facts) facts.push_back({fact.label, fact.value});
    const nlohmann::json json = {
        {"kind", kKinds.at(static_cast<std::size_t>(message.kind))},
        {"severity", kSeverities.at(static_cast<std::size_t>(message.severity))},
        {"title", message.title},
        {"facts", std::move(facts)},
        {"lines", message.lines},
        {"footer", message.footer},
    };
    return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::optional<Message> message_from_json(std::string_view text) {
    try {
        const auto json = nlohmann::json::parse(text);
        const auto kind = read<Message::Kind>(kKinds, json.at("kind").get<std::string>());
        const auto severity =
            read<base::Severity>(kSeverities, json.at("severity").get<std::string>());
        if (!kind || !severity) return std::nullopt;
        Message message{*kind, *severity,        json.at("title"),
                        {},    json.at("lines"), json.at("footer")};
        for (const auto& fact : json.at("facts")) message.facts.push_back({fact.at(0), fact.at(1)});
        return message;
    } catch (const nlohmann::json::exception&) {
        return std::nullopt;
    }
}

}  // namespace quotafuse::notifiers
