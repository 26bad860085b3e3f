#include <algorithm>
#include <array>
#include <cstdlib>
#include <iterator>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "notifiers/api.h"
#include "notifiers/providers.h"
#include "notifiers/rendering.h"

// WeCom's group robot: markdown without any escape syntax, limited in bytes of the content, in raw
// UTF-8 (a \uXXXX in the request is refused). HTTP is always 200; the errcode decides, its text may
// change. Nobody but a plain text can call everybody.
namespace quotafuse::notifiers {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

constexpr std::size_t kMostOfMarkdown = 4096;
constexpr std::size_t kMostOfText = 2048;
/// Exceeding 20 messages a minute blocks the robot for a minute.
constexpr std::chrono::seconds kRateWait = 60s;
constexpr int kTriesWhenBusy = 3;
constexpr int kTriesOfCall = 2;

enum Code : std::int64_t {
    invalid_parameter = 40058,  // also: too long
    address_refused = 60020,
};

constexpr auto kPermanent = Outcome::Kind::permanent;
constexpr auto kTransient = Outcome::Kind::transient;
constexpr std::string_view kGone =
    "the robot was removed or the key is wrong: copy the webhook anew from the group's robot";
constexpr std::array kMeanings = {
    Meaning{93000, kPermanent, kGone},
    Meaning{93017, kPermanent, kGone},
    Meaning{address_refused, kPermanent},
    Meaning{40008, kPermanent, {}, true},
    Meaning{40033, kPermanent, {}, true},
    Meaning{40035, kPermanent, {}, true},
    Meaning{invalid_parameter, kPermanent, {}, true},
    Meaning{44004, kPermanent, {}, true},
    Meaning{45002, kPermanent, {}, true},
    Meaning{45009, kTransient, {}, false, kRateWait},
    Meaning{45033, kTransient},
    Meaning{-1, kTransient, {}, false, 0s, kTriesWhenBusy},
};

enum class Format { markdown, markdown_v2, text };

struct WeCom final : Recipe {
    std::unique_ptr<Provider> make(const Tools& tools) const override;
    Pace pace() const override { return {robot_of("wecom " + key()), 0ms, 18}; }
    std::size_t most_lines() const override { return format == Format::text ? 10 : 20; }
    std::vector<std::string> secrets() const override;
    std::string route() const override { return route_of(http); }

    /// It alone says which robot it is, by whatever host or with whatever else in the URL.
    std::string key() const {
        return std::string{query_value(parse_url(webhook.reveal()).query, "key")};
    }

    HttpOptions http;
    base::Secret webhook;  // the whole URL
    Format format = Format::markdown;
    Mentions mentions;
};

std::vector<std::string> WeCom::secrets() const {
    auto secrets = secrets_of(http);
    std::ranges::move(secrets_in_url(webhook.reveal()), std::back_inserter(secrets));
    return secrets;
}

void read_webhook_of(EntryReader& entry, WeCom& recipe) {
    const auto* const node = entry.needed("webhook");
    if (node == nullptr) return;
    if (!is_url(node->text, {"http", "https"}) ||
        query_value(parse_url(node->text).query, "key").empty()) {
        entry.error(node->place,
                    "webhook must be the whole URL of the robot, such as "
                    "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=…");
    }
    recipe.webhook = base::Secret{node->text};
}

void read_mentions(EntryReader& entry, WeCom& recipe) {
    recipe.mentions = entry.mentions();
    for (const auto& who : recipe.mentions.who) {
        if (!who.starts_with('@') && is_word(who, "_-.@")) continue;
        entry.error(entry.place_of("mention"),
                    "mention must be userids of members, or \"all\" (without an @ in front)");
        return;
    }
}

/// The first flavour of markdown knows less: less has to be altered.
std::string neutral(std::string_view text) {
    std::string line{text};
    base::replace_all(line, "<", "＜");
    base::replace_all(line, "`", "'");
    base::replace_all(line, "**", "*＊");
    base::replace_all(line, "](", "]（");
    if (line.starts_with('#')) line.replace(0, 1, "＃");
    if (line.starts_with('>')) line.replace(0, 1, "＞");
    return line;
}

/// Inside of backticks only the backtick itself means anything. "<" might still open a tag.
std::string inline_code(std::string_view text) {
    std::string line{text};
    base::replace_all(line, "<", "＜");
    base::replace_all(line, "`", "'");
    return line.empty() ? line : "`" + line + "`";
}

/// Green, grey and an orange-red are all the colours there are.
const char* colour_of(const Message& message) {
    switch (tone_of(message)) {
        case Tone::good:
        case Tone::calm:
            return "info";
        case Tone::report:
        case Tone::trial:
            return "comment";
        case Tone::warning:
        case Tone::alarm:
        case Tone::action:
            return "warning";
    }
    std::abort();
}

std::string link_of(const Message& message, std::string (*safe)(std::string_view)) {
    if (!message.link) return {};
    auto text = safe(message.link->text);
    base::replace_all(text, "]", "］");
    return fmt::format("\n[{}]({})\n", text, message.link->url);
}

std::string render_markdown(const Message& message, const std::vector<std::string>& called) {
    auto text = fmt::format("### <font color=\"{}\">{} {}</font>\n", colour_of(message),
                            mark_of(message), neutral(message.title));
    for (const auto& fact : message.facts) {
        text += fmt::format("> {}{}{}\n", neutral(fact.label), colon_after(fact.label),
                            inline_code(fact.value));
    }
    for (const auto& section : message.sections) {
        text += '\n';
        if (!section.heading.empty()) text += fmt::format("**{}**\n", neutral(section.heading));
        for (const auto& line : section.lines) text += neutral(line) + '\n';
    }
    text += link_of(message, neutral);
    for (const auto& who : called) {
        if (who != "all") text += fmt::format("<@{}>", who);
    }
    if (!message.footer.empty()) {
        text += fmt::format("\n<font color=\"comment\">{}</font>", neutral(message.footer));
    }
    return text;
}

std::string render_markdown_v2(const Message& message) {
    auto text = fmt::format("## {} {}\n", mark_of(message), neutral_markdown(message.title));
    for (const auto& fact : message.facts) {
        text += fmt::format("- **{}**{}{}\n", neutral_markdown(fact.label), colon_after(fact.label),
                            neutral_markdown(fact.value));
    }
    for (const auto& section : message.sections) {
        text += '\n';
        if (!section.heading.empty()) {
            text += fmt::format("### {}\n", neutral_markdown(section.heading));
        }
        for (const auto& line : section.lines) text += "- " + neutral_markdown(line) + '\n';
    }
    text += link_of(message, neutral_markdown);
    if (!message.footer.empty()) text += "\n---\n" + neutral_markdown(message.footer);
    return text;
}

/// As the service writes it.
std::vector<std::string> mentioned_list(const std::vector<std::string>& called) {
    auto list = called;
    std::replace(list.begin(), list.end(), std::string{"all"}, std::string{"@all"});
    return list;
}

class Sender final : public ChatProvider {
public:
    Sender(const WeCom& settings, const base::Clock& clock)
        : ChatProvider(settings.http, settings.secrets(), clock),
          webhook_(settings.webhook),
          format_(settings.format),
          mentions_(settings.mentions) {}

private:
    base::Secret url() const override { return webhook_; }
    std::string body(const Message& message, const Form& form) const override;
    std::string correct(Form& form, const json& answer) override;
    Outcome judge(const HttpReply& reply, const json& answer) const override;
    void follow(const Message& message, Outcome& outcome) override;

    base::Secret webhook_;
    Format format_;
    Mentions mentions_;
};

json text_request(const std::string& content, const std::vector<std::string>& called) {
    json text = {{"content", content}};
    if (!called.empty()) text["mentioned_list"] = mentioned_list(called);
    return {{"msgtype", "text"}, {"text", std::move(text)}};
}

std::string Sender::body(const Message& message, const Form& form) const {
    const auto called = mentions_.called_by(message);
    const auto whole = format_ == Format::text ? kMostOfText : kMostOfMarkdown;
    const auto most = form.shorter ? whole / 2 : whole;
    const auto content = render_to_fit(
        message, whole,
        [&](const Message& part) {
            return format_ == Format::text       ? plain_text(part)
                   : format_ == Format::markdown ? render_markdown(part, called)
                                                 : render_markdown_v2(part);
        },
        [&](const auto& text) { return text.size() <= most; });
    if (format_ == Format::text) return text_request(content, called).dump();
    const auto* const type = format_ == Format::markdown ? "markdown" : "markdown_v2";
    return json{{"msgtype", type}, {type, {{"content", content}}}}.dump();
}

std::string Sender::correct(Form& form, const json& answer) {
    if (number_in(answer, "errcode") != invalid_parameter || form.shorter) return {};
    form.shorter = true;
    return fmt::format("shortened after {}", static_cast<std::int64_t>(invalid_parameter));
}

Outcome Sender::judge(const HttpReply& reply, const json& answer) const {
    const auto code = number_in(answer, "errcode");
    if (!code) return api().without_verdict(reply);
    const auto said = text_in(answer, "errmsg");
    if (*code == 0) return api().outcome(Outcome::Kind::ok, said == "ok" ? "" : said);
    auto outcome =
        api().outcome(meaning_of(kMeanings, *code), fmt::format("WeCom {}: {}", *code, said));
    if (*code == address_refused) {
        outcome.advice = fmt::format("let {} send, in the robot's settings", our_address_in(said));
    }
    return outcome;
}

/// Whom markdown cannot call is called by a short text of its own. The message has arrived: what
/// becomes of the call is a remark, not a reason to send it all again; so it is tried twice here.
void Sender::follow(const Message& message, Outcome& outcome) {
    auto called = mentions_.called_by(message);
    if (format_ == Format::text) return;
    if (format_ == Format::markdown) {
        std::erase_if(called, [](const std::string& who) { return who != "all"; });
    }
    if (called.empty()) return;
    const auto title = base::cut_bytes(one_line(message.title), kMostOfText / 2);
    const auto text = text_request(fmt::format("{} {}", mark_of(message), title), called)
                          .dump(-1, ' ', false, json::error_handler_t::replace);
    Outcome verdict;
    for (int tries = 0; tries < kTriesOfCall; ++tries) {
        const auto reply = api().post(webhook_, text);
        verdict = judge(reply, answer_in(reply));
        ++outcome.requests;
        if (verdict.kind == Outcome::Kind::ok) return;
        if (verdict.kind == Outcome::Kind::permanent || verdict.wait > 0s) break;
    }
    outcome.wait = verdict.wait;
    outcome.advice = verdict.advice;
    outcome.why = api().shown(fmt::format("{} it arrived, but {} could not be called: {}",
                                          outcome.why, fmt::join(called, ", "), verdict.why));
}

std::unique_ptr<Provider> WeCom::make(const Tools& tools) const {
    return std::make_unique<Sender>(*this, tools.clock);
}

}  // namespace

std::shared_ptr<const Recipe> read_wecom(EntryReader& entry) {
    const auto recipe = std::make_shared<WeCom>();
    read_webhook_of(entry, *recipe);
    const auto format = entry.map().choice("format", {"markdown", "markdown_v2", "text"});
    recipe->format = static_cast<Format>(format.value_or(0));
    read_mentions(entry, *recipe);
    recipe->http = entry.transport();
    return recipe;
}

}  // namespace quotafuse::notifiers
