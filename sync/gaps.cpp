#include "sync/gaps.h"

#include <algorithm>

namespace quotafuse::sync {
namespace {

/// Merges the neighbours that are nearest to each other. That asks for a few ids too many, never
/// for one too few.
void merge_nearest(std::vector<Gap>& gaps) {
    if (gaps.size() <= kMostGaps) return;
    std::vector<std::int64_t> distances;
    for (std::size_t i = 1; i < gaps.size(); ++i) {
        distances.push_back(gaps[i].first - gaps[i - 1].last);
    }
    auto too_many = gaps.size() - kMostGaps;
    const auto last_merged = distances.begin() + static_cast<std::ptrdiff_t>(too_many) - 1;
    std::nth_element(distances.begin(), last_merged, distances.end());
    const auto near = *last_merged;

    std::vector<Gap> merged{gaps.front()};
    for (std::size_t i = 1; i < gaps.size(); ++i) {
        auto& wide = merged.back();
        if (too_many > 0 && gaps[i].first - gaps[i - 1].last <= near) {
            wide.last = gaps[i].last;
            wide.deadline = std::max(wide.deadline, gaps[i].deadline);
            --too_many;
        } else {
            merged.push_back(gaps[i]);
        }
    }
    gaps = std::move(merged);
}

}  // namespace

std::vector<Gap> find_gaps(std::int64_t cursor, const std::vector<Seen>& rows, std::int64_t now,
                           std::int64_t timeout) {
    std::vector<Gap> gaps;
    for (const auto& row : rows) {
        const bool may_fill = row.created_at >= now - timeout - kMostSkew;
        if (row.id > cursor + 1 && may_fill)
            gaps.push_back({cursor + 1, row.id - 1, now + timeout});
        cursor = row.id;
    }
    return gaps;
}

std::vector<Gap> close_gaps(const std::vector<Gap>& gaps, const std::vector<std::int64_t>& appeared,
                            std::int64_t now) {
    std::vector<Gap> open;
    auto id = appeared.begin();
    for (const auto& gap : gaps) {
        if (gap.deadline < now) continue;
        auto first = gap.first;
        id = std::lower_bound(id, appeared.end(), first);
        for (; id != appeared.end() && *id <= gap.last; ++id) {
            if (*id > first) open.push_back({first, *id - 1, gap.deadline});
            first = *id + 1;
        }
        if (first <= gap.last) open.push_back({first, gap.last, gap.deadline});
    }
    merge_nearest(open);
    return open;
}

}  // namespace quotafuse::sync
