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

TEST_CASE("a hole of a history is as old as the row after it, and after a day it is none") {
    constexpr std::int64_t kNow = 1'000'000;
    const auto hole_of_age = [](std::int64_t age) {
        return find_gaps(0, {{3, kNow - age}}, kNow, 60);
    };
    CHECK(hole_of_age(-5) == std::vector<Gap>{{1, 2, kNow + 60, 0}});
    CHECK(hole_of_age(360) == std::vector<Gap>{{1, 2, kNow + 60, 0}});
    CHECK(hole_of_age(361) == std::vector<Gap>{{1, 2, kNow + 1800 - 361, 2}});
    CHECK(hole_of_age(3600) == std::vector<Gap>{{1, 2, kNow + 3600, 3}});
    CHECK(hole_of_age(86'399) == std::vector<Gap>{{1, 2, kNow + 1, 4}});
    CHECK(hole_of_age(86'400).empty());
}

TEST_CASE("a gap shrinks and splits as ids appear") {
    const std::vector<Gap> gaps{{5, 9, 100}, {20, 20, 100}};
    const auto left = [&](const std::vector<std::int64_t>& appeared) {
        return after_asking(gaps, gaps, appeared, 50);
    };
    CHECK(left({}) == gaps);
    CHECK(left({7}) == std::vector<Gap>{{5, 6, 100}, {8, 9, 100}, {20, 20, 100}});
    CHECK(left({5, 6, 9, 20}) == std::vector<Gap>{{7, 8, 100}});
    CHECK(left({5, 6, 7, 8, 9, 20}).empty());
}

TEST_CASE(
    "a gap is asked for in every poll, then after 5 min, 30 min, 2 h and 24 h, then no more") {
    std::vector<Gap> gaps{{5, 9, 60}};
    std::vector<std::int64_t> audits;
    std::int64_t polls = 0;
    for (std::int64_t now = 0; now < 100'000; ++now) {
        const auto asked = gaps_to_ask(gaps, now, 200);
        if (asked.empty()) continue;
        if (asked[0].open())
            ++polls;
        else
            audits.push_back(now - 61);
        gaps = after_asking(gaps, asked, {}, now);
    }
    CHECK(polls == 62);
    CHECK(audits == std::vector<std::int64_t>{300, 1800, 7200, 86'400});
    CHECK(gaps.empty());
}

TEST_CASE("a clock that jumps ahead costs one question at most, and one set back delays none") {
    std::vector<Gap> gaps{{5, 9, 60}};
    const auto poll = [&](std::int64_t now) {
        const auto asked = gaps_to_ask(gaps, now, 200);
        gaps = after_asking(gaps, asked, {}, now);
        return asked.size();
    };
    CHECK(poll(1'000'000) == 1);
    CHECK(gaps == std::vector<Gap>{{5, 9, 1'000'300, 1}});
    CHECK(poll(1'000'299) == 0);
    CHECK(poll(100) == 1);  // set back: by its wait it would be due at 400 at the latest
    CHECK(gaps == std::vector<Gap>{{5, 9, 1'600, 2}});
}

TEST_CASE("what a poll did not get to ask for stays as it was") {
    std::vector<Gap> gaps;
    for (std::int64_t i = 0; i < 300; ++i) gaps.push_back({i * 10, i * 10, 1000 - i, 1});
    const auto asked = gaps_to_ask(gaps, 1000, 200);
    REQUIRE(asked.size() == 200);
    CHECK(asked.front().first == 1000);  // those that are due longest, by id
    const auto left = after_asking(gaps, asked, {}, 1000);
    CHECK(left.size() == 300);
    CHECK(std::count_if(left.begin(), left.end(), [](const Gap& gap) { return gap.stage == 2; }) ==
          200);
}

TEST_CASE("above the bound neighbours of one sort merge and no id is lost") {
    std::vector<Gap> gaps;
    for (std::int64_t i = 0; i < 1500; ++i) {
        gaps.push_back({i * 20, i * 20 + (i % 3), 100 + i, 0});
        gaps.push_back({i * 20 + 10, i * 20 + 11, 100 + i, 1 + static_cast<int>(i % 4)});
    }
    const auto merged = merge_gaps(gaps, {});
    CHECK(std::count_if(merged.begin(), merged.end(), [](const Gap& g) { return g.open(); }) ==
          kMostOpen);
    for (const auto& gap : gaps) {
        CHECK(std::any_of(merged.begin(), merged.end(), [&](const Gap& wide) {
            return wide.first <= gap.first && gap.last <= wide.last && wide.stage <= gap.stage &&
                   (wide.open() ? wide.due >= gap.due : wide.due <= gap.due);
        }));
    }
    std::vector<Gap> many;
    for (std::int64_t i = 0; i < 25'000; ++i) many.push_back({i * 7, i * 7, 100, 1});
    CHECK(merge_gaps(many, {}).size() == kMostAudited);
}

TEST_CASE("ranges never overlap, so that an id stands in one of them only") {
    const std::vector<Gap> merged =
        merge_gaps({{1, 1000, 50, 1}, {500, 510, 40, 2}, {600, 620, 60, 0}}, {{2000, 2001, 9, 0}});
    CHECK(merged ==
          std::vector<Gap>{
              {1, 599, 40, 1}, {600, 620, 60, 0}, {621, 1000, 40, 1}, {2000, 2001, 9, 0}});
    CHECK(merge_gaps({{5, 9, 50, 3}}, {{1, 20, 60, 0}}) == std::vector<Gap>{{1, 20, 60, 0}});
}

TEST_CASE("a hole is no older than the poll before it, whatever the clock of its row says") {
    const auto hole = [](std::int64_t unwatched) {
        return find_gaps(1, {{3, 1'000'000 - 172'800}}, 1'000'000, 60, unwatched);
    };
    CHECK(hole(1) == std::vector<Gap>{{2, 2, 1'000'060, 0}});
    CHECK(hole(3600) == std::vector<Gap>{{2, 2, 1'000'000 + 3600, 3}});
    CHECK(hole(kForEver).empty());
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
            gaps = merge_gaps(after_asking(gaps, gaps_to_ask(gaps, 0, 9), appeared, 0),
                              find_gaps(cursor, fresh, 0, 100));
            if (!fresh.empty()) cursor = fresh.back().id;
            for (const auto id : appeared) CHECK(stored.insert(id).second);
            for (const auto& row : fresh) CHECK(stored.insert(row.id).second);
        }
        CHECK(stored == visible);
        CHECK(gaps.empty());
    }
}
