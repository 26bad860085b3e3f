#include "notifiers/pacing.h"

#include <algorithm>
#include <cstdlib>
#include <functional>

#include <fmt/format.h>

namespace quotafuse::notifiers {
namespace {

using namespace std::chrono_literals;

constexpr auto kWindow = 60s;
constexpr auto kFirstRetry = 1s;
constexpr auto kLongestRetry = 10min;
constexpr std::chrono::seconds kLongestWait = 1h;
/// On top of what a service asks for: its clock and ours do not start counting at the same instant.
constexpr auto kSlack = 500ms;

std::string hash_of(const std::string& secret) {
    return fmt::format("{:016x}", std::hash<std::string>{}(secret));
}

}  // namespace

Pace pace_of(const Settings& settings) {
    switch (settings.type) {
        case Settings::Type::telegram: {
            // Only a private chat (a positive number) is free of the limit for groups.
            const bool group =
                settings.chat_id.starts_with('-') || settings.chat_id.starts_with('@');
            return {hash_of(settings.bot_token.reveal() + " " + settings.chat_id), 1050ms,
                    group ? 18U : 0U};
        }
        case Settings::Type::feishu:
            return {hash_of(settings.webhook.reveal()), 250ms, 90};
        case Settings::Type::wecom:
            return {hash_of(settings.webhook.reveal()), 0ms, 18};
        case Settings::Type::console:
            return {"console", 0ms, 0};
    }
    std::abort();
}

void Pacing::add(const std::string& notifier, const Pace& pace) {
    const auto [robot, is_new] = robots_.try_emplace(pace.robot);
    if (is_new) {
        robot->second.pace = pace;
        robot->second.sent.assign(pace.most_per_minute / 2, clock_.mono());
    }
    const base::Backoff backoff{kFirstRetry, kLongestRetry, seed_ + notifiers_.size()};
    notifiers_.insert_or_assign(notifier, Notifier{&robot->second, backoff, {}});
}

base::MonoTime Pacing::ready_at(const std::string& notifier) const {
    const auto& [robot, backoff, retry_at] = notifiers_.at(notifier);
    auto at = std::max(retry_at, robot->closed_until);
    if (robot->last) at = std::max(at, *robot->last + robot->pace.spacing);
    const bool full =
        robot->pace.most_per_minute > 0 && robot->sent.size() >= robot->pace.most_per_minute;
    return full ? std::max(at, robot->sent.front() + kWindow) : at;
}

void Pacing::begin(const std::string& notifier) {
    auto& robot = *notifiers_.at(notifier).robot;
    robot.last = clock_.mono();
    if (robot.pace.most_per_minute == 0) return;
    robot.sent.push_back(*robot.last);
    if (robot.sent.size() > robot.pace.most_per_minute) robot.sent.pop_front();
}

void Pacing::note(const std::string& notifier, const Outcome& outcome) {
    auto& [robot, backoff, retry_at] = notifiers_.at(notifier);
    switch (outcome.kind) {
        case Outcome::Kind::ok:
        case Outcome::Kind::permanent:  // the service answers; the next message has its own fate
            backoff.reset();
            return;
        case Outcome::Kind::transient:
        case Outcome::Kind::ambiguous: {
            const auto now = clock_.mono();
            retry_at = now + backoff.next();
            if (outcome.wait > 0s) {
                robot->closed_until = std::max(robot->closed_until,
                                               now + std::min(outcome.wait, kLongestWait) + kSlack);
            }
            return;
        }
    }
    std::abort();
}

}  // namespace quotafuse::notifiers
