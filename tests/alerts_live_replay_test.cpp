#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "alerts_replay_fixture.h"

// What the daemon alone knows while it runs, and replay has to make out from the store.

using namespace quotafuse;
using namespace quotafuse::tests;
using alerts::SelfAlert;

namespace {

/// The events of the rules, as the daemon wrote them.
std::vector<alerts::Event> written(Live& live, std::int64_t until) {
    auto events = alerts::load_history(live.database().handle(), at(1), at(until));
    const auto& own = alerts::self_alert_names();
    std::erase_if(events, [&](const alerts::Event& event) {
        return std::find(own.begin(), own.end(), event.rule) != own.end();
    });
    return events;
}

std::vector<alerts::Event> replayed(Live& live, const std::string& rules, std::int64_t until) {
    sync::History history{live.path()};
    auto options = span(1, until);
    options.as_it_was = true;
    return alerts::replay(rules_from(rules), history, options).events;
}

}  // namespace

TEST_CASE(
    "a built-in alert mutes in replay the very seconds that it muted, over outages and stops") {
    const std::string rules = R"(rules:
  - {name: burn, metric: tokens, by: [channel], window: 1m, above: 600, cooldown: 1m, inhibited_by: [source-stale]}
  - {name: many, metric: requests, window: 1m, above: 8, cooldown: 1m, inhibited_by: [clock-skew]}
  - {name: free, metric: requests, window: 1m, above: 8, cooldown: 1m}
)";
    constexpr std::int64_t kEnd = 20'000;
    std::mt19937 random{20260105};
    Live live{rules};
    live.backfill({request(-600)}, 0);
    live.start(0);
    std::vector<sync::LogEntry> unread;
    bool skewed = false;
    for (std::int64_t second = 1; second <= kEnd; ++second) {
        if (second % 1700 == 0) {
            live.stop();
            second += 1 + static_cast<std::int64_t>(random() % 30);
            live.start(second);
        }
        // What is asked for in an outage is read after it; by then the alert has fired for long.
        const auto in_outage = second % 3000 - 2000;
        const bool outage = in_outage >= 0 && in_outage < 400;
        const bool busy = second / 150 % 2 == 0;
        for (auto n = random() % (busy ? 4 : 20) == 0 ? 2 : 0; n > 0; --n)
            unread.push_back(request(second - 1, 3 + static_cast<std::int64_t>(random() % 2)));
        if (!outage) {
            if (!unread.empty()) live.append(std::exchange(unread, {}), second);
            live.run_to(second);
        }
        if (random() % 100 == 0) skewed = !skewed;
        live.self_alerts().set(SelfAlert::source_stale, {}, outage && in_outage >= 60, "stands");
        live.self_alerts().set(SelfAlert::clock_skew, {}, skewed, "differs");
        live.look_at_itself(second);
    }
    live.stop();

    const auto wrote = written(live, kEnd);
    std::set<std::string> why;
    for (const auto& event : wrote) why.insert(event.rule + " " + event.what + " " + event.reason);
    CHECK(why.contains("burn firing inhibited"));
    CHECK(why.contains("burn told first"));
    CHECK(why.contains("many firing inhibited"));
    CHECK(why.contains("many told first"));
    CHECK_FALSE(why.contains("free firing inhibited"));
    CHECK(wrote.size() > 200);
    CHECK(lines(wrote) == lines(replayed(live, rules, kEnd)));
}

TEST_CASE(
    "objects whose status changed while the daemon stood still are judged anew, others go on") {
    const std::string rules =
        "rules: [{name: silent, metric: since_last, by: [channel], window: 30m, above: 5m}]";
    Live live{rules};
    sync::GatewayInfo info;
    for (int channel = 3; channel <= 5; ++channel) {
        info.channels[channel] = {"c", 1, channel == 5 ? 2 : 1};
    }
    info.extents[sync::ObjectKind::channels] = sync::Extent::all;
    live.backfill({request(-3600)}, 0);
    live.start(0);
    live.see(info);
    for (std::int64_t second = 1; second <= 2100; ++second) {
        if (second % 10 == 0 && second <= 1800) {
            live.append({request(second, 3), request(second, 4), request(second, 5)}, second);
        }
        live.run_to(second);
    }
    live.run_to(2200);
    CHECK(live.engine().overview().alerts.size() == 2);
    live.stop();

    info.channels[3].status = 2;
    info.channels[5].status = 1;
    live.start(2230);
    live.see(info);
    live.run_to(6000);
    live.stop();
    const auto wrote = written(live, 6000);
    std::vector<std::string> what;
    for (const auto& event : wrote) {
        what.push_back(fmt::format("{} {} {} {}", base::unix_seconds(event.at) - kMonday, event.key,
                                   event.what, event.reason));
    }
    std::sort(what.begin(), what.end());
    CHECK(what == std::vector<std::string>{
                      R"(2104 [[3,""]] firing first)", R"(2104 [[3,""]] told first)",
                      R"(2104 [[4,""]] firing first)", R"(2104 [[4,""]] told first)",
                      R"(2201 [[3,""]] over gone)", R"(2201 [[3,""]] told resolved)",
                      // A window after it was switched on; what was before does not count.
                      R"(4001 [[5,""]] firing first)", R"(4001 [[5,""]] told first)",
                      R"(5704 [[4,""]] told reminder)"});
    CHECK(lines(wrote) == lines(replayed(live, rules, 6000)));
}
