#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "circuit_breaker/other_info.h"

namespace quotafuse::circuit_breaker {

/// Models of a channel that are off by circuits of their own: the audit knows them, the gateway
/// does not.
using HeldModels = std::vector<std::string>;
inline bool holds(const HeldModels& held, const std::string& model) {
    return std::ranges::find(held, model) != held.end();
}

/// A route by its name as it is stored: in valid UTF-8, whatever bytes the gateway holds.
template <class Row>
Routes::value_type route_of(const Row& row) {
    return {base::valid_utf8(row.group), base::valid_utf8(row.model)};
}

/// Those of a channel's own abilities (rows with group, model and enabled) that somebody chose to
/// switch off. What a circuit of its own holds is none of them: it comes back with that circuit, or
/// by what a person makes of it. Empty where all are off: then somebody was just disabling the
/// channel, and that is no choice of models.
template <class Row>
std::optional<Routes> chosen_off(const std::vector<Row>& own, const HeldModels& held) {
    Routes off;
    bool any_on = false;
    for (const auto& row : own) {
        if (holds(held, row.model)) continue;
        any_on = any_on || row.enabled;
        if (!row.enabled) off.push_back(route_of(row));
    }
    return any_on ? std::optional{std::move(off)} : std::nullopt;
}

}  // namespace quotafuse::circuit_breaker
