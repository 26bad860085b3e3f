#include <set>

#include <doctest/doctest.h>

#include "notifiers/bundling.h"
#include "notifiers_outbox_fixture.h"

using namespace quotafuse;
using namespace quotafuse::notifiers;
using namespace quotafuse::tests;
using namespace std::chrono_literals;
using Fate = Outbox::Fate;
using Fixture = OutboxFixture;

TEST_CASE("up to three letters go out one by one, more than that in one message") {
    Fixture f;
    f.put_many(3);
    CHECK(f.deliver("a", kOk) == "1");
    for (const std::string event : {"4", "5"}) f.put(letter(event));
    CHECK(f.deliver("a", kOk) == "queue: 2, 3, 4, 5");
    CHECK(f.outbox->pending() == 0);
}

TEST_CASE("a message of many has no more lines than a service takes, and every letter is in one") {
    Fixture f;
    f.put_many(47);
    std::vector<std::size_t> sizes;
    while (const auto due = f.outbox->next("a", kNow)) {
        f.outbox->begin_attempt(*due, kNow);
        f.outbox->finish(due->id, kOk, kNow);
        sizes.push_back(due->letters.size());
    }
    CHECK(sizes == std::vector<std::size_t>{20, 20, 7});
    CHECK(filed(f.db->handle(), {Filed::State::delivered, 100}).size() == 47);
}

TEST_CASE("a notifier that takes fewer lines gets more messages") {
    Fixture f;
    f.outbox->set_most_in_one("a", 10);
    f.put_many(25);
    std::vector<std::size_t> sizes;
    while (const auto due = f.outbox->next("a", kNow)) {
        f.outbox->begin_attempt(*due, kNow);
        f.outbox->finish(due->id, kOk, kNow);
        sizes.push_back(due->letters.size());
    }
    CHECK(sizes == std::vector<std::size_t>{10, 10, 5});
}

TEST_CASE("letters of one batch are one message, others keep their own") {
    Fixture f;
    f.put(of_batch("1", "burn 1000"));
    f.put(letter("2"));
    f.put(of_batch("3", "burn 1000"));
    f.put(of_batch("4", "burn 1001"));
    CHECK(f.deliver("a", kOk) == "batch: 1, 3");
    CHECK(f.deliver("a", kOk) == "2");
    CHECK(f.deliver("a", kOk) == "4");
}

TEST_CASE("a batch of many keys is told as a batch, as often as it takes") {
    Fixture f;
    for (int i = 1; i <= 21; ++i) f.put(of_batch(std::to_string(i), "burn 1000"));
    CHECK(f.deliver("a", kOk).starts_with("batch: 1, 2, 3, "));
    CHECK(f.deliver("a", kOk) == "21");
}

TEST_CASE("an alert that is over before anybody heard of it is one message") {
    Fixture f;
    f.put(begins("1", "x"));
    f.put(letter("2"));
    f.put(ends("3", "x"));
    CHECK(f.deliver("a", kOk) == "both: 1, 3");
    CHECK(f.deliver("a", kOk) == "2");
}

TEST_CASE("the end of an alert whose beginning went out is a message of its own") {
    Fixture f;
    f.put(begins("1", "x"));
    CHECK(f.deliver("a", kNoAnswer) == "1");
    f.put(ends("2", "x"));
    CHECK(f.deliver("a", kOk) == "1");
    CHECK(f.deliver("a", kOk) == "2");
}

TEST_CASE("an alert that came and went in an outage is one message, though it was tried") {
    Fixture f;
    f.outbox->set_expiry("a", 6h);
    f.put(begins("1", "x"));
    CHECK(f.deliver("a", kLater) == "1");
    f.put(ends("2", "x"), "a", kNow + 1h);
    CHECK(f.outbox->next("a", kNow + 1h)->mail.message.title == "both: 1, 2");
    // Nobody was reached for longer than it is news.
    CHECK(f.deliver("a", kLater, kNow + 2h) == "both: 1, 2");
    f.put(letter("3"), "a", kNow + 8h);
    CHECK(f.deliver("a", kOk, kNow + 8h) == "expired: 1, 2");
    CHECK(f.deliver("a", kOk, kNow + 8h) == "3");
    CHECK(f.outbox->pending() == 0);
}

TEST_CASE("what may have arrived is neither joined with others nor too old, what crashed neither") {
    for (const bool crash : {false, true}) {
        Fixture f;
        f.put(begins("1", "x"));
        if (crash) f.cut_off();
        if (!crash) f.deliver("a", kNoAnswer);
        f.outbox->set_expiry("a", 1h);
        f.deliver("a", kLater);  // it takes the doubt from nobody
        f.put(ends("2", "x"), "a", kNow + 2h);
        CHECK(f.deliver("a", kOk, kNow + 2h) == "1");
        CHECK(f.deliver("a", kOk, kNow + 2h) == "2");
    }
}

TEST_CASE("a receiver that drops ids it has seen gets every letter, though it lied about a try") {
    Fixture f;
    std::set<std::string> ids;
    std::string received;
    const auto deliver = [&](const Outcome& outcome) {
        const auto due = f.outbox->next("a", kNow);
        REQUIRE(due);
        f.outbox->begin_attempt(*due, kNow);
        f.outbox->finish(due->id, outcome, kNow);
        if (ids.insert(due->mail.event_id).second) received += due->mail.message.title + "; ";
        return due->mail.event_id;
    };
    f.put_many(3);
    CHECK(deliver(kLater) == "1");
    CHECK(deliver(kLater) == "1");  // the same again
    f.put(letter("4"));
    CHECK(deliver(kLater) == "1-2");
    CHECK(deliver(kNoAnswer) == "1-2");
    f.put(letter("5"));
    f.reopen();
    CHECK(deliver(kLater) == "1-2");
    CHECK(deliver(kOk) == "1-2");
    CHECK(deliver(kOk) == "5");
    CHECK(received == "1; queue: 1, 2, 3, 4; 5; ");
}

TEST_CASE(
    "a bundle that a service fails at for long is taken apart, and then only one is given up") {
    const Outcome fails{Outcome::Kind::transient, 0s, "HTTP 500", 2};
    Fixture f;
    f.put_many(4);
    CHECK(f.deliver("a", fails).starts_with("queue"));
    CHECK(f.deliver("a", fails, kNow + 1min).starts_with("queue"));
    CHECK(f.outbox->next("a", kNow)->mail.event_id == "1-2");
    CHECK(f.deliver("a", fails, kNow + 2min) == "1");
    CHECK(f.deliver("a", fails, kNow + 3min) == "1");
    CHECK(f.outbox->failed() == 1);
    for (const std::string title : {"2", "3", "4"}) CHECK(f.deliver("a", kOk) == title);
}

TEST_CASE("an alert with more reminders than a list has lines is told from beginning to end") {
    Fixture f;
    f.outbox->set_most_in_one("a", 4);
    const auto put_all = [&](const std::string& alert) {
        f.put(begins(alert + "1", alert));
        for (const std::string n : {"2", "3", "4", "5"})
            f.put({alert + n, alert, {}, titled(alert + n, Message::Kind::reminder)});
        f.put(ends(alert + "6", alert));
    };
    put_all("x");
    CHECK(f.outbox->next("a", kNow)->mail.message.title == "both: x1, x2, x3, x4, x5, x6");
    // Nor is it cut by a list.
    f.put_many(5);
    put_all("y");
    CHECK(f.deliver("a", kOk) == "both: x1, x2, x3, x4, x5, x6");
    CHECK(f.deliver("a", kOk) == "queue: 1, 2, 3, 4");
    CHECK(f.deliver("a", kOk) == "5");
    CHECK(f.deliver("a", kOk) == "both: y1, y2, y3, y4, y5, y6");
}

TEST_CASE("a long list does not tear beginning and end of an alert apart") {
    Fixture f;
    for (int i = 1; i <= 19; ++i) f.put(letter(std::to_string(i)));
    f.put(begins("x1", "x"));
    f.put(ends("x2", "x"));
    CHECK(f.deliver("a", kOk).ends_with("18, 19"));
    CHECK(f.deliver("a", kOk) == "both: x1, x2");
}

TEST_CASE("what is more than a line, such as a report, is never a line of a list") {
    Fixture f;
    f.put_many(2);
    f.put({"report", {}, {}, titled("report", Message::Kind::digest)});
    Letter unlisted = letter("unlisted");
    unlisted.message.brief.clear();
    f.put(unlisted);
    f.put(letter("3"));
    f.put(letter("4"));
    CHECK(f.deliver("a", kOk) == "queue: 1, 2, 3, 4");
    CHECK(f.deliver("a", kOk) == "report");
    CHECK(f.deliver("a", kOk) == "unlisted");
}

TEST_CASE("a repeat of many is the first attempt, whatever was put and whatever happened since") {
    Fixture f;
    f.put_many(5);
    const auto first = f.cut_off();
    CHECK(first.mail.message.title == "queue: 1, 2, 3, 4, 5");
    f.put(letter("6"));
    {
        base::WriteTransaction transaction{*f.db};
        CHECK(f.outbox->replace_unsent("3", titled("3, disabled")).empty());
        transaction.commit();
    }
    f.outbox->set_expiry("a", 1h);
    const auto again = f.outbox->next("a", kNow + 5h);
    REQUIRE(again);
    CHECK(again->id == first.id);
    CHECK(again->mail.event_id == first.mail.event_id);
    CHECK(again->mail.put_at == first.mail.put_at);
    CHECK(to_json(again->mail.message) == to_json(first.mail.message));
    CHECK(again->letters == first.letters);
    CHECK(again->attempts == 1);
    f.outbox->begin_attempt(*again, kNow);
    CHECK(f.outbox->finish(again->id, kLater, kNow) == Fate::kept_for_retry);
    CHECK(f.deliver("a", kOk) == "queue: 1, 2, 3, 4, 5");
    CHECK(f.outbox->pending() == 1);
    CHECK(filed(f.db->handle(), {Filed::State::delivered, 9}).back().sent_with == first.id);
}

TEST_CASE("text that is not UTF-8 is the same in a repeat of many") {
    Fixture f;
    f.put_many(3);
    f.outbox.emplace(*f.db, [](const Bundle& bundle) {
        auto message = plain_editor(bundle);
        message.title += "\xff";
        return message;
    });
    f.put(letter("4"));
    const auto first = f.cut_off();
    CHECK(f.outbox->next("a", kNow)->mail.message == first.mail.message);
}

TEST_CASE("before the attempt is on record nothing is decided for good") {
    Fixture f;
    f.put_many(4);
    CHECK(f.outbox->next("a", kNow)->letters.size() == 4);
    f.reopen();
    f.put(letter("5"));
    CHECK(f.outbox->next("a", kNow)->letters.size() == 5);
}

TEST_CASE("when the text of many is refused each goes out alone, and one refused alone is dead") {
    Fixture f;
    f.put_many(4);
    const auto due = f.outbox->next("a", kNow);
    f.outbox->begin_attempt(*due, kNow);
    CHECK(f.outbox->finish(due->id, kRefusedText, kNow) == Fate::taken_apart);
    CHECK(f.outbox->health("a").last_failure == std::nullopt);
    f.reopen();
    CHECK(f.deliver("a", kOk) == "1");
    CHECK(f.deliver("a", kRefusedText) == "2");
    CHECK(f.outbox->failed() == 1);
    CHECK(f.deliver("a", kOk) == "3");
    CHECK(f.deliver("a", kOk) == "4");
    CHECK(f.outbox->pending() == 0);
}

TEST_CASE(
    "many that are refused for good are so many dead letters, and one of them can be retried") {
    Fixture f;
    f.put_many(4);
    f.deliver("a", kNever);
    CHECK(f.outbox->failed() == 4);
    const auto dead = filed(f.db->handle(), {Filed::State::dead, 9});
    CHECK(f.outbox->retry(dead.back().id, {"a", "b"}) == 1);
    CHECK(f.deliver("a", kOk) == "1");
    CHECK(f.outbox->failed() == 3);
}

TEST_CASE("what is too old to be news becomes a digest, what must be known does not") {
    Fixture f;
    f.outbox->set_expiry("a", 1h);
    f.put_many(2);
    auto critical = letter("critical");
    critical.keeps = true;
    f.put(critical);
    f.put(letter("old"));
    f.put(letter("new"), "a", kNow + 2h);
    CHECK(f.deliver("a", kOk, kNow + 2h) == "expired: 1, 2, old");
    CHECK(f.deliver("a", kOk, kNow + 2h) == "critical");
    CHECK(f.deliver("a", kOk, kNow + 2h) == "new");
}

TEST_CASE("one that is too old is a digest too, and a repeat of it is the same") {
    Fixture f;
    f.outbox->set_expiry("a", 1h);
    f.put(letter("1"));
    CHECK(f.outbox->next("a", kNow + 1h)->mail.message.title == "1");
    CHECK(f.cut_off(kNow + 2h).mail.message.title == "expired: 1");
    f.put(letter("2"), "a", kNow);
    CHECK(f.outbox->next("a", kNow + 2h)->mail.message.title == "expired: 1");
}

TEST_CASE("a long outage ends in one digest of all that is too old") {
    Fixture f;
    f.outbox->set_expiry("a", 1h);
    f.put_many(60);
    CHECK(f.outbox->next("a", kNow + 2h)->letters.size() == 60);
}

TEST_CASE("a clock that is set back makes nothing too old") {
    Fixture f;
    f.outbox->set_expiry("a", 1h);
    f.put(letter("1"), "a", kNow);
    CHECK(f.deliver("a", kOk, kNow - 8760h) == "1");
}

TEST_CASE("a letter that waits for more to be said holds back the rest of a bundle") {
    Fixture f;
    f.put(of_batch("1", "burn"));
    f.put(of_batch("2", "burn"), "a", kNow, kNow + 8s);
    f.put(of_batch("3", "burn"));
    CHECK(f.deliver("a", kOk) == "1");
    CHECK(f.deliver("a", kOk) == "");
    CHECK(f.deliver("a", kOk, kNow + 8s) == "batch: 2, 3");
}

TEST_CASE("one letter that cannot be read costs a bundle nothing but itself") {
    Fixture f;
    f.put_many(5);
    f.db->handle().exec("UPDATE outbox SET message = '{' WHERE event_id = '3'");
    CHECK(f.deliver("a", kOk) == "queue: 1, 2, 4, 5");
    CHECK(f.outbox->failed() == 1);
}

TEST_CASE("a bundle whose text cannot be read any more is taken apart") {
    Fixture f;
    f.put_many(4);
    f.cut_off();
    f.db->handle().exec("UPDATE outbox SET sent_as = '{' WHERE event_id = '1'");
    for (const std::string title : {"1", "2", "3", "4"}) CHECK(f.deliver("a", kOk) == title);
    CHECK(f.outbox->failed() == 0);
}

TEST_CASE("an attempt of what does not wait any more is a mistake of the caller") {
    Fixture f;
    f.put_many(4);
    const auto due = f.outbox->next("a", kNow);
    f.outbox->retire_all_but({}, kNow);
    CHECK_THROWS_AS(f.outbox->begin_attempt(*due, kNow), std::logic_error);
    CHECK(f.outbox->pending() == 0);
}
