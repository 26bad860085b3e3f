#pragma once

#include <algorithm>
#include <deque>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <SQLiteCpp/SQLiteCpp.h>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "base/guarded.h"
#include "daemon/announcer.h"
#include "daemon/bundle_text.h"
#include "daemon/demo/generator.h"
#include "daemon/demo/rows.h"
#include "daemon/engine_file.h"
#include "daemon/info_needs.h"
#include "daemon/schemas.h"
#include "support/demo_session.h"
#include "support/fake_clock.h"
#include "support/program.h"
#include "sync/follower.h"
#include "sync/info_reader.h"

namespace quotafuse::tests {

using namespace quotafuse::daemon;
using namespace std::chrono_literals;

inline constexpr auto kFlavour = demo::Flavour::new_api_2026;
inline constexpr std::int64_t kHour = 3600;
inline constexpr std::int64_t kDay = 24 * kHour;
inline constexpr std::int64_t kBegin = 1'767'542'400;  // Monday 2026-01-05 in Shanghai
inline constexpr std::int64_t kEnd = kBegin + 7 * kDay;
inline constexpr std::size_t kRows = 20'000;

inline constexpr auto kRules = R"(rules:
  - {name: channel-burn, metric: tokens, by: [channel], window: 10m, above: 600000,
     keep_firing_for: 2m, action: {disable_channel: {mode: live}}}
  - {name: channel-errors, metric: error_rate, by: [channel], window: 30m, above: 40, clear: 20,
     min_requests: 10, action: {disable_channel: {recover: {after: 3h}}}}
  - {name: key-spend, metric: cost, by: [token], window: 5m, above: 2,
     action: {disable_token: {mode: live, recover: {until: tomorrow}}}}
  - {name: never, metric: tokens, by: [channel], window: 10m, above: 1000000000,
     action: {disable_channel: {}}}
)";
/// Of unix seconds, without its end.
struct Span {
    std::int64_t from;
    std::int64_t until;
    bool holds(std::int64_t t) const { return t >= from && t < until; }
};
constexpr Span on_day(int day, std::int64_t hour, std::int64_t seconds) {
    const auto from = kBegin + day * kDay + hour * kHour;
    return {from, from + seconds};
}

/// Channels that are ill.
inline const std::vector<std::pair<Span, demo::Trouble>>& troubles() {
    static const std::vector<std::pair<Span, demo::Trouble>> kTroubles{
        {on_day(1, 14, 3 * kHour), {demo::kFailingChannel, 0.9, demo::kUnavailable}},
        {on_day(2, 13, 3 * kHour), {demo::kLonelyChannel, 1, demo::kConnectionRefused}},
        // It is well for a while, and ill again before it would have come back.
        {on_day(3, 12, kHour), {1, 0.8, demo::kOverloaded}},
        {on_day(3, 14, 5 * kHour), {1, 0.8, demo::kOverloaded}},
        {on_day(5, 10, 6 * kHour), {demo::kBurningChannel, 0.6, demo::kOverloaded}},
    };
    return kTroubles;
}

/// When the leaked key is used, at what pace, and for how big requests.
struct Leak {
    Span span;
    std::int64_t every;
    double size;
};
inline constexpr Leak kLeaks[] = {
    {on_day(2, 20, kHour), 5, 5},  // with the channel that it runs through
    {on_day(4, 11, 90), 2, 4},     // stops by itself
    {on_day(4, 15, 1200), 5, 3},   // the same day again
    {on_day(5, 12, kHour), 6, 5},  // through an ill channel and the next one
    {{kEnd - 1800, kEnd}, 10, 5},  // goes on
};

/// Somebody makes films, most of them in vain: some of their money is given back later.
inline constexpr Span kFilms = on_day(3, 12, 2 * kHour);
inline constexpr std::size_t kRowsOfFilm = 3;

/// A week of rows in order of time.
inline std::vector<demo::LogInsert> week_of_rows(std::uint64_t seed) {
    demo::RowGenerator generator{seed, kFlavour, demo::DemoGateway::of_story()};
    const auto play = [&](std::int64_t t) {
        std::vector<demo::Trouble> now;
        for (const auto& [span, trouble] : troubles()) {
            if (span.holds(t)) now.push_back(trouble);
        }
        generator.set_troubles(now);
    };
    std::vector<demo::LogInsert> rows;
    generator.history(kBegin, kEnd, kRows, [&](demo::LogInsert&& row) {
        const auto t = *row.created_at;
        play(t);
        rows.push_back(std::move(row));
        if (kFilms.holds(t) && rows.size() % kRowsOfFilm == 0)
            std::ranges::move(generator.request(t, "prod-batch", "sora-2", 1),
                              std::back_inserter(rows));
    });
    for (const auto& leak : kLeaks) {
        for (auto t = leak.span.from; t < leak.span.until; t += leak.every) {
            play(t);
            std::ranges::move(
                generator.request(t, demo::kLeakedToken, demo::kLeakedModel, leak.size),
                std::back_inserter(rows));
        }
    }
    std::ranges::stable_sort(rows, {}, [](const auto& row) { return *row.created_at; });
    return rows;
}

/// The demo's gateway with a week behind it, and the configuration of a daemon that is still in
/// shadow mode.
class ShadowSite {
public:
    explicit ShadowSite(std::uint64_t seed) {
        const auto session = sqlite_gateway(gateway());
        demo::create_gateway(*session, kFlavour, demo::LogIndexes::none);
        demo::fill_gateway(*session, kFlavour, demo::DemoGateway::of_story(), kBegin);
        demo::bulk_insert(*session, kFlavour, week_of_rows(seed));
        write_file(folder_.file("rules.yaml"), kRules);
        write_file(file(), fmt::format("source: {{dsn: \"{0}\", gateway: new-api}}\n"
                                       "breaker: {{dsn: \"{0}\", mode: shadow}}\n"
                                       "store: {{path: {1}}}\ncontrol: {{socket: {2}}}\n"
                                       "rules: [rules.yaml]\nlanguage: en\n"
                                       "notifiers: {{ops: {{type: console}}}}\n"
                                       "timezone: Asia/Shanghai\n",
                                       gateway(), store(), folder_.file("c.sock")));
        base::yaml::Diagnostics diagnostics;
        config = load_config({file(), true}, base::Environment{{}}, diagnostics);
        REQUIRE_MESSAGE(diagnostics.ok(), fmt::format("{}", fmt::join(diagnostics.lines(), "\n")));
    }
    std::string gateway() const { return folder_.file("one-api.db"); }
    std::string store() const { return folder_.file("s.db"); }
    std::string file() const { return folder_.file("quotafuse.yaml"); }

    Config config;

private:
    TempDir folder_;
};

/// The daemon's chain over that week: rows, rules, desk, the breaker's thread at the gateway,
/// audit. Only the clock is the test's, and it is fast.
class Shadow {
public:
    explicit Shadow(ShadowSite& site) : site_(site), database_(site.store(), all_schemas()) {
        database_.set_durable(false);  // no test here cuts the power
        EngineFile file{{database_, engine_, self_alerts_, gauges_}, clock_, log_};
        file.restore();
        file.note(alerts::EngineEvent::Kind::started);
        const auto session = sync::make_session(*site.config.source.main, {});
        const auto info = sync::InfoReader{*session, "", needs_of(site.config.rules), 100}.read();
        intake_.take(info);
        engine_.observe(gauges_.record(info, engine_.time()));
        engine_.use(gauges_.directory());
        while (engine_.warm_up(1s)) {
        }
    }

    void live_through_the_week() {
        const auto rows = read_gateway();
        auto next = rows.begin();
        while (now() < kEnd) {
            auto until = std::min(now() + kLongestStep, kEnd);
            if (next != rows.end()) until = std::clamp(next->created_at, now() + 1, until);
            clock_.advance(base::Seconds{until - now()});
            const auto end = std::find_if(next, rows.end(),
                                          [&](const auto& row) { return row.created_at > until; });
            take({next, end});
            next = end;
        }
        REQUIRE(next == rows.end());
    }

private:
    /// What an alert asks for is worth nothing a minute later.
    static constexpr std::int64_t kLongestStep = 20;

    std::int64_t now() const { return base::unix_seconds(clock_.now()); }

    std::vector<sync::LogEntry> read_gateway() {
        const auto source = sync::make_source(*site_.config.source.main, {}, {});
        const auto mirror = sync::make_mirror(site_.store());
        sync::Follower follower{*source, *mirror, {}, {}, clock_};
        std::vector<sync::LogEntry> rows;
        for (bool drained = false; !drained;) {
            auto poll = follower.next();
            std::ranges::move(poll.batch.entries, std::back_inserter(rows));
            drained = poll.drained;
        }
        return rows;
    }

    /// One turn of the daemon.
    void take(std::vector<sync::LogEntry> rows) {
        sync::Poll poll;
        poll.batch.position = store_.position();
        if (!rows.empty()) poll.batch.position.cursor = rows.back().id;
        poll.batch.entries = std::move(rows);
        poll.sent = clock_.now();
        poll.drained = true;
        intake_.take(poll);
        desk_.learn_traffic();
        announcer_.advance(intake_.horizon().value());
        announcer_.advance_self();
        while (asks()) take_answer();
    }
    bool asks() {
        const auto found = asked_.executeStep();
        asked_.reset();
        return found;
    }
    void take_answer() {
        std::optional<circuit_breaker::BreakerNews> news;
        REQUIRE(eventually([&] {
            news_.with([&](auto& all) {
                if (all.empty()) return;
                news = std::move(all.front());
                all.pop_front();
            });
            return news.has_value();
        }));
        desk_.take(std::get<circuit_breaker::TripResult>(*news));
    }

    ShadowSite& site_;
    FakeClock clock_{kBegin};
    base::Log log_{base::Level::error};
    base::Database database_;
    sync::Store store_{database_};
    alerts::Engine engine_{site_.config.rules, store_};
    alerts::SelfAlerts self_alerts_{{}, {}};
    sync::Gauges gauges_{database_, store_};
    notifiers::Outbox outbox_{database_, BundleText{site_.config}};
    circuit_breaker::Audit audit_{database_};
    circuit_breaker::PauseBook pause_{database_};
    base::Guarded<std::deque<circuit_breaker::BreakerNews>> news_;
    circuit_breaker::Breaker breaker_{
        sqlite_gateway(site_.gateway()), "", clock_, 1, [this](circuit_breaker::BreakerNews news) {
            news_.with([&](auto& all) { all.push_back(std::move(news)); });
        }};
    Intake intake_{database_, store_, engine_, "a file", clock_, log_};
    Messages messages_{site_.config};
    BreakerAnswers answers_;
    BreakerDesk desk_{{database_, store_, engine_, outbox_, audit_, pause_, breaker_, intake_,
                       messages_, answers_},
                      site_.config,
                      clock_,
                      log_};
    Announcer announcer_{
        {database_, store_, engine_, self_alerts_, outbox_, audit_, messages_, desk_},
        site_.config,
        clock_,
        log_};
    SQLite::Statement asked_{database_.handle(), "SELECT 1 FROM breaker_intents LIMIT 1"};
};

}  // namespace quotafuse::tests
