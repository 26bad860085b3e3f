#include <chrono>
#include <random>

#include <doctest/doctest.h>

#include "base/text.h"
#include "notifiers/providers.h"
#include "support/chat_services.h"
#include "support/fake_clock.h"

using namespace quotafuse;
using namespace quotafuse::notifiers;
using namespace quotafuse::tests;
using namespace std::chrono_literals;
using Kind = Outcome::Kind;
using Type = Settings::Type;

// doctest prints an outcome by its name where a check fails.
namespace quotafuse::notifiers {
static doctest::String toString(Outcome::Kind kind) {
    switch (kind) {
        case Kind::ok:
            return "ok";
        case Kind::transient:
            return "transient";
        case Kind::permanent:
            return "permanent";
        case Kind::ambiguous:
            return "ambiguous";
    }
    std::abort();
}
}  // namespace quotafuse::notifiers

namespace {

const std::string kToken = "123456789:AAbbCCddEEffGGhhIIjjKKllMMnnOOppQQr";
const std::string kHook = "8a1c7e62-aaaa-bbbb-cccc-1234567890ab";
const std::string kKey = "693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa";
const std::string kSignSecret = "SECtest-of-the-signature";
const std::string kChat = "-1001234567890";
const std::string kNewChat = "-1009876543210";

Message sample() {
    return {Message::Kind::firing,
            base::Severity::critical,
            "渠道 3 用量 3,000,000",
            {{"rule", "channel-token-burn"}, {"value", "3,000,000 tokens"}},
            {"gpt-4o: 81 %", "k1: 12 %"},
            "prod · 17 · 2026-01-05 23:01:00"};
}

/// One service with its rules, and a provider that talks to it.
struct Pair {
    explicit Pair(Type type, std::optional<int> thread = std::nullopt)
        : service(type == Type::telegram ? telegram_rules(kToken, {kChat, kNewChat})
                  : type == Type::feishu ? feishu_rules(kHook, kSignSecret, clock)
                                         : wecom_rules(kKey)) {
        settings.type = type;
        settings.thread_id = thread;
        settings.chat_id = kChat;
        settings.bot_token = base::Secret{kToken};
        settings.secret = base::Secret{type == Type::feishu ? kSignSecret : ""};
        settings.http.timeout = 2s;
        at(service.url());
    }
    void at(const std::string& url) {
        settings.base_url = url;
        settings.webhook =
            base::Secret{settings.type == Type::feishu ? url + "/open-apis/bot/v2/hook/" + kHook
                                                       : url + "/cgi-bin/webhook/send?key=" + kKey};
        provider = settings.type == Type::telegram ? make_telegram(settings)
                   : settings.type == Type::feishu ? make_feishu(settings, clock)
                                                   : make_wecom(settings);
    }

    FakeClock clock{1'767'625'260};
    ChatService service;
    Settings settings;
    std::unique_ptr<Provider> provider;
};

std::string telegram_says(int code, const std::string& description, const std::string& more = "") {
    return R"({"ok":false,"error_code":)" + std::to_string(code) + R"(,"description":")" +
           description + "\"" + more + "}";
}
std::string feishu_says(int code, const std::string& text) {
    return R"({"code":)" + std::to_string(code) + R"(,"data":{},"msg":")" + text + "\"}";
}
std::string wecom_says(int code, const std::string& text) {
    return R"({"errcode":)" + std::to_string(code) + R"(,"errmsg":")" + text +
           R"(, hint: [1716264289200120408162556], from ip: 61.156.117.29"})";
}

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

constexpr auto T = Type::telegram;
constexpr auto F = Type::feishu;
constexpr auto W = Type::wecom;
constexpr auto kOnce = Answers::once;
constexpr auto kAlways = Answers::always;

const std::string kMigrated = R"(,"parameters":{"migrate_to_chat_id":-1009876543210})";
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

void check(const Row& row) {
    CAPTURE(row.name);
    Pair pair{row.type, row.name.starts_with("T13") ? std::optional{42} : std::nullopt};
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

TEST_CASE("an accepted message shows title, facts, lines and footer in each service") {
    for (const auto type : {T, F, W}) {
        Pair pair{type, type == T ? std::optional{42} : std::nullopt};
        const auto outcome = pair.provider->send(sample());
        CHECK(outcome.kind == Kind::ok);
        CHECK(outcome.why.empty());
        REQUIRE(pair.service.shown().size() == 1);
        const auto shown = pair.service.shown()[0];
        for (const std::string text :
             {"渠道 3 用量 3,000,000", "rule: channel-token-burn", "value: 3,000,000 tokens",
              "gpt-4o: 81 %", "k1: 12 %", "prod · 17 · 2026-01-05 23:01:00"}) {
            CAPTURE(text);
            CHECK(shown.find(text) != std::string::npos);
        }
    }
}

TEST_CASE("names with markup in them arrive as they are, call nobody and break nothing") {
    const std::vector<std::string> names = {"a_b*c<d&e[f@g",
                                            "<b>x</b>",
                                            "x</b></code>",
                                            "&lt;&#60;at id=all&#62;",
                                            "<at id=all></at>",
                                            "@everyone",
                                            "[click](http://x)",
                                            "**bold** _it_ ~s~",
                                            "# head",
                                            "> quote",
                                            "`code` ``` x",
                                            "<font color=\"info\">",
                                            "a\"b\\c/d",
                                            "R&D; 100% \xF0\x9F\x94\xA5",
                                            "<@wangqing>",
                                            "磁盘 < 5% & > 3"};
    for (const auto type : {T, F, W}) {
        Pair pair{type};
        for (const auto& name : names) {
            CAPTURE(name);
            auto message = sample();
            message.title = message.footer = name;
            message.facts = {{name, name}};
            message.lines = {name};
            const auto outcome = pair.provider->send(message);
            CHECK(outcome.kind == Kind::ok);
            CHECK(outcome.why == "");
            auto expected = name;
            if (type == F) base::replace_all(expected, "~", "∼");
            auto shown = pair.service.shown().back();
            if (type == W) {
                for (auto* const text : {&expected, &shown}) {
                    const std::map<std::string, std::string> twins = {{"＜", "<"}, {"＞", ">"},
                                                                      {"＃", "#"}, {"＊", "*"},
                                                                      {"（", "("}, {"`", "'"}};
                    for (const auto& [wide, plain] : twins) base::replace_all(*text, wide, plain);
                }
            }
            std::size_t seen = 0;
            for (auto at = shown.find(expected); at != std::string::npos;
                 at = shown.find(expected, at + 1)) {
                ++seen;
            }
            CAPTURE(shown);
            CHECK(seen >= (type == F ? 4 : 5));  // title, label, value, line, footer
        }
        CHECK(pair.service.mentioned().empty());
    }
}

namespace {

std::string random_text(std::mt19937& random, std::size_t most) {
    static const std::vector<std::string> kPieces = {
        "a",  "用", "é",  "😀",  "<",    "&",        ">", "`", "*", "[",
        "](", "@x", "\n", "\"", "\xFF", "\xE4\xB8", "~", " ", "#"};
    const auto length = std::uniform_int_distribution<std::size_t>{0, most}(random);
    std::string text;
    while (text.size() < length) {
        text += kPieces[std::uniform_int_distribution<std::size_t>{0, kPieces.size() - 1}(random)];
    }
    return text;
}

}  // namespace

TEST_CASE("whatever its texts and sizes, a message is cut so that the service takes it at once") {
    std::mt19937 random{20260105};
    for (const auto type : {T, F, W}) {
        Pair pair{type};
        for (int round = 0; round < 60; ++round) {
            CAPTURE(round);
            auto message = sample();
            message.title = random_text(random, 600);
            message.footer = random_text(random, 600);
            for (int i = 0; i < round % 7; ++i) {
                message.facts.push_back({random_text(random, 200), random_text(random, 3000)});
            }
            for (int i = 0; i < round; ++i) message.lines.push_back(random_text(random, 1500));
            const auto outcome = pair.provider->send(message);
            CHECK(outcome.kind == Kind::ok);
            CHECK(outcome.why == "");
            CHECK(pair.service.calls().size() == static_cast<std::size_t>(round) + 1);
            CHECK(base::valid_utf8(pair.service.shown().back()) == pair.service.shown().back());
        }
    }
}

TEST_CASE("a cut message uses the room there is and says how much is missing") {
    auto message = sample();
    message.lines.assign(2000, "用量 <0123456789>");
    const auto sent = [&](Type type) {
        Pair pair{type};
        CHECK(pair.provider->send(message).kind == Kind::ok);
        CHECK(pair.service.shown().at(0).find("… +") != std::string::npos);
        CHECK(pair.service.shown().at(0).find(message.footer) != std::string::npos);
        return std::pair{pair.service.calls().at(0).body, pair.service.shown().at(0)};
    };
    const auto points = base::count_code_points(sent(T).second);
    CHECK(points <= 4096);
    CHECK(points > 4000);
    CHECK(sent(F).first.size() > 19'800);
    CHECK(sent(W).first.size() > 3'950);
}

TEST_CASE("what is wrong with the request itself is found by the services' own rules") {
    Pair telegram{T};
    telegram.settings.chat_id = "-7";
    telegram.at(telegram.service.url());
    CHECK(telegram.provider->send(sample()).why == "Telegram 400: Bad Request: chat not found");
    telegram.settings.bot_token = base::Secret{"123456789:wrong"};
    telegram.at(telegram.service.url());
    CHECK(telegram.provider->send(sample()).why == "Telegram 401: Unauthorized");

    Pair feishu{F};
    feishu.settings.secret = base::Secret{"another"};
    feishu.at(feishu.service.url());
    const auto outcome = feishu.provider->send(sample());
    CHECK(outcome.kind == Kind::permanent);
    CHECK(outcome.why.starts_with("signed again. Feishu 19021: sign match fail"));

    Pair wecom{W};
    wecom.settings.webhook = base::Secret{wecom.service.url() + "/cgi-bin/webhook/send?key=other"};
    CHECK(make_wecom(wecom.settings)->send(sample()).why == "WeCom 93000: invalid webhook url");
}

TEST_CASE(
    "Telegram gets plain text after a refusal of the markup, and the new id of a group for good") {
    Pair pair{T};
    pair.service.script({{400, telegram_says(400, "Bad Request: can't parse entities: x")}});
    CHECK(pair.provider->send(sample()).kind == Kind::ok);
    CHECK(pair.service.calls().at(0).body.find("parse_mode") != std::string::npos);
    CHECK(pair.service.calls().at(1).body.find("parse_mode") == std::string::npos);

    pair.service.script({{400, telegram_says(400, "Bad Request: upgraded", kMigrated)}});
    CHECK(pair.provider->send(sample()).why ==
          "the group became a supergroup: set chat_id to " + kNewChat + ".");
    CHECK(pair.provider->send(sample()).why.empty());
    CHECK(pair.service.calls().back().body.find(kNewChat) != std::string::npos);
}

TEST_CASE("Feishu's signature is made anew for each try") {
    Pair pair{F};
    CHECK(pair.provider->send(sample()).kind == Kind::ok);
    pair.clock.advance(2h);
    CHECK(pair.provider->send(sample()).kind == Kind::ok);
    CHECK(pair.service.calls().at(0).body != pair.service.calls().at(1).body);
}

TEST_CASE("nothing that is no verdict of the service counts as sent") {
    for (const auto type : {T, F, W}) {
        Pair pair{type};
        pair.service.always(
            {200, "<html>Please log in to the hotel's network</html>", "text/html"});  // X7
        const auto portal = pair.provider->send(sample());
        CHECK(portal.kind == Kind::transient);
        CHECK(portal.why ==
              "HTTP 200, not the service's own answer: <html>Please log in to the hotel's "
              "network</html>");
        pair.service.always(
            {302, "", "text/html", {{"Location", pair.service.url() + "/elsewhere"}}});
        const auto redirect = pair.provider->send(sample());
        CHECK(redirect.kind == Kind::permanent);
        CHECK(redirect.why == "HTTP 302: a redirect, which is not followed; check the URL");
        CHECK(pair.service.calls().size() == 2);
    }
}

TEST_CASE("a transport that fails says whether the message may have arrived") {
    const auto partial = [](int socket, const std::string&) {
        RawServer::say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"ok\":");
    };
    const std::vector<std::pair<Kind, RawServer::Behaviour>> rows = {
        {Kind::ambiguous, RawServer::hang},                 // X1
        {Kind::ambiguous, [](int, const std::string&) {}},  // X2
        {Kind::ambiguous, partial},                         // X4, a short body
        {Kind::ambiguous,
         [&](int socket, const std::string& request) {  // X4, a reset
             partial(socket, request);
             RawServer::reset(socket);
         }},
        {Kind::transient,
         [](int socket, const std::string&) { RawServer::say(socket, "hello"); }},  // X4b
    };
    for (const auto type : {T, F, W}) {
        for (std::size_t i = 0; i < rows.size(); ++i) {
            CAPTURE(i);
            const RawServer server{rows[i].second};
            Pair pair{type};
            pair.settings.http.timeout = 250ms;
            pair.at(server.url());
            const auto outcome = pair.provider->send(sample());
            CAPTURE(outcome.why);
            CHECK(outcome.kind == rows[i].first);
        }
        Pair pair{type};  // X3
        pair.at(refusing_url());
        CHECK(pair.provider->send(sample()).kind == Kind::transient);
        pair.at("http://" + std::string(70, 'x') +
                ".example");  // no resolver takes so long a label
        CHECK(pair.provider->send(sample()).kind == Kind::transient);
    }
}

TEST_CASE("no secret gets into an outcome, even when the service sends it back") {
    for (const auto type : {T, F, W}) {
        Pair pair{type};
        const auto& secret = type == T ? kToken : type == F ? kHook : kKey;
        const std::vector<Reply> replies = {
            {400, "POST /bot" + secret + "/sendMessage is no good\n\x1b[31m", "text/plain"},  // X8
            {400, "encoded: " + base::percent_encode(secret), "text/plain"},
            {400, telegram_says(400, secret)},
            {200, feishu_says(19001, secret + " " + kSignSecret)},
            {200, wecom_says(93000, secret)},
            {200, telegram_says(400, std::string(280, 'x') + secret)},
        };
        for (const auto& reply : replies) {
            pair.service.always(reply);
            const auto outcome = pair.provider->send(sample());
            CAPTURE(outcome.why);
            CHECK(outcome.kind != Kind::ok);
            CHECK(outcome.why.find(secret.substr(0, 15)) == std::string::npos);
            CHECK(outcome.why.find("\x1b") == std::string::npos);
            CHECK(outcome.why.find('\n') == std::string::npos);
            if (type == F) CHECK(outcome.why.find(kSignSecret) == std::string::npos);
        }
        pair.settings.http.proxy = base::Secret{"http://user:hidden-password@127.0.0.1:1"};
        pair.at(pair.service.url());
        const auto outcome = pair.provider->send(sample());
        CHECK(outcome.kind == Kind::transient);
        CHECK(outcome.why.find("hidden-password") == std::string::npos);
    }
}
