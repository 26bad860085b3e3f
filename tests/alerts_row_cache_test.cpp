#include <doctest/doctest.h>

#include "alerts/row_cache.h"
#include "alerts_window_scenes.h"

using namespace quotafuse;
using namespace quotafuse::tests;

TEST_CASE(
    "where rows are many no second reads those of the next ones, whatever is read elsewhere") {
    StoredRows rows;
    const auto busy = base::unix_seconds(kBeforeAutumn);
    const auto quiet = busy - 86'400;
    for (int second = 0; second < 200; ++second) {
        for (int i = 0; i < 100; ++i) rows.add(plain_row(base::from_unix(busy + second)));
        rows.add(plain_row(base::from_unix(quiet + second)));
    }
    alerts::RowCache cache{rows, 10'000};
    std::size_t visited = 0;
    const auto visit = [&](const sync::Row&) { ++visited; };
    for (int second = 1; second < 180; ++second) {
        rows.rows_read = 0;
        visited = 0;
        cache.each(busy + second - 1, busy + second, visit);
        cache.each(quiet + second - 1, quiet + second, visit);
        REQUIRE(visited == 101);
        if (second > 32) REQUIRE(rows.rows_read <= 100 + 16);
        cache.trim();
    }
}

namespace {

std::vector<std::int64_t> ids_in_cache(alerts::RowCache& cache, std::int64_t after,
                                       std::int64_t until) {
    std::vector<std::int64_t> ids;
    cache.each(after, until, [&](const sync::Row& row) { ids.push_back(row.id); });
    std::ranges::sort(ids);
    return ids;
}

std::vector<std::int64_t> ids_stored(const StoredRows& rows, std::int64_t after,
                                     std::int64_t until) {
    std::vector<std::int64_t> ids;
    for (const auto& [created_at, row] : rows.all()) {
        if (created_at > after && created_at <= until) ids.push_back(row.id);
    }
    std::ranges::sort(ids);
    return ids;
}

}  // namespace

TEST_CASE("the rows of any seconds are those that are stored, whenever they came and went") {
    constexpr std::int64_t kSpan = 120;
    for (unsigned seed = 1; seed <= 4; ++seed) {
        CAPTURE(seed);
        std::mt19937 random{seed};
        const auto below = [&](std::int64_t n) {
            return static_cast<std::int64_t>(random() % static_cast<unsigned long>(n));
        };
        const std::int64_t begin = seed % 2 == 0 ? -50 : 1'000'000;  // before 1970 too
        StoredRows rows;
        alerts::RowCache cache{rows, 500};
        for (int turn = 0; turn < 1500; ++turn) {
            // Late ones are many for one block, so that they are filed there.
            const auto second = begin + (turn % 3 == 0 ? 20 : below(kSpan));
            cache.feed(rows.add(plain_row(base::from_unix(second))));
            if (turn % 100 == 99) {
                for (const auto& row : rows.remove_before(begin + below(30), 20)) cache.forget(row);
            }
            const auto after = begin - 2 + below(kSpan);
            const auto until = after + below(25);
            REQUIRE(ids_in_cache(cache, after, until) == ids_stored(rows, after, until));
            cache.trim();
        }
    }
}
