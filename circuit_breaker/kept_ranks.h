#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "circuit_breaker/trial_rank.h"

namespace quotafuse::circuit_breaker {

/// A rank as the gateway's tables hold it: any of its columns may be NULL, which counts as 0 and
/// yet comes back as NULL.
struct StoredRank {
    std::optional<std::int64_t> priority{};
    std::optional<std::int64_t> weight{};  // always empty on One API, which does not route by it
    bool operator==(const StoredRank&) const = default;
    Rank rank() const { return {priority.value_or(0), weight.value_or(0)}; }
};

/// The ranks from before a trial, and that of the trial.
struct KeptRanks {
    struct Exception {
        std::string group;
        std::string model;
        StoredRank rank;
        bool operator==(const Exception&) const = default;
    };
    StoredRank channel;
    std::vector<Exception> abilities{};  // only those whose rank is not that of the channel
    Rank trial{};
    /// The abilities that are off during it, and that only somebody else would enable.
    std::vector<std::pair<std::string, std::string>> off{};  // group and model
    bool operator==(const KeptRanks&) const = default;
};

/// ReturnResult::kept.
std::string to_text(const KeptRanks& kept);
/// Empty for anything that to_text() did not write.
std::optional<KeptRanks> read_kept(const std::string& text);
/// The first of `abilities` whose name is not valid UTF-8, for people: to_text() could not write it
/// so that its rank would be put back. Empty where there is none.
std::optional<std::string> name_that_is_lost(const KeptRanks& kept);
/// Whether a trial replaces the same in both.
bool same_before(const KeptRanks& a, const KeptRanks& b);

/// An image (see TripResult::before) with the ranks from before the trial …
std::string with_ranks(const std::string& image, const KeptRanks& kept);
/// … or with that of the trial, which is the same for channel and abilities.
std::string with_trial_rank(const std::string& image, const KeptRanks& kept);

}  // namespace quotafuse::circuit_breaker
