#include <algorithm>

#include <doctest/doctest.h>

#include "daemon_messages_fixture.h"

// What people read of models, keys, several channels, and of what comes back.
using namespace quotafuse;
using namespace quotafuse::daemon;
using namespace quotafuse::tests;
using circuit_breaker::Change;
using circuit_breaker::Target;
using circuit_breaker::TripCause;
using circuit_breaker::Way;
using Lines = std::vector<std::string>;
using TripKind = circuit_breaker::TripResult::Kind;
using ReturnKind = circuit_breaker::ReturnResult::Kind;

namespace {

circuit_breaker::TripResult trip_of(TripKind kind, Target target, std::string name) {
    auto result = trip(kind);
    result.request.target = std::move(target);
    result.request.trip_id = "t1";
    result.name = std::move(name);
    result.status_written = result.request.target.kind == Target::Kind::model ? 0 : 2;
    return result;
}

Lines breaker_lines(const notifiers::Message& message) {
    const auto found = std::ranges::find_if(message.sections, [](const auto& section) {
        return section.heading == "Breaker" || section.heading == "熔断";
    });
    return found == message.sections.end() ? Lines{} : found->lines;
}

base::Second after(std::int64_t seconds) {
    return notice().at + base::Seconds{seconds};
}

}  // namespace

TEST_CASE("a model, a key with its id and one without are each named as people know them") {
    const Wording english{Language::english};
    const Wording chinese{Language::chinese};
    const Target nameless{.kind = Target::Kind::token, .token = 0, .user = 4, .token_name = "ci"};
    CHECK(english.target(Target::of_channel(3), "azure") == "Channel 3 (azure)");
    CHECK(english.target(Target::of_model(3, "o1"), "azure") == "Model o1 of channel 3 (azure)");
    CHECK(english.target(Target::of_model(3, "o1"), "") == "Model o1 of channel 3");
    CHECK(english.target(Target::of_token(17), "ci") == "Key 17 (ci)");
    CHECK(english.target(Target::of_token(17), "") == "Key 17");
    CHECK(english.target(nameless, "ci") == "Key ci (user 4)");
    CHECK(chinese.target(Target::of_model(3, "o1"), "azure") == "渠道 3 (azure) 的模型 o1");
    CHECK(chinese.target(Target::of_token(17), "ci") == "令牌 17 (ci)");
    CHECK(chinese.target(nameless, "ci") == "令牌 ci (用户 4)");
    CHECK(english.target(Target::of_model(3, std::string(300, 'm')), "").size() < 110);
}

TEST_CASE("what became of a model or a key is told in the same words as of a channel") {
    const Messages english{config(Language::english)};
    const Messages chinese{config(Language::chinese)};
    const auto model = trip_of(TripKind::tripped, Target::of_model(3, "o1"), "azure");
    const auto key = trip_of(TripKind::tripped, Target::of_token(17), "ci");
    auto expired = trip_of(TripKind::already_off, Target::of_token(17), "ci");
    explain(expired, {.kind = TripCause::Kind::was_off, .count = 3});
    CHECK(english.breaker(model, after(1)).title == "Model o1 of channel 3 (azure) disabled");
    CHECK(breaker_lines(english.breaker(model, after(1))).front() ==
          "Model o1 of channel 3 (azure) is disabled at the gateway");
    CHECK(breaker_lines(english.breaker(key, after(1))).front() ==
          "Key 17 (ci) is disabled at the gateway (status 2)");
    CHECK(breaker_lines(english.breaker(expired, after(1))) ==
          Lines{"Key 17 (ci) was disabled already (expired)"});
    CHECK(chinese.breaker(key, after(1)).title == "令牌 17 (ci) 已禁用");
    CHECK(breaker_lines(chinese.breaker(expired, after(1))) ==
          Lines{"令牌 17 (ci) 此前已被禁用（已过期）"});
}

TEST_CASE("several channels of one alert stand in one message, each with what became of it") {
    auto second = trip_of(TripKind::refused, Target::of_channel(5), "openai");
    explain(second, {.kind = TripCause::Kind::settling, .count = 3});
    const auto first = trip_of(TripKind::tripped, Target::of_channel(3), "azure");
    const auto message = Messages{config(Language::english)}.alert(notice(), {first, second});
    CHECK(breaker_lines(message) ==
          Lines{"Channel 3 (azure) is disabled at the gateway (status 2)",
                "Recovery: by hand (quotafuse breaker restore --channel 3)",
                "Channel 5 (openai) stays enabled: channel 3, which serves the same models, was "
                "tripped just now and that has yet to take effect (breaker.settle)"});
    CHECK(message.brief.ends_with("(> 2,000,000), 1 of 2 disabled"));
    CHECK(Messages{config(Language::chinese)}
              .alert(notice(), {first, second})
              .brief.ends_with("，已禁用 1/2"));
    CHECK(Messages{config(Language::english)}
              .alert(notice(), {first, first})
              .brief.ends_with("(> 2,000,000), disabled"));
    const auto object = only_object(message);
    CHECK(object.at("breaker").at("channel") == 3);
    REQUIRE(object.at("breakers").size() == 2);
    CHECK(object.at("breakers").at(1).at("channel") == 5);
}

TEST_CASE("a trip tells how its target comes back") {
    using Recover = base::Recovery::Kind;
    const auto line = [](Language language, Recover recover, std::int64_t seconds,
                         const std::string& rule, Target target = Target::of_channel(3)) {
        auto result = trip_of(TripKind::tripped, std::move(target), "x");
        result.request.recover.kind = recover;
        result.request.back_at = seconds == 0 ? base::Second{} : after(seconds);
        result.request.rule = rule;
        return breaker_lines(Messages{config(language)}.alert(notice(), {result})).at(1);
    };
    const auto english = Language::english;
    CHECK(line(english, Recover::manual, 0, "r") ==
          "Recovery: by hand (quotafuse breaker restore --channel 3)");
    CHECK(line(english, Recover::manual, 0, "r", Target::of_token(17)) ==
          "Recovery: by hand (quotafuse breaker restore --token 17)");
    CHECK(line(english, Recover::manual, 0, "r", Target::of_model(3, "o 1")) ==
          "Recovery: by hand (quotafuse breaker restore t1)");
    CHECK(line(english, Recover::after, 1800, "r") ==
          "Recovery: by itself at 2026-01-05 23:30:00 at the earliest, once the alert is over");
    CHECK(line(english, Recover::tomorrow, 3600, "r") ==
          "Recovery: by itself at 2026-01-06 00:00:00 at the earliest, once the alert is over");
    CHECK(line(english, Recover::half_open, 300, "r") ==
          "Recovery: first trial, with little traffic, at 2026-01-05 23:05:00 at the earliest, "
          "once the alert is over");
    CHECK(line(english, Recover::after, 1800, "") ==
          "Recovery: by itself at 2026-01-05 23:30:00 at the earliest");
    const auto chinese = Language::chinese;
    CHECK(line(chinese, Recover::manual, 0, "r") ==
          "恢复：手动（quotafuse breaker restore --channel 3）");
    CHECK(line(chinese, Recover::after, 1800, "r") ==
          "恢复：最早 2026-01-05 23:30:00 自动恢复，且告警须已结束");
    CHECK(line(chinese, Recover::half_open, 300, "r") ==
          "恢复：最早 2026-01-05 23:05:00 以少量流量试用，且告警须已结束");
}

TEST_CASE("what only traffic could end is not waited for") {
    auto result = trip(TripKind::tripped);
    result.request.recover.kind = base::Recovery::Kind::after;
    result.request.back_at = after(1800);
    result.request.rule = "silence";
    const Messages messages{config(Language::english)};
    const auto line = [&](const alerts::Notice& n) {
        return breaker_lines(messages.alert(n, {result})).at(1);
    };
    auto n = notice();
    CHECK(line(n).ends_with("once the alert is over"));
    n.metric = alerts::Metric::since_last;
    CHECK(line(n) == "Recovery: by itself at 2026-01-05 23:30:00 at the earliest");
    n.metric = alerts::Metric::requests;
    n.below = true;
    CHECK(line(n) == "Recovery: by itself at 2026-01-05 23:30:00 at the earliest");
    n.metric = alerts::Metric::channel_balance;  // which changes without any request
    CHECK(line(n).ends_with("once the alert is over"));
}

TEST_CASE("nothing is said of coming back where nothing was switched off") {
    const Messages messages{config(Language::english)};
    for (const auto kind : {TripKind::would_trip, TripKind::refused, TripKind::already_off,
                            TripKind::lost_race, TripKind::failed, TripKind::unknown}) {
        CAPTURE(static_cast<int>(kind));
        const auto lines = breaker_lines(messages.alert(notice(), {trip(kind)}));
        REQUIRE(lines.size() == 1);
        CHECK(lines.front().find("Recovery") == std::string::npos);
    }
}

TEST_CASE("a key that makes most of the value is named, once, with the command that stops it") {
    const auto n = notice();
    auto result = trip(TripKind::tripped);
    result.request.rule = "token-burn";
    const auto lead = [&](int share) {
        result.request.leading = circuit_breaker::LeadingKey{"t17", "ci (alice)", share};
    };
    const Messages messages{config(Language::english)};
    lead(94);
    const std::string offer =
        "Key ci (alice) makes 94 % of the value. To disable the key alone: quotafuse breaker trip "
        "--token 17 --reason token-burn";
    const auto lines = breaker_lines(messages.alert(n, {result, result}));
    CHECK(lines.back() == offer);
    CHECK(std::ranges::count(lines, offer) == 1);
    lead(79);
    CHECK(breaker_lines(messages.alert(n, {result})).back().starts_with("Recovery"));
    lead(80);
    CHECK(breaker_lines(messages.alert(n, {result})).back().starts_with("Key ci (alice) makes 80"));
    // Of a key itself there is nothing to offer.
    CHECK(breaker_lines(messages.alert(n, {trip_of(TripKind::tripped, Target::of_token(17), "ci")}))
              .back()
              .starts_with("Recovery"));
    CHECK(breaker_lines(Messages{config(Language::chinese)}.alert(n, {result})).back() ==
          "令牌 ci (alice) 占其中 80%。只禁用该令牌：quotafuse breaker trip --token 17 --reason "
          "token-burn");
    // What the request knows holds, also where the notice is gone.
    result.request.leading = circuit_breaker::LeadingKey{"t18", "web (bob)", 91};
    CHECK(breaker_lines(messages.breaker(result, after(1)))
              .back()
              .starts_with("Key web (bob) makes 91 %"));
    CHECK(breaker_lines(messages.breaker(result, after(1))).back().find("--token 18") !=
          std::string::npos);
}

TEST_CASE("a channel that is spared for a key names the key, with a command only for a known id") {
    auto spared = trip(TripKind::refused);
    explain(spared, {.kind = TripCause::Kind::same_key, .count = 93, .detail = "ci (alice)"});
    const Messages messages{config(Language::english)};
    const std::string why =
        "Channel 3 (azure-eu) stays enabled: one key (ci (alice)) makes 93 % of the value, and a "
        "channel was tripped for it already: the key is to blame";
    CHECK(breaker_lines(messages.alert(notice(), {spared})) == Lines{why});
    const std::string by_page =
        "The log has no number of it: to disable the key alone, use the gateway's page";
    spared.request.leading = circuit_breaker::LeadingKey{"t17", "ci (alice)", 93};
    CHECK(
        breaker_lines(messages.alert(notice(), {spared})) ==
        Lines{why, "To disable the key alone: quotafuse breaker trip --token 17 --reason leaked"});
    for (const std::string unknown : {"u4/ci", "t", "t0", "t17x", "17", "t99999999999999999999"}) {
        CAPTURE(unknown);
        spared.request.leading = circuit_breaker::LeadingKey{unknown, "ci", 93};
        CHECK(breaker_lines(messages.alert(notice(), {spared})) == Lines{why, by_page});
        auto tripped = trip(TripKind::tripped);
        tripped.request.leading = spared.request.leading;
        CHECK(breaker_lines(messages.alert(notice(), {tripped})).back() ==
              "Key ci makes 93 % of the value. " + by_page);
    }
}

TEST_CASE("while the breaker is paused the alert and the breaker's message say so") {
    auto held = trip(TripKind::refused);
    held.request.rule = "burn";
    explain(held, {.kind = TripCause::Kind::paused, .limit = base::unix_seconds(after(3600))});
    const std::string line =
        "Channel 3 (azure-eu) stays enabled: the breaker is paused until 2026-01-06 00:00:00; "
        "quotafuse breaker resume ends that";
    const std::string later =
        "To disable it after that: quotafuse breaker trip --channel 3 --reason burn";
    const Messages messages{config(Language::english)};
    CHECK(breaker_lines(messages.alert(notice(), {held})) == Lines{line, later});
    CHECK(breaker_lines(messages.breaker(held, after(1))) == Lines{line, later});
    held.cause.limit = 0;
    held.cause.detail = "搬迁";
    CHECK(breaker_lines(Messages{config(Language::chinese)}.alert(notice(), {held})).front() ==
          "渠道 3 (azure-eu) 保持启用：熔断已暂停（搬迁）；quotafuse breaker resume 可恢复执行");
}

TEST_CASE("a trial tells its terms, its end what it saw and what is next") {
    const Messages english{config(Language::english)};
    auto begun = returned(Way::trial, ReturnKind::done);
    begun.request.circuit.recover.kind = base::Recovery::Kind::half_open;
    const auto first = english.returned(begun, after(300));
    CHECK(first.kind == notifiers::Message::Kind::breaker);
    CHECK(first.severity == base::Severity::info);
    CHECK(first.title == "Channel 3 (azure-eu) on trial");
    CHECK(breaker_lines(first) ==
          Lines{"It gets little traffic. Of the next 20 attempts within 10m at most 2 may fail: "
                "then it gets all of its traffic, else it goes off again"});
    auto failed = returned(Way::again, ReturnKind::done);
    failed.request.circuit.failed_trials = 2;
    failed.request.circuit.trial_at = after(300);
    failed.request.circuit.back_at = after(1500);
    const auto second = english.returned(failed, after(900), "errors: 3 of 5");
    CHECK(second.severity == base::Severity::warning);
    CHECK(second.title == "Channel 3 (azure-eu): trial failed, disabled again");
    CHECK(second.facts.back() == notifiers::Message::Fact{"Trial", "errors: 3 of 5"});
    CHECK(breaker_lines(second) ==
          Lines{"2 failed trials so far; the next one at 2026-01-05 23:25:00 at the earliest"});
    CHECK(second.brief == "Channel 3 (azure-eu): trial failed, disabled again: errors: 3 of 5");
    const Messages chinese{config(Language::chinese)};
    CHECK(breaker_lines(chinese.returned(begun, after(300))) ==
          Lines{"只接收少量流量：10 分钟内观察 20 次上游请求，错误不超过 2 "
                "次则完全恢复，否则再次禁用"});
    CHECK(breaker_lines(chinese.returned(failed, after(900))) ==
          Lines{"已失败 2 次；下次试用最早 2026-01-05 23:25:00"});
    CHECK(chinese.returned(returned(Way::settle, ReturnKind::done), after(900)).title ==
          "渠道 3 (azure-eu) 试用通过，已完全恢复");
}

TEST_CASE("what came back says why it did: its time, or a person's word") {
    const Messages messages{config(Language::english)};
    auto result = returned(Way::whole, ReturnKind::done);
    const auto by_time = messages.returned(result, after(1800));
    CHECK(by_time.title == "Channel 3 (azure-eu) is on again");
    CHECK(by_time.severity == base::Severity::info);
    CHECK(by_time.facts == std::vector<notifiers::Message::Fact>{
                               {"Tripped for", "token-burn: tokens over 2,000,000 in 1h"},
                               {"Disabled at", "2026-01-05 23:00:00"}});
    CHECK(breaker_lines(by_time) ==
          Lines{"Its time had come and the alert is over; all as before the trip"});
    result.request.asked_by = kAskedByPerson;
    result.cause = {.kind = TripCause::Kind::rows_missing, .count = 2};
    CHECK(breaker_lines(messages.returned(result, after(1800))) ==
          Lines{"Note: 2 of its abilities are gone: rebuild them on the gateway's channel page",
                "By a person's command; all as before the trip"});
}

TEST_CASE("a return that did not happen says why, and who tries again") {
    const Messages messages{config(Language::english)};
    auto result = returned(Way::whole, ReturnKind::failed);
    result.cause = {.kind = TripCause::Kind::no_grant, .detail = "UPDATE denied"};
    const auto failed = messages.returned(result, after(1));
    CHECK(failed.title == "Channel 3 (azure-eu) could not be switched on again");
    CHECK(failed.severity == base::Severity::warning);
    CHECK(breaker_lines(failed) ==
          Lines{"Why: UPDATE denied; give the breaker's account what `quotafuse grants` prints",
                "Nothing was changed; quotafuse tries again"});
    result.request.asked_by = kAskedByPerson;
    CHECK(breaker_lines(messages.returned(result, after(1))).back() ==
          "Nothing was changed; the command may be given again");
    auto dark = returned(Way::again, ReturnKind::refused);
    dark.request.circuit.state = circuit_breaker::Circuit::State::trial;
    dark.cause = {.kind = TripCause::Kind::again_dark, .pairs = {{"default/o1", 7}}};
    const auto stays = messages.returned(dark, after(1));
    CHECK(stays.title == "Channel 3 (azure-eu) stays on trial");
    CHECK(stays.severity == base::Severity::critical);
    CHECK(breaker_lines(stays).front() ==
          "Why: switched off again, it would leave no channel for default/o1 (7 requests in the "
          "last 24 h)");
    auto unknown = returned(Way::whole, ReturnKind::unknown);
    unknown.cause = {.kind = TripCause::Kind::lost_commit, .detail = "gone", .unread = "refused"};
    CHECK(messages.returned(unknown, after(1)).severity == base::Severity::critical);
    CHECK(breaker_lines(messages.returned(unknown, after(1))) ==
          Lines{"Why: the connection broke (gone), and asking again failed: refused",
                "quotafuse asks again; please look at the gateway's page"});
}

TEST_CASE("what a person made of it ends our part, and a key that is on again is critical") {
    const Messages messages{config(Language::english)};
    auto channel = circuit(Target::of_channel(3), "azure-eu");
    channel.status_written = 3;
    const auto key = circuit(Target::of_token(17), "ci");
    const auto released = messages.released(channel, Change::enabled, after(60));
    CHECK(released.title == "Channel 3 (azure-eu) was enabled by somebody");
    CHECK(released.severity == base::Severity::warning);
    CHECK(breaker_lines(released) ==
          Lines{"It was an admin, or the gateway's own test",
                "quotafuse no longer answers for it: it gives nothing back, and does not trip it "
                "again before a new alert"});
    const auto alarming = messages.released(key, Change::enabled, after(60));
    CHECK(alarming.severity == base::Severity::critical);
    CHECK(breaker_lines(alarming).at(0) ==
          "The owner of the key or an admin switched it on: it can spend again");
    CHECK(breaker_lines(alarming).at(1) ==
          "To disable it again: quotafuse breaker trip --token 17 --reason token-burn");
    CHECK(messages.released(key, Change::deleted, after(60)).severity == base::Severity::warning);
    CHECK(messages.released(channel, Change::disabled_by_hand, after(60)).title ==
          "Channel 3 (azure-eu) was disabled by hand");
    // A return that found it changed says the same.
    auto theirs = returned(Way::whole, ReturnKind::theirs);
    theirs.change = Change::enabled;
    theirs.request.circuit.status_written = 3;
    const auto same = messages.returned(theirs, after(60));
    CHECK(same.title == released.title);
    CHECK(same.sections == released.sections);
    CHECK(same.severity == released.severity);
    const Messages chinese{config(Language::chinese)};
    for (const auto change : {Change::enabled, Change::disabled_by_hand, Change::deleted,
                              Change::altered, Change::gateway_disabled}) {
        CAPTURE(static_cast<int>(change));
        CHECK(chinese.released(channel, change, after(60)).title !=
              chinese.released(channel, Change::none, after(60)).title);
    }
}

TEST_CASE("programs learn of a model, a key, a return and a release by the same members") {
    const Messages messages{config(Language::english)};
    auto model = trip_of(TripKind::tripped, Target::of_model(3, "<o1>"), "azure");
    model.request.recover = {.kind = base::Recovery::Kind::after, .wait = 30min};
    model.request.back_at = after(1800);
    const auto tripped = only_object(messages.breaker(model, after(1))).at("breaker");
    CHECK(tripped.at("target") == "model");
    CHECK(tripped.at("channel") == 3);
    CHECK(tripped.at("channel_name") == "azure");
    CHECK(tripped.at("model") == "<o1>");
    CHECK(tripped.at("recover") == "after 30m");
    CHECK(tripped.at("back_at") == "2026-01-05T15:30:00Z");
    const auto key = only_object(
        messages.released(circuit(Target::of_token(17), "ci"), Change::enabled, after(60)));
    CHECK(key.at("severity") == "critical");
    CHECK(key.at("breaker").at("kind") == "released");
    CHECK(key.at("breaker").at("change") == "enabled");
    CHECK(key.at("breaker").at("target") == "token");
    CHECK(key.at("breaker").at("token") == 17);
    CHECK(key.at("breaker").at("token_name") == "ci");
    CHECK(key.at("breaker").at("channel").is_null());
    CHECK(key.at("breaker").size() == tripped.size());
    const auto kind_of = [&](Way way, ReturnKind kind) {
        const auto object = only_object(messages.returned(returned(way, kind), after(60)));
        CHECK(object.at("breaker").size() == tripped.size());
        return object.at("breaker").at("kind").get<std::string>();
    };
    CHECK(kind_of(Way::whole, ReturnKind::done) == "whole");
    CHECK(kind_of(Way::trial, ReturnKind::done) == "trial");
    CHECK(kind_of(Way::settle, ReturnKind::failed) == "settle_failed");
    CHECK(kind_of(Way::again, ReturnKind::unknown) == "again_unknown");
    CHECK(kind_of(Way::whole, ReturnKind::theirs) == "released");
}
