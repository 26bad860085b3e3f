#include "notifiers_conformance.h"

#include <doctest/doctest.h>

using namespace quotafuse;
using namespace quotafuse::tests;
using namespace std::chrono_literals;
using Kind = notifiers::Outcome::Kind;
using Row = ConformanceRow;

namespace {

const int kOfADay = notifiers::for_a_day({}).most_attempts;
const std::string kHtml502 = "<html><head><title>502 Bad Gateway</title></head></html>";

Row telegram(const std::string& name, int code, const std::string& text,
             Kind expected = Kind::permanent, const std::string& more = "") {
    return {name, T, {code, telegram_says(code, text, more)}, expected};
}

std::vector<Row> telegram_rows() {
    const std::string ok = R"({"ok":true,"result":{"message_id":1,"date":1700000000,"text":"x"}})";
    const std::string entities = "Bad Request: can't parse entities: Unsupported start tag";
    const std::string long_one = "Bad Request: message is too long";
    const std::string raw = "Bad Request: text is too long";
    const std::string thread = "Bad Request: message thread not found";
    return {
        {"T1", T, {200, ok}, Kind::ok},
        telegram("T2", 401, "Unauthorized: invalid token specified").advises("token is wrong"),
        telegram("T3", 401, "Unauthorized").advises("@BotFather"),
        telegram("T4", 404, "Not Found").advises("base_url"),
        telegram("T5", 404, "Not Found: method not found").advises("base_url"),
        telegram("T6", 400, "Bad Request: chat not found").advises("check chat_id"),
        telegram("T7", 400, "Bad Request: chat_id is empty").advises("set chat_id"),
        telegram("T8 empty", 400, "Bad Request: message text is empty").text(),
        telegram("T8 blank", 400, "Bad Request: text must be non-empty").text(),
        telegram("T9 once", 400, long_one).healed(),
        telegram("T9", 400, long_one).times(2).text(),
        telegram("T10 once", 400, raw).healed(),
        telegram("T10", 400, raw).times(2).text(),
        telegram("T11 once", 400, entities).healed(),
        telegram("T11", 400, entities).times(2).text(),
        telegram("T12", 400, "Bad Request: unsupported parse_mode"),
        telegram("T13 once", 400, thread).healed(),
        telegram("T13", 400, thread).times(2).advises("thread_id"),
    };
}

std::vector<Row> more_telegram_rows() {
    const std::string ok = R"({"ok":true,"result":{"message_id":1,"date":1700000000,"text":"x"}})";
    const std::string moved = "Bad Request: group chat was upgraded to a supergroup chat";
    const std::string rights = "Bad Request: not enough rights to send text messages to the chat";
    return {
        telegram("T14", 400, "Bad Request: TOPIC_CLOSED").advises("topic"),
        telegram("forbidden", 400, "Bad Request: CHAT_WRITE_FORBIDDEN").advises("let the bot"),
        telegram("two readers", 409, "Conflict: terminated by other getUpdates request")
            .advises("another program"),
        telegram("T15 once", 400, moved, Kind::ok, kMigrated).healed(),
        telegram("T15", 400, moved, Kind::permanent, kMigrated).times(2).advises("chat_id"),
        telegram("T16", 400, rights).advises("let the bot write"),
        telegram("T17", 403, "Forbidden: bot was blocked by the user").advises("unblock"),
        telegram("T18", 403, "Forbidden: bot was kicked from the supergroup chat")
            .advises("add it again"),
        telegram("T19", 403, "Forbidden: bot can't initiate conversation with a user")
            .advises("Start"),
        telegram("T20", 429, "Too Many Requests: retry after 7", Kind::transient,
                 R"(,"parameters":{"retry_after":7})")
            .waits(7s),
        Row{"T21 header",
            T,
            {429,
             telegram_says(429, "Too Many Requests"),
             "application/json",
             {{"Retry-After", "7"}}},
            Kind::transient}
            .waits(7s),
        telegram("T21 neither", 429, "Too Many Requests", Kind::transient),
        telegram("T22", 500, "Internal Server Error: restart", Kind::transient).tries(kOfADay),
        {"T23", T, {502, kHtml502, "text/html"}, Kind::transient},
        telegram("T24 HTML", 400, "Bad Request: text must be encoded in UTF-8").text(),
        telegram("T24 plain", 400, "Bad Request: strings must be encoded in UTF-8").text(),
        telegram("another bot", 421, "Misdirected Request: unallowed token specified")
            .advises("base_url"),
        {"true is not a word", T, {200, R"({"ok":"true"})"}, Kind::transient},
    };
}

Row feishu(const std::string& name, int code, const std::string& text,
           Kind expected = Kind::permanent, int status = 200) {
    return {name, F, {status, feishu_says(code, text)}, expected};
}

std::vector<Row> feishu_rows() {
    const std::string limited = R"({"code":99991400,"msg":"request trigger frequency limit"})";
    const std::string success =
        R"({"StatusCode":0,"StatusMessage":"success","code":0,"data":{},"msg":"success"})";
    const std::string old_form = R"({"Extra":null,"StatusCode":0,"StatusMessage":"success"})";
    const std::string no_support =
        "ErrCode: 200861; ErrMsg: cards of schema V2 no longer support this capability; ";
    const std::string size = "The message exceeds the size limit of 30KB";
    return {
        {"F1", F, {200, success}, Kind::ok},
        {"F2", F, {200, old_form}, Kind::ok},
        feishu("F3", 19001, "param invalid: incoming webhook access token invalid")
            .advises("webhook"),
        feishu("F4", 19002, "params error, msg_type need"),
        feishu("F5 once", 19021, "sign match fail").healed(),
        feishu("F5", 19021, "sign match fail").times(2).advises("clock"),
        feishu("F6", 19022, "Ip Not Allowed").advises("address"),
        feishu("F7", 19024, "Key Words Not Found").advises("set keyword"),
        feishu("F8 once", 9499, "Bad Request", Kind::ok, 400).healed(),
        feishu("F8", 9499, "Bad Request", Kind::permanent, 400).times(2).text(),
        feishu("F9", 11246, no_support).healed(),
        feishu("F10", 11246, "ErrCode: 11310; ErrMsg: unsupported type of block").healed(),
        feishu("F10 always", 11246, "ErrCode: 11310").times(2).text(),
        feishu("F11 once", 19036, size).healed(),
        feishu("F11", 19036, size).times(2).text(),
        feishu("F12", 11232, "frequency limited psm[x]appID[1500]", Kind::transient).waits(5s),
        feishu("F13", 9499, "too many request", Kind::transient, 400).waits(5s),
        Row{"F14",
            F,
            {429, limited, "application/json", {{"x-ogw-ratelimit-reset", "9"}}},
            Kind::transient}
            .waits(9s),
        feishu("F15", 2200, "internal error", Kind::transient).tries(kOfADay),
        {"F16 empty object", F, {200, "{}"}, Kind::transient},
        {"F16 HTML", F, {200, "<html></html>", "text/html"}, Kind::transient},
        {"F17", F, {502, kHtml502, "text/html"}, Kind::transient},
        feishu("unknown code", 77777, "new", Kind::transient).tries(3),
    };
}

Row wecom(const std::string& name, int code, const std::string& text,
          Kind expected = Kind::permanent) {
    return {name, W, {200, wecom_says(code, text)}, expected};
}

std::vector<Row> wecom_rows() {
    const std::string warned = R"({"errcode":0,"errmsg":"ok. Warning: wrong json format. "})";
    const std::string size = "content exceed max length. invalid Request Parameter";
    return {
        {"W1", W, {200, R"({"errcode":0,"errmsg":"ok"})"}, Kind::ok},
        Row{"W2", W, {200, warned}, Kind::ok}.says("ok. Warning: wrong json format."),
        wecom("W3", 93000, "invalid webhook url").advises("webhook"),
        wecom("W4", 45009, "api freq out of limit", Kind::transient).waits(60s),
        wecom("W5 once", 40058, "markdown." + size).healed(),
        wecom("W5", 40058, "markdown." + size).times(2).text(),
        wecom("W6", 40058, "text." + size).times(2).text(),
        wecom("W7", 40008, "invalid message type").text(),
        wecom("W8", 40008, "Warning: wrong json format. invalid message type").text(),
        wecom("W9", 44004, "empty content").text(),
        wecom("W10", 40033, "invalid request parameter").text(),
        wecom("W11", -1, "system busy", Kind::transient).tries(3),
        wecom("W12", 40058, "invalid Request Parameter").healed(),
        {"W13 502", W, {502, kHtml502, "text/html"}, Kind::transient},
        Row{"W13 429", W, {429, kHtml502, "text/html", {{"Retry-After", "30"}}}, Kind::transient}
            .waits(30s),
        wecom("address", 60020, "not allow to access from your ip").advises("61.156.117.29"),
        wecom("concurrent", 45033, "too many at once", Kind::transient),
        wecom("unknown code", 77777, "new", Kind::transient).tries(3),
    };
}

Row dingtalk(const std::string& name, int code, const std::string& text,
             Kind expected = Kind::permanent) {
    return {name, D, {200, dingtalk_says(code, text)}, expected};
}

std::vector<Row> dingtalk_rows() {
    const std::string fast = "send too fast, exceed 20 times per minute";
    const std::string wall = R"({"status":1111,"wait":5,"source":"x5","punish":"deny","uuid":"u")";
    const std::string more = R"(,"errcode":130101,"errmsg":")" + fast + "\"";
    const std::string size = "message too long, exceed 20000 bytes";
    return {
        {"D1", D, {200, R"({"errcode":0,"errmsg":"ok"})"}, Kind::ok},
        dingtalk("D2", 300005, "token is not exist").advises("webhook"),
        dingtalk("D3", 310000, "sign not match").advises("secret"),
        dingtalk("D3 time, once", 310000, "invalid timestamp").healed(),
        dingtalk("D3 time", 310000, "invalid timestamp").times(2).advises("clock"),
        dingtalk("D4", 310000, "keywords not in content").advises("set keyword"),
        dingtalk("D5", 310000, "ip 1.2.3.4 not in whitelist").advises("the address 1.2.3.4 ("),
        dingtalk("D5 unnamed", 310000, "not in whitelist").advises("add this host's public"),
        dingtalk("D6", 130101, fast, Kind::transient).waits(600s),
        dingtalk("D6 other", 410100, fast, Kind::transient).waits(600s),
        dingtalk("D7 once", 460101, size).healed(),
        dingtalk("D7", 460101, size).times(2).text(),
        dingtalk("D8", 43004, "无效的HTTP HEADER Content-Type"),
        Row{"D9", D, {200, wall + more + "}"}, Kind::transient}.waits(600s),
        Row{"D9 bare", D, {200, wall + "}"}, Kind::transient}.waits(600s),
        dingtalk("stopped", 400102, "robot stopped").advises("start it"),
        dingtalk("unsafe", 430102, "improper").text(),
        dingtalk("busy", -1, "system busy", Kind::transient).tries(kOfADay),
        dingtalk("unknown code", 77777, "new", Kind::transient).tries(3),
    };
}

/// What a proxy or a portal before the service says, in words that may mean anything.
std::vector<Row> rows_of_strangers(Chat chat) {
    const std::string page = "<html><body>Blocked by the company's proxy</body></html>";
    std::vector<Row> rows;
    for (const int status : {400, 401, 403, 404, 407, 410, 451}) {
        rows.push_back({"HTML", chat, {status, page, "text/html"}, Kind::transient});
        rows.back().advises(status == 407 ? "the proxy wants a user" : "check proxy");
    }
    const std::vector<Reply> others = {
        {403, R"({"error":"forbidden"})"}, {404, "404 page not found", "text/plain"}, {403, ""}};
    for (const auto& reply : others) rows.push_back({"other", chat, reply, Kind::transient});
    return rows;
}

}  // namespace

TEST_CASE("Telegram's answers are understood, and healed where one other try can") {
    for (const auto& row : telegram_rows()) check(row);
    for (const auto& row : more_telegram_rows()) check(row);
}

TEST_CASE("Feishu's answers are understood, and healed where one other try can") {
    for (const auto& row : feishu_rows()) check(row);
}

TEST_CASE("WeCom's answers are understood, and healed where one other try can") {
    for (const auto& row : wecom_rows()) check(row);
}

TEST_CASE("DingTalk's answers are understood, and healed where one other try can") {
    for (const auto& row : dingtalk_rows()) check(row);
}

TEST_CASE("without the service's own verdict no message is given up, whatever the status") {
    for (const auto chat : kChats) {
        for (const auto& row : rows_of_strangers(chat)) check(row);
    }
}
