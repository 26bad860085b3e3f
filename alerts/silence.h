#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "alerts/names.h"
#include "alerts/rule.h"
#include "base/clock.h"

namespace quotafuse::alerts {

/// Mutes notices of what it matches until its end; state goes on. A silence of notices only leaves
/// the breaker alone.
struct Silence {
    std::int64_t id = 0;   // given when it is stored
    std::string rule;      // name or glob; "*" is every rule and every built-in alert
    Where where;           // on the series' key: a condition on what it has not in its key fails
    base::Second from{};   // engine or wall second from which it holds; may be in the future
    base::Second until{};  // it holds at from ≤ t < until
    std::string reason;
    bool holds_actions = false;
    bool operator==(const Silence&) const = default;
};

/// Whether the silence holds at t for a series of the rule. Patterns are matched with the name of a
/// channel, token or user (of a token also with "name (owner)"), and with the text of the others.
bool silences(const Silence& silence, const std::string& rule, const std::vector<KeyName>& key,
              base::Second t);
/// Whether it is about the rule at all.
bool concerns(const Silence& silence, const std::string& rule);

/// The form in which it is stored, and written to the events that replay reads: a JSON object with
/// every member, the id too. A silence from JSON is empty where the text is no such object.
std::string to_json(const Silence& silence);
std::optional<Silence> silence_from_json(std::string_view json);

}  // namespace quotafuse::alerts
