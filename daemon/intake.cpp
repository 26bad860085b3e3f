#include "daemon/intake.h"

#include <cstdlib>

#include <fmt/format.h>

#include "base/duration.h"

namespace quotafuse::daemon {
namespace {

using Phase = SourceState::Phase;

Phase phase_of(sync::GatewayError::Kind kind) {
    switch (kind) {
        case sync::GatewayError::Kind::unreachable:
        case sync::GatewayError::Kind::interrupted:
            return Phase::unreachable;
        case sync::GatewayError::Kind::denied:
            return Phase::denied;
        case sync::GatewayError::Kind::schema:
            return Phase::schema;
        case sync::GatewayError::Kind::rejected:
            return Phase::rejected;
    }
    std::abort();
}

bool is_trouble(Phase phase) {
    return phase != Phase::starting && phase != Phase::catching_up && phase != Phase::ok;
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
        case Phase::denied:
            return "denied";
        case Phase::schema:
            return "schema";
        case Phase::rejected:
            return "rejected";
    }
    std::abort();
}

Intake::Intake(base::Database& database, sync::Store& store, alerts::Engine& engine,
               std::string source, const base::Clock& clock, const base::Log& log)
    : database_(database),
      store_(store),
      engine_(engine),
      source_(std::move(source)),
      clock_(clock),
      log_(log) {
    state_.since = clock.now();
}

void Intake::take(const sync::Poll& poll) {
    // In a backlog each batch is read again after a power cut, so it need not wait for the disk.
    if (durable_ != poll.drained) database_.set_durable(poll.drained);
    durable_ = poll.drained;
    engine_.feed(store_.append(poll.batch, clock_.now()));
    if (state_.gateway != poll.gateway) {
        log_.info(fmt::format("gateway: {} on {}", sync::gateway_name(poll.gateway), source_));
        state_.gateway = poll.gateway;
    }
    if (poll.drained) state_.synced_through = poll.sent;
    enter(poll.drained ? Phase::ok : Phase::catching_up, {});
}

void Intake::take(const SourceTrouble& trouble) {
    enter(phase_of(trouble.kind), trouble.text);
}

void Intake::take(const InfoTrouble& trouble) {
    if (info_trouble_ == trouble.text) return;
    info_trouble_ = trouble.text;
    // While the log cannot be read either, one line says it all.
    if (!is_trouble(state_.phase))
        log_.warning(
            fmt::format("gateway: channel names and options cannot be read: {}", trouble.text));
}

void Intake::note_info_read() {
    info_trouble_.clear();
}

void Intake::enter(Phase phase, const std::string& detail) {
    // Within one trouble the texts change (refused, then gone away); its first one was told.
    if (phase == state_.phase) {
        state_.detail = detail;
        return;
    }
    const auto now = clock_.now();
    const auto lasted = base::format_duration(now - state_.since);
    if (is_trouble(phase)) {
        log_.error(
            fmt::format("gateway: cannot be read ({}): {}; nothing is evaluated until it can",
                        phase_name(phase), detail));
    } else if (is_trouble(state_.phase)) {
        log_.info(fmt::format("gateway: can be read again, after {}", lasted));
    } else if (phase == Phase::ok) {
        log_.info(fmt::format("gateway: caught up with {} rows in the store", store_.rows()));
    }
    // Another error of one outage does not begin a new outage.
    if (!(is_trouble(phase) && is_trouble(state_.phase))) state_.since = now;
    state_.phase = phase;
    state_.detail = detail;
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
