#include <doctest/doctest.h>

#include "daemon/event_feed.h"
#include "support/fake_clock.h"

using namespace quotafuse;
using namespace quotafuse::daemon;
using namespace std::chrono_literals;

TEST_CASE("a change is told once, and the next a second later at the earliest") {
    tests::FakeClock clock{1'767'000'000};
    EventFeed feed{clock};
    CHECK(feed.next({}) == R"({"at":1767000000,"rows":0,"firing":0,"open":0,"pending":0})");
    clock.advance(10s);
    CHECK_FALSE(feed.next({}));
    CHECK(feed.next({.rows = 7, .firing = 1, .open = 2, .pending = 3}) ==
          R"({"at":1767000010,"rows":7,"firing":1,"open":2,"pending":3})");
    CHECK_FALSE(feed.next({.rows = 8}));
    clock.advance(999ms);
    CHECK_FALSE(feed.next({.rows = 9}));
    clock.advance(1ms);
    CHECK(feed.next({.rows = 9}) ==
          R"({"at":1767000011,"rows":9,"firing":0,"open":0,"pending":0})");
    // A step of the wall's clock neither holds it back nor hurries it.
    clock.step_wall(-1h);
    CHECK_FALSE(feed.next({.rows = 10}));
    clock.advance(1s);
    CHECK(feed.next({.rows = 10}));
}
