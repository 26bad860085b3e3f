#include <doctest/doctest.h>

#include "support/chat_pair.h"

using namespace quotafuse;
using namespace quotafuse::notifiers;
using namespace quotafuse::tests;
using namespace std::chrono_literals;
using Kind = Outcome::Kind;
using Type = Settings::Type;

namespace {

enum class Answers { once, always };  // then the service judges by its rules

struct Row {
    std::string name;
    Type type;
    Reply reply;
    Answers answers;
    Kind expected;
    std::size_t requests;
    std::chrono::seconds wait = 0s;
    int most_attempts = 0;
};

constexpr auto kOnce = Answers::once;
constexpr auto kAlways = Answers::always;

const std::string kHtml502 = "<html><head><title>502 Bad Gateway</title></head></html>";

Row telegram_row(const std::string& name, int code, const std::string& text, Kind expected,
                 std::size_t requests = 1, Answers answers = kAlways,
                 const std::string& more = "") {
    return {name, T, {code, telegram_says(code, text, more)}, answers, expected, requests};
}
Row feishu_row(const std::string& name, int code, const std::string& text, Kind expected,
               std::size_t requests = 1, Answers answers = kAlways) {
    return {name, F, {200, feishu_says(code, text)}, answers, expected, requests};
}
Row wecom_row(const std::string& name, int code, const std::string& text, Kind expected,
              std::size_t requests = 1, Answers answers = kAlways) {
    return {name, W, {200, wecom_says(code, text)}, answers, expected, requests};
}

std::vector<Row> telegram_rows() {
    const std::string ok = R"({"ok":true,"result":{"message_id":1,"date":1700000000,"text":"x"}})";
    const std::string many = telegram_says(429, "Too Many Requests");
    return {
        {"T1", T, {200, ok}, kAlways, Kind::ok, 1},
        telegram_row("T2", 401, "Unauthorized: invalid token specified", Kind::permanent),
        telegram_row("T3", 401, "Unauthorized", Kind::permanent),
        telegram_row("T4", 404, "Not Found", Kind::permanent),
        telegram_row("T5", 404, "Not Found: method not found", Kind::permanent),
        telegram_row("T6", 400, "Bad Request: chat not found", Kind::permanent),
        telegram_row("T7", 400, "Bad Request: chat_id is empty", Kind::permanent),
        telegram_row("T8 empty", 400, "Bad Request: message text is empty", Kind::permanent),
        telegram_row("T8 blank", 400, "Bad Request: text must be non-empty", Kind::permanent),
        telegram_row("T9 once", 400, "Bad Request: message is too long", Kind::ok, 2, kOnce),
        telegram_row("T9", 400, "Bad Request: message is too long", Kind::permanent, 2),
        telegram_row("T10 once", 400, "Bad Request: text is too long", Kind::ok, 2, kOnce),
        telegram_row("T10", 400, "Bad Request: text is too long", Kind::permanent, 2),
        telegram_row("T11 once", 400, "Bad Request: can't parse entities: Unsupported start tag",
                     Kind::ok, 2, kOnce),
        telegram_row("T11", 400, "Bad Request: can't parse entities: Unsupported start tag",
                     Kind::permanent, 2),
        telegram_row("T12", 400, "Bad Request: unsupported parse_mode", Kind::permanent),
        telegram_row("T13 once", 400, "Bad Request: message thread not found", Kind::ok, 2, kOnce),
        telegram_row("T13", 400, "Bad Request: message thread not found", Kind::permanent, 2),
        telegram_row("T14", 400, "Bad Request: TOPIC_CLOSED", Kind::permanent),
        telegram_row("T15 once", 400, "Bad Request: group chat was upgraded to a supergroup chat",
                     Kind::ok, 2, kOnce, kMigrated),
        telegram_row("T15", 400, "Bad Request: group chat was upgraded to a supergroup chat",
                     Kind::permanent, 2, kAlways, kMigrated),
        telegram_row("T16", 400, "Bad Request: not enough rights to send text messages to the chat",
                     Kind::permanent),
        telegram_row("T17", 403, "Forbidden: bot was blocked by the user", Kind::permanent),
        telegram_row("T18", 403, "Forbidden: bot was kicked from the supergroup chat",
                     Kind::permanent),
        telegram_row("T19", 403, "Forbidden: bot can't initiate conversation with a user",
                     Kind::permanent),
        {"T20",
         T,
         {429, telegram_says(429, "Too Many Requests", R"(,"parameters":{"retry_after":7})")},
         kAlways,
         Kind::transient,
         1,
         7s},
        {"T21 header",
         T,
         {429, many, "application/json", {{"Retry-After", "7"}}},
         kAlways,
         Kind::transient,
         1,
         7s},
        {"T21 neither", T, {429, many}, kAlways, Kind::transient, 1, 0s},
        telegram_row("T22", 500, "Internal Server Error: restart", Kind::transient),
        {"T23", T, {502, kHtml502, "text/html"}, kAlways, Kind::transient, 1},
        telegram_row("T24 HTML", 400, "Bad Request: text must be encoded in UTF-8",
                     Kind::permanent),
        telegram_row("T24 plain", 400, "Bad Request: strings must be encoded in UTF-8",
                     Kind::permanent),
        {"true is not a word", T, {200, R"({"ok":"true"})"}, kAlways, Kind::transient, 1},
    };
}

std::vector<Row> feishu_rows() {
    const std::string limited = R"({"code":99991400,"msg":"request trigger frequency limit"})";
    return {
        {"F1",
         F,
         {200, R"({"StatusCode":0,"StatusMessage":"success","code":0,"data":{},"msg":"success"})"},
         kAlways,
         Kind::ok,
         1},
        {"F2",
         F,
         {200, R"({"Extra":null,"StatusCode":0,"StatusMessage":"success"})"},
         kAlways,
         Kind::ok,
         1},
        feishu_row("F3", 19001, "param invalid: incoming webhook access token invalid",
                   Kind::permanent),
        feishu_row("F4", 19002, "params error, msg_type need", Kind::permanent),
        feishu_row("F5 once", 19021, "sign match fail", Kind::ok, 2, kOnce),
        feishu_row("F5", 19021, "sign match fail", Kind::permanent, 2),
        feishu_row("F6", 19022, "Ip Not Allowed", Kind::permanent),
        feishu_row("F7", 19024, "Key Words Not Found", Kind::permanent),
        {"F8 once", F, {400, feishu_says(9499, "Bad Request")}, kOnce, Kind::ok, 2},
        {"F8", F, {400, feishu_says(9499, "Bad Request")}, kAlways, Kind::permanent, 2},
        feishu_row("F9", 11246,
                   "ErrCode: 200861; ErrMsg: cards of schema V2 no longer support this", Kind::ok,
                   2, kOnce),
        feishu_row("F10", 11246, "ErrCode: 11310; ErrMsg: unsupported type of block", Kind::ok, 2,
                   kOnce),
        feishu_row("F10 always", 11246, "ErrCode: 11310", Kind::permanent, 2),
        feishu_row("F11 once", 19036, "The message exceeds the size limit of 30KB", Kind::ok, 2,
                   kOnce),
        feishu_row("F11", 19036, "The message exceeds the size limit of 30KB", Kind::permanent, 2),
        {"F12",
         F,
         {200, feishu_says(11232, "frequency limited psm[x]appID[1500]")},
         kAlways,
         Kind::transient,
         1,
         5s},
        {"F13", F, {400, feishu_says(9499, "too many request")}, kAlways, Kind::transient, 1, 5s},
        {"F14",
         F,
         {429, limited, "application/json", {{"x-ogw-ratelimit-reset", "9"}}},
         kAlways,
         Kind::transient,
         1,
         9s},
        feishu_row("F15", 2200, "internal error", Kind::transient),
        {"F16 empty object", F, {200, "{}"}, kAlways, Kind::transient, 1},
        {"F16 HTML", F, {200, "<html></html>", "text/html"}, kAlways, Kind::transient, 1},
        {"F17", F, {502, kHtml502, "text/html"}, kAlways, Kind::transient, 1},
        {"unknown code", F, {200, feishu_says(77777, "new")}, kAlways, Kind::transient, 1, 0s, 3},
    };
}

std::vector<Row> wecom_rows() {
    return {
        {"W1", W, {200, R"({"errcode":0,"errmsg":"ok"})"}, kAlways, Kind::ok, 1},
        {"W2",
         W,
         {200, R"({"errcode":0,"errmsg":"ok. Warning: wrong json format. "})"},
         kAlways,
         Kind::ok,
         1},
        wecom_row("W3", 93000, "invalid webhook url", Kind::permanent),
        {"W4",
         W,
         {200, wecom_says(45009, "api freq out of limit")},
         kAlways,
         Kind::transient,
         1,
         60s},
        wecom_row("W5 once", 40058,
                  "markdown.content exceed max length 4096. invalid Request Parameter", Kind::ok, 2,
                  kOnce),
        wecom_row("W5", 40058, "markdown.content exceed max length 4096. invalid Request Parameter",
                  Kind::permanent, 2),
        wecom_row("W6", 40058, "text.content exceed max length 2048. invalid Request Parameter",
                  Kind::permanent, 2),
        wecom_row("W7", 40008, "invalid message type", Kind::permanent),
        wecom_row("W8", 40008, "Warning: wrong json format. invalid message type", Kind::permanent),
        wecom_row("W9", 44004, "empty content", Kind::permanent),
        wecom_row("W10", 40033, "invalid request parameter", Kind::permanent),
        {"W11", W, {200, wecom_says(-1, "system busy")}, kAlways, Kind::transient, 1, 0s, 3},
        wecom_row("W12", 40058, "invalid Request Parameter", Kind::ok, 2, kOnce),
        {"W13 502", W, {502, kHtml502, "text/html"}, kAlways, Kind::transient, 1},
        {"W13 429",
         W,
         {429, kHtml502, "text/html", {{"Retry-After", "30"}}},
         kAlways,
         Kind::transient,
         1,
         30s},
        {"concurrent",
         W,
         {200, wecom_says(45033, "too many at once")},
         kAlways,
         Kind::transient,
         1},
        {"unknown code", W, {200, wecom_says(77777, "new")}, kAlways, Kind::transient, 1, 0s, 3},
    };
}

/// What a proxy or a portal before the service says, in words that may mean anything.
std::vector<Row> rows_of_strangers(Type type) {
    const std::string page = "<html><body>Blocked by the company's proxy</body></html>";
    std::vector<Row> rows;
    for (const int status : {400, 401, 403, 404, 407, 410, 451}) {
        rows.push_back({"HTML", type, {status, page, "text/html"}, kAlways, Kind::transient, 1});
    }
    const std::vector<Reply> others = {
        {403, R"({"error":"forbidden"})"}, {404, "404 page not found", "text/plain"}, {403, ""}};
    for (const auto& reply : others) {
        rows.push_back({"other", type, reply, kAlways, Kind::transient, 1});
    }
    return rows;
}

void check(const Row& row) {
    CAPTURE(row.name);
    CAPTURE(row.reply.status);
    ChatPair pair{row.type, row.name.starts_with("T13") ? std::optional{42} : std::nullopt};
    if (row.answers == kAlways) {
        pair.service.always(row.reply);
    } else {
        pair.service.script({row.reply});
    }
    const auto outcome = pair.provider->send(sample());
    CAPTURE(outcome.why);
    CHECK(outcome.kind == row.expected);
    CHECK(pair.service.calls().size() == row.requests);
    CHECK(outcome.wait == row.wait);
    CHECK(outcome.most_attempts == row.most_attempts);
    CHECK((row.expected == Kind::ok || !outcome.why.empty()));
    CHECK(outcome.why.size() <= 300);
}

}  // namespace

TEST_CASE("Telegram's answers are understood, and healed where one other try can") {
    for (const auto& row : telegram_rows()) check(row);
}

TEST_CASE("Feishu's answers are understood, and healed where one other try can") {
    for (const auto& row : feishu_rows()) check(row);
}

TEST_CASE("WeCom's answers are understood, and healed where one other try can") {
    for (const auto& row : wecom_rows()) check(row);
}

TEST_CASE("without the service's own verdict no message is given up, whatever the status") {
    for (const auto type : {T, F, W}) {
        for (const auto& row : rows_of_strangers(type)) check(row);
    }
}
