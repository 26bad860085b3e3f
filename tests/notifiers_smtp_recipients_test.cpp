// One mail, several recipients, of whom a server may refuse some.
#include "notifiers_mail_site.h"

using namespace quotafuse;
using namespace quotafuse::notifiers;
using namespace quotafuse::tests;
using namespace std::chrono_literals;
using Kind = Outcome::Kind;

TEST_CASE("one refused recipient of two keeps nobody else from the mail") {  // S7
    const MailSite site{[] {
        auto rules = plain();
        rules.answers = {{"RCPT TO:<a@", "550 nobody here"}};
        return rules;
    }()};
    const auto outcome = site.send(kNoTls, kTwo);
    CHECK(outcome.kind == Kind::ok);
    CHECK(outcome.why == "a@example.com: 550 nobody here");
    CHECK(site.server.mails().at(0).to == std::vector<std::string>{"b@example.com"});
    CHECK(outcome_of("RCPT TO:<", "450 later", kTwo).kind == Kind::transient);
}

TEST_CASE("a recipient who is put off for weeks does not keep the others from later mails") {
    auto rules = plain();
    rules.answers = {{"RCPT TO:<b@", "452 mailbox full"}};
    MailSite site{rules};
    auto entry = site.entry(kNoTls, kTwo);
    auto mail = sample_mail();
    CHECK(entry.provider->send(mail).kind == Kind::ambiguous);
    entry.clock.advance(19min);
    CHECK(entry.provider->send(mail).kind == Kind::ambiguous);
    entry.clock.advance(1min);
    const auto given_up = entry.provider->send(mail);
    CHECK(given_up.kind == Kind::ok);
    CHECK(given_up.why == "b@example.com: 452 mailbox full");
    CHECK(given_up.advice.starts_with("the other recipients have the mail"));
    // For the next mail nobody waits for them.
    mail.event_id = "ev-18";
    const auto next = entry.provider->send(mail);
    CHECK(next.kind == Kind::ok);
    CHECK(next.why == "b@example.com: 452 mailbox full");
    // Until they get one.
    site.server.change(plain());
    mail.event_id = "ev-19";
    CHECK(entry.provider->send(mail).why == "");
    site.server.change(rules);
    mail.event_id = "ev-20";
    CHECK(entry.provider->send(mail).kind == Kind::ambiguous);
    rules.answers = {{"RCPT TO:<b@", "550 gone"}};
    site.server.change(rules);
    CHECK(entry.provider->send(mail).kind == Kind::ok);

    std::size_t to_b = 0;
    const auto mails = site.server.mails();
    for (const auto& one : mails) to_b += static_cast<std::size_t>(one.to.size() == 2);
    CHECK(mails.size() == 4);
    CHECK(to_b == 1);
}

TEST_CASE("who was put off is not given up while the server does not answer") {
    auto rules = plain();
    rules.answers = {{"RCPT TO:<b@", "450 greylisted"}};
    MailSite site{rules};
    auto entry = site.entry(kNoTls, kTwo);
    CHECK(entry.provider->send(sample_mail()).kind == Kind::ambiguous);
    entry.clock.advance(1h);
    rules.answers = {{"greeting", "421 closed for an hour"}};
    site.server.change(rules);
    CHECK(entry.provider->send(sample_mail()).kind == Kind::ambiguous);
    site.server.change(plain());
    CHECK(entry.provider->send(sample_mail()).kind == Kind::ok);
    CHECK(site.server.mails().back().to == std::vector<std::string>{"b@example.com"});
}

TEST_CASE("a mail that one server fails at for a day is given up, one that finds no server waits") {
    CHECK(outcome_of("content", "451 local error").most_attempts > 0);
    CHECK(outcome_of("greeting", "421 too busy").most_attempts == 0);
    const NotifierEntry nobody{read_smtp,
                               "{host: 127.0.0.1, port: 1, tls: none, from: a@b.c, to: a@b.c}"};
    const auto refused = nobody.provider->send(sample_mail());
    CHECK(refused.kind == Kind::transient);
    CHECK(refused.most_attempts == 0);
    CHECK(refused.advice.starts_with("nobody answers there"));
    const NotifierEntry unknown{read_smtp, fmt::format("{{host: {}.example, port: 25, tls: none, "
                                                       "from: a@b.c, to: a@b.c}}",
                                                       std::string(70, 'x'))};
    const auto lost = unknown.provider->send(sample_mail());
    CHECK(lost.advice.find("DNS") != std::string::npos);
    CHECK(lost.advice.find("port 25 is often blocked") != std::string::npos);
}

TEST_CASE("who was put off gets the mail later, and nobody gets it twice") {
    auto rules = plain();
    rules.answers = {{"RCPT TO:<b@", "450 greylisted"}};
    MailSite site{rules};
    const auto entry = site.entry(kNoTls, kTwo);
    const auto first = entry.provider->send(sample_mail());
    // One of the two has it: it is never told in another way.
    CHECK(first.kind == Kind::ambiguous);
    CHECK(first.why == "b@example.com: 450 greylisted");
    site.server.change(plain());
    CHECK(entry.provider->send(sample_mail()).kind == Kind::ok);
    // The next one is for both again.
    auto next = sample_mail();
    next.event_id = "ev-18";
    CHECK(entry.provider->send(next).kind == Kind::ok);

    using To = std::vector<std::string>;
    const auto mails = site.server.mails();
    REQUIRE(mails.size() == 3);
    CHECK(mails[0].to == To{"a@example.com"});
    CHECK(mails[1].to == To{"b@example.com"});
    CHECK(mails[1].content == mails[0].content);
    CHECK(mails[2].to == To{"a@example.com", "b@example.com"});
}
