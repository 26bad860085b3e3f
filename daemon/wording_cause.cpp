#include <algorithm>
#include <array>
#include <chrono>

#include <fmt/format.h>

#include "circuit_breaker/cause_names.h"
#include "circuit_breaker/channel_tables.h"
#include "circuit_breaker/token_table.h"
#include "daemon/wording.h"

// Why the breaker did what it did, in words.
namespace quotafuse::daemon {
namespace {

using circuit_breaker::Target;
using circuit_breaker::TripCause;

using namespace std::chrono_literals;

constexpr std::size_t kMostPairs = 5;

using Kind = TripCause::Kind;
struct Text {
    Kind kind;
    std::string_view chinese;
    std::string_view english;
};
constexpr auto kTexts = std::to_array<Text>({
    {Kind::none, "", ""},
    {Kind::off, "熔断功能已关闭", "the breaker is off"},
    {Kind::is_protected, "受保护（breaker.protect）", "protected (breaker.protect)"},
    {Kind::max_open, "quotafuse 已禁用 {count} 个渠道（breaker.max_open 为 {limit}）",
     "quotafuse has {count} off already (breaker.max_open is {limit})"},
    {Kind::max_per_hour, "最近 1 小时已熔断 {count} 次（breaker.max_per_hour 为 {limit}）",
     "{count} trip{s} in the last hour already (breaker.max_per_hour is {limit})"},
    {Kind::no_channel, "网关中没有这个{what}", "not found at the gateway"},
    {Kind::auto_ban_off, "网关中关闭了该渠道的自动禁用（auto_ban）",
     "automatic disabling is off for it at the gateway (auto_ban)"},
    {Kind::last_usable, "是 {pairs}的最后一个可用渠道", "the last usable one for {pairs}"},
    {Kind::undone, "另一个渠道同时被禁用，使它成为 {pairs}的最后一个可用渠道，已撤销",
     "another one was disabled at the same moment, which left no other for {pairs}; undone"},
    {Kind::not_undone, "已使 {pairs}没有其他可用渠道，但撤销失败：{detail}",
     "no other is left for {pairs}, and the trip could not be undone: {detail}"},
    {Kind::changed_meanwhile, "是 {pairs}的最后一个可用渠道，但撤销之前已被他人修改，保留其修改",
     "the last usable one for {pairs}, but somebody changed it before the trip was undone: theirs "
     "stands"},
    {Kind::was_off, "{status}", "{status}"},
    {Kind::enabled_again, "本次熔断后又被启用", "enabled again after this trip"},
    {Kind::kept_changing, "它在网关中不断被修改，未能写入",
     "it kept changing at the gateway, so nothing was written"},
    {Kind::expired, "已过 {limit} 秒仍未执行，命令已作废",
     "the order was asked for more than {limit} s ago, and none is carried out late"},
    {Kind::may_come_back, "One API 开启了自动启用：下次测试可能重新启用该渠道",
     "One API's automatic enabling is on: its next test may enable the channel again"},
    {Kind::not_checked_again, "未能再次确认是否还有其他可用渠道：{detail}",
     "whether other channels are left could not be checked again: {detail}"},
    {Kind::gateway, "网关数据库报错：{detail}", "{detail}"},
    {Kind::no_grant, "网关数据库报错：{detail}；请按 `{grants}` 的输出为熔断账号授权",
     "{detail}; give the breaker's account what `{grants}` prints"},
    {Kind::lost_commit, "提交时连接中断（{detail}），再次查询失败：{unread}",
     "the connection broke ({detail}), and asking again failed: {unread}"},
    {Kind::stuck, "熔断模块无法继续：{detail}", "the breaker could not go on: {detail}"},
    {Kind::paused, "熔断已暂停{until}{because}；quotafuse breaker resume 可恢复执行",
     "the breaker is paused{until}{because}; quotafuse breaker resume ends that"},
    {Kind::same_key, "令牌 {detail} 占 {count}%，且已有渠道因它被熔断：问题在该令牌",
     "one key ({detail}) makes {count} % of the value, and a channel was tripped for it already: "
     "the key is to blame"},
    {Kind::settling, "有相同模型的渠道 {id} 刚刚被熔断，尚未生效（breaker.settle）",
     "channel {id}, which serves the same models, was tripped just now and that has yet to take "
     "effect (breaker.settle)"},
    {Kind::old_rows, "日志数据过旧：最新为 {count} 秒前（breaker.max_lag 为 {limit} 秒）",
     "the newest rows are {count} s old (breaker.max_lag is {limit} s)"},
    {Kind::max_keys, "最近 1 小时已禁用 {count} 个令牌（breaker.max_keys_per_hour 为 {limit}）",
     "{count} key{s} disabled in the last hour already (breaker.max_keys_per_hour is {limit})"},
    {Kind::no_model, "该渠道没有这个名称的模型", "the channel serves no model of this name"},
    {Kind::only_model, "它是该渠道唯一的模型，请改为禁用渠道",
     "the only model of its channel: disable the channel instead"},
    {Kind::no_key_id, "有 {count} 个同名令牌，无法确定是哪一个",
     "{count} keys have its name, and the log does not tell which one it is"},
    {Kind::held, "已由 quotafuse 禁用", "quotafuse has it off already"},
    {Kind::again_dark, "再次禁用会使 {pairs}没有可用渠道",
     "switched off again, it would leave no channel for {pairs}"},
    {Kind::rows_missing,
     "它的 abilities 中有 {count} 行已不存在：请在网关的渠道页面修复数据库一致性",
     "{count} of its abilities are gone: rebuild them on the gateway's channel page"},
    {Kind::on_trial, "它正在试用，该告警表明试用失败，将再次禁用",
     "it is on trial, which this alert ends: it goes off again"},
    {Kind::bad_name, "它的 {detail} 名称不是有效的 UTF-8，试用后无法恢复其优先级",
     "the name {detail} is not valid UTF-8: its rank could not be put back after a trial"},
    {Kind::not_held, "它已不由这次熔断负责：有更新的熔断，已经恢复，或被他人修改",
     "this trip no longer answers for it: it was tripped anew, given back, or changed by "
     "somebody"},
});
static_assert(circuit_breaker::has_every_cause(kTexts));

}  // namespace

std::string Wording::status(std::int64_t status, Target::Kind kind) const {
    const bool key = kind == Target::Kind::token;
    if (key && status == circuit_breaker::kKeyExpired) return std::string{say("已过期", "expired")};
    if (key && status == circuit_breaker::kKeyUsedUp)
        return std::string{say("额度已用尽", "used up")};
    if (status == circuit_breaker::kDisabledByHand) return std::string{say("手动禁用", "by hand")};
    if (!key && status == circuit_breaker::kDisabledAutomatically)
        return std::string{say("自动禁用", "automatically")};
    return fmt::format(fmt::runtime(say("状态为 {}", "status {}")), status);
}

std::string Wording::span(base::Seconds span) const {
    if (!chinese()) return circuit_breaker::span_text(span);
    const bool hours = span <= std::chrono::days{2} && span % std::chrono::hours{1} == 0s;
    return hours ? fmt::format("{} 小时", span / std::chrono::hours{1}) : duration(span);
}

std::string Wording::pairs(const TripCause& cause) const {
    std::string text;
    const auto& pairs = cause.pairs;
    const auto named = std::min(pairs.size(), kMostPairs);
    for (std::size_t i = 0; i < named; ++i) {
        const auto requests = group_digits(pairs[i].requests);
        const auto over = i > 0 ? ""
                                : fmt::format(fmt::runtime(say("最近 {} ", " in the last {}")),
                                              span(cause.traffic));
        if (i > 0) text += say("、", ", ");
        text += chinese() ? fmt::format("{}（{}{} 次请求）", pairs[i].pair, over, requests)
                          : fmt::format("{} ({} request{}{})", pairs[i].pair, requests,
                                        pairs[i].requests == 1 ? "" : "s", over);
    }
    if (named == pairs.size()) return text;
    const auto more = pairs.size() - named;
    return text +
           (chinese() ? fmt::format("等 {} 项", pairs.size()) : fmt::format(" and {} more", more));
}

std::string Wording::cause(const TripCause& cause, Target::Kind kind,
                           const base::TimeZone& zone) const {
    const auto& row = kTexts.at(static_cast<std::size_t>(cause.kind));
    const auto text = say(row.chinese, row.english);
    std::string until;
    if (cause.kind == TripCause::Kind::paused && cause.limit != 0) {
        until = fmt::format(fmt::runtime(say("，直到 {}", " until {}")),
                            zone.format(base::from_unix(cause.limit)));
    }
    auto why = fmt::format(
        fmt::runtime(text), fmt::arg("count", group_digits(cause.count)),
        fmt::arg("limit", group_digits(cause.limit)), fmt::arg("pairs", pairs(cause)),
        fmt::arg("status", status(cause.count, kind)), fmt::arg("id", cause.count),
        fmt::arg("s", cause.count == 1 ? "" : "s"),
        fmt::arg("what", kind == Target::Kind::token ? "令牌" : "渠道"), fmt::arg("until", until),
        fmt::arg("detail", cause.detail), fmt::arg("unread", cause.unread),
        fmt::arg("grants", circuit_breaker::grants_command(kind)),
        fmt::arg("because", cause.detail.empty()
                                ? std::string{}
                                : fmt::format(fmt::runtime(say("（{}）", " ({})")), cause.detail)));
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
