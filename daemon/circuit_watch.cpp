#include "daemon/circuit_watch.h"

#include <algorithm>

#include <fmt/format.h>

#include "circuit_breaker/settings.h"
#include "daemon/breaker_json.h"
#include "daemon/number_format.h"
#include "sync/tally.h"

namespace quotafuse::daemon {
namespace {

using circuit_breaker::Circuit;
using circuit_breaker::Target;

/// Of somebody's request, not of a test, a refund or a task that is settled later.
bool serves(const sync::Row& row) {
    return (row.kind == sync::Kind::consume || row.kind == sync::Kind::error) &&
           !row.channel_test && !row.task;
}

/// Whole seconds are cut: it may have begun up to a second later, never earlier.
base::Second begin_of(const sync::Row& row) {
    const auto took = (std::max<std::int64_t>(row.latency_ms, 0) + 999) / 1000;
    return base::from_unix(row.created_at - took);
}

/// By which series of the alert are told apart: a channel by its number, as silences name it.
std::string about(const Target& target) {
    return target.kind == Target::Kind::channel ? std::to_string(target.channel)
                                                : circuit_breaker::describe(target);
}

}  // namespace

CircuitWatch::CircuitWatch(const Config& config, const sync::Texts& texts, const base::Clock& clock)
    : config_(config), texts_(texts), clock_(clock), words_(config.language) {}

bool CircuitWatch::concerns(const Target& target, const sync::Row& row) const {
    switch (target.kind) {
        case Target::Kind::channel:
            return row.channel == target.channel;
        case Target::Kind::model:
            return row.channel == target.channel && texts_.text(row.model) == target.model;
        case Target::Kind::token:
            if (row.token != 0) return row.token == target.token;
            return row.user == target.user && !target.token_name.empty() &&
                   texts_.text(row.token_name) == target.token_name;
    }
    std::abort();
}

void CircuitWatch::note(Watched& watched, const sync::Row& row) const {
    if (!concerns(watched.circuit.target, row) || !serves(row)) return;
    const auto begin = begin_of(row);
    if (watched.circuit.state == Circuit::State::trial) {
        const auto tally = sync::tally_of(row, texts_);
        if (!tally || begin < watched.circuit.trial_at) return;
        watched.attempts.all += tally->answers + tally->errors;
        watched.attempts.errors += tally->errors;
    } else if (begin > watched.quiet_from) {
        ++watched.came.rows;
        watched.came.last = std::max(watched.came.last, base::from_unix(row.created_at));
        watched.came_at = clock_.now();
    }
}

void CircuitWatch::follow(const std::vector<Circuit>& circuits, sync::RowReader& rows) {
    std::map<std::string, Watched> next;
    for (const auto& circuit : circuits) {
        const auto known = watched_.find(circuit.trip_id);
        const bool same = known != watched_.end() && known->second.circuit.state == circuit.state &&
                          known->second.circuit.trial_at == circuit.trial_at &&
                          known->second.circuit.off_since == circuit.off_since;
        auto& watched = next[circuit.trip_id];
        if (same) watched = known->second;
        watched.circuit = circuit;
        if (same) continue;
        watched.quiet_from =
            circuit.off_since + circuit_breaker::cache_lag(config_.breaker, circuit.gateway);
        const auto since = circuit.state == Circuit::State::trial
                               ? circuit.trial_at
                               : std::max(watched.quiet_from, clock_.now() - kStillServing);
        rows.read(base::unix_seconds(since) - 1, INT64_MAX,
                  [&](const sync::Row& row) { note(watched, row); });
    }
    watched_ = std::move(next);
}

void CircuitWatch::note_rows(const std::vector<sync::Row>& rows) {
    if (watched_.empty()) return;
    for (auto& [trip, watched] : watched_) {
        for (const auto& row : rows) note(watched, row);
    }
}

void CircuitWatch::confirm(const std::string& trip_id, base::Second began) {
    const auto found = watched_.find(trip_id);
    if (found == watched_.end() || found->second.circuit.pending) return;
    auto& watched = found->second;
    watched.looked = true;
    if (watched.came_at < began) watched.served = watched.came;
}

CircuitWatch::Attempts CircuitWatch::attempts(const std::string& trip_id) const {
    const auto found = watched_.find(trip_id);
    return found == watched_.end() ? Attempts{} : found->second.attempts;
}

void CircuitWatch::tell(alerts::SelfAlerts& alerts) const {
    std::vector<std::string> known;
    for (const auto& [trip, watched] : watched_) {
        known.push_back(about(watched.circuit.target));
        // After a restart nothing is known before a look: the alert goes on as it was.
        if (!watched.looked) continue;
        const bool holds =
            watched.served.rows > 0 && clock_.now() - watched.served.last < kStillServing;
        alerts.set(alerts::SelfAlert::still_serving, known.back(), holds, text_of(watched, false),
                   text_of(watched, true));
    }
    alerts.keep_only(alerts::SelfAlert::still_serving, known);
}

std::vector<CircuitWatch::Proof> CircuitWatch::take_proofs() {
    std::vector<Proof> proofs;
    for (auto& [trip, watched] : watched_) {
        if (watched.served.rows == 0 || watched.told) continue;
        watched.told = true;
        proofs.push_back({watched.circuit, text_of(watched, false)});
    }
    return proofs;
}

/// With the likely cause. What the database says is looked at every few seconds, and as it should
/// be: else there would be no circuit.
std::string CircuitWatch::text_of(const Watched& watched, bool told) const {
    const auto& circuit = watched.circuit;
    const auto tripped = config_.timezone.format(circuit.off_since);
    const auto last = config_.timezone.format(watched.served.last);
    const auto rows = group_digits(watched.served.rows);
    const auto lag = (watched.quiet_from - circuit.off_since).count();
    const bool one = watched.served.rows == 1;
    const bool key = circuit.target.kind == Target::Kind::token;
    if (told && words_.chinese()) {
        return fmt::format(
            "{} 已于 {} 被 quotafuse 禁用，数据库中仍是禁用状态，但有 {} 次请求在禁用{}之后才开始，"
            "仍被处理，最近一次在 {}：{}",
            words_.target(circuit.target, circuit.name), tripped, rows,
            lag > 0 ? fmt::format(" {} 秒", lag) : "", last,
            key ? "网关是否从 Redis 读取令牌状态，且超过 SYNC_FREQUENCY 仍未刷新？"
                : "网关某个节点的渠道缓存是否没有刷新（SYNC_FREQUENCY 大于 breaker.cache_lag？），"
                  "或它使用的是另一个数据库？");
    }
    return fmt::format(
        "{} was disabled by quotafuse at {} and still is so in the database, yet {} request{} that "
        "began {}after that {} served, the last at {}: {}",
        object_text(circuit.target, circuit.name), tripped, rows, one ? "" : "s",
        lag > 0 ? fmt::format("more than {} s ", lag) : "", one ? "was" : "were", last,
        key ? "does the gateway read the status of keys from Redis, and not refresh it within "
              "SYNC_FREQUENCY?"
            : "does a node of the gateway keep its channels in a cache that is not refreshed "
              "(SYNC_FREQUENCY above breaker.cache_lag?), or use another database?");
}

}  // namespace quotafuse::daemon
