#include <algorithm>
#include <map>
#include <random>
#include <regex>

#include <doctest/doctest.h>

#include "base/text.h"
#include "support/chat_pair.h"
#include "support/random_message.h"

using namespace quotafuse;
using namespace quotafuse::notifiers;
using namespace quotafuse::tests;
using Kind = Outcome::Kind;

namespace {

/// The formats and types, each of which renders in its own way.
struct Dress {
    Chat chat;
    Keys keys;
};
std::vector<Dress> dresses() {
    return {{T, {}}, {F, {}}, {W, {}}, {W, {{"format", "markdown_v2"}}}, {W, {{"format", "text"}}},
            {D, {}}};
}

std::size_t occurrences(const std::string& text, const std::string& part) {
    std::size_t seen = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++seen;
    return seen;
}

/// Full-width twins and the like as what they stand for.
std::string untwinned(std::string text) {
    static const std::map<std::string, std::string> kTwins = {
        {"＜", "<"}, {"＞", ">"}, {"＃", "#"}, {"＊", "*"},  {"（", "("}, {"`", "'"},
        {"［", "["}, {"］", "]"}, {"｜", "|"}, {"＼", "\\"}, {"～", "~"}, {"＆", "&"},
        {"＿", "_"}, {"－", "-"}, {"＋", "+"}, {"＠", "@"},  {"∼", "~"}};
    for (const auto& [wide, plain] : kTwins) base::replace_all(text, wide, plain);
    return text;
}

/// Names that want to be markup somewhere.
const std::vector<std::string> kNames = {"a_b*c<d&e[f@g",
                                         "<b>x</b>",
                                         "x</b></code>",
                                         "&lt;&#60;at id=all&#62;",
                                         "<at id=all></at>",
                                         "<at user_id=\"all\">x</at>",
                                         "@everyone",
                                         "@13800001111",
                                         "[click](http://x)",
                                         "![x](http://x)",
                                         "**bold** _it_ ~s~ ~~t~~",
                                         "# head",
                                         "> quote",
                                         "- item",
                                         "|a|b|",
                                         "`code` ``` x",
                                         "<font color=\"info\">",
                                         "a\"b\\c/d",
                                         "R&D; 100% \xF0\x9F\x94\xA5",
                                         "<@wangqing>",
                                         "磁盘 < 5% & > 3"};

}  // namespace

TEST_CASE("an accepted message shows title, facts, sections, link and footer in each service") {
    for (const auto& [chat, keys] : dresses()) {
        ChatPair pair{chat, keys};
        const auto outcome = pair.send(sample());
        CHECK(outcome.kind == Kind::ok);
        CHECK(outcome.why.empty());
        REQUIRE(pair.service.shown().size() == 1);
        const auto shown = untwinned(pair.last_shown());
        CAPTURE(shown);
        for (const std::string text : {"🔴 渠道 3 用量 3,000,000", "rule: channel-token-burn",
                                       "value: 3,000,000 tokens", "Most of it", "gpt-4o: 81 %",
                                       "k1: 12 %", "tripped", "prod · #17 · 2026-01-05 23:01:00"}) {
            CAPTURE(text);
            CHECK(shown.find(text) != std::string::npos);
        }
        CHECK(pair.last_body().find("https://fuse.example/status") != std::string::npos);
    }
}

TEST_CASE("each kind of message has a mark and a colour of its own") {
    std::map<std::string, std::string> marks;
    std::map<std::string, std::string> templates;
    ChatPair pair{F};
    static const std::regex kTemplate{R"re("template":"([a-z]+)")re"};
    for (const auto kind : {Message::Kind::firing, Message::Kind::reminder, Message::Kind::resolved,
                            Message::Kind::breaker, Message::Kind::summary, Message::Kind::digest,
                            Message::Kind::test}) {
        auto message = sample();
        message.kind = kind;
        message.title = "T";
        CHECK(pair.send(message).kind == Kind::ok);
        const auto shown = pair.last_shown();
        const auto body = pair.last_body();
        std::smatch match;
        REQUIRE(std::regex_search(body, match, kTemplate));
        marks[shown.substr(0, shown.find(" T"))] = match[1];
    }
    const std::map<std::string, std::string> expected = {
        {"🔴", "red"},    {"🔁🔴", "red"},      {"📋🔴", "red"},   {"✅", "green"},
        {"⚡", "violet"}, {"📊", "turquoise"}, {"🧪", "grey"}};
    CHECK(marks == expected);
}

TEST_CASE("names with markup in them arrive as they are, call nobody and break nothing") {
    for (const auto& [chat, keys] : dresses()) {
        ChatPair pair{chat, keys};
        for (const auto& name : kNames) {
            CAPTURE(name);
            auto message = sample();
            message.title = message.footer = name;
            message.facts = {{name, name}};
            message.sections = {{name, {name}}};
            const auto outcome = pair.send(message);
            CHECK(outcome.kind == Kind::ok);
            CHECK(outcome.why == "");
            const auto shown = untwinned(pair.last_shown());
            CAPTURE(shown);
            // Title, label, value, heading, line, footer.
            CHECK(occurrences(shown, untwinned(name)) >= 6);
        }
        CHECK(pair.service.mentioned().empty());
    }
}

TEST_CASE("a text that turns the direction of writing is read in the order in which it is stored") {
    for (const auto& [chat, keys] : dresses()) {
        ChatPair pair{chat, keys};
        auto message = sample();
        message.title = "gpt-4\u202Eo\u2066x\u200Fy";
        message.footer = "line\u2028separator";
        CHECK(pair.send(message).kind == Kind::ok);
        const auto shown = untwinned(pair.last_shown());
        CHECK(shown.find("gpt-4\uFFFDo\uFFFDx\uFFFDy") != std::string::npos);
        CHECK(shown.find("line separator") != std::string::npos);
    }
}

TEST_CASE("a link is followed to where it says, whatever stands in it, or is left out") {
    for (const auto& [chat, keys] : dresses()) {
        ChatPair pair{chat, keys};
        auto message = sample();
        message.link = Message::Link{"a]b", "https://h/p?q=1&r=(2)\"><b>"};
        CHECK(pair.send(message).kind == Kind::ok);
        const auto target = chat == T ? "https://h/p?q=1&amp;r=%282%29%22%3E%3Cb%3E"
                                      : "https://h/p?q=1&r=%282%29%22%3E%3Cb%3E";
        CHECK(pair.last_body().find(target) != std::string::npos);
        message.link = Message::Link{"a", "http://[::1]:8080/p[1]"};
        CHECK(pair.send(message).kind == Kind::ok);
        CHECK(pair.last_body().find("http://[::1]:8080/p%5B1%5D") != std::string::npos);
        message.link = Message::Link{"a", "javascript:alert(1)"};
        CHECK(pair.send(message).kind == Kind::ok);
        CHECK(pair.last_body().find("javascript") == std::string::npos);
    }
}

// The services' rules hold the limits, the balance of the markup and the UTF-8 (see chat_rules).
TEST_CASE("whatever its texts and sizes, a message is cut so that the service takes it at once") {
    std::mt19937 random{20260105};
    for (const auto& [chat, keys] : dresses()) {
        ChatPair pair{chat, keys};
        for (int round = 0; round < 40; ++round) {
            CAPTURE(round);
            const auto outcome = pair.send(random_message(random, round));
            CHECK(outcome.kind == Kind::ok);
            CHECK(outcome.why == "");
            CHECK(pair.service.calls().size() == static_cast<std::size_t>(round) + 1);
            CHECK(base::valid_utf8(pair.last_shown()) == pair.last_shown());
        }
        CHECK(pair.service.mentioned().empty());
    }
}

TEST_CASE("a cut message uses the room there is, says how much is missing and keeps its footer") {
    auto message = sample();
    message.sections = {{"Lines", std::vector<std::string>(2000, "用量 <0123456789>")}};
    const auto sent = [&](Chat chat, const Keys& keys) {
        ChatPair pair{chat, keys};
        CHECK(pair.send(message).kind == Kind::ok);
        CHECK(pair.last_shown().find("… +") != std::string::npos);
        CHECK(untwinned(pair.last_shown()).find(message.footer) != std::string::npos);
        CHECK(pair.last_body().find(message.link->url) != std::string::npos);
        return std::pair{pair.last_body(), pair.last_shown()};
    };
    const auto points = base::count_code_points(sent(T, {}).second);
    CHECK(points <= 4096);
    CHECK(points > 4000);
    CHECK(sent(F, {}).first.size() > 19'800);
    CHECK(sent(W, {}).first.size() > 3'950);
    CHECK(sent(W, {{"format", "markdown_v2"}}).first.size() > 3'950);
    CHECK(sent(W, {{"format", "text"}}).second.size() > 1'950);
    CHECK(sent(D, {}).first.size() > 19'700);
}

TEST_CASE("names are called from the severity on that is configured, and never by good news") {
    for (const auto chat : kChats) {
        const std::string who = chat == T ? "\"@oncall\"" : chat == D ? "\"13800001111\"" : "ou_1";
        ChatPair pair{chat, {{"mention", who}, {"mention_from", "warning"}}};
        auto message = sample();
        const auto calls = [&](Message::Kind kind, base::Severity severity) {
            const auto before = pair.service.mentioned().size();
            message.kind = kind;
            message.severity = severity;
            CHECK(pair.send(message).kind == Kind::ok);
            return pair.service.mentioned().size() - before;
        };
        CHECK(calls(Message::Kind::firing, base::Severity::critical) == 1);
        CHECK(calls(Message::Kind::breaker, base::Severity::warning) == 1);
        CHECK(calls(Message::Kind::firing, base::Severity::info) == 0);
        CHECK(calls(Message::Kind::resolved, base::Severity::critical) == 0);
        CHECK(calls(Message::Kind::digest, base::Severity::critical) == 0);
        CHECK(calls(Message::Kind::test, base::Severity::warning) == 0);
        CHECK(calls(Message::Kind::test, base::Severity::critical) == 1);  // that was asked for
    }
}

TEST_CASE("a demanded keyword stands in every message, once") {
    for (const auto chat : {F, D}) {
        ChatPair pair{chat, {}, "守夜"};
        const auto refused = pair.send(sample());
        CHECK(refused.kind == Kind::permanent);
        CHECK_FALSE(refused.of_this_text);
        CHECK(refused.advice.find("set keyword") != std::string::npos);
        pair.set("keyword", "守夜");
        CHECK(pair.send(sample()).kind == Kind::ok);
        CHECK(pair.last_shown().find("🔴 守夜 · 渠道") != std::string::npos);
        auto message = sample();
        message.kind = Message::Kind::resolved;
        message.title = "守夜 is here";
        CHECK(pair.send(message).kind == Kind::ok);
        CHECK(occurrences(pair.last_shown(), "守夜") == 1);
    }
}

TEST_CASE("a list of as many full lines as a notifier takes is shown whole") {
    struct Case {
        Chat chat;
        Keys keys;
    };
    for (const auto& one : {Case{T, {}}, Case{F, {}}, Case{D, {}}, Case{W, {}},
                            Case{W, {{"format", "markdown_v2"}}}, Case{W, {{"format", "text"}}}}) {
        ChatPair pair{one.chat, one.keys};
        CAPTURE(pair.settings.type);
        auto message = sample();
        message.facts.clear();
        message.title = std::string(100, 't');
        message.footer = std::string(90, 'f');
        const std::vector<std::string> lines(pair.settings.recipe->most_lines(),
                                             "01-05 23:00 " + std::string(150, 'x'));
        message.sections = {{"", lines}};
        REQUIRE(pair.send(message).kind == Outcome::Kind::ok);
        CHECK(pair.last_shown().find("… +") == std::string::npos);
        CHECK(pair.last_shown().find(std::string(90, 'f')) != std::string::npos);
    }
}
