// The traffic that the breaker's guards judge by, held against plain SQL over the stored rows.
#include <algorithm>
#include <memory>
#include <random>
#include <string>

#include <fmt/format.h>

#include "sync_store_fixture.h"

using namespace quotafuse;
using namespace quotafuse::sync;
using namespace quotafuse::tests;

namespace {

/// group/model requests, sorted.
std::vector<std::string> by_sql(SQLite::Database& db, std::int64_t after) {
    return dump(db,
                fmt::format("SELECT g.value || '/' || m.value, count(*) FROM log JOIN text g "
                            "ON g.id = grp JOIN text m ON m.id = model WHERE created_at > {} "
                            "AND kind IN ({}, {}) AND flags & 2 = 0 GROUP BY grp, model "
                            "ORDER BY 1",
                            after, static_cast<int>(Kind::consume), static_cast<int>(Kind::error)));
}

std::vector<std::string> told(Store& store, std::int64_t after) {
    std::vector<std::string> lines;
    for (const auto& [group, model, requests] : store.served(after))
        lines.push_back(fmt::format("{}/{}|{}|", group, model, requests));
    std::ranges::sort(lines);
    return lines;
}

/// A gateway of chance and a store of its rows.
class Traffic {
public:
    explicit Traffic(std::uint64_t seed) : random_(seed) {
        keep_.rows = base::Seconds{4000};
        open();
    }

    std::int64_t dice(std::int64_t least, std::int64_t most) {
        return std::uniform_int_distribution<std::int64_t>{least, most}(random_);
    }
    void open() {
        file_.reset();
        file_ = std::make_unique<StoreFile>(folder_.file("s.db"), keep_);
    }
    /// New rows, some late, some of the future, and some that were stored before.
    void append() {
        Batch batch;
        for (auto rows = dice(0, 60); rows > 0; --rows) {
            const auto late = dice(0, 9) == 0 ? dice(-50, 5000) : dice(0, 3);
            auto row = entry(++last_id_, now - late, fmt::format("m{}", dice(1, 4)));
            row.group = dice(0, 1) == 0 ? "default" : "vip";
            row.channel = dice(1, 3);
            row.channel_test = dice(0, 9) == 0;
            const auto kind = dice(0, 9);
            if (kind < 3) row.kind = kind == 0 ? Kind::refund : Kind::error;
            if (kind == 3) row.kind = Kind::other;
            sent_.push_back(row);
            batch.entries.push_back(row);
        }
        for (auto again = dice(0, 5); again > 0 && !sent_.empty(); --again) {
            batch.entries.push_back(sent_[static_cast<std::size_t>(
                dice(0, static_cast<std::int64_t>(sent_.size()) - 1))]);
        }
        batch.position = at_cursor(last_id_);
        store().append(batch, base::from_unix(now));
    }
    Store& store() { return file_->store; }
    SQLite::Database& db() { return file_->database.handle(); }
    void keep_bytes(std::int64_t bytes) {
        keep_.bytes = bytes;
        open();
    }

    std::int64_t now = 1'000'000;

private:
    std::mt19937_64 random_;
    TempDir folder_;
    Keep keep_;
    std::unique_ptr<StoreFile> file_;
    std::int64_t last_id_ = 0;
    std::vector<LogEntry> sent_;
};

}  // namespace

TEST_CASE("the traffic of any time is that of plain SQL, whatever came, went or began anew") {
    for (const std::uint64_t seed : {1U, 2U, 3U, 4U}) {
        CAPTURE(seed);
        Traffic traffic{seed};
        std::int64_t window = 1000;
        int compared = 0;
        int known = 0;
        for (int turn = 0; turn < 400; ++turn) {
            CAPTURE(turn);
            traffic.append();
            switch (traffic.dice(0, 19)) {
                case 0:
                    traffic.open();  // a restart
                    break;
                case 1:
                    window = traffic.dice(100, 6000);  // another configuration
                    break;
                case 2:
                    traffic.now += traffic.dice(-300, 3000);  // the clock jumps
                    break;
                case 3:
                    traffic.keep_bytes(traffic.dice(0, 1) == 0 ? 250'000 : 5'000'000'000);
                    break;
                default:
                    break;
            }
            for (auto steps = traffic.dice(-5, 5); steps > 0; --steps)
                traffic.store().keep_up(base::from_unix(traffic.now));
            const auto after = traffic.now - window;
            const auto most = static_cast<std::size_t>(traffic.dice(0, 200));
            known += traffic.store().count_traffic(after, most) ? 1 : 0;
            traffic.now += traffic.dice(0, 20);
            const auto asked = traffic.now - window;
            const auto expected = by_sql(traffic.db(), asked);
            CHECK(told(traffic.store(), asked) == expected);
            compared += expected.empty() ? 0 : 1;
        }
        CHECK(compared > 300);
        CHECK(known > 50);
        CHECK(known < 400);
    }
}

TEST_CASE("a step reads about as many rows as it may, and the last one is told") {
    const TempDir folder;
    const auto path = folder.file("s.db");
    {
        StoreFile opened{path};
        Batch batch;
        for (std::int64_t id = 1; id <= 1000; ++id) batch.entries.push_back(entry(id, id / 10));
        batch.position = at_cursor(1000);
        opened.store.append(batch, base::from_unix(100));
    }
    StoreFile opened{path};
    int steps = 1;
    while (!opened.store.count_traffic(-1, 100)) ++steps;
    CHECK(steps >= 10);
    CHECK(steps <= 12);
    CHECK(opened.store.count_traffic(-1, 100));
    CHECK(told(opened.store, -1) == std::vector<std::string>{"default/gpt-4o|1000|"});
    // A second with more rows than that is one step.
    CHECK_FALSE(opened.store.count_traffic(50, 3));
    CHECK(told(opened.store, 50) == by_sql(opened.database.handle(), 50));
}

TEST_CASE("what an append or a deletion that failed would have changed does not count") {
    const TempDir folder;
    Keep keep;
    keep.rows = base::Seconds{100};
    StoreFile opened{folder.file("s.db"), keep};
    auto& db = opened.database.handle();
    opened.store.append({{entry(1, 50), entry(2, 1000)}, at_cursor(2)}, base::from_unix(120));
    REQUIRE(opened.store.count_traffic(0));
    db.exec(
        "CREATE TRIGGER no_rows BEFORE INSERT ON log BEGIN SELECT RAISE(ABORT, 'no'); END;"
        "CREATE TRIGGER no_end BEFORE DELETE ON log BEGIN SELECT RAISE(ABORT, 'no'); END");
    CHECK_THROWS(opened.store.append({{entry(3, 130)}, at_cursor(3)}, base::from_unix(130)));
    CHECK_THROWS(opened.store.keep_up(base::from_unix(1000)));
    CHECK(told(opened.store, 0) == std::vector<std::string>{"default/gpt-4o|2|"});
    db.exec("DROP TRIGGER no_rows; DROP TRIGGER no_end");
    opened.store.append({{entry(3, 1001)}, at_cursor(3)}, base::from_unix(1001));
    keep_up_all(opened.store, 1010);
    CHECK(told(opened.store, 0) == by_sql(db, 0));
    CHECK(told(opened.store, 0) == std::vector<std::string>{"default/gpt-4o|2|"});
}
