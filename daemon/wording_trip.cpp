#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.h"
#include "daemon/wording.h"

// Trips in words.
namespace quotafuse::daemon {
namespace {

using circuit_breaker::Target;
using circuit_breaker::TripResult;
constexpr std::size_t kMostDark = 10;
constexpr std::size_t kMostName = 80;  // of a model or key, in bytes: clients may write any length

/// What held the trip back says itself that there is nothing to disable, or that it is off.
bool is_on(const TripResult& trip) {
    using Kind = circuit_breaker::TripCause::Kind;
    static constexpr std::array kOthers{Kind::no_channel, Kind::no_model, Kind::no_key_id,
                                        Kind::held,       Kind::was_off,  Kind::on_trial};
    return std::ranges::find(kOthers, trip.cause.kind) == kOthers.end();
}

/// Nothing was to be disabled.
bool is_shadow(const TripResult& trip) {
    return trip.request.mode == circuit_breaker::Mode::shadow;
}

/// As stored_key() writes the key of a gateway that logs ids: "t17". 0: the id is not known.
std::int64_t id_of(const circuit_breaker::LeadingKey& key) {
    std::int64_t id = 0;
    const auto* const end = key.id.data() + key.id.size();
    if (!key.id.starts_with('t')) return 0;
    const auto [stop, error] = std::from_chars(key.id.data() + 1, end, id);
    return error == std::errc{} && stop == end && id > 0 ? id : 0;
}

/// A command to be pasted into a shell holds numbers and our own ids only, never a name: a stranger
/// may have chosen it.
std::string trip_command(const circuit_breaker::TripRequest& trip) {
    const auto& target = trip.target;
    const bool token = target.kind == Target::Kind::token;
    if (target.kind == Target::Kind::model || (token && target.token == 0)) return {};
    return fmt::format("quotafuse breaker trip --{} {} --reason {}", token ? "token" : "channel",
                       token ? target.token : target.channel, trip.rule);
}

std::string restore_command(const Target& target, const std::string& trip_id) {
    if (target.kind == Target::Kind::channel)
        return fmt::format("quotafuse breaker restore --channel {}", target.channel);
    if (target.kind == Target::Kind::token && target.token != 0)
        return fmt::format("quotafuse breaker restore --token {}", target.token);
    return "quotafuse breaker restore " + trip_id;
}

}  // namespace

std::string Wording::channel(std::int64_t id, std::string_view name) const {
    const auto word = say("渠道", "Channel");
    return name.empty() ? fmt::format("{} {}", word, id)
                        : fmt::format("{} {} ({})", word, id, base::valid_utf8(name));
}

std::string Wording::target(const Target& target, std::string_view name) const {
    // Valid, so that it is the same when it is read back from a letter.
    const auto cut = [](std::string_view text) {
        return base::cut_bytes(base::valid_utf8(text), kMostName);
    };
    switch (target.kind) {
        case Target::Kind::channel:
            return channel(target.channel, name);
        case Target::Kind::model: {
            const auto model = cut(target.model);
            if (chinese()) return fmt::format("{} 的模型 {}", channel(target.channel, name), model);
            auto of = channel(target.channel, name);
            of.front() = 'c';
            return fmt::format("Model {} of {}", model, of);
        }
        case Target::Kind::token: {
            const auto word = dimension(alerts::Dimension::token);
            if (target.token == 0) {
                return fmt::format(fmt::runtime(say("{} {} (用户 {})", "{} {} (user {})")), word,
                                   cut(target.token_name), target.user);
            }
            return name.empty() ? fmt::format("{} {}", word, target.token)
                                : fmt::format("{} {} ({})", word, target.token, cut(name));
        }
    }
    std::abort();
}

std::string Wording::outcome(const TripResult& trip) const {
    const auto subject = target(trip.request.target, trip.name);
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
            if (status == 0)  // a model has none
                return std::string{say(" 已在网关禁用", " is disabled at the gateway")};
            return chinese() ? fmt::format(" 已在网关禁用（status={}）", status)
                             : fmt::format(" is disabled at the gateway (status {})", status);
        case TripResult::Kind::would_trip:
            return std::string{say("：影子模式，本应禁用，未写入任何内容",
                                   ": shadow mode, would have been disabled; nothing was written")};
        case TripResult::Kind::refused:
            return std::string{is_on(trip) ? say(" 保持启用：", " stays enabled: ")
                                           : say(" 未熔断：", " was not tripped: ")};
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
                say(" 是否已禁用未知，quotafuse 会再次查询，也请在网关页面确认：",
                    ": unknown whether it is disabled; quotafuse asks again, please look at the "
                    "gateway's page, too: ")};
    }
    std::abort();
}

std::string Wording::outcome_and_cause(const TripResult& trip, const base::TimeZone& zone) const {
    auto text = target(trip.request.target, trip.name) + sentence(trip);
    const auto why = cause(trip.cause, trip.request.target.kind, zone);
    if (why.empty()) return text;
    if (text.ends_with(say("：", ": "))) return text + why;
    if (text.ends_with(say("）", ")"))) return fmt::format("{}{}{}", text, say("；", "; "), why);
    return text + (chinese() ? fmt::format("（{}）", why) : fmt::format(" ({})", why));
}

std::string Wording::later(const TripResult& trip) const {
    const bool held = trip.cause.kind == circuit_breaker::TripCause::Kind::paused;
    const auto command = trip_command(trip.request);
    if (!held || trip.request.rule.empty() || command.empty()) return {};
    return fmt::format("{}{}", say("之后若仍需禁用：", "To disable it after that: "), command);
}

/// A channel may serve hundreds.
std::string Wording::first_of(const std::vector<std::string>& names) const {
    const auto end = names.begin() + static_cast<std::ptrdiff_t>(std::min(names.size(), kMostDark));
    auto text = fmt::format("{}", fmt::join(names.begin(), end, say("、", ", ")));
    if (end == names.end()) return text;
    return text + (chinese() ? fmt::format("等 {} 项", names.size())
                             : fmt::format(" and {} more", names.end() - end));
}

std::vector<std::string> Wording::dark(const TripResult& trip) const {
    if (trip.kind == TripResult::Kind::refused) return {};
    std::vector<std::string> lines;
    const bool is_off = trip.kind == TripResult::Kind::tripped;
    const auto none_left =
        is_off ? say("以下模型不再有可用渠道", "These now have no channel left")
               : say("禁用后以下模型将没有可用渠道", "With it off these have no channel left");
    if (!trip.dark_models.empty())
        lines.push_back(
            fmt::format("{}{}{}", none_left, say("：", ": "), first_of(trip.dark_models)));
    if (trip.unused_dark.empty()) return lines;
    const auto models = first_of(trip.unused_dark);
    if (trip.dark_models.empty()) {
        lines.push_back(
            fmt::format(fmt::runtime(say("{}（最近 {}无请求）：{}",
                                         "{}, but nobody asked for them in the last {}: {}")),
                        none_left, span(trip.traffic), models));
    } else {
        lines.push_back(fmt::format(fmt::runtime(say("同样没有可用渠道（最近 {}无请求）：{}",
                                                     "Nor have these, which nobody asked for in "
                                                     "the last {}: {}")),
                                    span(trip.traffic), models));
    }
    return lines;
}

std::string Wording::reason(const alerts::Notice& notice) const {
    const bool compares = notice.compare_to != alerts::Comparison::none;
    if (chinese()) {
        return fmt::format("{}：{}{} {}", notice.rule, metric(notice.metric),
                           compares ? "变化" : "", limit(notice, {}, true));
    }
    const bool has_window = compares || !alerts::is_gauge(notice.metric);
    return fmt::format("{}: {}{} {} {}{}", notice.rule, alerts::metric_name(notice.metric),
                       compares ? " changed by" : "", notice.below ? "under" : "over",
                       format_value(notice.metric, notice.compare_to, notice.threshold),
                       has_window ? " in " + alerts::describe(notice.window, notice.zone) : "");
}

std::string Wording::reason_by_hand(std::string_view words) const {
    if (words.empty()) return std::string{say("人工操作", "by hand")};
    return fmt::format("{}{}", say("人工：", "by hand: "), words);
}

std::string Wording::reason_of_undo(std::string_view trip_id) const {
    return fmt::format(
        fmt::runtime(say("人工：撤销熔断 {} 的恢复", "by hand: the return of trip {} is undone")),
        trip_id);
}

std::string Wording::recovery(const circuit_breaker::TripRequest& trip, bool waits,
                              const base::TimeZone& zone) const {
    using Kind = base::Recovery::Kind;
    if (trip.recover.kind == Kind::manual || trip.back_at == base::Second{}) {
        return fmt::format(fmt::runtime(say("恢复：手动（{}）", "Recovery: by hand ({})")),
                           restore_command(trip.target, trip.trip_id));
    }
    const auto at = zone.format(trip.back_at);
    const auto alert =
        waits ? say("，且告警须已结束", ", once the alert is over") : std::string_view{};
    if (trip.recover.kind == Kind::half_open) {
        return fmt::format(fmt::runtime(say("恢复：最早 {} 以少量流量试用{}",
                                            "Recovery: first trial, with little "
                                            "traffic, at {} at the earliest{}")),
                           at, alert);
    }
    return fmt::format(fmt::runtime(say("恢复：最早 {} 自动恢复{}",
                                        "Recovery: by itself at {} at the earliest{}")),
                       at, alert);
}

/// One API logs no id of a key.
std::string_view Wording::by_its_page() const {
    return say("日志中没有该令牌的编号：请在网关的令牌页面禁用它",
               "The log has no number of it: to disable the key alone, use the gateway's page");
}

std::optional<std::string> Wording::offered_key(std::string_view line) const {
    const auto command = line.find(kTripKey);
    if (command != std::string_view::npos) {
        const auto id = line.substr(command + kTripKey.size());
        return std::string{id.substr(0, id.find(' '))};
    }
    if (!line.ends_with(by_its_page())) return std::nullopt;
    const auto name = line.rfind(say(" 占其中 ", " makes "));
    return std::string{line.substr(0, name == std::string_view::npos ? 0 : name)};
}

std::string Wording::leading_key(const circuit_breaker::LeadingKey& key, std::string_view rule,
                                 bool is_said) const {
    std::string text;
    if (!is_said) {
        text = fmt::format(fmt::runtime(say("{} {} 占其中 {}", "{} {} makes {} of the value")),
                           dimension(alerts::Dimension::token),
                           base::cut_bytes(key.name, kMostName), percent(key.share));
    }
    if (!is_said) text += say("。", ". ");
    const auto id = id_of(key);
    if (id == 0) return text + std::string{by_its_page()};
    return text + fmt::format("{}{}{} --reason {}",
                              say("只禁用该令牌：", "To disable the key alone: "), kTripKey, id,
                              rule.empty() ? "leaked" : rule);
}

}  // namespace quotafuse::daemon
