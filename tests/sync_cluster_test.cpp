// Clusters step their ids: each node counts in strides of its own, and commits late by its own
// clock.

#include <doctest/doctest.h>

#include "sync_follower_fixture.h"

using namespace quotafuse;
using namespace quotafuse::sync;
using namespace quotafuse::tests;
using namespace std::chrono_literals;

namespace {

constexpr auto kStart = FollowedTable::kStart;
constexpr std::int64_t kDay = 86'400;

/// Three nodes; this one's ids up to `last`, all seen but for `missing`, which is still to commit.
void follow_cluster(FollowedTable& followed, std::int64_t last, std::int64_t missing) {
    followed.table.cluster = true;
    followed.table.put_all(1, last, 3, kStart);
    REQUIRE(followed.table.rows.erase(missing) == 1);
    followed.start();
    followed.follow(8);
}

}  // namespace

TEST_CASE("a cluster's late row that was read just before a cut is read by the next poll") {
    FollowedTable followed;
    follow_cluster(followed, 30, 10);
    followed.table.put(10, followed.now());
    followed.clock.advance(RecentIds::kReread);
    followed.table.cut_before = 13;
    CHECK_THROWS_AS(followed.poll(), GatewayError);
    REQUIRE(followed.table.last_handed_over == 10);
    REQUIRE_FALSE(followed.has(10));
    followed.table.cut_before.reset();
    followed.follow(1);
    CHECK(followed.has(10));
}

TEST_CASE("a cluster's late row is found after an outage that is longer than gap_timeout") {
    FollowedTable followed;
    follow_cluster(followed, 300, 295);
    followed.table.down = true;
    followed.clock.advance(1s);
    followed.table.put(295, followed.now());
    followed.follow(90);
    followed.table.down = false;
    followed.table.put_all(301, 400, 3, followed.now());
    followed.follow(10);
    CHECK(followed.has(295));
}

TEST_CASE("a cluster's late row is found by a start hours later") {
    FollowedTable followed;
    follow_cluster(followed, 300, 295);
    followed.stop();
    followed.table.put(295, followed.now());
    for (std::int64_t second = 0; second < 3 * 3600; ++second) {
        followed.clock.advance(1s);
        followed.table.put(301 + second * 3, followed.now());
    }
    followed.start();
    followed.follow(10);
    CHECK(followed.has(295));
}

TEST_CASE("a cluster's late row is found though our clock jumps ahead meanwhile") {
    FollowedTable followed;
    followed.table.cluster = true;
    followed.table.put_all(1, 30, 3, kStart);
    followed.table.rows.erase(25);
    followed.start();
    followed.follow(1);
    followed.clock.step_wall(1h);
    followed.follow(6);
    followed.table.put(25, kStart);
    followed.follow(10);
    CHECK(followed.has(25));
}

TEST_CASE("a cluster's late row is found though its clocks are ten minutes behind") {
    constexpr std::int64_t kBehind = 600;
    FollowedTable followed;
    followed.table.cluster = true;
    followed.table.put_all(1, 30, 3, kStart - kBehind);
    followed.start();
    followed.follow(80);
    followed.table.put_all(31, 300, 3, followed.now() - kBehind);
    followed.table.rows.erase(295);
    followed.follow(2);
    followed.table.put(295, followed.now() - kBehind);
    for (std::int64_t id = 301; id <= 310; id += 3) {
        followed.table.put(id, followed.now() - kBehind);
        followed.follow(5);
    }
    CHECK(followed.has(295));
}

TEST_CASE("after a cluster's history was read, little of it is read again") {
    FollowedTable followed;
    followed.table.cluster = true;
    constexpr std::int64_t kRows = 60'000;
    for (std::int64_t i = 0; i < kRows; ++i) followed.table.put(1 + i * 3, kStart - kDay + i / 4);
    followed.start();
    followed.follow(15);
    REQUIRE(followed.store().rows() == kRows);
    const auto before = followed.table.handed_over;
    followed.follow(50);
    CHECK(followed.table.handed_over - before <= 100);
}

TEST_CASE("a late row between ids that no longer step is found") {
    FollowedTable followed;
    std::int64_t id = 1;
    for (int i = 0; i <= 100; ++i, id += 2) followed.table.put(id, kStart + i / 50);
    followed.start();
    followed.follow(10);

    // Of the two nodes one is left, and its ids are those of a single server.
    const auto late = id;
    id += 2;
    followed.table.put(id, followed.now());
    followed.follow(1);
    followed.table.put_all(id + 1, id + 40, 1, followed.now());
    followed.follow(1);
    REQUIRE_FALSE(followed.has(late));
    followed.table.put(late, followed.now());
    followed.follow(400);
    CHECK(followed.has(late));
}
