#include <algorithm>

#include <doctest/doctest.h>

#include "alerts_fixture.h"

namespace quotafuse::tests {
namespace {

using alerts::Reason;

constexpr const char* kBurn = R"(rules:
  - name: burn
    metric: tokens
    by: channel
    window: 5m
    above: 1000
    cooldown: 1m
    action: {disable_channel: {mode: live}}
)";

/// The share of the key that has most of it; 0 where no key is named.
double share_of_key(const alerts::Notice& notice) {
    const auto keys = std::ranges::find(notice.contributions, alerts::Dimension::token,
                                        &alerts::Contribution::dimension);
    return keys == notice.contributions.end() ? 0 : keys->parts.front().share;
}

}  // namespace

TEST_CASE("what the breaker does is explained, and every reminder of it") {
    Watchman watchman{kBurn};
    watchman.run_to(9);
    alerts::Silence silence;
    silence.rule = "*";
    silence.from = at(0);
    silence.until = at(30);
    silence.reason = "a test of load";
    watchman.silence(silence);
    watchman.add(requests(11, 1, 5000));
    const auto acted = watchman.run_to(20);
    REQUIRE(reasons(acted) == std::vector{Reason::action});
    CHECK(share_of_key(acted.front()) == doctest::Approx(100));
    std::vector<Reason> told;
    for (std::int64_t second = 21; second < 240; ++second) {
        watchman.add(requests(second, 1, 5000));
        for (const auto& notice : watchman.run_to(second)) {
            told.push_back(notice.reason);
            CHECK(share_of_key(notice) == doctest::Approx(100));
        }
    }
    CHECK(told == std::vector{Reason::first, Reason::reminder, Reason::reminder});
    const auto over = watchman.run_to(1000);
    REQUIRE_FALSE(over.empty());
    CHECK(over.back().reason == Reason::resolved);
    CHECK(over.back().contributions.empty());
}

TEST_CASE("a first look at one series is explained, a summary of several is not") {
    Watchman watchman{kBurn};
    watchman.mirror().append(requests(-100, 1, 2000, 3), at(0));
    SUBCASE("one") {
        watchman.restart(0);
        const auto found = watchman.run_to(1);
        REQUIRE(reasons(found) == std::vector{Reason::first_look});
        CHECK(share_of_key(found.front()) == doctest::Approx(100));
    }
    SUBCASE("several") {
        watchman.mirror().append(requests(-100, 1, 2000, 4), at(0));
        watchman.restart(0);
        const auto found = watchman.run_to(1);
        REQUIRE(reasons(found) == std::vector{Reason::first_look});
        CHECK(found.front().series.size() == 2);
        CHECK(found.front().contributions.empty());
    }
}

}  // namespace quotafuse::tests
