// Whatever the texts and sizes of a message, what goes out is whole: the chat services' own rules
// hold this for them.
#include <fstream>
#include <iterator>

#include <nlohmann/json.hpp>

#include "notifiers/event_json.h"
#include "notifiers/mail_text.h"
#include "notifiers_mail_site.h"
#include "support/random_message.h"
#include "support/temp_dir.h"

using namespace quotafuse;
using namespace quotafuse::notifiers;
using namespace quotafuse::tests;
using Kind = Outcome::Kind;

namespace {

/// With as many alerts as make it more than any receiver takes.
Mail random_mail(std::mt19937& random, int round) {
    Mail mail{fmt::format("ev-{}", round), random_message(random, round), 1'767'625'260};
    for (int i = 0; i < round * 20; ++i) {
        const nlohmann::json alert{{"rule", random_text(random, 300)}};
        mail.message.alerts.push_back(
            alert.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    }
    return mail;
}

/// Valid UTF-8, and of all control characters the line feed alone.
void check_text(const std::string& text) {
    CHECK(base::valid_utf8(text) == text);
    const bool controlled = std::any_of(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7f;
    });
    CHECK_FALSE(controlled);
    CHECK(text.find("\u202E") == std::string::npos);
}

}  // namespace

TEST_CASE("the JSON of a webhook is valid, bounded, and says how much it leaves out") {
    std::mt19937 random{20260106};
    for (int round = 0; round < 60; ++round) {
        CAPTURE(round);
        const auto mail = random_mail(random, round);
        const auto body = event_json(mail);
        CHECK(body.size() < 256 * 1024);
        CHECK(base::valid_utf8(body) == body);
        const auto event = nlohmann::json::parse(body);
        check_text(event.at("title"));
        check_text(event.at("text"));
        CHECK(event.at("text").get<std::string>().size() <= 32 * 1024);
        CHECK(event.at("alerts").size() + event.at("truncated").get<std::size_t>() ==
              mail.message.alerts.size());
    }
}

TEST_CASE("a mail keeps to the rules of mails, and its subject and body are whole") {
    std::mt19937 random{20260107};
    for (int round = 0; round < 40; ++round) {
        CAPTURE(round);
        const auto text = compose_mail(random_mail(random, round), {"", "fuse@example.com"},
                                       {{"", "ops@example.com"}});
        for (const auto line : base::split(text, '\n')) {
            CHECK(line.size() <= 79);
            CHECK((line.empty() || line.ends_with('\r')));
        }
        check_text(decode_words(header_of(text, "Subject")));
        CHECK(decode_words(header_of(text, "Subject")).size() <= 320);
        for (const auto* const type : {"text/plain", "text/html"}) {
            auto body = part_of(text, type);
            base::replace_all(body, "\r\n", "\n");
            check_text(body);
            CHECK(body.size() < 256 * 1024);
        }
    }
}

TEST_CASE("a terminal gets whole characters, and nothing that it would obey") {
    std::mt19937 random{20260108};
    for (int round = 0; round < 40; ++round) {
        CAPTURE(round);
        NotifierEntry entry{read_console, "{}"};
        CHECK(entry.provider->send(random_mail(random, round)).kind == Kind::ok);
        check_text(entry.console.str());
        CHECK(entry.console.str().size() < 64 * 1024);
    }
}

TEST_CASE("a program gets on stdin what a webhook gets, to the last byte") {
    std::mt19937 random{20260109};
    const TempDir folder;
    const auto taken = folder.file("taken");
    const NotifierEntry entry{read_exec,
                              fmt::format("{{command: [/bin/sh, -c, 'cat > \"$0\"', {}]}}", taken)};
    REQUIRE(entry.faults.empty());
    for (int round = 0; round < 40; round += 8) {
        CAPTURE(round);
        const auto mail = random_mail(random, round);
        CHECK(entry.provider->send(mail).kind == Kind::ok);
        std::ifstream file{taken};
        CHECK(std::string{std::istreambuf_iterator<char>{file}, {}} == event_json(mail));
    }
}
