#include <algorithm>
#include <iterator>
#include <limits>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "notifiers/api.h"
#include "notifiers/providers.h"
#include "notifiers/rendering.h"

// Telegram's sendMessage: HTML, of which one bare "<" refuses the whole message; limits in code
// points after parsing; and refusals that one other try can heal.
namespace quotafuse::notifiers {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

constexpr std::size_t kMostCodePoints = 4096;
constexpr std::size_t kMostBytes = 32768;
constexpr std::size_t kMostEntities = 100;
bool is_number(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

bool is_user_name(std::string_view text) {
    return text.starts_with('@') && is_word(text.substr(1), "_");
}

struct Telegram final : Recipe {
    std::unique_ptr<Provider> make(const Tools& tools) const override;
    Pace pace() const override;
    std::vector<std::string> secrets() const override;
    std::string route() const override { return route_of(http); }

    HttpOptions http;
    base::Secret bot_token;
    std::string chat_id;                   // a number, or @channel
    std::optional<int> thread_id;          // a topic of a forum
    std::string base_url;                  // without a slash at the end
    std::optional<base::Severity> silent;  // up to this one without a sound
    Mentions mentions;
};

Pace Telegram::pace() const {
    // Only a private chat (a positive number) is free of the limit for groups.
    const bool group = chat_id.starts_with('-') || chat_id.starts_with('@');
    // A bot in many chats: 30 messages a second in all.
    return {robot_of(bot_token.reveal() + " " + chat_id), 1050ms, group ? 18U : 0U,
            robot_of(bot_token.reveal()), 40ms};
}

std::vector<std::string> Telegram::secrets() const {
    auto secrets = secrets_of(http);
    // Of a reverse proxy: its login, or a path that only we know.
    std::ranges::move(secrets_in_url(base_url), std::back_inserter(secrets));
    secrets.push_back(bot_token.reveal());
    return secrets;
}

void read_token(EntryReader& entry, Telegram& recipe) {
    const auto* const token = entry.needed("bot_token");
    if (token == nullptr) return;
    const auto parts = base::split(token->text, ':');
    if (parts.size() != 2 || !is_number(parts[0]) || !is_word(parts[1], "-_")) {
        entry.error(token->place,
                    "bot_token must have the form 123456789:AbC…, as @BotFather gives it");
    }
    recipe.bot_token = base::Secret{token->text};
}

void read_chat(EntryReader& entry, Telegram& recipe) {
    const auto* const given = entry.map().find("chat_id");
    const bool none = given == nullptr || given->text.empty();
    if (const auto* const chat = none && entry.seeks_chats() ? nullptr : entry.needed("chat_id")) {
        std::string_view id = chat->text;
        const bool name = is_user_name(id);
        if (id.starts_with('-')) id.remove_prefix(1);
        if (!name && (!is_number(id) || id.size() > 16)) {
            // Unquoted: what stands in the wrong variable may be the token.
            entry.error(chat->place,
                        "chat_id must be a number such as -1001234567890, or @channel");
        }
        recipe.chat_id = chat->text;
    }
    if (const auto thread = entry.map().integer("thread_id", 1, std::numeric_limits<int>::max())) {
        if (*thread == 1) {
            entry.error(entry.place_of("thread_id"),
                        "thread_id 1 is the General topic, which Telegram wants left out");
        }
        recipe.thread_id = static_cast<int>(*thread);
    }
}

void read_base_url(EntryReader& entry, Telegram& recipe) {
    auto url = entry.map().text("base_url").value_or("https://api.telegram.org");
    while (url.ends_with('/')) url.pop_back();
    if (!is_url(url, {"http", "https"})) {
        entry.error(entry.place_of("base_url"), "base_url must be an http:// or https:// URL");
    }
    recipe.base_url = std::move(url);
}

void read_silent(EntryReader& entry, Telegram& recipe) {
    const auto silent =
        entry.map().choice("silent", {"info", "warning", "critical", "true", "false"});
    if (!silent || *silent == 4) return;
    recipe.silent = static_cast<base::Severity>(std::min<std::size_t>(*silent, 2));
}

void read_mentions(EntryReader& entry, Telegram& recipe) {
    recipe.mentions = entry.mentions();
    for (const auto& who : recipe.mentions.who) {
        if (is_user_name(who) || is_number(who)) continue;
        entry.error(entry.place_of("mention"),
                    "mention must be @names or the numbers of users; Telegram has no \"all\"");
        return;
    }
}

std::string escape(std::string_view text) {
    std::string html{text};
    base::replace_all(html, "&", "&amp;");
    base::replace_all(html, "<", "&lt;");
    base::replace_all(html, ">", "&gt;");
    return html;
}

/// Nothing is a mention inside of <code>; but only so many entities keep their formatting, so that
/// in a text of more "@" gives way to its full-width twin.
enum class AtSign { in_code, wide };

/// Escapes a text in which "@name" must not call that person.
std::string escape_mentions(std::string_view text, AtSign at_sign) {
    if (at_sign == AtSign::wide) {
        auto html = escape(text);
        base::replace_all(html, "@", "＠");
        return html;
    }
    std::string html;
    for (auto at = text.find('@'); at != std::string_view::npos; at = text.find('@')) {
        auto end = at + 1;
        while (end < text.size() && is_word(text.substr(end, 1), "_")) ++end;
        html += escape(text.substr(0, at));
        html += end == at + 1 ? "@" : fmt::format("<code>{}</code>", text.substr(at, end - at));
        text.remove_prefix(end);
    }
    return html + escape(text);
}

std::string call(const std::string& who) {
    if (who.starts_with('@')) return who;
    return fmt::format("<a href=\"tg://user?id={}\">{}</a>", who, who);
}

std::string render_fact(const Message::Fact& fact, AtSign at_sign) {
    const auto label = escape_mentions(fact.label, at_sign);
    if (at_sign == AtSign::wide) {
        return fmt::format("{}{}{}\n", label, colon_after(fact.label),
                           escape_mentions(fact.value, at_sign));
    }
    return fmt::format("{}{}<code>{}</code>\n", label, colon_after(fact.label), escape(fact.value));
}

std::string render_html(const Message& message, const std::vector<std::string>& called,
                        AtSign at_sign) {
    const auto safe = [&](std::string_view text) { return escape_mentions(text, at_sign); };
    auto html = fmt::format("{} <b>{}</b>\n", mark_of(message), safe(message.title));
    for (const auto& fact : message.facts) html += render_fact(fact, at_sign);
    for (const auto& section : message.sections) {
        html += '\n';
        if (!section.heading.empty()) html += fmt::format("<b>{}</b>\n", safe(section.heading));
        for (const auto& line : section.lines) html += safe(line) + '\n';
    }
    if (message.link) {  // it cannot hold <code>
        html += fmt::format("\n<a href=\"{}\">{}</a>\n", escape(message.link->url),
                            escape_mentions(message.link->text, AtSign::wide));
    }
    if (!called.empty()) html += '\n';
    for (const auto& who : called) html += call(who) + ' ';
    if (!message.footer.empty()) html += "\n" + safe(message.footer);
    return html;
}

std::string render_html(const Message& message, const std::vector<std::string>& called) {
    auto html = render_html(message, called, AtSign::in_code);
    std::size_t entities = 0;
    for (auto at = html.find("</"); at != std::string::npos; at = html.find("</", at + 1)) {
        ++entities;
    }
    return entities <= kMostEntities ? html : render_html(message, called, AtSign::wide);
}

/// Code points that a reader sees of our own HTML: a tag is none, an entity is one.
std::size_t visible_length(std::string_view html) {
    std::size_t length = 0;
    for (std::size_t i = 0; i < html.size(); ++i) {
        if (html[i] == '<') {
            i = html.find('>', i);
            continue;
        }
        if (html[i] == '&') i = html.find(';', i);
        if ((static_cast<unsigned char>(html[i]) & 0xC0U) != 0x80U) ++length;
    }
    return length;
}

/// What Telegram says of a refusal; its numbers say less. The first that fits.
struct Refusal {
    std::string_view said;
    std::string_view advice;
    bool of_this_text = false;
};
constexpr std::array kRefusals = {
    Refusal{"chat not found",
            "the bot does not know this chat: check chat_id, and that the bot is in the chat"},
    Refusal{"chat_id is empty", "set chat_id"},
    Refusal{"rights to send", "let the bot write there (in a channel only administrators can)"},
    Refusal{"CHAT_WRITE_FORBIDDEN",
            "let the bot write there (in a channel only administrators can)"},
    Refusal{"write access", "let the bot write there (in a channel only administrators can)"},
    Refusal{"administrator rights", "make the bot an administrator of the channel"},
    Refusal{"TOPIC_CLOSED", "open the topic again, or set another thread_id"},
    Refusal{"message thread not found", "check thread_id: the chat has no such topic"},
    Refusal{"upgraded to a supergroup", "the group has a new number: set chat_id to it"},
    Refusal{"blocked by the user", "the person has blocked the bot: unblock it there"},
    Refusal{"kicked", "the bot was removed from the chat: add it again"},
    Refusal{"not a member", "the bot is not in the chat: add it"},
    Refusal{"was deleted", "the chat is gone: set another chat_id"},
    Refusal{"deactivated", "the person's account is gone: set another chat_id"},
    Refusal{"initiate conversation", "the person must press Start in a chat with the bot first"},
    Refusal{"messages to the bot", "chat_id is the number of a bot: set that of a person or group"},
    Refusal{"message text is empty", "", true},
    Refusal{"text must be", "", true},
    Refusal{"strings must be", "", true},
    Refusal{"can't parse entities", "", true},
    Refusal{"is too long", "", true},
    Refusal{"Unauthorized", "the token is wrong or was revoked: copy it anew from @BotFather"},
    Refusal{"unallowed token", "this Bot API server does not serve this bot: check base_url"},
    Refusal{"Not Found", "bot_token is no token, or base_url is no Bot API server: check both"},
    Refusal{"terminated by other getUpdates",
            "another program reads this bot's messages: stop it for a moment"},
    Refusal{"can't use getUpdates",
            "the bot has a webhook, which takes the messages that would show its chats"},
};

json parameters(const json& answer) {
    return answer.is_object() ? answer.value("parameters", json{}) : json{};
}

class Sender final : public ChatProvider {
public:
    Sender(const Telegram& settings, const base::Clock& clock)
        : ChatProvider(settings.http, settings.secrets(), clock),
          bot_(settings.base_url + "/bot" + settings.bot_token.reveal()),
          chat_id_(settings.chat_id),
          thread_id_(settings.thread_id),
          silent_(settings.silent),
          mentions_(settings.mentions) {}

    std::optional<Chats> chats() override;

private:
    base::Secret url() const override { return base::Secret{bot_.reveal() + "/sendMessage"}; }
    std::string body(const Message& message, const Form& form) const override;
    std::string correct(Form& form, const json& answer) override;
    Outcome judge(const HttpReply& reply, const json& answer) const override;

    base::Secret bot_;
    std::string chat_id_;
    std::optional<int> thread_id_;
    std::optional<base::Severity> silent_;
    Mentions mentions_;
};

std::string Sender::body(const Message& message, const Form& form) const {
    const auto most = form.shorter ? kMostCodePoints / 2 : kMostCodePoints;
    const auto called = mentions_.called_by(message);
    const auto render = [&](const Message& part) {
        return form.plain ? plain_text(part) : render_html(part, called);
    };
    const auto fits = [&](const std::string& text) {
        return text.size() <= kMostBytes &&
               (form.plain ? base::count_code_points(text) : visible_length(text)) <= most;
    };
    json request = {{"text", render_to_fit(message, kMostBytes, render, fits)},
                    {"link_preview_options", {{"is_disabled", true}}}};
    if (chat_id_.starts_with('@')) {
        request["chat_id"] = chat_id_;
    } else {
        request["chat_id"] = std::stoll(chat_id_);
    }
    if (!form.plain) request["parse_mode"] = "HTML";
    if (thread_id_ && !form.off_topic) request["message_thread_id"] = *thread_id_;
    if (silent_ && message.severity <= *silent_) request["disable_notification"] = true;
    return request.dump();
}

std::string Sender::correct(Form& form, const json& answer) {
    const auto description = text_in(answer, "description");
    const auto says = [&](const char* text) { return description.find(text) != std::string::npos; };
    if (const auto chat = number_in(parameters(answer), "migrate_to_chat_id");
        chat && std::to_string(*chat) != chat_id_) {
        chat_id_ = std::to_string(*chat);
        return fmt::format("the group became a supergroup: set chat_id to {}", chat_id_);
    }
    if (says("can't parse entities") && !form.plain) {
        form.plain = true;
        return fmt::format("sent as plain text after '{}'", description);
    }
    if ((says("message is too long") || says("text is too long")) && !form.shorter) {
        form.shorter = true;
        return fmt::format("shortened after '{}'", description);
    }
    if (says("message thread not found") && thread_id_ && !form.off_topic) {
        form.off_topic = true;
        return fmt::format("sent without thread_id {}, which this chat does not have", *thread_id_);
    }
    return {};
}

Outcome Sender::judge(const HttpReply& reply, const json& answer) const {
    const auto ok = answer.is_object() ? answer.value("ok", json{}) : json{};
    if (!ok.is_boolean()) return api().without_verdict(reply);
    if (ok.get<bool>()) return api().outcome(Outcome::Kind::ok, "");
    const auto code = number_in(answer, "error_code").value_or(reply.status);
    const auto description = text_in(answer, "description");
    const auto why = fmt::format("Telegram {}: {}", code, description);
    if (code == 429) {
        const auto after = number_in(parameters(answer), "retry_after");
        return api().wait(
            after ? std::chrono::seconds{*after} : reply.retry_after(api().clock().now()), why);
    }
    Meaning meaning;
    if (code >= 400 && code < 500) meaning.kind = Outcome::Kind::permanent;
    const auto* const refusal = std::find_if(
        kRefusals.begin(), kRefusals.end(),
        [&](const Refusal& one) { return description.find(one.said) != std::string::npos; });
    if (meaning.kind == Outcome::Kind::permanent && refusal != kRefusals.end()) {
        meaning.advice = refusal->advice;
        meaning.of_this_text = refusal->of_this_text;
    }
    auto outcome = api().outcome(meaning, why);
    return meaning.kind == Outcome::Kind::transient ? for_a_day(std::move(outcome)) : outcome;
}

/// "-1001234567890  supergroup  Ops"
std::string describe(const json& chat) {
    auto name = text_in(chat, "title");
    if (name.empty()) name = text_in(chat, "first_name");
    if (const auto user = text_in(chat, "username"); !user.empty()) name += " @" + user;
    return fmt::format("{}  {}  {}", number_in(chat, "id").value_or(0), text_in(chat, "type"),
                       one_line(name));
}

std::optional<Chats> Sender::chats() {
    // Without an offset nothing is taken away from whoever else reads the bot's messages.
    const auto reply = api().post(base::Secret{bot_.reveal() + "/getUpdates"}, "{}");
    const auto answer = answer_in(reply);
    Chats chats{judge(reply, answer), {}};
    if (chats.outcome.kind != Outcome::Kind::ok) return chats;
    std::set<std::string> seen;
    for (const auto& update : answer.value("result", json::array())) {
        if (!update.is_object()) continue;
        for (const auto& [what, about] : update.items()) {
            const auto chat = about.is_object() ? about.value("chat", json{}) : json{};
            if (chat.is_object() && seen.insert(describe(chat)).second) {
                chats.found.push_back(describe(chat));
            }
        }
    }
    return chats;
}

std::unique_ptr<Provider> Telegram::make(const Tools& tools) const {
    return std::make_unique<Sender>(*this, tools.clock);
}

}  // namespace

std::shared_ptr<const Recipe> read_telegram(EntryReader& entry) {
    const auto recipe = std::make_shared<Telegram>();
    read_token(entry, *recipe);
    read_chat(entry, *recipe);
    read_base_url(entry, *recipe);
    read_silent(entry, *recipe);
    read_mentions(entry, *recipe);
    recipe->http = entry.transport();
    return recipe;
}

}  // namespace quotafuse::notifiers
