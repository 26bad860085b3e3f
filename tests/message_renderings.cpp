#include "message_renderings.h"

#include <sstream>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "notifiers/event_json.h"
#include "notifiers/mail_text.h"
#include "support/chat_pair.h"

namespace quotafuse::tests {
namespace {

using nlohmann::ordered_json;
using notifiers::Message;

/// The part of the request that holds the message.
std::string content_of(Chat chat, const std::string& body) {
    const auto request = ordered_json::parse(body);
    const auto text = [&](const char* part, const char* key) {
        return request.at(part).at(key).get<std::string>();
    };
    switch (chat) {
        case Chat::telegram:
            return request.at("text").get<std::string>();
        case Chat::feishu:
            return request.at("card").dump(2);
        case Chat::wecom:
            return text(request.at("msgtype").get<std::string>().c_str(), "content");
        case Chat::dingtalk:
            return "title: " + text("markdown", "title") + "\n" + text("markdown", "text");
    }
    std::abort();
}

Rendering render_by(Chat chat, const std::string& name, const Message& message,
                    const Keys& keys = {}) {
    static std::map<std::string, std::unique_ptr<ChatPair>> pairs;
    auto& pair = pairs[name];
    if (!pair) pair = std::make_unique<ChatPair>(chat, keys);
    const auto before = pair->service.mentioned().size();
    const auto outcome = pair->send(message);
    CAPTURE(name);
    CAPTURE(outcome.why);
    REQUIRE(outcome.kind == notifiers::Outcome::Kind::ok);
    auto mentioned = pair->service.mentioned();
    mentioned.erase(mentioned.begin(), mentioned.begin() + static_cast<std::ptrdiff_t>(before));
    return {name, content_of(chat, pair->last_body()), mentioned, pair->last_shown()};
}

std::string from_base64(std::string_view text) {
    constexpr std::string_view kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string bytes;
    unsigned buffer = 0;
    int bits = 0;
    for (const char c : text) {
        const auto digit = kDigits.find(c);
        if (digit == std::string_view::npos) continue;  // line ends and padding
        buffer = (buffer << 6U | static_cast<unsigned>(digit)) & 0xFFFFFU;
        bits += 6;
        if (bits < 8) continue;
        bits -= 8;
        bytes += static_cast<char>((buffer >> static_cast<unsigned>(bits)) & 0xFFU);
    }
    return bytes;
}

/// Its headers, then its parts decoded.
std::string mail_of(const notifiers::Mail& mail) {
    auto text =
        notifiers::compose_mail(mail, {"quotafuse", "fuse@example.com"}, {{"", "ops@example.com"}});
    base::replace_all(text, "\r\n", "\n");
    const auto head_end = text.find("\n\n");
    auto shown = text.substr(0, head_end) + "\n";
    std::string_view rest = std::string_view{text}.substr(head_end);
    const std::string_view mark = "Content-Transfer-Encoding: base64\n\n";
    for (auto at = rest.find(mark); at != std::string_view::npos; at = rest.find(mark)) {
        rest.remove_prefix(at + mark.size());
        auto part = from_base64(rest.substr(0, rest.find("\n--")));
        base::replace_all(part, "\r\n", "\n");
        shown += "\n" + part;
    }
    return shown;
}

std::string console_of(const notifiers::Mail& mail) {
    std::ostringstream out;
    const FakeClock clock{0};
    load_notifier("console", {}).recipe->make({clock, {out, false}})->send(mail);
    return out.str();
}

}  // namespace

std::vector<Rendering> render_everywhere(const Message& message) {
    const notifiers::Mail mail{"event-id", message, 1'767'625'260};
    return {render_by(Chat::telegram, "telegram", message),
            render_by(Chat::feishu, "feishu", message),
            render_by(Chat::wecom, "wecom", message),
            render_by(Chat::wecom, "wecom_v2", message, {{"format", "markdown_v2"}}),
            render_by(Chat::dingtalk, "dingtalk", message),
            {"webhook", ordered_json::parse(notifiers::event_json(mail)).dump(2), {}, {}},
            {"smtp", mail_of(mail), {}, {}},
            {"console", console_of(mail), {}, {}}};
}

}  // namespace quotafuse::tests
