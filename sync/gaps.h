#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <vector>

#include "base/clock.h"

namespace quotafuse::sync {

/// Ids below the cursor that were not there when the cursor passed them. An id is taken at INSERT,
/// the row appears at COMMIT, so they may still come; a rolled-back insert leaves its hole for
/// ever. Every poll asks for an open gap; when its time is over it is asked for four times more, at
/// longer and longer waits (the audit), and then forgotten. An empty range costs the gateway one
/// look at an index, whatever its size.
struct Gap {
    std::int64_t first = 0;
    std::int64_t last = 0;
    std::int64_t due = 0;  // unix seconds: an open one becomes audited then; else the next question
    int stage = 0;         // 0: open; n: before its n-th audit
    bool operator==(const Gap&) const = default;
    bool open() const { return stage == 0; }
};

/// From the end of a gap's open time to its audits. Each wait is counted from the question before,
/// so that a clock that jumps ahead costs at most one of them.
inline constexpr std::array<std::int64_t, 4> kAuditAges{5 * 60, 30 * 60, 2 * 3600, 24 * 3600};
/// The clocks of gateway and quotafuse may differ by this much.
inline constexpr std::int64_t kMostSkew = 300;
inline constexpr std::int64_t kForEver = std::numeric_limits<std::int64_t>::max();

/// So many ranges of each sort are kept; above that the nearest neighbours merge, which asks for a
/// few ids too many, never for one too few.
inline constexpr std::size_t kMostOpen = 1000;
inline constexpr std::size_t kMostAudited = 20'000;

/// A row by what tells whether a hole before it may still fill. Times are unix seconds.
struct Seen {
    std::int64_t id;
    std::int64_t created_at;
};

/// The holes that `rows` (by id, all above `cursor`) leave above the cursor. A hole is as old as
/// the row after it, but by no wrong clock older than `unwatched`, the seconds since the last poll
/// that left nothing behind. It starts at the stage of that age, and one older than the last audit
/// is none, because of a history nobody waits for ids that were rolled back long ago.
std::vector<Gap> find_gaps(std::int64_t cursor, const std::vector<Seen>& rows, std::int64_t now,
                           std::int64_t timeout, std::int64_t unwatched = kForEver);

/// The gaps that a poll at `now` asks for: the open ones, and the due ones of the audit, those
/// first that are due longest, at most `most_audited`. By id.
std::vector<Gap> gaps_to_ask(const std::vector<Gap>& gaps, std::int64_t now,
                             std::size_t most_audited);

/// `gaps` after `asked` of them have been asked for at `now` and `appeared` (ids, ascending) came:
/// without these ids (a range is split where one in its middle appeared), with what is due moved to
/// its next stage, or gone after its last. Both lists by id.
std::vector<Gap> after_asking(const std::vector<Gap>& gaps, const std::vector<Gap>& asked,
                              const std::vector<std::int64_t>& appeared, std::int64_t now);

/// Both into one list by id, in which no two overlap, and which keeps the bounds above.
std::vector<Gap> merge_gaps(std::vector<Gap> gaps, const std::vector<Gap>& more);

}  // namespace quotafuse::sync
