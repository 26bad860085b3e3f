// What a follower does with tables and clocks that do the one thing that could cost it a row.

#include <algorithm>
#include <limits>
#include <vector>

#include <doctest/doctest.h>

#include "sync_follower_fixture.h"

using namespace quotafuse;
using namespace quotafuse::sync;
using namespace quotafuse::tests;
using namespace std::chrono_literals;

namespace {

constexpr auto kStart = FollowedTable::kStart;
constexpr std::int64_t kDay = 86'400;

using Ids = std::vector<std::int64_t>;

Ids ids_of(const Poll& poll) {
    Ids ids;
    for (const auto& entry : poll.batch.entries) ids.push_back(entry.id);
    return ids;
}

bool disjoint(const std::vector<Gap>& gaps) {
    return std::adjacent_find(gaps.begin(), gaps.end(), [](const Gap& a, const Gap& b) {
               return b.first <= a.last;
           }) == gaps.end();
}

/// Of disjoint gaps.
bool hold(const std::vector<Gap>& gaps, std::int64_t id) {
    const auto gap =
        std::partition_point(gaps.begin(), gaps.end(), [&](const Gap& g) { return g.last < id; });
    return gap != gaps.end() && gap->first <= id;
}

bool hold_all(const std::vector<Gap>& gaps, const std::vector<Gap>& others) {
    return std::all_of(others.begin(), others.end(), [&](const Gap& other) {
        for (auto id = other.first; id <= other.last; ++id) {
            if (!hold(gaps, id)) return false;
        }
        return true;
    });
}

}  // namespace

TEST_CASE("holes that fill late are filled by a later poll, and by an audit after their time") {
    FollowedTable followed;
    for (const std::int64_t id : {1, 2, 5}) followed.table.put(id, kStart - 10);
    followed.start();
    auto poll = followed.poll();
    CHECK(ids_of(poll) == Ids{1, 2, 5});
    CHECK(poll.batch.position.gaps == std::vector<Gap>{{3, 4, kStart + 60, 0}});

    followed.table.put(4, kStart);
    followed.table.put(6, kStart);
    poll = followed.poll();
    CHECK(ids_of(poll) == Ids{4, 6});
    CHECK(poll.batch.position.gaps == std::vector<Gap>{{3, 3, kStart + 60, 0}});

    followed.follow(61);
    REQUIRE(followed.store().position().gaps.size() == 1);
    CHECK_FALSE(followed.store().position().gaps.front().open());
    followed.table.put(3, kStart);
    CHECK(ids_of(followed.poll()).empty());
    followed.clock.advance(300s);
    poll = followed.poll();
    CHECK(ids_of(poll) == Ids{3});
    CHECK(poll.batch.position.gaps.empty());
}

TEST_CASE("a backlog comes in full batches, and only the last is drained") {
    FollowedTable followed;
    followed.table.put_all(1, 25, 1, kStart);
    followed.options.batch = 10;
    followed.start();
    for (int batch = 0; batch < 2; ++batch) {
        const auto poll = followed.poll();
        CHECK(poll.batch.entries.size() == 10);
        CHECK_FALSE(poll.drained);
    }
    const auto last = followed.poll();
    CHECK(ids_of(last) == Ids{21, 22, 23, 24, 25});
    CHECK(last.drained);
}

TEST_CASE("an empty table is followed from its first row") {
    FollowedTable followed;
    SUBCASE("of which everything is wanted") {}
    SUBCASE("of which the last hour is wanted") {
        followed.options.since = 1h;
    }
    followed.start();
    const auto nothing = followed.poll();
    CHECK(nothing.drained);
    CHECK(nothing.batch.entries.empty());
    CHECK(nothing.batch.position == Position{});
    followed.table.put(1, kStart);
    CHECK(ids_of(followed.poll()) == Ids{1});
    CHECK(followed.poll().batch.entries.empty());
    CHECK(followed.store().rows() == 1);
}

TEST_CASE("a young gateway's first ids may come after the first row that is seen") {
    FollowedTable followed;
    followed.table.put(3, kStart);
    followed.start();
    followed.follow(1);
    followed.table.put_all(1, 2, 1, kStart);
    followed.follow(1);
    CHECK(followed.store().rows() == 3);
}

TEST_CASE("after a truncation under writers the ids below the first that is seen are waited for") {
    FollowedTable followed;
    SUBCASE("where everything is wanted") {}
    SUBCASE("where the last month is wanted") {
        followed.options.since = 30 * 24h;
    }
    for (std::int64_t id = 1; id <= 100; ++id) followed.table.put(id, kStart - id);
    followed.start();
    followed.follow(5);
    REQUIRE(followed.store().rows() == 100);

    followed.table.rows.clear();
    followed.clock.advance(1s);
    const auto truncated = followed.now();
    followed.table.put_all(3, 4, 1, truncated);
    followed.follow(2);
    REQUIRE(followed.store().position().epoch == 1);
    followed.table.put_all(1, 2, 1, truncated);
    followed.follow(2);
    CHECK(followed.store().rows() == 104);
    const auto first = followed.mirror().find(1);
    REQUIRE(first.has_value());
    CHECK(first->created_at == truncated);
}

TEST_CASE("an other that cannot be read counts once, however often its row is the one at the end") {
    FollowedTable followed;
    followed.table.put(1, kStart, "{broken");
    followed.start();
    followed.follow(100);
    CHECK(followed.broken_others == 1);
}

TEST_CASE("a node whose clock is two days behind loses no row that commits late") {
    FollowedTable followed;
    followed.table.put_all(1, 10, 1, kStart - 2 * kDay);
    followed.start();
    followed.follow(3);
    followed.table.put(12, followed.now() - 2 * kDay);
    followed.follow(1);
    followed.table.put(11, followed.now() - 2 * kDay);
    followed.follow(1);
    CHECK(followed.has(11));
}

TEST_CASE("a hole that is found while our clock is a day ahead is asked for after it is set back") {
    FollowedTable followed;
    followed.table.put_all(1, 10, 1, kStart);
    followed.start();
    followed.follow(3);
    followed.clock.step_wall(26h);
    followed.follow(3);
    followed.table.put(12, followed.now() - 26 * 3600);
    followed.follow(2);
    followed.clock.step_wall(-26h);
    followed.follow(10);
    followed.table.put(11, followed.now());
    followed.follow(400);
    CHECK(followed.has(11));
}

TEST_CASE("gaps that overlap or enclose each other stay disjoint, in the file as in memory") {
    std::vector<Gap> found{{1, 1000, kStart, 1}, {500, 510, kStart, 2}};
    SUBCASE("so many audited ones that neighbours merge") {
        for (std::int64_t i = 0; i < 20'000; ++i)
            found.push_back({100'000 + i * 10, 100'000 + i * 10, kStart, 1});
    }
    SUBCASE("so many open ones that they enclose audited ones") {
        for (std::int64_t i = 0; i < 1100; ++i) {
            found.push_back({2000 + i * 100, 2001 + i * 100, kStart + 60, 0});
            found.push_back({2010 + i * 100, 2015 + i * 100, kStart + 300, 1});
        }
    }
    const auto merged = merge_gaps(found, {});
    CHECK(merged.size() < found.size());
    CHECK(disjoint(merged));
    CHECK(hold_all(merged, found));

    // One from the middle of a gap appears, and the first of another.
    const Ids appeared{500, merged.back().first};
    const auto left = after_asking(merged, gaps_to_ask(merged, kStart, 200), appeared, kStart);
    CHECK(disjoint(left));
    for (const auto id : appeared) CHECK_FALSE(hold(left, id));
    FollowedTable followed;
    followed.start();
    Batch batch{{}, at_cursor(1'000'000, left)};
    followed.store().append(batch, followed.clock.now());
    CHECK(followed.store().position() == batch.position);
    followed.start();
    CHECK(followed.store().position() == batch.position);
}

TEST_CASE("a restart after retention counts nothing twice") {
    FollowedTable followed;
    constexpr std::int64_t kRows = 40;
    std::int64_t apart = 1;  // seconds
    base::Seconds silence{0};
    SUBCASE("that made room for the newest rows") {
        followed.keep.bytes = 1000;
    }
    SUBCASE("of rows that all grew too old") {
        followed.keep.rows = 24h;
        silence = 48h;
    }
    SUBCASE("of some of the few rows of a gateway that is nearly idle") {
        apart = 3 * kDay;
    }
    for (std::int64_t id = 1; id <= kRows; ++id)
        followed.table.put(id, kStart - (kRows - id) * apart);
    followed.start();
    followed.follow(3);
    const auto answers = followed.answers();
    REQUIRE(answers == kRows);
    followed.clock.advance(silence);
    followed.follow(2);
    followed.keep_up();
    REQUIRE(followed.store().rows() < kRows);

    for (int restart = 0; restart < 3; ++restart) {
        followed.start();
        followed.follow(3);
        followed.clock.advance(10s);
        followed.keep_up();
    }
    CHECK(followed.answers() == answers);
    CHECK(followed.store().position().epoch == 0);
}

TEST_CASE("an id that nobody counts up to is refused in words, and got over when it is gone") {
    FollowedTable followed;
    followed.table.put_all(1, 3, 1, kStart);
    followed.options.since = 3600s;
    std::int64_t id = 0;
    SUBCASE("the first of them") {
        id = kHighestId + 1;
    }
    SUBCASE("the last there is") {
        id = std::numeric_limits<std::int64_t>::max();
    }
    followed.table.put(id, kStart);
    followed.start();
    for (int i = 0; i < 3; ++i) CHECK_THROWS_AS(followed.poll(), GatewayError);
    CHECK(followed.store().rows() == 0);
    followed.table.rows.erase(id);
    followed.follow(2);
    CHECK(followed.store().rows() == 3);
    CHECK(followed.store().position().cursor == 3);
}

TEST_CASE("times that are no times are stored as the nearest that is one, and upset nothing") {
    FollowedTable followed;
    followed.table.put(1, std::numeric_limits<std::int64_t>::min());
    followed.table.put(4, std::numeric_limits<std::int64_t>::max());
    followed.table.put(6, kStart);
    followed.start();
    followed.follow(3);
    CHECK(followed.store().rows() == 3);
    CHECK(followed.mirror().find(1)->created_at == 0);
    CHECK(followed.mirror().find(4)->created_at == 253'402'300'799);
    followed.stop();
    followed.start();
    followed.follow(70);
    followed.table.put(2, kStart);
    followed.clock.advance(400s);
    followed.follow(2);
    CHECK(followed.store().position().epoch == 0);
    CHECK(followed.store().position().cursor == 6);
    followed.keep_up();
    CHECK(followed.answers() >= 3);
}
