#include <doctest/doctest.h>

#include "alerts/self_alerts.h"
#include "circuit_breaker/cause_names.h"
#include "circuit_breaker/last_channel_guard.h"
#include "circuit_breaker/policy.h"
#include "circuit_breaker/settings.h"
#include "daemon/notice_trip.h"
#include "daemon_messages_fixture.h"

using namespace quotafuse;
using namespace quotafuse::daemon;
using namespace quotafuse::tests;

TEST_CASE("built-in alerts of one kind are told apart by what they are about, with the reason") {
    alerts::SelfAlerts own{{}, {}};
    own.set(alerts::SelfAlert::notifier_dead, "ops", true, "ops cannot be reached: HTTP 502",
            "无法送达：HTTP 502");
    own.set(alerts::SelfAlert::still_serving, "3", true, "channel 3 still serves");
    const auto step = own.evaluate(base::from_unix(1'767'625'200));
    REQUIRE(step.notices.size() == 2);
    const auto dead = Messages{config(Language::chinese)}.alert(step.notices.at(0));
    CHECK(dead.title == "告警：通知渠道失效 · ops");
    CHECK(dead.brief == "告警：通知渠道失效 · ops：无法送达：HTTP 502");
    CHECK(only_object(dead).at("labels").at(0).at("name") == "ops");
    const auto serving = Messages{config(Language::english)}.alert(step.notices.at(1));
    CHECK(serving.title == "Firing: disabled but still serving · Channel 3");
    CHECK(only_object(serving).at("labels").at(0).at("dimension") == "channel");
    CHECK(own.alerts().at(0).text == "ops cannot be reached: HTTP 502");  // for the status
}

TEST_CASE("the title of a breaker's message says what became of the channel") {
    using Kind = circuit_breaker::TripResult::Kind;
    const auto title = [&](Language language, Kind kind) {
        return Messages{config(language)}.breaker(trip(kind), notice().at).title;
    };
    CHECK(title(Language::english, Kind::tripped) == "Channel 3 (azure-eu) disabled");
    CHECK(title(Language::english, Kind::refused) == "Channel 3 (azure-eu) not tripped");
    CHECK(title(Language::english, Kind::failed) == "Channel 3 (azure-eu) could not be disabled");
    CHECK(title(Language::chinese, Kind::tripped) == "渠道 3 (azure-eu) 已禁用");
    CHECK(title(Language::chinese, Kind::refused) == "渠道 3 (azure-eu) 未熔断");
    CHECK(title(Language::chinese, Kind::failed) == "渠道 3 (azure-eu) 熔断失败");
    CHECK(title(Language::chinese, Kind::unknown) == "渠道 3 (azure-eu) 熔断结果未知");
    CHECK(title(Language::chinese, Kind::would_trip) == "渠道 3 (azure-eu) 影子模式：本应禁用");
}

TEST_CASE("what the real guards refuse is told in the language of messages, and so is the reason") {
    using circuit_breaker::TripCause;
    auto refused = trip(circuit_breaker::TripResult::Kind::refused);
    circuit_breaker::Settings settings;
    settings.mode = circuit_breaker::Mode::live;
    refused.request.mode = circuit_breaker::Mode::live;
    circuit_breaker::Situation situation;
    situation.counts.open = 3;
    situation.rows_age = 1;
    explain(refused, *guard_policy(settings, situation, refused.request));
    const auto n = notice();
    const auto told = [&](Language language) {
        return Messages{config(language)}.breaker(refused, n.at, &n);
    };
    CHECK(refused.why == "3 channels are already off by quotafuse (breaker.max_open is 3)");
    const auto chinese = told(Language::chinese);
    CHECK(lines_of(chinese).at(0) ==
          "渠道 3 (azure-eu) 保持启用：quotafuse 已禁用 3 个渠道（breaker.max_open 为 3）");
    CHECK(chinese.facts.at(0) ==
          notifiers::Message::Fact{"原因",
                                   "token-burn：Token 用量 2,500,000（> 2,000,000，1 小时）"});
    CHECK(told(Language::english).facts.at(0) ==
          notifiers::Message::Fact{"Reason", "token-burn: tokens 2,500,000 (> 2,000,000, 1h)"});
    const std::vector<circuit_breaker::Ability> lit{{"default", "gpt-4o", 3, true, true}};
    const auto dark = find_dark(3, lit, lit, {.served = {{"default", "gpt-4o", 1204}}});
    explain(refused, {.kind = TripCause::Kind::last_usable, .pairs = dark.used});
    CHECK(lines_of(told(Language::chinese)).at(0) ==
          "渠道 3 (azure-eu) 保持启用：是 default/gpt-4o（最近 24 小时 1,204 "
          "次请求）的最后一个可用渠道");
    CHECK(lines_of(told(Language::english)).at(0) ==
          "Channel 3 (azure-eu) stays enabled: the last usable one for default/gpt-4o (1,204 "
          "requests in the last 24 h)");
}

TEST_CASE("requests are told over the span that guard_traffic asks for") {
    using circuit_breaker::TripCause;
    const auto n = notice();
    auto refused = trip(circuit_breaker::TripResult::Kind::refused);
    auto dark = trip(circuit_breaker::TripResult::Kind::tripped);
    dark.unused_dark = {"vip/old"};
    const auto told = [&](Language language, base::Seconds traffic) {
        const std::vector<circuit_breaker::Ability> lit{{"default", "gpt-4o", 3, true, true},
                                                        {"vip", "o1", 3, true, true}};
        const auto found = find_dark(
            3, lit, lit,
            {.served = {{"default", "gpt-4o", 1204}, {"vip", "o1", 1}}, .traffic = traffic});
        explain(
            refused,
            {.kind = TripCause::Kind::last_usable, .pairs = found.used, .traffic = found.traffic});
        return lines_of(Messages{config(language)}.breaker(refused, n.at, &n)).at(0);
    };
    CHECK(told(Language::english, 6h) ==
          "Channel 3 (azure-eu) stays enabled: the last usable one for default/gpt-4o (1,204 "
          "requests in the last 6 h), vip/o1 (1 request)");
    CHECK(refused.why ==
          "channel 3 is the last usable one for default/gpt-4o (1,204 requests in the last 6 h), "
          "vip/o1 (1 request)");
    CHECK(told(Language::chinese, 6h) ==
          "渠道 3 (azure-eu) 保持启用：是 default/gpt-4o（最近 6 小时 1,204 次请求）、vip/o1（1 "
          "次请求）的最后一个可用渠道");
    CHECK(told(Language::english, 7 * 24h).find("in the last 7 days") != std::string::npos);
    CHECK(told(Language::chinese, 7 * 24h).find("最近 7 天 1,204") != std::string::npos);
    CHECK(told(Language::english, 90min).find("in the last 1h30m") != std::string::npos);
    dark.traffic = 6h;
    CHECK(Wording{Language::english}.dark(dark) ==
          std::vector<std::string>{"These now have no channel left, but nobody asked for them in "
                                   "the last 6 h: vip/old"});
    CHECK(Wording{Language::chinese}.dark(dark) ==
          std::vector<std::string>{"以下模型不再有可用渠道（最近 6 小时无请求）：vip/old"});
    dark.dark_models = {"default/o1"};
    CHECK(Wording{Language::english}.dark(dark).at(1) ==
          "Nor have these, which nobody asked for in the last 6 h: vip/old");
    CHECK(Wording{Language::chinese}.dark(dark).at(1) ==
          "同样没有可用渠道（最近 6 小时无请求）：vip/old");
}

TEST_CASE("what nobody serves is told as it is: in shadow mode as what would be, many by number") {
    auto shadow = trip(circuit_breaker::TripResult::Kind::would_trip);
    for (int i = 0; i < 13; ++i) shadow.dark_models.push_back(fmt::format("g/m{}", i));
    CHECK(Wording{Language::english}.dark(shadow) ==
          std::vector<std::string>{"With it off these have no channel left: g/m0, g/m1, g/m2, "
                                   "g/m3, g/m4, g/m5, g/m6, g/m7, g/m8, g/m9 and 3 more"});
    CHECK(Wording{Language::chinese}.dark(shadow).at(0).ends_with("g/m9等 13 项"));
    shadow.kind = circuit_breaker::TripResult::Kind::refused;
    CHECK(Wording{Language::english}.dark(shadow).empty());
}

TEST_CASE("a reason is in the language of the site, a person's own words as they are") {
    const Wording english{Language::english};
    const Wording chinese{Language::chinese};
    auto n = notice();
    CHECK(english.reason(n) == "token-burn: tokens over 2,000,000 in 1h");
    CHECK(chinese.reason(n) == "token-burn：Token 用量 > 2,000,000，1 小时");
    n.compare_to = alerts::Comparison::previous;
    n.threshold = 50;
    CHECK(chinese.reason(n) == "token-burn：Token 用量变化 > +50%，1 小时");
    CHECK(english.reason_by_hand("Schlüssel leaked") == "by hand: Schlüssel leaked");
    CHECK(chinese.reason_by_hand("it leaked") == "人工：it leaked");
    CHECK(chinese.reason_by_hand("") == "人工操作");
    CHECK(chinese.reason_of_undo("t1") == "人工：撤销熔断 t1 的恢复");
    CHECK(english.reason_of_undo("t1") == "by hand: the return of trip t1 is undone");
}

TEST_CASE("what is refused without a look at the gateway has the name that is known") {
    using circuit_breaker::Target;
    sync::Directory directory;
    directory.channels[3].name = "azure\xff";
    directory.tokens[17].name = "ci";
    Target nameless{.kind = Target::Kind::token, .user = 4, .token_name = "web"};
    CHECK(name_of(Target::of_channel(3), directory) == "azure\uFFFD");
    CHECK(name_of(Target::of_model(3, "o1"), directory) == "azure\uFFFD");
    CHECK(name_of(Target::of_channel(4), directory).empty());
    CHECK(name_of(Target::of_token(17), directory) == "ci");
    CHECK(name_of(Target::of_token(18), directory).empty());
    CHECK(name_of(nameless, directory) == "web");
}

TEST_CASE("of a key without a number no command is offered but the gateway's page") {
    auto n = notice();  // as One API logs it: by name, the number is 0 or missing
    for (const auto id : {std::optional<std::int64_t>{}, std::optional<std::int64_t>{0}}) {
        n.contributions = {{alerts::Dimension::token,
                            {{{alerts::Dimension::token, id, "ci", "ci (alice)"}, 94, {}}},
                            {}}};
        auto tripped = trip(circuit_breaker::TripResult::Kind::tripped);
        tripped.request.leading = leading_key(n, nullptr);
        REQUIRE(tripped.request.leading);
        const auto told = [&](Language language) {
            return lines_of(Messages{config(language)}.breaker(tripped, n.at, &n)).back();
        };
        CHECK(told(Language::english) ==
              "Key ci (alice) makes 94 % of the value. The log has no number of it: to disable the "
              "key alone, use the gateway's page");
        CHECK(told(Language::chinese) ==
              "令牌 ci (alice) 占其中 94%。日志中没有该令牌的编号：请在网关的令牌页面禁用它");
    }
}

TEST_CASE("every cause of the breaker has its own words in both languages") {
    using Kind = circuit_breaker::TripCause::Kind;
    struct Row {
        Kind kind;
        std::string_view chinese;
        std::string_view english;
    };
    const std::vector<Row> rows{
        {Kind::off, "熔断功能已关闭", "the breaker is off"},
        {Kind::is_protected, "受保护", "protected"},
        {Kind::max_open, "max_open 为 30", "max_open is 30"},
        {Kind::max_per_hour, "max_per_hour 为 30", "max_per_hour is 30"},
        {Kind::no_channel, "没有这个渠道", "not found"},
        {Kind::auto_ban_off, "auto_ban", "auto_ban"},
        {Kind::last_usable, "最后一个可用渠道", "the last usable one"},
        {Kind::undone, "已撤销", "; undone"},
        {Kind::not_undone, "撤销失败：D", "could not be undone: D"},
        {Kind::changed_meanwhile, "撤销之前已被他人修改", "before the trip was undone"},
        {Kind::was_off, "自动禁用", "automatically"},
        {Kind::enabled_again, "又被启用", "enabled again"},
        {Kind::kept_changing, "不断被修改", "kept changing"},
        {Kind::expired, "已过 30 秒", "more than 30 s ago"},
        {Kind::may_come_back, "下次测试", "next test"},
        {Kind::not_checked_again, "未能再次确认", "could not be checked again: D"},
        {Kind::gateway, "网关数据库报错：D", "D"},
        {Kind::no_grant, "授权", "`quotafuse grants`"},
        {Kind::lost_commit, "连接中断（D），再次查询失败：U", "asking again failed: U"},
        {Kind::stuck, "熔断模块无法继续：D", "could not go on: D"},
        {Kind::paused, "已暂停，直到 1970-01-01 08:00:30", "is paused until 1970-01-01 08:00:30"},
        {Kind::same_key, "令牌 D 占 1,003%", "one key (D) makes 1,003 %"},
        {Kind::settling, "渠道 1003 刚刚被熔断", "channel 1003, which serves the same models"},
        {Kind::old_rows, "最新为 1,003 秒前", "newest rows are 1,003 s old"},
        {Kind::max_keys, "max_keys_per_hour 为 30", "max_keys_per_hour is 30"},
        {Kind::no_model, "没有这个名称的模型", "no model of this name"},
        {Kind::only_model, "唯一的模型", "the only model"},
        {Kind::no_key_id, "1,003 个同名令牌", "1,003 keys have its name"},
        {Kind::held, "已由 quotafuse 禁用", "has it off already"},
        {Kind::again_dark, "没有可用渠道", "leave no channel for default/o1"},
        {Kind::rows_missing, "1,003 行已不存在", "1,003 of its abilities are gone"},
        {Kind::on_trial, "正在试用", "it is on trial"},
        {Kind::bad_name, "D 名称不是有效的 UTF-8", "the name D is not valid UTF-8"},
        {Kind::not_held, "已不由这次熔断负责", "this trip no longer answers for it"},
    };
    REQUIRE(rows.size() == circuit_breaker::kCauseKinds - 1);  // but for none
    const auto target = circuit_breaker::Target::of_channel(3);
    for (const auto& row : rows) {
        CAPTURE(row.english);
        const auto count = row.kind == Kind::was_off ? 3 : 1003;
        const circuit_breaker::TripCause cause{row.kind, count, 30, {{"default/o1", 7}}, "D", "U"};
        const auto told = [&](Language language) {
            return Wording{language}.cause(cause, target.kind, config(language).timezone);
        };
        CHECK(told(Language::chinese).find(row.chinese) != std::string::npos);
        CHECK(told(Language::english).find(row.english) != std::string::npos);
        CHECK_FALSE(describe(cause, target).empty());
    }
}

TEST_CASE("for a missing right the command is named that prints it for this kind") {
    using circuit_breaker::Target;
    const circuit_breaker::TripCause cause{.kind = circuit_breaker::TripCause::Kind::no_grant,
                                           .detail = "D"};
    const auto told = [&](Language language, Target::Kind kind) {
        return Wording{language}.cause(cause, kind, {});
    };
    CHECK(told(Language::english, Target::Kind::channel) ==
          "D; give the breaker's account what `quotafuse grants` prints");
    CHECK(told(Language::english, Target::Kind::model) ==
          "D; give the breaker's account what `quotafuse grants --models` prints");
    CHECK(told(Language::chinese, Target::Kind::token).find("`quotafuse grants --tokens`") !=
          std::string::npos);
}

TEST_CASE("what a key was is told in the words of keys") {
    using circuit_breaker::Target;
    using Kind = circuit_breaker::TripCause::Kind;
    const auto told = [&](Language language, Kind kind, std::int64_t status) {
        return Wording{language}.cause({.kind = kind, .count = status}, Target::Kind::token, {});
    };
    CHECK(told(Language::chinese, Kind::was_off, 2) == "手动禁用");
    CHECK(told(Language::chinese, Kind::was_off, 3) == "已过期");
    CHECK(told(Language::chinese, Kind::was_off, 4) == "额度已用尽");
    CHECK(told(Language::english, Kind::was_off, 3) == "expired");
    CHECK(told(Language::english, Kind::was_off, 4) == "used up");
    CHECK(told(Language::chinese, Kind::no_channel, 0) == "网关中没有这个令牌");
}

TEST_CASE("in shadow mode a trip that failed is none, and is not told as one") {
    auto shadow = trip(circuit_breaker::TripResult::Kind::failed);
    shadow.request.mode = circuit_breaker::Mode::shadow;
    const auto n = notice();
    const auto message = Messages{config(Language::chinese)}.breaker(shadow, n.at, &n);
    CHECK(message.title == "渠道 3 (azure-eu) 影子模式：未能判断");
    CHECK(lines_of(message).at(0).find("禁用失败") == std::string::npos);
}

TEST_CASE("Chinese messages have Chinese names of metrics, units and lengths of time") {
    const Wording words{Language::chinese};
    CHECK(words.metric(alerts::Metric::requests) == "请求数");
    CHECK(words.metric(alerts::Metric::error_rate) == "错误率");
    CHECK(words.metric(alerts::Metric::since_last) == "距上次请求");
    CHECK(words.metric(alerts::Metric::dead_keys) == "失效密钥数");
    CHECK(words.value(alerts::Metric::error_rate, 35.24, {}) == "35.2%");
    CHECK(words.value(alerts::Metric::rpm, 12.5, {}) == "12.5/分钟");
    CHECK(words.value(alerts::Metric::since_last, 3720, {}) == "1 小时 2 分");
    CHECK(words.duration(2min) == "2 分钟");
    CHECK(words.duration(1h) == "1 小时");
    CHECK(words.duration(45s) == "45 秒");
    CHECK(Wording{Language::english}.duration(62min) == "1h2m");
}
