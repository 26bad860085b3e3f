#include "base/failure.h"
#include "daemon/breaker_json.h"
#include "daemon/messages_json.h"
#include "daemon_api_live_fixture.h"

using namespace quotafuse;
using namespace quotafuse::tests;

namespace {

constexpr auto kRules = R"(  - name: burn
    metric: tokens
    by: [channel]
    window: 1h
    above: 1000
    clear: 900
    severity: critical
    action: {disable_channel: {mode: shadow}}
  - {name: held, metric: requests, by: [model], window: 1h, above: 5, for: 10m}
  - {name: quiet, metric: cost, window: 1h, above: 1000000000}
  - {name: off, metric: requests, window: 1h, above: 1, enabled: false}
)";

sync::LogEntry request(std::int64_t channel, std::int64_t tokens, const std::string& model,
                       std::int64_t token) {
    auto one = entry(0, 0, model);
    one.channel = channel;
    one.prompt_tokens = tokens;
    one.completion_tokens = 0;
    one.token = token;
    one.token_name = fmt::format("key-{}", token);
    one.user = 1;
    one.status = 0;
    one.error_code.clear();
    one.channel_test = one.task = false;
    return one;
}

std::vector<sync::LogEntry> some_requests() {
    return {request(1, 900, "gpt-4o", 1), request(1, 600, "claude <b>", 2),
            request(2, 400, "gpt-4o", 1), request(3, 100, "gpt-4o", 3)};
}

const json& alert_of(const json& answer, std::string_view rule) {
    for (const auto& alert : answer.at("alerts"))
        if (alert.at("rule") == rule) return alert;
    FAIL("no alert of " << rule);
    return answer;
}

}  // namespace

TEST_CASE("an alert has its value, what explains it as its notice told it, and its key in parts") {
    LiveSite site{kRules};
    CHECK(site.ask("alerts").at("alerts").empty());
    CHECK(site.ask("alerts").at("explained_at") == nullptr);
    const auto notices = site.second(some_requests());
    REQUIRE(notices.size() == 1);
    const auto answer = site.ask("alerts");
    REQUIRE(answer.at("alerts").size() == 1);
    const auto& alert = alert_of(answer, "burn");
    CHECK(alert.at("state") == "firing");
    CHECK(alert.at("severity") == "critical");
    CHECK(alert.at("labels") ==
          json::parse(R"json([{"dimension": "channel", "id": 1, "name": "1 (azure <b>)"}])json"));
    CHECK(alert.at("value") == 1500);
    CHECK(alert.at("peak") == 1500);
    CHECK(alert.at("threshold") == 1000);
    CHECK(alert.at("below") == false);
    CHECK(alert.at("told") == true);
    CHECK(alert.at("silenced") == false);
    CHECK(alert.at("inhibited") == false);
    CHECK(alert.at("stale") == nullptr);
    CHECK(alert.at("since") == base::unix_seconds(notices[0].since));
    REQUIRE_FALSE(notices[0].contributions.empty());
    CHECK(alert.at("contributions") == json(daemon::contributions_json(notices[0].contributions)));
    CHECK(answer.at("explained_at") == base::unix_seconds(site.engine().time()));
    CHECK(answer.at("unexplained") == nullptr);
}

TEST_CASE("what explains an alert follows it, and alerts that began since are explained, too") {
    LiveSite site{kRules};
    site.second(some_requests());
    const auto models = [&](const json& alert) {
        for (const auto& one : alert.at("contributions"))
            if (one.at("dimension") == "model") return one.at("parts").at(0).at("name");
        return json(nullptr);
    };
    CHECK(models(alert_of(site.ask("alerts"), "burn")) == "gpt-4o");
    CHECK(alert_of(site.ask("alerts"), "burn").at("clear") == 900);
    site.second({request(1, 5000, "claude <b>", 2), request(2, 5000, "gpt-4o", 1)});
    const auto answer = site.ask("alerts");
    CHECK(answer.at("alerts").size() == 2);
    for (const auto& alert : answer.at("alerts")) CHECK(models(alert) != nullptr);
    CHECK(models(answer.at("alerts").at(0)) == "claude <b>");
}

TEST_CASE("a pending alert is told as one") {
    LiveSite site{kRules};
    std::vector<sync::LogEntry> entries;
    for (int i = 0; i < 8; ++i) entries.push_back(request(1, 1, "gpt-4o", 1));
    site.second(entries);
    const auto answer = site.ask("alerts");
    const auto& alert = alert_of(answer, "held");
    CHECK(alert.at("state") == "pending");
    CHECK(alert.at("told") == false);
    CHECK(alert.at("labels").at(0).at("name") == "gpt-4o");
    CHECK(alert.at("contributions").empty());
}

TEST_CASE("a silenced alert says so, and the silence is listed") {
    LiveSite site{kRules};
    CHECK(site.ask("silences").at("silences").empty());
    site.silences().add(R"({"rule": "burn", "match": "channel=1", "for": "2h", "reason": "<i>"})");
    site.second(some_requests());
    CHECK(alert_of(site.ask("alerts"), "burn").at("silenced") == true);
    CHECK(alert_of(site.ask("alerts"), "burn").at("told") == false);
    const auto silences = site.ask("silences").at("silences");
    REQUIRE(silences.size() == 1);
    CHECK(silences[0].at("rule") == "burn");
    CHECK(silences[0].at("reason") == "<i>");
    CHECK(silences[0].at("until").get<std::int64_t>() > silences[0].at("from").get<std::int64_t>());
}

TEST_CASE("an alert of a rule that is not evaluated says that it is stale, and why") {
    LiveSite site{kRules};
    site.second(some_requests());
    site.start(false);
    const auto answer = site.ask("alerts");
    const auto& alert = alert_of(answer, "burn");
    CHECK(alert.at("state") == "firing");
    CHECK(alert.at("stale") == "the rule's window is being filled");
}

TEST_CASE("an alert tells what the breaker did since it began, and nothing of other alerts") {
    LiveSite site{kRules};
    const auto trip = [&](const std::string& id, const std::string& rule,
                          const std::string& series) {
        circuit_breaker::TripResult result;
        result.kind = circuit_breaker::TripResult::Kind::would_trip;
        result.request.trip_id = id;
        result.request.target.channel = 1;
        result.request.rule = rule;
        result.request.series = series;
        result.request.reason = "tokens 1500 > 1000";
        result.name = "azure <b>";
        base::WriteTransaction transaction{site.database()};
        site.audit.intend(result.request, {}, site.clock.now());
        site.audit.record(result, site.clock.now());
        transaction.commit();
    };
    trip("before", "burn", R"([[1,""]])");
    site.clock.advance(base::Seconds{100});
    const auto notices = site.second(some_requests());
    REQUIRE(notices.size() == 1);
    trip("mine", "burn", notices[0].stored_key);
    trip("other-series", "burn", R"([[2,""]])");
    trip("other-rule", "held", notices[0].stored_key);
    trip("by-hand", "", "");
    const auto actions = alert_of(site.ask("alerts"), "burn").at("actions");
    REQUIRE(actions.size() == 1);
    CHECK(actions[0].at("trip_id") == "mine");
    CHECK(actions[0].at("result") == "would_trip");
    CHECK(actions[0].at("channel") == 1);
}

TEST_CASE("the breaker's page has mode, pause, circuits and the audit in pages") {
    LiveSite site{kRules};
    auto page = site.ask("breaker");
    CHECK(page.at("mode") == "shadow");
    CHECK(page.at("paused") == nullptr);
    CHECK(page.at("open").empty());
    CHECK(page.at("recent").empty());
    {
        base::WriteTransaction transaction{site.database()};
        site.pause.set({site.clock.now(), site.clock.now() + base::Seconds{60}, "<b>"});
        for (int i = 0; i < 57; ++i) {
            circuit_breaker::TripResult result;
            result.kind = i == 56 ? circuit_breaker::TripResult::Kind::tripped
                                  : circuit_breaker::TripResult::Kind::would_trip;
            result.request.trip_id = fmt::format("t{}", i);
            result.request.mode = circuit_breaker::Mode::live;
            result.request.target.channel = i;
            result.before = R"({"status": 1})";
            site.audit.intend(result.request, {}, site.clock.now());
            site.audit.record(result, site.clock.now());
        }
        transaction.commit();
    }
    page = site.ask("breaker");
    const auto whole =
        daemon::breaker_json(site.audit, site.pause.at(site.clock.now()), site.config(), 1000);
    for (const auto* const name : {"mode", "paused", "open"})
        CHECK(page.at(name) == whole.at(name));
    CHECK(page.at("paused").at("reason") == "<b>");
    CHECK(page.at("open").size() == 1);
    CHECK(page.at("recent").size() == 50);
    auto entries = json::array();
    Query query{{"limit", "10"}};
    for (int pages = 0; pages < 10; ++pages) {
        page = site.ask("breaker", query);
        for (const auto& entry : page.at("recent")) entries.push_back(entry);
        if (page.at("next_cursor").is_null()) break;
        query = {{"limit", "10"},
                 {"cursor", std::to_string(page.at("next_cursor").get<std::int64_t>())}};
    }
    CHECK(entries.size() == 57);
    CHECK(entries == whole.at("recent"));
}

TEST_CASE("a rule's page has its series with the values of the rows, the nearest first") {
    LiveSite site{kRules};
    site.second(some_requests());
    const auto answer = site.ask("rules/burn");
    CHECK(answer.at("rule").at("name") == "burn");
    CHECK(answer.at("rule").at("threshold") == 1000);
    CHECK(answer.at("more") == 0);
    CHECK_FALSE(answer.at("evaluations").empty());
    std::vector<std::string> told;
    for (const auto& series : answer.at("series")) {
        told.push_back(fmt::format("{}|{}|", series.at("labels").at(0).at("id").dump(),
                                   series.at("value").get<std::int64_t>()));
        CHECK(series.at("state") ==
              (series.at("value").get<double>() > 1000 ? "firing" : "inactive"));
        CHECK(series.at("since").is_null() == (series.at("state") == "inactive"));
    }
    CHECK(told == dump(site.handle(),
                       "SELECT channel, sum(prompt_tokens) AS n FROM log GROUP BY channel "
                       "ORDER BY n DESC"));
    CHECK(site.ask("rules/quiet").at("series").size() == 1);
    CHECK(site.ask("rules/off").at("series").empty());
    CHECK(site.ask("rules/off").at("rule").at("state") == "disabled");
    CHECK(site.ask("rules/off").at("rule").at("value") == nullptr);
    CHECK(site.ask("rules").at("rules").size() == 4);
}

TEST_CASE("each rule has its value against the threshold, also while nothing is over it") {
    LiveSite site{std::string{kRules} + R"(
  - {name: few, metric: error_rate, by: [channel], window: 1h, above: 10, min_requests: 3}
  - {name: idle, metric: requests, by: [channel], window: 1h, below: 2}
)"};
    auto entries = some_requests();
    for (int i = 0; i < 4; ++i) {
        entries.push_back(request(7, 10, "gpt-4o", 1));
        entries.back().kind = i < 1 ? sync::Kind::error : sync::Kind::consume;
    }
    entries.push_back(request(8, 10, "gpt-4o", 1));  // too few to judge
    entries.back().kind = sync::Kind::error;
    entries.back().status = 500;
    entries[4].status = 400;  // the client's own
    site.second(entries);
    for (int i = 0; i < 200; ++i) site.second();  // rates wait for rows that come late
    const auto value_of = [&](const std::string& rule) -> json {
        const auto answer = site.ask("rules", {{"name", rule}});
        return answer.at("rules").at(0).at("value");
    };
    CHECK(value_of("burn") == 1500);
    CHECK(value_of("held") == number(site.handle(),
                                     "SELECT max(n) FROM (SELECT count(*) AS n FROM log GROUP BY "
                                     "model)"));
    const auto quota = number(site.handle(), "SELECT sum(quota) FROM log WHERE kind = 1");
    REQUIRE(quota > 0);
    CHECK(value_of("quiet").get<double>() == doctest::Approx(static_cast<double>(quota) / 500'000));
    CHECK(value_of("few") == 0);  // of channel 7
    CHECK(value_of("off") == nullptr);
    for (const std::string rule : {"idle", "few", "quiet"}) {
        CAPTURE(rule);
        const auto page = site.ask("rules/" + rule);
        CHECK(page.at("rule").at("value") == value_of(rule));
        const auto& series = page.at("series");
        bool found = false;
        for (const auto& one : series) found = found || one.at("value") == value_of(rule);
        CHECK(found);
    }
    site.busy = true;
    CHECK(value_of("quiet") == nullptr);
    CHECK(value_of("burn") == 1500);  // it fires, which is published
}

TEST_CASE("of a rule with very many series the nearest to the limit are told") {
    LiveSite site{
        "  - {name: many, metric: requests, by: [ip], window: 1h, above: 1000}\n"
        "  - {name: few, metric: tokens, by: [ip], window: 1h, below: 1}\n"};
    std::vector<sync::LogEntry> entries;
    for (int i = 0; i < 300; ++i) {
        for (int times = 0; times <= i % 3; ++times) {
            entries.push_back(request(1, 5 + i % 3, "gpt-4o", 1));
            entries.back().ip = fmt::format("10.0.{}.{}", i / 200, i % 200 + 1);
        }
    }
    site.second(entries);
    auto answer = site.ask("rules/many");
    CHECK(answer.at("series").size() == 200);
    CHECK(answer.at("more") == 100);
    for (std::size_t i = 0; i < 200; ++i)
        CHECK(answer.at("series").at(i).at("value") == (i < 100 ? 3 : 2));
    // A rule that asks for too little waits for rows that are late.
    for (int i = 0; i < 70; ++i) site.second();
    answer = site.ask("rules/few");
    CHECK(answer.at("series").at(0).at("value") == 5);
}

TEST_CASE("of a rule with too many series to measure for a page only alerts are told") {
    LiveSite site{"  - {name: many, metric: requests, by: [ip], window: 1h, above: 2}\n"};
    std::vector<sync::LogEntry> entries;
    for (int i = 0; i < 20'010; ++i) {
        entries.push_back(request(1, 1, "gpt-4o", 1));
        entries.back().ip = fmt::format("10.{}.{}.7", i / 200, i % 200 + 1);
    }
    for (int i = 0; i < 4; ++i) {
        entries.push_back(request(1, 1, "gpt-4o", 1));
        entries.back().ip = "10.0.1.7";
    }
    site.second(entries);
    const auto answer = site.ask("rules/many");
    CHECK(answer.at("too_many") == true);
    REQUIRE(answer.at("series").size() == 1);
    CHECK(answer.at("series").at(0).at("value") == 5);
    CHECK(answer.at("series").at(0).at("labels").at(0).at("name") == "10.0.1.7");
}

TEST_CASE("a rule that there is not is 404, and a pipeline that is busy 503") {
    LiveSite site{kRules};
    for (const auto* const name : {"none", "", "BURN", "<script>"})
        site.ask("rules/" + std::string{name}, {}, 404);
    for (const auto* const name : {"burn/x", "../burn", "burn/"})
        CHECK(site.reply("/api/v1/rules/" + std::string{name}).status == 404);
    const auto busy = daemon::answer_rule(
        site.config(), "{}",
        [](const std::string&) -> std::string {
            throw base::Failure(base::ExitCode::unavailable, "the daemon is busy");
        },
        {.method = "GET", .target = "", .path = "/api/v1/rules/burn"});
    CHECK(busy.status == 503);
    CHECK(json::parse(busy.body).at("error").at("message") == "the daemon is busy");
}

TEST_CASE("before the pipeline has published there are no alerts, and no error") {
    const auto silences =
        daemon::answer_silences("{}", {.method = "GET", .target = "", .path = "/api/v1/silences"});
    CHECK(json::parse(silences.body) == json::parse(R"({"at": 0, "silences": []})"));
}

TEST_CASE("alerts that cannot be explained are told all the same") {
    const FakeClock clock{kStart};
    const TempDir folder;
    const std::vector<alerts::Rule> rules;
    daemon::AlertCauses causes{folder.file("none.db"), rules, clock};
    const auto told = causes.of({{"burn", "[[1,\"\"]]"}}, clock.now());
    CHECK(told->parts.empty());
    CHECK(told->why.find("no such file") != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(folder.file("none.db")));
}

TEST_CASE("parameters of the daemon's pages, whatever a stranger writes") {
    LiveSite site{kRules};
    site.second(some_requests());
    const std::vector<std::string> values{"",
                                          "-1",
                                          "0",
                                          "201",
                                          "1e9",
                                          "9223372036854775808",
                                          "x",
                                          "' OR '1'='1",
                                          std::string(3000, '9'),
                                          "\xff",
                                          std::string{"\0", 1}};
    for (const std::string page : {"alerts", "silences", "breaker", "rules/burn"}) {
        site.ask(page, {{"sql", "1"}}, 400);
        for (const auto& value : values) {
            site.ask(page, {{"limit", value}}, 400);
            const bool is_cursor = page == "breaker" && value == "201";
            site.ask(page, {{"cursor", value}}, is_cursor ? 200 : 400);
            site.ask(page, {{value, "1"}}, 400);
        }
        site.ask(page, {{"limit", "5"}, {"limit", "5"}}, 400);
        const auto reply = site.reply("/api/v1/" + page);
        CHECK(site.reply("/api/v1/" + page, {}, {{"if-none-match", reply.headers.at(0).second}})
                  .status == 304);
    }
    CHECK(site.ask("breaker", {{"limit", "200"}, {"cursor", "9223372036854775807"}})
              .at("recent")
              .empty());
}
