#include "circuit_breaker/audit_entries.h"

#include <algorithm>
#include <array>
#include <utility>

#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

#include "base/text.h"
#include "circuit_breaker/audit.h"
#include "circuit_breaker/cause_names.h"
#include "circuit_breaker/stored_columns.h"
#include "circuit_breaker/stored_json.h"

namespace quotafuse::circuit_breaker {
namespace {

constexpr std::array kChanges = {Change::enabled, Change::disabled_by_hand, Change::deleted,
                                 Change::altered, Change::gateway_disabled};

Change change_from(const std::string& name) {
    for (const auto change : kChanges) {
        if (name == change_name(change)) return change;
    }
    return Change::none;
}

/// SELECT of what an Audit::Entry holds, `rest` behind it.
std::string entries(const std::string& rest) {
    return fmt::format(
        "SELECT id, at, trip, {}, name, mode, step, rule, series, reason, why, change, cause, "
        "before, after, recover FROM breaker_audit {}",
        kTargetColumns, rest);
}

std::vector<Audit::Entry> entries_of(SQLite::Statement& query) {
    std::vector<Audit::Entry> found;
    while (query.executeStep()) {
        RowReader row{query};
        auto& entry = found.emplace_back();
        entry.id = row.number();
        entry.at = row.time();
        entry.trip_id = row.text();
        entry.target = row.target();
        entry.name = row.text();
        entry.mode = row.text();
        entry.step = row.text();
        entry.rule = row.text();
        entry.series = row.text();
        entry.reason = row.text();
        entry.why = row.text();
        entry.change = change_from(row.text());
        entry.cause = row.text();
        entry.before = row.text();
        entry.after = row.text();
        entry.recover = recovery_from(row.text());
    }
    return found;
}

std::vector<Audit::Entry> oldest_first(std::vector<Audit::Entry> entries) {
    std::ranges::reverse(entries);
    return entries;
}

}  // namespace

NewEntry entry_of(const TripRequest& request) {
    NewEntry entry;
    entry.trip_id = request.trip_id;
    entry.target = request.target;
    entry.mode = request.mode;
    entry.step = "intent";
    entry.rule = request.rule;
    entry.series = request.series;
    entry.reason = request.reason;
    entry.leading = request.leading;
    entry.recover = request.recover;
    return entry;
}

NewEntry entry_of(const TripResult& result) {
    auto entry = entry_of(result.request);
    entry.name = result.name;
    entry.step = kind_name(result.kind);
    // Also of a request that was live before a restart and may only watch since.
    const bool was_live =
        result.kind == TripResult::Kind::tripped || result.kind == TripResult::Kind::unknown;
    if (was_live) entry.mode = Mode::live;
    entry.why = result.why;
    entry.cause = cause_name(result.cause.kind);
    entry.status_written = result.status_written;
    entry.dark_models = result.dark_models;
    entry.unused_dark = result.unused_dark;
    entry.before = result.before;
    entry.after = result.after;
    return entry;
}

NewEntry entry_of(const Circuit& circuit, std::string step, std::string why) {
    NewEntry entry;
    entry.trip_id = circuit.trip_id;
    entry.target = circuit.target;
    entry.name = circuit.name;
    entry.step = std::move(step);
    entry.rule = circuit.rule;
    entry.series = circuit.series;
    entry.reason = circuit.reason;
    entry.why = std::move(why);
    entry.before = circuit.after;
    entry.leading = circuit.leading;
    entry.recover = circuit.recover;
    return entry;
}

bool is_trip_end(std::string_view step) {
    return std::ranges::find(kTripEnds, step) != kTripEnds.end();
}

void add(SQLite::Database& db, const NewEntry& entry, base::Second now) {
    SQLite::Statement statement{
        db,
        fmt::format(
            "INSERT INTO breaker_audit(at, trip, {}, name, mode, step, rule, series, "
            "reason, why, change, cause, status_written, dark, unused_dark, before, after, "
            "leading, recover) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
            "?, ?, ?, ?)",
            kTargetColumns)};
    Binder bind{statement};
    bind(now)(entry.trip_id)(entry.target)(entry.name)(std::string{mode_name(entry.mode)})(
        entry.step)(entry.rule)(entry.series)(base::valid_utf8(entry.reason))(
        base::valid_utf8(entry.why))(std::string{change_name(entry.change)})(entry.cause)(
        entry.status_written)(stored(entry.dark_models))(stored(entry.unused_dark))(entry.before)(
        entry.after)(stored(entry.leading))(stored(entry.recover));
    statement.exec();
}

bool has_entry(SQLite::Database& db, const std::string& trip_id, std::span<const char* const> steps,
               base::Second since) {
    SQLite::Statement query{db, "SELECT step FROM breaker_audit WHERE trip = ? AND at >= ?"};
    Binder{query}(trip_id)(since);
    while (query.executeStep()) {
        const auto step = query.getColumn(0).getString();
        if (std::ranges::any_of(steps, [&](const char* one) { return step == one; })) return true;
    }
    return false;
}

bool has_entry(SQLite::Database& db, const std::string& trip_id) {
    SQLite::Statement query{db, "SELECT 1 FROM breaker_audit WHERE trip = ? LIMIT 1"};
    query.bind(1, trip_id);
    return query.executeStep();
}

std::vector<Audit::Entry> Audit::last(std::size_t n) {
    SQLite::Statement query{db_, entries("ORDER BY id DESC LIMIT ?")};
    query.bind(1, static_cast<std::int64_t>(n));
    return entries_of(query);
}

std::vector<Audit::Entry> Audit::last_outcomes(std::size_t n, std::int64_t before) {
    SQLite::Statement query{db_,
                            entries("WHERE id < ? AND step <> 'intent' AND step NOT GLOB '*_asked' "
                                    "ORDER BY id DESC LIMIT ?")};
    Binder{query}(before)(static_cast<std::int64_t>(n));
    return entries_of(query);
}

std::vector<Audit::Entry> Audit::between(base::Second from, base::Second until, std::size_t n) {
    SQLite::Statement query{db_,
                            entries("WHERE at >= ? AND at < ? ORDER BY at DESC, id DESC LIMIT ?")};
    Binder{query}(from)(until)(static_cast<std::int64_t>(n));
    return oldest_first(entries_of(query));
}

std::vector<Audit::Entry> Audit::off_at(base::Second t, base::Second from, std::size_t n) {
    SQLite::Statement query{
        db_, entries("AS tripped WHERE at >= ?1 AND at < ?2 AND step = 'tripped' AND "
                     "(SELECT step FROM breaker_audit WHERE trip = tripped.trip AND at < ?2 AND "
                     "step IN ('tripped', 'released', 'whole', 'trial', 'settle', 'again') "
                     "ORDER BY id DESC LIMIT 1) IN ('tripped', 'again') "
                     "ORDER BY at DESC, id DESC LIMIT ?3")};
    Binder{query}(from)(t)(static_cast<std::int64_t>(n));
    return oldest_first(entries_of(query));
}

std::optional<Audit::Entry> Audit::tripped_or_released(const Target& target, base::Second from) {
    SQLite::Statement query{
        db_, entries(fmt::format("WHERE at >= ? AND step IN ('tripped', 'released') AND ({}) = "
                                 "(?, ?, ?, ?, ?, ?) ORDER BY at DESC, id DESC LIMIT 1",
                                 kTargetColumns))};
    Binder{query}(from)(target);
    auto found = entries_of(query);
    return found.empty() ? std::nullopt : std::optional{std::move(found.front())};
}

std::vector<Audit::Entry> Audit::of_trip(const std::string& trip_id) {
    SQLite::Statement query{db_, entries("WHERE trip = ? ORDER BY id")};
    query.bind(1, trip_id);
    return entries_of(query);
}

std::string Audit::return_asked_by(const Entry& entry) {
    SQLite::Statement query{db_,
                            "SELECT why FROM breaker_audit WHERE trip = ? AND id < ? AND step = ? "
                            "ORDER BY id DESC LIMIT 1"};
    Binder{query}(entry.trip_id)(entry.id)(entry.step.substr(0, entry.step.find('_')) + "_asked");
    return query.executeStep() ? query.getColumn(0).getString() : std::string{};
}

void Audit::note(const Circuit& circuit, const std::string& step, const std::string& why,
                 base::Second now) {
    auto entry = entry_of(circuit, step, why);
    entry.after = circuit.after;  // it changed nothing
    add(db_, entry, now);
}

void Audit::note_pause(const std::string& step, const std::string& reason, const std::string& why,
                       Mode mode, base::Second now) {
    NewEntry entry;
    entry.mode = mode;
    entry.step = step;
    entry.reason = reason;
    entry.why = why;
    add(db_, entry, now);
}

void Audit::prune(base::Second before) {
    SQLite::Statement remove{db_,
                             "DELETE FROM breaker_audit WHERE at < ? "
                             "AND trip NOT IN (SELECT trip FROM breaker_circuits) "
                             "AND trip NOT IN (SELECT trip FROM breaker_intents)"};
    Binder{remove}(before);
    remove.exec();
}

}  // namespace quotafuse::circuit_breaker
