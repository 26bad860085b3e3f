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

TEST_CASE("notifiers of the chat services load with their defaults") {
    const auto loaded = load(R"(
ops-telegram: {type: telegram, bot_token: "123:AbC-_", chat_id: -1001234567890}
ops-feishu: {type: feishu, webhook: "https://open.feishu.cn/open-apis/bot/v2/hook/abcd-1234", secret: s3cret}
ops-wecom: {type: wecom, webhook: "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=k-1", min_severity: warning}
ops-ding: {type: dingtalk, webhook: "https://oapi.dingtalk.com/robot/send?access_token=k-2"}
screen: {type: console}
)");
    CHECK(loaded.faults == std::vector<std::string>{});
    REQUIRE(loaded.settings.size() == 5);
    const auto& telegram = loaded.settings[0];
    CHECK(telegram.name == "ops-telegram");
    CHECK(telegram.type == "telegram");
    CHECK(telegram.min_severity == base::Severity::info);
    CHECK(telegram.expire == 6h);
    CHECK(telegram.report == std::nullopt);
    CHECK(telegram.recipe->route() == "directly");
    CHECK(loaded.settings[2].min_severity == base::Severity::warning);
    CHECK(loaded.settings[3].type == "dingtalk");
    CHECK(loaded.settings[4].type == "console");
}

TEST_CASE("how long a message is news and when a report comes can be set for each notifier") {
    const auto loaded = load(R"(
a: {type: console, expire: never, report: {every: day}}
b: {type: console, expire: 90m, report: {every: week, on: sun, at: "23:59"}}
c: {type: console, report: {every: week}}
)");
    CHECK(loaded.faults == std::vector<std::string>{});
    CHECK(loaded.settings.at(0).expire == 0s);
    CHECK(loaded.settings.at(0).report == ReportPlan{});
    CHECK(loaded.settings.at(1).expire == 90min);
    CHECK(loaded.settings.at(1).report == ReportPlan{true, std::chrono::Sunday, 23h + 59min});
    CHECK(loaded.settings.at(2).report == ReportPlan{true, std::chrono::Monday, 9h});
}

TEST_CASE("a fault of a report or an expiry says what is allowed") {
    CHECK(
        fault("a: {type: console, expire: 5}") ==
        "q.yaml:1:28: expire must be a duration with its unit, such as 90s, 5m or 1h30m, not '5'");
    CHECK(fault("a: {type: console, report: {on: mon}}") ==
          "q.yaml:1:28: report needs the key 'every'\n"
          "q.yaml:1:33: on is for reports of every week");
    CHECK(fault("a: {type: console, report: {every: week, at: '9:00', on: monday}}") ==
          "q.yaml:1:46: at must be a time of day such as \"09:00\"\n"
          "q.yaml:1:58: on must be one of sun, mon, tue, wed, thu, fri, sat, not 'monday'");
    for (const std::string time : {"24:00", "09:60", "0900", "ab:cd", "-1:00"}) {
        CAPTURE(time);
        CHECK(fault("a: {type: console, report: {every: day, at: '" + time + "'}}") ==
              "q.yaml:1:45: at must be a time of day such as \"09:00\"");
    }
}

TEST_CASE("the way to a service is told without the password of its proxy") {
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
    CHECK(loaded.settings.at(0).recipe->route() == "by the proxy socks5h://10.0.0.1:1080");
}

TEST_CASE("people to call are checked against what the service knows people by") {
    const std::string telegram = "type: telegram, bot_token: '1:a', chat_id: 5, ";
    const std::string hook = "webhook: 'http://h/bot/v2/hook/1', ";
    const auto complaint = [](const std::string& keys) { return fault("a: {" + keys + "}"); };
    CHECK(complaint(telegram + "mention: ['@anna', 12345]") == "");
    CHECK(complaint(telegram + "mention: all").find("Telegram has no \"all\"") !=
          std::string::npos);
    CHECK(complaint("type: feishu, " + hook + "mention: [ou_1, all], mention_from: info") == "");
    CHECK(complaint("type: feishu, " + hook + "mention: 'a@b.cn'").find("open_ids") !=
          std::string::npos);
    CHECK(complaint("type: wecom, webhook: 'http://h/?key=1', mention: [wang.qing, all]") == "");
    CHECK(complaint("type: wecom, webhook: 'http://h/?key=1', mention: '@all'").find("userids") !=
          std::string::npos);
    CHECK(complaint("type: dingtalk, webhook: 'http://h/?access_token=1', mention: ['138', all]") ==
          "");
    CHECK(complaint("type: dingtalk, webhook: 'http://h/?access_token=1', mention: wang")
              .find("mobile numbers") != std::string::npos);
    CHECK(complaint(telegram + "mention_from: info").find("needs the key 'mention'") !=
          std::string::npos);
    CHECK(complaint("type: feishu, " + hook + "keyword: ' '").find("keyword must be a text") !=
          std::string::npos);
}

TEST_CASE("every fault of a notifier is told with its place and what is allowed") {
    CHECK(fault("[a]") == "q.yaml:1:1: notifiers must be a map of keys and values, not a list");
    CHECK(fault("a: telegram") ==
          "q.yaml:1:4: the notifier 'a' must be a map of keys and values, not a text");
    CHECK(fault("a: {chat_id: 1}") == "q.yaml:1:4: the notifier 'a' needs the key 'type'");
    CHECK(fault("a: {type: telegramm}") ==
          "q.yaml:1:11: there is no type 'telegramm'; did you mean 'telegram'?");
    CHECK(
        fault("a: {type: carrier-pigeon}") ==
        "q.yaml:1:11: type must be one of telegram, feishu, wecom, dingtalk, webhook, smtp, exec, "
        "console, not 'carrier-pigeon'");
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
}

TEST_CASE("a webhook and the way to it are checked as far as they can be without a call") {
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
    CHECK(fault("a: {type: dingtalk, webhook: 'https://oapi.dingtalk.com/robot/send'}") ==
          "q.yaml:1:30: webhook must be the whole URL of the robot, such as "
          "https://oapi.dingtalk.com/robot/send?access_token=…");
    CHECK(
        fault("a: {type: dingtalk, webhook: 'https://h/?access_token=1&timestamp=1&sign=2'}") ==
        "q.yaml:1:30: webhook must not hold a sign, which is good for an hour: set secret instead");
    CHECK(fault("a: {type: wecom, webhook: 'http://h/?key=1', proxy: 'me:secret@10.0.0.1', "
                "ca_file: /none, "
                "timeout: 5}") ==
          "q.yaml:1:53: proxy must be an http://, https://, socks5h:// or socks5:// URL\n"
          "q.yaml:1:84: ca_file '/none' cannot be read\n"
          "q.yaml:1:100: timeout must be a duration with its unit, such as 90s, 5m or 1h30m, not "
          "'5'");
    CHECK(fault("a: {type: console, proxy: x, min_severity: high}") ==
          "q.yaml:1:20: unknown key 'proxy' in the notifier 'a'; known are type, min_severity, "
          "expire, report\n"
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
        "a: {type: wecom, webhook: 'http://h/?key=1', mention: '@CANARY'}",
        "a: {type: dingtalk, webhook: '@CANARY'}",
        "a: {type: dingtalk, webhook: 'http://h/?access_token=1', mention: '@CANARY'}",
        "a: {type: dingtalk, webhook: 'http://h/?access_token=1', secret: ['@CANARY']}",
        "a: {type: feishu, webhook: 'http://h/bot/v2/hook/1', mention: '@CANARY'}",
        "a: {type: feishu, webhook: 'http://h/bot/v2/hook/1', keyword: ['@CANARY']}",
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
w: {type: wecom, webhook: "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?debug=1&key=k-12"}
d: {type: dingtalk, webhook: "https://oapi.dingtalk.com/robot/send?access_token=k-34", secret: SEC1, proxy: "http://me@h"}
c: {type: console}
r: {type: telegram, bot_token: "123:AbC", chat_id: 5, base_url: "https://us:pw-5@h/hidden-path/"}
p: {type: wecom, webhook: "https://us:pw-6@h/hidden-path/send?key=k-56"}
)");
    using Texts = std::vector<std::string>;
    const auto secrets = [&](std::size_t i) { return loaded.settings.at(i).recipe->secrets(); };
    CHECK(secrets(0) == Texts{"me:p%40ss", "p%40ss", "p@ss", "bWU6cEBzcw==", "123:AbC"});
    CHECK(secrets(1) == Texts{"abcd-1234", "s3cret"});
    CHECK(secrets(2) == Texts{"k-12"});
    CHECK(secrets(3) == Texts{"me", "bWU6", "k-34", "SEC1"});
    CHECK(secrets(4).empty());
    // Of whoever stands before the service: a login, and a path that only we know.
    CHECK(secrets(5) == Texts{"us:pw-5", "pw-5", "dXM6cHctNQ==", "hidden-path", "123:AbC"});
    CHECK(secrets(6) == Texts{"us:pw-6", "pw-6", "dXM6cHctNg==", "hidden-path", "k-56"});
}
