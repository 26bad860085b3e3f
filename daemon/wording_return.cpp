#include <cstdlib>

#include <fmt/format.h>

#include "daemon/wording.h"

// What comes back, and what a person made of it, in words.
namespace quotafuse::daemon {

using circuit_breaker::Change;
using circuit_breaker::Circuit;
using circuit_breaker::ReturnResult;
using circuit_breaker::Target;
using circuit_breaker::TripCause;
using circuit_breaker::Way;

std::string Wording::outcome(const ReturnResult& result) const {
    const auto subject = target(result.request.circuit.target, result.request.circuit.name);
    if (result.kind == ReturnResult::Kind::theirs)
        return released(result.request.circuit, result.change);
    if (result.kind != ReturnResult::Kind::done) return subject + not_done(result);
    switch (result.request.way) {
        case Way::whole:
            return subject + std::string{say(" 已恢复", " is on again")};
        case Way::trial:
            return subject + std::string{say(" 开始试用", " on trial")};
        case Way::settle:
            return subject +
                   std::string{say(" 试用通过，已完全恢复", " is on again: its trial went well")};
        case Way::again:
            return subject +
                   std::string{say(" 试用失败，已再次禁用", ": trial failed, disabled again")};
    }
    std::abort();
}

/// Behind the target; no cause follows.
std::string Wording::not_done(const ReturnResult& result) const {
    using Kind = ReturnResult::Kind;
    const bool again = result.request.way == Way::again;
    const bool on_trial = result.request.circuit.state == Circuit::State::trial;
    switch (result.kind) {
        case Kind::would_be:
            return std::string{again ? say(" 将再次禁用（未写入）", " would be disabled again")
                                     : say(" 将恢复（未写入）", " would be switched on again")};
        case Kind::refused:
            return std::string{on_trial ? say(" 保持试用", " stays on trial")
                                        : say(" 保持禁用", " stays off")};
        case Kind::failed:
            return std::string{again ? say(" 再次禁用失败", " could not be disabled again")
                                     : say(" 恢复失败", " could not be switched on again")};
        case Kind::unknown:
            return std::string{again
                                   ? say(" 是否已再次禁用未知", ": unknown whether disabled again")
                                   : say(" 是否已恢复未知", ": unknown whether it is on again")};
        case Kind::done:
        case Kind::theirs:
        case Kind::ranks_read:
            break;
    }
    std::abort();
}

std::string_view Wording::returned_how(const ReturnResult& result) const {
    if (result.request.asked_by == kAskedByPerson)
        return say("按人工命令恢复，与熔断之前相同",
                   "By a person's command; all as before the trip");
    if (result.request.circuit.rule.empty())  // there is no alert
        return say("时间已到，与熔断之前相同", "Its time had come; all as before the trip");
    return say("时间已到且告警已结束，与熔断之前相同",
               "Its time had come and the alert is over; all as before the trip");
}

std::string Wording::trial_terms(const base::Recovery& recover) const {
    const auto time = duration(recover.probe_time);
    return chinese()
               ? fmt::format(
                     "只接收少量流量：{}内观察 {} 次上游请求，错误不超过 {} 次则完全恢复，"
                     "否则再次禁用",
                     time, recover.attempts, recover.most_errors)
               : fmt::format(
                     "It gets little traffic. Of the next {} attempts within "
                     "{} at most {} may fail: then it gets all of its traffic, else it goes off "
                     "again",
                     recover.attempts, time, recover.most_errors);
}

std::vector<std::string> Wording::consequences(const ReturnResult& result,
                                               const base::TimeZone& zone) const {
    using Kind = ReturnResult::Kind;
    const auto& circuit = result.request.circuit;
    if (result.kind == Kind::theirs) return consequences(circuit, result.change);
    std::vector<std::string> lines;
    if (const auto why = cause(result.cause, circuit.target.kind, zone); !why.empty()) {
        const bool done = result.kind == Kind::done;
        lines.push_back(
            fmt::format("{}{}", done ? say("注意：", "Note: ") : say("原因：", "Why: "), why));
    }
    if (result.kind == Kind::done) {
        if (result.request.way == Way::whole) lines.emplace_back(returned_how(result));
        if (result.request.way == Way::trial) lines.push_back(trial_terms(circuit.recover));
        if (result.request.way == Way::settle)
            lines.emplace_back(
                say("优先级和权重与熔断之前相同", "Priority and weight are as before the trip"));
        if (result.request.way == Way::again) lines.push_back(next_trial(circuit, zone));
        return lines;
    }
    const bool by_hand = result.request.asked_by == kAskedByPerson;
    if (result.kind == Kind::unknown) {
        lines.emplace_back(say("quotafuse 会再次查询；请在网关页面确认",
                               "quotafuse asks again; please look at the gateway's page"));
    } else if (result.cause.kind == TripCause::Kind::again_dark) {
        lines.emplace_back(by_hand ? say("请先启用其他渠道", "Enable another channel first")
                                   : say("请先启用其他渠道；quotafuse 会继续尝试",
                                         "Enable another channel first; quotafuse goes on trying"));
    } else if (result.kind != Kind::would_be) {
        lines.emplace_back(by_hand ? say("网关中没有任何改变；可再次执行该命令",
                                         "Nothing was changed; the command may be given again")
                                   : say("网关中没有任何改变；quotafuse 会再次尝试",
                                         "Nothing was changed; quotafuse tries again"));
    }
    return lines;
}

std::string Wording::reason_on_trial(std::string_view reason) const {
    return fmt::format("{}{}", say("试用中：", "on trial: "), reason);
}

std::string Wording::next_trial(const Circuit& circuit, const base::TimeZone& zone) const {
    const auto failed = circuit.failed_trials;
    if (circuit.back_at == base::Second{}) {
        return std::string{
            say("不再自动试用：请人工恢复", "No further trial: a person gives it back")};
    }
    const auto at = zone.format(circuit.back_at);
    return chinese() ? fmt::format("已失败 {} 次；下次试用最早 {}", failed, at)
                     : fmt::format("{} failed trial{} so far; the next one at {} at the earliest",
                                   failed, failed == 1 ? "" : "s", at);
}

std::string Wording::released(const Circuit& circuit, Change change) const {
    const auto subject = target(circuit.target, circuit.name);
    switch (change) {
        case Change::none:
            return subject + std::string{say(" 未被修改", " stands as it was left")};
        case Change::enabled:
            return subject + std::string{say(" 已被他人启用", " was enabled by somebody")};
        case Change::disabled_by_hand:
            return subject + std::string{say(" 已被人工禁用", " was disabled by hand")};
        case Change::deleted:
            return subject + std::string{say(" 已被删除", " was deleted")};
        case Change::altered:
            return subject + std::string{circuit.state == Circuit::State::trial
                                             ? say(" 试用期间被他人修改",
                                                   " was changed by somebody on its trial")
                                             : say(" 禁用期间被他人修改，仍未启用",
                                                   " was changed by somebody, and is still off")};
        case Change::gateway_disabled:
            return subject + std::string{say(" 试用期间被网关禁用",
                                             " was disabled by the gateway on its trial")};
    }
    std::abort();
}

std::vector<std::string> Wording::consequences(const Circuit& circuit, Change change) const {
    std::vector<std::string> lines;
    const bool key = circuit.target.kind == Target::Kind::token;
    if (change == Change::enabled && key) {
        lines.emplace_back(say("令牌的所有者或管理员已重新启用它，它又可以产生费用",
                               "The owner of the key or an admin switched it on: it can spend "
                               "again"));
        if (circuit.target.token != 0) {
            const auto reason =
                fmt::format(" --reason {}", circuit.rule.empty() ? "again" : circuit.rule);
            lines.push_back(fmt::format("{}{}{}{}", say("再次禁用：", "To disable it again: "),
                                        kTripKey, circuit.target.token, reason));
        }
    } else if (change == Change::enabled && circuit.status_written == 3) {
        // A test of the gateway enables only what is disabled automatically.
        lines.emplace_back(say("可能是管理员，也可能是网关自身的测试",
                               "It was an admin, or the gateway's own test"));
    }
    if (change == Change::altered && circuit.state != Circuit::State::trial)
        lines.emplace_back(
            say("需要恢复时请在网关页面启用", "To have it back, enable it on the gateway's page"));
    if (change == Change::deleted) {
        lines.emplace_back(say("quotafuse 不再负责它", "quotafuse no longer answers for it"));
    } else if (circuit.rule.empty()) {
        lines.emplace_back(say("quotafuse 不再负责它：不会自动恢复",
                               "quotafuse no longer answers for it: it gives nothing back"));
    } else {
        lines.emplace_back(
            say("quotafuse 不再负责它：不会自动恢复，告警再次触发之前也不会再次熔断",
                "quotafuse no longer answers for it: it gives nothing back, and does "
                "not trip it again before a new alert"));
    }
    return lines;
}

}  // namespace quotafuse::daemon
