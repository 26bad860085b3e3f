#include "daemon/status_board.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/duration.h"
#include "daemon/breaker_json.h"
#include "daemon/messages_json.h"
#include "daemon/money.h"
#include "daemon/number_format.h"
#include "daemon/version.h"

namespace quotafuse::daemon {
namespace {

using Json = nlohmann::ordered_json;

/// The pipeline turns once a second; a long step through an outage may take a while.
constexpr base::Seconds kLongestTurn{20};
/// Before its first turn it reads states and the windows as they were saved; filling the others
/// comes later, in slices.
constexpr base::Seconds kLongestStart{60};
constexpr std::size_t kEntriesShown = 10;  // of the breaker
constexpr std::size_t kMostDead = 3;

Json optional_seconds(const std::optional<base::Second>& t) {
    return t ? Json(base::unix_seconds(*t)) : Json(nullptr);
}

std::ptrdiff_t open_gaps(const sync::Position& position) {
    return std::count_if(position.gaps.begin(), position.gaps.end(),
                         [](const sync::Gap& gap) { return gap.open(); });
}

Json source_json(const SourceState& source, const sync::Position& position) {
    const auto audited = static_cast<std::ptrdiff_t>(position.gaps.size()) - open_gaps(position);
    return {{"state", phase_name(source.phase)},
            {"detail", source.detail},
            {"since", base::unix_seconds(source.since)},
            {"synced_through", optional_seconds(source.synced_through)},
            {"epoch", position.epoch},
            {"epoch_since", optional_seconds(source.epoch_since)},
            {"gaps_audited", audited},
            {"broken_others", source.broken_others},
            {"no_rows", source.no_rows},
            {"info_trouble", source.info_trouble},
            {"troubles", source.kind_troubles},
            {"clock_ahead", source.clock_ahead ? Json(*source.clock_ahead) : Json(nullptr)},
            {"read_only", source.read_only}};
}

Json store_json(const StatusBoard::Rooms& rooms, std::string_view check) {
    const auto since = rooms.store.kept_since();
    return {{"kept_since", since == 0 ? Json(nullptr) : Json(since)},
            {"out_of_room", rooms.upkeep.out_of_room()},
            {"check", check.empty() ? Json(nullptr) : Json(check)}};
}

Json rules_json(const alerts::Overview& overview) {
    auto warming = Json::array();
    for (const auto& rule : overview.warming) {
        // Not 100 before it is.
        warming.push_back({{"rule", rule.rule}, {"percent", std::floor(rule.part * 100)}});
    }
    auto errors = Json::array();
    for (const auto& error : overview.errors)
        errors.push_back({{"rule", error.rule}, {"text", error.text}});
    return {{"total", overview.total},
            {"inactive", overview.inactive},
            {"pending", overview.pending},
            {"firing", overview.firing},
            {"warming", overview.warming.size()},
            {"disabled", overview.disabled},
            {"error", overview.errors.size()},
            {"warming_rules", warming},
            {"errors", errors}};
}

/// Built-in alerts stand beside the rules': "text" says what a value says there.
Json self_alert_json(const alerts::SelfAlerts::Alert& alert) {
    return {{"rule", alert.name},
            {"severity", severity_word(alert.severity)},
            {"key", alert.about},
            {"labels", key_json({}, alert.about)},
            {"series", nullptr},
            {"state", alerts::phase_name(alert.state.phase)},
            {"value", nullptr},
            {"threshold", nullptr},
            {"unit", ""},
            {"since",
             base::unix_seconds(alert.state.phase == alerts::Phase::pending ? alert.state.since
                                                                            : alert.state.began)},
            {"text", alert.text}};
}

std::size_t firing(const alerts::SelfAlerts& self_alerts) {
    const auto& alerts = self_alerts.alerts();
    return static_cast<std::size_t>(std::count_if(
        alerts.begin(), alerts.end(),
        [](const auto& alert) { return alert.state.phase == alerts::Phase::firing; }));
}

Json alerts_json(const alerts::Overview& overview, const alerts::SelfAlerts& self_alerts) {
    auto list = Json::array();
    for (const auto& alert : self_alerts.alerts()) {
        if (alert.state.phase != alerts::Phase::inactive) list.push_back(self_alert_json(alert));
    }
    for (const auto& alert : overview.alerts) {
        list.push_back({{"rule", alert.rule},
                        {"severity", severity_word(alert.severity)},
                        {"key", alerts::describe(alert.key)},
                        {"labels", key_json(alert.key)},
                        {"series", alert.stored_key},
                        {"state", alerts::phase_name(alert.phase)},
                        {"value", alert.value ? Json(*alert.value) : Json(nullptr)},
                        {"peak", alert.peak},
                        {"threshold", alert.threshold},
                        {"clear", alert.clear},
                        {"below", alert.below},
                        {"unit", alert.unit},
                        {"since", base::unix_seconds(alert.since)},
                        {"told", alert.told},
                        {"silenced", alert.silenced},
                        {"inhibited", alert.inhibited}});
    }
    return list;
}

/// Alerts that the list leaves out, by rule.
Json more_json(const alerts::Overview& overview) {
    auto list = Json::array();
    for (const auto& more : overview.more)
        list.push_back({{"rule", more.rule}, {"series", more.series}});
    return list;
}

/// The sentences again for programs, in the same order: what pages say in their own language.
Json codes_json(const Readiness& readiness) {
    auto list = Json::array();
    for (const auto& [code, seconds, detail] : readiness.codes) {
        list.push_back({{"code", code},
                        {"seconds", seconds ? Json(seconds->count()) : Json(nullptr)},
                        {"detail", detail.empty() ? Json(nullptr) : Json(detail)}});
    }
    return list;
}

/// Those that people should look at first; `quotafuse notify --list --failed` has them all.
Json dead_json(const StatusBoard::Rooms& rooms) {
    auto list = Json::array();
    if (rooms.outbox.failed() == 0) return list;
    const auto dead =
        notifiers::filed(rooms.database.handle(), {notifiers::Filed::State::dead, kMostDead});
    for (const auto& letter : dead) {
        list.push_back({{"id", letter.id},
                        {"notifier", letter.notifier},
                        {"title", letter.title},
                        {"put_at", base::unix_seconds(letter.put_at)},
                        {"error", letter.error}});
    }
    return list;
}

Json outbox_json(const StatusBoard::Rooms& rooms, const Config& config) {
    const auto& outbox = rooms.outbox;
    auto list = Json::array();
    for (const auto& notifier : config.notifiers) {
        const auto health = outbox.health(notifier.name);
        const bool failing =
            health.last_failure && (!health.last_ok || *health.last_ok < *health.last_failure);
        list.push_back({{"name", notifier.name},
                        {"pending", health.pending},
                        {"failed", health.failed},
                        {"last_ok", optional_seconds(health.last_ok)},
                        {"last_failure", optional_seconds(health.last_failure)},
                        {"last_error", failing ? Json(health.last_error) : Json(nullptr)},
                        {"advice", failing ? Json(health.advice) : Json(nullptr)}});
    }
    return {{"pending", outbox.pending()},
            {"failed", outbox.failed()},
            {"notifiers", list},
            {"dead", dead_json(rooms)}};
}

}  // namespace

StatusBoard::StatusBoard(const Config& config, const base::Clock& clock,
                         std::function<void(const std::string&)> tell)
    : config_(config),
      clock_(clock),
      writes_to_source_(trips_write_to_source(config)),
      tell_(std::move(tell)),
      feed_(clock),
      start_(clock.mono()),
      json_("{}"),
      beat_(clock.mono() + kLongestStart) {
    readiness_.set({false, {"starting"}});
}

void StatusBoard::note_start(base::MonoTime start) {
    start_ = start;
}
void StatusBoard::beat() {
    beat_ = clock_.mono();
}
void StatusBoard::note_error(const std::string& text) {
    last_error_ = Error{clock_.now(), text};
}
void StatusBoard::observe(const sync::GatewayInfo& info) {
    currency_.set(currency_of(config_.currency, info.display));
}
void StatusBoard::note_store_trouble(const std::string& text) {
    store_trouble_ = text;
}

void StatusBoard::note_refused_reload(const std::string& why) {
    refused_reload_.set(Error{clock_.now(), why});
}

void StatusBoard::note_check_begun() {
    check_ = "running";
}

void StatusBoard::note(const StoreVerdict& verdict) {
    check_ = verdict_name(verdict.kind);
    if (verdict.kind != StoreVerdict::Kind::damaged) return;
    damage_ = verdict.text;
    note_error("store: damaged: " + verdict.text);
}

void StatusBoard::judge_source(const Intake& intake, Readiness& readiness) const {
    const auto& source = intake.state();
    const auto lag = base::Seconds{intake.lag().value_or(0)};
    if (const auto standstill = standstill_of(source); !standstill.empty()) {
        readiness.add(standstill,
                      {"source_" + std::string{phase_name(source.phase)}, {}, source.detail});
    } else if (source.phase == SourceState::Phase::starting) {
        readiness.add("the gateway has not been read yet", {"source_starting", {}, {}});
    } else if (source.phase == SourceState::Phase::catching_up) {
        readiness.add(
            fmt::format("catching up with the gateway, {} behind", base::format_duration(lag)),
            {"source_catching-up", lag, {}});
    } else if (lag > config_.stale_after) {
        readiness.add(fmt::format("the gateway was last read {} ago", base::format_duration(lag)),
                      {"source_stale", lag, {}});
    }
    if (source.info_missing && source.phase == SourceState::Phase::ok) {
        readiness.add(fmt::format("the gateway's channels and options cannot be read: {}",
                                  source.info_trouble),
                      {"info_missing", {}, source.info_trouble});
    }
    if (source.no_rows) {
        readiness.add(
            "the gateway counts requests but logs none where quotafuse looks: set source.log_dsn "
            "to its LOG_SQL_DSN, or switch its option LogConsumeEnabled on",
            {"no_rows", {}, {}});
    }
    if (source.read_only && writes_to_source_) {
        readiness.add(
            "the breaker is live, but the gateway's server takes no writes: a replica, or a "
            "failover under way; set breaker.dsn to a server that takes them",
            {"read_only", {}, {}});
    }
}

void StatusBoard::judge_store(Readiness& readiness) const {
    if (!store_trouble_.empty())
        readiness.add("the store cannot be written: " + store_trouble_,
                      {"store_unwritable", {}, store_trouble_});
    if (!damage_.empty()) {
        readiness.add(fmt::format("the store is damaged ({}): {}", damage_, kHowToMend),
                      {"store_damaged", {}, damage_});
    }
}

Readiness StatusBoard::judge(const Intake& intake) const {
    Readiness readiness;
    judge_source(intake, readiness);
    judge_store(readiness);
    readiness.ready = readiness.reasons.empty();
    if (const auto refused = refused_reload_.copy()) {
        readiness.notes.push_back(
            fmt::format("what runs is older than its files: the reload at {} was refused: {}",
                        config_.timezone.format(refused->at), refused->text));
        readiness.codes.push_back({"reload_refused", {}, refused->text});
    }
    return readiness;
}

void StatusBoard::publish(const Rooms& rooms) {
    const auto& overview = rooms.overview;
    const auto& source = rooms.intake.state();
    const auto readiness = judge(rooms.intake);
    const auto uptime =
        std::chrono::duration_cast<base::Seconds>(clock_.mono() - start_.load()).count();
    const auto lag = rooms.intake.lag();
    const Json status{
        {"version", kVersion},
        {"uptime_seconds", uptime},
        {"site", config_.site},
        {"timezone", config_.timezone.name()},
        {"language", config_.language == Language::english ? "en" : "zh"},
        {"has_login", !config_.access.password.empty()},
        {"gateway", source.gateway ? Json(sync::gateway_name(*source.gateway)) : Json(nullptr)},
        {"rows", rooms.store.rows()},
        {"cursor", rooms.store.position().cursor},
        {"lag_seconds", lag ? Json(*lag) : Json(nullptr)},
        {"gaps", open_gaps(rooms.store.position())},
        {"source", source_json(source, rooms.store.position())},
        {"store", store_json(rooms, check_)},
        {"engine_time", base::unix_seconds(overview.time)},
        {"rules", rules_json(overview)},
        {"alerts", alerts_json(overview, rooms.self_alerts)},
        {"more_alerts", more_json(overview)},
        {"silences", Json::parse(silences_json(rooms.silences.silences()))},
        {"outbox", outbox_json(rooms, config_)},
        {"breaker",
         breaker_json(rooms.audit, rooms.pause.at(clock_.now()), config_, kEntriesShown)},
        {"last_error", last_error_ ? Json{{"at", base::unix_seconds(last_error_->at)},
                                          {"text", last_error_->text}}
                                   : Json(nullptr)},
        {"readiness",
         {{"ready", readiness.ready},
          {"reasons", readiness.reasons},
          {"notes", readiness.notes},
          {"codes", codes_json(readiness)}}}};
    json_.set(status.dump(-1, ' ', false, Json::error_handler_t::replace));
    readiness_.set(readiness);
    line_.set(fmt::format("{}, {} rows, {} rules, {} firing, breaker {}", phase_name(source.phase),
                          group_digits(rooms.store.rows()), overview.total, overview.firing,
                          circuit_breaker::mode_name(config_.breaker.mode)));
    const auto event = feed_.next({.rows = rooms.store.rows(),
                                   .firing = overview.firing + firing(rooms.self_alerts),
                                   .open = status["breaker"]["open"].size(),
                                   .pending = rooms.outbox.pending()});
    if (event && tell_) tell_(*event);
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
