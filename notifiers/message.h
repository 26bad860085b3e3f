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
    /// Lines that belong together, such as those of the channels that cost most.
    struct Section {
        std::string heading;  // may be empty
        std::vector<std::string> lines;
        bool operator==(const Section&) const = default;
    };
    struct Link {
        std::string text;
        std::string url;  // http:// or https://, of our own configuration
        bool operator==(const Link&) const = default;
    };

    Kind kind = Kind::firing;
    base::Severity severity = base::Severity::info;
    /// Of a resolved one: false where it is over and nobody knows whether all is well.
    bool recovered = true;
    std::string title;
    std::vector<Fact> facts;
    std::vector<Section> sections;
    std::optional<Link> link;
    std::string footer;  // site, event id, time
    /// The whole message in one line, for a list of many.
    std::string brief;
    /// For programs: JSON objects, one an alert; their members stand in docs/notifiers.md.
    std::vector<std::string> alerts;

    bool operator==(const Message&) const = default;
};

/// The form in which the outbox keeps a message. Invalid UTF-8 becomes U+FFFD.
std::string to_json(const Message& message);
/// Nothing when `json` was not written by to_json(). Reads what every earlier version wrote.
std::optional<Message> message_from_json(std::string_view json);

}  // namespace quotafuse::notifiers
