#include "daemon/messages.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include "daemon/bundle_text.h"
#include "daemon/messages_json.h"
#include "daemon/number_format.h"

namespace quotafuse::daemon {
namespace {

using alerts::Notice;
using alerts::Reason;
using notifiers::Message;

/// Lines that fit into a message of whichever service.
constexpr std::size_t kMostLate = 10;

Message::Kind kind_of(Reason reason) {
    if (reason == Reason::resolved) return Message::Kind::resolved;
    if (reason == Reason::reminder) return Message::Kind::reminder;
    if (reason == Reason::first_look || reason == Reason::came_and_went)
        return Message::Kind::summary;
    return Message::Kind::firing;
}

void add_section(std::string_view heading, std::vector<std::string> lines, Message& message) {
    if (!lines.empty()) message.sections.push_back({std::string{heading}, std::move(lines)});
}

}  // namespace

Messages::Messages(const Config& config)
    : site_(config.site), frame_(config), words_(config.language), zone_(config.timezone) {}

std::string Messages::what(const Notice& notice) const {
    // Silence is no recovery.
    if (notice.ended == alerts::Ending::no_traffic) {
        return std::string{words_.say("已结束（无流量）", "Over, without traffic")};
    }
    if (notice.ended == alerts::Ending::gone)
        return std::string{words_.say("已结束（对象已消失）", "Over, it is gone")};
    if (notice.reason == Reason::came_and_went) {
        return std::string{
            words_.say("非生效时段内触发过，已结束", "Came and went outside the active hours")};
    }
    switch (kind_of(notice.reason)) {
        case Message::Kind::resolved:
            return std::string{words_.say("已恢复", "Resolved")};
        case Message::Kind::reminder:
            return std::string{words_.say("仍在告警", "Still firing")};
        case Message::Kind::summary:
            return std::string{
                words_.say("启用规则时已超限", "Over the limit when the rule was first looked at")};
        case Message::Kind::firing:
        case Message::Kind::breaker:
        case Message::Kind::digest:
        case Message::Kind::test:
            return std::string{words_.say("告警", "Firing")};
    }
    std::abort();
}

std::string Messages::title(const Notice& notice) const {
    const auto own = words_.self_alert(notice.rule);
    auto text = fmt::format("{}{}{}", what(notice), words_.say("：", ": "),
                            own.empty() ? notice.rule : own);
    if (!notice.key.empty()) text += fmt::format(" · {}", words_.key(notice.key));
    if (!notice.about.empty()) text += fmt::format(" · {}", notice.about);
    return text;
}

Message Messages::alert(const Notice& notice, const Trips& trips, const Spending* spending) const {
    Message message;
    message.kind = kind_of(notice.reason);
    message.severity = notice.severity;
    message.title = title(notice);
    if (words_.self_alert(notice.rule).empty()) add_numbers(notice, message);
    if (spending != nullptr) add_spending(*spending, notice.zone, message);
    add_times(notice, message);
    add_summary(notice, message);
    add_trips(trips, {&notice, spending}, notice.zone, message);
    add_remarks(notice, message);
    add_series(notice, message);
    add_contributors(notice, message);
    frame_.close(message, notice.event_id, notice.zone, notice.at);
    message.brief = brief(notice, trips);
    message.recovered = !notice.ended || *notice.ended == alerts::Ending::recovered;
    message.alerts = alert_objects(notice, message.kind, {&trips, spending}, site_);
    return message;
}

std::string Messages::brief(const Notice& notice, const Trips& trips) const {
    if (!words_.self_alert(notice.rule).empty()) {
        const auto summary = summary_of(notice);
        const auto colon = summary.empty() ? std::string_view{} : words_.say("：", ": ");
        return brief_of(fmt::format("{}{}{}", title(notice), colon, summary));
    }
    std::string tail;
    if (notice.series.empty()) tail = " " + words_.value_and_limit(notice, currency_, false);
    return brief_of(title(notice), tail + outcomes(trips));
}

/// A built-in alert's says what is wrong, which is no longer so when it is over.
std::string_view Messages::summary_of(const Notice& notice) const {
    const bool over = kind_of(notice.reason) == Message::Kind::resolved;
    return over && !words_.self_alert(notice.rule).empty() ? std::string_view{} : notice.summary;
}

void Messages::add_summary(const Notice& notice, Message& message) const {
    std::vector<std::string> lines;
    if (const auto summary = summary_of(notice); !summary.empty()) lines.emplace_back(summary);
    if (!words_.self_alert(notice.rule).empty()) {  // by which a silence names it
        lines.push_back(
            fmt::format("{}{}", words_.say("内置告警：", "Built-in alert: "), notice.rule));
    }
    add_section({}, std::move(lines), message);
}

void Messages::add_contributors(const Notice& notice, Message& message) const {
    add_section(words_.say("构成", "Made up of"), words_.explanation(notice.contributions),
                message);
}

void Messages::add_series(const Notice& notice, Message& message) const {
    if (notice.reason == Reason::came_and_went) return;  // it stands with its numbers
    std::vector<std::string> lines;
    for (const auto& one : notice.series) {
        lines.push_back(fmt::format("{}{}{}", words_.key(one.key), words_.say("：", ": "),
                                    words_.value(notice, one.value, currency_)));
    }
    if (notice.more > 0) {
        const auto more = group_digits(static_cast<std::int64_t>(notice.more));
        lines.push_back(words_.chinese() ? fmt::format("另有 {} 个未列出", more)
                                         : fmt::format("and {} more", more));
    }
    add_section({}, std::move(lines), message);
}

void Messages::add_numbers(const Notice& notice, Message& message) const {
    const bool several = notice.reason == Reason::came_and_went ||
                         (notice.reason == Reason::first_look && !notice.series.empty());
    message.facts.push_back({std::string{words_.metric(notice.metric)},
                             several ? words_.limit(notice, currency_, true)
                                     : words_.value_and_limit(notice, currency_, true)});
    add_comparison(notice, message);
    if (notice.reason == Reason::came_and_went) return add_worst(notice, message);
    if (notice.reason == Reason::resolved || notice.reason == Reason::reminder) {
        message.facts.push_back(
            {std::string{worst(notice)}, words_.value(notice, notice.peak, currency_)});
    }
    if (alerts::needs_rows(notice.metric)) {
        const bool attempts = notice.metric == alerts::Metric::error_rate;
        message.facts.push_back({std::string{attempts ? words_.say("上游请求数", "Attempts")
                                                      : words_.say("请求数", "Requests")},
                                 group_digits(notice.requests)});
    }
}

std::string_view Messages::worst(const Notice& notice) const {
    return notice.below ? words_.say("最低值", "Lowest") : words_.say("峰值", "Worst");
}

/// Of several episodes the numbers are those of the worst.
void Messages::add_worst(const Notice& notice, Message& message) const {
    message.facts.push_back(
        {std::string{words_.say("触发次数", "Episodes")}, group_digits(notice.episodes)});
    auto text = words_.value(notice, notice.peak, currency_);
    for (const auto& one : notice.series) {
        if (!one.key.empty()) text += fmt::format(" · {}", words_.key(one.key));
    }
    message.facts.push_back({std::string{worst(notice)}, std::move(text)});
}

void Messages::add_comparison(const Notice& notice, Message& message) const {
    if (notice.compare_to == alerts::Comparison::none) return;
    auto text = words_.comparison(notice);
    if (notice.now && notice.base) {
        const auto now = words_.value(notice.metric, *notice.now, currency_);
        const auto before = words_.value(notice.metric, *notice.base, currency_);
        text += words_.chinese() ? fmt::format("：{}，当时 {}", now, before)
                                 : fmt::format(": {}, was {}", now, before);
    }
    message.facts.push_back({std::string{words_.say("对比", "Compared")}, std::move(text)});
}

void Messages::add_times(const Notice& notice, Message& message) const {
    if (notice.reason == Reason::first_look) return;
    const auto label = notice.episodes > 1 ? words_.say("最严重一次始于", "The worst began")
                                           : words_.say("开始", "Since");
    message.facts.push_back({std::string{label}, notice.zone.format(notice.since)});
    if (notice.duration.count() == 0) return;
    const bool over = notice.reason == Reason::resolved || notice.reason == Reason::came_and_went;
    const auto length = over ? words_.say("持续", "Lasted") : words_.say("已持续", "For");
    message.facts.push_back({std::string{length}, words_.duration(notice.duration)});
}

void Messages::add_remarks(const Notice& notice, Message& message) const {
    std::vector<std::string> lines;
    if (notice.reason == Reason::first_look) {
        lines.emplace_back(
            words_.say("首次评估：只汇总，不执行熔断",
                       "First look: summed up only, the breaker does nothing about these"));
    }
    if (notice.reason == Reason::hours_began) {
        lines.emplace_back(words_.say("在生效时段之外已开始，现在通知",
                                      "It began outside the rule's active hours"));
    }
    if (notice.reason == Reason::flapping) {
        if (notice.flaps > 0) {
            lines.push_back(words_.chinese()
                                ? fmt::format("一小时内第 {} 次触发", notice.flaps)
                                : fmt::format("{} times within an hour", notice.flaps));
        }
        lines.emplace_back(words_.say(
            "一小时内反复触发：在其平静之前不再逐次通知",
            "It comes and goes: nothing more is said about it until it has calmed down"));
    }
    if (notice.action_goes_on) {
        lines.emplace_back(
            words_.say("已静默，但静默只限通知：熔断仍会执行",
                       "It is silenced, but for notices only: the breaker still acts"));
    }
    if (notice.ended == alerts::Ending::no_traffic) {
        lines.emplace_back(words_.say("没有流量，无法判断是否已恢复",
                                      "No traffic: whether it has recovered is unknown"));
    }
    if (notice.ended == alerts::Ending::gone) {
        lines.emplace_back(words_.say("对象已消失", "What the alert was about is gone"));
    }
    add_section({}, std::move(lines), message);
}

Message Messages::late(const std::vector<Notice>& notices, base::Second now) const {
    Message message;
    message.kind = Message::Kind::digest;
    const auto number = group_digits(static_cast<std::int64_t>(notices.size()));
    message.title = words_.chinese()
                        ? fmt::format("迟到的告警 {} 条（当时无法读取网关或程序未运行）", number)
                        : fmt::format(
                              "Late, from while the gateway could not be read or quotafuse did not "
                              "run: {}",
                              number);
    std::vector<Listed> all;
    for (const auto& notice : notices) {
        message.severity = std::max(message.severity, notice.severity);
        all.push_back({notice.at, brief(notice, {}), notice.rule,
                       std::string{kind_word(kind_of(notice.reason))}});
        for (auto& object : alert_objects(notice, kind_of(notice.reason), {}, site_))
            message.alerts.push_back(std::move(object));
    }
    add_section({}, list_or_count(all, kMostLate, now, words_, zone_), message);
    add_section({},
                {std::string{words_.say("迟到的告警不执行熔断",
                                        "The breaker does nothing about late alerts")}},
                message);
    message.brief = brief_of(message.title);
    frame_.close(message, "late-" + notices.front().event_id, zone_, now);
    return message;
}

Message Messages::test(const std::string& text, base::Second now, std::string_view event_id) const {
    Message message;
    message.kind = Message::Kind::test;
    message.title = words_.say("quotafuse 测试消息", "quotafuse test message");
    add_section({},
                {text.empty() ? std::string{words_.say("如果你看到这条消息，说明通知配置正确。",
                                                       "If you can read this, the notifier works.")}
                              : text},
                message);
    message.brief = brief_of(message.title);
    frame_.close(message, event_id, zone_, now);
    return message;
}

}  // namespace quotafuse::daemon
