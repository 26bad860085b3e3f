#pragma once

#include <chrono>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

#include <doctest/doctest.h>

#include "notifiers/providers.h"
#include "support/chat_services.h"
#include "support/fake_clock.h"

// doctest prints an outcome by its name where a check fails.
namespace quotafuse::notifiers {
inline doctest::String toString(Outcome::Kind kind) {
    switch (kind) {
        case Outcome::Kind::ok:
            return "ok";
        case Outcome::Kind::transient:
            return "transient";
        case Outcome::Kind::permanent:
            return "permanent";
        case Outcome::Kind::ambiguous:
            return "ambiguous";
    }
    std::abort();
}
}  // namespace quotafuse::notifiers

namespace quotafuse::tests {

inline const std::string kToken = "123456789:AAbbCCddEEffGGhhIIjjKKllMMnnOOppQQr";
inline const std::string kHook = "8a1c7e62-aaaa-bbbb-cccc-1234567890ab";
inline const std::string kKey = "693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa";
inline const std::string kSignSecret = "SECtest-of-the-signature";
inline const std::string kChat = "-1001234567890";
inline const std::string kNewChat = "-1009876543210";
/// What Telegram adds when kChat has become kNewChat.
inline const std::string kMigrated = R"(,"parameters":{"migrate_to_chat_id":-1009876543210})";

constexpr auto T = notifiers::Settings::Type::telegram;
constexpr auto F = notifiers::Settings::Type::feishu;
constexpr auto W = notifiers::Settings::Type::wecom;

inline notifiers::Message sample() {
    return {notifiers::Message::Kind::firing,
            base::Severity::critical,
            "渠道 3 用量 3,000,000",
            {{"rule", "channel-token-burn"}, {"value", "3,000,000 tokens"}},
            {"gpt-4o: 81 %", "k1: 12 %"},
            "prod · 17 · 2026-01-05 23:01:00"};
}

/// One service with its rules, and a provider that talks to it.
struct ChatPair {
    explicit ChatPair(notifiers::Settings::Type type, std::optional<int> thread = std::nullopt)
        : service(type == T   ? telegram_rules(kToken, {kChat, kNewChat})
                  : type == F ? feishu_rules(kHook, kSignSecret, clock)
                              : wecom_rules(kKey)) {
        settings.type = type;
        settings.thread_id = thread;
        settings.chat_id = kChat;
        settings.bot_token = base::Secret{kToken};
        settings.secret = base::Secret{type == F ? kSignSecret : ""};
        settings.http.timeout = std::chrono::seconds{5};
        at(service.url());
    }
    /// A new provider with the settings as they are now, that talks to `url`.
    void at(const std::string& url) {
        const auto hook = "/open-apis/bot/v2/hook/" + kHook;
        const auto robot = "/cgi-bin/webhook/send?key=" + kKey;
        settings.base_url = url;
        settings.webhook = base::Secret{url + (settings.type == F ? hook : robot)};
        provider = settings.type == T   ? notifiers::make_telegram(settings)
                   : settings.type == F ? notifiers::make_feishu(settings, clock)
                                        : notifiers::make_wecom(settings);
    }

    FakeClock clock{1'767'625'260};
    ChatService service;
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

}  // namespace quotafuse::tests
