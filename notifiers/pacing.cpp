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

}  // namespace

std::string robot_of(std::string_view secret) {
    return fmt::format("{:016x}", std::hash<std::string_view>{}(secret));
}

Pacing::Robot& Pacing::robot_with(const Pace& pace) {
    const auto [robot, is_new] = robots_.try_emplace(pace.robot);
    if (is_new) {
        robot->second.pace = pace;
        robot->second.sent.assign(pace.most_per_minute / 2, clock_.mono());
    }
    return robot->second;
}

void Pacing::add(const std::string& notifier, const Pace& pace) {
    auto* const account =
        pace.account.empty() ? nullptr : &robot_with({pace.account, pace.account_spacing});
    const base::Backoff backoff{kFirstRetry, kLongestRetry, seed_ + notifiers_.size()};
    notifiers_.insert_or_assign(notifier, Notifier{&robot_with(pace), account, backoff, {}});
}

base::MonoTime Pacing::ready_at(const std::string& notifier) const {
    const auto& [robot, account, backoff, retry_at] = notifiers_.at(notifier);
    auto at = std::max(retry_at, robot->closed_until);
    for (const auto* const one : {robot, account}) {
        if (one != nullptr && one->last) at = std::max(at, *one->last + one->pace.spacing);
    }
    const bool full =
        robot->pace.most_per_minute > 0 && robot->sent.size() >= robot->pace.most_per_minute;
    return full ? std::max(at, robot->sent.front() + kWindow) : at;
}

void Pacing::count(Notifier& notifier) {
    const auto now = clock_.mono();
    if (notifier.account != nullptr) notifier.account->last = now;
    auto& robot = *notifier.robot;
    robot.last = now;
    if (robot.pace.most_per_minute == 0) return;
    robot.sent.push_back(now);
    if (robot.sent.size() > robot.pace.most_per_minute) robot.sent.pop_front();
}

void Pacing::recall(const std::string& notifier, std::chrono::seconds ago) {
    auto& robot = *notifiers_.at(notifier).robot;
    // A second as it is on record ends up to one later.
    const auto at = clock_.mono() - std::max(0s, ago - 1s);
    if (robot.pace.most_per_minute == 0) return;
    robot.sent.insert(std::upper_bound(robot.sent.begin(), robot.sent.end(), at), at);
    if (robot.sent.size() > robot.pace.most_per_minute) robot.sent.pop_front();
}

void Pacing::begin(const std::string& notifier) {
    count(notifiers_.at(notifier));
}

void Pacing::note(const std::string& notifier, const Outcome& outcome) {
    auto& one = notifiers_.at(notifier);
    auto& [robot, account, backoff, retry_at] = one;
    for (int more = 1; more < outcome.requests; ++more) count(one);
    const auto now = clock_.mono();
    if (outcome.wait > 0s) {
        robot->closed_until =
            std::max(robot->closed_until, now + std::min(outcome.wait, kLongestWait) + kSlack);
    }
    switch (outcome.kind) {
        case Outcome::Kind::ok:
        case Outcome::Kind::permanent:  // the service answers; the next message has its own fate
            backoff.reset();
            return;
        case Outcome::Kind::transient:
        case Outcome::Kind::ambiguous:
            retry_at = now + backoff.next();
            return;
    }
    std::abort();
}

}  // namespace quotafuse::notifiers
