#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace quotafuse::circuit_breaker {

/// Group and model of abilities.
using Routes = std::vector<std::pair<std::string, std::string>>;

/// What stands in `channels.other_info.quotafuse` of a New API while a channel is off, or on trial,
/// by our hand.
struct Mark {
    std::string trip;
    bool trial = false;
    std::string kept{};  // of a trial: see ReturnResult::kept
    /// Group and model of the channel's abilities that were disabled before the trip.
    Routes off{};
    bool operator==(const Mark&) const = default;
};
std::optional<Mark> read_mark(const std::optional<std::string>& other_info);

/// `other_info` with this mark and a reason for people. Always a valid JSON object, because an
/// older New API's channel page breaks on anything else; keys that were there stay, and what was no
/// object (NULL, '', garbage, one nested without end) counts as empty. `now` in unix seconds.
std::string with_mark(const std::optional<std::string>& other_info, const Mark& mark,
                      const std::string& reason, std::int64_t now);

/// `other_info` without mark and reason of ours: exactly `before`, where nothing else changed since
/// (empty: nobody knows what was there before), else with before's reason.
std::optional<std::string> without_mark(const std::optional<std::string>& other_info,
                                        const std::optional<std::optional<std::string>>& before);

/// Whether without_mark() may have made it: it has no mark, and its reason is that of `before`.
bool is_without_mark(const std::optional<std::string>& other_info,
                     const std::optional<std::optional<std::string>>& before);

}  // namespace quotafuse::circuit_breaker
