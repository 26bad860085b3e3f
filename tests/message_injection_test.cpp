#include <algorithm>
#include <regex>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "message_renderings.h"
#include "message_samples.h"
#include "notifiers/rendering.h"

// Names in the log are written by strangers: a model may be called anything.
using namespace quotafuse;
using namespace quotafuse::tests;

namespace {

const std::vector<std::string> kHostile = {
    "<at id=all></at>",
    "<at user_id=\"all\">all</at>",
    "&#60;at id=all&#62;",
    "<@all> @all @everyone @channel",
    "<b>bold</b></b><i>",
    "<script>alert(1)</script><!--",
    "<a href=\"tg://user?id=1\">x</a>",
    "[click](https://evil.example)",
    "![x](https://evil.example/x.png)",
    "</font><font color=\"info\">green",
    "**bold** __u__ ~~s~~ `code` ```block",
    "# head",
    "> quote",
    "a\r\nBcc: all@evil.example\r\n\r\nbody",
    "a\r\n.\r\nQUIT",
    "left \u202Eright\u202C \u2066x\u2069 \u200Fy",
    "zero\u200Bwidth\u200Djoin\uFEFF",
    "\x1b[2Jclear\x07\x9b",
    "{\"a\": \"b\\\"}",
    "\xF0\x28\x8C\x28 no UTF-8",
};

daemon::Config config_with(const std::string& site) {
    daemon::Config config;
    config.site = site;
    config.language = daemon::Language::english;
    return config;
}

alerts::Notice notice_with(const std::string& name) {
    auto notice = Samples::notice();
    notice.key.front().display = "3 (" + name + ")";
    notice.summary = name;
    for (auto& contribution : notice.contributions)
        for (auto& part : contribution.parts) part.name.display = name;
    return notice;
}

/// The name in every place where a name of the log, of the gateway or of a rule may stand.
notifiers::Message message_with(const std::string& name) {
    const auto notice = notice_with(name);
    circuit_breaker::TripResult trip;
    trip.kind = circuit_breaker::TripResult::Kind::refused;
    trip.name = name;
    explain(trip, {.kind = circuit_breaker::TripCause::Kind::last_usable, .pairs = {{name, 3}}});
    auto model = trip;
    model.request.target = circuit_breaker::Target::of_model(3, name);
    auto key = trip;
    key.request.target = circuit_breaker::Target::of_token(17);
    explain(key, {.kind = circuit_breaker::TripCause::Kind::same_key, .count = 90, .detail = name});
    auto nameless = key;  // One API tells keys by their names
    nameless.request.target.token = 0;
    nameless.request.target.token_name = name;
    return daemon::Messages{config_with(name)}.alert(notice, {trip, model, key, nameless});
}

/// The same for what comes back and for what a person made of a model or key.
std::vector<notifiers::Message> returns_with(const std::string& name) {
    using circuit_breaker::Target;
    const daemon::Messages messages{config_with(name)};
    circuit_breaker::ReturnResult failed;
    failed.request.circuit.target = Target::of_model(3, name);
    failed.request.circuit.name = name;
    failed.request.circuit.trip_id = "t1";
    failed.request.circuit.reason = name;
    failed.cause = {.kind = circuit_breaker::TripCause::Kind::gateway, .detail = name};
    auto key = failed.request.circuit;
    key.target = Target::of_token(17);
    return {messages.returned(failed, {}, name),
            messages.released(key, circuit_breaker::Change::enabled, {})};
}

/// The same for messages that are made of many: a batch, a late digest and a report.
std::vector<notifiers::Message> lists_with(const std::string& name) {
    const auto config = config_with(name);
    const auto notice = notice_with(name);
    const daemon::Messages messages{config};
    const notifiers::Bundle bundle{notifiers::Bundle::Why::batch,
                                   {{message_with(name), {}}, {messages.alert(notice), {}}}};
    daemon::ReportFacts facts;
    daemon::ReportFacts::Object object;
    object.name = name;
    object.dollars = 3;
    facts.channels = facts.models = facts.keys = {object};
    facts.alerts = {{name, 3}};
    facts.trips = {{{}, circuit_breaker::Target::of_channel(3), name, true, false, false, 310.0}};
    const notifiers::ReportPlan plan{false, std::chrono::Tuesday, std::chrono::hours{9}};
    const auto due = daemon::last_due(plan, config.timezone, base::from_unix(1'767'625'260));
    return {daemon::BundleText{config}(bundle), messages.late({notice, notice}, {}),
            daemon::ReportText{config}(facts, plan, due, "report-1", {})};
}

std::size_t lines_in(const std::string& text) {
    return static_cast<std::size_t>(std::ranges::count(text, '\n'));
}

const std::string& text_by(const std::vector<Rendering>& all, std::string_view provider) {
    return std::ranges::find(all, provider, &Rendering::provider)->text;
}

bool contains(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("no name calls anybody or adds a line, whichever service shows it") {
    const auto harmless = render_everywhere(message_with("gpt-4o"));
    for (const auto& name : kHostile) {
        CAPTURE(name);
        const auto all = render_everywhere(message_with(name));
        REQUIRE(all.size() == harmless.size());
        for (std::size_t i = 0; i < all.size(); ++i) {
            CAPTURE(all[i].provider);
            CHECK(all[i].mentioned.empty());
            CHECK(base::valid_utf8(all[i].text) == all[i].text);
            if (all[i].provider != "smtp")  // whose headers are folded
                CHECK(lines_in(all[i].text) == lines_in(harmless[i].text));
        }
    }
}

TEST_CASE("no name calls anybody or adds a line to a list, a digest or a report") {
    const auto harmless = lists_with("gpt-4o");
    for (const auto& name : kHostile) {
        CAPTURE(name);
        const auto lists = lists_with(name);
        for (std::size_t i = 0; i < lists.size(); ++i) {
            const auto plain = render_everywhere(harmless[i]);
            const auto all = render_everywhere(lists[i]);
            for (std::size_t j = 0; j < all.size(); ++j) {
                CAPTURE(i);
                CAPTURE(all[j].provider);
                CHECK(all[j].mentioned.empty());
                CHECK(base::valid_utf8(all[j].text) == all[j].text);
                if (all[j].provider != "smtp")
                    CHECK(lines_in(all[j].text) == lines_in(plain[j].text));
                if (all[j].provider != "webhook") CHECK_FALSE(contains(all[j].text, "\u202E"));
                if (all[j].provider == "dingtalk" || all[j].provider.starts_with("wecom"))
                    CHECK_FALSE(contains(all[j].text.substr(all[j].text.find('\n')), "<at"));
            }
        }
    }
}

TEST_CASE("no name of what comes back calls anybody or adds a line") {
    const auto harmless = returns_with("gpt-4o");
    for (const auto& name : kHostile) {
        CAPTURE(name);
        const auto hostile = returns_with(name);
        for (std::size_t i = 0; i < hostile.size(); ++i) {
            const auto plain = render_everywhere(harmless[i]);
            const auto all = render_everywhere(hostile[i]);
            for (std::size_t j = 0; j < all.size(); ++j) {
                CAPTURE(all[j].provider);
                CHECK(all[j].mentioned.empty());
                CHECK(base::valid_utf8(all[j].text) == all[j].text);
                if (all[j].provider != "smtp")
                    CHECK(lines_in(all[j].text) == lines_in(plain[j].text));
            }
        }
    }
}

TEST_CASE("no command that a message offers to be pasted holds a name") {
    circuit_breaker::TripResult trip;
    trip.kind = circuit_breaker::TripResult::Kind::tripped;
    trip.request.trip_id = "k3v9x2m7qa003";
    trip.request.target = circuit_breaker::Target::of_model(3, "$(reboot)");
    trip.request.leading = circuit_breaker::LeadingKey{"u4/$(reboot)", "`reboot`", 95};
    const auto message = daemon::Messages{config_with("prod")}.alert(Samples::notice(), {trip});
    int commands = 0;
    for (const auto& section : message.sections) {
        for (const auto& line : section.lines) {
            const auto at = line.find("quotafuse breaker");
            if (at == std::string::npos) continue;
            ++commands;
            CHECK(line.find_first_of("$`", at) == std::string::npos);
        }
    }
    CHECK(commands == 1);  // of the key only its name is known: there is no command for it
}

TEST_CASE("Telegram and Feishu show a name letter by letter as it is") {
    for (const auto& name : kHostile) {
        CAPTURE(name);
        auto seen = notifiers::one_line(name);
        const auto all = render_everywhere(message_with(name));
        CHECK(contains(all.at(0).shown, seen));
        base::replace_all(seen, "~", "∼");  // what a card writes in its place
        CHECK(contains(all.at(1).shown, seen));
    }
}

TEST_CASE("no name becomes a link, a tag or a style of markdown that knows no escapes") {
    for (const auto& name : kHostile) {
        CAPTURE(name);
        const auto all = render_everywhere(message_with(name));
        for (const std::string provider : {"wecom", "wecom_v2", "dingtalk"}) {
            CAPTURE(provider);
            auto text = text_by(all, provider);
            // DingTalk's title is plain text, for the list of chats.
            if (text.starts_with("title: ")) text.erase(0, text.find('\n'));
            for (const auto* const markup : {"<at", "<@", "<b>", "<script", "<a ", "**bold**",
                                             "```", "\n# head", "\n> quote", "<!--"})
                CHECK_FALSE(contains(text, markup));
            static const std::regex kLink{R"(\[[^\]]*\]\()"};
            CHECK_FALSE(std::regex_search(text, kLink));
            CHECK_FALSE(contains(text, "<font color=\"info\">green"));
        }
    }
}

TEST_CASE("in a mail a name is neither a header nor a tag") {
    for (const auto& name : kHostile) {
        CAPTURE(name);
        const auto all = render_everywhere(message_with(name));
        const auto& mail = text_by(all, "smtp");
        const auto head = mail.substr(0, mail.find("\n\n"));
        CHECK_FALSE(contains(head, "\nBcc:"));
        CHECK_FALSE(contains(mail, "\n.\n"));
        const auto html = mail.substr(mail.find("<!DOCTYPE html>"));
        for (const auto* const tag : {"<at", "<script", "<a href=\"tg:", "<i>", "<!--", "<font"})
            CHECK_FALSE(contains(html, tag));
    }
}

TEST_CASE("nothing that turns the direction of writing or commands a terminal reaches a reader") {
    for (const auto& name : kHostile) {
        CAPTURE(name);
        for (const auto& rendering : render_everywhere(message_with(name))) {
            CAPTURE(rendering.provider);
            if (rendering.provider == "webhook") continue;  // programs get names as they are
            for (const auto* const turn : {"\u202E", "\u202C", "\u2066", "\u2069", "\u200F"})
                CHECK_FALSE(contains(rendering.text, turn));
            CHECK_FALSE(contains(rendering.text, "\x1b"));
            CHECK_FALSE(contains(rendering.text, "\x07"));
        }
    }
}

TEST_CASE("programs get valid JSON whose alerts have the name as it is") {
    for (const auto& name : kHostile) {
        CAPTURE(name);
        const auto all = render_everywhere(message_with(name));
        const auto event = nlohmann::json::parse(text_by(all, "webhook"));
        CHECK(event.at("alerts").at(0).at("labels").at(0).at("name") ==
              "3 (" + base::valid_utf8(name) + ")");
    }
}
