#include <map>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "support/chat_pair.h"

// What is special about each of the chat services.
using namespace quotafuse;
using namespace quotafuse::notifiers;
using namespace quotafuse::tests;
using namespace std::chrono_literals;
using Kind = Outcome::Kind;

namespace {

nlohmann::json body_of(const Call& call) {
    return nlohmann::json::parse(call.body);
}

/// A service that tells the time of `clock` in its answers' header, as all of them do.
Reply dated(Reply reply, const std::string& date) {
    reply.headers["Date"] = date;
    return reply;
}

}  // namespace

TEST_CASE("what is wrong with the request itself is found by the services' own rules") {
    ChatPair telegram{T};
    telegram.set("chat_id", "-7");
    CHECK(telegram.send(sample()).why == "Telegram 400: Bad Request: chat not found");
    telegram.set("bot_token", "123456789:wrong");
    CHECK(telegram.send(sample()).why == "Telegram 401: Unauthorized");

    ChatPair feishu{F};
    feishu.set("secret", "another");
    const auto outcome = feishu.send(sample());
    CHECK(outcome.kind == Kind::permanent);
    CHECK(outcome.why.starts_with("signed again. Feishu 19021: sign match fail"));

    ChatPair wecom{W};
    wecom.set("webhook", '"' + wecom.service.url() + "/cgi-bin/webhook/send?key=other\"");
    CHECK(wecom.send(sample()).why == "WeCom 93000: invalid webhook url");

    ChatPair dingtalk{D};
    dingtalk.set("secret", "another");
    CHECK(dingtalk.send(sample()).why == "DingTalk 310000: sign not match");
    dingtalk.set("webhook", '"' + dingtalk.service.url() + "/robot/send?access_token=1\"");
    CHECK(dingtalk.send(sample()).why == "DingTalk 300005: token is not exist");
}

TEST_CASE("a refused signature is blamed on the clock only when the service's tells another time") {
    for (const auto chat : {F, D}) {
        ChatPair pair{chat};
        const std::string says = chat == F ? feishu_says(19021, "sign match fail")
                                           : dingtalk_says(310000, "invalid timestamp");
        // The clock of the pair stands at 2026-01-05 15:01:00.
        pair.service.always(dated({200, says}, "Mon, 05 Jan 2026 17:01:30 GMT"));
        CHECK(pair.send(sample()).advice == "this host's clock is 2h30s slow: set it right");
        pair.service.always(dated({200, says}, "Mon, 05 Jan 2026 15:01:02 GMT"));
        CHECK(pair.send(sample()).advice.starts_with("secret is not the one of this bot"));
        pair.set("secret", "\"\"");
        CHECK(pair.send(sample()).advice.find("set secret") != std::string::npos);
    }
}

TEST_CASE(
    "Telegram gets plain text after a refusal of the markup, and the new id of a group for good") {
    ChatPair pair{T};
    pair.service.script({{400, telegram_says(400, "Bad Request: can't parse entities: x")}});
    CHECK(pair.send(sample()).kind == Kind::ok);
    CHECK(pair.service.calls().at(0).body.find("parse_mode") != std::string::npos);
    CHECK(pair.service.calls().at(1).body.find("parse_mode") == std::string::npos);

    pair.service.script({{400, telegram_says(400, "Bad Request: upgraded", kMigrated)}});
    CHECK(pair.send(sample()).why ==
          "the group became a supergroup: set chat_id to " + kNewChat + ".");
    CHECK(pair.send(sample()).why.empty());
    CHECK(body_of(pair.service.calls().back()).at("chat_id") == std::stoll(kNewChat));
}

TEST_CASE("a service that sends a message from chat to chat without end is given up") {
    ChatPair pair{T};
    std::vector<Reply> replies;
    for (int i = 0; i < 20; ++i) {
        const auto more = R"(,"parameters":{"migrate_to_chat_id":-)" + std::to_string(i % 2 + 1);
        replies.push_back({400, telegram_says(400, "Bad Request: upgraded", more + "}")});
    }
    pair.service.script(replies);
    const auto outcome = pair.send(sample());
    CHECK(outcome.kind == Kind::permanent);
    CHECK(outcome.requests == 5);
}

TEST_CASE("a keyword that a long title has too far behind still reaches the service") {
    for (const auto chat : {F, D}) {
        ChatPair pair{chat, {{"keyword", "alarm"}}, "alarm"};
        auto message = sample();
        message.title = std::string(298, 'x') + " alarm";
        const auto outcome = pair.send(message);
        CHECK(outcome.why == "");
        CHECK(outcome.kind == Kind::ok);
    }
}

TEST_CASE("DingTalk finds a keyword that looks like markup") {
    ChatPair pair{D, {{"keyword", "\"[告警]*\""}}, "[告警]*"};
    CHECK(pair.send(sample()).kind == Kind::ok);
}

TEST_CASE("Telegram makes no sound up to the severity that is to be silent") {
    const auto silent = [](const std::string& up_to, base::Severity severity) {
        ChatPair pair{T, {{"silent", up_to}}};
        auto message = sample();
        message.severity = severity;
        CHECK(pair.send(message).kind == Kind::ok);
        return body_of(pair.service.calls().back()).value("disable_notification", false);
    };
    CHECK(silent("info", base::Severity::info));
    CHECK_FALSE(silent("info", base::Severity::warning));
    CHECK(silent("warning", base::Severity::warning));
    CHECK_FALSE(silent("warning", base::Severity::critical));
    CHECK(silent("true", base::Severity::critical));
    CHECK_FALSE(silent("false", base::Severity::info));
}

TEST_CASE("Telegram writes into its topic, without a preview, and calls people by name or number") {
    ChatPair pair{T, {{"thread_id", "42"}, {"mention", "[\"@oncall\", 123456]"}}};
    CHECK(pair.send(sample()).kind == Kind::ok);
    const auto body = body_of(pair.service.calls().back());
    CHECK(body.at("message_thread_id") == 42);
    CHECK(body.at("link_preview_options").at("is_disabled") == true);
    CHECK_FALSE(body.contains("protect_content"));
    CHECK(pair.service.mentioned() == std::vector<std::string>{"@oncall", "123456"});
}

TEST_CASE("in a Telegram of more entities than keep their effect no name calls anybody either") {
    ChatPair pair{T};
    auto message = sample();
    message.sections = {{"", std::vector<std::string>(120, "@everyone")}};
    message.facts.push_back({"@label", "@value"});
    CHECK(pair.send(message).kind == Kind::ok);
    CHECK(pair.service.mentioned().empty());
    CHECK(pair.last_shown().find("＠everyone") != std::string::npos);
    message.sections = {{"", {"@everyone"}}};
    CHECK(pair.send(message).kind == Kind::ok);
    CHECK(pair.last_shown().find("@everyone") != std::string::npos);
    CHECK(pair.service.mentioned().empty());
}

TEST_CASE("Telegram lists the chats that a bot has seen, each once, and takes nothing away") {
    ChatPair pair{T};
    pair.service.always({200, R"({"ok":true,"result":[
  {"update_id":1,"message":{"chat":{"id":-1001,"type":"supergroup","title":"Ops \u202Eteam"}}},
  {"update_id":2,"message":{"chat":{"id":-1001,"type":"supergroup","title":"Ops \u202Eteam"}}},
  {"update_id":3,"my_chat_member":{"chat":{"id":7,"type":"private","first_name":"A","username":"a"}}}]})"});
    const auto chats = pair.provider->chats();
    REQUIRE(chats);
    CHECK(chats->outcome.kind == Kind::ok);
    CHECK(chats->found ==
          std::vector<std::string>{"-1001  supergroup  Ops \uFFFDteam", "7  private  A @a"});
    CHECK(pair.last_body() == "{}");
    pair.service.always({409, telegram_says(409, "Conflict: can't use getUpdates method while")});
    CHECK(pair.provider->chats()->outcome.advice.find("webhook") != std::string::npos);
    CHECK(ChatPair{W}.provider->chats() == std::nullopt);
}

TEST_CASE("signatures are made anew for each try") {
    for (const auto chat : {F, D}) {
        ChatPair pair{chat};
        CHECK(pair.send(sample()).kind == Kind::ok);
        pair.clock.advance(2h);
        CHECK(pair.send(sample()).kind == Kind::ok);
        const auto calls = pair.service.calls();
        CHECK(calls.at(0).body + calls.at(0).path != calls.at(1).body + calls.at(1).path);
    }
}

TEST_CASE("the Feishu of these tests refuses a signature made the way of DingTalk") {
    FakeClock clock{1'599'360'473};
    const auto judge = feishu_rules(kHook, "demo", clock, "");
    const auto code_for = [&](const std::string& sign) {
        const nlohmann::json body{{"timestamp", "1599360473"},
                                  {"sign", sign},
                                  {"msg_type", "text"},
                                  {"content", {{"text", "x"}}}};
        const auto answer = judge({"POST", "/open-apis/bot/v2/hook/" + kHook,
                                   "application/json; charset=utf-8", body.dump()});
        return nlohmann::json::parse(answer.reply.body).at("code").get<int>();
    };
    CHECK(code_for("l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8=") == 0);
    CHECK(code_for("DkEDUyVoOOJ539qBvUgMyzkzIdRWlf4e/V3Rq+ONJnQ=") == 19021);
}

TEST_CASE("Feishu's signature is the one of its documents") {
    ChatPair pair{F};
    using Row = std::tuple<std::int64_t, std::string, std::string>;
    for (const auto& [time, secret, sign] :
         {Row{1'599'360'473, "demo", "l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8="},
          Row{1'599'360'473, "demo-secret", "3/MaVZ8JLIy4TUG+7KSFJqvUkTKd+HWY8g+56DZWq8s="},
          Row{1'700'000'000, "SECtest", "G7XpBpG8NgG02fJOAhX6FRAObIljmFoxVReo8I62pEk="}}) {
        pair.set("secret", secret);
        const FakeClock clock{time};
        pair.settings.recipe->make({clock, {std::cout, false}})->send({"1", sample(), 0});
        const auto body = body_of(pair.service.calls().back());
        CHECK(body.at("sign") == sign);
        CHECK(body.at("timestamp") == std::to_string(time));
    }
}

TEST_CASE("DingTalk's signature is the one of its documents, encoded once") {
    ChatPair pair{D};
    using Row = std::tuple<std::int64_t, std::string, std::string>;
    for (const auto& [ms, secret, sign] :
         {Row{1'700'000'000'000, "SECtest", "aZLLrriXgn05YbwaGR7knYsLeJADjr9NwLaNNKpxh4g%3D"},
          Row{1'577'262'236'757, "this is secret",
              "hmPWwU%2B7lVdm3ZZz0r9tSfx0L4Q26jWOZr9%2BGs6EZQM%3D"}}) {
        pair.set("secret", secret);
        FakeClock clock{ms / 1000};
        clock.advance(std::chrono::milliseconds{ms % 1000});
        pair.settings.recipe->make({clock, {std::cout, false}})->send({"1", sample(), 0});
        CHECK(pair.service.calls().back().path == "/robot/send?access_token=" + kAccess +
                                                      "&timestamp=" + std::to_string(ms) +
                                                      "&sign=" + sign);
    }
}

TEST_CASE("Feishu calls people in a card, and in the text that replaces a refused one") {
    ChatPair pair{F, {{"mention", "[ou_1, all]"}}};
    CHECK(pair.send(sample()).kind == Kind::ok);
    CHECK(pair.service.mentioned() == std::vector<std::string>{"ou_1", "all"});
    pair.service.script({{200, feishu_says(11246, "ErrCode: 1; ErrMsg: @all is not allowed")}});
    const auto outcome = pair.send(sample());
    CHECK(outcome.kind == Kind::ok);
    CHECK(outcome.why.starts_with("sent as text after 11246"));
    CHECK(body_of(pair.service.calls().back()).at("msg_type") == "text");
    CHECK(pair.service.mentioned() == std::vector<std::string>{"ou_1", "all", "ou_1", "all"});
}

TEST_CASE("WeCom calls everybody by a second, short text, which counts as a request") {
    ChatPair pair{W, {{"mention", "[wangqing, all]"}}};
    const auto outcome = pair.send(sample());
    CHECK(outcome.kind == Kind::ok);
    CHECK(outcome.requests == 2);
    REQUIRE(pair.service.calls().size() == 2);
    CHECK(pair.service.mentioned() == std::vector<std::string>{"wangqing", "@all"});
    const auto second = body_of(pair.service.calls().back());
    CHECK(second.at("text").at("content") == "🔴 渠道 3 用量 3,000,000");

    auto message = sample();
    message.severity = base::Severity::warning;
    CHECK(pair.send(message).requests == 1);
    CHECK(pair.service.calls().size() == 3);
}

TEST_CASE("a message whose call failed has arrived: it is not sent again, and the robot rests") {
    ChatPair pair{W, {{"mention", "all"}}};
    pair.service.script(
        {{200, R"({"errcode":0,"errmsg":"ok"})"}, {200, wecom_says(45009, "freq")}});
    const auto outcome = pair.send(sample());
    CHECK(outcome.kind == Kind::ok);
    CHECK(outcome.wait == 60s);
    CHECK(outcome.requests == 2);
    CHECK(outcome.why.starts_with("it arrived, but all could not be called: WeCom 45009"));
}

TEST_CASE("a call that gets no answer is made once more") {
    ChatPair pair{W, {{"mention", "[wangqing, all]"}, {"format", "markdown_v2"}}};
    const Reply ok{200, R"({"errcode":0,"errmsg":"ok"})"};
    const Reply busy{200, wecom_says(-1, "system busy")};
    pair.service.script({ok, busy});
    const auto healed = pair.send(sample());
    CHECK(healed.kind == Kind::ok);
    CHECK(healed.why == "");
    CHECK(healed.requests == 3);
    CHECK(pair.service.mentioned() == std::vector<std::string>{"wangqing", "@all"});
    pair.service.script({ok, busy, busy});
    const auto failed = pair.send(sample());
    CHECK(failed.kind == Kind::ok);
    CHECK(failed.requests == 3);
    CHECK(failed.why.starts_with("it arrived, but wangqing, all could not be called: WeCom -1"));
}

TEST_CASE("WeCom's other formats call people in their own way") {
    ChatPair text{W, {{"format", "text"}, {"mention", "[wangqing, all]"}}};
    CHECK(text.send(sample()).requests == 1);
    CHECK(text.service.mentioned() == std::vector<std::string>{"wangqing", "@all"});
    CHECK(body_of(text.service.calls().at(0)).at("msgtype") == "text");
    ChatPair second{W, {{"format", "markdown_v2"}, {"mention", "wangqing"}}};
    CHECK(second.send(sample()).requests == 2);
    CHECK(second.service.mentioned() == std::vector<std::string>{"wangqing"});
    CHECK(body_of(second.service.calls().at(0)).at("msgtype") == "markdown_v2");
}

TEST_CASE("DingTalk calls mobile numbers, which stand in the text too, or everybody") {
    ChatPair pair{D, {{"mention", "[\"13800001111\", all]"}}};
    CHECK(pair.send(sample()).kind == Kind::ok);
    CHECK(pair.service.mentioned() == std::vector<std::string>{"all", "13800001111"});
}

TEST_CASE("the services of these tests refuse what comes faster than they take it") {
    FakeClock clock{1'767'625'260};
    const auto judge = limited_wecom(
        [](const Call&) {
            return Judgement{{200, "fine"}, {}};
        },
        clock);
    const auto answer = [&] { return judge({"POST", "/", "", ""}).reply.body; };
    for (int i = 0; i < 20; ++i, clock.advance(1s)) CHECK(answer() == "fine");
    CHECK(answer().find("45009") != std::string::npos);
    clock.advance(45s);
    CHECK(answer().find("45009") != std::string::npos);  // blocked, though few came lately
    clock.advance(60s);
    CHECK(answer() == "fine");
}

TEST_CASE("the Telegram of these tests refuses broken HTML as tdlib does") {
    const auto judge = telegram_rules("1:a", {"5"});
    const std::map<std::string, std::string> table = {
        {"a < b", R"(Unsupported start tag \"\" at byte offset 2)"},
        {"x<5", "Unclosed start tag at byte offset 1"},
        {"<b>a", R"(Can't find end tag corresponding to start tag \"b\")"},
        {"<b>a</i>", R"(Unmatched end tag at byte offset 4, expected \"</b>\", found \"</i>\")"},
        {"</b>", "Unexpected end tag at byte offset 0"},
        {"<br>", R"(Unsupported start tag \"br\" at byte offset 0)"},
        {"a<br/>b", R"(Unsupported start tag \"br/\" at byte offset 1)"},
        {"<i>x</i", "Unclosed end tag at byte offset 4"},
        {"磁盘<b>满</b> < 5%", R"(Unsupported start tag \"\" at byte offset 17)"}};
    for (const auto& row : table) {
        const auto& html = row.first;
        const auto& error = row.second;
        CAPTURE(html);
        const auto body = R"({"chat_id":5,"parse_mode":"HTML","text":")" + html + "\"}";
        const auto judged = judge({"POST", "/bot1:a/sendMessage", "application/json", body});
        CHECK(judged.reply.status == 400);
        CHECK(judged.reply.body.find("Bad Request: can't parse entities: " + error + '"') !=
              std::string::npos);
    }
}
