#include <doctest/doctest.h>

#include "base/backoff.h"
#include "base/duration.h"

using namespace quotafuse::base;
using namespace std::chrono_literals;

TEST_CASE("a duration carries its units, from large to small, each once") {
    CHECK(parse_duration("90s") == 90s);
    CHECK(parse_duration("1h30m") == 90min);
    CHECK(parse_duration("2d") == 48h);
    CHECK(parse_duration("1w2d3h4m5s") == 168h + 48h + 3h + 4min + 5s);
    CHECK(parse_duration("0s") == 0s);
    CHECK(parse_duration_ms("1s500ms") == 1500ms);
    for (const auto* const bad : {"", "5", "s", "5 m", "1.5h", "-5m", "5m1h", "5m5m", "1h5", "5x",
                                  "99999999999999999999s", "9999999999w", "5ms"}) {
        INFO(bad);
        CHECK_FALSE(parse_duration(bad).has_value());
    }
}

TEST_CASE("a formatted duration reads back as the same") {
    for (const auto seconds : {0, 1, 59, 60, 61, 3600, 5400, 86400, 90061, 31 * 86400}) {
        CHECK(parse_duration(format_duration(std::chrono::seconds{seconds})) ==
              std::chrono::seconds{seconds});
    }
    CHECK(format_duration(5400s) == "1h30m");
    CHECK(format_duration(-5s) == "-5s");
}

TEST_CASE("backoff grows to its bound, never waits for nothing and starts over after success") {
    Backoff backoff{1s, 60s, 7};
    for (int i = 0; i < 1000; ++i) {
        const auto wait = backoff.next();
        const auto bound = i < 6 ? 1s * (1 << i) : 60s;
        CHECK(wait <= std::min<std::chrono::milliseconds>(bound, 60s));
        CHECK(wait >= 100ms);
    }
    backoff.reset();
    CHECK(backoff.next() <= 1s);
}
