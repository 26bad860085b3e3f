#include <algorithm>
#include <array>
#include <iterator>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "notifiers/api.h"
#include "notifiers/providers.h"
#include "notifiers/rendering.h"

// DingTalk's custom robot: markdown, limited by the bytes of the whole request; the signature
// stands in the URL, of milliseconds. One message too many a minute costs ten minutes of silence.
// One number means four refusals, which only the text tells apart.
namespace quotafuse::notifiers {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

constexpr std::size_t kMostBytes = 20'000;
constexpr std::chrono::seconds kRateWait = 600s;

enum Code : std::int64_t {
    busy = -1,
    too_large = 460101,
    security = 310000,
    firewall = 1111,  // a status, where there may be no errcode
};

constexpr auto kPermanent = Outcome::Kind::permanent;
constexpr auto kTransient = Outcome::Kind::transient;
constexpr std::string_view kGone =
    "the robot is gone or the webhook is wrong: copy it anew from the group's robot settings";
constexpr std::array kMeanings = {
    Meaning{300005, kPermanent, kGone},
    Meaning{300001, kPermanent, kGone},
    Meaning{400013, kPermanent, "the group was dissolved: set up a robot in another one"},
    Meaning{400101, kPermanent, kGone},
    Meaning{400102, kPermanent, "the robot was stopped: start it in the group's settings"},
    Meaning{400105, kPermanent, {}, true},
    Meaning{400106, kPermanent, kGone},
    Meaning{40035, kPermanent, {}, true},
    Meaning{43004, kPermanent},
    Meaning{too_large, kPermanent, {}, true},
    Meaning{101002, kPermanent},
    Meaning{430101, kPermanent, "DingTalk found a link in it unsafe", true},
    Meaning{430102, kPermanent, "DingTalk found its text improper", true},
    Meaning{430103, kPermanent, "DingTalk found a picture in it improper", true},
    Meaning{430104, kPermanent, "DingTalk found its content improper", true},
    Meaning{130101, kTransient, {}, false, kRateWait},
    Meaning{410100, kTransient, {}, false, kRateWait},
};

struct DingTalk final : Recipe {
    std::unique_ptr<Provider> make(const Tools& tools) const override;
    Pace pace() const override { return {robot_of("dingtalk " + token()), 0ms, 18}; }
    std::vector<std::string> secrets() const override;
    std::string route() const override { return route_of(http); }

    /// It alone says which robot it is, by whatever host or with whatever else in the URL.
    std::string token() const {
        return std::string{query_value(parse_url(webhook.reveal()).query, "access_token")};
    }

    HttpOptions http;
    base::Secret webhook;  // the whole URL
    base::Secret secret;   // signs when it is set
    std::string keyword;
    Mentions mentions;
};

std::vector<std::string> DingTalk::secrets() const {
    auto secrets = secrets_of(http);
    std::ranges::move(secrets_in_url(webhook.reveal()), std::back_inserter(secrets));
    if (!secret.empty()) secrets.push_back(secret.reveal());
    return secrets;
}

void read_webhook_of(EntryReader& entry, DingTalk& recipe) {
    const auto* const node = entry.needed("webhook");
    if (node == nullptr) return;
    const auto query = parse_url(node->text).query;
    if (!is_url(node->text, {"http", "https"}) || query_value(query, "access_token").empty()) {
        entry.error(node->place,
                    "webhook must be the whole URL of the robot, such as "
                    "https://oapi.dingtalk.com/robot/send?access_token=…");
    } else if (!query_value(query, "sign").empty()) {
        entry.error(node->place,
                    "webhook must not hold a sign, which is good for an hour: set secret instead");
    }
    recipe.webhook = base::Secret{node->text.substr(0, node->text.find('#'))};
}

void read_mentions(EntryReader& entry, DingTalk& recipe) {
    recipe.mentions = entry.mentions();
    for (const auto& who : recipe.mentions.who) {
        if (who == "all" || who.find_first_not_of("0123456789+-") == std::string::npos) continue;
        entry.error(entry.place_of("mention"), "mention must be mobile numbers, or \"all\"");
        return;
    }
}

/// Blanks before and after make it a new line instead of one space.
constexpr std::string_view kNewLine = "  \n  ";

std::string render_markdown(const Message& message, const std::vector<std::string>& mobiles) {
    auto text = fmt::format("### {} {}\n\n", mark_of(message), neutral_markdown(message.title));
    for (const auto& fact : message.facts) {
        text += fmt::format("- **{}**{}{}\n", neutral_markdown(fact.label), colon_after(fact.label),
                            neutral_markdown(fact.value));
    }
    for (const auto& section : message.sections) {
        text += '\n';
        if (!section.heading.empty()) {
            text += fmt::format("**{}**{}", neutral_markdown(section.heading), kNewLine);
        }
        for (const auto& line : section.lines) {
            text += fmt::format("{}{}", neutral_markdown(line), kNewLine);
        }
    }
    if (message.link) {
        auto label = neutral_markdown(message.link->text);
        base::replace_all(label, "]", "］");
        text += fmt::format("\n\n[{}]({})\n", label, message.link->url);
    }
    if (!mobiles.empty()) text += "\n\n";
    for (const auto& mobile : mobiles) text += fmt::format("@{} ", mobile);
    if (!message.footer.empty()) text += "\n\n> " + neutral_markdown(message.footer);
    return text;
}

class Sender final : public ChatProvider {
public:
    Sender(const DingTalk& settings, const base::Clock& clock)
        : ChatProvider(settings.http, settings.secrets(), clock),
          webhook_(settings.webhook),
          secret_(settings.secret),
          keyword_(settings.keyword),
          mentions_(settings.mentions) {}

private:
    base::Secret url() const override;
    std::string body(const Message& message, const Form& form) const override;
    std::string correct(Form& form, const json& answer) override;
    Outcome judge(const HttpReply& reply, const json& answer) const override;
    std::string advice_about_security(const HttpReply& reply, const std::string& said) const;

    base::Secret webhook_;
    base::Secret secret_;
    std::string keyword_;
    Mentions mentions_;
};

/// Keyed with the secret alone, of time and secret: not Feishu's way.
base::Secret Sender::url() const {
    if (secret_.empty()) return webhook_;
    const auto timestamp = api().clock().wall().time_since_epoch().count();
    const auto sign =
        base64(hmac_sha256(secret_.reveal(), fmt::format("{}\n{}", timestamp, secret_.reveal())));
    return base::Secret{fmt::format("{}&timestamp={}&sign={}", webhook_.reveal(), timestamp,
                                    base::percent_encode(sign))};
}

std::string Sender::body(const Message& message, const Form& form) const {
    auto mobiles = mentions_.called_by(message);
    const bool all = std::erase(mobiles, "all") > 0;
    const auto render = [&](const Message& part) {
        const auto title = fmt::format("{} {}", mark_of(part), part.title);
        auto text = render_markdown(part, mobiles);
        // As it is written, though it may be markup: else the robot does not find it.
        if (text.find(keyword_) == std::string::npos) text += "\n\n" + keyword_;
        json request = {{"msgtype", "markdown"}, {"markdown", {{"title", title}, {"text", text}}}};
        if (all || !mobiles.empty()) request["at"] = {{"atMobiles", mobiles}, {"isAtAll", all}};
        return request.dump();
    };
    const auto most = form.shorter ? kMostBytes / 2 : kMostBytes;
    return render_to_fit(with_keyword(message, keyword_), kMostBytes, render,
                         [&](const auto& request) { return request.size() <= most; });
}

std::string Sender::correct(Form& form, const json& answer) {
    const auto code = number_in(answer, "errcode").value_or(0);
    if (code == too_large && !form.shorter) {
        form.shorter = true;
        return fmt::format("shortened after {}", code);
    }
    if (code == security && !secret_.empty() && !form.again &&
        text_in(answer, "errmsg").find("invalid timestamp") != std::string::npos) {
        form.again = true;
        return "signed again";
    }
    return {};
}

std::string Sender::advice_about_security(const HttpReply& reply, const std::string& said) const {
    const auto says = [&](const char* text) { return said.find(text) != std::string::npos; };
    if (says("keyword")) {
        return "the robot demands a keyword: set keyword to one of those in its settings";
    }
    if (says("whitelist")) {
        return fmt::format("the robot takes messages from listed addresses only: add {} there",
                           our_address_in(said));
    }
    if (!says("sign") && !says("timestamp")) {
        return "the robot's security settings (keyword, signature, addresses) refuse it";
    }
    return secret_.empty() ? "the robot demands signatures: set secret to the one (SEC…) of its "
                             "settings"
                           : advice_about_sign(reply, api().clock());
}

Outcome Sender::judge(const HttpReply& reply, const json& answer) const {
    const auto code = number_in(answer, "errcode");
    const auto said = text_in(answer, "errmsg");
    if (number_in(answer, "status") == firewall) {
        return api().wait(kRateWait, fmt::format("DingTalk's firewall: {}", reply.body));
    }
    if (!code) return api().without_verdict(reply);
    if (*code == 0) return api().outcome(Outcome::Kind::ok, "");
    const auto why = fmt::format("DingTalk {}: {}", *code, said);
    if (*code == busy) return for_a_day(api().outcome(kTransient, why));
    if (*code != security) return api().outcome(meaning_of(kMeanings, *code), why);
    auto outcome = api().outcome(kPermanent, why);
    outcome.advice = advice_about_security(reply, said);
    return outcome;
}

std::unique_ptr<Provider> DingTalk::make(const Tools& tools) const {
    return std::make_unique<Sender>(*this, tools.clock);
}

}  // namespace

std::shared_ptr<const Recipe> read_dingtalk(EntryReader& entry) {
    const auto recipe = std::make_shared<DingTalk>();
    read_webhook_of(entry, *recipe);
    recipe->secret = base::Secret{entry.map().text("secret").value_or("")};
    recipe->keyword = entry.keyword();
    read_mentions(entry, *recipe);
    recipe->http = entry.transport();
    return recipe;
}

}  // namespace quotafuse::notifiers
