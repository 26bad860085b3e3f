#include <doctest/doctest.h>
#include <fmt/format.h>

#include "alerts/self_alerts.h"
#include "daemon/bundle_text.h"
#include "daemon/messages.h"

using namespace quotafuse;
using namespace quotafuse::daemon;
using namespace std::chrono_literals;
using notifiers::Bundle;
using notifiers::Message;
using Lines = std::vector<std::string>;

namespace {

constexpr std::int64_t kElevenAtNight = 1'767'625'200;  // 23:00 in Shanghai

Config config(Language language) {
    Config c;
    c.site = "prod";
    c.language = language;
    c.timezone = *base::TimeZone::find("Asia/Shanghai");
    return c;
}

alerts::Notice notice(std::int64_t channel, const std::string& rule = "token-burn") {
    alerts::Notice n;
    n.event_id = fmt::format("e{}", channel);
    n.rule = rule;
    n.severity = base::Severity::critical;
    n.metric = alerts::Metric::tokens;
    n.key = {{alerts::Dimension::channel, channel, "", fmt::format("{} (azure)", channel)}};
    n.value = 2'500'000;
    n.threshold = 2'000'000;
    n.window = alerts::Frame::rolling(1h);
    n.since = base::from_unix(kElevenAtNight);
    n.at = n.since;
    n.zone = *base::TimeZone::find("Asia/Shanghai");
    return n;
}

alerts::Notice over(alerts::Notice n) {
    n.reason = alerts::Reason::resolved;
    n.ended = alerts::Ending::recovered;
    return n;
}

Bundle::Item item(const Config& c, const alerts::Notice& n, std::chrono::seconds after = 0s) {
    return {Messages{c}.alert(n), base::from_unix(kElevenAtNight) + after};
}

Bundle bundle(Bundle::Why why, Language language, int channels) {
    Bundle b{why, {}};
    for (int i = 1; i <= channels; ++i) b.items.push_back(item(config(language), notice(i)));
    return b;
}

bool contains(const Lines& lines, std::string_view text) {
    for (const auto& line : lines)
        if (line.find(text) != std::string::npos) return true;
    return false;
}

}  // namespace

TEST_CASE("alerts of one rule become one message: how many of what, and a line each") {
    const BundleText english{config(Language::english)};
    const auto message = english(bundle(Bundle::Why::batch, Language::english, 12));
    CHECK(message.kind == Message::Kind::firing);
    CHECK(message.severity == base::Severity::critical);
    CHECK(message.title == "Firing for 12 channels: token-burn");
    REQUIRE(message.sections.size() == 1);
    REQUIRE(message.sections.at(0).lines.size() == 12);
    CHECK(message.sections.at(0).lines.at(1) == "Channel 2 (azure) 2,500,000 (> 2,000,000)");
    CHECK(message.alerts.size() == 12);
    CHECK(message.footer.find("#e1 ") != std::string::npos);  // whose event id it carries
    CHECK(message.brief == message.title);
    const BundleText chinese{config(Language::chinese)};
    const auto same = chinese(bundle(Bundle::Why::batch, Language::chinese, 12));
    CHECK(same.title == "12 个渠道告警：token-burn");
    CHECK(same.sections.at(0).lines.at(0) == "渠道 1 (azure) 2,500,000（> 2,000,000）");
}

TEST_CASE(
    "good news for many is green and calls nobody, mixed news is as loud as what still fires") {
    const auto c = config(Language::english);
    const BundleText text{c};
    auto calm = notice(3);
    calm.severity = base::Severity::warning;
    Bundle b{Bundle::Why::batch, {item(c, over(notice(1))), item(c, over(notice(2)))}};
    CHECK(text(b).kind == Message::Kind::resolved);
    CHECK(text(b).title == "Over for 2 channels: token-burn");
    b.items.push_back(item(c, calm));
    CHECK(text(b).kind == Message::Kind::summary);
    CHECK(text(b).severity == base::Severity::warning);
    CHECK(text(b).title == "3 messages: token-burn");
}

TEST_CASE("what waited in a queue is told in one message, with the time of each") {
    const auto c = config(Language::english);
    Bundle b{Bundle::Why::queue, {}};
    for (int i = 0; i < 4; ++i)
        b.items.push_back(item(c, notice(i, fmt::format("rule-{}", i)), i * 1min));
    const auto message = BundleText{c}(b);
    CHECK(message.title == "4 messages that had to wait");
    CHECK(message.sections.at(0).lines.at(3) ==
          "23:03 Firing: rule-3 · Channel 3 (azure) 2,500,000 (> 2,000,000)");
    b.items.push_back(item(c, notice(9), 2h));
    CHECK(BundleText{c}(b).sections.at(0).lines.at(4).starts_with("01-06 01:00 Firing"));
    CHECK(BundleText{config(Language::chinese)}(b).title == "积压的 5 条消息");
}

TEST_CASE("what came in one minute has not waited, and its title names the rules") {
    const auto c = config(Language::english);
    Bundle b{Bundle::Why::queue, {}};
    for (int i = 0; i < 4; ++i)
        b.items.push_back(item(c, notice(i, fmt::format("rule-{}", i)), i * 20s));
    CHECK(BundleText{c}(b).title == "4 alerts: rule-0, rule-1, rule-2 …");
    CHECK(BundleText{config(Language::chinese)}(b).title == "4 条告警：rule-0、rule-1、rule-2 …");
    b.items.pop_back();
    b.items.back() = item(c, notice(9, "rule-0"), 61s);
    CHECK(BundleText{c}(b).title == "3 messages that had to wait");
}

TEST_CASE("a title counts as alerts only what fires, and tells what is over by that") {
    const auto c = config(Language::english);
    Bundle b{Bundle::Why::queue, {}};
    for (int i = 0; i < 4; ++i) b.items.push_back(item(c, over(notice(i))));
    CHECK(BundleText{c}(b).title == "4 alerts over: token-burn");
    CHECK(BundleText{config(Language::chinese)}(b).title == "4 条告警已结束：token-burn");
    b.items.push_back(item(c, notice(5)));
    CHECK(BundleText{c}(b).title == "5 messages: token-burn");
}

TEST_CASE("what one second brought has waited when it goes out a day later, and shows its day") {
    const auto c = config(Language::english);
    auto b = bundle(Bundle::Why::queue, Language::english, 4);
    b.now = base::from_unix(kElevenAtNight) + 26h;
    const auto message = BundleText{c}(b);
    CHECK(message.title == "4 messages that had to wait");
    CHECK(message.sections.at(0).lines.at(0).starts_with("01-05 23:00 Firing"));
}

TEST_CASE("of what was wrong and is over unheard nothing is told as if it still were") {
    const auto c = config(Language::english);
    alerts::SelfAlerts own{{}, {}};
    Bundle b{Bundle::Why::both, {}};
    for (const bool holds : {true, false}) {
        own.set(alerts::SelfAlert::source_stale, {}, holds, "the gateway was last read 2m ago");
        for (int i = 0; i < 3600 && b.items.size() < (holds ? 1 : 2); ++i)
            for (const auto& n :
                 own.evaluate(base::from_unix(kElevenAtNight) + i * 1s + (holds ? 0s : 1h)).notices)
                b.items.push_back(item(c, n));
    }
    REQUIRE(b.items.size() == 2);
    const auto message = BundleText{c}(b);
    CHECK(message.title == "Resolved: the gateway cannot be followed");
    Lines all;
    for (const auto& section : message.sections)
        all.insert(all.end(), section.lines.begin(), section.lines.end());
    CHECK_FALSE(contains(all, "last read"));
    CHECK(std::ranges::count(all, "Built-in alert: source-stale") == 1);
}

TEST_CASE(
    "what all alerts of a batch are about stands in its title, whatever else they differ in") {
    const auto c = config(Language::english);
    Bundle b{Bundle::Why::batch, {}};
    for (const std::string model : {"gpt-4o", "o1", "o3", "a · b"}) {
        auto n = notice(3);
        n.key.push_back({alerts::Dimension::model, {}, model, model});
        b.items.push_back(item(c, n));
    }
    const auto message = BundleText{c}(b);
    CHECK(message.title == "Firing for 4 models: token-burn · Channel 3 (azure)");
    CHECK(message.sections.at(0).lines.at(0) == "Model gpt-4o 2,500,000 (> 2,000,000)");
    CHECK(message.sections.at(0).lines.at(3) == "Model a · b 2,500,000 (> 2,000,000)");
    CHECK(BundleText{config(Language::chinese)}(b).title ==
          "4 个模型告警：token-burn · 渠道 3 (azure)");
    // Shared behind what differs: the lines keep it. Two that differ have no common name.
    Bundle other{Bundle::Why::batch, {}};
    for (int channel = 1; channel < 3; ++channel) {
        auto n = notice(channel);
        n.key.push_back({alerts::Dimension::model, {}, "o1", "o1"});
        other.items.push_back(item(c, n));
    }
    const auto shared = BundleText{c}(other);
    CHECK(shared.title == "Firing for 2 channels: token-burn · Model o1");
    CHECK(shared.sections.at(0).lines.at(0) ==
          "Channel 1 (azure) · Model o1 2,500,000 (> 2,000,000)");
}

TEST_CASE("a batch tells each refusal with its reason, equal ones once with all their channels") {
    using circuit_breaker::TripCause;
    for (const auto why : {Bundle::Why::batch, Bundle::Why::queue}) {
        const auto c = config(Language::english);
        Bundle b{why, {}};
        for (int channel = 1; channel < 5; ++channel) {
            circuit_breaker::TripResult trip;
            trip.request.target = circuit_breaker::Target::of_channel(channel);
            trip.name = "azure";
            trip.kind = channel < 4 ? circuit_breaker::TripResult::Kind::refused
                                    : circuit_breaker::TripResult::Kind::tripped;
            trip.status_written = 3;
            if (channel < 4)
                explain(trip, {TripCause::Kind::is_protected});
            else
                trip.dark_models = {"default/o1"};
            b.items.push_back(
                {Messages{c}.alert(notice(channel), {trip}), base::from_unix(kElevenAtNight)});
        }
        const auto message = BundleText{c}(b);
        REQUIRE(message.sections.size() == 2);
        CHECK(message.sections.at(1).heading == "Breaker");
        CHECK(message.sections.at(1).lines ==
              Lines{"Channels 1 (azure), 2 (azure), 3 (azure) stay enabled: protected "
                    "(breaker.protect)",
                    "Channel 4 (azure) is disabled at the gateway (status 3)",
                    "These now have no channel left: default/o1",
                    "Recovery: by hand (quotafuse breaker restore --channel 4)"});
    }
}

TEST_CASE("what a batch offers to do about a key is told once, at the end, whatever was refused") {
    using circuit_breaker::TripCause;
    const auto lines = [&](const std::string& key) {
        const auto c = config(Language::english);
        Bundle b{Bundle::Why::batch, {}};
        for (int channel = 1; channel < 5; ++channel) {
            circuit_breaker::TripResult trip;
            trip.request.target = circuit_breaker::Target::of_channel(channel);
            trip.request.rule = "token-burn";
            trip.request.leading = circuit_breaker::LeadingKey{key, "ci (alice)", 90 + channel};
            trip.kind = circuit_breaker::TripResult::Kind::refused;
            trip.name = "azure";
            if (channel == 3)
                explain(trip, {.kind = TripCause::Kind::same_key, .count = 93, .detail = "ci"});
            else
                explain(trip, {channel < 3 ? TripCause::Kind::is_protected
                                           : TripCause::Kind::auto_ban_off});
            b.items.push_back(
                {Messages{c}.alert(notice(channel), {trip}), base::from_unix(kElevenAtNight)});
        }
        return BundleText{c}(b).sections.at(1).lines;
    };
    const auto numbered = lines("t17");
    REQUIRE(numbered.size() == 4);
    CHECK(numbered.at(0).starts_with("Channels 1 (azure), 2 (azure) stay enabled: protected"));
    CHECK(
        numbered.back() ==
        "Key ci (alice) makes 91 % of the value. To disable the key alone: quotafuse breaker trip "
        "--token 17 --reason token-burn");
    const auto nameless = lines("u4/ci");
    const auto offers = std::ranges::count_if(
        nameless, [](const auto& line) { return line.ends_with("use the gateway's page"); });
    CHECK(offers == 1);
    CHECK(nameless.size() == 4);
}

TEST_CASE("a batch keeps channels, models and keys apart, and each with its own lines") {
    using circuit_breaker::Target;
    using Kind = circuit_breaker::TripResult::Kind;
    const auto of = [](Kind kind, Target target, const std::string& name) {
        circuit_breaker::TripResult trip;
        trip.kind = kind;
        trip.request.target = std::move(target);
        trip.name = name;
        explain(trip, {.kind = circuit_breaker::TripCause::Kind::max_keys, .count = 5, .limit = 5});
        if (kind == Kind::tripped) explain(trip, {});
        return trip;
    };
    const Messages::Trips first{of(Kind::tripped, Target::of_channel(3), "azure"),
                                of(Kind::tripped, Target::of_channel(30), {}),
                                of(Kind::refused, Target::of_token(17), "ci")};
    const Messages::Trips second{of(Kind::refused, Target::of_token(18), "web"),
                                 of(Kind::refused, Target::of_model(3, "o1"), "azure"),
                                 of(Kind::refused, Target::of_model(3, "o3"), "azure")};
    const auto told = [&](Language language) {
        const auto c = config(language);
        const auto at = base::from_unix(kElevenAtNight);
        const Bundle b{Bundle::Why::batch,
                       {{Messages{c}.alert(notice(3), first), at},
                        {Messages{c}.alert(notice(4), second), at}}};
        return BundleText{c}(b).sections.at(1).lines;
    };
    CHECK(told(Language::english) ==
          Lines{"Channel 3 (azure) is disabled at the gateway",
                "Recovery: by hand (quotafuse breaker restore --channel 3)",
                "Channel 30 is disabled at the gateway",
                "Recovery: by hand (quotafuse breaker restore --channel 30)",
                "Keys 17 (ci), 18 (web) stay enabled: 5 keys disabled in the last hour already "
                "(breaker.max_keys_per_hour is 5)",
                "Models o1 of channel 3 (azure), o3 of channel 3 (azure) stay enabled: 5 keys "
                "disabled in the last hour already (breaker.max_keys_per_hour is 5)"});
    const auto chinese = told(Language::chinese);
    CHECK(chinese.at(4).starts_with("令牌 17 (ci)、18 (web) 保持启用："));
    CHECK(chinese.at(5).starts_with("渠道 3 (azure) 的模型 o1、渠道 3 (azure) 的模型 o3 保持"));
}

TEST_CASE("two notifiers that are dead are told by name and reason, also as one message") {
    alerts::SelfAlerts own{{}, {}};
    own.set(alerts::SelfAlert::notifier_dead, "ops", true, "HTTP 502");
    own.set(alerts::SelfAlert::notifier_dead, "boss", true, "refused");
    const auto c = config(Language::english);
    Bundle b{Bundle::Why::batch, {}};
    for (const auto& n : own.evaluate(base::from_unix(kElevenAtNight)).notices)
        b.items.push_back(item(c, n));
    const auto message = BundleText{c}(b);
    CHECK(message.title == "2 alerts: a notifier fails");
    CHECK(message.sections.at(0).lines == Lines{"boss: refused", "ops: HTTP 502"});
}

TEST_CASE(
    "an alert that began and ended unheard is its end, with when it fired and what was done") {
    const auto c = config(Language::english);
    circuit_breaker::TripResult trip;
    trip.kind = circuit_breaker::TripResult::Kind::tripped;
    trip.request.target = circuit_breaker::Target::of_channel(3);
    const Bundle b{Bundle::Why::both,
                   {{Messages{c}.alert(notice(3), {trip}), base::from_unix(kElevenAtNight)},
                    item(c, over(notice(3)), 3min)}};
    const auto message = BundleText{c}(b);
    CHECK(message.kind == Message::Kind::resolved);
    CHECK(message.title == "Resolved: token-burn · Channel 3 (azure)");
    CHECK(message.sections.at(0).lines == Lines{"Fired 23:00, over at 23:03"});
    CHECK(contains(message.sections.at(1).lines, "Channel 3 is disabled at the gateway"));
    CHECK(message.alerts.size() == 2);
    CHECK(message.brief.ends_with(" (23:00 – 23:03)"));
    CHECK(BundleText{config(Language::chinese)}(b).sections.at(0).lines ==
          Lines{"23:00 告警，23:03 结束"});
}

TEST_CASE("what is no news any more is a line each up to twenty, and counted by rule above that") {
    const auto c = config(Language::english);
    const BundleText text{c};
    const auto twenty = text(bundle(Bundle::Why::expired, Language::english, 20));
    CHECK(twenty.kind == Message::Kind::digest);
    CHECK(twenty.title == "20 messages came too late to be news");
    CHECK(twenty.sections.at(0).lines.size() == 20);
    auto many = bundle(Bundle::Why::expired, Language::english, 20);
    many.items.push_back(item(c, over(notice(1)), 65min));
    many.items.push_back(item(c, notice(1, "errors")));
    CHECK(text(many).sections.at(0).lines ==
          Lines{"token-burn: 21 (firing 20, resolved 1), 01-05 23:00 – 01-06 00:05",
                "errors: 1 (firing 1), 01-05 23:00 – 01-05 23:00"});
    CHECK(BundleText{config(Language::chinese)}(many).sections.at(0).lines.at(0) ==
          "token-burn：21 条（告警 20，结束 1），01-05 23:00 – 01-06 00:05");
}

TEST_CASE("a service with little room gets fewer lines, and loses none of what they say") {
    const auto c = config(Language::english);
    auto b = bundle(Bundle::Why::expired, Language::english, 11);
    b.most_lines = 10;
    CHECK(BundleText{c}(b).sections.at(0).lines ==
          Lines{"token-burn: 11 (firing 11), 23:00 – 23:00"});
    b.items.pop_back();
    CHECK(BundleText{c}(b).sections.at(0).lines.size() == 10);
}

TEST_CASE("of more rules than there is room for, the rest is counted and nothing is lost") {
    const auto c = config(Language::english);
    Bundle b{Bundle::Why::expired, {}};
    for (int i = 0; i < 30; ++i) {
        b.items.push_back(item(c, notice(1, fmt::format("rule-{}", i))));
        b.items.push_back(item(c, notice(2, fmt::format("rule-{}", i))));
    }
    const auto lines = BundleText{c}(b).sections.at(0).lines;
    REQUIRE(lines.size() == 20);
    CHECK(lines.front().starts_with("rule-0: 2 (firing 2)"));
    CHECK(lines.back() == "and 22 more, of 11 rules");
}

TEST_CASE(
    "messages of an earlier version, which say nothing to programs, are told by their titles") {
    Message old;
    old.title = "Firing: old-rule";
    const Bundle b{Bundle::Why::batch, {{old, {}}, {old, {}}}};
    const auto message = BundleText{config(Language::english)}(b);
    CHECK(message.title == "2 messages");
    CHECK(message.sections.at(0).lines == Lines{"Firing: old-rule", "Firing: old-rule"});
    CHECK(message.alerts.empty());
}
