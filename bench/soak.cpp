#include "bench/soak.h"

#include <algorithm>
#include <iostream>
#include <random>
#include <thread>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

#include "tests/support/rollup_check.h"
#include "tests/support/writers_site.h"

namespace quotafuse::bench {
namespace {

constexpr std::chrono::seconds kGapTimeout{60};

/// Kills and starts again until the writing is over; returns how often.
int kill_again_and_again(tests::WritersSite& site, base::MonoTime end, std::uint64_t seed) {
    const base::SystemClock clock;
    std::mt19937_64 random{seed};
    int kills = 0;
    while (clock.mono() < end) {
        std::this_thread::sleep_for(std::chrono::milliseconds{1000 + random() % 5000});
        site.kill();
        site.start();
        ++kills;
    }
    return kills;
}

bool report(const tests::WritersSite& site, const std::set<std::int64_t>& expected) {
    SQLite::Database store{site.store_path(), SQLite::OPEN_READWRITE};
    SQLite::Statement seen{store,
                           "SELECT count(*), max(seen_at - created_at), "
                           "sum(seen_at - created_at > 5) FROM log"};
    seen.executeStep();
    const auto differs = tests::difference(expected, site.stored_ids());
    const auto sums = tests::rollup_differences(store);
    std::cout << fmt::format("{} rows stored, {} of them seen more than 5 s late, the last {} s\n",
                             seen.getColumn(0).getInt64(), seen.getColumn(2).getInt64(),
                             seen.getColumn(1).getInt64())
              << fmt::format("ids: {}\n", differs.empty() ? "equal" : differs)
              << fmt::format("rollups: {}\n", sums.empty() ? "equal to the rows" : sums);
    return differs.empty() && sums.empty();
}

}  // namespace

bool soak(const SoakOptions& options) {
    const base::SystemClock clock;
    tests::MariaDb server;
    tests::WritersSite site{server, "soak", kGapTimeout};
    site.start();
    const auto writers = site.write({.length = options.length,
                                     .longest_pause = options.longest_pause,
                                     .held = options.held,
                                     .hold = options.hold,
                                     .seed = options.seed},
                                    clock);
    const auto kills = kill_again_and_again(site, clock.mono() + options.length, options.seed);
    std::cout << fmt::format("writing is over, {} kills; {} commits are still held …\n", kills,
                             writers->holding())
              << std::flush;
    const auto written = writers->wait();
    const auto expected = site.source_ids();
    std::cout << fmt::format(
                     "{} rows committed ({} of them held for {} s), {} rolled back, {} failures; "
                     "waiting for the audit …\n",
                     expected.size(), written.held.size(), options.hold.count(),
                     written.rolled_back.size(), written.failures)
              << std::flush;
    tests::eventually([&] { return site.stored_ids() == expected; }, options.longest_wait);
    site.kill();
    return report(site, expected);
}

}  // namespace quotafuse::bench
