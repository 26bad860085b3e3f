#include <algorithm>
#include <utility>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "alerts/self_alerts.h"
#include "daemon_messages_fixture.h"
#include "notifiers/rendering.h"

using namespace quotafuse;
using namespace quotafuse::daemon;
using namespace quotafuse::tests;
using namespace std::chrono_literals;

TEST_CASE("an alert names its object, its numbers and its place in both languages") {
    const auto english = Messages{config(Language::english)}.alert(notice());
    CHECK(english.kind == notifiers::Message::Kind::firing);
    CHECK(english.title == "Firing: token-burn · Channel 3 (azure-eu)");
    CHECK(english.facts ==
          std::vector<notifiers::Message::Fact>{{"tokens", "2,500,000 (> 2,000,000, 1h)"},
                                                {"Since", "2026-01-05 23:00:00"}});
    CHECK(english.footer == "prod · #abc · 2026-01-05 23:00:00 Asia/Shanghai");
    const auto chinese = Messages{config(Language::chinese)}.alert(notice());
    CHECK(chinese.title == "告警：token-burn · 渠道 3 (azure-eu)");
}

TEST_CASE("what the breaker did stands in the alert that asked for it") {
    using Kind = circuit_breaker::TripResult::Kind;
    const Messages messages{config(Language::english)};
    const auto line = [&](const circuit_breaker::TripResult& result) {
        const auto sections = messages.alert(notice(), {result}).sections;
        CHECK(sections.at(0).heading == "Breaker");
        return sections.at(0).lines.at(0);
    };
    CHECK(line(trip(Kind::tripped)) ==
          "Channel 3 (azure-eu) is disabled at the gateway (status 3)");
    CHECK(line(trip(Kind::would_trip)) ==
          "Channel 3 (azure-eu): shadow mode, would have been disabled; nothing was written");
    auto refused = trip(Kind::refused);
    explain(refused, {circuit_breaker::TripCause::Kind::is_protected});
    CHECK(line(refused) == "Channel 3 (azure-eu) stays enabled: protected (breaker.protect)");
    auto dark = trip(Kind::tripped);
    dark.dark_models = {"default/gpt-4o", "vip/o1"};
    dark.unused_dark = {"vip/old"};
    CHECK(
        lines_of(messages.alert(notice(), {dark})) ==
        std::vector<std::string>{"Channel 3 (azure-eu) is disabled at the gateway (status 3)",
                                 "These now have no channel left: default/gpt-4o, vip/o1",
                                 "Nor have these, which nobody asked for in the last 24 h: vip/old",
                                 "Recovery: by hand (quotafuse breaker restore --channel 3)"});
}

TEST_CASE(
    "a message has an order: what is wrong, what was done, what to know, what it is made of") {
    auto n = notice();
    n.summary = "by hand";
    n.reason = alerts::Reason::hours_began;
    n.contributions = {{alerts::Dimension::model,
                        {{{alerts::Dimension::model, {}, "gpt-4o", "gpt-4o"}, 81, {}}},
                        {}}};
    const auto done = trip(circuit_breaker::TripResult::Kind::tripped);
    auto c = config(Language::chinese);
    c.public_url = "https://fuse.example";
    const auto message = Messages{c}.alert(n, {done});
    CHECK(message.sections == std::vector<notifiers::Message::Section>{
                                  {"", {"by hand"}},
                                  {"熔断",
                                   {"渠道 3 (azure-eu) 已在网关禁用（status=3）",
                                    "恢复：手动（quotafuse breaker restore --channel 3）"}},
                                  {"", {"在生效时段之外已开始，现在通知"}},
                                  {"构成", {"模型 gpt-4o 81%"}}});
    REQUIRE(message.link);
    CHECK(*message.link == notifiers::Message::Link{"打开状态页", "https://fuse.example"});
    CHECK(message.brief == "告警：token-burn · 渠道 3 (azure-eu) 2,500,000（> 2,000,000），已禁用");
    CHECK_FALSE(Messages{config(Language::english)}.alert(n).link);
}

TEST_CASE("the brief is one line of at most 150 bytes, and its numbers outlive a long name") {
    auto n = notice();
    n.key.front().display = "3 (line\nbreak " + std::string(500, 'x') + ")";
    const auto brief = Messages{config(Language::chinese)}.alert(n).brief;
    CHECK(brief.size() <= 150);
    CHECK(brief.find('\n') == std::string::npos);
    CHECK(brief.ends_with("xx… 2,500,000（> 2,000,000）"));
}

TEST_CASE("programs get an object an alert, with every member whether it applies or not") {
    auto n = notice();
    n.peak = 2'600'000;
    n.requests = 17;
    n.unit = "tokens";
    n.contributions = {
        {alerts::Dimension::model, {{{alerts::Dimension::model, {}, "<b>", "<b>"}, 81.5, {}}}, {}}};
    const auto done = trip(circuit_breaker::TripResult::Kind::would_trip);
    const Messages messages{config(Language::english)};
    CHECK(only_object(messages.alert(n, {done})) == nlohmann::json::parse(R"js({
        "rule": "token-burn", "kind": "firing", "severity": "critical", "metric": "tokens",
        "value": 2500000.0, "threshold": 2000000.0, "unit": "tokens",
        "labels": [{"dimension": "channel", "id": 3, "name": "3 (azure-eu)"}],
        "since": "2026-01-05T15:00:00Z", "at": "2026-01-05T15:00:00Z", "ended": null,
        "peak": 2600000.0, "requests": 17,
        "contributions": [{"dimension": "model", "newest_rows": null, "parts":
            [{"id": null, "name": "<b>", "share": 81.5, "share_of_rise": null}]}],
        "spend": null,
        "breaker": {"kind": "would_trip", "target": "channel", "channel": 3,
                    "channel_name": "azure-eu", "model": null, "token": null, "token_name": null,
                    "user": null, "mode": "shadow", "why": "", "trip_id": "", "recover": "manual",
                    "back_at": null, "change": null},
        "breakers": [{"kind": "would_trip", "target": "channel", "channel": 3,
                    "channel_name": "azure-eu", "model": null, "token": null, "token_name": null,
                    "user": null, "mode": "shadow", "why": "", "trip_id": "", "recover": "manual",
                    "back_at": null, "change": null}],
        "site": "prod", "event_id": "abc"
})js"));
    n.reason = alerts::Reason::resolved;
    n.ended = alerts::Ending::no_traffic;
    n.value.reset();
    const auto over = only_object(messages.alert(n));
    CHECK(over.at("kind") == "resolved");
    CHECK(over.at("ended") == "no traffic");
    CHECK(over.at("value").is_null());
    auto own = notice();
    own.rule = "notifier-dead";
    own.key.clear();
    own.about = "ops";
    const auto built_in = only_object(messages.alert(own));
    CHECK(built_in.at("metric").is_null());
    CHECK(built_in.at("labels").at(0).at("dimension").is_null());
    CHECK(built_in.at("labels").at(0).at("name") == "ops");
    auto acted = trip(circuit_breaker::TripResult::Kind::tripped);
    acted.request.trip_id = "t1";
    const auto breaker = only_object(messages.breaker(acted, n.at));
    CHECK(breaker.at("kind") == "breaker");
    CHECK(breaker.at("rule").is_null());
    CHECK(breaker.at("breaker").at("kind") == "tripped");
    CHECK(breaker.size() == over.size());
}

TEST_CASE("a first look at several series is an object for each of them") {
    auto n = notice();
    n.reason = alerts::Reason::first_look;
    const auto key = std::exchange(n.key, {});
    n.series = {{key, 5.0}, {key, 4.0}};
    const auto message = Messages{config(Language::english)}.alert(n);
    REQUIRE(message.alerts.size() == 2);
    const auto second = nlohmann::json::parse(message.alerts.at(1));
    CHECK(second.at("value") == 4);
    CHECK(second.at("labels").at(0).at("id") == 3);
}

TEST_CASE("a resolution tells how long it lasted, how bad it was, and when it is only silence") {
    auto n = notice();
    n.reason = alerts::Reason::resolved;
    n.duration = 90min;
    n.peak = 9'000'000;
    n.ended = alerts::Ending::no_traffic;
    const auto message = Messages{config(Language::english)}.alert(n);
    CHECK(message.kind == notifiers::Message::Kind::resolved);
    CHECK(message.title == "Over, without traffic: token-burn · Channel 3 (azure-eu)");
    CHECK(message.facts.at(0) ==
          notifiers::Message::Fact{"tokens", "2,500,000 (limit > 2,000,000, 1h)"});
    CHECK(message.facts.at(1) == notifiers::Message::Fact{"Worst", "9,000,000"});
    CHECK(message.facts.at(3) == notifiers::Message::Fact{"Lasted", "1h30m"});
    CHECK(lines_of(message).at(0) == "No traffic: whether it has recovered is unknown");
    CHECK_FALSE(message.recovered);
    CHECK(notifiers::mark_of(message) == "⚪");
    const auto chinese = Messages{config(Language::chinese)}.alert(n);
    CHECK(chinese.facts.at(0) ==
          notifiers::Message::Fact{"Token 用量", "2,500,000（阈值 > 2,000,000，1 小时）"});
    CHECK(chinese.facts.at(3) == notifiers::Message::Fact{"持续", "1 小时 30 分"});
    n.below = true;
    CHECK(Messages{config(Language::english)}.alert(n).facts.at(1).label == "Lowest");
    CHECK(Messages{config(Language::chinese)}.alert(n).facts.at(1).label == "最低值");
    n.ended = alerts::Ending::recovered;
    CHECK(notifiers::mark_of(Messages{config(Language::english)}.alert(n)) == "✅");
    n.reason = alerts::Reason::reminder;
    n.ended.reset();
    CHECK(Messages{config(Language::english)}.alert(n).facts.at(3).label == "For");
    CHECK(Messages{config(Language::chinese)}.alert(n).facts.at(3).label == "已持续");
}

TEST_CASE("what is gone has not recovered, and its title says so") {
    auto n = notice();
    n.reason = alerts::Reason::resolved;
    n.ended = alerts::Ending::gone;
    CHECK(Messages{config(Language::english)}.alert(n).title ==
          "Over, it is gone: token-burn · Channel 3 (azure-eu)");
    CHECK(Messages{config(Language::chinese)}.alert(n).title ==
          "已结束（对象已消失）：token-burn · 渠道 3 (azure-eu)");
    n.ended = alerts::Ending::recovered;
    CHECK(Messages{config(Language::english)}.alert(n).title ==
          "Resolved: token-burn · Channel 3 (azure-eu)");
}

TEST_CASE("what came and went outside the hours is counted, and the worst of it described") {
    auto n = notice();
    n.reason = alerts::Reason::came_and_went;
    n.episodes = 1200;
    n.peak = *n.value;
    n.duration = 10min;
    n.series = {{std::exchange(n.key, {}), n.value}};
    const auto english = Messages{config(Language::english)}.alert(n);
    using Fact = notifiers::Message::Fact;
    CHECK(english.kind == notifiers::Message::Kind::summary);
    CHECK(english.title == "Came and went outside the active hours: token-burn");
    CHECK(english.facts == std::vector<Fact>{{"tokens", "> 2,000,000, 1h"},
                                             {"Episodes", "1,200"},
                                             {"Worst", "2,500,000 · Channel 3 (azure-eu)"},
                                             {"The worst began", "2026-01-05 23:00:00"},
                                             {"Lasted", "10m"}});
    CHECK(english.sections.empty());
    const auto chinese = Messages{config(Language::chinese)}.alert(n);
    CHECK(chinese.title == "非生效时段内触发过，已结束：token-burn");
    CHECK(chinese.facts.at(1) == Fact{"触发次数", "1,200"});
    CHECK(chinese.facts.at(2) == Fact{"峰值", "2,500,000 · 渠道 3 (azure-eu)"});
    CHECK(chinese.facts.at(3).label == "最严重一次始于");
    // Of a single one the key stands in the title.
    n.episodes = 1;
    n.key = std::exchange(n.series, {}).front().key;
    const auto single = Messages{config(Language::english)}.alert(n);
    CHECK(single.title ==
          "Came and went outside the active hours: token-burn · Channel 3 (azure-eu)");
    CHECK(single.facts.at(2) == Fact{"Worst", "2,500,000"});
    CHECK(single.facts.at(3).label == "Since");
}

TEST_CASE("late notices are one message that says so") {
    const auto message = Messages{config(Language::english)}.late({notice(), notice()},
                                                                  base::from_unix(1'767'630'000));
    CHECK(message.kind == notifiers::Message::Kind::digest);
    CHECK(message.title ==
          "Late, from while the gateway could not be read or quotafuse did not run: 2");
    CHECK(lines_of(message) ==
          std::vector<std::string>(
              {"01-05 23:00 Firing: token-burn · Channel 3 (azure-eu) 2,500,000 (> 2,000,000)",
               "01-05 23:00 Firing: token-burn · Channel 3 (azure-eu) 2,500,000 (> 2,000,000)",
               "The breaker does nothing about late alerts"}));
    CHECK(message.footer.find("#late-abc") != std::string::npos);
    CHECK(message.alerts.size() == 2);
}

TEST_CASE("a comparison says what against what, in both languages") {
    auto n = notice();
    n.metric = alerts::Metric::cost;
    n.compare_to = alerts::Comparison::previous;
    n.value = 230;
    n.threshold = 200;
    n.now = 46.2;
    n.base = 14;
    const auto english = Messages{config(Language::english)}.alert(n);
    CHECK(english.facts.at(0) == notifiers::Message::Fact{"cost", "+230 % (> +200 %, 1h)"});
    CHECK(english.facts.at(1) ==
          notifiers::Message::Fact{"Compared", "against the 1h before: $46.20, was $14.00"});
    const auto chinese = Messages{config(Language::chinese)}.alert(n);
    CHECK(chinese.facts.at(1) ==
          notifiers::Message::Fact{"对比", "与前 1 小时相比：$46.20，当时 $14.00"});
    n.window = {alerts::Frame::Kind::this_month, {}, {}, {}};
    n.compare_to = alerts::Comparison::usual;
    n.below = true;
    n.value = -62.5;
    n.threshold = -50;
    const auto drop = Messages{config(Language::english)}.alert(n);
    CHECK(drop.facts.at(0).value == "-62.5 % (< -50 %, this month)");
    CHECK(drop.facts.at(1).value ==
          "against what is usual at this time of the week: $46.20, was $14.00");
}

TEST_CASE("what explains an alert is a line a dimension, the largest part first") {
    using alerts::Dimension;
    auto n = notice();
    n.contributions = {{Dimension::token, {{{Dimension::token, 11, "", "k1 (alice)"}, 94, {}}}, {}},
                       {Dimension::model,
                        {{{Dimension::model, {}, "gpt-4o", "gpt-4o"}, 81.4, 95.0},
                         {{Dimension::model, {}, "o1", "o1"}, 12, {}}},
                        {}}};
    const auto english = Messages{config(Language::english)}.alert(n);
    CHECK(english.sections.at(0).heading == "Made up of");
    CHECK(lines_of(english) ==
          std::vector<std::string>{"Model gpt-4o 81 % (95 % of the rise) · o1 12 %",
                                   "Key k1 (alice) 94 %"});
    const auto chinese = Messages{config(Language::chinese)}.alert(n);
    CHECK(lines_of(chinese).at(0) == "模型 gpt-4o 81%（占增量 95%） · o1 12%");
}

TEST_CASE("shares of the newest rows only say so") {
    auto n = notice();
    n.contributions = {{alerts::Dimension::token,
                        {{{alerts::Dimension::token, 11, "", "k1 (alice)"}, 99, {}}},
                        50'000}};
    CHECK(lines_of(Messages{config(Language::english)}.alert(n)) ==
          std::vector<std::string>{"Key k1 (alice) 99 %", "Shares are of the newest 50,000 rows"});
    CHECK(lines_of(Messages{config(Language::chinese)}.alert(n)).back() ==
          "以上占比仅按最新的 50,000 行日志计算");
}

TEST_CASE("no more than five dimensions are told, and a name of any length fits") {
    using alerts::Dimension;
    auto n = notice();
    const auto add = [&](Dimension dimension, const std::string& name, double share) {
        n.contributions.push_back({dimension, {{{dimension, {}, name, name}, share, {}}}, {}});
    };
    add(Dimension::token, "k1", 70);
    add(Dimension::model, std::string(300, 'm'), 60);
    add(Dimension::user, "alice", 72);
    add(Dimension::ip, "10.1.2.3", 4);  // says next to nothing
    add(Dimension::code, "rate_limited", 55);
    add(Dimension::route, "/v1/messages", 100);
    add(Dimension::group, "default", 99);  // one group has nearly all as a rule
    const auto lines = lines_of(Messages{config(Language::english)}.alert(n));
    REQUIRE(lines.size() == kMostDimensionsTold);
    CHECK(lines.at(0) == "Route /v1/messages 100 %");
    CHECK(lines.at(1) == "User alice 72 %");
    CHECK(lines.at(2) == "Key k1 70 %");
    CHECK(lines.at(3).starts_with("Model mmm"));
    CHECK(lines.at(3).ends_with("m… 60 %"));
    CHECK(lines.at(3).size() < 100);
    CHECK(lines.at(4) == "Error code rate_limited 55 %");
}

TEST_CASE("a gauge has no window, and a built-in alert no numbers but a sentence") {
    auto n = notice();
    n.metric = alerts::Metric::healthy_channels;
    n.below = true;
    n.value = 1;
    n.threshold = 2;
    const Messages messages{config(Language::english)};
    CHECK(messages.alert(n).facts.at(0) == notifiers::Message::Fact{"healthy_channels", "1 (< 2)"});
    auto own = notice();
    own.rule = "source-stale";
    own.key = {};
    own.summary = "the gateway cannot be read (unreachable): refused";
    const auto message = messages.alert(own);
    CHECK(message.title == "Firing: the gateway cannot be followed");
    CHECK(lines_of(message).at(0) == own.summary);
    REQUIRE(message.facts.size() == 1);
    CHECK(message.facts.at(0).label == "Since");
    for (const auto& name : alerts::self_alert_names()) {
        own.rule = name;
        CHECK(messages.alert(own).title != "Firing: " + own.rule);
        CHECK(std::ranges::count(lines_of(messages.alert(own)), "Built-in alert: " + own.rule) ==
              1);
        CHECK(Messages{config(Language::chinese)}.alert(own).title != "告警：" + own.rule);
    }
}

TEST_CASE("what a built-in alert said was wrong is not said again when it is over") {
    auto own = notice();
    own.rule = "source-stale";
    own.key = {};
    own.summary = "the gateway cannot be read (unreachable): refused";
    own.reason = alerts::Reason::resolved;
    const auto message = Messages{config(Language::english)}.alert(own);
    CHECK(lines_of(message) == std::vector<std::string>{"Built-in alert: source-stale"});
    CHECK(message.brief == "Resolved: the gateway cannot be followed");
}

TEST_CASE("a flapping alert says how often, and a silenced one that the breaker still acts") {
    auto n = notice();
    n.reason = alerts::Reason::flapping;
    n.flaps = 3;
    n.action_goes_on = true;
    const auto message = Messages{config(Language::english)}.alert(n);
    CHECK(lines_of(message) ==
          std::vector<std::string>{
              "3 times within an hour",
              "It comes and goes: nothing more is said about it until it has calmed down",
              "It is silenced, but for notices only: the breaker still acts"});
}
