#include "daemon/status_board.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/duration.h"
#include "daemon/number_format.h"
#include "daemon/version.h"

namespace quotafuse::daemon {
namespace {

using Json = nlohmann::ordered_json;

/// The pipeline turns once a second; a long step through an outage may take a while.
constexpr base::Seconds kLongestTurn{20};
/// Before its first turn the pipeline fills its windows from the store: minutes where there is a
/// month of many rows. A watchdog that ended it then would only make it begin anew, for ever.
constexpr base::Seconds kLongestStart{600};

std::string_view severity_name(base::Severity severity) {
    switch (severity) {
        case base::Severity::info:
            return "info";
        case base::Severity::warning:
            return "warning";
        case base::Severity::critical:
            return "critical";
    }
    std::abort();
}

Json optional_seconds(const std::optional<base::Second>& t) {
    return t ? Json(base::unix_seconds(*t)) : Json(nullptr);
}

Json rules_json(const alerts::Overview& overview) {
    return {{"total", overview.total},     {"inactive", overview.inactive},
            {"pending", overview.pending}, {"firing", overview.firing},
            {"warming", overview.warming}, {"disabled", overview.disabled},
            {"error", overview.error}};
}

Json alerts_json(const alerts::Overview& overview) {
    auto list = Json::array();
    for (const auto& alert : overview.alerts) {
        list.push_back({{"rule", alert.rule},
                        {"severity", severity_name(alert.severity)},
                        {"key", alerts::describe(alert.key)},
                        {"state", alerts::phase_name(alert.phase)},
                        {"value", alert.value ? Json(*alert.value) : Json(nullptr)},
                        {"threshold", alert.threshold},
                        {"unit", alert.unit},
                        {"since", base::unix_seconds(alert.since)}});
    }
    return list;
}

Json outbox_json(const notifiers::Outbox& outbox, const Config& config) {
    auto list = Json::array();
    for (const auto& notifier : config.notifiers) {
        const auto health = outbox.health(notifier.name);
        const bool failing =
            health.last_failure && (!health.last_ok || *health.last_ok < *health.last_failure);
        list.push_back({{"name", notifier.name},
                        {"pending", health.pending},
                        {"failed", health.failed},
                        {"last_error", failing ? Json(health.last_error) : Json(nullptr)}});
    }
    return {{"pending", outbox.pending()}, {"failed", outbox.failed()}, {"notifiers", list}};
}

Json breaker_json(circuit_breaker::Audit& audit, const Config& config) {
    auto open = Json::array();
    for (const auto& trip : audit.open_trips()) {
        open.push_back({{"channel", trip.channel},
                        {"name", trip.channel_name},
                        {"since", base::unix_seconds(trip.at)},
                        {"mode", "live"},
                        {"reason", trip.reason}});
    }
    auto recent = Json::array();
    for (const auto& entry : audit.last(10)) {
        recent.push_back({{"at", base::unix_seconds(entry.at)},
                          {"channel", entry.channel},
                          {"name", entry.channel_name},
                          {"mode", entry.mode},
                          {"result", entry.step},
                          {"reason", entry.reason},
                          {"why", entry.why}});
    }
    return {{"mode", circuit_breaker::mode_name(config.breaker.mode)},
            {"open", open},
            {"recent", recent}};
}

}  // namespace

StatusBoard::StatusBoard(const Config& config, const base::Clock& clock)
    : config_(config),
      clock_(clock),
      start_(clock.mono()),
      json_("{}"),
      beat_(clock.mono() + kLongestStart) {
    readiness_.set({false, {"starting"}});
}

void StatusBoard::beat() {
    beat_ = clock_.mono();
}
void StatusBoard::note_error(const std::string& text) {
    last_error_ = Error{clock_.now(), text};
}
void StatusBoard::note_store_trouble(const std::string& text) {
    store_trouble_ = text;
}

Readiness StatusBoard::judge(const Intake& intake) const {
    Readiness readiness;
    const auto& source = intake.state();
    switch (source.phase) {
        case SourceState::Phase::ok:
            break;
        case SourceState::Phase::starting:
            readiness.reasons.emplace_back("the gateway has not been read yet");
            break;
        case SourceState::Phase::catching_up:
            readiness.reasons.push_back(
                fmt::format("catching up with the gateway, {} behind",
                            base::format_duration(base::Seconds{intake.lag().value_or(0)})));
            break;
        case SourceState::Phase::unreachable:
        case SourceState::Phase::denied:
        case SourceState::Phase::schema:
        case SourceState::Phase::rejected:
            readiness.reasons.push_back(fmt::format("the gateway cannot be read ({}): {}",
                                                    phase_name(source.phase), source.detail));
            break;
    }
    if (source.phase == SourceState::Phase::ok &&
        intake.lag().value_or(0) > config_.stale_after.count()) {
        readiness.reasons.push_back(
            fmt::format("the gateway was last read {} ago",
                        base::format_duration(base::Seconds{*intake.lag()})));
    }
    if (!store_trouble_.empty())
        readiness.reasons.push_back("the store cannot be written: " + store_trouble_);
    readiness.ready = readiness.reasons.empty();
    return readiness;
}

void StatusBoard::publish(const Rooms& rooms) {
    const auto overview = rooms.engine.overview();
    const auto& source = rooms.intake.state();
    const auto readiness = judge(rooms.intake);
    const auto uptime = std::chrono::duration_cast<base::Seconds>(clock_.mono() - start_).count();
    const auto lag = rooms.intake.lag();
    const Json status{
        {"version", kVersion},
        {"uptime_seconds", uptime},
        {"site", config_.site},
        {"gateway", source.gateway ? Json(sync::gateway_name(*source.gateway)) : Json(nullptr)},
        {"rows", rooms.store.rows()},
        {"cursor", rooms.store.position().cursor},
        {"lag_seconds", lag ? Json(*lag) : Json(nullptr)},
        {"gaps", rooms.store.position().gaps.size()},
        {"source",
         {{"state", phase_name(source.phase)},
          {"detail", source.detail},
          {"since", base::unix_seconds(source.since)},
          {"synced_through", optional_seconds(source.synced_through)}}},
        {"engine_time", base::unix_seconds(overview.time)},
        {"rules", rules_json(overview)},
        {"alerts", alerts_json(overview)},
        {"outbox", outbox_json(rooms.outbox, config_)},
        {"breaker", breaker_json(rooms.audit, config_)},
        {"last_error", last_error_ ? Json{{"at", base::unix_seconds(last_error_->at)},
                                          {"text", last_error_->text}}
                                   : Json(nullptr)},
        {"readiness", {{"ready", readiness.ready}, {"reasons", readiness.reasons}}}};
    json_.set(status.dump(-1, ' ', false, Json::error_handler_t::replace));
    readiness_.set(readiness);
    line_.set(fmt::format("{}, {} rows, {} rules, {} firing, breaker {}", phase_name(source.phase),
                          group_digits(rooms.store.rows()), overview.total, overview.firing,
                          circuit_breaker::mode_name(config_.breaker.mode)));
}

std::string StatusBoard::status_json() const {
    return json_.copy();
}
std::string StatusBoard::line() const {
    return line_.copy();
}

Readiness StatusBoard::readiness() const {
    if (!alive()) return {false, {"the pipeline has stopped turning"}};
    return readiness_.copy();
}

bool StatusBoard::alive() const {
    return clock_.mono() - beat_.load() < kLongestTurn;
}

}  // namespace quotafuse::daemon
