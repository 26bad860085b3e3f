#include "circuit_breaker/circuits.h"

#include <array>

#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

#include "base/text.h"
#include "circuit_breaker/stored_columns.h"
#include "circuit_breaker/stored_json.h"

namespace quotafuse::circuit_breaker {
namespace {

constexpr std::array kStates = {Circuit::State::open, Circuit::State::trial,
                                Circuit::State::unsure};
constexpr std::array kWays = {Way::whole, Way::trial, Way::settle, Way::again};

const std::string& columns() {
    static const std::string names = fmt::format(
        "trip, {}, name, gateway, reason, rule, series, state, opened_at, "
        "status_written, before, after, recover, back_at, failed_trials, trial_at, "
        "kept, leading, pending, pending_at, off_since, asked_again, intended, told",
        kTargetColumns);
    return names;
}

Circuit::State state_from(const std::string& name) {
    for (const auto state : kStates) {
        if (name == state_name(state)) return state;
    }
    return Circuit::State::unsure;
}

std::optional<Way> way_from(const std::string& name) {
    for (const auto way : kWays) {
        if (name == way_name(way)) return way;
    }
    return std::nullopt;
}

Circuit circuit_of(SQLite::Statement& query) {
    RowReader row{query};
    Circuit circuit;
    circuit.trip_id = row.text();
    circuit.target = row.target();
    circuit.name = row.text();
    circuit.gateway = gateway_from(row.text());
    circuit.reason = row.text();
    circuit.rule = row.text();
    circuit.series = row.text();
    circuit.state = state_from(row.text());
    circuit.opened_at = row.time();
    circuit.status_written = static_cast<int>(row.number());
    circuit.before = row.text();
    circuit.after = row.text();
    circuit.recover = recovery_from(row.text());
    circuit.back_at = row.time();
    circuit.failed_trials = static_cast<int>(row.number());
    circuit.trial_at = row.time();
    circuit.kept = row.text();
    circuit.leading = leading_from(row.text());
    circuit.pending = way_from(row.text());
    circuit.pending_at = row.time();
    circuit.off_since = row.time();
    circuit.asked_again = row.number() != 0;
    circuit.intended = row.text();
    circuit.told = row.text();
    return circuit;
}

std::optional<Circuit> one_of(SQLite::Statement& query) {
    if (!query.executeStep()) return std::nullopt;
    return circuit_of(query);
}

}  // namespace

std::vector<Circuit> Circuits::all() const {
    SQLite::Statement query{
        db_, "SELECT " + columns() + " FROM breaker_circuits ORDER BY opened_at, trip"};
    std::vector<Circuit> circuits;
    while (query.executeStep()) circuits.push_back(circuit_of(query));
    return circuits;
}

std::optional<Circuit> Circuits::of_trip(const std::string& trip_id) const {
    SQLite::Statement query{db_, "SELECT " + columns() + " FROM breaker_circuits WHERE trip = ?"};
    query.bind(1, trip_id);
    return one_of(query);
}

std::optional<Circuit> Circuits::of_target(const Target& target) const {
    SQLite::Statement query{db_, "SELECT " + columns() +
                                     " FROM breaker_circuits WHERE target_key = ? "
                                     "ORDER BY opened_at DESC, trip DESC LIMIT 1"};
    query.bind(1, stored_key(target));
    return one_of(query);
}

std::vector<std::string> Circuits::models_off(std::int64_t channel) const {
    std::vector<std::string> models;
    for (const auto& circuit : all()) {
        const auto& target = circuit.target;
        if (target.kind == Target::Kind::model && target.channel == channel)
            models.push_back(target.model);
    }
    return models;
}

void Circuits::put(const Circuit& circuit) {
    SQLite::Statement statement{
        db_,
        "INSERT OR REPLACE INTO breaker_circuits(" + columns() +
            ", target_key) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
            "?, ?, ?, ?, ?, ?, ?, ?, ?)"};
    Binder bind{statement};
    bind(circuit.trip_id)(circuit.target)(circuit.name)(
        std::string{sync::gateway_name(circuit.gateway)})(base::valid_utf8(circuit.reason))(
        circuit.rule)(circuit.series)(std::string{state_name(circuit.state)})(circuit.opened_at)(
        circuit.status_written)(circuit.before)(circuit.after)(stored(circuit.recover))(
        circuit.back_at)(circuit.failed_trials)(circuit.trial_at)(circuit.kept)(
        stored(circuit.leading))(std::string{circuit.pending ? way_name(*circuit.pending) : ""})(
        circuit.pending_at)(circuit.off_since)(circuit.asked_again ? 1 : 0)(circuit.intended)(
        base::valid_utf8(circuit.told))(stored_key(circuit.target));
    statement.exec();
}

void Circuits::remove(const std::string& trip_id) {
    SQLite::Statement statement{db_, "DELETE FROM breaker_circuits WHERE trip = ?"};
    statement.bind(1, trip_id);
    statement.exec();
}

}  // namespace quotafuse::circuit_breaker
