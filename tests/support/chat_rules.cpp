#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>
#include <regex>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/text.h"
#include "support/chat_services.h"

// What the real services check, written from their documents and independently of the senders.
namespace quotafuse::tests {
namespace {

using nlohmann::json;

std::string utf8(unsigned long point) {
    std::string out;
    const auto add = [&](unsigned long byte) { out += static_cast<char>(byte); };
    if (point < 0x80) {
        add(point);
    } else if (point < 0x800) {
        add(0xC0 | point >> 6);
        add(0x80 | (point & 0x3F));
    } else {
        add(0xE0 | point >> 12);
        add(0x80 | (point >> 6 & 0x3F));
        add(0x80 | (point & 0x3F));
    }
    return out;
}

/// Decodes the entity at the start of `text` and removes it; nothing when there is none.
std::optional<std::string> take_entity(std::string_view& text,
                                       const std::map<std::string, std::string>& named) {
    static const std::regex kEntity{"&(#([0-9]{1,5})|[a-z]{1,8});"};
    const std::string head{text.substr(0, 12)};
    std::smatch match;
    if (!std::regex_search(head, match, kEntity, std::regex_constants::match_continuous)) {
        return std::nullopt;
    }
    const auto name = named.find(match[1]);
    if (!match[2].matched && name == named.end()) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(match.length(1)) + 2);
    return match[2].matched ? utf8(std::stoul(match[2])) : name->second;
}

/// Telegram's HTML as tdlib reads it: what is seen, who is mentioned, or what is wrong.
class TelegramHtml {
public:
    explicit TelegramHtml(std::string_view html) : html_(html) { parse(); }
    std::string seen;
    std::vector<std::string> mentioned;
    std::string error;

private:
    void parse() {
        static const std::map<std::string, std::string> kNamed = {
            {"lt", "<"}, {"gt", ">"}, {"amp", "&"}, {"quot", "\""}};
        while (at_ < html_.size() && error.empty()) {
            auto rest = html_.substr(at_);
            if (rest.front() == '<') {
                rest.starts_with("</") ? end_tag() : start_tag();
            } else if (const auto entity =
                           rest.front() == '&' ? take_entity(rest, kNamed) : std::nullopt) {
                at_ = html_.size() - rest.size();
                seen += *entity;
            } else {
                note_mention(rest);
                seen += rest.front();
                ++at_;
            }
        }
        if (error.empty() && !open_.empty()) {
            error =
                fmt::format("Can't find end tag corresponding to start tag \"{}\"", open_.back());
        }
    }

    void start_tag() {
        static const std::array<std::string_view, 13> kAllowed = {
            "a",   "b", "strong", "i",    "em",  "s",         "strike",
            "del", "u", "ins",    "code", "pre", "blockquote"};
        const auto name_end = html_.find_first_of(" >", at_);
        const auto end = html_.find('>', at_);
        if (name_end == std::string_view::npos) {
            error = fmt::format("Unclosed start tag at byte offset {}", at_);
            return;
        }
        const std::string name{html_.substr(at_ + 1, name_end - at_ - 1)};
        if (std::find(kAllowed.begin(), kAllowed.end(), name) == kAllowed.end()) {
            error = fmt::format("Unsupported start tag \"{}\" at byte offset {}", name, at_);
        } else if (end == std::string_view::npos) {
            error = fmt::format("Unclosed start tag at byte offset {}", at_);
        } else {
            open_.push_back(name);
            at_ = end + 1;
        }
    }

    void end_tag() {
        const auto end = html_.find('>', at_);
        if (end == std::string_view::npos) {
            error = fmt::format("Unclosed end tag at byte offset {}", at_);
            return;
        }
        const std::string name{html_.substr(at_ + 2, end - at_ - 2)};
        if (open_.empty()) {
            error = fmt::format("Unexpected end tag at byte offset {}", at_);
        } else if (!name.empty() && name != open_.back()) {
            error = fmt::format(
                "Unmatched end tag at byte offset {}, expected \"</{}>\", found \"</{}>\"", at_,
                open_.back(), name);
        } else {
            open_.pop_back();
            at_ = end + 1;
        }
    }

    void note_mention(std::string_view rest) {
        static const std::regex kMention{"@[A-Za-z0-9_]+"};
        if (rest.front() != '@' || std::find(open_.begin(), open_.end(), "code") != open_.end())
            return;
        const std::string head{rest.substr(0, 40)};
        std::smatch match;
        if (std::regex_search(head, match, kMention, std::regex_constants::match_continuous)) {
            mentioned.push_back(match.str());
        }
    }

    std::string_view html_;
    std::size_t at_ = 0;
    std::vector<std::string> open_;
};

Judgement telegram_error(int code, const std::string& text) {
    return {{code, json{{"ok", false}, {"error_code", code}, {"description", text}}.dump()}, {}};
}

Judgement judge_telegram_text(const json& request) {
    const auto text = request.value("text", "");
    Judgement accepted{{200, R"({"ok":true,"result":{"message_id":1}})"}, text};
    if (text.empty()) return telegram_error(400, "Bad Request: message text is empty");
    if (text.size() > 32768) return telegram_error(400, "Bad Request: text is too long");
    if (request.contains("parse_mode")) {
        if (request["parse_mode"] != "HTML")
            return telegram_error(400, "Bad Request: unsupported parse_mode");
        const TelegramHtml html{text};
        if (!html.error.empty())
            return telegram_error(400, "Bad Request: can't parse entities: " + html.error);
        accepted.shown = html.seen;
        accepted.mentioned = html.mentioned;
    }
    if (base::count_code_points(accepted.shown) > 4096) {
        return telegram_error(400, "Bad Request: message is too long");
    }
    return accepted;
}

bool is_json(const Call& call) {
    return call.content_type.starts_with("application/json");
}

/// HMAC-SHA256 over nothing, keyed with timestamp, line break and secret; in Base64.
std::string feishu_sign(const std::string& timestamp, const std::string& secret) {
    const auto key = timestamp + "\n" + secret;
    std::array<unsigned char, 32> digest{};
    unsigned size = 0;
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), digest.data(), 0, digest.data(),
         &size);
    std::array<unsigned char, 64> text{};
    EVP_EncodeBlock(text.data(), digest.data(), static_cast<int>(size));
    return reinterpret_cast<const char*>(text.data());
}

Judgement feishu_code(int code, const std::string& text, int status = 200) {
    return {{status, json{{"code", code}, {"data", json::object()}, {"msg", text}}.dump()}, {}};
}

/// What a card's markdown shows: "**" and entities gone; what else has a meaning there is lost.
std::string seen_of_card_markdown(std::string_view text) {
    static const std::map<std::string, std::string> kNamed = {
        {"lt", "<"}, {"gt", ">"}, {"amp", "&"}, {"quot", "\""}, {"nbsp", " "}, {"sim", "∼"}};
    std::string seen;
    while (!text.empty()) {
        if (text.front() == '&') {
            if (const auto entity = take_entity(text, kNamed)) {
                seen += *entity;
                continue;
            }
        }
        if (std::string_view{"*_`~[]\\<"}.find(text.front()) == std::string_view::npos)
            seen += text.front();
        text.remove_prefix(1);
    }
    return seen;
}

/// The card's text, or the service's complaint.
Judgement judge_card(const json& card) {
    if (!card.is_object()) return feishu_code(9499, "Bad Request", 400);
    if (card.value("schema", "") != "2.0" || card.contains("elements")) {
        return feishu_code(11246, "ErrCode: 200621; ErrMsg: parse card json err");
    }
    const auto& title = card.at("header").at("title");
    std::string shown = title.at("content").get<std::string>() + "\n";
    for (const auto& element : card.at("body").at("elements")) {
        const auto tag = element.at("tag").get<std::string>();
        if (tag == "hr") continue;
        if (tag != "markdown")
            return feishu_code(11246, "ErrCode: 11310; ErrMsg: unsupported type of block");
        const auto content = element.at("content").get<std::string>();
        if (content.find("<at") != std::string::npos)
            return feishu_code(11246, "ErrCode: at all is not allowed");
        shown += seen_of_card_markdown(content) + "\n";
    }
    return {feishu_code(0, "success").reply, shown};
}

Judgement wecom_code(int code, const std::string& text) {
    return {{200, json{{"errcode", code}, {"errmsg", text}}.dump()}, {}};
}

/// What WeCom's markdown shows: our font tags, line marks and backticks gone, and what bold would
/// swallow.
std::string seen_of_wecom_markdown(const std::string& content) {
    std::string seen;
    for (const auto part : base::split(content, '\n')) {
        std::string line{part};
        line = std::regex_replace(
            line, std::regex{"<font color=\"(info|comment|warning)\">|</font>"}, "");
        line = std::regex_replace(line, std::regex{"^(#+|>) "}, "");
        bool in_code = false;
        for (std::size_t i = 0; i < line.size(); ++i) {
            if (line[i] == '`') {
                in_code = !in_code;
            } else if (!in_code && line.compare(i, 2, "**") == 0) {
                ++i;
            } else {
                seen += line[i];
            }
        }
        seen += '\n';
    }
    return seen;
}

bool has_foreign_markup(const std::string& content) {
    const auto rest = std::regex_replace(
        content, std::regex{"<font color=\"(info|comment|warning)\">|</font>"}, "");
    return rest.find('<') != std::string::npos ||
           std::count(content.begin(), content.end(), '`') % 2 != 0;
}

}  // namespace

Judge telegram_rules(const std::string& token, const std::vector<std::string>& chats) {
    return [=](const Call& call) -> Judgement {
        if (!call.path.ends_with("/sendMessage"))
            return telegram_error(404, "Not Found: method not found");
        if (call.path != "/bot" + token + "/sendMessage")
            return telegram_error(401, "Unauthorized");
        const auto request = json::parse(call.body, nullptr, false);
        if (!is_json(call) || !request.is_object()) {
            return telegram_error(400, "Bad Request: strings must be encoded in UTF-8");
        }
        const auto chat = request.value("chat_id", json{});
        const auto id = chat.is_string() ? chat.get<std::string>() : chat.dump();
        if (std::find(chats.begin(), chats.end(), id) == chats.end()) {
            return telegram_error(400, "Bad Request: chat not found");
        }
        if (request.value("message_thread_id", 42) != 42) {
            return telegram_error(400, "Bad Request: message thread not found");
        }
        return judge_telegram_text(request);
    };
}

Judge feishu_rules(const std::string& hook, const std::string& secret, const base::Clock& clock) {
    return [=, &clock](const Call& call) -> Judgement {
        if (call.path != "/open-apis/bot/v2/hook/" + hook) {
            return feishu_code(19001, "param invalid: incoming webhook access token invalid");
        }
        const auto request = json::parse(call.body, nullptr, false);
        if (!is_json(call) || !request.is_object()) return feishu_code(9499, "Bad Request", 400);
        if (!secret.empty()) {
            const auto timestamp = request.value("timestamp", "0");
            const auto age = base::unix_seconds(clock.now()) - std::stoll(timestamp);
            if (std::abs(age) > 3600 ||
                request.value("sign", "") != feishu_sign(timestamp, secret)) {
                return feishu_code(
                    19021, "sign match fail or timestamp is not within one hour from current time");
            }
        }
        if (call.body.size() > 20000)
            return feishu_code(19036, "The message exceeds the size limit of 30KB");
        const auto type = request.value("msg_type", "");
        if (type == "interactive") return judge_card(request.value("card", json{}));
        if (type != "text") return feishu_code(19002, "params error, msg_type need");
        const auto text = request.at("content").at("text").get<std::string>();
        if (text.find("<at") != std::string::npos)
            return {feishu_code(0, "success").reply, text, {"at"}};
        return {feishu_code(0, "success").reply, text};
    };
}

Judge wecom_rules(const std::string& key) {
    return [=](const Call& call) -> Judgement {
        if (call.path != "/cgi-bin/webhook/send?key=" + key)
            return wecom_code(93000, "invalid webhook url");
        const auto request = json::parse(call.body, nullptr, false);
        if (!is_json(call) || !request.is_object()) {
            return wecom_code(40008, "Warning: wrong json format. invalid message type");
        }
        if (call.body.find("\\u") != std::string::npos)
            return wecom_code(40033, "invalid request parameter");
        if (request.value("msgtype", "") != "markdown")
            return wecom_code(40008, "invalid message type");
        const auto content = request.at("markdown").at("content").get<std::string>();
        if (content.empty()) return wecom_code(44004, "empty content");
        if (content.size() > 4096)
            return wecom_code(40058, "markdown.content exceed max length 4096.");
        if (has_foreign_markup(content))
            return wecom_code(40058, "markup that the sender did not mean");
        return {wecom_code(0, "ok").reply, seen_of_wecom_markdown(content)};
    };
}

}  // namespace quotafuse::tests
