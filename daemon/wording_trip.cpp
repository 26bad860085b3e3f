#include <algorithm>
#include <array>
#include <cstdlib>

#include <fmt/format.h>

#include "circuit_breaker/channel_tables.h"
#include "daemon/wording.h"

// The breaker in words.
namespace quotafuse::daemon {
namespace {

using circuit_breaker::TripCause;
using circuit_breaker::TripResult;
using Texts = std::array<std::string_view, 21>;

constexpr std::size_t kMostPairs = 5;

/// Both in the order of TripCause::Kind.
constexpr Texts kChinese{
    "",
    "熔断功能已关闭",
    "受保护（breaker.protect.channels）",
    "quotafuse 已禁用 {count} 个渠道（breaker.max_open 为 {limit}）",
    "最近 1 小时已熔断 {count} 次（breaker.max_per_hour 为 {limit}）",
    "网关中没有这个渠道",
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
    "禁用时连接中断（{detail}），再次查询失败：{unread}",
    "熔断模块无法继续：{detail}",
};
constexpr Texts kEnglish{
    "",
    "the breaker is off",
    "protected (breaker.protect.channels)",
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
};

/// Nothing was to be disabled.
bool is_shadow(const TripResult& trip) {
    return trip.request.mode == circuit_breaker::Mode::shadow;
}

}  // namespace

std::string Wording::channel(std::int64_t id, std::string_view name) const {
    const auto word = say("渠道", "Channel");
    return name.empty() ? fmt::format("{} {}", word, id)
                        : fmt::format("{} {} ({})", word, id, name);
}

std::string Wording::outcome(const TripResult& trip) const {
    const auto subject = channel(trip.request.channel, trip.channel_name);
    switch (trip.kind) {
        case TripResult::Kind::tripped:
            return subject + std::string{say(" 已禁用", " disabled")};
        case TripResult::Kind::would_trip:
            return subject +
                   std::string{say(" 影子模式：本应禁用", ": shadow trip, still enabled")};
        case TripResult::Kind::refused:
            return subject + std::string{say(" 未熔断", " not tripped")};
        case TripResult::Kind::already_off:
            return subject + std::string{say(" 此前已禁用", " was disabled already")};
        case TripResult::Kind::lost_race:
            return subject +
                   std::string{say(" 未熔断：被他人修改", " not tripped, somebody changed it")};
        case TripResult::Kind::failed:
            return subject +
                   std::string{is_shadow(trip)
                                   ? say(" 影子模式：未能判断", ": shadow trip not judged")
                                   : say(" 熔断失败", " could not be disabled")};
        case TripResult::Kind::unknown:
            return subject + std::string{say(" 熔断结果未知", ": unknown whether it is disabled")};
    }
    std::abort();
}

std::string_view Wording::short_outcome(const TripResult& trip) const {
    switch (trip.kind) {
        case TripResult::Kind::tripped:
            return say("，已禁用", ", disabled");
        case TripResult::Kind::would_trip:
            return say("，影子模式", ", shadow trip");
        case TripResult::Kind::refused:
            return say("，未熔断", ", not tripped");
        case TripResult::Kind::already_off:
            return say("，此前已禁用", ", was disabled already");
        case TripResult::Kind::lost_race:
            return say("，被他人修改", ", changed by somebody");
        case TripResult::Kind::failed:
            return is_shadow(trip) ? say("，影子模式未能判断", ", shadow trip not judged")
                                   : say("，禁用失败", ", disabling failed");
        case TripResult::Kind::unknown:
            return say("，熔断结果未知", ", trip unknown");
    }
    std::abort();
}

/// Without its channel in front; a cause follows.
std::string Wording::sentence(const TripResult& trip) const {
    const auto status = trip.status_written;
    switch (trip.kind) {
        case TripResult::Kind::tripped:
            return chinese() ? fmt::format(" 已在网关禁用（status={}）", status)
                             : fmt::format(" is disabled at the gateway (status {})", status);
        case TripResult::Kind::would_trip:
            return std::string{say("：影子模式，本应禁用，未写入任何内容",
                                   ": shadow mode, would have been disabled; nothing was written")};
        case TripResult::Kind::refused:
            return std::string{say(" 保持启用：", " stays enabled: ")};
        case TripResult::Kind::already_off:
            return std::string{say(" 此前已被禁用", " was disabled already")};
        case TripResult::Kind::lost_race:
            return std::string{say(" 同时被他人修改，保留其修改",
                                   " was changed by somebody at the same moment; theirs stands")};
        case TripResult::Kind::failed:
            return std::string{is_shadow(trip) ? say("：影子模式，未能判断是否应禁用：",
                                                     ": shadow mode, could not be judged: ")
                                               : say(" 禁用失败：", " could not be disabled: ")};
        case TripResult::Kind::unknown:
            return std::string{
                say(" 是否已禁用未知，请检查：", ": unknown whether disabled, please look: ")};
    }
    std::abort();
}

std::string Wording::outcome_and_cause(const TripResult& trip) const {
    auto text = channel(trip.request.channel, trip.channel_name) + sentence(trip);
    const auto why = cause(trip.cause);
    if (why.empty()) return text;
    if (text.ends_with(say("：", ": "))) return text + why;
    if (text.ends_with(say("）", ")"))) return fmt::format("{}{}{}", text, say("；", "; "), why);
    return text + (chinese() ? fmt::format("（{}）", why) : fmt::format(" ({})", why));
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

std::string Wording::cause(const TripCause& cause) const {
    const auto status = cause.count == circuit_breaker::kDisabledByHand
                            ? std::string{say("手动禁用", "by hand")}
                        : cause.count == circuit_breaker::kDisabledAutomatically
                            ? std::string{say("自动禁用", "automatically")}
                            : fmt::format("status {}", cause.count);
    const auto text = (chinese() ? kChinese : kEnglish).at(static_cast<std::size_t>(cause.kind));
    auto why = fmt::format(fmt::runtime(text), fmt::arg("count", group_digits(cause.count)),
                           fmt::arg("limit", group_digits(cause.limit)),
                           fmt::arg("pairs", pairs(cause.pairs)), fmt::arg("status", status),
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
