#include <chrono>
#include <thread>

#include <fmt/format.h>

#include "base/text.h"
#include "notifiers/mail_text.h"
#include "notifiers_mail_site.h"

using namespace quotafuse;
using namespace quotafuse::notifiers;
using namespace quotafuse::tests;
using namespace std::chrono_literals;
using Kind = Outcome::Kind;
using Tls = MailRules::Tls;
using AfterContent = MailRules::AfterContent;

TEST_CASE("a mail arrives with its headers, as text and as HTML") {  // S1
    const MailSite site{plain()};
    const auto outcome = site.send(kNoTls, kTwo);
    CHECK(outcome.kind == Kind::ok);
    CHECK(outcome.why.empty());
    REQUIRE(site.server.mails().size() == 1);
    const auto mail = site.server.mails().front();
    CHECK(mail.from == "fuse@example.com");
    CHECK(mail.to == std::vector<std::string>{"a@example.com", "b@example.com"});
    CHECK(site.server.faults().empty());

    const auto& text = mail.content;
    CHECK(header_of(text, "Date") == "Mon, 05 Jan 2026 15:01:00 +0000");
    CHECK(decode_words(header_of(text, "From")) == "Fuse 保险 <fuse@example.com>");
    CHECK(header_of(text, "To") == "a@example.com,\r\n b@example.com");
    CHECK(decode_words(header_of(text, "Subject")) == "🔴 渠道 3 <b> 用量 3,000,000");
    CHECK(header_of(text, "Message-ID") == "<ev-17.quotafuse@example.com>");
    CHECK(header_of(text, "Auto-Submitted") == "auto-generated");
    CHECK(header_of(text, "In-Reply-To") == header_of(text, "References"));
    CHECK(header_of(text, "Content-Type").starts_with("multipart/alternative;\r\n boundary="));
    CHECK(text.find("text/plain") < text.find("text/html"));

    const auto html = part_of(text, "text/html");
    CHECK(html.find("渠道 3 &lt;b&gt; 用量") != std::string::npos);
    CHECK(html.find("href=\"https://fuse.example/?a=1&amp;b=2\"") != std::string::npos);
}

TEST_CASE("a line with a dot alone ends no mail") {  // S9
    const MailSite site{plain()};
    CHECK(site.send(kNoTls).kind == Kind::ok);
    const auto text = part_of(site.server.mails().at(0).content, "text/plain");
    CHECK(text.find("\r\n.\r\n") != std::string::npos);
    CHECK(text.find("k1: 12 %") != std::string::npos);
    CHECK(text.find("prod · 2026-01-05") != std::string::npos);
}

TEST_CASE("a repeat is the same mail, and mails about one alert hang together") {
    const std::vector<Mailbox> to = {{"", "ops@example.com"}};
    const Mailbox from{"", "fuse@example.com"};
    auto mail = sample_mail();
    const auto first = compose_mail(mail, from, to);
    CHECK(compose_mail(mail, from, to) == first);

    mail.event_id = "ev-18";
    mail.message.kind = Message::Kind::resolved;
    const auto second = compose_mail(mail, from, to);
    CHECK(header_of(first, "Message-ID") != header_of(second, "Message-ID"));
    CHECK(header_of(first, "References") == header_of(second, "References"));
    mail.message.alerts = {R"({"rule":"burn","since":"2026-01-06T00:00:00Z"})"};
    CHECK(header_of(compose_mail(mail, from, to), "References") != header_of(first, "References"));
    mail.message.alerts.clear();
    CHECK(header_of(compose_mail(mail, from, to), "References").empty());
}

TEST_CASE("a subject of any length keeps to RFC 2047, and a line break in it adds no header") {
    auto mail = sample_mail();
    mail.message.title = "渠道\r\nBcc: thief@example.com ";
    while (mail.message.title.size() < 280) mail.message.title += "余额不足 😀 ";
    const auto text =
        compose_mail(mail, {"a \"b\" \\", "fuse@example.com"}, {{"", "ops@example.com"}});
    CHECK(text.find("\nBcc:") == std::string::npos);
    CHECK(decode_words(header_of(text, "Subject")).find("Bcc: thief") != std::string::npos);
    CHECK(header_of(text, "From") == "\"a \\\"b\\\" \\\\\" <fuse@example.com>");
    for (const auto line : base::split(text, '\n')) {
        CHECK(line.size() <= 79);
        CHECK((line.empty() || line.ends_with('\r')));
    }
    mail.message.title = "plain";
    mail.message.severity = base::Severity::info;
    CHECK(decode_words(header_of(compose_mail(mail, {"", "fuse@example.com"}, {}), "Subject"))
              .ends_with(" plain"));
}

TEST_CASE("STARTTLS is used by default, and a login only goes out encrypted") {
    TestAuthority authority{"mail authority"};
    auto rules = with_login();
    rules.tls = Tls::starttls;
    rules.certificate = authority.issue("IP:127.0.0.1");
    const MailSite site{rules};
    const auto trust = ", ca_file: " + authority.certificate();

    CHECK(site.send(kLogin + trust).kind == Kind::ok);
    REQUIRE(site.server.mails().size() == 1);
    CHECK(site.server.mails().front().encrypted);
    CHECK(site.server.mails().front().user == "fuse");

    const auto untrusted = site.send(kLogin);
    CHECK(untrusted.kind == Kind::permanent);
    CHECK(untrusted.advice.find("ca_file") != std::string::npos);
    CHECK(site.server.mails().size() == 1);
}

TEST_CASE("tls: tls is encrypted from the first byte") {
    TestAuthority authority{"mail authority"};
    auto rules = with_login();
    rules.tls = Tls::from_the_start;
    rules.certificate = authority.issue("IP:127.0.0.1");
    const MailSite site{rules};
    CHECK(site.send(kLogin + ", tls: tls, ca_file: " + authority.certificate()).kind == Kind::ok);
    CHECK(site.server.mails().at(0).encrypted);
}

TEST_CASE("a server without STARTTLS gets nothing") {  // S5
    const MailSite site{with_login()};
    const auto outcome = site.send(kLogin);
    CHECK(outcome.kind == Kind::permanent);
    CHECK(outcome.advice.find("tls: tls") != std::string::npos);
    for (const auto& command : site.server.commands()) {
        CHECK_FALSE(command.starts_with("AUTH"));
        CHECK_FALSE(command.starts_with("MAIL"));
    }
}

TEST_CASE("where a login is configured nothing is sent without one") {  // S4
    auto rules = with_login();
    rules.offers_login = false;
    const MailSite site{rules};
    const auto outcome = site.send(kNoTls + kLogin);
    CHECK(outcome.kind == Kind::permanent);
    CHECK(outcome.why == "the server offers no login");
    CHECK(site.server.mails().empty());
    // Without one the same server is fine.
    CHECK(site.send(kNoTls).kind == Kind::ok);
}

TEST_CASE("the server's code decides at each step, and its line is the reason") {
    const auto check = [](const std::string& at, const std::string& answer, Kind kind,
                          bool of_this_text = false) {
        CAPTURE(at);
        CAPTURE(answer);
        const auto outcome = outcome_of(at, answer);
        CHECK(outcome.kind == kind);
        CHECK(outcome.of_this_text == of_this_text);
        CHECK(outcome.why == answer);
        CHECK(outcome.advice.empty() == (kind == Kind::transient));
    };
    check("greeting", "421 too busy", Kind::transient);  // S2
    check("AUTH", "535 5.7.8 no", Kind::permanent);      // S3
    check("AUTH", "454 4.7.0 later", Kind::transient);
    check("MAIL", "451 later", Kind::transient);  // S6
    check("MAIL", "450 later", Kind::transient);
    check("MAIL", "550 not you", Kind::permanent);
    check("RCPT", "450 greylisted", Kind::transient);
    check("RCPT", "550 nobody", Kind::permanent);
    check("content", "452 full", Kind::transient);  // S8
    check("content", "554 spam", Kind::permanent, true);
    CHECK(outcome_of("MAIL", "550-5.7.1 not you,\r\n550-5.7.1  ask\r\n550 5.7.1 them").why ==
          "550 5.7.1 not you, 5.7.1  ask 5.7.1 them");
}

TEST_CASE("a wrong password is told as such and not shown") {
    const MailSite site{with_login()};
    const auto outcome = site.send(kNoTls + ", username: fuse, password: other-password");
    CHECK(outcome.kind == Kind::permanent);
    CHECK(outcome.why == "535 5.7.8 wrong password");
    CHECK(outcome.advice.find("app password") != std::string::npos);
    CHECK(outcome_of("AUTH", "535 not mail-password").why == "535 not ***");
}

TEST_CASE("a connection that is lost after the mail's end is ambiguous, before it transient") {
    auto rules = plain();
    rules.after_content = AfterContent::hang_up;
    CHECK(MailSite{rules}.send(kNoTls).kind == Kind::ambiguous);
    rules.after_content = AfterContent::hang;
    CHECK(MailSite{rules}.send(kNoTls + ", timeout: 1s").kind == Kind::ambiguous);

    const auto port = [] {
        const MailServer gone{plain()};
        return gone.port();
    }();
    const NotifierEntry nobody{
        read_smtp, fmt::format("{{host: 127.0.0.1, port: {}, from: a@b.c, to: a@b.c}}", port)};
    CHECK(nobody.provider->send(sample_mail()).kind == Kind::transient);
}

TEST_CASE("who speaks no SMTP, or without end, gets no mail, which waits") {  // X4b, X5
    for (const auto& greeting : {std::string{"hello"}, std::string(2 * 1024 * 1024, 'x')}) {
        auto rules = plain();
        rules.answers = {{"greeting", greeting}};
        const MailSite site{rules};
        const auto outcome = site.send(kNoTls + ", timeout: 2s");
        CAPTURE(outcome.why);
        CHECK(outcome.kind == Kind::transient);
        CHECK(outcome.why.size() <= 300);
        CHECK_FALSE(outcome.why.empty());
        CHECK(site.server.mails().empty());
    }
}

TEST_CASE("an interrupt ends a mail that waits for its answer") {
    auto rules = plain();
    rules.after_content = AfterContent::hang;
    const MailSite site{rules};
    const auto entry = site.entry(kNoTls);
    std::jthread interrupter{[&] {
        while (site.server.mails().empty()) std::this_thread::yield();
        entry.provider->interrupt();
    }};
    const auto began = std::chrono::steady_clock::now();
    CHECK(entry.provider->send(sample_mail()).kind == Kind::ambiguous);
    CHECK(entry.provider->send(sample_mail()).kind == Kind::transient);
    CHECK(std::chrono::steady_clock::now() - began < 5s);
}

TEST_CASE("a mail's entry is checked, and no complaint shows a value") {
    const auto fault = [](const std::string& yaml) {
        const NotifierEntry entry{read_smtp, yaml};
        REQUIRE(entry.faults.size() == 1);
        return entry.faults.front().substr(entry.faults.front().find(": ") + 2);
    };
    const std::string rest = ", from: a@b.c, to: a@b.c}";
    CHECK(fault("{host: \"x:/y\"" + rest) == "host must be a name or an address, without a port");
    CHECK(fault("{host: x, username: u" + rest) ==
          "username and password belong together: one is missing");
    for (const auto* const host : {"x", "127.example.com", "127.0.0.1, proxy: \"http://p:1\""}) {
        CHECK(fault(fmt::format("{{host: {}, tls: none, username: u, password: p{}", host, rest))
                  .starts_with("tls: none would send the password readable"));
    }
    CHECK(fault("{host: x, from: a@b.c, to: [\"a@b.c\\r\\nRCPT TO:<x@y.z>\"]}") ==
          "to must be written like ops@example.com or \"Name <ops@example.com>\"");
    CHECK(fault("{host: x, to: a@b.c, from: \"a@b.c>\\r\\nDATA\"}")
              .starts_with("from must be written like"));
    CHECK(fault("{host: x, from: a@b.c, to: []}") == "to must name 1 to 50 addresses");
    CHECK(fault("{host: x, port: 70000" + rest).find("port") != std::string::npos);
}

TEST_CASE("addresses are taken with a name or without, and nothing else") {
    CHECK(parse_mailbox("a@b.c")->address == "a@b.c");
    CHECK(parse_mailbox(" 运维 <ops@b.c> ")->name == "运维");
    CHECK(parse_mailbox("\"A, B\" <ops@b.c>")->name == "A, B");
    for (const auto* const bad : {"", "a", "@b", "a@", "a b@c.d", "a@b@c", "a@b.c, d@e.f",
                                  "a@b.c\r\nDATA", "用户@b.c", "<a@b.c", "a\r\nb <a@b.c>"}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_mailbox(bad));
    }
}
