// How `quotafuse breaker report` reads, for people and for programs.
#include "daemon/breaker_report_text.h"
#include "daemon_breaker_report_fixture.h"

using namespace quotafuse;
using namespace quotafuse::daemon;
using namespace quotafuse::tests;

namespace {

using Json = nlohmann::json;
constexpr std::int64_t kHour = 3600;

/// What the report says of one rule.
Json said_of(Ledger& ledger, const std::string& rule) {
    const auto report = ledger.report();
    const auto json = Json::parse(BreakerReportText{report, ledger.config}.json());
    for (const auto& one : json.at("rules")) {
        if (one.at("rule") == rule) return one;
    }
    return {};
}

void shadow_trips(Ledger& ledger, int wells, int false_ones) {
    auto at = kNoon - 10 * kHour;
    for (int i = 0; i < wells + false_ones; ++i, at += kHour) {
        ledger.alert("burn", kSeries, at);
        ledger.trip(at);
        ledger.alert("burn", kSeries, at + (i < wells ? 1800 : 60), "recovered");
    }
}

}  // namespace

TEST_CASE(
    "advice: a rule whose trips nobody would have undone is ready, and which lines make it live") {
    Ledger ledger;
    ledger.config.file = "/etc/quotafuse/quotafuse.yaml";
    auto& rule = ledger.rule("burn");
    shadow_trips(ledger, 5, 0);
    SUBCASE("of a channel") {
        CHECK(said_of(ledger, "burn").at("advice") ==
              "ready for live, no one would have undone any of its 5 trips: write `action: "
              "{disable_channel: {mode: live}}` in rule burn and `breaker: {mode: live}` with its "
              "`dsn` in /etc/quotafuse/quotafuse.yaml");
    }
    SUBCASE("of a key, where the breaker is live") {
        rule.action->what = alerts::RuleAction::What::token;
        ledger.config.breaker.mode = circuit_breaker::Mode::live;
        CHECK(said_of(ledger, "burn").at("advice") ==
              "ready for live, no one would have undone any of its 5 trips: write `action: "
              "{disable_token: {mode: live}}` in rule burn");
    }
    SUBCASE("it asks for live already, and the breaker is in shadow mode") {
        rule.action->mode = alerts::ActionMode::live;
        CHECK(said_of(ledger, "burn").at("advice") ==
              "ready for live, no one would have undone any of its 5 trips: write `breaker: {mode: "
              "live}` with its `dsn` in /etc/quotafuse/quotafuse.yaml");
    }
    SUBCASE("it is live by now") {
        rule.action->mode = alerts::ActionMode::live;
        ledger.config.breaker.mode = circuit_breaker::Mode::live;
        CHECK(said_of(ledger, "burn").at("mode") == "live");
        CHECK(said_of(ledger, "burn").at("advice") ==
              "live by now; no one would have undone any of its 5 trips");
    }
}

TEST_CASE("advice: a rule with many false trips is to be tuned, one with few is ready") {
    Ledger ledger;
    ledger.rule("burn");
    SUBCASE("one of five") {
        shadow_trips(ledger, 4, 1);
        CHECK(said_of(ledger, "burn").at("advice") ==
              "tune it first: 1 of 5 trips would have been undone, since the value was back by "
              "itself within 10m; a higher limit or a longer `for` helps");
    }
    SUBCASE("one of six") {
        shadow_trips(ledger, 5, 1);
        CHECK(said_of(ledger, "burn")
                  .at("advice")
                  .get<std::string>()
                  .starts_with("ready for live, 1 of its 6 trips would have been undone: write"));
    }
}

TEST_CASE("advice: what else there is to say of a rule") {
    Ledger ledger;
    SUBCASE("all was refused") {
        ledger.rule("burn");
        ledger.trip(kNoon, refused(TripCause::Kind::last_usable));
        CHECK(said_of(ledger, "burn").at("advice") ==
              "nothing of it would happen in live mode either: guards refused all of it");
    }
    SUBCASE("it asked for nothing") {
        ledger.rule("burn");
        CHECK(said_of(ledger, "burn")
                  .at("advice")
                  .get<std::string>()
                  .starts_with("asked for nothing"));
    }
    SUBCASE("it is gone") {
        ledger.trip(kNoon);
        CHECK(said_of(ledger, "burn").at("advice") == "there is no such rule any more");
        CHECK(said_of(ledger, "burn").at("mode") == "-");
    }
    SUBCASE("it has no action any more") {
        ledger.rule("burn").action.reset();
        ledger.trip(kNoon);
        CHECK(said_of(ledger, "burn").at("advice") == "the rule has no action any more");
    }
    SUBCASE("people took its trips back") {
        ledger.rule("burn");
        ledger.released(ledger.trip(kNoon, live()), kNoon + 60);
        CHECK(said_of(ledger, "burn").at("advice") ==
              "tune it: people took back 1 of 1 trip within 1h");
    }
    SUBCASE("its trips stood") {
        ledger.rule("burn");
        ledger.trip(kNoon, live());
        CHECK(said_of(ledger, "burn").at("advice") ==
              "live, and nobody took a trip back within 1h");
    }
    SUBCASE("people took few of them back") {
        ledger.rule("burn");
        ledger.released(ledger.trip(kNoon, live()), kNoon + 60);
        for (int i = 1; i < 6; ++i) {
            Ledger::Asked one = live();
            one.target = Target::of_channel(3 + i);
            ledger.trip(kNoon + i, one);
        }
        CHECK(said_of(ledger, "burn").at("advice") ==
              "live; people took back 1 of 6 trips within 1h");
    }
    SUBCASE("what it would have switched off went on") {
        ledger.rule("burn");
        ledger.alert("burn", kSeries, kNoon - 20 * kHour);
        ledger.trip(kNoon - 20 * kHour);
        CHECK(said_of(ledger, "burn").at("advice") ==
              "asked for nothing new: what it would have switched off before went on");
    }
}

TEST_CASE("advice: what came just now has proved nothing yet") {
    Ledger ledger;
    ledger.rule("burn").keep_firing = base::Seconds{120};
    const auto advice = [&](std::int64_t now) {
        ledger.now = now;
        const auto report = ledger.report(kNoon - 10 * kHour, now);
        return Json::parse(BreakerReportText{report, ledger.config}.json())["rules"][0]["advice"];
    };
    SUBCASE("a live trip, whose hour has not passed") {
        ledger.trip(kNoon, live());
        CHECK(advice(kNoon + 28) ==
              "live, and nobody took a trip back within 1h so far; 1 of 1 trip is not so old yet");
        CHECK(advice(kNoon + kHour + 1) == "live, and nobody took a trip back within 1h");
    }
    SUBCASE("one of two live trips, of which the other was taken back") {
        ledger.released(ledger.trip(kNoon - 2 * kHour, live()), kNoon - kHour - 1);
        ledger.trip(kNoon, live());
        CHECK(advice(kNoon + 28) == "tune it: people took back 1 of 2 trips within 1h");
    }
    SUBCASE("a shadow trip") {
        ledger.alert("burn", kSeries, kNoon);
        ledger.trip(kNoon);
        CHECK(advice(kNoon + 28) ==
              "too early to tell: whether a value is back by itself shows 10m after the trip, and "
              "its trip came just now");
        // Its alert is held on to for two minutes.
        CHECK(advice(kNoon + 720).get<std::string>().starts_with("too early"));
        CHECK(
            advice(kNoon + 721)
                .get<std::string>()
                .starts_with("ready for live, no one would have undone any of its 1 trip: write"));
    }
    SUBCASE("one more shadow trip") {
        ledger.alert("burn", kSeries, kNoon - 2 * kHour);
        ledger.trip(kNoon - 2 * kHour);
        ledger.alert("burn", kSeries, kNoon - kHour, "recovered");
        ledger.alert("burn", kSeries, kNoon);
        ledger.trip(kNoon);
        CHECK(advice(kNoon + 28)
                  .get<std::string>()
                  .starts_with("ready for live, no one would have undone any of its 2 trips so far "
                               "(1 just now): "));
    }
}

TEST_CASE("each column that is shown is explained, and guards are told in words, once") {
    Ledger ledger;
    ledger.rule("burn");
    ledger.row(kNoon - 10, 3, kDollar);
    const auto id = ledger.trip(kNoon, live());
    ledger.released(id, kNoon + 600);
    Ledger::Asked failed;
    failed.kind = TripResult::Kind::failed;
    ledger.trip(kNoon + 700, failed);
    ledger.alert("burn", kSeries, kNoon + kHour);
    ledger.trip(kNoon + kHour, refused(TripCause::Kind::is_protected));
    ledger.trip(kNoon + kHour + 1, refused(TripCause::Kind::is_protected));
    ledger.row(kNoon + 2 * kHour, 3, kDollar);
    const auto report = ledger.report();
    const auto text = BreakerReportText{report, ledger.config}.text();
    const auto lines_with = [&](const std::string& part) {
        int lines = 0;
        for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
            ++lines;
        return lines;
    };
    for (const auto* const column : {"mode", "would trip", "would save", "undone", "tripped",
                                     "taken back", "refused", "let through", "repeats", "failed"}) {
        CAPTURE(column);
        CHECK(lines_with(fmt::format("\n{}: ", column)) == 1);
    }
    CHECK(lines_with("saved about") == 0);  // nothing was: the column is not there
    CHECK(lines_with("refused, burn: protected (1)\n") == 1);
    CHECK(lines_with("is_protected") == 0);
    CHECK(text.find("azure); off for 10m; somebody enabled it at the gateway within 1h, so that "
                    "about $0.17 at its pace do not count as saved") != std::string::npos);
}

TEST_CASE("a gateway without a cache is told as such") {
    Ledger ledger;
    ledger.lag = base::Seconds{0};
    ledger.rule("burn");
    const auto report = ledger.report();
    CHECK(BreakerReportText{report, ledger.config}.text().find(
              "\nwould save: what the rows of the target cost from the trip on until") !=
          std::string::npos);
}

TEST_CASE("the report for people and the one for programs tell the same") {
    Ledger ledger;
    ledger.rule("burn");
    ledger.alert("burn", kSeries, kNoon);
    const auto id = ledger.trip(kNoon);
    ledger.trip(kNoon + 60);
    ledger.row(kNoon + 100, 3, 5 * kDollar / 2);
    ledger.alert("burn", kSeries, kNoon + 300, "recovered");
    Ledger::Asked guarded = refused(TripCause::Kind::max_open);
    guarded.cause.count = 3;
    guarded.cause.limit = 3;
    guarded.target = Target::of_token(17);
    guarded.series = "[[17,\"\"]]";
    ledger.trip(kNoon + 400, guarded);
    const auto report = ledger.report();
    const BreakerReportText text{report, ledger.config};
    const auto json = Json::parse(text.json());
    CHECK(json.at("complete") == true);
    CHECK(json.at("cache_lag_seconds") == 90);
    CHECK(json.at("would_save_usd") == 2.5);
    REQUIRE(json.at("trips").size() == 2);
    const auto& trip = json.at("trips")[0];
    CHECK(trip.at("trip_id") == id);
    CHECK(trip.at("what") == "shadow");
    CHECK(trip.at("kind") == "channel");
    CHECK(trip.at("usd") == 2.5);
    CHECK(trip.at("over") == kNoon + 300);
    CHECK(trip.at("ending") == "recovered");
    CHECK(trip.at("undone") == true);
    CHECK(trip.at("repeats") == 1);
    CHECK(trip.at("off_seconds").is_null());
    CHECK(json.at("trips")[1].at("what") == "refused");
    CHECK(json.at("trips")[1].at("cause") == "max_open");
    CHECK(json.at("trips")[1].at("over").is_null());
    const auto& rule = json.at("rules").at(0);
    CHECK(rule.at("would_trip") == 1);
    CHECK(rule.at("would_save_usd") == 2.5);
    CHECK(rule.at("would_be_undone") == 1);
    CHECK(rule.at("refused") == 1);
    CHECK(rule.at("refused_by") == Json{{"max_open", 1}});
    CHECK(rule.at("repeats") == 1);
    CHECK(text.text() == R"(2026-01-04 16:00:00 to 2026-01-05 16:00:00 (1d), breaker.mode is shadow

rule    mode  would trip  would save  undone  refused  repeats
burn  shadow           1       $2.50       1        1  1
mode: what the rule gets now: the stricter of its own mode and breaker.mode
would trip: times off in shadow mode, in which nothing is written
would save: what the rows of the target cost from 1m30s after the trip (the gateway's cache) until its alert was over, and in repeats while it would still have been off; $2.50 in all, each row once
undone: of those, the value was back by itself within 10m of the trip: a person would have undone it
refused: held back by a guard, for the reasons below
repeats: asked for again while it was or would have been off, or the same guard still held
refused, burn: breaker.max_open reached (1)

burn: tune it first: 1 of 1 trip would have been undone, since the value was back by itself within 10m; a higher limit or a longer `for` helps

2026-01-05 04:06:40  burn: did not disable key 17 (azure) (3 channels are already off by quotafuse (breaker.max_open is 3)); $0.00 let through until 2026-01-05 16:00:00, its alert goes on
2026-01-05 04:00:00  burn: would have disabled channel 3 (azure); $2.50 saved until 2026-01-05 04:05:00; the value was back by itself: a person would have undone it; asked for again 1 time)");
}

TEST_CASE("the newest thousand trips count, and the report says so") {
    Ledger ledger;
    ledger.lag = base::Seconds{0};
    for (int i = 0; i < 1003; ++i) {
        const auto at = kNoon + i * 10;
        ledger.alert("burn", kSeries, at);
        ledger.trip(at);
        ledger.alert("burn", kSeries, at + 5, "recovered");
        ledger.row(at + 1, 3, 1);
    }
    const auto report = ledger.report();
    CHECK(report.trips.size() == 1000);
    CHECK(report.more_trips == 3);
    CHECK(report.shadow_quota == 1000);
    CHECK(report.trips.front().entry.at == base::from_unix(kNoon + 30));
    const auto text = BreakerReportText{report, ledger.config}.text();
    CHECK(text.find("only the newest 1,000 trips count here; 3 more came before") !=
          std::string::npos);
    CHECK(text.find("and 950 more") != std::string::npos);
    CHECK(Json::parse(BreakerReportText{report, ledger.config}.json()).at("complete") == false);
}
