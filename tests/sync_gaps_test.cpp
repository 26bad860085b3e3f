#include <algorithm>
#include <random>
#include <set>

#include <doctest/doctest.h>

#include "sync/gaps.h"

using namespace quotafuse::sync;

TEST_CASE("holes above the cursor become gaps, one range whatever its size") {
    const auto holes = [](const std::vector<Seen>& rows) { return find_gaps(10, rows, 1000, 60); };
    CHECK(holes({{11, 1000}, {12, 1000}}).empty());
    CHECK(holes({{13, 1000}, {14, 1000}, {1'000'014, 1000}}) ==
          std::vector<Gap>{{11, 12, 1060}, {15, 1'000'013, 1060}});
}

TEST_CASE("holes of a history are no gaps") {
    const auto holes = [](const std::vector<Seen>& rows) { return find_gaps(0, rows, 10'000, 60); };
    CHECK(holes({{3, 1000}, {6, 9'000}}).empty());
    CHECK(holes({{3, 1000}, {6, 9'900}}) == std::vector<Gap>{{4, 5, 10'060}});
}

TEST_CASE("a gap shrinks and splits as ids appear, and is given up after its deadline") {
    const std::vector<Gap> gaps{{5, 9, 100}, {20, 20, 100}};
    CHECK(close_gaps(gaps, {7}, 50) == std::vector<Gap>{{5, 6, 100}, {8, 9, 100}, {20, 20, 100}});
    CHECK(close_gaps(gaps, {5, 6, 9, 20}, 50) == std::vector<Gap>{{7, 8, 100}});
    CHECK(close_gaps(gaps, {}, 100) == gaps);
    CHECK(close_gaps(gaps, {}, 101).empty());
}

TEST_CASE("above the bound neighbours merge and no open id is lost") {
    std::vector<Gap> gaps;
    for (std::int64_t i = 0; i < 1500; ++i) gaps.push_back({i * 10, i * 10 + (i % 3), 100 + i});
    const auto merged = close_gaps(gaps, {}, 50);
    CHECK(merged.size() == kMostGaps);
    for (const auto& gap : gaps) {
        CHECK(std::any_of(merged.begin(), merged.end(), [&](const Gap& wide) {
            return wide.first <= gap.first && gap.last <= wide.last &&
                   wide.deadline >= gap.deadline;
        }));
    }
}

TEST_CASE("gaps and rows together are always exactly the ids up to the cursor") {
    std::mt19937_64 random{7};
    for (int round = 0; round < 200; ++round) {
        std::vector<std::int64_t> order;
        for (std::int64_t id = 1; id <= 200; ++id) order.push_back(id);
        // Ids appear out of order, each at most a few places late.
        for (std::size_t i = 0; i < order.size(); ++i) {
            const auto j = std::min(order.size() - 1, i + random() % 12);
            std::swap(order[i], order[j]);
        }
        std::set<std::int64_t> visible;
        std::set<std::int64_t> stored;
        std::int64_t cursor = 0;
        std::vector<Gap> gaps;
        for (std::size_t next = 0; next < order.size();) {
            for (auto burst = random() % 9; burst > 0 && next < order.size(); --burst)
                visible.insert(order[next++]);
            std::vector<std::int64_t> appeared;
            for (const auto& gap : gaps) {
                for (auto id = gap.first; id <= gap.last; ++id) {
                    if (visible.contains(id)) appeared.push_back(id);
                }
            }
            std::vector<Seen> fresh;
            for (auto id = visible.upper_bound(cursor); id != visible.end(); ++id)
                fresh.push_back({*id, 0});
            gaps = close_gaps(gaps, appeared, 0);
            for (const auto& gap : find_gaps(cursor, fresh, 0, 100)) gaps.push_back(gap);
            if (!fresh.empty()) cursor = fresh.back().id;
            for (const auto id : appeared) CHECK(stored.insert(id).second);
            for (const auto& row : fresh) CHECK(stored.insert(row.id).second);
        }
        CHECK(stored == visible);
        CHECK(gaps.empty());
    }
}
