#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/severity.h"

namespace quotafuse::notifiers {

/// What people are to be told, in their language. All texts are plain and untrusted (a model may be
/// called "<b>"): each provider escapes, and cuts what is too long for it.
struct Message {
    enum class Kind { firing, reminder, resolved, breaker, summary, digest, test };
    struct Fact {
        std::string label;
        std::string value;
        bool operator==(const Fact&) const = default;
    };

    Kind kind = Kind::firing;
    base::Severity severity = base::Severity::info;
    std::string title;
    std::vector<Fact> facts;
    std::vector<std::string> lines;
    std::string footer;  // site, event id, time

    bool operator==(const Message&) const = default;
};

/// The form in which the outbox keeps a message. Invalid UTF-8 becomes U+FFFD.
std::string to_json(const Message& message);
/// Nothing when `json` was not written by to_json().
std::optional<Message> message_from_json(std::string_view json);

}  // namespace quotafuse::notifiers
