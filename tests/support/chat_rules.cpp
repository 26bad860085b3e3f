#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>
#include <regex>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "support/chat_services.h"
#include "support/chat_text.h"

// What the real services check, written from their documents and independently of the senders.
namespace quotafuse::tests {
namespace {

using nlohmann::json;

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
            note_person(html_.substr(at_, end - at_));
            // Of more entities only the text is kept.
            open_.push_back(++entities_ <= 100 ? name : name + " without effect");
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
        const auto open = open_.empty() ? "" : open_.back().substr(0, open_.back().find(' '));
        if (open_.empty()) {
            error = fmt::format("Unexpected end tag at byte offset {}", at_);
        } else if (!name.empty() && name != open) {
            error = fmt::format(
                "Unmatched end tag at byte offset {}, expected \"</{}>\", found \"</{}>\"", at_,
                open, name);
        } else {
            open_.pop_back();
            at_ = end + 1;
        }
    }

    void note_person(std::string_view tag) {
        constexpr std::string_view kPerson = "<a href=\"tg://user?id=";
        if (tag.starts_with(kPerson)) mentioned.emplace_back(tag.substr(kPerson.size()));
        if (tag.starts_with(kPerson)) mentioned.back().pop_back();  // the quote
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
    std::size_t entities_ = 0;
    std::vector<std::string> open_;
};

Judgement telegram_error(int code, const std::string& text) {
    return {{code, json{{"ok", false}, {"error_code", code}, {"description", text}}.dump()}, {}};
}

Judgement judge_telegram_text(const json& request) {
    const auto text = request.value("text", "");
    Judgement accepted{{200, R"({"ok":true,"result":{"message_id":1}})"}, text};
    if (text.empty()) return telegram_error(400, "Bad Request: message text is empty");
    if (text.find_first_not_of(" \n") == std::string::npos)
        return telegram_error(400, "Bad Request: text must be non-empty");
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

/// Whom "<at …>" calls, written as the text of a message or of a card writes it.
std::vector<std::string> called_in(const std::string& text, const std::regex& form) {
    std::vector<std::string> called;
    for (std::sregex_iterator at{text.begin(), text.end(), form}, end; at != end; ++at) {
        called.push_back((*at)[1]);
    }
    return called;
}

/// What one element of a card shows; nothing where there is no such element, or it is broken.
std::optional<std::string> seen_of_element(const json& element, std::vector<std::string>& called) {
    static const std::regex kAt{"<at id=([^>]*)></at>"};
    const auto tag = element.at("tag").get<std::string>();
    if (tag == "hr") return "";
    if (tag == "button") {
        return element.at("text").at("content").get<std::string>() + ": " +
               element.at("behaviors").at(0).at("default_url").get<std::string>() + "\n";
    }
    if (tag != "markdown") return std::nullopt;
    const auto content = element.at("content").get<std::string>();
    for (auto& who : called_in(content, kAt)) called.push_back(std::move(who));
    const auto rest = std::regex_replace(content, kAt, "");
    if (rest.find('<') != std::string::npos || !bold_ends(rest)) return std::nullopt;
    return seen_of_card_markdown(rest) + "\n";
}

/// The card's text, or the service's complaint.
Judgement judge_card(const json& card) {
    if (!card.is_object()) return feishu_code(9499, "Bad Request", 400);
    if (card.value("schema", "") != "2.0" || card.contains("elements")) {
        return feishu_code(11246, "ErrCode: 200621; ErrMsg: parse card json err");
    }
    const auto& title = card.at("header").at("title");
    Judgement accepted = feishu_code(0, "success");
    accepted.shown = title.at("content").get<std::string>() + "\n";
    for (const auto& element : card.at("body").at("elements")) {
        const auto seen = seen_of_element(element, accepted.mentioned);
        if (!seen) return feishu_code(11246, "ErrCode: 11310; ErrMsg: unsupported type of block");
        accepted.shown += *seen;
    }
    return accepted;
}

Judgement judge_text(const std::string& text) {
    static const std::regex kAt{"<at user_id=\"([^\"]*)\"></at>"};
    auto accepted = feishu_code(0, "success");
    accepted.shown = std::regex_replace(text, kAt, "");
    accepted.mentioned = called_in(text, kAt);
    if (accepted.shown.find("<at") != std::string::npos) accepted.mentioned.push_back("somebody");
    return accepted;
}

bool signed_well(const json& request, const std::string& secret, const base::Clock& clock) {
    const auto timestamp = request.value("timestamp", "0");
    const auto age = base::unix_seconds(clock.now()) - std::stoll(timestamp);
    return std::abs(age) <= 3600 &&
           request.value("sign", "") == signature(timestamp + "\n" + secret, "");
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

Judge feishu_rules(const std::string& hook, const std::string& secret, const base::Clock& clock,
                   const std::string& keyword) {
    return [=, &clock](const Call& call) -> Judgement {
        if (call.path != "/open-apis/bot/v2/hook/" + hook) {
            return feishu_code(19001, "param invalid: incoming webhook access token invalid");
        }
        const auto request = json::parse(call.body, nullptr, false);
        if (!is_json(call) || !request.is_object()) return feishu_code(9499, "Bad Request", 400);
        if (!secret.empty() && !signed_well(request, secret, clock)) {
            return feishu_code(
                19021, "sign match fail or timestamp is not within one hour from current time");
        }
        if (call.body.size() > 20000)
            return feishu_code(19036, "The message exceeds the size limit of 30KB");
        const auto type = request.value("msg_type", "");
        if (type != "interactive" && type != "text")
            return feishu_code(19002, "params error, msg_type need");
        auto judged = type == "text" ? judge_text(request.at("content").at("text"))
                                     : judge_card(request.value("card", json{}));
        if (!judged.shown.empty() && judged.shown.find(keyword) == std::string::npos)
            return feishu_code(19024, "Key Words Not Found");
        return judged;
    };
}

}  // namespace quotafuse::tests
