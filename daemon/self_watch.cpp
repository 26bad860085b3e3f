#include "daemon/self_watch.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include "daemon/number_format.h"

namespace quotafuse::daemon {
namespace {

using alerts::SelfAlert;

/// How long a gateway may go on using a channel that its database says is off: its cache.
base::Seconds cache_lag(std::optional<sync::Gateway> gateway) {
    return gateway == sync::Gateway::one_api ? base::Seconds{660} : base::Seconds{90};
}

/// Of somebody's request, not of a test, a refund or a task that is settled later.
bool serves(const sync::Row& row) {
    return (row.kind == sync::Kind::consume || row.kind == sync::Kind::error) &&
           !row.channel_test && !row.task;
}

/// What the service said last, and what to do about it.
std::string last_error(const notifiers::NotifierHealth& health) {
    return health.advice.empty() ? health.last_error
                                 : fmt::format("{} ({})", health.last_error, health.advice);
}

base::Second begin_of(const sync::Row& row) {
    const auto took = std::max<std::int64_t>(row.latency_ms, 0) / 1000;
    return base::from_unix(row.created_at - took);
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
    look_at_trips();
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

void SelfWatch::note_rows(const std::vector<sync::Row>& rows) {
    if (trips_.empty()) return;
    const auto patience = 2 * cache_lag(rooms_.intake.state().gateway);
    for (const auto& row : rows) {
        const auto at = trips_.find(row.channel);
        if (at == trips_.end() || !serves(row) || begin_of(row) <= at->second.at + patience)
            continue;
        ++at->second.rows;
        at->second.last = std::max(at->second.last, base::from_unix(row.created_at));
    }
}

void SelfWatch::look_at_trips() {
    std::map<std::int64_t, Trip> open;
    for (const auto& trip : rooms_.audit.open_trips()) {
        auto& one = open[trip.channel];
        if (const auto known = trips_.find(trip.channel);
            known != trips_.end() && known->second.at == trip.at)
            one = known->second;
        one.name = trip.channel_name;
        one.at = trip.at;
    }
    trips_ = std::move(open);
    std::vector<std::string> about;
    for (const auto& [channel, trip] : trips_) {
        about.push_back(std::to_string(channel));
        const bool holds = trip.rows > 0 && clock_.now() - trip.last < kStillServing;
        // After a restart nothing is known of it before its next row.
        if (trip.rows == 0) continue;
        rooms_.alerts.set(SelfAlert::still_serving, about.back(), holds,
                          still_serving(channel, trip, false), still_serving(channel, trip, true));
    }
    rooms_.alerts.keep_only(SelfAlert::still_serving, about);
}

std::string SelfWatch::still_serving(std::int64_t channel, const Trip& trip, bool told) const {
    const auto tripped = config_.timezone.format(trip.at);
    const auto last = config_.timezone.format(trip.last);
    const auto rows = group_digits(trip.rows);
    if (told && words_.chinese()) {
        return fmt::format(
            "{} 已于 {} 被 quotafuse 禁用，但此后很久才开始的 {} 次请求仍由它服务，最近一次在 "
            "{}：网关的渠道缓存是否没有刷新，或使用了另一个数据库？",
            words_.channel(channel, trip.name), tripped, rows, last);
    }
    return fmt::format(
        "channel {} ({}) was disabled by quotafuse at {}, yet {} requests that "
        "began long after were served, the last at {}: does the gateway keep its "
        "channels in a cache that is not refreshed, or another database?",
        channel, trip.name, tripped, rows, last);
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
