#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "alerts/notice.h"
#include "base/clock.h"
#include "base/severity.h"
#include "circuit_breaker/action.h"
#include "circuit_breaker/circuit.h"
#include "circuit_breaker/target.h"
#include "daemon/money.h"
#include "notifiers/message.h"

namespace quotafuse::daemon {

/// For notifiers::Message::alerts: what a notice tells, for programs. One object an alert: a first
/// look at several series has one for each. All have the same members, null where they do not
/// apply; docs/notifiers.md describes them. Invalid UTF-8 becomes U+FFFD.
struct AlertMore {  // null where it is not known
    const std::vector<circuit_breaker::TripResult>* trips = nullptr;
    const Spending* spending = nullptr;
};
std::vector<std::string> alert_objects(const alerts::Notice& notice, notifiers::Message::Kind kind,
                                       const AlertMore& more, std::string_view site);
/// The same for what the breaker did when its alert had gone out already.
std::string breaker_object(const circuit_breaker::TripResult& trip, base::Second at,
                           std::string_view site);
/// For what became of a return, and for what a person made of a target.
std::string return_object(const circuit_breaker::ReturnResult& result, base::Severity severity,
                          base::Second at, std::string_view site);
std::string release_object(const circuit_breaker::Circuit& circuit, circuit_breaker::Change change,
                           base::Second at, std::string_view site);
/// A key that is on again may be a leaked one.
base::Severity released_severity(circuit_breaker::Target::Kind kind,
                                 circuit_breaker::Change change);

/// Of an alert's object: [{dimension, id (null for none), name}], and what a built-in alert is
/// about without a dimension; [{dimension, parts: [{id, name, share, share_of_rise}],
/// newest_rows}].
nlohmann::ordered_json key_json(const std::vector<alerts::KeyName>& key,
                                const std::string& about = {});
nlohmann::ordered_json contributions_json(const std::vector<alerts::Contribution>& contributions);

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
    struct Tripped {
        circuit_breaker::Target target;
        std::string name;  // of the channel or key
    };
    std::string rule;  // empty: of none
    std::string kind;  // "firing", …
    std::vector<Label> labels;
    std::vector<Tripped> tripped;  // of which the breaker has something to say
};
/// Nothing when the text is none of the above.
AlertObject read_alert_object(std::string_view json);

}  // namespace quotafuse::daemon
