#include "daemon/self_watch.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include "daemon/number_format.h"

namespace quotafuse::daemon {
namespace {

using alerts::SelfAlert;

/// What the service said last, and what to do about it.
std::string last_error(const notifiers::NotifierHealth& health) {
    return health.advice.empty() ? health.last_error
                                 : fmt::format("{} ({})", health.last_error, health.advice);
}

}  // namespace

SelfWatch::SelfWatch(Rooms rooms, const Config& config, const base::Clock& clock)
    : rooms_(rooms), config_(config), clock_(clock), words_(config.language) {}

std::set<std::string> SelfWatch::firing(SelfAlert alert) const {
    const auto name = alerts::self_alert_names().at(static_cast<std::size_t>(alert));
    std::set<std::string> about;
    for (const auto& one : rooms_.alerts.alerts()) {
        if (one.name == name && one.state.phase == alerts::Phase::firing) about.insert(one.about);
    }
    return about;
}

void SelfWatch::look(const alerts::Overview& overview) {
    look_at_source();
    look_at_clock();
    look_at_store();
    look_at_notifiers();
    look_at_rules(overview);
}

void SelfWatch::look_at_source() {
    const auto& state = rooms_.intake.state();
    const auto now = clock_.now();
    const auto behind = base::Seconds{rooms_.intake.lag().value_or(0)};
    bool holds = behind > config_.stale_after;
    if (!state.synced_through) {
        // Nothing was read to its end since the start: what was so before still is. A first
        // catch-up is no trouble.
        const auto name =
            alerts::self_alert_names().at(static_cast<std::size_t>(SelfAlert::source_stale));
        holds = rooms_.alerts.fires(name) ||
                (!standstill_of(state).empty() && now - state.since > config_.stale_after);
    }
    const auto [log, told] = standstill(behind);
    rooms_.alerts.set(SelfAlert::source_stale, {}, holds, log, told);
    const bool anew = state.epoch_since && now - *state.epoch_since < kNews;
    rooms_.alerts.set(
        SelfAlert::new_epoch, {}, anew,
        "the gateway's log was truncated, restored or replaced; what was stored "
        "before stays and counts",
        std::string{words_.say("网关的日志被清空、恢复或替换；此前保存的数据保留并继续计入", "")});
}

SelfWatch::Texts SelfWatch::standstill(base::Seconds behind) const {
    const auto& state = rooms_.intake.state();
    const auto why = standstill_of(state);
    Texts texts{
        why.empty() ? fmt::format("the gateway was last read {} ago", format_age(behind)) : why,
        {}};
    texts.log += "; nothing is evaluated meanwhile, nothing resolves or trips";
    if (!words_.chinese()) return texts;
    texts.told = (why.empty() ? fmt::format("上次读取网关是 {}前", words_.duration(behind))
                              : fmt::format("网关无法正常读取（{}）：{}", phase_name(state.phase),
                                            state.detail)) +
                 "；期间不评估规则，既不恢复告警也不熔断";
    return texts;
}

void SelfWatch::look_at_clock() {
    const auto ahead = rooms_.intake.state().clock_ahead;
    if (!ahead) return;
    const auto interval = std::chrono::ceil<base::Seconds>(config_.source.poll_interval).count();
    const base::Seconds by{std::abs(*ahead)};
    rooms_.alerts.set(
        SelfAlert::clock_skew, {}, *ahead > kMostSkew || -*ahead > kMostSkew + interval,
        fmt::format("the gateway's clock is {} {} this host's: windows and delays are off by as "
                    "much; let both hosts keep time (NTP)",
                    format_age(by), *ahead > 0 ? "ahead of" : "behind"),
        words_.chinese()
            ? fmt::format("网关的时钟比本机{} "
                          "{}：时间窗口和延迟会有同样的偏差；请让两台主机都同步时间（NTP）",
                          *ahead > 0 ? "快" : "慢", words_.duration(by))
            : std::string{});
}

void SelfWatch::note_store_trouble(const std::string& text) {
    if (text.empty()) {
        store_trouble_.clear();
        store_trouble_since_.reset();
        return;
    }
    if (!store_trouble_since_) store_trouble_since_ = clock_.mono();
    store_trouble_ = text;
}

/// What is found while the store cannot be written is on record, and told, once it can be.
void SelfWatch::look_at_store() {
    const bool unwritable =
        store_trouble_since_ && clock_.mono() - *store_trouble_since_ >= kStoreTrouble;
    const bool full = rooms_.upkeep.out_of_room();
    const auto text = unwritable
                          ? fmt::format("the store could not be written: {}", store_trouble_)
                          : std::string{
                                "store.max_size is reached: the oldest rows go sooner than "
                                "store.keep.rows asks for; rules with long windows see less"};
    std::string told;
    if (words_.chinese()) {
        told = unwritable ? fmt::format("本地存储无法写入：{}", store_trouble_)
                          : std::string{
                                "已达到 store.max_size：最旧的数据会比 store.keep.rows "
                                "要求的更早删除，长窗口规则能看到的数据变少"};
    }
    rooms_.alerts.set(SelfAlert::store_full, {}, unwritable || full, text, told);
}

/// Why it counts as dead; empty when it does not.
SelfWatch::Texts SelfWatch::fault_of(const std::string& notifier, NotifierState& state, bool told) {
    const auto health = rooms_.outbox.health(notifier);
    const auto now = clock_.mono();
    const bool failing =
        health.last_failure && (!health.last_ok || *health.last_ok < *health.last_failure);
    if (!failing) state.failing_since.reset();
    if (failing && !state.failing_since) state.failing_since = now;
    if (state.failed && health.failed > *state.failed) state.lost_at = now;
    state.failed = health.failed;
    if (failing && health.pending > 0 && (told || now - *state.failing_since >= kFailsFor)) {
        const auto number = group_digits(health.pending);
        return {fmt::format("{} cannot be reached: {} messages wait: {}", notifier, number,
                            last_error(health)),
                words_.chinese()
                    ? fmt::format("无法送达，{} 条消息在等待：{}", number, last_error(health))
                    : std::string{}};
    }
    if ((state.lost_at && now - *state.lost_at < kNews) || (told && failing))
        return {fmt::format("{} refused a message for good: {}", notifier, last_error(health)),
                words_.chinese() ? fmt::format("一条消息被拒收，不再重试：{}", last_error(health))
                                 : std::string{}};
    return {};
}

void SelfWatch::look_at_notifiers() {
    const auto told = firing(SelfAlert::notifier_dead);
    std::vector<std::string> known;
    for (const auto& notifier : config_.notifiers) {
        const auto& name = notifier.name;
        known.push_back(name);
        const auto fault = fault_of(name, notifiers_[name], told.contains(name));
        rooms_.alerts.set(SelfAlert::notifier_dead, name, !fault.log.empty(), fault.log,
                          fault.told);
    }
    rooms_.alerts.keep_only(SelfAlert::notifier_dead, known);
}

void SelfWatch::look_at_rules(const alerts::Overview& overview) {
    std::vector<std::string> about;
    for (const auto& error : overview.errors) {
        about.push_back(error.rule);
        rooms_.alerts.set(
            SelfAlert::rule_error, error.rule, true,
            fmt::format("rule {} is not evaluated: {}", error.rule, error.text),
            words_.chinese() ? fmt::format("未被评估：{}", error.text) : std::string{});
    }
    rooms_.alerts.keep_only(SelfAlert::rule_error, about);
}

}  // namespace quotafuse::daemon
