#include <algorithm>
#include <map>
#include <random>

#include <doctest/doctest.h>

#include "base/text.h"
#include "support/chat_pair.h"

using namespace quotafuse;
using namespace quotafuse::notifiers;
using namespace quotafuse::tests;
using namespace std::chrono_literals;
using Kind = Outcome::Kind;
using Type = Settings::Type;

TEST_CASE("an accepted message shows title, facts, lines and footer in each service") {
    for (const auto type : {T, F, W}) {
        ChatPair pair{type, type == T ? std::optional{42} : std::nullopt};
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
        ChatPair pair{type};
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
        ChatPair pair{type};
        for (int round = 0; round < 40; ++round) {
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
        ChatPair pair{type};
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
    ChatPair telegram{T};
    telegram.settings.chat_id = "-7";
    telegram.at(telegram.service.url());
    CHECK(telegram.provider->send(sample()).why == "Telegram 400: Bad Request: chat not found");
    telegram.settings.bot_token = base::Secret{"123456789:wrong"};
    telegram.at(telegram.service.url());
    CHECK(telegram.provider->send(sample()).why == "Telegram 401: Unauthorized");

    ChatPair feishu{F};
    feishu.settings.secret = base::Secret{"another"};
    feishu.at(feishu.service.url());
    const auto outcome = feishu.provider->send(sample());
    CHECK(outcome.kind == Kind::permanent);
    CHECK(outcome.why.starts_with("signed again. Feishu 19021: sign match fail"));

    ChatPair wecom{W};
    wecom.settings.webhook = base::Secret{wecom.service.url() + "/cgi-bin/webhook/send?key=other"};
    CHECK(make_wecom(wecom.settings)->send(sample()).why == "WeCom 93000: invalid webhook url");
}

TEST_CASE(
    "Telegram gets plain text after a refusal of the markup, and the new id of a group for good") {
    ChatPair pair{T};
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
    ChatPair pair{F};
    CHECK(pair.provider->send(sample()).kind == Kind::ok);
    pair.clock.advance(2h);
    CHECK(pair.provider->send(sample()).kind == Kind::ok);
    CHECK(pair.service.calls().at(0).body != pair.service.calls().at(1).body);
}

TEST_CASE("Feishu's signature is the one of its documents") {
    ChatPair pair{F};
    const FakeClock clock{1'599'360'473};
    for (const auto& [secret, sign] : std::map<std::string, std::string>{
             {"demo", "l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8="},
             {"demo-secret", "3/MaVZ8JLIy4TUG+7KSFJqvUkTKd+HWY8g+56DZWq8s="}}) {
        pair.settings.secret = base::Secret{secret};
        make_feishu(pair.settings, clock)->send(sample());
        const auto body = pair.service.calls().back().body;
        CHECK(body.find(R"("sign":")" + sign + '"') != std::string::npos);
        CHECK(body.find(R"("timestamp":"1599360473")") != std::string::npos);
    }
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

TEST_CASE("nothing that is no verdict of the service counts as sent") {
    for (const auto type : {T, F, W}) {
        ChatPair pair{type};
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
            ChatPair pair{type};
            pair.settings.http.timeout = 250ms;
            pair.at(server.url());
            const auto outcome = pair.provider->send(sample());
            CAPTURE(outcome.why);
            CHECK(outcome.kind == rows[i].first);
        }
        ChatPair pair{type};  // X3
        pair.at(refusing_url());
        CHECK(pair.provider->send(sample()).kind == Kind::transient);
        pair.at("http://" + std::string(70, 'x') +
                ".example");  // no resolver takes so long a label
        CHECK(pair.provider->send(sample()).kind == Kind::transient);
    }
}

TEST_CASE("no secret gets into an outcome, even when the service sends it back") {
    for (const auto type : {T, F, W}) {
        ChatPair pair{type};
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
