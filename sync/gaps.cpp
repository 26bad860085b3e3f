#include "sync/gaps.h"

#include <algorithm>
#include <iterator>

namespace quotafuse::sync {
namespace {

bool by_first(const Gap& a, const Gap& b) {
    return a.first < b.first;
}

/// An open gap stays so until its youngest part is due; an audited one is asked for as often and as
/// soon as any part of it.
void widen(Gap& wide, const Gap& gap) {
    wide.last = std::max(wide.last, gap.last);
    wide.due = wide.open() ? std::max(wide.due, gap.due) : std::min(wide.due, gap.due);
    wide.stage = std::min(wide.stage, gap.stage);
}

/// No gap_timeout is longer than this.
constexpr std::int64_t kLongestOpen = 3600;

/// Merges the neighbours that are nearest to each other until `most` are left.
void merge_nearest(std::vector<Gap>& gaps, std::size_t most) {
    if (gaps.size() <= most) return;
    std::vector<std::int64_t> distances;
    distances.reserve(gaps.size());
    for (std::size_t i = 1; i < gaps.size(); ++i) {
        distances.push_back(gaps[i].first - gaps[i - 1].last);
    }
    auto too_many = gaps.size() - most;
    const auto last_merged = distances.begin() + static_cast<std::ptrdiff_t>(too_many) - 1;
    std::nth_element(distances.begin(), last_merged, distances.end());
    const auto near = *last_merged;

    std::vector<Gap> merged{gaps.front()};
    for (std::size_t i = 1; i < gaps.size(); ++i) {
        auto& wide = merged.back();
        if (too_many > 0 && gaps[i].first - gaps[i - 1].last <= near) {
            widen(wide, gaps[i]);
            --too_many;
        } else {
            merged.push_back(gaps[i]);
        }
    }
    gaps = std::move(merged);
}

/// One sort's ranges, by id: of those that overlap one is made.
void join_overlapping(std::vector<Gap>& gaps) {
    std::vector<Gap> joined;
    for (const auto& gap : gaps) {
        if (joined.empty() || gap.first > joined.back().last)
            joined.push_back(gap);
        else
            widen(joined.back(), gap);
    }
    gaps = std::move(joined);
}

/// What of the audited ranges is in no open one, which is asked for more often and audited later.
std::vector<Gap> without(const std::vector<Gap>& audited, const std::vector<Gap>& open) {
    std::vector<Gap> left;
    auto cut = open.begin();
    for (auto gap : audited) {
        while (cut != open.end() && cut->last < gap.first) ++cut;
        for (auto next = cut; next != open.end() && next->first <= gap.last; ++next) {
            if (next->first > gap.first)
                left.push_back({gap.first, next->first - 1, gap.due, gap.stage});
            gap.first = next->last + 1;
        }
        if (gap.first <= gap.last) left.push_back(gap);
    }
    return left;
}

/// How long after the question before the one of this stage comes.
std::int64_t wait_of(int stage) {
    const auto n = static_cast<std::size_t>(stage - 1);
    return n == 0 ? kAuditAges[0] : kAuditAges[n] - kAuditAges[n - 1];
}

bool is_due(const Gap& gap, std::int64_t now) {
    // A due time further away than its wait was written before the clock was set back.
    return gap.due <= now || gap.due > now + wait_of(gap.stage);
}

/// What becomes of a gap that was asked for in vain; false when nobody asks for it again.
bool age(Gap& gap, std::int64_t now) {
    // One that is due in a far future was found before the clock was set back.
    if (gap.open() && gap.due >= now && gap.due <= now + kLongestOpen) return true;
    if (gap.stage == static_cast<int>(kAuditAges.size())) return false;
    ++gap.stage;
    gap.due = now + wait_of(gap.stage);
    return true;
}

/// A hole before a row of that age, which nobody has asked for yet; false when it is too old.
bool place(Gap& gap, std::int64_t age, std::int64_t now, std::int64_t timeout) {
    if (age <= timeout + kMostSkew) {
        gap.due = now + timeout;
        return true;
    }
    const auto* const next = std::upper_bound(kAuditAges.begin(), kAuditAges.end(), age);
    if (next == kAuditAges.end()) return false;
    gap.stage = static_cast<int>(next - kAuditAges.begin()) + 1;
    gap.due = now + *next - age;
    return true;
}

}  // namespace

std::vector<Gap> find_gaps(std::int64_t cursor, const std::vector<Seen>& rows, std::int64_t now,
                           std::int64_t timeout, std::int64_t unwatched) {
    std::vector<Gap> gaps;
    for (const auto& row : rows) {
        Gap gap{cursor + 1, row.id - 1};
        const auto age = std::min(now - row.created_at, unwatched);
        if (gap.first <= gap.last && place(gap, age, now, timeout)) gaps.push_back(gap);
        cursor = row.id;
    }
    return gaps;
}

std::vector<Gap> gaps_to_ask(const std::vector<Gap>& gaps, std::int64_t now,
                             std::size_t most_audited) {
    std::vector<Gap> asked;
    std::vector<Gap> due;
    for (const auto& gap : gaps) {
        if (gap.open())
            asked.push_back(gap);
        else if (is_due(gap, now))
            due.push_back(gap);
    }
    if (due.size() > most_audited) {
        std::sort(due.begin(), due.end(), [](const Gap& a, const Gap& b) { return a.due < b.due; });
        due.resize(most_audited);
    }
    asked.insert(asked.end(), due.begin(), due.end());
    std::sort(asked.begin(), asked.end(), by_first);
    return asked;
}

std::vector<Gap> after_asking(const std::vector<Gap>& gaps, const std::vector<Gap>& asked,
                              const std::vector<std::int64_t>& appeared, std::int64_t now) {
    std::vector<Gap> left;
    auto question = asked.begin();
    for (auto gap : gaps) {
        while (question != asked.end() && question->first < gap.first) ++question;
        const bool was_asked = question != asked.end() && question->first == gap.first;
        if (was_asked && !age(gap, now)) continue;
        auto first = gap.first;
        for (auto id = std::lower_bound(appeared.begin(), appeared.end(), first);
             id != appeared.end() && *id <= gap.last; ++id) {
            if (*id > first) left.push_back({first, *id - 1, gap.due, gap.stage});
            first = *id + 1;
        }
        if (first <= gap.last) left.push_back({first, gap.last, gap.due, gap.stage});
    }
    return merge_gaps(std::move(left), {});
}

std::vector<Gap> merge_gaps(std::vector<Gap> gaps, const std::vector<Gap>& more) {
    gaps.insert(gaps.end(), more.begin(), more.end());
    std::vector<Gap> open;
    std::vector<Gap> audited;
    std::partition_copy(gaps.begin(), gaps.end(), std::back_inserter(open),
                        std::back_inserter(audited), [](const Gap& gap) { return gap.open(); });
    for (auto* const sort : {&open, &audited}) {
        std::sort(sort->begin(), sort->end(), by_first);
        join_overlapping(*sort);
    }
    merge_nearest(open, kMostOpen);
    merge_nearest(audited, kMostAudited);
    audited = without(audited, open);
    gaps.clear();
    std::merge(open.begin(), open.end(), audited.begin(), audited.end(), std::back_inserter(gaps),
               by_first);
    return gaps;
}

}  // namespace quotafuse::sync
