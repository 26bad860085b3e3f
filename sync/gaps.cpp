#include "sync/gaps.h"

#include <algorithm>

namespace quotafuse::sync {
namespace {

/// Merging asks for a few ids too many, never for one too few.
void merge_nearest(std::vector<Gap>& gaps) {
    while (gaps.size() > kMostGaps) {
        std::size_t best = 0;
        for (std::size_t i = 1; i + 1 < gaps.size(); ++i) {
            if (gaps[i + 1].first - gaps[i].last < gaps[best + 1].first - gaps[best].last) best = i;
        }
        gaps[best].last = gaps[best + 1].last;
        gaps[best].deadline = std::max(gaps[best].deadline, gaps[best + 1].deadline);
        gaps.erase(gaps.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    }
}

}  // namespace

std::vector<Gap> find_gaps(std::int64_t cursor, const std::vector<std::int64_t>& ids,
                           std::int64_t deadline) {
    std::vector<Gap> gaps;
    for (const auto id : ids) {
        if (id > cursor + 1) gaps.push_back({cursor + 1, id - 1, deadline});
        cursor = id;
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
