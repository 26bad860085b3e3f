#include "daemon/intake.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>

#include "base/duration.h"
#include "daemon/blind_spots.h"
#include "daemon/number_format.h"

namespace quotafuse::daemon {
namespace {

using Phase = SourceState::Phase;

constexpr std::chrono::hours kBrokenInterval{1};

Phase phase_of(sync::GatewayError::Kind kind) {
    switch (kind) {
        case sync::GatewayError::Kind::unreachable:
        case sync::GatewayError::Kind::interrupted:
            return Phase::unreachable;
        case sync::GatewayError::Kind::stalled:
            return Phase::stalled;
        case sync::GatewayError::Kind::locked:
            return Phase::locked;
        case sync::GatewayError::Kind::denied:
            return Phase::denied;
        case sync::GatewayError::Kind::schema:
            return Phase::schema;
        case sync::GatewayError::Kind::rejected:
            return Phase::rejected;
    }
    std::abort();
}

enum class Sort { fine, unreadable, stale };

Sort sort_of(Phase phase) {
    switch (phase) {
        case Phase::starting:
        case Phase::catching_up:
        case Phase::ok:
            return Sort::fine;
        case Phase::unreachable:
        case Phase::stalled:
        case Phase::locked:
        case Phase::denied:
        case Phase::schema:
        case Phase::rejected:
        case Phase::unproven:
            return Sort::unreadable;
        case Phase::behind:
        case Phase::lagging:
            return Sort::stale;
    }
    std::abort();
}

constexpr base::Seconds kLongCatchUp{10};
constexpr std::size_t kPollsOfClock = 9;

bool is_trouble(Phase phase) {
    return sort_of(phase) != Sort::fine;
}

}  // namespace

std::string_view phase_name(Phase phase) {
    switch (phase) {
        case Phase::starting:
            return "starting";
        case Phase::catching_up:
            return "catching-up";
        case Phase::ok:
            return "ok";
        case Phase::unreachable:
            return "unreachable";
        case Phase::stalled:
            return "stalled";
        case Phase::locked:
            return "locked";
        case Phase::denied:
            return "denied";
        case Phase::schema:
            return "schema";
        case Phase::rejected:
            return "rejected";
        case Phase::unproven:
            return "unproven";
        case Phase::behind:
            return "behind";
        case Phase::lagging:
            return "lagging";
    }
    std::abort();
}

std::string standstill_of(const SourceState& state) {
    switch (sort_of(state.phase)) {
        case Sort::fine:
            return {};
        case Sort::unreadable:
            return fmt::format("the gateway cannot be read ({}): {}", phase_name(state.phase),
                               state.detail);
        case Sort::stale:
            return fmt::format("the gateway is {}: {}", phase_name(state.phase), state.detail);
    }
    std::abort();
}

Intake::Intake(base::Database& database, sync::Store& store, alerts::Engine& engine,
               std::string source, const base::Clock& clock, const base::Log& log,
               std::optional<base::Seconds> max_lag)
    : database_(database),
      store_(store),
      engine_(engine),
      source_(std::move(source)),
      clock_(clock),
      log_(log),
      max_lag_(max_lag),
      info_at_(clock.mono()) {
    state_.since = clock.now();
    state_.epoch_since = store.epoch_since();
}

std::vector<sync::Row> Intake::take(const sync::Poll& poll) {
    // In a backlog each batch is read again after a power cut, so it need not wait for the disk.
    if (durable_ != poll.drained) database_.set_durable(poll.drained);
    durable_ = poll.drained;
    const auto epoch = store_.position().epoch;
    auto added = store_.append(poll.batch, clock_.now(),
                               backfill_ ? std::nullopt : std::optional{engine_.time()});
    engine_.feed(added);
    note_gateway(poll.gateway);
    note_epoch(epoch);
    note_rows(added);
    note_broken_others(poll.broken_others);
    if (!poll.suspect) enter_phase_of(poll);
    note_clock(poll);
    if (poll.drained && !poll.behind && !poll.suspect) backfill_ = false;
    return added;
}

/// Rows are written when their request ends, so the newest of a poll is about as old as the poll
/// before. One alone may be late (its transaction was long): the median of the last few counts.
void Intake::note_clock(const sync::Poll& poll) {
    const bool counts = std::exchange(live_, poll.drained && !poll.behind) && live_;
    if (!counts || poll.batch.entries.empty()) return;
    const auto& newest =
        *std::ranges::max_element(poll.batch.entries, {}, &sync::LogEntry::created_at);
    ahead_.push_back(newest.created_at - base::unix_seconds(poll.sent));
    if (ahead_.size() > kPollsOfClock) ahead_.pop_front();
    if (ahead_.size() < kPollsOfClock) return;
    auto sorted = ahead_;
    std::ranges::sort(sorted);
    state_.clock_ahead = sorted[sorted.size() / 2];
}

void Intake::enter_phase_of(const sync::Poll& poll) {
    if (poll.behind) {
        enter(Phase::behind,
              fmt::format("its log ends before id {}, which is stored: a replica that is behind, "
                          "or a dump that was restored and has no new row yet",
                          store_.position().cursor));
        return;
    }
    if (!poll.drained) {
        enter(Phase::catching_up, {});
        return;
    }
    const auto newest = store_.newest();
    if (const auto old = poll.sent - base::from_unix(newest);
        max_lag_ && newest != 0 && old > *max_lag_) {
        enter(Phase::lagging,
              fmt::format("its newest row is {} old, source.max_lag is {}: a replica that is "
                          "behind, or nobody uses the gateway",
                          format_age(old), format_age(*max_lag_)));
        return;
    }
    state_.synced_through = poll.sent;
    enter(Phase::ok, {});
}

void Intake::note_gateway(sync::Gateway gateway) {
    if (state_.gateway == gateway) return;
    log_.info(fmt::format("gateway: {} on {}", sync::gateway_name(gateway), source_));
    state_.gateway = gateway;
}

void Intake::note_epoch(std::int64_t before) {
    const auto& position = store_.position();
    if (position.epoch == before) return;
    state_.epoch_since = clock_.now();
    log_.warning(fmt::format(
        "gateway: its log was truncated, restored or replaced: epoch {} begins at id {}; what was "
        "stored before stays and counts",
        position.epoch, position.first));
}

void Intake::note_rows(const std::vector<sync::Row>& added) {
    const bool billed = std::any_of(added.begin(), added.end(), [](const sync::Row& row) {
        return row.kind == sync::Kind::consume;
    });
    if (!billed) return;
    unlogged_.row_came();
    if (!std::exchange(state_.no_rows, false)) return;
    log_.info("gateway: its requests are logged again");
}

void Intake::note_broken_others(std::int64_t rows) {
    if (rows == 0) return;
    state_.broken_others += rows;
    const auto now = clock_.mono();
    if (told_broken_ && now - *told_broken_ < kBrokenInterval) return;
    told_broken_ = now;
    log_.warning(fmt::format(
        "gateway: {} rows since the start have an `other` that cannot be read; they "
        "count, without what only stands there (first-token time, cache tokens, status)",
        state_.broken_others));
}

void Intake::take(const SourceTrouble& trouble) {
    unlogged_.forget();
    enter(phase_of(trouble.kind), trouble.text);
}

void Intake::take(const MirrorTrouble& trouble) {
    enter(Phase::unproven,
          fmt::format("the store cannot be read to compare it with: {}", trouble.text));
}

void Intake::take(const InfoTrouble& trouble) {
    unlogged_.forget();
    const bool refused = trouble.kind == sync::GatewayError::Kind::denied ||
                         trouble.kind == sync::GatewayError::Kind::schema;
    const bool is_new = state_.info_trouble != trouble.text;
    state_.info_trouble = trouble.text;
    state_.info_missing = !refused;
    state_.kind_troubles.erase(kChannelsKind);
    state_.kind_troubles.erase(kNamesKind);
    // While the log cannot be read either, T stands and one line says it all.
    if (is_trouble(state_.phase)) return;
    if (is_new)
        log_.warning(
            fmt::format("gateway: channel names and options cannot be read: {}", trouble.text));
    const bool is_old = clock_.mono() - info_at_ >= kInfoLasts;
    if (!is_old && (info_came_ || !refused)) return;
    state_.kind_troubles[kChannelsKind] = trouble.text;
    if (!engine_.names().directory().known) state_.kind_troubles[kNamesKind] = trouble.text;
}

bool Intake::is_blind() const {
    return state_.kind_troubles.contains(kChannelsKind);
}

void Intake::take(const sync::GatewayInfo& info) {
    if (!state_.info_trouble.empty())
        log_.info("gateway: channel names and options can be read again");
    state_.info_trouble.clear();
    state_.info_missing = false;
    state_.kind_troubles.erase(kChannelsKind);
    state_.kind_troubles.erase(kNamesKind);
    info_at_ = clock_.mono();
    info_came_ = true;
    if (info.read_only != state_.read_only) {
        state_.read_only = info.read_only;
        log_.info(info.read_only
                      ? "gateway: its server takes no writes: a replica, or a failover under way"
                      : "gateway: its server takes writes again");
    }
    note_kinds(info.troubles);
    note_limits(info.limits);
    if (!info.requests || state_.phase != Phase::ok) {
        unlogged_.forget();
        return;
    }
    unlogged_.counted(*info.requests, clock_.mono());
    if (!unlogged_.sure() || std::exchange(state_.no_rows, true)) return;
    log_.warning(fmt::format(
        "gateway: it counts requests, but none has come as a row of {} for {}: does it log "
        "elsewhere (set source.log_dsn to its LOG_SQL_DSN), or not at all (its option "
        "LogConsumeEnabled)?",
        source_, base::format_duration(Unlogged::kPatience)));
}

void Intake::note_kinds(const std::map<std::string, std::string>& troubles) {
    for (const auto& [kind, why] : troubles) {
        const auto known = state_.kind_troubles.find(kind);
        if (known != state_.kind_troubles.end() && known->second == why) continue;
        log_.warning(
            fmt::format("gateway: {} cannot be read, rules that need them are not "
                        "evaluated: {}",
                        kind, why));
    }
    for (const auto& [kind, why] : state_.kind_troubles) {
        if (!troubles.contains(kind)) log_.info(fmt::format("gateway: {} can be read again", kind));
    }
    state_.kind_troubles = troubles;
}

void Intake::note_limits(const std::map<std::string, std::string>& limits) {
    for (const auto& [kind, what] : limits) {
        if (!state_.kind_limits.contains(kind)) log_.warning("gateway: " + what);
    }
    state_.kind_limits = limits;
}

void Intake::enter(Phase phase, const std::string& detail) {
    // Within one trouble the texts change (refused, then gone away); its first one was told.
    if (phase == state_.phase) {
        state_.detail = detail;
        return;
    }
    say_change(phase, detail);
    // Another error of one outage does not begin a new outage.
    if (!(is_trouble(phase) && is_trouble(state_.phase))) state_.since = clock_.now();
    state_.phase = phase;
    state_.detail = detail;
}

void Intake::say_change(Phase phase, const std::string& detail) {
    const auto lasted = format_age(clock_.now() - state_.since);
    switch (sort_of(phase)) {
        case Sort::unreadable:
            log_.error(
                fmt::format("gateway: cannot be read ({}): {}; nothing is evaluated until it can",
                            phase_name(phase), detail));
            return;
        case Sort::stale:
            log_.warning(fmt::format("gateway: {}: {}; nothing is evaluated meanwhile",
                                     phase_name(phase), detail));
            return;
        case Sort::fine:
            break;
    }
    switch (sort_of(state_.phase)) {
        case Sort::unreadable:
            log_.info(fmt::format("gateway: can be read again, after {}", lasted));
            return;
        case Sort::stale:
            log_.info(
                fmt::format("gateway: goes on, after {} ({})", lasted, phase_name(state_.phase)));
            return;
        case Sort::fine:
            break;
    }
    // A burst that is more than a batch is no news.
    if (phase == Phase::ok && (!told_caught_up_ || clock_.now() - state_.since >= kLongCatchUp)) {
        told_caught_up_ = true;
        log_.info(fmt::format("gateway: caught up with {} rows in the store", store_.rows()));
    }
}

std::optional<base::Second> Intake::horizon() const {
    if (!state_.synced_through) return std::nullopt;
    return std::min(*state_.synced_through, clock_.now());
}

std::optional<std::int64_t> Intake::lag() const {
    const auto now = base::unix_seconds(clock_.now());
    if (state_.synced_through)
        return std::max<std::int64_t>(now - base::unix_seconds(*state_.synced_through), 0);
    if (store_.newest() == 0) return std::nullopt;
    return std::max<std::int64_t>(now - store_.newest(), 0);
}

}  // namespace quotafuse::daemon
