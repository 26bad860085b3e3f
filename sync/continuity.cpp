#include "sync/continuity.h"

#include <algorithm>
#include <vector>

namespace quotafuse::sync {
namespace {

/// So many rows are looked at where one may have no say: it came later than the last audit, or the
/// store's retention took its like.
constexpr std::size_t kProbe = 16;

/// A gateway's nodes have clocks that differ by at most so many seconds.
constexpr std::int64_t kMostApart = 10;

}  // namespace

Continuity::Verdict Continuity::judge(const Position& position) {
    bool any_ours = false;
    bool any_other = false;
    bool any_unknown = false;
    std::int64_t highest = 0;
    source_.fetch_down(position.cursor, kProbe, [&](const RawRow& raw) {
        const auto id = raw.number(Column::id);
        highest = std::max(highest, id);
        const auto likeness = compare(id, fingerprint_of(raw), position);
        any_ours |= likeness == Likeness::ours;
        any_other |= likeness == Likeness::other;
        any_unknown |= likeness == Likeness::unknown;
    });
    if (any_other || (any_unknown && !any_ours)) return Verdict::replaced;
    if (highest == position.cursor && any_ours) return Verdict::same;
    const auto last = source_.last_id();
    return last == 0 || last > position.cursor ? Verdict::pruned : Verdict::behind;
}

Continuity::Beginning Continuity::find_beginning(const Position& position) {
    auto low = mirror_.lowest().value_or(position.cursor + 1);
    auto high = position.cursor + 1;  // the answer lies in [low, high]
    Beginning beginning;
    while (low < high) {
        const auto middle = low + (high - low) / 2;
        const auto evidence = probe(middle, high - 1, position);
        if (evidence && evidence->ours) {
            low = evidence->id + 1;
            beginning.first = low;
        } else {
            high = middle;
        }
    }
    if (beginning.first > 1) beginning.row_before = mirror_.find(beginning.first - 1);
    return beginning;
}

std::optional<Continuity::Evidence> Continuity::probe(std::int64_t first, std::int64_t last,
                                                      const Position& position) {
    std::optional<Evidence> sure;
    std::optional<Evidence> likely;
    source_.fetch(first, last, kProbe, [&](const RawRow& raw) {
        const auto id = raw.number(Column::id);
        const auto likeness = compare(id, fingerprint_of(raw), position);
        if (likeness == Likeness::silent) return;
        const Evidence evidence{id, likeness == Likeness::ours};
        auto& found = likeness == Likeness::unknown ? likely : sure;
        if (!found) found = evidence;
    });
    return sure ? sure : likely;
}

Continuity::Likeness Continuity::compare(std::int64_t id, const Fingerprint& theirs,
                                         const Position& position) {
    // The row at the cursor is remembered beyond the store's retention.
    const auto at_cursor = position.anchor ? position.anchor : mirror_.find(position.cursor);
    const auto ours = id == position.cursor ? at_cursor : mirror_.find(id);
    if (ours) return same_row(*ours, theirs) ? Likeness::ours : Likeness::other;
    // Whatever comes late below the cursor was made before the row at the cursor.
    if (at_cursor && theirs.created_at > at_cursor->created_at + kMostApart) return Likeness::other;
    return may_be_missing(id, theirs, position) ? Likeness::silent : Likeness::unknown;
}

/// Rows that are in the table and not in the store without a change of tables.
bool Continuity::may_be_missing(std::int64_t id, const Fingerprint& theirs,
                                const Position& position) {
    if (theirs.created_at < mirror_.kept_since()) return true;
    const auto in = [&](const Gap& gap) { return gap.first <= id && id <= gap.last; };
    if (std::any_of(position.gaps.begin(), position.gaps.end(), in)) return true;
    // Older than where the first start began. After a truncation low ids have young rows.
    const auto lowest = mirror_.lowest();
    const auto oldest = lowest ? mirror_.find(*lowest) : position.anchor;
    return id < lowest.value_or(position.first) && oldest &&
           theirs.created_at <= oldest->created_at;
}

}  // namespace quotafuse::sync
