#include "circuit_breaker/audit.h"

#include <algorithm>
#include <cstdlib>

#include <SQLiteCpp/Savepoint.h>
#include <SQLiteCpp/Statement.h>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace quotafuse::circuit_breaker {
namespace {

using Kind = TripResult::Kind;
using Cause = Audit::Cause;

// open: 1 in the one entry of a trip that counts while the channel is off by our hand, or may be.
constexpr const char* kTables = R"(
CREATE TABLE breaker_intents(
    trip TEXT PRIMARY KEY, channel INTEGER NOT NULL, reason TEXT NOT NULL, mode TEXT NOT NULL,
    gateway TEXT NOT NULL, even_if_last INTEGER NOT NULL, asked_at INTEGER NOT NULL,
    notifiers TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE breaker_audit(
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, trip TEXT NOT NULL, channel INTEGER NOT NULL,
    channel_name TEXT NOT NULL, mode TEXT NOT NULL, step TEXT NOT NULL, reason TEXT NOT NULL,
    why TEXT NOT NULL, status_written INTEGER NOT NULL, dark TEXT NOT NULL, unused_dark TEXT NOT NULL,
    before TEXT NOT NULL, after TEXT NOT NULL, open INTEGER NOT NULL,
    UNIQUE(trip, step)
);
CREATE INDEX breaker_audit_at ON breaker_audit(at);
CREATE INDEX breaker_audit_open ON breaker_audit(open) WHERE open = 1;
)";

// Of what was released before there was a cause its text tells it.
constexpr const char* kCauses = R"(
ALTER TABLE breaker_audit ADD COLUMN cause TEXT NOT NULL DEFAULT '';
UPDATE breaker_audit SET cause = CASE why
    WHEN 'a person disabled it by hand' THEN 'disabled by hand'
    WHEN 'the channel was deleted' THEN 'deleted'
    ELSE 'enabled' END
WHERE step = 'released';
)";

constexpr const char* kEntries =
    "SELECT at, trip, channel, channel_name, mode, step, reason, why, cause FROM breaker_audit ";

constexpr const char* kInsert = R"(
INSERT OR IGNORE INTO breaker_audit(at, trip, channel, channel_name, mode, step, reason, why,
    status_written, dark, unused_dark, before, after, cause, open)
VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14,
    ?6 IN ('tripped', 'unknown') AND NOT EXISTS(
        SELECT 1 FROM breaker_audit WHERE trip = ?2 AND step IN ('tripped', 'released'))))";

constexpr const char* kClose = R"(
UPDATE breaker_audit SET open = 0
WHERE trip = ?1 AND step <> ?2 AND open = 1 AND ?2 IN ('tripped', 'released'))";

std::string to_text(const std::vector<std::string>& list) {
    return nlohmann::json(list).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::vector<std::string> from_text(const std::string& text) {
    std::vector<std::string> list;
    for (const auto& item : nlohmann::json::parse(text, nullptr, false)) {
        if (item.is_string()) list.push_back(item.get<std::string>());
    }
    return list;
}

std::string_view cause_name(Cause cause) {
    switch (cause) {
        case Cause::none:
            return "";
        case Cause::enabled:
            return "enabled";
        case Cause::disabled_by_hand:
            return "disabled by hand";
        case Cause::deleted:
            return "deleted";
    }
    std::abort();
}

Cause cause_from(std::string_view name) {
    for (const auto cause : {Cause::enabled, Cause::disabled_by_hand, Cause::deleted}) {
        if (cause_name(cause) == name) return cause;
    }
    return Cause::none;
}

void insert(SQLite::Database& db, const TripResult& result, std::string_view step, Cause cause,
            base::Second now) {
    SQLite::Statement statement{db, kInsert};
    const auto& request = result.request;
    statement.bind(1, static_cast<std::int64_t>(base::unix_seconds(now)));
    statement.bind(2, request.trip_id);
    statement.bind(3, request.channel);
    statement.bind(4, result.channel_name);
    statement.bind(5, std::string{mode_name(request.mode)});
    statement.bind(6, std::string{step});
    statement.bind(7, base::valid_utf8(request.reason));
    statement.bind(8, base::valid_utf8(result.why));
    statement.bind(9, result.status_written);
    statement.bind(10, to_text(result.dark_models));
    statement.bind(11, to_text(result.unused_dark));
    statement.bind(12, result.before);
    statement.bind(13, result.after);
    statement.bind(14, std::string{cause_name(cause)});
    statement.exec();
    SQLite::Statement close{db, kClose};
    close.bind(1, request.trip_id);
    close.bind(2, std::string{step});
    close.exec();
}

Mode mode_from(const std::string& name) {
    for (const auto mode : {Mode::live, Mode::shadow}) {
        if (mode_name(mode) == name) return mode;
    }
    return Mode::off;
}

sync::Gateway gateway_from(const std::string& name) {
    return name == sync::gateway_name(sync::Gateway::one_api) ? sync::Gateway::one_api
                                                              : sync::Gateway::new_api;
}

/// Why a channel in this state is no longer ours; none while it is.
Cause theirs(const std::map<std::int64_t, int>& states, const Audit::OpenTrip& trip) {
    const auto state = states.find(trip.channel);
    if (state == states.end()) return Cause::deleted;
    if (state->second == 1) return Cause::enabled;
    if (state->second == 2 && trip.status_written == 3) return Cause::disabled_by_hand;
    return Cause::none;
}

/// For people.
std::string sentence(Cause cause) {
    switch (cause) {
        case Cause::none:
            return "";
        case Cause::enabled:
            return "somebody enabled it again";
        case Cause::disabled_by_hand:
            return "a person disabled it by hand";
        case Cause::deleted:
            return "the channel was deleted";
    }
    std::abort();
}

std::vector<Audit::Entry> entries_of(SQLite::Statement& query) {
    std::vector<Audit::Entry> entries;
    while (query.executeStep()) {
        entries.push_back({.at = base::from_unix(query.getColumn(0).getInt64()),
                           .trip_id = query.getColumn(1).getString(),
                           .channel = query.getColumn(2).getInt64(),
                           .channel_name = query.getColumn(3).getString(),
                           .mode = query.getColumn(4).getString(),
                           .step = query.getColumn(5).getString(),
                           .reason = query.getColumn(6).getString(),
                           .why = query.getColumn(7).getString(),
                           .cause = cause_from(query.getColumn(8).getString())});
    }
    return entries;
}

}  // namespace

base::Schema Audit::schema() {
    return {"circuit_breaker", {kTables, kCauses}};
}

void Audit::intend(const TripRequest& request, const std::vector<std::string>& notifiers,
                   base::Second now) {
    SQLite::Statement statement{
        database_.handle(),
        "INSERT OR IGNORE INTO breaker_intents(trip, channel, reason, mode, "
        "even_if_last, asked_at, gateway, notifiers) VALUES(?, ?, ?, ?, ?, ?, ?, ?)"};
    statement.bind(1, request.trip_id);
    statement.bind(2, request.channel);
    statement.bind(3, base::valid_utf8(request.reason));
    statement.bind(4, std::string{mode_name(request.mode)});
    statement.bind(5, request.even_if_last ? 1 : 0);
    statement.bind(6, static_cast<std::int64_t>(base::unix_seconds(now)));
    statement.bind(7, std::string{sync::gateway_name(request.gateway)});
    statement.bind(8, to_text(notifiers));
    statement.exec();
}

void Audit::record(const TripResult& result, base::Second now) {
    auto& db = database_.handle();
    SQLite::Savepoint savepoint{db, "breaker_record"};
    if (result.kind == Kind::tripped) {
        for (const auto& open : open_trips()) {
            const bool earlier =
                open.channel == result.request.channel && open.trip_id != result.request.trip_id;
            if (earlier) {
                release(open, Cause::enabled, "somebody enabled it again, and it was tripped again",
                        now);
            }
        }
    }
    insert(db, result, kind_name(result.kind), Cause::none, now);
    SQLite::Statement answered{db, "DELETE FROM breaker_intents WHERE trip = ?"};
    answered.bind(1, result.request.trip_id);
    answered.exec();
    savepoint.release();
}

std::vector<Audit::Pending> Audit::pending_intents() {
    SQLite::Statement query{database_.handle(),
                            "SELECT trip, channel, reason, mode, even_if_last, asked_at, gateway, "
                            "notifiers FROM breaker_intents ORDER BY asked_at, trip"};
    std::vector<Pending> pending;
    while (query.executeStep()) {
        const auto mode = mode_from(query.getColumn(3).getString());
        pending.push_back({.request = {.trip_id = query.getColumn(0).getString(),
                                       .channel = query.getColumn(1).getInt64(),
                                       .reason = query.getColumn(2).getString(),
                                       .gateway = gateway_from(query.getColumn(6).getString()),
                                       .mode = mode,
                                       .even_if_last = query.getColumn(4).getInt() != 0,
                                       .resumed = mode == Mode::live},
                           .asked_at = base::from_unix(query.getColumn(5).getInt64()),
                           .notifiers = from_text(query.getColumn(7).getString())});
    }
    return pending;
}

std::vector<Audit::OpenTrip> Audit::open_trips() {
    SQLite::Statement query{database_.handle(),
                            "SELECT trip, channel, channel_name, at, status_written, reason "
                            "FROM breaker_audit WHERE open = 1 ORDER BY id"};
    std::vector<OpenTrip> open;
    while (query.executeStep()) {
        open.push_back({.trip_id = query.getColumn(0).getString(),
                        .channel = query.getColumn(1).getInt64(),
                        .channel_name = query.getColumn(2).getString(),
                        .at = base::from_unix(query.getColumn(3).getInt64()),
                        .status_written = query.getColumn(4).getInt(),
                        .reason = query.getColumn(5).getString()});
    }
    return open;
}

std::vector<Audit::Released> Audit::observe(const std::map<std::int64_t, int>& states,
                                            base::Second read_at) {
    std::vector<Released> released;
    SQLite::Savepoint savepoint{database_.handle(), "breaker_observe"};
    for (const auto& trip : open_trips()) {
        if (read_at - trip.at < kSettled) continue;
        const auto cause = theirs(states, trip);
        if (cause == Cause::none) continue;
        const auto why = sentence(cause);
        release(trip, cause, why, read_at);
        released.push_back({trip, cause, why});
    }
    savepoint.release();
    return released;
}

void Audit::release(const OpenTrip& trip, Cause cause, const std::string& why, base::Second now) {
    TripResult result;
    result.request = {.trip_id = trip.trip_id,
                      .channel = trip.channel,
                      .reason = trip.reason,
                      .mode = Mode::live};
    result.channel_name = trip.channel_name;
    result.why = why;
    insert(database_.handle(), result, "released", cause, now);
}

Counts Audit::counts(base::Second now) {
    SQLite::Statement query{
        database_.handle(),
        "SELECT (SELECT count(DISTINCT channel) FROM"
        "    (SELECT channel FROM breaker_audit WHERE open = 1"
        "     UNION ALL SELECT channel FROM breaker_intents WHERE mode = 'live')),"
        "  (SELECT count(DISTINCT trip) FROM breaker_audit"
        "     WHERE at > ?1 AND step IN ('tripped', 'unknown'))"
        "    + (SELECT count(*) FROM breaker_intents WHERE mode = 'live'),"
        "  (SELECT count(*) FROM breaker_audit WHERE at > ?1 AND step = 'would_trip')"
        "    + (SELECT count(*) FROM breaker_intents WHERE mode = 'shadow')"};
    query.bind(1, static_cast<std::int64_t>(base::unix_seconds(now) - 3600));
    query.executeStep();
    return {.open = query.getColumn(0).getInt64(),
            .live_last_hour = query.getColumn(1).getInt64(),
            .shadow_last_hour = query.getColumn(2).getInt64()};
}

std::vector<Audit::Entry> Audit::last(std::size_t n) {
    SQLite::Statement query{database_.handle(), std::string{kEntries} + "ORDER BY id DESC LIMIT ?"};
    query.bind(1, static_cast<std::int64_t>(n));
    return entries_of(query);
}

std::vector<Audit::Entry> Audit::between(base::Second from, base::Second until, std::size_t n) {
    SQLite::Statement query{
        database_.handle(),
        std::string{kEntries} + "WHERE at >= ? AND at < ? ORDER BY at DESC, id DESC LIMIT ?"};
    query.bind(1, static_cast<std::int64_t>(base::unix_seconds(from)));
    query.bind(2, static_cast<std::int64_t>(base::unix_seconds(until)));
    query.bind(3, static_cast<std::int64_t>(n));
    auto entries = entries_of(query);
    std::ranges::reverse(entries);
    return entries;
}

std::vector<Audit::Entry> Audit::off_at(base::Second t, base::Second from, std::size_t n) {
    SQLite::Statement query{
        database_.handle(),
        std::string{kEntries} +
            "AS tripped WHERE at >= ?1 AND at < ?2 AND step = 'tripped' AND NOT EXISTS("
            "SELECT 1 FROM breaker_audit WHERE trip = tripped.trip AND step = 'released' "
            "AND at < ?2) ORDER BY at DESC, id DESC LIMIT ?3"};
    query.bind(1, static_cast<std::int64_t>(base::unix_seconds(from)));
    query.bind(2, static_cast<std::int64_t>(base::unix_seconds(t)));
    query.bind(3, static_cast<std::int64_t>(n));
    auto entries = entries_of(query);
    std::ranges::reverse(entries);
    return entries;
}

void Audit::prune(base::Second before) {
    SQLite::Statement remove{database_.handle(),
                             "DELETE FROM breaker_audit WHERE at < ? AND open = 0"};
    remove.bind(1, static_cast<std::int64_t>(base::unix_seconds(before)));
    remove.exec();
}

}  // namespace quotafuse::circuit_breaker
