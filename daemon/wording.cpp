#include "daemon/wording.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

#include <fmt/format.h>

#include "alerts/self_alerts.h"
#include "base/text.h"

namespace quotafuse::daemon {

using alerts::Comparison;
using alerts::Contribution;
using alerts::Dimension;
using alerts::Frame;
using alerts::Notice;

namespace {

/// Of one name among up to fifteen, in bytes: clients may ask for a model of any length.
constexpr std::size_t kMostName = 80;

/// The share that the line is there for.
double leading_share(const Contribution& contribution) {
    const auto& first = contribution.parts.front();
    return first.share_of_rise.value_or(first.share);
}

/// Of a few groups, routes or providers one has nearly all as a rule: that half of the value is one
/// key says more.
double weight_of(Dimension dimension) {
    switch (dimension) {
        case Dimension::channel:
        case Dimension::model:
        case Dimension::token:
        case Dimension::user:
        case Dimension::code:
        case Dimension::ip:
            return 1;
        case Dimension::provider:
        case Dimension::tag:
        case Dimension::group:
        case Dimension::route:
        case Dimension::status:
            return 0.5;
    }
    std::abort();
}

}  // namespace

std::string_view Wording::dimension(Dimension dimension) const {
    switch (dimension) {
        case Dimension::channel:
            return say("渠道", "Channel");
        case Dimension::provider:
            return say("供应商", "Provider");
        case Dimension::tag:
            return say("标签", "Tag");
        case Dimension::model:
            return say("模型", "Model");
        case Dimension::token:
            return say("令牌", "Key");
        case Dimension::user:
            return say("用户", "User");
        case Dimension::group:
            return say("分组", "Group");
        case Dimension::route:
            return say("接口", "Route");
        case Dimension::status:
            return say("状态码", "Status");
        case Dimension::code:
            return say("错误码", "Error code");
        case Dimension::ip:
            return "IP";
    }
    std::abort();
}

std::string_view Wording::dimension(std::string_view name) const {
    const auto& names = alerts::dimension_names();
    const auto found = std::ranges::find(names, name);
    return found == names.end() ? std::string_view{}
                                : dimension(static_cast<Dimension>(found - names.begin()));
}

std::string_view Wording::several(std::string_view name) const {
    constexpr std::array<std::string_view, 11> kEnglish{
        "channels", "providers", "tags",     "models",      "keys", "users",
        "groups",   "routes",    "statuses", "error codes", "IPs"};
    const auto& names = alerts::dimension_names();
    const auto found = std::ranges::find(names, name);
    if (found == names.end()) return say("序列", "series");
    const auto place = static_cast<std::size_t>(found - names.begin());
    return chinese() ? dimension(static_cast<Dimension>(place)) : kEnglish.at(place);
}

std::string Wording::window(const Notice& notice) const {
    if (alerts::is_gauge(notice.metric) && notice.compare_to == Comparison::none) return {};
    switch (notice.window.kind) {
        case Frame::Kind::rolling:
            return duration(notice.window.length);
        case Frame::Kind::today:
            return std::string{say("今天", "today")};
        case Frame::Kind::this_week:
            return std::string{say("本周", "this week")};
        case Frame::Kind::this_month:
            return std::string{say("本月", "this month")};
        case Frame::Kind::fixed:
            return fmt::format("{}{}{}", notice.zone.format(notice.window.from),
                               say(" 至 ", " to "), notice.zone.format(notice.window.to));
    }
    std::abort();
}

std::string Wording::former_period(const Frame& frame) const {
    switch (frame.kind) {
        case Frame::Kind::rolling: {
            const auto length = duration(frame.length);
            return chinese() ? fmt::format("与前 {}相比", length)
                             : fmt::format("against the {} before", length);
        }
        case Frame::Kind::today:
            return std::string{say("与前一天同期相比", "against the day before by this time")};
        case Frame::Kind::this_week:
            return std::string{say("与上周同期相比", "against the week before by this time")};
        case Frame::Kind::this_month:
            return std::string{say("与上月同期相比", "against the month before by this time")};
        case Frame::Kind::fixed:
            return std::string{say("与之前同样长的时段相比", "against the same time before it")};
    }
    std::abort();
}

std::string Wording::comparison(const Notice& notice) const {
    switch (notice.compare_to) {
        case Comparison::none:
            return {};
        case Comparison::previous:
            return former_period(notice.window);
        case Comparison::yesterday:
            return std::string{say("与昨天同一时间相比", "against the same time yesterday")};
        case Comparison::last_week:
            return std::string{say("与上周同一时间相比", "against the same time last week")};
        case Comparison::usual:
            return std::string{
                say("与每周此时的通常水平相比", "against what is usual at this time of the week")};
    }
    std::abort();
}

std::vector<std::string> Wording::explanation(
    const std::vector<Contribution>& contributions) const {
    std::vector<const Contribution*> told;
    for (const auto& one : contributions) {
        if (!one.parts.empty()) told.push_back(&one);
    }
    std::ranges::stable_sort(told, std::ranges::greater{}, [](const Contribution* one) {
        return leading_share(*one) * weight_of(one->dimension);
    });
    if (told.size() > kMostDimensionsTold) told.resize(kMostDimensionsTold);
    std::ranges::stable_sort(told, std::ranges::greater{},
                             [](const Contribution* one) { return leading_share(*one); });
    std::vector<std::string> lines;
    for (const auto* const one : told) {
        lines.push_back(fmt::format("{} {}", dimension(one->dimension), parts(*one)));
    }
    if (!told.empty() && told.front()->newest_rows) {
        const auto rows = group_digits(*told.front()->newest_rows);
        lines.push_back(chinese() ? fmt::format("以上占比仅按最新的 {} 行日志计算", rows)
                                  : fmt::format("Shares are of the newest {} rows", rows));
    }
    return lines;
}

std::string Wording::parts(const Contribution& contribution) const {
    std::vector<std::string> texts;
    for (const auto& part : contribution.parts) {
        auto text = fmt::format("{} {}", base::cut_bytes(part.name.display, kMostName),
                                percent(part.share));
        if (part.share_of_rise) {
            const auto rise = percent(*part.share_of_rise);
            text += chinese() ? fmt::format("（占增量 {}）", rise)
                              : fmt::format(" ({} of the rise)", rise);
        }
        texts.push_back(std::move(text));
    }
    return fmt::format("{}", fmt::join(texts, " · "));
}

std::string_view Wording::self_alert(std::string_view rule) const {
    const auto& names = alerts::self_alert_names();
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (names[i] != rule) continue;
        switch (static_cast<alerts::SelfAlert>(i)) {
            case alerts::SelfAlert::source_stale:
                return say("网关读取停滞", "the gateway cannot be followed");
            case alerts::SelfAlert::new_epoch:
                return say("网关日志重新开始", "the gateway's log began anew");
            case alerts::SelfAlert::clock_skew:
                return say("时钟不一致", "clocks differ");
            case alerts::SelfAlert::store_full:
                return say("本地存储异常", "trouble with the store");
            case alerts::SelfAlert::notifier_dead:
                return say("通知渠道失效", "a notifier fails");
            case alerts::SelfAlert::still_serving:
                return say("已禁用但仍在服务", "disabled but still serving");
            case alerts::SelfAlert::rule_error:
                return say("规则无法评估", "a rule is not evaluated");
            case alerts::SelfAlert::breaker_blind:
                return say("无法照看已禁用的对象", "what is disabled cannot be looked after");
        }
        std::abort();
    }
    return {};
}

}  // namespace quotafuse::daemon
