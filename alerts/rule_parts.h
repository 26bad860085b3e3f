#pragma once

#include <optional>
#include <string>
#include <vector>

#include "alerts/active_hours.h"
#include "alerts/frame.h"
#include "alerts/rule.h"
#include "base/clock.h"
#include "base/time_zone.h"
#include "base/yaml.h"

namespace quotafuse::alerts {

/// The parts of a rule that are maps, lists or texts with a form of their own. Each reads one key
/// of the rule, tells its faults with their places, and returns what could be read.

/// `metric` is empty when the rule's is unknown: then every dimension is allowed.
Where read_where(base::yaml::Mapping& rule, std::optional<Metric> metric);
std::vector<Dimension> read_by(base::yaml::Mapping& rule);
std::optional<ErrorsWhen> read_errors_when(base::yaml::Mapping& rule);
/// Of a `window` that is there.
std::optional<Frame> read_window(base::yaml::Mapping& rule, const base::TimeZone& zone);
ActiveHours read_active_hours(base::yaml::Mapping& rule);
/// The values of a key that is one text or a list of texts, with their places.
std::vector<const base::yaml::Node*> read_list(base::yaml::Mapping& map, std::string_view key);
/// A duration of whole seconds.
std::optional<std::chrono::seconds> read_seconds(base::yaml::Mapping& map, std::string_view key,
                                                 std::chrono::seconds least,
                                                 std::chrono::seconds most);
/// "2026-01-05 09:00" or "2026-01-05 09:00:30", a local time of the zone. One that exists twice is
/// the first, one that does not exist the instant to which the clock jumps.
std::optional<base::Second> read_local_time(base::yaml::Mapping& map, std::string_view key,
                                            const base::TimeZone& zone);

/// "; did you mean 'x'?", or what is known where nothing is near.
std::string suggest(std::string_view word, const std::vector<std::string_view>& known);
/// "channel, provider, tag"
std::string list_of(const std::vector<Dimension>& dimensions);

}  // namespace quotafuse::alerts
