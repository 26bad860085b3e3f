#include <memory>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "support/fake_clock.h"
#include "support/mariadb.h"
#include "sync/follower.h"

using namespace quotafuse;
using namespace quotafuse::sync;

namespace {

constexpr std::int64_t kNow = 1'767'000'000;

/// Rows with the ids first … last; `quota` tells one table's rows from another's.
std::string rows(std::int64_t first, std::int64_t last, int quota, std::int64_t created_at = kNow) {
    std::string sql;
    for (auto id = first; id <= last; ++id) {
        sql += fmt::format(
            "INSERT INTO logs(id, user_id, created_at, type, token_name, model_name, quota, "
            "prompt_tokens, completion_tokens, channel_id) "
            "VALUES({}, 1, {}, 2, 'k', 'gpt-4o', {}, 1, 2, 3);",
            id, created_at, quota);
    }
    return sql;
}

/// A gateway's table on a real server, and the mirror that follows it, killed and begun anew at
/// will.
class Mirrored {
public:
    explicit Mirrored(const std::string& name) : database_(name) {
        tests::shared_mariadb().load_ddl(name, "newapi_2026");
        begin_anew();
    }

    void sql(const std::string& text) { tests::shared_mariadb().sql(text, database_); }
    /// The same mirror on another table, as after a change of LOG_SQL_DSN.
    void switch_to(const std::string& database) {
        database_ = database;
        begin_anew();
    }
    void begin_anew() {
        follower_.reset();
        mirror_.reset();
        source_.reset();
        store_.reset();
        db_.reset();
        db_ = std::make_unique<base::Database>(folder_.file("s.db"),
                                               std::vector<base::Schema>{Store::schema()});
        store_ = std::make_unique<Store>(*db_);
        mirror_ = make_mirror(folder_.file("s.db"));
        source_ =
            make_source(*parse_dsn(tests::shared_mariadb().dsn("root", "", database_)).dsn, {}, {});
        FollowOptions options;
        options.since = since;
        follower_ =
            std::make_unique<Follower>(*source_, *mirror_, store_->position(), options, clock);
    }

    Poll poll() {
        clock.advance(std::chrono::seconds{1});
        auto poll = follower_->next();
        store_->append(poll.batch, clock.now());
        return poll;
    }
    /// What "within two polls" means.
    Poll poll_twice() {
        poll();
        return poll();
    }

    std::int64_t epoch() const { return store_->position().epoch; }
    std::int64_t cursor() const { return store_->position().cursor; }
    /// "epoch:id=quota" of everything stored, in the order of row ids.
    std::string stored() {
        std::string text;
        SQLite::Statement query{db_->handle(), "SELECT id, quota FROM log ORDER BY id"};
        while (query.executeStep()) {
            const auto id = query.getColumn(0).getInt64();
            text += fmt::format("{}:{}={} ", epoch_of(id), gateway_id(id),
                                query.getColumn(1).getInt64());
        }
        return text;
    }

    tests::FakeClock clock{kNow};
    std::optional<base::Seconds> since;

private:
    std::string database_;
    tests::TempDir folder_;
    std::unique_ptr<base::Database> db_;
    std::unique_ptr<Store> store_;
    std::unique_ptr<Mirror> mirror_;
    std::unique_ptr<LogSource> source_;
    std::unique_ptr<Follower> follower_;
};

}  // namespace

TEST_CASE("a truncated table whose new ids are below the cursor is found within two polls") {
    Mirrored mirror{"epoch_below"};
    mirror.sql(rows(1, 5, 10));
    mirror.poll();
    mirror.sql("TRUNCATE logs;" + rows(1, 2, 20));
    CHECK(mirror.poll_twice().drained);
    CHECK(mirror.epoch() == 1);
    CHECK(mirror.stored() == "0:1=10 0:2=10 0:3=10 0:4=10 0:5=10 1:1=20 1:2=20 ");
    mirror.sql(rows(3, 9, 20));
    CHECK(mirror.poll().batch.entries.size() == 7);
    CHECK(mirror.epoch() == 1);
}

TEST_CASE("a truncated table that has passed the cursor is found within two polls") {
    Mirrored mirror{"epoch_above"};
    mirror.sql(rows(1, 3, 10));
    mirror.poll();
    SUBCASE("with another row under the cursor's id") {
        mirror.sql("TRUNCATE logs;" + rows(1, 5, 20));
    }
    SUBCASE("with a hole at the cursor") {
        mirror.sql("TRUNCATE logs;" + rows(1, 2, 20) + rows(4, 5, 20));
    }
    SUBCASE("while nobody looked") {
        mirror.sql("TRUNCATE logs;" + rows(1, 5, 20));
        mirror.begin_anew();
    }
    CHECK(mirror.poll_twice().drained);
    CHECK(mirror.epoch() == 1);
    CHECK(mirror.cursor() == 5);
    CHECK(mirror.stored().starts_with("0:1=10 0:2=10 0:3=10 1:1=20 1:2=20 "));
    CHECK(mirror.stored().ends_with("1:4=20 1:5=20 "));
}

TEST_CASE("of a restored dump only the rows that differ are read, once") {
    Mirrored mirror{"epoch_restore"};
    mirror.sql(rows(1, 9, 10));
    mirror.poll();
    mirror.sql("DELETE FROM logs WHERE id > 6;");
    auto poll = mirror.poll_twice();
    CHECK(poll.behind);  // nothing differs yet: it may be a replica that is behind
    CHECK(mirror.epoch() == 0);
    SUBCASE("the new rows stay below the cursor") {
        mirror.sql(rows(7, 8, 20));
    }
    SUBCASE("the new rows pass the cursor") {
        mirror.sql(rows(7, 8, 20) + rows(9, 9, 20));
    }
    SUBCASE("the daemon was down") {
        mirror.sql(rows(7, 8, 20));
        mirror.begin_anew();
    }
    CHECK(mirror.poll_twice().drained);
    CHECK(mirror.epoch() == 1);
    CHECK(
        mirror.stored().starts_with("0:1=10 0:2=10 0:3=10 0:4=10 0:5=10 0:6=10 0:7=10 0:8=10 "
                                    "0:9=10 1:7=20 1:8=20 "));
    mirror.sql("DELETE FROM logs WHERE id > 4;" + rows(5, 6, 30));
    mirror.poll_twice();
    CHECK(mirror.epoch() == 2);
    CHECK(mirror.stored().ends_with("2:5=30 2:6=30 "));
}

TEST_CASE("a replica that is behind doubles nothing when it catches up") {
    Mirrored mirror{"epoch_replica"};
    mirror.sql(rows(1, 9, 10));
    mirror.poll();
    mirror.sql("DELETE FROM logs WHERE id > 5;");
    CHECK(mirror.poll_twice().behind);
    mirror.sql(rows(6, 8, 10));
    CHECK(mirror.poll().behind);
    mirror.sql(rows(9, 10, 10));
    CHECK(mirror.poll_twice().drained);
    CHECK(mirror.epoch() == 0);
    CHECK(mirror.cursor() == 10);
    CHECK(mirror.stored() ==
          "0:1=10 0:2=10 0:3=10 0:4=10 0:5=10 0:6=10 0:7=10 0:8=10 0:9=10 0:10=10 ");
}

TEST_CASE("pruning is no reset, whatever it takes") {
    Mirrored mirror{"epoch_pruning"};
    mirror.sql(rows(1, 9, 10));
    mirror.poll();
    SUBCASE("old rows") {
        mirror.sql("DELETE FROM logs WHERE id < 5;" + rows(10, 11, 10));
    }
    SUBCASE("the row at the cursor") {
        mirror.sql("DELETE FROM logs WHERE id = 9;" + rows(10, 11, 10));
    }
    SUBCASE("everything, and rows come at once") {
        mirror.sql("DELETE FROM logs;" + rows(10, 11, 10));
    }
    SUBCASE("everything, and rows come later") {
        mirror.sql("DELETE FROM logs;");
        CHECK(mirror.poll_twice().drained);
        CHECK_FALSE(mirror.poll().behind);
        mirror.sql(rows(10, 11, 10));
    }
    SUBCASE("everything, while nobody looked") {
        mirror.sql("DELETE FROM logs;");
        mirror.poll_twice();
        mirror.begin_anew();
        mirror.sql(rows(10, 11, 10));
    }
    CHECK(mirror.poll_twice().drained);
    CHECK(mirror.epoch() == 0);
    CHECK(mirror.stored() ==
          "0:1=10 0:2=10 0:3=10 0:4=10 0:5=10 0:6=10 0:7=10 0:8=10 0:9=10 0:10=10 0:11=10 ");
}

TEST_CASE("after everything was pruned an id below the cursor means another table") {
    Mirrored mirror{"epoch_emptied"};
    mirror.sql(rows(1, 9, 10));
    mirror.poll();
    mirror.sql("DELETE FROM logs;");
    mirror.poll_twice();
    SUBCASE("below") {
        mirror.sql("TRUNCATE logs;" + rows(1, 3, 20));
    }
    SUBCASE("past the cursor already") {
        mirror.sql("TRUNCATE logs;" + rows(1, 12, 20));
    }
    mirror.poll_twice();
    CHECK(mirror.epoch() == 1);
    CHECK(mirror.stored().find("1:1=20 1:2=20 1:3=20 ") != std::string::npos);
}

TEST_CASE("logs that moved to another database begin a new epoch, no further back than asked") {
    Mirrored mirror{"epoch_here"};
    mirror.since = base::Seconds{1000};
    mirror.begin_anew();
    mirror.sql(rows(1, 3, 10, kNow - 5000) + rows(4, 6, 10));
    mirror.poll();
    CHECK(mirror.stored() == "0:4=10 0:5=10 0:6=10 ");
    tests::shared_mariadb().load_ddl("epoch_there", "newapi_2025");
    SUBCASE("an empty one first") {
        mirror.switch_to("epoch_there");
    }
    SUBCASE("one that has rows already, older and newer, on both sides of the cursor") {
        tests::shared_mariadb().sql(rows(1, 5, 20, kNow - 5000) + rows(6, 9, 20, kNow - 100),
                                    "epoch_there");
        mirror.switch_to("epoch_there");
    }
    mirror.poll_twice();
    mirror.sql("DELETE FROM logs WHERE id = 1;" + rows(1, 1, 20, kNow + 5) +
               rows(10, 10, 20, kNow + 5));
    mirror.poll_twice();
    CHECK(mirror.epoch() == 1);
    CHECK(mirror.stored().starts_with("0:4=10 0:5=10 0:6=10 1:"));
    CHECK(mirror.stored().ends_with("1:10=20 "));
}

TEST_CASE("a row that comes late into an old hole is no other table") {
    Mirrored mirror{"epoch_late"};
    mirror.sql(rows(1, 20, 10) + rows(25, 30, 10) + rows(40, 41, 10));
    mirror.poll();
    mirror.clock.advance(std::chrono::hours{48});
    mirror.poll();
    mirror.sql(rows(35, 35, 10) + "DELETE FROM logs WHERE id = 41;" + rows(42, 42, 10));
    mirror.poll_twice();
    CHECK(mirror.epoch() == 0);
    CHECK(mirror.cursor() == 42);
}

TEST_CASE("a truncation before anything was read is begun anew") {
    Mirrored mirror{"epoch_unread"};
    mirror.since = base::Seconds{1000};
    mirror.begin_anew();
    mirror.sql(rows(1, 50, 10, kNow - 5000));
    mirror.poll();
    CHECK(mirror.stored().empty());
    mirror.sql("TRUNCATE logs;" + rows(1, 3, 20));
    mirror.poll_twice();
    CHECK(mirror.stored().ends_with(":1=20 1:2=20 1:3=20 "));
}
