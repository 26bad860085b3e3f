#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "circuit_breaker/channel_tables.h"
#include "daemon/wording.h"

// Why the breaker did what it did, in words.
namespace quotafuse::daemon {
namespace {

using circuit_breaker::Target;
using circuit_breaker::TripCause;
using Texts = std::array<std::string_view, 33>;

constexpr std::size_t kMostPairs = 5;
constexpr int kUsedUp = 4;  // of a key's status; 3 is expired

/// Both in the order of TripCause::Kind.
constexpr Texts kChinese{
    "",
    "熔断功能已关闭",
    "受保护（breaker.protect）",
    "quotafuse 已禁用 {count} 个渠道（breaker.max_open 为 {limit}）",
    "最近 1 小时已熔断 {count} 次（breaker.max_per_hour 为 {limit}）",
    "网关中没有这个{what}",
    "网关中未开启该渠道的自动禁用（auto_ban）",
    "是 {pairs}的最后一个可用渠道",
    "另一个渠道同时被禁用，使它成为 {pairs}的最后一个可用渠道，已撤销",
    "已是 {pairs}的最后一个可用渠道，但撤销失败：{detail}",
    "是 {pairs}的最后一个可用渠道，撤销之前已被他人修改",
    "{status}",
    "本次熔断后又被启用",
    "在网关中不断被修改",
    "已过 {limit} 秒仍未执行，作废",
    "One API 开启了自动启用：下次测试可能重新启用该渠道",
    "未能再次确认是否还有其他可用渠道：{detail}",
    "网关数据库报错：{detail}",
    "网关数据库报错：{detail}；请按 `quotafuse grants` 的输出为熔断账号授权",
    "提交时连接中断（{detail}），再次查询失败：{unread}",
    "熔断模块无法继续：{detail}",
    "熔断已暂停{until}（quotafuse breaker resume 可恢复执行）",
    "令牌 {detail} 占 {count}%，且已有渠道因它被熔断：问题在该令牌",
    "有相同模型的渠道 {id} 刚刚被熔断，尚未生效（breaker.settle）",
    "日志数据过旧：最新为 {count} 秒前（breaker.max_lag 为 {limit} 秒）",
    "最近 1 小时已禁用 {count} 个令牌（breaker.max_keys_per_hour 为 {limit}）",
    "该渠道没有这个名称的模型",
    "它是该渠道唯一的模型，请改为禁用渠道",
    "有 {count} 个同名令牌，无法确定是哪一个",
    "quotafuse 已将其禁用",
    "再次禁用会使 {pairs}没有可用渠道",
    "它的 abilities 中有 {count} 行已不存在：请在网关的渠道页面修复数据库一致性",
    "它正在试探恢复中，该告警表明试探失败，将再次禁用",
};
constexpr Texts kEnglish{
    "",
    "the breaker is off",
    "protected (breaker.protect)",
    "already off by quotafuse: {count} (breaker.max_open is {limit})",
    "trips in the last hour: {count} (breaker.max_per_hour is {limit})",
    "not found at the gateway",
    "automatic disabling is off for it at the gateway (auto_ban)",
    "the last usable one for {pairs}",
    "another one was disabled at the same moment, which left no other for {pairs}; undone",
    "no other is left for {pairs}, and the trip could not be undone: {detail}",
    "the last usable one for {pairs}, but somebody changed it before the trip was undone",
    "{status}",
    "enabled again after this trip",
    "it kept changing at the gateway",
    "asked for more than {limit} s ago",
    "One API's automatic enabling is on: its next test may enable the channel again",
    "whether other channels are left could not be checked again: {detail}",
    "{detail}",
    "{detail}; give the breaker's account what `quotafuse grants` prints",
    "the connection broke ({detail}), and asking again failed: {unread}",
    "the breaker could not go on: {detail}",
    "the breaker is paused{until} (quotafuse breaker resume ends that)",
    "one key ({detail}) makes {count} % of the value, and a channel was tripped for it already: "
    "the key is to blame",
    "channel {id}, which serves the same models, was tripped just now and that has yet to take "
    "effect (breaker.settle)",
    "the newest rows are {count} s old (breaker.max_lag is {limit} s)",
    "keys in the last hour: {count} (breaker.max_keys_per_hour is {limit})",
    "the channel serves no model of this name",
    "the only model of its channel: disable the channel instead",
    "{count} keys have its name, and the log does not tell which one it is",
    "quotafuse has it off already",
    "off again, it would leave no channel for {pairs}",
    "{count} of its abilities are gone: rebuild them on the gateway's channel page",
    "it is on trial, which this alert ends: it goes off again",
};

}  // namespace

std::string Wording::status(std::int64_t status, Target::Kind kind) const {
    const bool key = kind == Target::Kind::token;
    if (status == circuit_breaker::kDisabledByHand) return std::string{say("手动禁用", "by hand")};
    if (status == circuit_breaker::kDisabledAutomatically)
        return std::string{key ? say("已过期", "expired") : say("自动禁用", "automatically")};
    if (key && status == kUsedUp) return std::string{say("额度已用尽", "used up")};
    return fmt::format("status {}", status);
}

std::string Wording::pairs(const std::vector<circuit_breaker::UsedPair>& pairs) const {
    std::string text;
    const auto named = std::min(pairs.size(), kMostPairs);
    for (std::size_t i = 0; i < named; ++i) {
        const auto requests = group_digits(pairs[i].requests);
        if (i > 0) text += say("、", ", ");
        text += chinese() ? fmt::format("{}（24 小时内 {} 次请求）", pairs[i].pair, requests)
                          : fmt::format("{} ({} request{} in 24 h)", pairs[i].pair, requests,
                                        pairs[i].requests == 1 ? "" : "s");
    }
    if (named == pairs.size()) return text;
    const auto more = pairs.size() - named;
    return text +
           (chinese() ? fmt::format("等 {} 项", pairs.size()) : fmt::format(" and {} more", more));
}

std::string Wording::cause(const TripCause& cause, Target::Kind kind,
                           const base::TimeZone& zone) const {
    const auto text = (chinese() ? kChinese : kEnglish).at(static_cast<std::size_t>(cause.kind));
    std::string until;
    if (cause.kind == TripCause::Kind::paused && cause.limit != 0) {
        until = fmt::format(fmt::runtime(say("，直到 {}", " until {}")),
                            zone.format(base::from_unix(cause.limit)));
    }
    auto why = fmt::format(
        fmt::runtime(text), fmt::arg("count", group_digits(cause.count)),
        fmt::arg("limit", group_digits(cause.limit)), fmt::arg("pairs", pairs(cause.pairs)),
        fmt::arg("status", status(cause.count, kind)), fmt::arg("id", cause.count),
        fmt::arg("what", kind == Target::Kind::token ? "令牌" : "渠道"), fmt::arg("until", until),
        fmt::arg("detail", cause.detail), fmt::arg("unread", cause.unread));
    if (!cause.unread.empty() && cause.kind != TripCause::Kind::lost_commit) {
        why +=
            fmt::format("{}{}",
                        say("；重启前是否已执行也无法查询：",
                            "; whether it was carried out before the restart could not be read: "),
                        cause.unread);
    }
    return why;
}

}  // namespace quotafuse::daemon
