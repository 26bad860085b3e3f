#include <doctest/doctest.h>

#include "notifiers_outbox_fixture.h"

using namespace quotafuse;
using namespace quotafuse::notifiers;
using namespace quotafuse::tests;
using namespace std::chrono_literals;
using Fixture = OutboxFixture;

TEST_CASE("an old end does not overtake its beginning, which never is too old") {
    Fixture f;
    f.outbox->set_expiry("a", 6h);
    f.put(begins("w", "w"));
    auto firing = begins("y1", "y");
    firing.keeps = true;
    f.put(firing);
    f.put(ends("y2", "y"));
    CHECK(f.deliver("a", kOk, kNow + 7h) == "expired: w");
    CHECK(f.deliver("a", kOk, kNow + 7h) == "both: y1, y2");
}

TEST_CASE("no end goes out before its beginning, however old or in need of a message of its own") {
    Fixture f;
    f.outbox->set_expiry("a", 6h);
    auto critical = letter("critical");
    critical.keeps = true;
    f.put(critical);
    f.put(begins("x1", "x"));
    f.put(ends("x2", "x"), "a", kNow + 3h);
    for (const std::string event : {"n", "m", "o"}) f.put(letter(event), "a", kNow + 4h);
    CHECK(f.deliver("a", kOk, kNow + 7h) == "queue: critical, n, m, o");
    CHECK(f.deliver("a", kOk, kNow + 7h) == "expired: x1");
    CHECK(f.deliver("a", kOk, kNow + 7h) == "x2");

    f.put(letter("1"));
    auto alone = begins("y1", "y");
    alone.message.brief.clear();
    f.put(alone);
    f.put(ends("y2", "y"));
    for (const std::string event : {"2", "3", "4"}) f.put(letter(event));
    CHECK(f.deliver("a", kOk) == "queue: 1, 2, 3, 4");
    CHECK(f.deliver("a", kOk) == "y1");
    CHECK(f.deliver("a", kOk) == "y2");
}

TEST_CASE("many that may have arrived are taken apart too, before any of them is given up") {
    const Outcome crashes{Outcome::Kind::ambiguous, 0s, "ended by signal 9", 2};
    Fixture f;
    f.put_many(4);
    CHECK(f.deliver("a", crashes).starts_with("queue"));
    CHECK(f.deliver("a", crashes, kNow + 1min).starts_with("queue"));
    CHECK(f.outbox->failed() == 0);
    CHECK(f.outbox->next("a", kNow)->mail.event_id == "1-2");
    for (const std::string title : {"1", "2", "3", "4"}) CHECK(f.deliver("a", kOk) == title);
}

TEST_CASE("of a digest that is refused only the first goes out alone") {
    Fixture f;
    f.outbox->set_expiry("a", 1h);
    f.put_many(4);
    CHECK(f.deliver("a", kRefusedText, kNow + 2h) == "expired: 1, 2, 3, 4");
    CHECK(f.deliver("a", kOk, kNow + 2h) == "1");
    CHECK(f.deliver("a", kOk, kNow + 2h) == "expired: 2, 3, 4");
}

TEST_CASE("what a person has told again with others has an id that no receiver has seen") {
    Fixture f;
    f.put(letter("1"));
    CHECK(f.deliver("a", kNever) == "1");
    CHECK(f.outbox->retry(std::nullopt, {"a"}) == 1);
    CHECK(f.outbox->next("a", kNow)->mail.event_id == "1");  // the same text
    for (const std::string event : {"2", "3", "4"}) f.put(letter(event));
    const auto many = f.outbox->next("a", kNow);
    CHECK(many->mail.message.title == "queue: 1, 2, 3, 4");
    CHECK(many->mail.event_id == "1-1");
}
