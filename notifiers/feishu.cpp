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

// Feishu's (and Lark's) custom bot: a card, signed afresh on each try, limited by the bytes of the
// whole request; a refused card goes out as text. HTTP 200 says nothing, the number in the body
// decides.
namespace quotafuse::notifiers {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

constexpr std::size_t kMostBytes = 20'000;
constexpr std::chrono::seconds kRateWait = 5s;

enum Code : std::int64_t {
    internal_error = 2200,
    bad_request = 9499,  // also "too many request"
    rate_limited = 11232,
    gateway_limited = 99991400,
    card_refused = 11246,
    sign_refused = 19021,
    too_large = 19036,
};

constexpr auto kPermanent = Outcome::Kind::permanent;
constexpr std::array kMeanings = {
    Meaning{19001, kPermanent,
            "the bot is gone or the webhook is wrong: copy it anew from the group's bot settings"},
    Meaning{19002, kPermanent},
    Meaning{19021, kPermanent},
    Meaning{19022, kPermanent,
            "the bot takes messages from listed addresses only: add this host's public address "
            "(or its proxy's) in the bot's security settings"},
    Meaning{19024, kPermanent,
            "the bot demands a keyword: set keyword to one of those in its security settings"},
    Meaning{19036, kPermanent, {}, true},
    Meaning{11246, kPermanent, {}, true},
    Meaning{9499, kPermanent, {}, true},
};

struct Feishu final : Recipe {
    std::unique_ptr<Provider> make(const Tools& tools) const override;
    Pace pace() const override { return {robot_of("feishu " + token()), 250ms, 90}; }
    std::vector<std::string> secrets() const override;
    std::string route() const override { return route_of(http); }

    /// It alone says which bot it is, by whatever host.
    std::string token() const {
        return std::string{last_segment(parse_url(webhook.reveal()).path)};
    }

    HttpOptions http;
    base::Secret webhook;  // the whole URL
    base::Secret secret;   // signs when it is set
    std::string keyword;
    Mentions mentions;
};

std::vector<std::string> Feishu::secrets() const {
    auto secrets = secrets_of(http);
    std::ranges::move(secrets_in_url(webhook.reveal()), std::back_inserter(secrets));
    std::erase(secrets, "open-apis");  // of every such URL
    if (!secret.empty()) secrets.push_back(secret.reveal());
    return secrets;
}

void read_webhook_of(EntryReader& entry, Feishu& recipe) {
    const auto* const node = entry.needed("webhook");
    if (node == nullptr) return;
    const auto url = parse_url(node->text);
    if (url.path.starts_with("/open-apis/bot/hook/")) {
        entry.error(node->place,
                    "webhook is of the legacy protocol (/open-apis/bot/hook/…); "
                    "create a custom bot, whose URL has /open-apis/bot/v2/hook/…");
    } else if (!is_url(node->text, {"http", "https"}) || last_segment(url.path).empty() ||
               url.path.find("/bot/v2/hook/") == std::string_view::npos) {
        entry.error(node->place,
                    "webhook must be the whole URL of the bot, such as "
                    "https://open.feishu.cn/open-apis/bot/v2/hook/…");
    }
    recipe.webhook = base::Secret{node->text};
}

void read_mentions(EntryReader& entry, Feishu& recipe) {
    recipe.mentions = entry.mentions();
    for (const auto& who : recipe.mentions.who) {
        if (is_word(who, "_-")) continue;
        entry.error(entry.place_of("mention"),
                    "mention must be open_ids (ou_…) or \"all\"; e-mail addresses and names are "
                    "none");
        return;
    }
}

/// The length of an entity such as "&#60;" at the start of `text`, 0 if there is none.
std::size_t entity_length(std::string_view text) {
    const auto end = text.find(';');
    if (end == std::string_view::npos || end < 2 || end > 32) return 0;
    const auto name = text.substr(1, end - 1);
    const bool plain = name.find_first_not_of(
                           "#0123456789abcdefghijklmnopqrstuvwxyz"
                           "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == std::string_view::npos;
    return plain ? end + 1 : 0;
}

/// Card markdown has no backslash escapes; its own way are entities. A "&" alone stays as it is.
std::string escape(std::string_view text) {
    constexpr std::string_view kSpecial = "<>*_`[]()#-!\\:$+\"'/";
    std::string escaped;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = text[i];
        const bool special = kSpecial.find(c) != std::string_view::npos ||
                             (c == '&' && entity_length(text.substr(i)) > 0);
        if (c == '~') {
            escaped += "&sim;";
        } else if (special) {
            escaped += fmt::format("&#{};", static_cast<int>(c));
        } else {
            escaped += c;
        }
    }
    return escaped;
}

/// Of a card's head.
const char* template_of(const Message& message) {
    switch (tone_of(message)) {
        case Tone::good:
            return "green";
        case Tone::calm:
            return "blue";
        case Tone::warning:
            return "orange";
        case Tone::alarm:
            return "red";
        case Tone::action:
            return "violet";
        case Tone::report:
            return "turquoise";
        case Tone::trial:
            return "grey";
    }
    std::abort();
}

json markdown(const std::string& content) {
    return {{"tag", "markdown"}, {"content", content}};
}

std::string facts_of(const Message& message) {
    std::string text;
    for (const auto& fact : message.facts) {
        text += fmt::format("**{}**{}{}\n", escape(fact.label), colon_after(fact.label),
                            escape(fact.value));
    }
    return text;
}

std::string render_section(const Message::Section& section) {
    std::string text;
    if (!section.heading.empty()) text = fmt::format("**{}**\n", escape(section.heading));
    for (const auto& line : section.lines) text += escape(line) + '\n';
    return text;
}

/// Card 2.0 with the parts that are least likely to be refused. The title is plain text: nothing to
/// escape.
json card(const Message& message, const std::vector<std::string>& called) {
    auto elements = json::array();
    if (!message.facts.empty()) elements.push_back(markdown(facts_of(message)));
    for (const auto& section : message.sections) {
        elements.push_back(markdown(render_section(section)));
    }
    std::string calls;
    for (const auto& who : called) calls += fmt::format("<at id={}></at> ", who);
    if (!calls.empty()) elements.push_back(markdown(calls));
    if (message.link) {
        elements.push_back({{"tag", "button"},
                            {"type", "default"},
                            {"text", {{"tag", "plain_text"}, {"content", message.link->text}}},
                            {"behaviors", json::array({{{"type", "open_url"},
                                                        {"default_url", message.link->url}}})}});
    }
    if (!message.footer.empty()) {
        elements.push_back({{"tag", "hr"}});
        elements.push_back(markdown(escape(message.footer)));
    }
    const auto title = fmt::format("{} {}", mark_of(message), message.title);
    return {{"msg_type", "interactive"},
            {"card",
             {{"schema", "2.0"},
              {"header",
               {{"template", template_of(message)},
                {"title", {{"tag", "plain_text"}, {"content", title}}}}},
              {"body", {{"elements", std::move(elements)}}}}}};
}

/// In a text "<at …>" calls people: ours only.
json text(const Message& message, const std::vector<std::string>& called) {
    auto content = plain_text(message);
    base::replace_all(content, "<", "＜");
    if (!called.empty()) content += '\n';
    for (const auto& who : called) content += fmt::format("<at user_id=\"{}\"></at> ", who);
    return {{"msg_type", "text"}, {"content", {{"text", content}}}};
}

/// The current form has "code", the older one "StatusCode".
std::optional<std::int64_t> code_of(const json& answer) {
    const auto code = number_in(answer, "code");
    return code ? code : number_in(answer, "StatusCode");
}

bool means_rate(std::int64_t code, const std::string& said) {
    return code == rate_limited || code == gateway_limited ||
           (code == bad_request && said.find("too many") != std::string::npos);
}

class Sender final : public ChatProvider {
public:
    Sender(const Feishu& settings, const base::Clock& clock)
        : ChatProvider(settings.http, settings.secrets(), clock),
          webhook_(settings.webhook),
          secret_(settings.secret),
          keyword_(settings.keyword),
          mentions_(settings.mentions) {}

private:
    base::Secret url() const override { return webhook_; }
    std::string body(const Message& message, const Form& form) const override;
    std::string correct(Form& form, const json& answer) override;
    Outcome judge(const HttpReply& reply, const json& answer) const override;

    base::Secret webhook_;
    base::Secret secret_;
    std::string keyword_;
    Mentions mentions_;
};

std::string Sender::body(const Message& message, const Form& form) const {
    const auto timestamp = std::to_string(base::unix_seconds(api().clock().now()));
    // Keyed with both, over nothing: Feishu's way, not DingTalk's.
    const auto sign = secret_.empty()
                          ? std::string{}
                          : base64(hmac_sha256(timestamp + "\n" + secret_.reveal(), ""));
    const auto called = mentions_.called_by(message);
    const auto render = [&](const Message& part) {
        auto request = form.plain ? text(part, called) : card(part, called);
        if (!secret_.empty()) {
            request["timestamp"] = timestamp;
            request["sign"] = sign;
        }
        return request.dump();
    };
    const auto most = form.shorter ? kMostBytes / 2 : kMostBytes;
    return render_to_fit(with_keyword(message, keyword_), kMostBytes, render,
                         [&](const auto& request) { return request.size() <= most; });
}

std::string Sender::correct(Form& form, const json& answer) {
    const auto code = code_of(answer).value_or(0);
    const auto said = text_in(answer, "msg");
    if ((code == card_refused || code == bad_request) && !means_rate(code, said) && !form.plain) {
        form.plain = true;
        return fmt::format("sent as text after {} '{}'", code, said);
    }
    if (code == sign_refused && !secret_.empty() && !form.again) {
        form.again = true;
        return "signed again";
    }
    if (code == too_large && !form.shorter) {
        form.shorter = true;
        return fmt::format("shortened after {}", code);
    }
    return {};
}

Outcome Sender::judge(const HttpReply& reply, const json& answer) const {
    const auto code = code_of(answer);
    if (!code) return api().without_verdict(reply);
    if (*code == 0) return api().outcome(Outcome::Kind::ok, "");
    const auto said = text_in(answer, "msg");
    const auto why = fmt::format("Feishu {}: {}", *code, said);
    if (means_rate(*code, said)) {
        return api().wait(std::max(kRateWait, reply.seconds("x-ogw-ratelimit-reset")), why);
    }
    if (reply.status >= 500 || *code == internal_error)
        return for_a_day(api().outcome(Outcome::Kind::transient, why));
    auto outcome = api().outcome(meaning_of(kMeanings, *code), why);
    if (*code == sign_refused) {
        outcome.advice = secret_.empty()
                             ? "the bot demands signatures: set secret to the one in its settings"
                             : advice_about_sign(reply, api().clock());
    }
    return outcome;
}

std::unique_ptr<Provider> Feishu::make(const Tools& tools) const {
    return std::make_unique<Sender>(*this, tools.clock);
}

}  // namespace

std::shared_ptr<const Recipe> read_feishu(EntryReader& entry) {
    const auto recipe = std::make_shared<Feishu>();
    read_webhook_of(entry, *recipe);
    recipe->secret = base::Secret{entry.map().text("secret").value_or("")};
    recipe->keyword = entry.keyword();
    read_mentions(entry, *recipe);
    recipe->http = entry.transport();
    return recipe;
}

}  // namespace quotafuse::notifiers
