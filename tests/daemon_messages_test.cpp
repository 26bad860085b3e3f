#include <algorithm>
#include <utility>

#include <doctest/doctest.h>

#include "alerts/self_alerts.h"
#include "daemon/messages.h"
#include "daemon/number_format.h"

using namespace quotafuse;
using namespace quotafuse::daemon;
using namespace std::chrono_literals;

namespace {

Config config(Language language) {
    Config c;
    c.site = "prod";
    c.language = language;
    c.timezone = *base::TimeZone::find("Asia/Shanghai");
    return c;
}

alerts::Notice notice() {
    alerts::Notice n;
    n.event_id = "abc";
    n.rule = "token-burn";
    n.severity = base::Severity::critical;
    n.metric = alerts::Metric::tokens;
    n.key = {{alerts::Dimension::channel, 3, "", "3 (azure-eu)"}};
    n.value = 2'500'000;
    n.threshold = 2'000'000;
    n.window = alerts::Frame::rolling(1h);
    n.since = base::from_unix(1'767'625'200);
    n.at = n.since;
    n.zone = *base::TimeZone::find("Asia/Shanghai");
    return n;
}

circuit_breaker::TripResult trip(circuit_breaker::TripResult::Kind kind) {
    circuit_breaker::TripResult result;
    result.kind = kind;
    result.request.channel = 3;
    result.channel_name = "azure-eu";
    result.status_written = 3;
    return result;
}

}  // namespace

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
        return messages.alert(notice(), &result).lines.at(0);
    };
    CHECK(line(trip(Kind::tripped)) ==
          "Breaker: channel 3 (azure-eu) is disabled at the gateway (status 3)");
    CHECK(line(trip(Kind::would_trip)) ==
          "Breaker (shadow): would have disabled channel 3 (azure-eu); nothing was written");
    auto refused = trip(Kind::refused);
    refused.why = "it is protected";
    CHECK(line(refused) == "Breaker: channel 3 (azure-eu) stays enabled: it is protected");
    auto dark = trip(Kind::tripped);
    dark.dark_models = {"default/gpt-4o", "vip/o1"};
    dark.unused_dark = {"vip/old"};
    CHECK(messages.alert(notice(), &dark).lines.at(1) ==
          "These now have no channel left: default/gpt-4o, vip/o1");
    CHECK(messages.alert(notice(), &dark).lines.at(2) ==
          "Nor have these, which nobody asked for in 24 h: vip/old");
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
    CHECK(message.facts.at(1) == notifiers::Message::Fact{"Worst", "9,000,000"});
    CHECK(message.facts.at(3) == notifiers::Message::Fact{"Lasted", "1h30m"});
    CHECK(message.lines.at(0) == "No traffic: whether it has recovered is unknown");
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
    CHECK(english.lines.empty());
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
    CHECK(message.lines.at(0) ==
          "2026-01-05 23:00:00 Firing: token-burn · Channel 3 (azure-eu), 2,500,000");
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
          notifiers::Message::Fact{"对比", "与前 1h 相比：$46.20，当时 $14.00"});
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
    CHECK(english.lines ==
          std::vector<std::string>{"Model gpt-4o 81 % (95 % of the rise) · o1 12 %",
                                   "Key k1 (alice) 94 %"});
    const auto chinese = Messages{config(Language::chinese)}.alert(n);
    CHECK(chinese.lines.at(0) == "模型 gpt-4o 81 %（占增量 95 %） · o1 12 %");
}

TEST_CASE("shares of the newest rows only say so") {
    auto n = notice();
    n.contributions = {{alerts::Dimension::token,
                        {{{alerts::Dimension::token, 11, "", "k1 (alice)"}, 99, {}}},
                        50'000}};
    CHECK(Messages{config(Language::english)}.alert(n).lines ==
          std::vector<std::string>{"Key k1 (alice) 99 %", "Shares are of the newest 50,000 rows"});
    CHECK(Messages{config(Language::chinese)}.alert(n).lines.back() ==
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
    const auto lines = Messages{config(Language::english)}.alert(n).lines;
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
    CHECK(message.lines.at(0) == own.summary);
    REQUIRE(message.facts.size() == 1);
    CHECK(message.facts.at(0).label == "Since");
    for (const auto& name : alerts::self_alert_names()) {
        own.rule = name;
        CHECK(messages.alert(own).title != "Firing: " + own.rule);
        CHECK(std::ranges::count(messages.alert(own).lines, "Built-in alert: " + own.rule) == 1);
        CHECK(Messages{config(Language::chinese)}.alert(own).title != "告警：" + own.rule);
    }
}

TEST_CASE("a flapping alert says how often, and a silenced one that the breaker still acts") {
    auto n = notice();
    n.reason = alerts::Reason::flapping;
    n.flaps = 3;
    n.action_goes_on = true;
    const auto message = Messages{config(Language::english)}.alert(n);
    CHECK(message.lines ==
          std::vector<std::string>{
              "3 times within an hour",
              "It comes and goes: nothing more is said about it until it has calmed down",
              "It is silenced, but for notices only: the breaker still acts"});
}

TEST_CASE("numbers are grouped and money has cents") {
    using alerts::Metric;
    CHECK(group_digits(0) == "0");
    CHECK(group_digits(999) == "999");
    CHECK(group_digits(-1234567) == "-1,234,567");
    CHECK(format_value(Metric::tokens, 2500000) == "2,500,000");
    CHECK(format_value(Metric::error_rate, 35.25) == "35.2 %");
    CHECK(format_value(Metric::error_rate, 100) == "100 %");
    CHECK(format_value(Metric::cost, 1234.5) == "$1,234.50");
    CHECK(format_value(Metric::cost, 0.0012) == "$0.001200");
    CHECK(format_value(Metric::cost, -3) == "-$3.00");
    CHECK(format_value(Metric::cost, 0) == "$0.00");
    CHECK(format_value(Metric::latency_avg, 1234.6) == "1,235 ms");
    CHECK(format_value(Metric::tpm, 12.5) == "12.5/min");
    CHECK(format_value(Metric::final_error_rate, 0.5) == "0.5 %");
    CHECK(format_value(Metric::ttft_p95, 800) == "800 ms");
    CHECK(format_value(Metric::since_last, 1500) == "25m");
    CHECK(format_value(Metric::token_expires_in, -90) == "-1m30s");
    CHECK(format_value(Metric::since_last, 1e300).size() > 10);
    CHECK(format_value(Metric::token_remaining, 3) == "$3.00");
    CHECK(format_value(Metric::channel_balance, 12.345) == "12.35");
    CHECK(format_change(230) == "+230 %");
    CHECK(format_change(-62.55) == "-62.5 %");
    CHECK(format_change(0) == "0 %");
}
