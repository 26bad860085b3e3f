#include "circuit_breaker/audit.h"

#include <algorithm>
#include <array>
#include <utility>

#include <SQLiteCpp/Savepoint.h>
#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

#include "base/text.h"
#include "circuit_breaker/audit_entries.h"
#include "circuit_breaker/kept_ranks.h"
#include "circuit_breaker/recovery_plan.h"
#include "circuit_breaker/stored_columns.h"
#include "circuit_breaker/stored_json.h"

namespace quotafuse::circuit_breaker {
namespace {

using Kind = TripResult::Kind;

bool is_asked(SQLite::Database& db, const std::string& trip_id) {
    SQLite::Statement query{db, "SELECT 1 FROM breaker_intents WHERE trip = ?"};
    query.bind(1, trip_id);
    return query.executeStep();
}

void answer(SQLite::Database& db, const std::string& trip_id) {
    SQLite::Statement answered{db, "DELETE FROM breaker_intents WHERE trip = ?"};
    answered.bind(1, trip_id);
    answered.exec();
}

/// The circuit is over, and so is an intent that it was kept for.
void close(SQLite::Database& db, Circuits& circuits, const std::string& trip_id) {
    circuits.remove(trip_id);
    answer(db, trip_id);
}

void release(SQLite::Database& db, Circuits& circuits, const Circuit& circuit, Change change,
             std::string why, base::Second now) {
    auto entry = entry_of(circuit, "released", std::move(why));
    entry.change = change;
    add(db, entry, now);
    close(db, circuits, circuit.trip_id);
}

/// Why a circuit is over when its target was tripped anew.
std::pair<Change, const char*> end_before_new_trip(const Circuit& earlier) {
    switch (earlier.state) {
        case Circuit::State::open:
            return {Change::enabled, "somebody enabled it again, and it was tripped again"};
        case Circuit::State::trial:
            return {Change::none, "it was on trial, and was tripped again"};
        case Circuit::State::unsure:
            return {Change::enabled, "it was on, and was tripped again"};
    }
    return {Change::none, ""};
}

/// Ends what was open for the target before. Returns the ranks that a trial had kept: they are
/// still to be put back.
std::string end_earlier(SQLite::Database& db, Circuits& circuits, const TripRequest& request,
                        base::Second now) {
    std::string kept;
    for (const auto& earlier : circuits.all()) {
        if (earlier.trip_id == request.trip_id ||
            stored_key(earlier.target) != stored_key(request.target))
            continue;
        const auto [change, why] = end_before_new_trip(earlier);
        // A trial that was written and not recorded has them in what it intended.
        const auto& ranks = earlier.kept.empty() ? earlier.intended : earlier.kept;
        if (!ranks.empty()) kept = ranks;
        release(db, circuits, earlier, change, why, now);
    }
    return kept;
}

/// What was found after a restart does not tell what was there before, but the answer "unknown"
/// may have.
void take_over(Circuit& circuit, const TripResult& result) {
    if (!result.name.empty()) circuit.name = result.name;
    if (!result.before.empty()) circuit.before = result.before;
    if (!result.after.empty()) circuit.after = result.after;
    if (result.status_written != 0) circuit.status_written = result.status_written;
}

void open(Circuits& circuits, const TripResult& result, Circuit::State state, std::string kept,
          base::Second now) {
    const auto& request = result.request;
    auto circuit = circuits.of_trip(request.trip_id).value_or(Circuit{});
    take_over(circuit, result);
    circuit.trip_id = request.trip_id;
    circuit.target = request.target;
    circuit.gateway = request.gateway;
    circuit.reason = request.reason;
    circuit.rule = request.rule;
    circuit.series = request.series;
    circuit.state = state;
    circuit.opened_at = now;
    circuit.off_since = now;
    circuit.asked_again = false;
    circuit.recover = request.recover;
    circuit.back_at = request.back_at;
    circuit.leading = request.leading;
    circuit.kept = std::move(kept);
    circuits.put(circuit);
}

/// Of a trip that did not take place: what might have been off is not.
void close_unsure(SQLite::Database& db, Circuits& circuits, const std::string& trip_id) {
    const auto circuit = circuits.of_trip(trip_id);
    if (circuit && circuit->state == Circuit::State::unsure) circuits.remove(trip_id);
    answer(db, trip_id);
}

Circuit after_return(Circuit circuit, const ReturnResult& result, base::Second now) {
    circuit.pending.reset();
    circuit.pending_at = now;
    circuit.intended.clear();
    if (result.kind != ReturnResult::Kind::done) return circuit;
    if (result.request.way == Way::trial) {
        circuit.state = Circuit::State::trial;
        circuit.kept = result.kept;
        circuit.trial_at = now;
        circuit.asked_again = false;
    } else {
        circuit = after_failed_trial(std::move(circuit), now);
        circuit.status_written = result.status_written;
    }
    circuit.after = result.after;
    return circuit;
}

bool is_end(Way way) {
    return way == Way::whole || way == Way::settle;
}

std::string step_of(const ReturnResult& result) {
    const std::string way = way_name(result.request.way);
    return result.kind == ReturnResult::Kind::done
               ? way
               : fmt::format("{}_{}", way, kind_name(result.kind));
}

/// What a look that began at `began` may not have seen yet.
bool changed_since(const Circuit& circuit, base::Second began) {
    return std::max({circuit.opened_at, circuit.trial_at, circuit.pending_at}) >= began;
}

}  // namespace

void Audit::intend(const TripRequest& request, const std::vector<std::string>& notifiers,
                   base::Second now) {
    auto& db = db_;
    SQLite::Savepoint savepoint{db, "breaker_intend"};
    if (is_asked(db, request.trip_id) || has_entry(db, request.trip_id)) return;
    SQLite::Statement statement{
        db, fmt::format("INSERT INTO breaker_intents(trip, {}, target_key, reason, mode, gateway, "
                        "even_if_last, asked_at, notifiers, recover, back_at, rule, series, "
                        "leading) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                        kTargetColumns)};
    Binder bind{statement};
    bind(request.trip_id)(request.target)(stored_key(request.target))(
        base::valid_utf8(request.reason))(std::string{mode_name(request.mode)})(
        std::string{sync::gateway_name(request.gateway)})(request.even_if_last ? 1 : 0)(
        now)(stored(notifiers))(stored(request.recover))(request.back_at)(request.rule)(
        request.series)(stored(request.leading));
    statement.exec();
    add(db, entry_of(request), now);
    savepoint.release();
}

std::vector<Audit::Pending> Audit::pending_intents() {
    SQLite::Statement query{
        db_,
        fmt::format("SELECT trip, {}, reason, mode, gateway, even_if_last, asked_at, notifiers, "
                    "recover, back_at, rule, series, leading FROM breaker_intents "
                    "ORDER BY asked_at, trip",
                    kTargetColumns)};
    std::vector<Pending> pending;
    while (query.executeStep()) {
        RowReader row{query};
        auto& [request, asked_at, notifiers] = pending.emplace_back();
        request.trip_id = row.text();
        request.target = row.target();
        request.reason = row.text();
        request.mode = mode_from(row.text());
        request.resumed = request.mode == Mode::live;
        request.gateway = gateway_from(row.text());
        request.even_if_last = row.number() != 0;
        asked_at = row.time();
        notifiers = names_from(row.text());
        request.recover = recovery_from(row.text());
        request.back_at = row.time();
        request.rule = row.text();
        request.series = row.text();
        request.leading = leading_from(row.text());
    }
    return pending;
}

void Audit::record(const TripResult& result, base::Second now) {
    auto& db = db_;
    SQLite::Savepoint savepoint{db, "breaker_record"};
    const auto& trip = result.request.trip_id;
    const auto step = std::string{kind_name(result.kind)};
    // Once it is known how it ended, it is not unknown any more.
    const bool told =
        has_entry(db, trip, std::array{step.c_str()}) ||
        (result.kind == Kind::unknown &&
         (has_entry(db, trip, kTripEnds) || has_entry(db, trip, std::array{"released"})));
    if (!told) add(db, entry_of(result), now);
    if (result.kind == Kind::tripped) {
        if (!told) {
            auto kept = end_earlier(db, circuits_, result.request, now);
            open(circuits_, result, Circuit::State::open, std::move(kept), now);
        }
        answer(db, trip);
    } else if (result.kind == Kind::unknown) {
        if (!told) open(circuits_, result, Circuit::State::unsure, "", now);
    } else {
        close_unsure(db, circuits_, trip);
    }
    savepoint.release();
}

bool Audit::intend_return(const ReturnRequest& request, base::Second now) {
    auto circuit = circuits_.of_trip(request.circuit.trip_id);
    if (!circuit || circuit->pending) return false;
    if (request.dry_run) return true;
    auto& db = db_;
    SQLite::Savepoint savepoint{db, "breaker_intend_return"};
    circuit->pending = request.way;
    circuit->pending_at = now;
    circuit->intended.clear();
    circuits_.put(*circuit);
    add(db, entry_of(*circuit, fmt::format("{}_asked", way_name(request.way)), request.asked_by),
        now);
    savepoint.release();
    return true;
}

bool Audit::record(const ReturnResult& result, base::Second now) {
    auto circuit = circuits_.of_trip(result.request.circuit.trip_id);
    const bool asked = circuit && circuit->pending == result.request.way;
    if (!asked || result.kind == ReturnResult::Kind::would_be) return false;
    if (result.kind == ReturnResult::Kind::ranks_read) {
        circuit->intended = result.kept;
        circuits_.put(*circuit);
        return true;
    }
    auto& db = db_;
    SQLite::Savepoint savepoint{db, "breaker_record_return"};
    if (result.kind == ReturnResult::Kind::theirs) {
        release(db, circuits_, *circuit, result.change, result.why, now);
        savepoint.release();
        return true;
    }
    const auto step = step_of(result);
    const bool unknown = result.kind == ReturnResult::Kind::unknown;
    const bool told =
        unknown && has_entry(db, circuit->trip_id, std::array{step.c_str()}, circuit->pending_at);
    if (!told) {
        auto entry = entry_of(*circuit, step, result.why);
        entry.status_written = result.status_written;
        entry.after = result.after;
        // A trip has not touched the ranks, so what it left has none.
        if (const auto kept = read_kept(result.kept))
            entry.before = with_ranks(entry.before, *kept);
        add(db, entry, now);
    }
    if (result.kind == ReturnResult::Kind::done && is_end(result.request.way)) {
        close(db, circuits_, circuit->trip_id);
    } else if (!unknown) {
        circuits_.put(after_return(*circuit, result, now));
    }
    savepoint.release();
    return true;
}

std::vector<Audit::Released> Audit::observe(const std::vector<Sighting>& sightings,
                                            base::Second began, base::Second now) {
    auto& db = db_;
    SQLite::Savepoint savepoint{db, "breaker_observe"};
    std::vector<Released> released;
    for (const auto& [trip, change, half_on, state] : sightings) {
        if (change == Change::none || change == Change::gateway_disabled) continue;
        auto circuit = circuits_.of_trip(trip);
        if (!circuit || circuit->pending || changed_since(*circuit, began)) continue;
        if (state && *state != circuit->state) continue;  // an older picture
        // A trip of which nobody knows was not carried out then: it is asked again.
        if (circuit->state == Circuit::State::unsure && change == Change::enabled) continue;
        release(db, circuits_, *circuit, change, sentence(change), now);
        released.push_back({std::move(*circuit), change});
    }
    savepoint.release();
    return released;
}

}  // namespace quotafuse::circuit_breaker
