#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/duration.h"
#include "base/text.h"
#include "daemon/wording.h"

// Metrics, their values, and lengths of time in words.
namespace quotafuse::daemon {
namespace {

using alerts::Comparison;
using alerts::Metric;
using alerts::Notice;

/// In the order of alerts::Metric. A token is what a model reads; what a client shows is a 令牌.
constexpr std::array<std::string_view, 37> kMetrics{
    "请求数",       "上游请求数",   "错误数",         "客户端错误数",    "错误率",
    "最终错误率",   "Token 用量",   "输入 Token",     "输出 Token",      "缓存 Token",
    "额度消耗",     "费用",         "每分钟请求数",   "每分钟 Token 数", "平均延迟",
    "延迟 P50",     "延迟 P95",     "延迟 P99",       "平均首字延迟",    "首字延迟 P50",
    "首字延迟 P95", "首字延迟 P99", "空回复数",       "不同 IP 数",      "不同令牌数",
    "不同用户数",   "距上次请求",   "渠道被禁用",     "渠道余额",        "渠道余额未更新时长",
    "令牌剩余额度", "令牌已用比例", "令牌剩余有效期", "用户剩余额度",    "用户已用比例",
    "可用渠道数",   "失效密钥数",
};
static_assert(kMetrics.size() == static_cast<std::size_t>(Metric::dead_keys) + 1);

constexpr double kLongestTime = 1e10;  // seconds; more is no time

}  // namespace

std::string Wording::key(const std::vector<alerts::KeyName>& key) const {
    std::vector<std::string> parts;
    for (const auto& part : key)
        parts.push_back(fmt::format("{} {}", dimension(part.dimension), part.display));
    return fmt::format("{}", fmt::join(parts, " · "));
}

std::string_view Wording::metric(Metric metric) const {
    return chinese() ? kMetrics.at(static_cast<std::size_t>(metric)) : alerts::metric_name(metric);
}

std::string Wording::duration(std::chrono::seconds duration) const {
    const auto text = base::format_duration(duration);
    if (!chinese()) return text;
    static constexpr std::array<std::pair<char, std::string_view>, 5> kUnits{
        {{'w', " 周 "}, {'d', " 天 "}, {'h', " 小时 "}, {'m', " 分 "}, {'s', " 秒 "}}};
    std::string words;
    for (const char c : text) {
        const auto* const unit =
            std::ranges::find(kUnits, c, &std::pair<char, std::string_view>::first);
        words += unit == kUnits.end() ? std::string{c} : std::string{unit->second};
    }
    words.pop_back();
    const bool minutes = words.ends_with("分") && words.find(' ') == words.rfind(' ');
    return minutes ? words + "钟" : words;
}

std::string Wording::value(Metric metric, double value, const Currency& currency) const {
    auto text = format_value(metric, value, currency);
    const auto unit = alerts::metric_unit(metric);
    if (!chinese()) return text;
    if (unit == "percent") base::replace_all(text, " %", "%");
    if (unit == "per minute") base::replace_all(text, "/min", "/分钟");
    if (unit == "ms") base::replace_all(text, " ms", " 毫秒");
    if (unit == "seconds" && std::abs(value) < kLongestTime) {
        const std::chrono::seconds length{std::llround(std::abs(value))};
        return (value <= -0.5 ? "-" : "") + duration(length);
    }
    return text;
}

std::string Wording::value(const Notice& notice, const std::optional<double>& value,
                           const Currency& currency) const {
    if (!value) return "–";
    if (notice.compare_to == Comparison::none) return this->value(notice.metric, *value, currency);
    return change(*value);
}

std::string Wording::change(double percent) const {
    auto text = format_change(percent);
    if (chinese()) base::replace_all(text, " %", "%");
    return text;
}

std::string Wording::percent(double share) const {
    return fmt::format("{}{}", std::lround(share), say("%", " %"));
}

std::string Wording::limit(const Notice& notice, const Currency& currency, bool with_window) const {
    // Of what is over the number is on the other side of it.
    const auto name = notice.reason == alerts::Reason::resolved ? say("阈值 ", "limit ") : "";
    auto text = fmt::format("{}{} {}", name, notice.below ? "<" : ">",
                            value(notice, notice.threshold, currency));
    if (!with_window) return text;
    if (const auto over = window(notice); !over.empty())
        text += fmt::format("{}{}", say("，", ", "), over);
    return text;
}

std::string Wording::value_and_limit(const Notice& notice, const Currency& currency,
                                     bool with_window) const {
    const auto now = value(notice, notice.value, currency);
    const auto over = limit(notice, currency, with_window);
    return chinese() ? fmt::format("{}（{}）", now, over) : fmt::format("{} ({})", now, over);
}

}  // namespace quotafuse::daemon
