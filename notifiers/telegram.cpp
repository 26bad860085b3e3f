#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "notifiers/api.h"
#include "notifiers/providers.h"
#include "notifiers/rendering.h"

// Telegram's sendMessage: HTML, of which one bare "<" refuses the whole message; limits in code
// points after parsing; and three refusals that one other try can heal.
namespace quotafuse::notifiers {
namespace {

using nlohmann::json;

constexpr std::size_t kMostCodePoints = 4096;
constexpr std::size_t kMostBytes = 32768;

bool is_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

std::string escape(std::string_view text) {
    std::string html{text};
    base::replace_all(html, "&", "&amp;");
    base::replace_all(html, "<", "&lt;");
    base::replace_all(html, ">", "&gt;");
    return html;
}

/// Escapes a text in which "@name" must not call that person: nothing is a mention inside of
/// <code>.
std::string escape_mentions(std::string_view text) {
    std::string html;
    for (auto at = text.find('@'); at != std::string_view::npos; at = text.find('@')) {
        auto end = at + 1;
        while (end < text.size() && is_name(text[end])) ++end;
        html += escape(text.substr(0, at));
        html += end == at + 1 ? "@" : fmt::format("<code>{}</code>", text.substr(at, end - at));
        text.remove_prefix(end);
    }
    return html + escape(text);
}

std::string render_html(const Message& message) {
    auto html = fmt::format("{} <b>{}</b>\n", mark_of(message), escape_mentions(message.title));
    for (const auto& fact : message.facts) {
        html +=
            fmt::format("{}: <code>{}</code>\n", escape_mentions(fact.label), escape(fact.value));
    }
    if (!message.lines.empty()) html += '\n';
    for (const auto& line : message.lines) html += escape_mentions(line) + '\n';
    if (!message.footer.empty()) html += "\n" + escape_mentions(message.footer);
    return html;
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

/// How a message is sent; each correction is made at most once.
struct Form {
    bool html = true;
    bool in_thread = true;
    std::size_t code_points = kMostCodePoints;
};

class Telegram final : public Provider {
public:
    explicit Telegram(const Settings& settings)
        : api_(settings),
          url_(settings.base_url + "/bot" + settings.bot_token.reveal() + "/sendMessage"),
          chat_id_(settings.chat_id),
          thread_id_(settings.thread_id) {}

    Outcome send(const Message& message) override {
        Form form;
        std::string corrections;
        for (;;) {
            const auto reply = api_.post(url_, body(message, form));
            const auto answer = json::parse(reply.body, nullptr, false);
            const auto correction = correct(form, answer);
            if (correction.empty()) return judge(reply, answer, corrections);
            corrections += correction + ". ";
        }
    }
    void interrupt() noexcept override { api_.interrupt(); }

private:
    std::string body(const Message& message, const Form& form) const {
        const auto text = render_to_fit(
            message, kMostBytes, form.html ? render_html : plain_text, [&](const auto& rendered) {
                return rendered.size() <= kMostBytes &&
                       (form.html ? visible_length(rendered) : base::count_code_points(rendered)) <=
                           form.code_points;
            });
        json request = {{"text", text}, {"link_preview_options", {{"is_disabled", true}}}};
        if (chat_id_.starts_with('@')) {
            request["chat_id"] = chat_id_;
        } else {
            request["chat_id"] = std::stoll(chat_id_);
        }
        if (form.html) request["parse_mode"] = "HTML";
        if (thread_id_ && form.in_thread) request["message_thread_id"] = *thread_id_;
        return request.dump();
    }

    /// Changes what the answer complains of. Returns what was changed, empty when nothing can be.
    std::string correct(Form& form, const json& answer) {
        const auto description = text_in(answer, "description");
        const auto says = [&](const char* text) {
            return description.find(text) != std::string::npos;
        };
        if (const auto chat = number_in(parameters(answer), "migrate_to_chat_id");
            chat && std::to_string(*chat) != chat_id_) {
            chat_id_ = std::to_string(*chat);
            return fmt::format("the group became a supergroup: set chat_id to {}", chat_id_);
        }
        if (says("can't parse entities") && form.html) {
            form.html = false;
            return fmt::format("sent as plain text after '{}'", description);
        }
        if ((says("message is too long") || says("text is too long")) &&
            form.code_points == kMostCodePoints) {
            form.code_points /= 2;
            return fmt::format("shortened after '{}'", description);
        }
        if (says("message thread not found") && thread_id_ && form.in_thread) {
            form.in_thread = false;
            return fmt::format("sent without thread_id {}, which this chat does not have",
                               *thread_id_);
        }
        return {};
    }

    Outcome judge(const HttpReply& reply, const json& answer,
                  const std::string& corrections) const {
        const auto ok = answer.is_object() ? answer.value("ok", json{}) : json{};
        if (!ok.is_boolean()) return api_.without_verdict(reply);
        if (ok.get<bool>()) return api_.outcome(Outcome::Kind::ok, corrections);
        const auto code = number_in(answer, "error_code").value_or(reply.status);
        const auto why =
            fmt::format("{}Telegram {}: {}", corrections, code, text_in(answer, "description"));
        if (code == 429) {
            const auto after = number_in(parameters(answer), "retry_after");
            return api_.wait(after ? std::chrono::seconds{*after} : reply.seconds("retry-after"),
                             why);
        }
        const bool refused = code >= 400 && code < 500;
        return api_.outcome(refused ? Outcome::Kind::permanent : Outcome::Kind::transient, why);
    }

    static json parameters(const json& answer) {
        return answer.is_object() ? answer.value("parameters", json{}) : json{};
    }

    Api api_;
    base::Secret url_;
    std::string chat_id_;
    std::optional<int> thread_id_;
};

}  // namespace

std::unique_ptr<Provider> make_telegram(const Settings& settings) {
    return std::make_unique<Telegram>(settings);
}

}  // namespace quotafuse::notifiers
