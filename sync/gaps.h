#pragma once

#include <cstdint>
#include <vector>

#include "base/clock.h"

namespace quotafuse::sync {

/// Ids below the cursor that were not there when the cursor passed them. An id is taken at INSERT,
/// the row appears at COMMIT, so they may still come; a rolled-back insert leaves its hole for
/// ever.
struct Gap {
    std::int64_t first = 0;
    std::int64_t last = 0;
    std::int64_t deadline = 0;  // unix seconds; afterwards nobody asks again
    bool operator==(const Gap&) const = default;
};

/// A row by what tells whether a hole before it may still fill. Times are unix seconds.
struct Seen {
    std::int64_t id;
    std::int64_t created_at;
};
/// The clocks of gateway and quotafuse may differ by this much.
inline constexpr std::int64_t kMostSkew = 300;

/// The holes that `rows` (by id, all above `cursor`) leave above the cursor, to be asked for until
/// now + timeout. A hole before a row that is older than that already is no gap: of a history
/// nobody waits for ids that were rolled back long ago.
std::vector<Gap> find_gaps(std::int64_t cursor, const std::vector<Seen>& rows, std::int64_t now,
                           std::int64_t timeout);

/// `gaps` without the ids that have appeared (ascending) and without those past their deadline; a
/// range is split where an id in its middle appeared. At most kMostGaps ranges stay: above that the
/// nearest merge.
inline constexpr std::size_t kMostGaps = 1000;
std::vector<Gap> close_gaps(const std::vector<Gap>& gaps, const std::vector<std::int64_t>& appeared,
                            std::int64_t now);

}  // namespace quotafuse::sync
