#include <algorithm>
#include <regex>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "support/chat_services.h"
#include "support/chat_text.h"

// WeCom and DingTalk (see chat_rules.cpp).
namespace quotafuse::tests {
namespace {

using nlohmann::json;

Judgement error_code(int code, const std::string& text) {
    return {{200, json{{"errcode", code}, {"errmsg", text}}.dump()}, {}};
}

/// What WeCom's markdown shows: our font tags, line marks and backticks gone, and what bold would
/// swallow.
std::string seen_of_wecom_markdown(const std::string& content) {
    static const std::regex kLink{R"(\[([^\]]*)\]\(([^)]*)\))"};
    std::string seen;
    for (const auto part : base::split(content, '\n')) {
        std::string line{part};
        line = std::regex_replace(
            line, std::regex{"<font color=\"(info|comment|warning)\">|</font>|<@[^>]*>"}, "");
        line = std::regex_replace(line, std::regex{"^(#+|>) "}, "");
        bool in_code = line.find('`') != std::string::npos;
        if (!in_code) line = std::regex_replace(line, kLink, "$1: $2");
        in_code = false;
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
        content, std::regex{"<font color=\"(info|comment|warning)\">|</font>|<@[^<>]*>"}, "");
    return rest.find('<') != std::string::npos || count_of(content, "`") % 2 != 0 ||
           count_of(content, "<font") != count_of(content, "</font>");
}

Judgement judge_wecom_markdown(const std::string& content) {
    static const std::regex kAt{"<@([^<>]*)>"};
    if (has_foreign_markup(content)) return error_code(40058, "markup that nobody meant");
    Judgement accepted = error_code(0, "ok");
    accepted.shown = seen_of_wecom_markdown(content);
    for (std::sregex_iterator at{content.begin(), content.end(), kAt}, end; at != end; ++at) {
        accepted.mentioned.push_back((*at)[1]);
    }
    return accepted;
}

Judgement judge_wecom(const json& request, const std::string& type) {
    const auto content = request.at(type).value("content", "");
    const std::size_t most = type == "text" ? 2048 : 4096;
    if (content.empty()) return error_code(44004, "empty content");
    if (content.size() > most) {
        return error_code(40058, type + ".content exceed max length " + std::to_string(most) + ".");
    }
    if (type == "markdown") return judge_wecom_markdown(content);
    if (type == "markdown_v2" && !bold_ends(content)) return error_code(40058, "bold without end");
    auto accepted = error_code(0, "ok");
    accepted.shown = type == "text" ? content : seen_of_markdown(content);
    if (type == "text") {
        accepted.mentioned = request.at(type).value("mentioned_list", std::vector<std::string>{});
    }
    return accepted;
}

Judgement judge_dingtalk(const json& request, const std::string& keyword) {
    if (request.value("msgtype", "") != "markdown")
        return error_code(400105, "unsupported msgtype");
    const auto title = request.at("markdown").value("title", "");
    const auto text = request.at("markdown").value("text", "");
    if (title.empty() || text.empty()) return error_code(40035, "missing title or text");
    // Whether the title would do stands nowhere: the strict reading.
    if (text.find(keyword) == std::string::npos)
        return error_code(310000, "keywords not in content");
    if (!bold_ends(text)) return error_code(430104, "bold without end");
    auto accepted = error_code(0, "ok");
    accepted.shown = seen_of_markdown(text);
    const auto at = request.value("at", json::object());
    if (at.value("isAtAll", false)) accepted.mentioned.push_back("all");
    for (const auto& mobile : at.value("atMobiles", std::vector<std::string>{})) {
        if (text.find("@" + mobile) != std::string::npos) accepted.mentioned.push_back(mobile);
    }
    return accepted;
}

/// The value of a key of the query, still encoded.
std::string query_of(const std::string& path, const std::string& key) {
    for (const auto pair : base::split(std::string_view{path}.substr(path.find('?') + 1), '&')) {
        if (pair.starts_with(key + "=")) return std::string{pair.substr(key.size() + 1)};
    }
    return {};
}

std::string complaint_of_sign(const std::string& path, const std::string& secret,
                              const base::Clock& clock) {
    const auto timestamp = query_of(path, "timestamp");
    const auto now = clock.wall().time_since_epoch().count();
    if (timestamp.size() != 13 || std::abs(now - std::stoll(timestamp)) > 3'600'000)
        return "invalid timestamp";
    const auto sign = signature(secret, timestamp + "\n" + secret);
    return query_of(path, "sign") == base::percent_encode(sign) ? "" : "sign not match";
}

}  // namespace

Judge wecom_rules(const std::string& key) {
    return [=](const Call& call) -> Judgement {
        if (call.path != "/cgi-bin/webhook/send?key=" + key)
            return error_code(93000, "invalid webhook url");
        const auto request = json::parse(call.body, nullptr, false);
        if (!is_json(call) || !request.is_object()) {
            return error_code(40008, "Warning: wrong json format. invalid message type");
        }
        if (call.body.find("\\u") != std::string::npos)
            return error_code(40033, "invalid request parameter");
        const auto type = request.value("msgtype", "");
        if (type != "markdown" && type != "markdown_v2" && type != "text")
            return error_code(40008, "invalid message type");
        return judge_wecom(request, type);
    };
}

Judge dingtalk_rules(const std::string& token, const std::string& secret, const base::Clock& clock,
                     const std::string& keyword) {
    return [=, &clock](const Call& call) -> Judgement {
        if (!call.path.starts_with("/robot/send?") || query_of(call.path, "access_token") != token)
            return error_code(300005, "token is not exist");
        if (!is_json(call)) return error_code(43004, "无效的HTTP HEADER Content-Type");
        if (!secret.empty()) {
            const auto complaint = complaint_of_sign(call.path, secret, clock);
            if (!complaint.empty()) return error_code(310000, complaint);
        }
        if (call.body.size() > 20000)
            return error_code(460101, "message too long, exceed 20000 bytes");
        const auto request = json::parse(call.body, nullptr, false);
        if (!request.is_object()) return error_code(40035, "no JSON");
        return judge_dingtalk(request, keyword);
    };
}

}  // namespace quotafuse::tests
