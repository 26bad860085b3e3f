#include <sstream>

#include <doctest/doctest.h>

#include "notifiers/rendering.h"
#include "support/chat_pair.h"

using namespace quotafuse;
using namespace quotafuse::notifiers;

namespace {

Message breaker_sample() {
    Message message;
    message.kind = Message::Kind::breaker;
    message.severity = base::Severity::warning;
    message.title = "标题 \"x\"";
    message.facts = {{"channel", "3 · azure"}};
    message.sections = {{"", {"one", "two"}}};
    message.footer = "prod · 17";
    return message;
}

struct Screen {
    explicit Screen(bool colour)
        : provider(tests::load_notifier("console", {}).recipe->make({clock, {out, colour}})) {}
    Outcome show(const Message& message) { return provider->send({"17", message, 0}); }
    tests::FakeClock clock{0};
    std::ostringstream out;
    std::unique_ptr<Provider> provider;
};

}  // namespace

TEST_CASE("a message comes back from its stored form as it was") {
    for (const auto kind : {Message::Kind::firing, Message::Kind::reminder, Message::Kind::resolved,
                            Message::Kind::breaker, Message::Kind::summary, Message::Kind::digest,
                            Message::Kind::test}) {
        auto message = breaker_sample();
        message.kind = kind;
        CHECK(message_from_json(to_json(message)) == message);
    }
    CHECK(message_from_json(to_json(Message{})) == Message{});
}

TEST_CASE("bytes that are no UTF-8 are stored as replacement characters") {
    auto message = breaker_sample();
    message.title = "a\xFF";
    CHECK(message_from_json(to_json(message))->title == "a\xEF\xBF\xBD");
}

TEST_CASE("sections, link, the short form and what programs read come back as well") {
    auto message = breaker_sample();
    message.sections = {{"Channels", {"a", "b"}}, {"", {}}, {"Keys", {"c"}}};
    message.link = Message::Link{"Open", "https://h/"};
    message.brief = "short";
    message.alerts = {R"({"rule":"x"})", "{}"};
    CHECK(message_from_json(to_json(message)) == message);
}

TEST_CASE("what the version before wrote is read: its lines are one section") {
    const auto old = message_from_json(
        R"({"facts":[["a","b"]],"footer":"f","kind":"firing","lines":["x","y"],"severity":"info","title":"t"})");
    REQUIRE(old);
    CHECK(old->title == "t");
    CHECK(old->facts == std::vector<Message::Fact>{{"a", "b"}});
    CHECK(old->sections == std::vector<Message::Section>{{"", {"x", "y"}}});
    CHECK(old->footer == "f");
    CHECK(old->link == std::nullopt);
    const auto bare = message_from_json(
        R"({"facts":[],"footer":"","kind":"test","lines":[],"severity":"info","title":""})");
    REQUIRE(bare);
    CHECK(bare->sections.empty());
}

TEST_CASE("what is no stored message is told apart, not guessed at") {
    const std::string head =
        R"({"kind":"test","severity":"info","title":"","footer":"","facts":[])";
    for (
        const std::string& text :
        {std::string{}, std::string{"x"}, std::string{"[]"}, std::string{"{}"},
         std::string{R"({"kind":"new","severity":"info"})"},
         std::string{
             R"({"kind":"test","severity":"info","title":1,"facts":[],"lines":[],"footer":""})"},
         std::string{
             R"({"kind":"test","severity":"info","title":"","facts":[["a"]],"lines":[],"footer":""})"},
         head + "}", head + R"(,"sections":[["a"]]})", head + R"(,"sections":[],"link":["a"]})",
         head + R"(,"sections":[],"alerts":[1]})"}) {
        CAPTURE(text);
        CHECK(message_from_json(text) == std::nullopt);
    }
    CHECK(message_from_json(head + R"(,"sections":[]})") != std::nullopt);
}

TEST_CASE("the console shows a message in a frame, in colour on a terminal only") {
    auto message = breaker_sample();
    message.sections = {{"Channels", {"one"}}, {"", {"two"}}};
    message.link = Message::Link{"Open", "https://h/"};
    Screen screen{false};
    CHECK(screen.show(message).kind == Outcome::Kind::ok);
    CHECK(screen.out.str() ==
          "┃ 标题 \"x\"\n┃ channel: 3 · azure\n┃ Channels\n┃ one\n┃ two\n┃ Open: https://h/\n"
          "┃ prod · 17\n\n");
    Screen terminal{true};
    terminal.show(message);
    CHECK(terminal.out.str().starts_with("\x1b[1;35m┃ 标题 \"x\"\x1b[0m\n"));
}

TEST_CASE("a name cannot send escape sequences to the terminal") {
    Screen screen{false};
    auto message = breaker_sample();
    message.title = "a\x1b[2Jb\r\n\xC2\x9B";
    screen.show(message);
    CHECK(screen.out.str().starts_with("┃ a [2Jb   \n"));
}

TEST_CASE("a console that takes no more text is a failure with a bound") {
    Screen screen{false};
    screen.out.setstate(std::ios::badbit);
    const auto outcome = screen.show(breaker_sample());
    CHECK(outcome.kind == Outcome::Kind::transient);
    CHECK(outcome.most_attempts == 3);
    CHECK(screen.show(breaker_sample()).kind == Outcome::Kind::ok);
}

TEST_CASE("one line of text has no control characters and nothing that turns its direction") {
    CHECK(one_line("a\tb\n\x7f\xC2\x85z") == "a b   z");
    CHECK(one_line("a\u2028b\u2029c") == "a b c");
    for (const std::string turn : {"\u200E", "\u200F", "\u202A", "\u202B", "\u202C", "\u202D",
                                   "\u202E", "\u2066", "\u2067", "\u2068", "\u2069"}) {
        CHECK(one_line("a" + turn + "b") == "a\uFFFDb");
    }
    // Neighbours of them that mean no harm: an emoji of a family, dashes, the ellipsis.
    for (const std::string fine :
         {"👨‍👩‍👧", "a – b — c…", "\u2065\u206A", "中文 é e\u0301"}) {
        CHECK(one_line(fine) == fine);
    }
    CHECK(one_line("\xE2\x80") == "\uFFFD\uFFFD");
}

TEST_CASE("facts go before lines when there is room for few, and what is missing is counted") {
    auto message = breaker_sample();
    message.sections = {{"", {"a line of twenty bytes", "another"}}, {"Third", {"third"}}};
    const auto text = render_to_fit(message, 1000, plain_text, [](const std::string& rendered) {
        return rendered.size() <= 75;
    });
    CHECK(text == "⚡ 标题 \"x\"\nchannel: 3 · azure\n\na line of twenty …\n… +2\n\nprod · 17");
    const auto none =
        render_to_fit(message, 1000, plain_text, [](const std::string&) { return false; });
    CHECK(none == "⚡ 标题 \"x\"\n\n… +4\n\nprod · 17");
}

TEST_CASE("plain text has the sections under their headings, then the link") {
    auto message = breaker_sample();
    message.sections = {{"Channels", {"one", "two"}}, {"", {"three"}}};
    message.link = Message::Link{"Open", "https://h/"};
    CHECK(plain_text(message) ==
          "⚡ 标题 \"x\"\nchannel: 3 · azure\n\nChannels\none\ntwo\n\nthree\n\nOpen: https://h/\n"
          "\nprod · 17");
}
