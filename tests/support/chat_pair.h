#pragma once

#include <array>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <string>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "base/yaml.h"
#include "notifiers/settings.h"
#include "support/chat_services.h"
#include "support/fake_clock.h"
#include "support/outcome_names.h"

namespace quotafuse::tests {

inline const std::string kToken = "123456789:AAbbCCddEEffGGhhIIjjKKllMMnnOOppQQr";
inline const std::string kHook = "8a1c7e62-aaaa-bbbb-cccc-1234567890ab";
inline const std::string kKey = "693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa";
inline const std::string kAccess = "f00dfeedf00dfeedf00dfeedf00dfeedf00dfeedf00dfeed";
inline const std::string kSignSecret = "SECtest-of-the-signature";
inline const std::string kChat = "-1001234567890";
inline const std::string kNewChat = "-1009876543210";
/// What Telegram adds when kChat has become kNewChat.
inline const std::string kMigrated = R"(,"parameters":{"migrate_to_chat_id":-1009876543210})";

enum class Chat { telegram, feishu, wecom, dingtalk };
constexpr auto T = Chat::telegram;
constexpr auto F = Chat::feishu;
constexpr auto W = Chat::wecom;
constexpr auto D = Chat::dingtalk;
inline constexpr std::array kChats = {T, F, W, D};

inline notifiers::Message sample() {
    notifiers::Message message;
    message.kind = notifiers::Message::Kind::firing;
    message.severity = base::Severity::critical;
    message.title = "渠道 3 用量 3,000,000";
    message.facts = {{"rule", "channel-token-burn"}, {"value", "3,000,000 tokens"}};
    message.sections = {{"Most of it", {"gpt-4o: 81 %", "k1: 12 %"}}, {"", {"tripped"}}};
    message.link = notifiers::Message::Link{"Status", "https://fuse.example/status"};
    message.footer = "prod · #17 · 2026-01-05 23:01:00";
    return message;
}

/// The entries of a notifier, the values as YAML writes them.
using Keys = std::map<std::string, std::string>;

/// Loads the one notifier of that type with these keys, which must have no fault.
inline notifiers::Settings load_notifier(const std::string& type, const Keys& keys) {
    std::string text = "x:\n  type: " + type + "\n";
    for (const auto& [key, value] : keys) text += fmt::format("  {}: {}\n", key, value);
    base::yaml::Diagnostics diagnostics;
    const auto document = base::yaml::parse("q.yaml", text, diagnostics);
    REQUIRE(document);
    auto all = notifiers::load_settings("q.yaml", document->root, diagnostics);
    REQUIRE(fmt::format("{}", fmt::join(diagnostics.lines(), "\n")) == "");
    return all.at(0);
}

/// Whether a service refuses what comes faster than it documents.
enum class Limits { none, enforced };

inline Judge rules_of(Chat chat, const base::Clock& clock, const std::string& keyword,
                      Limits limits) {
    const bool limited = limits == Limits::enforced;
    switch (chat) {
        case Chat::telegram: {
            auto rules = telegram_rules(kToken, {kChat, kNewChat});
            return limited ? limited_telegram(std::move(rules), clock) : rules;
        }
        case Chat::feishu: {
            auto rules = feishu_rules(kHook, kSignSecret, clock, keyword);
            return limited ? limited_feishu(std::move(rules), clock) : rules;
        }
        case Chat::wecom: {
            auto rules = wecom_rules(kKey);
            return limited ? limited_wecom(std::move(rules), clock) : rules;
        }
        case Chat::dingtalk: {
            auto rules = dingtalk_rules(kAccess, kSignSecret, clock, keyword);
            return limited ? limited_dingtalk(std::move(rules), clock) : rules;
        }
    }
    std::abort();
}

/// One service with its rules, and a provider that talks to it.
struct ChatPair {
    explicit ChatPair(Chat which, const Keys& more = {}, const std::string& keyword = "",
                      Limits limits = Limits::none)
        : chat(which), service(rules_of(which, clock, keyword, limits)), keys(more) {
        keys.try_emplace("timeout", "5s");
        if (which == T) keys.try_emplace("chat_id", '"' + kChat + '"');
        if (which == T) keys.try_emplace("bot_token", '"' + kToken + '"');
        if (which == F || which == D) keys.try_emplace("secret", '"' + kSignSecret + '"');
        at(service.url());
    }
    /// A new provider that talks to `url`.
    void at(const std::string& url) {
        const std::string path = chat == F   ? "/open-apis/bot/v2/hook/" + kHook
                                 : chat == W ? "/cgi-bin/webhook/send?key=" + kKey
                                 : chat == D ? "/robot/send?access_token=" + kAccess
                                             : "";
        set(chat == T ? "base_url" : "webhook", '"' + url + path + '"');
    }
    /// A new provider with another value of a key.
    void set(const std::string& key, const std::string& value) {
        keys[key] = value;
        const std::string type = chat == T   ? "telegram"
                                 : chat == F ? "feishu"
                                 : chat == W ? "wecom"
                                             : "dingtalk";
        settings = load_notifier(type, keys);
        provider = settings.recipe->make({clock, {std::cout, false}});
    }
    notifiers::Outcome send(const notifiers::Message& message) {
        return provider->send({"17", message, 0});
    }
    std::string last_body() const { return service.calls().back().body; }
    std::string last_shown() const { return service.shown().back(); }

    FakeClock clock{1'767'625'260};
    Chat chat;
    ChatService service;
    Keys keys;
    notifiers::Settings settings;
    std::unique_ptr<notifiers::Provider> provider;
};

inline std::string telegram_says(int code, const std::string& description,
                                 const std::string& more = "") {
    return R"({"ok":false,"error_code":)" + std::to_string(code) + R"(,"description":")" +
           description + "\"" + more + "}";
}
inline std::string feishu_says(int code, const std::string& text) {
    return R"({"code":)" + std::to_string(code) + R"(,"data":{},"msg":")" + text + "\"}";
}
inline std::string wecom_says(int code, const std::string& text) {
    return R"({"errcode":)" + std::to_string(code) + R"(,"errmsg":")" + text +
           R"(, hint: [1716264289200120408162556], from ip: 61.156.117.29"})";
}
inline std::string dingtalk_says(int code, const std::string& text) {
    return R"({"errcode":)" + std::to_string(code) + R"(,"errmsg":")" + text + "\"}";
}

}  // namespace quotafuse::tests
