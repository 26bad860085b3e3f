#include <sstream>

#include <doctest/doctest.h>

#include "notifiers/providers.h"
#include "notifiers/rendering.h"

using namespace quotafuse;
using namespace quotafuse::notifiers;

namespace {

Message sample() {
    return {Message::Kind::breaker,     base::Severity::warning, "标题 \"x\"",
            {{"channel", "3 · azure"}}, {"one", "two"},          "prod · 17"};
}

}  // namespace

TEST_CASE("a message comes back from its stored form as it was") {
    for (const auto kind : {Message::Kind::firing, Message::Kind::reminder, Message::Kind::resolved,
                            Message::Kind::breaker, Message::Kind::summary, Message::Kind::digest,
                            Message::Kind::test}) {
        auto message = sample();
        message.kind = kind;
        CHECK(message_from_json(to_json(message)) == message);
    }
    CHECK(message_from_json(to_json(Message{})) == Message{});
}

TEST_CASE("bytes that are no UTF-8 are stored as replacement characters") {
    auto message = sample();
    message.title = "a\xFF";
    CHECK(message_from_json(to_json(message))->title == "a\xEF\xBF\xBD");
}

TEST_CASE("what is no stored message is told apart, not guessed at") {
    for (
        const std::string text :
        {"", "x", "[]", "{}", R"({"kind":"new","severity":"info"})",
         R"({"kind":"test","severity":"info","title":1,"facts":[],"lines":[],"footer":""})",
         R"({"kind":"test","severity":"info","title":"","facts":[["a"]],"lines":[],"footer":""})"}) {
        CAPTURE(text);
        CHECK(message_from_json(text) == std::nullopt);
    }
}

TEST_CASE("the console shows a message in a frame, in colour on a terminal only") {
    std::ostringstream out;
    CHECK(make_console({out, false})->send(sample()).kind == Outcome::Kind::ok);
    CHECK(out.str() == "┃ 标题 \"x\"\n┃ channel: 3 · azure\n┃ one\n┃ two\n┃ prod · 17\n\n");
    std::ostringstream colourful;
    make_console({colourful, true})->send(sample());
    CHECK(colourful.str().starts_with("\x1b[1;33m┃ 标题 \"x\"\x1b[0m\n"));
}

TEST_CASE("a name cannot send escape sequences to the terminal") {
    std::ostringstream out;
    auto message = sample();
    message.title = "a\x1b[2Jb\r\n\xC2\x9B";
    make_console({out, false})->send(message);
    CHECK(out.str().starts_with("┃ a [2Jb   \n"));
}

TEST_CASE("a console that takes no more text is a failure with a bound") {
    std::ostringstream out;
    out.setstate(std::ios::badbit);
    const auto console = make_console({out, false});
    const auto outcome = console->send(sample());
    CHECK(outcome.kind == Outcome::Kind::transient);
    CHECK(outcome.most_attempts == 3);
    CHECK(console->send(sample()).kind == Outcome::Kind::ok);
}

TEST_CASE("facts go before lines when there is room for few, and what is missing is counted") {
    auto message = sample();
    message.lines = {"a line of twenty bytes", "another", "third"};
    const auto text = render_to_fit(message, 1000, plain_text, [](const std::string& rendered) {
        return rendered.size() <= 75;
    });
    CHECK(text == "⚡ 标题 \"x\"\nchannel: 3 · azure\n\na line of twenty …\n… +2\n\nprod · 17");
    const auto none =
        render_to_fit(message, 1000, plain_text, [](const std::string&) { return false; });
    CHECK(none == "⚡ 标题 \"x\"\n\n… +4\n\nprod · 17");
}
