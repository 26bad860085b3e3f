#include <algorithm>

#include <doctest/doctest.h>

#include "notifiers/outbox.h"
#include "support/temp_dir.h"

using namespace quotafuse;
using namespace quotafuse::notifiers;
using namespace quotafuse::tests;
using namespace std::chrono_literals;
using Fate = Outbox::Fate;

namespace {

const base::Second kNow = base::from_unix(1'767'625'260);
const Outcome kOk{};
const Outcome kLater{Outcome::Kind::transient, 0s, "HTTP 502", 0};
const Outcome kNever{Outcome::Kind::permanent, 0s, "Telegram 403: Forbidden", 0};
const Outcome kBusy{Outcome::Kind::transient, 0s, "system busy", 3};

Message titled(const std::string& title) {
    Message message;
    message.title = title;
    return message;
}

/// An outbox in a file that can be closed and opened again, as after a kill.
struct Fixture {
    TempDir folder;
    std::optional<base::Database> db;
    std::optional<Outbox> outbox;

    Fixture() { reopen(); }
    void reopen() {
        outbox.reset();
        db.reset();
        db.emplace(folder.file("store.db"), std::vector{Outbox::schema()});
        outbox.emplace(*db);
    }
    bool put(const std::string& event, const std::string& notifier,
             base::Second not_before = kNow) {
        base::WriteTransaction transaction{*db};
        const auto put = outbox->put(event, notifier, titled(event), kNow, not_before);
        transaction.commit();
        return put;
    }
    /// The title of what is due, attempted and finished at once; "" when nothing is.
    std::string deliver(const std::string& notifier, const Outcome& outcome,
                        base::Second now = kNow) {
        const auto due = outbox->next(notifier, now);
        if (!due) return "";
        outbox->begin_attempt(due->id, now);
        outbox->finish(due->id, outcome, now);
        return due->message.title;
    }
};

}  // namespace

TEST_CASE("each notifier gets its messages in order, and a failing head holds back only its own") {
    Fixture f;
    for (const std::string event : {"1", "2", "3"}) {
        f.put(event, "a");
        f.put(event, "b");
    }
    CHECK(f.deliver("a", kLater) == "1");
    CHECK(f.deliver("a", kLater) == "1");
    CHECK(f.deliver("b", kOk) == "1");
    CHECK(f.deliver("b", kOk) == "2");
    CHECK(f.deliver("a", kOk) == "1");
    CHECK(f.deliver("a", kOk) == "2");
    CHECK(f.outbox->pending() == 2);
    CHECK(f.deliver("c", kOk) == "");
}

TEST_CASE("an event is put once for each notifier") {
    Fixture f;
    CHECK(f.put("1", "a"));
    CHECK_FALSE(f.put("1", "a"));
    CHECK(f.put("1", "b"));
    CHECK(f.deliver("a", kOk) == "1");
    CHECK_FALSE(f.put("1", "a"));
    CHECK(f.outbox->pending() == 1);
}

TEST_CASE("what was put in a transaction that did not commit was never put") {
    Fixture f;
    {
        base::WriteTransaction transaction{*f.db};
        f.outbox->put("1", "a", titled("1"), kNow, kNow);
    }
    CHECK(f.outbox->pending() == 0);
}

TEST_CASE("a head that may not go out yet holds back what is behind it") {
    Fixture f;
    f.put("1", "a", kNow + 10s);
    f.put("2", "a");
    CHECK(f.deliver("a", kOk, kNow) == "");
    CHECK(f.deliver("a", kOk, kNow + 9s) == "");
    CHECK(f.deliver("a", kOk, kNow + 10s) == "1");
    CHECK(f.deliver("a", kOk, kNow + 10s) == "2");
}

TEST_CASE("a clock that is set back does not hold a message for a year") {
    Fixture f;
    f.put("1", "a", kNow + 10s);
    CHECK(f.deliver("a", kOk, kNow - 8760h) == "1");
}

TEST_CASE("a running attempt is not begun twice") {
    Fixture f;
    f.put("1", "a");
    f.put("2", "a");
    const auto first = f.outbox->next("a", kNow);
    f.outbox->begin_attempt(first->id, kNow);
    CHECK(f.outbox->next("a", kNow) == std::nullopt);
    CHECK(f.outbox->finish(first->id, kLater, kNow) == Fate::kept_for_retry);
    CHECK(f.outbox->next("a", kNow)->attempts == 1);
}

TEST_CASE("an attempt that a crash cut off is made again with the same event") {
    Fixture f;
    f.put("1", "a");
    f.outbox->begin_attempt(f.outbox->next("a", kNow)->id, kNow);
    f.reopen();
    const auto again = f.outbox->next("a", kNow);
    REQUIRE(again);
    CHECK(again->event_id == "1");
    CHECK(again->message == titled("1"));
    CHECK(again->attempts == 1);
}

TEST_CASE("what will never work becomes a dead letter with its reason, and the next goes on") {
    Fixture f;
    f.put("1", "a");
    f.put("2", "a");
    f.deliver("a", kNever);
    f.reopen();
    CHECK(f.outbox->failed() == 1);
    CHECK(f.outbox->pending() == 1);
    const auto health = f.outbox->health("a");
    CHECK(health.pending == 1);
    CHECK(health.failed == 1);
    CHECK(health.last_error == "Telegram 403: Forbidden");
    CHECK(health.last_failure == kNow);
    CHECK(health.last_ok == std::nullopt);
    CHECK(f.deliver("a", kOk, kNow + 5s) == "2");
    CHECK(f.outbox->health("a").last_ok == kNow + 5s);
    CHECK(f.outbox->health("a").last_error == "Telegram 403: Forbidden");
    CHECK(f.outbox->health("b").last_error == "");
}

TEST_CASE("a bounded failure is given up at its bound, to which an outage does not count") {
    Fixture f;
    f.put("1", "a");
    for (int i = 0; i < 20; ++i) f.deliver("a", kLater);
    f.deliver("a", kBusy);
    f.deliver("a", kBusy);
    CHECK(f.outbox->pending() == 1);
    f.deliver("a", kBusy);
    CHECK(f.outbox->pending() == 0);
    CHECK(f.outbox->failed() == 1);
}

TEST_CASE("a message is amended and released where no attempt was ever begun, and only there") {
    Fixture f;
    for (const std::string notifier : {"untouched", "tried", "done", "fresh"})
        f.put("1", notifier, kNow + 5s);
    f.put("2", "untouched");
    f.deliver("tried", kLater, kNow + 5s);
    f.deliver("done", kOk, kNow + 5s);
    {
        base::WriteTransaction transaction{*f.db};
        auto amended = f.outbox->replace_unsent("1", titled("1, channel disabled"));
        transaction.commit();
        std::ranges::sort(amended);
        CHECK(amended == std::vector<std::string>{"fresh", "untouched"});
        CHECK(f.outbox->replace_unsent("3", titled("3")).empty());
    }
    CHECK(f.deliver("untouched", kOk, kNow) == "1, channel disabled");
    CHECK(f.deliver("fresh", kOk, kNow) == "1, channel disabled");
    CHECK(f.deliver("untouched", kOk, kNow) == "2");
    CHECK(f.deliver("tried", kOk, kNow + 5s) == "1");
    CHECK(f.deliver("done", kOk, kNow + 5s) == "");
}

TEST_CASE("a stored message that cannot be read is a dead letter, not a stop") {
    Fixture f;
    f.put("1", "a");
    f.put("2", "a");
    f.db->handle().exec("UPDATE outbox SET message = '{' WHERE event_id = '1'");
    CHECK(f.deliver("a", kOk) == "2");
    CHECK(f.outbox->failed() == 1);
    CHECK(f.outbox->health("a").last_error == "the stored message cannot be read");
}

TEST_CASE("what waits for a notifier that is gone is given up, what ended long ago is forgotten") {
    Fixture f;
    f.put("1", "a");
    f.put("2", "gone");
    CHECK(f.outbox->retire_all_but({"a"}, kNow) == 1);
    CHECK(f.outbox->pending() == 1);
    CHECK(f.outbox->failed() == 1);
    CHECK(f.outbox->health("gone").last_error == "this notifier is no longer configured");
    f.deliver("a", kOk, kNow + 10s);
    f.outbox->prune(kNow + 5s);
    CHECK(f.outbox->failed() == 0);
    CHECK_FALSE(f.put("1", "a"));
    f.outbox->prune(kNow + 11s);
    CHECK(f.put("1", "a"));
}

TEST_CASE("the head of a queue is found by index, however much was delivered before") {
    Fixture f;
    SQLite::Statement plan{
        f.db->handle(),
        "EXPLAIN QUERY PLAN SELECT message FROM outbox WHERE notifier = 'a' AND state = 0 "
        "ORDER BY id LIMIT 1"};
    REQUIRE(plan.executeStep());
    CHECK(plan.getColumn(3).getString() == "SEARCH outbox USING INDEX outbox_waiting (notifier=?)");
    CHECK_FALSE(plan.executeStep());
}
