#include "daemon/messages.h"

#include <cstdlib>

#include <fmt/format.h>

#include "base/duration.h"
#include "daemon/number_format.h"

namespace quotafuse::daemon {
namespace {

using alerts::Notice;
using alerts::Reason;
using circuit_breaker::TripResult;
using notifiers::Message;

Message::Kind kind_of(Reason reason) {
    if (reason == Reason::resolved) return Message::Kind::resolved;
    if (reason == Reason::reminder) return Message::Kind::reminder;
    if (reason == Reason::first_look || reason == Reason::came_and_went)
        return Message::Kind::summary;
    return Message::Kind::firing;
}

std::string channel_text(const TripResult& trip) {
    return trip.channel_name.empty()
               ? std::to_string(trip.request.channel)
               : fmt::format("{} ({})", trip.request.channel, trip.channel_name);
}

}  // namespace

Messages::Messages(const Config& config)
    : site_(config.site), words_(config.language), zone_(config.timezone) {}

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
    for (const auto& part : notice.key) {
        // What a built-in alert is about (a notifier, a rule) has no dimension.
        if (own.empty())
            text += fmt::format(" · {} {}", words_.dimension(part.dimension), part.display);
        else
            text += fmt::format(" · {}", part.display);
    }
    return text;
}

std::string Messages::footer(std::string_view id, const base::TimeZone& zone,
                             base::Second at) const {
    return fmt::format("{} · {}{} {}", site_,
                       id.empty() ? std::string{} : fmt::format("#{} · ", id), zone.format(at),
                       zone.name());
}

Message Messages::alert(const Notice& notice, const TripResult* trip) const {
    Message message;
    message.kind = kind_of(notice.reason);
    message.severity = notice.severity;
    message.title = title(notice);
    if (!notice.summary.empty()) message.lines.push_back(notice.summary);
    if (words_.self_alert(notice.rule).empty()) {
        add_numbers(notice, message);
    } else {  // by which a silence names it
        message.lines.push_back(
            fmt::format("{}{}", words_.say("内置告警：", "Built-in alert: "), notice.rule));
    }
    add_times(notice, message);
    add_remarks(notice, message);
    add_series(notice, message);
    for (auto& line : words_.explanation(notice.contributions)) {
        message.lines.push_back(std::move(line));
    }
    if (trip != nullptr) add_trip(*trip, message);
    message.footer = footer(notice.event_id, notice.zone, notice.at);
    return message;
}

void Messages::add_series(const Notice& notice, Message& message) const {
    if (notice.reason == Reason::came_and_went) return;  // it stands with its numbers
    for (const auto& one : notice.series) {
        message.lines.push_back(
            fmt::format("{}: {}", alerts::describe(one.key), value_text(notice, one.value)));
    }
    if (notice.more > 0) {
        const auto more = group_digits(static_cast<std::int64_t>(notice.more));
        message.lines.push_back(words_.chinese() ? fmt::format("另有 {} 个未列出", more)
                                                 : fmt::format("and {} more", more));
    }
    if (notice.reason == Reason::first_look) {
        message.lines.emplace_back(
            words_.say("首次评估：只汇总，不执行熔断",
                       "First look: summed up only, the breaker does nothing about these"));
    }
}

void Messages::add_numbers(const Notice& notice, Message& message) const {
    auto limit =
        fmt::format("{} {}", notice.below ? "<" : ">", value_text(notice, notice.threshold));
    if (const auto window = words_.window(notice); !window.empty()) limit += ", " + window;
    const bool several = notice.reason == Reason::came_and_went ||
                         (notice.reason == Reason::first_look && !notice.series.empty());
    message.facts.push_back(
        {std::string{alerts::metric_name(notice.metric)},
         several ? limit : fmt::format("{} ({})", value_text(notice, notice.value), limit)});
    add_comparison(notice, message);
    if (notice.reason == Reason::came_and_went) return add_worst(notice, message);
    if (notice.reason == Reason::resolved || notice.reason == Reason::reminder) {
        message.facts.push_back(
            {std::string{words_.say("峰值", "Worst")}, value_text(notice, notice.peak)});
    }
    if (alerts::needs_rows(notice.metric)) {
        const bool attempts = notice.metric == alerts::Metric::error_rate;
        message.facts.push_back({std::string{attempts ? words_.say("上游请求数", "Attempts")
                                                      : words_.say("请求数", "Requests")},
                                 group_digits(notice.requests)});
    }
}

/// Of several episodes the numbers are those of the worst.
void Messages::add_worst(const Notice& notice, Message& message) const {
    message.facts.push_back(
        {std::string{words_.say("触发次数", "Episodes")}, group_digits(notice.episodes)});
    auto worst = value_text(notice, notice.peak);
    for (const auto& one : notice.series) {
        for (const auto& part : one.key)
            worst += fmt::format(" · {} {}", words_.dimension(part.dimension), part.display);
    }
    message.facts.push_back({std::string{words_.say("峰值", "Worst")}, std::move(worst)});
}

void Messages::add_comparison(const Notice& notice, Message& message) const {
    if (notice.compare_to == alerts::Comparison::none) return;
    auto text = words_.comparison(notice);
    if (notice.now && notice.base) {
        const auto now = format_value(notice.metric, *notice.now);
        const auto before = format_value(notice.metric, *notice.base);
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
    if (notice.duration.count() > 0) {
        message.facts.push_back(
            {std::string{words_.say("持续", "Lasted")}, base::format_duration(notice.duration)});
    }
}

void Messages::add_remarks(const Notice& notice, Message& message) const {
    if (notice.reason == Reason::hours_began) {
        message.lines.emplace_back(words_.say("在生效时段之外已开始，现在通知",
                                              "It began outside the rule's active hours"));
    }
    if (notice.reason == Reason::flapping) {
        if (notice.flaps > 0) {
            message.lines.push_back(words_.chinese()
                                        ? fmt::format("一小时内第 {} 次触发", notice.flaps)
                                        : fmt::format("{} times within an hour", notice.flaps));
        }
        message.lines.emplace_back(words_.say(
            "一小时内反复触发：在其平静之前不再逐次通知",
            "It comes and goes: nothing more is said about it until it has calmed down"));
    }
    if (notice.action_goes_on) {
        message.lines.emplace_back(
            words_.say("已静默，但静默只限通知：熔断仍会执行",
                       "It is silenced, but for notices only: the breaker still acts"));
    }
    if (notice.ended == alerts::Ending::no_traffic) {
        message.lines.emplace_back(words_.say("没有流量，无法判断是否已恢复",
                                              "No traffic: whether it has recovered is unknown"));
    }
    if (notice.ended == alerts::Ending::gone) {
        message.lines.emplace_back(words_.say("对象已消失", "What the alert was about is gone"));
    }
}

std::string Messages::trip_line(const TripResult& trip) const {
    const auto channel = channel_text(trip);
    const bool zh = words_.chinese();
    switch (trip.kind) {
        case TripResult::Kind::tripped:
            return zh ? fmt::format("熔断：已在网关禁用渠道 {}（status={}）", channel,
                                    trip.status_written)
                      : fmt::format("Breaker: channel {} is disabled at the gateway (status {})",
                                    channel, trip.status_written);
        case TripResult::Kind::would_trip:
            return zh ? fmt::format("熔断（影子模式）：本应禁用渠道 {}，未写入任何内容", channel)
                      : fmt::format(
                            "Breaker (shadow): would have disabled channel {}; nothing was written",
                            channel);
        case TripResult::Kind::refused:
            return zh ? fmt::format("熔断未执行，渠道 {} 保持启用：", channel)
                      : fmt::format("Breaker: channel {} stays enabled: ", channel);
        case TripResult::Kind::already_off:
            return zh ? fmt::format("熔断：渠道 {} 此前已被禁用", channel)
                      : fmt::format("Breaker: channel {} was disabled already", channel);
        case TripResult::Kind::lost_race:
            return zh ? fmt::format("熔断：渠道 {} 同时被他人修改，保留其修改", channel)
                      : fmt::format(
                            "Breaker: somebody changed channel {} at the same moment; theirs "
                            "stands",
                            channel);
        case TripResult::Kind::failed:
            return zh ? "熔断失败：" : "Breaker failed: ";
        case TripResult::Kind::unknown:
            return zh ? fmt::format("熔断结果未知，请检查渠道 {}：", channel)
                      : fmt::format(
                            "Breaker: unknown whether channel {} is disabled, please look: ",
                            channel);
    }
    std::abort();
}

void Messages::add_trip(const TripResult& trip, Message& message) const {
    const bool explains = trip.kind == TripResult::Kind::refused ||
                          trip.kind == TripResult::Kind::failed ||
                          trip.kind == TripResult::Kind::unknown;
    auto line = trip_line(trip);
    if (explains)
        line += trip.why;
    else if (!trip.why.empty())
        line += fmt::format(" ({})", trip.why);
    message.lines.push_back(std::move(line));
    if (trip.kind == TripResult::Kind::refused) return;
    if (!trip.dark_models.empty()) {
        message.lines.push_back(fmt::format(
            "{}{}", words_.say("以下模型不再有可用渠道：", "These now have no channel left: "),
            fmt::join(trip.dark_models, ", ")));
    }
    if (!trip.unused_dark.empty()) {
        message.lines.push_back(
            fmt::format("{}{}",
                        words_.say("同样没有可用渠道（24 小时内无请求）：",
                                   "Nor have these, which nobody asked for in 24 h: "),
                        fmt::join(trip.unused_dark, ", ")));
    }
}

Message Messages::breaker(const TripResult& trip, base::Second at) const {
    Message message;
    message.kind = Message::Kind::breaker;
    message.severity = base::Severity::critical;
    message.title =
        fmt::format("{}{}", words_.say("熔断：渠道 ", "Breaker: channel "), channel_text(trip));
    message.facts.push_back({std::string{words_.say("原因", "Reason")}, trip.request.reason});
    add_trip(trip, message);
    message.footer = footer(trip.request.trip_id, zone_, at);
    return message;
}

Message Messages::late(const std::vector<Notice>& notices, base::Second now) const {
    Message message;
    message.kind = Message::Kind::digest;
    message.title = fmt::format(
        "{}{}",
        words_.say("迟到的告警（当时无法读取网关或程序未运行）：",
                   "Late, from while the gateway could not be read or quotafuse did not run: "),
        notices.size());
    for (const auto& notice : notices) {
        message.severity = std::max(message.severity, notice.severity);
        message.lines.push_back(fmt::format("{} {}, {}", notice.zone.format(notice.at),
                                            title(notice), value_text(notice, notice.value)));
    }
    message.lines.emplace_back(
        words_.say("迟到的告警不执行熔断", "The breaker does nothing about late alerts"));
    message.footer = footer({}, zone_, now);
    return message;
}

Message Messages::test(const std::string& text, base::Second now) const {
    Message message;
    message.kind = Message::Kind::test;
    message.title = words_.say("quotafuse 测试消息", "quotafuse test message");
    message.lines.push_back(
        text.empty() ? std::string{words_.say("如果你看到这条消息，说明通知配置正确。",
                                              "If you can read this, the notifier works.")}
                     : text);
    message.footer = footer({}, zone_, now);
    return message;
}

}  // namespace quotafuse::daemon
