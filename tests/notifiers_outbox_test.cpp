#include <doctest/doctest.h>

#include "notifiers_outbox_fixture.h"

using namespace quotafuse;
using namespace quotafuse::notifiers;
using namespace quotafuse::tests;
using namespace std::chrono_literals;
using Fate = Outbox::Fate;
using Fixture = OutboxFixture;

TEST_CASE("each notifier gets its messages in order, and a failing head holds back only its own") {
    Fixture f;
    for (const std::string event : {"1", "2", "3"}) {
        f.put(letter(event), "a");
        f.put(letter(event), "b");
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
    CHECK(f.put(letter("1"), "a"));
    CHECK_FALSE(f.put(letter("1"), "a"));
    CHECK(f.put(letter("1"), "b"));
    CHECK(f.deliver("a", kOk) == "1");
    CHECK_FALSE(f.put(letter("1"), "a"));
    CHECK(f.outbox->pending() == 1);
}

TEST_CASE("what was put in a transaction that did not commit was never put") {
    Fixture f;
    {
        base::WriteTransaction transaction{*f.db};
        f.outbox->put(letter("1"), "a", kNow, kNow);
    }
    CHECK(f.outbox->pending() == 0);
}

TEST_CASE("a head that may not go out yet holds back what is behind it") {
    Fixture f;
    f.put(letter("1"), "a", kNow, kNow + 10s);
    f.put(letter("2"), "a");
    CHECK(f.deliver("a", kOk, kNow) == "");
    CHECK(f.deliver("a", kOk, kNow + 9s) == "");
    CHECK(f.deliver("a", kOk, kNow + 10s) == "1");
    CHECK(f.deliver("a", kOk, kNow + 10s) == "2");
}

TEST_CASE("a clock that is set back does not hold a message for a year") {
    Fixture f;
    f.put(letter("1"), "a", kNow, kNow + 10s);
    CHECK(f.deliver("a", kOk, kNow - 8760h) == "1");
}

TEST_CASE("a running attempt is not begun twice") {
    Fixture f;
    f.put(letter("1"), "a");
    f.put(letter("2"), "a");
    const auto first = f.outbox->next("a", kNow);
    f.outbox->begin_attempt(*first, kNow);
    CHECK(f.outbox->next("a", kNow) == std::nullopt);
    CHECK(f.outbox->finish(first->id, kLater, kNow) == Fate::kept_for_retry);
    CHECK(f.outbox->next("a", kNow)->attempts == 1);
}

TEST_CASE("an attempt that a crash cut off is made again with the same event") {
    Fixture f;
    f.put(letter("1"));
    f.cut_off();
    const auto again = f.outbox->next("a", kNow + 60s);
    REQUIRE(again);
    CHECK(again->mail.event_id == "1");
    CHECK(again->mail.message == titled("1"));
    CHECK(again->mail.put_at == base::unix_seconds(kNow));
    CHECK(again->attempts == 1);
}

TEST_CASE("what will never work becomes a dead letter with its reason, and the next goes on") {
    Fixture f;
    f.put(letter("1"), "a");
    f.put(letter("2"), "a");
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
    const Outcome busy{Outcome::Kind::transient, 0s, "system busy", 3};
    Fixture f;
    f.put(letter("1"), "a");
    for (int i = 0; i < 20; ++i) f.deliver("a", kLater);
    f.deliver("a", busy);
    f.deliver("a", busy, kNow + 30s);
    CHECK(f.outbox->pending() == 1);
    f.deliver("a", busy, kNow + 60s);
    CHECK(f.outbox->pending() == 0);
    CHECK(f.outbox->failed() == 1);
}

TEST_CASE("tries within half a minute count as one: a service may be busy for a moment") {
    const Outcome busy{Outcome::Kind::transient, 0s, "system busy", 3};
    Fixture f;
    f.put(letter("1"), "a");
    for (int second = 0; second < 60; ++second) f.deliver("a", busy, kNow + second * 1s);
    CHECK(f.outbox->pending() == 1);
    f.reopen();
    f.deliver("a", busy, kNow + 60s);
    CHECK(f.outbox->failed() == 1);
}

TEST_CASE("a clock that is set back does not make the patience with a letter endless") {
    const Outcome busy{Outcome::Kind::transient, 0s, "system busy", 3};
    Fixture f;
    f.put(letter("1"), "a");
    f.deliver("a", busy, kNow);
    f.deliver("a", busy, kNow - 8760h);
    f.deliver("a", busy, kNow - 8759h);
    CHECK(f.outbox->failed() == 1);
}

TEST_CASE("a letter that the service fails at for a day gives way, and can be sent again") {
    const auto fails = for_a_day({Outcome::Kind::transient, 0s, "HTTP 500: no such field"});
    Fixture f;
    auto critical = letter("poison");
    critical.keeps = true;
    f.put(critical);
    auto now = kNow;
    for (; now < kNow + 23h; now += 5min) f.deliver("a", fails, now);
    // Of a day at which nobody is reached nothing counts.
    for (; now < kNow + 60h; now += 5min) f.deliver("a", kLater, now);
    CHECK(f.outbox->pending() == 1);
    f.put(letter("next"), "a", now);
    for (const auto end = now + 2h; now < end && f.outbox->failed() == 0; now += 5min)
        f.deliver("a", fails, now);
    REQUIRE(f.outbox->failed() == 1);
    CHECK(filed(f.db->handle(), {Filed::State::dead, 9}).at(0).error == "HTTP 500: no such field");
    CHECK(f.deliver("a", kOk, now) == "next");
    CHECK(f.outbox->retry(std::nullopt, {"a"}) == 1);
    CHECK(f.deliver("a", fails, now) == "poison");
    CHECK(f.outbox->pending() == 1);
}

TEST_CASE("a message is amended and released where it cannot have arrived, and only there") {
    Fixture f;
    for (const std::string notifier : {"untouched", "tried", "doubtful", "running", "done"})
        f.put(letter("1"), notifier, kNow, kNow + 5s);
    f.put(letter("2"), "untouched");
    f.deliver("tried", kLater, kNow + 5s);
    f.deliver("doubtful", kNoAnswer, kNow + 5s);
    f.outbox->begin_attempt(*f.outbox->next("running", kNow + 5s), kNow + 5s);
    f.deliver("done", kOk, kNow + 5s);
    {
        base::WriteTransaction transaction{*f.db};
        auto amended = f.outbox->replace_unsent("1", titled("1, channel disabled"));
        transaction.commit();
        std::ranges::sort(amended);
        CHECK(amended == std::vector<std::string>{"tried", "untouched"});
        CHECK(f.outbox->replace_unsent("3", titled("3")).empty());
    }
    CHECK(f.deliver("untouched", kOk, kNow) == "1, channel disabled");
    CHECK(f.outbox->next("tried", kNow)->mail.event_id == "1-1");
    CHECK(f.deliver("tried", kOk, kNow) == "1, channel disabled");
    CHECK(f.deliver("untouched", kOk, kNow) == "2");
    CHECK(f.deliver("doubtful", kOk, kNow + 5s) == "1");
    CHECK(f.deliver("done", kOk, kNow + 5s) == "");
}

TEST_CASE("a stored message that cannot be read is a dead letter, not a stop") {
    Fixture f;
    f.put(letter("1"), "a");
    f.put(letter("2"), "a");
    f.db->handle().exec("UPDATE outbox SET message = '{' WHERE event_id = '1'");
    CHECK(f.deliver("a", kOk) == "2");
    CHECK(f.outbox->failed() == 1);
    CHECK(f.outbox->health("a").last_error == "the stored message cannot be read");
}

TEST_CASE("what waits for a notifier that is gone is given up, what ended long ago is forgotten") {
    Fixture f;
    f.put(letter("1"), "a");
    f.put(letter("2"), "gone");
    CHECK(f.outbox->retire_all_but({"a"}, kNow) == 1);
    CHECK(f.outbox->pending() == 1);
    CHECK(f.outbox->failed() == 1);
    CHECK(f.outbox->health("gone").last_error == "this notifier is no longer configured");
    f.deliver("a", kOk, kNow + 10s);
    f.outbox->prune(kNow + 5s);
    CHECK(f.outbox->failed() == 0);
    CHECK_FALSE(f.put(letter("1"), "a"));
    f.outbox->prune(kNow + 11s);
    CHECK(f.put(letter("1"), "a"));
}

TEST_CASE("the head of a queue is found by index, however much was delivered before") {
    Fixture f;
    SQLite::Statement plan{
        f.db->handle(),
        "EXPLAIN QUERY PLAN SELECT message FROM outbox WHERE notifier = 'a' AND state = 0 "
        "ORDER BY turn LIMIT 1"};
    REQUIRE(plan.executeStep());
    CHECK(plan.getColumn(3).getString() == "SEARCH outbox USING INDEX outbox_waiting (notifier=?)");
    CHECK_FALSE(plan.executeStep());
}

TEST_CASE("what a failure advises is kept with it") {
    Fixture f;
    f.put(letter("1"));
    auto refused = kNever;
    refused.advice = "Add the bot to the chat.";
    f.deliver("a", refused);
    f.reopen();
    CHECK(f.outbox->health("a").advice == "Add the bot to the chat.");
    CHECK(f.outbox->health("b").advice == "");
}

TEST_CASE("dead letters wait again behind what waits, one of them or all, and never expire") {
    Fixture f;
    f.outbox->set_expiry("a", 1h);
    for (const std::string event : {"1", "2", "3"}) {
        f.put(letter(event));
        f.deliver("a", kNever);
    }
    f.put(letter("4"));
    const auto dead = filed(f.db->handle(), {Filed::State::dead, 10});
    REQUIRE(dead.size() == 3);
    CHECK(dead[1].title == "2");
    CHECK(f.outbox->retry(dead[1].id, {"a", "b"}) == 1);
    CHECK(f.outbox->retry(dead[1].id, {"a", "b"}) == 0);
    CHECK(f.outbox->retry(99, {"a", "b"}) == 0);
    CHECK(f.outbox->retry(dead[0].id, {"b"}) == 0);
    CHECK(f.outbox->failed() == 2);
    CHECK(f.deliver("a", kOk) == "4");
    CHECK(f.outbox->retry(std::nullopt, {"a", "b"}) == 2);
    f.put(letter("5"), "a", kNow + 2h);
    CHECK(f.deliver("a", kOk, kNow + 2h) == "queue: 2, 1, 3, 5");
    CHECK(f.outbox->failed() == 0);
}

TEST_CASE("who starts anew learns when deliveries were begun, a bundle being one") {
    Fixture f;
    f.put(letter("old"));
    f.deliver("a", kOk, kNow - 61s);
    f.put_many(4);
    CHECK(f.deliver("a", kOk, kNow - 50s).starts_with("queue"));
    f.put(letter("5"), "b");
    f.deliver("b", kOk, kNow - 40s);
    f.put(letter("6"));
    f.deliver("a", kNever, kNow - 30s);
    for (const std::string event : {"7", "8", "9", "10"}) f.put(letter(event));
    CHECK(f.deliver("a", kLater, kNow - 20s).starts_with("queue"));
    f.cut_off(kNow - 10s);
    CHECK(f.outbox->begun("a", kNow - 60s) == std::vector{kNow - 50s, kNow - 30s, kNow - 10s});
    CHECK(f.outbox->begun("b", kNow - 60s) == std::vector{kNow - 40s});
}

TEST_CASE("who asks is told of each letter, the newest first") {
    Fixture f;
    for (const std::string event : {"1", "2", "3"}) f.put(letter(event));
    f.deliver("a", kOk, kNow + 1s);
    f.deliver("a", kNever, kNow + 2s);
    f.deliver("a", kLater, kNow + 3s);
    const auto all = filed(f.db->handle(), {std::nullopt, 10});
    REQUIRE(all.size() == 3);
    CHECK(all[0].event_id == "3");
    CHECK(all[0].state == Filed::State::waiting);
    CHECK(all[0].attempts == 1);
    CHECK(all[0].error == "HTTP 502");
    CHECK(all[0].ended_at == std::nullopt);
    CHECK(all[1].state == Filed::State::dead);
    CHECK(all[1].error == "Telegram 403: Forbidden");
    CHECK(all[2].state == Filed::State::delivered);
    CHECK(all[2].error == "");
    CHECK(all[2].notifier == "a");
    CHECK(all[2].put_at == kNow);
    CHECK(all[2].ended_at == kNow + 1s);
    CHECK(all[2].sent_with == std::nullopt);
    CHECK(filed(f.db->handle(), {Filed::State::delivered, 10}).size() == 1);
    CHECK(filed(f.db->handle(), {std::nullopt, 2}).size() == 2);
}

TEST_CASE("what an earlier version left goes out, in its order, and never expires") {
    Fixture f;
    const auto path = f.folder.file("former.db");
    auto former = Outbox::schema();
    former.migrations.resize(1);
    {
        base::Database db{path, {former}};
        for (const std::string event : {"'1'", "'2'", "'3'", "'4'", "'5'"})
            db.handle().exec(
                "INSERT INTO outbox(event_id, notifier, message, put_at, not_before) "
                "VALUES(" +
                event + R"(, 'a', '{"kind":"firing","severity":"critical","title":)" +
                R"("old","facts":[],"lines":["x"],"footer":""}', 1, 1))");
        db.handle().exec("UPDATE outbox SET state = 1, ended_at = 1 WHERE event_id = '1'");
    }
    base::Database db{path, {Outbox::schema()}};
    Outbox outbox{db, plain_editor};
    outbox.set_expiry("a", 1h);
    for (const std::string event : {"2", "3", "4", "5"}) {
        const auto due = outbox.next("a", kNow);
        REQUIRE(due);
        CHECK(due->mail.event_id == event);
        CHECK(due->mail.message.title == "old");
        outbox.begin_attempt(*due, kNow);
        outbox.finish(due->id, kOk, kNow);
    }
    CHECK(outbox.pending() == 0);
}
