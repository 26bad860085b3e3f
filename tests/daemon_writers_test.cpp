#include <random>
#include <thread>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <doctest/doctest.h>

#include "support/rollup_check.h"
#include "support/writers_site.h"

using namespace quotafuse;
using namespace quotafuse::tests;
using namespace std::chrono_literals;

namespace {

/// A gateway whose rows say that they are older than they are.
class LateClock final : public base::Clock {
public:
    explicit LateClock(base::Seconds by) : by_(by) {}
    base::WallTime wall() const override { return system_.wall() - by_; }
    base::MonoTime mono() const override { return system_.mono(); }

private:
    base::SystemClock system_;
    base::Seconds by_;
};

std::set<std::int64_t> as_set(const std::vector<std::int64_t>& ids) {
    return {ids.begin(), ids.end()};
}

void check_seen_times(SQLite::Database& store) {
    SQLite::Statement rows{store,
                           "SELECT count(*), min(seen_at - created_at), max(seen_at - created_at) "
                           "FROM log"};
    REQUIRE(rows.executeStep());
    CHECK(rows.getColumn(0).getInt64() > 100);
    // In engine seconds, which stand while the daemon is dead.
    CHECK(rows.getColumn(1).getInt64() > -60);
    CHECK(rows.getColumn(2).getInt64() < 60);
}

/// Waits until the store has what the source has; the daemon is dead afterwards.
void check_equal(WritersSite& site, const std::set<std::int64_t>& expected) {
    eventually([&] { return site.stored_ids() == expected; });
    site.kill();
    CHECK(difference(expected, site.stored_ids()) == "");
    SQLite::Database store{site.store_path(), SQLite::OPEN_READWRITE};
    CHECK(rollup_differences(store) == "");
}

}  // namespace

TEST_CASE("sixteen writers and a daemon that is killed all the time: every row once, equal sums") {
    WritersSite site{shared_mariadb(), "writers", 5s};
    const base::SystemClock clock;
    std::mt19937_64 random{7};
    site.start();
    // Half a second at most, but for two commits that outlive several daemons.
    const auto writers =
        site.write({.length = 12s, .longest_pause = 500ms, .held = 2, .hold = 4s}, clock);
    const auto end = clock.mono() + 12s;
    int kills = 0;
    for (; clock.mono() < end; ++kills) {
        std::this_thread::sleep_for(std::chrono::milliseconds{700 + random() % 1600});
        site.kill();
        site.start();
    }
    const auto written = writers->wait();
    REQUIRE_MESSAGE(written.failures == 0, written.last_failure);
    CHECK(kills >= 5);
    CHECK(written.held.size() == 2);
    CHECK(written.rolled_back.size() > 20);

    const auto expected = site.source_ids();
    CHECK(expected == as_set(written.committed));
    check_equal(site, expected);
    SQLite::Database store{site.store_path()};
    check_seen_times(store);
}

TEST_CASE("a commit that comes when nobody asks for its id any more is found by the audit") {
    WritersSite site{shared_mariadb(), "audited", 5s};
    // A hole is as old as the row after it. These rows are seven seconds short of the audit that
    // comes after half an hour, and long past the time in which every poll asks for them.
    const LateClock clock{30min - 7s};
    site.start();
    REQUIRE(eventually([&] { return site.has_store(); }));
    const auto writers =
        site.write({.length = 2s, .longest_pause = 300ms, .held = 5, .hold = 3500ms}, clock);
    while (writers->holding() > 0) std::this_thread::sleep_for(20ms);
    const auto written = writers->wait();
    REQUIRE_MESSAGE(written.failures == 0, written.last_failure);
    CHECK(written.held.size() == 5);
    site.kill();
    const auto expected = as_set(written.committed);
    CHECK(site.stored_ids() != expected);
    site.start();
    check_equal(site, expected);
}
