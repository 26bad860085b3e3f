#include <doctest/doctest.h>

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
    n.window = 1h;
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

TEST_CASE("late notices are one message that says so") {
    const auto message = Messages{config(Language::english)}.late({notice(), notice()},
                                                                  base::from_unix(1'767'630'000));
    CHECK(message.kind == notifiers::Message::Kind::digest);
    CHECK(message.title ==
          "Late, from while the gateway could not be read or quotafuse did not run: 2");
    CHECK(message.lines.at(0) ==
          "2026-01-05 23:00:00 Firing: token-burn · Channel 3 (azure-eu), 2,500,000");
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
}
