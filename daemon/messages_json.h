#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "alerts/notice.h"
#include "base/clock.h"
#include "base/severity.h"
#include "circuit_breaker/action.h"
#include "daemon/money.h"
#include "notifiers/message.h"

namespace quotafuse::daemon {

/// For notifiers::Message::alerts: what a notice tells, for programs. One object an alert: a first
/// look at several series has one for each. All have the same members, null where they do not
/// apply; docs/notifiers.md describes them. Invalid UTF-8 becomes U+FFFD.
struct AlertMore {  // null where it is not known
    const circuit_breaker::TripResult* trip = nullptr;
    const Spending* spending = nullptr;
};
std::vector<std::string> alert_objects(const alerts::Notice& notice, notifiers::Message::Kind kind,
                                       const AlertMore& more, std::string_view site);
/// The same for what the breaker did when its alert had gone out already.
std::string breaker_object(const circuit_breaker::TripResult& trip, base::Second at,
                           std::string_view site);

/// "firing", …: as the objects, the webhook and the outbox name kinds.
std::string_view kind_word(notifiers::Message::Kind kind);
/// "info", …: as they and the status name severities.
std::string_view severity_word(base::Severity severity);

/// The little that the messages of many are made from.
struct AlertObject {
    struct Label {
        std::string dimension;  // empty: of none
        std::string name;
        bool operator==(const Label&) const = default;
    };
    struct Channel {
        std::int64_t id = 0;
        std::string name;
    };
    std::string rule;  // empty: of none
    std::string kind;  // "firing", …
    std::vector<Label> labels;
    std::optional<Channel> tripped;  // of which the breaker has something to say
};
/// Nothing when the text is none of the above.
AlertObject read_alert_object(std::string_view json);

}  // namespace quotafuse::daemon
