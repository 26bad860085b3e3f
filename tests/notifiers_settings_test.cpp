#include <doctest/doctest.h>
#include <fmt/format.h>

#include "base/text.h"
#include "base/yaml.h"
#include "notifiers/settings.h"

using namespace quotafuse;
using namespace quotafuse::notifiers;
using namespace std::chrono_literals;

namespace {

struct Loaded {
    std::vector<Settings> settings;
    std::vector<std::string> faults;
};

Loaded load(const std::string& text) {
    base::yaml::Diagnostics diagnostics;
    const auto document = base::yaml::parse("q.yaml", text, diagnostics);
    REQUIRE(document);
    auto settings = load_settings("q.yaml", document->root, diagnostics);
    return {std::move(settings), diagnostics.lines()};
}

std::string fault(const std::string& text) {
    return fmt::format("{}", fmt::join(load(text).faults, "\n"));
}

}  // namespace

TEST_CASE("notifiers of every type load with their defaults") {
    const auto loaded = load(R"(
ops-telegram: {type: telegram, bot_token: "123:AbC-_", chat_id: -1001234567890}
ops-feishu: {type: feishu, webhook: "https://open.feishu.cn/open-apis/bot/v2/hook/abcd-1234", secret: s3cret}
ops-wecom: {type: wecom, webhook: "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=k-1", min_severity: warning}
screen: {type: console}
)");
    CHECK(loaded.faults == std::vector<std::string>{});
    REQUIRE(loaded.settings.size() == 4);
    const auto& telegram = loaded.settings[0];
    CHECK(telegram.name == "ops-telegram");
    CHECK(telegram.type == Settings::Type::telegram);
    CHECK(telegram.chat_id == "-1001234567890");
    CHECK(telegram.base_url == "https://api.telegram.org");
    CHECK(telegram.thread_id == std::nullopt);
    CHECK(telegram.min_severity == base::Severity::info);
    CHECK(telegram.http.timeout == 15s);
    CHECK(telegram.http.proxy.empty());
    CHECK(loaded.settings[2].min_severity == base::Severity::warning);
    CHECK(loaded.settings[3].type == Settings::Type::console);
}

TEST_CASE("all that can be set for a transport is set") {
    const auto loaded = load(R"(
a:
  type: telegram
  bot_token: "123:AbC"
  chat_id: "@ops_channel"
  thread_id: 42
  base_url: http://10.0.0.5:8081/
  proxy: socks5h://me:pass@10.0.0.1:1080
  ca_file: /dev/null
  timeout: 1500ms
)");
    CHECK(loaded.faults == std::vector<std::string>{});
    const auto& settings = loaded.settings.at(0);
    CHECK(settings.thread_id == 42);
    CHECK(settings.base_url == "http://10.0.0.5:8081");
    CHECK(settings.http.proxy.reveal() == "socks5h://me:pass@10.0.0.1:1080");
    CHECK(settings.http.ca_file == "/dev/null");
    CHECK(settings.http.timeout == 1500ms);
}

TEST_CASE("every fault of a notifier is told with its place and what is allowed") {
    CHECK(fault("[a]") == "q.yaml:1:1: notifiers must be a map of keys and values, not a list");
    CHECK(fault("a: telegram") ==
          "q.yaml:1:4: the notifier 'a' must be a map of keys and values, not a text");
    CHECK(fault("a: {chat_id: 1}") == "q.yaml:1:4: the notifier 'a' needs the key 'type'");
    CHECK(fault("a: {type: telegramm}") ==
          "q.yaml:1:11: type must be one of telegram, feishu, wecom, console, not 'telegramm'; did "
          "you mean "
          "'telegram'?");
    CHECK(fault("a b: {type: console}") ==
          "q.yaml:1:1: a notifier's name consists of letters, digits, - and _");
    CHECK(fault("a: {type: telegram, chatid: 5, bot_token: 'secret-without-colon'}") ==
          "q.yaml:1:4: the notifier 'a' needs the key 'chat_id'\n"
          "q.yaml:1:21: unknown key 'chatid' in the notifier 'a'; did you mean 'chat_id'?\n"
          "q.yaml:1:43: bot_token must have the form 123456789:AbC…, as @BotFather gives it");
    CHECK(fault("a: {type: telegram, bot_token: '', chat_id: ops}") ==
          "q.yaml:1:32: bot_token must be a text that is not empty\n"
          "q.yaml:1:45: chat_id must be a number such as -1001234567890, or @channel");
    CHECK(fault("a: {type: telegram, bot_token: '1:a', chat_id: 5, thread_id: 1}") ==
          "q.yaml:1:62: thread_id 1 is the General topic, which Telegram wants left out");
    CHECK(fault("a: {type: telegram, bot_token: '1:a', chat_id: 5, base_url: api.telegram.org}") ==
          "q.yaml:1:61: base_url must be an http:// or https:// URL");
    CHECK(fault("a: {type: feishu, webhook: 'https://open.feishu.cn/open-apis/bot/hook/secret'}") ==
          "q.yaml:1:28: webhook is of the legacy protocol (/open-apis/bot/hook/…); create a custom "
          "bot, whose "
          "URL has /open-apis/bot/v2/hook/…");
    CHECK(fault("a: {type: feishu, webhook: 'secret'}") ==
          "q.yaml:1:28: webhook must be the whole URL of the bot, such as "
          "https://open.feishu.cn/open-apis/bot/v2/hook/…");
    CHECK(fault("a: {type: wecom, webhook: 'https://qyapi.weixin.qq.com/cgi-bin/webhook/send'}") ==
          "q.yaml:1:27: webhook must be the whole URL of the robot, such as "
          "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=…");
    CHECK(fault("a: {type: wecom, webhook: 'http://h/?key=1', proxy: 'me:secret@10.0.0.1', "
                "ca_file: /none, "
                "timeout: 5}") ==
          "q.yaml:1:53: proxy must be an http://, https://, socks5h:// or socks5:// URL\n"
          "q.yaml:1:84: ca_file '/none' cannot be read\n"
          "q.yaml:1:100: timeout must be a duration with its unit, such as 90s, 5m or 1h30m, not "
          "'5'");
    CHECK(fault("a: {type: console, proxy: x, min_severity: high}") ==
          "q.yaml:1:20: unknown key 'proxy' in the notifier 'a'; known are type, min_severity\n"
          "q.yaml:1:44: min_severity must be one of info, warning, critical, not 'high'");
}

TEST_CASE("a secret in the wrong place is not shown by the complaint about it") {
    const std::vector<std::string> places = {
        "'@CANARY'",  // instead of the whole map
        "a: '@CANARY'",
        "a: {type: telegram, bot_token: '1:a', chat_id: '@CANARY'}",
        "a: {type: telegram, bot_token: 'bot@CANARY', chat_id: 5}",
        "a: {type: telegram, bot_token: ['@CANARY'], chat_id: ['@CANARY']}",
        "a: {type: telegram, bot_token: '1:a', chat_id: 5, proxy: '@CANARY'}",
        "a: {type: telegram, bot_token: '1:a', chat_id: 5, proxy: ['@CANARY']}",
        "a: {type: feishu, webhook: '@CANARY'}",
        "a: {type: feishu, webhook: 'https://h/open-apis/bot/hook/@CANARY'}",
        "a: {type: feishu, webhook: 'http://h/bot/v2/hook/1', secret: ['@CANARY']}",
        "a: {type: feishu, webhook: {'@CANARY': '@CANARY'}}",
        "a: {type: wecom, webhook: '@CANARY'}",
        "a: {type: wecom, webhook: ['@CANARY']}",
    };
    const std::string canary = "123456789:AAcanary-token";
    for (auto text : places) {
        base::replace_all(text, "@CANARY", canary);
        CAPTURE(text);
        const auto complaint = fault(text);
        CHECK(complaint != "");
        CHECK(complaint.find("canary") == std::string::npos);
    }
}

TEST_CASE("everything secret about a notifier is known to the log") {
    const auto loaded = load(R"(
t: {type: telegram, bot_token: "123:AbC", chat_id: 5, proxy: "http://me:p%40ss@10.0.0.1"}
f: {type: feishu, webhook: "https://open.feishu.cn/open-apis/bot/v2/hook/abcd-1234", secret: s3cret}
w: {type: wecom, webhook: "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?debug=1&key=k-1"}
c: {type: console}
)");
    using Texts = std::vector<std::string>;
    CHECK(secrets_of(loaded.settings.at(0)) == Texts{"123:AbC", "me:p%40ss", "p%40ss"});
    CHECK(secrets_of(loaded.settings.at(1)) == Texts{"s3cret", "abcd-1234"});
    CHECK(secrets_of(loaded.settings.at(2)) == Texts{"k-1"});
    CHECK(secrets_of(loaded.settings.at(3)).empty());
}
