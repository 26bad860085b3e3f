#pragma once

#include <chrono>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include "circuit_breaker/audit.h"
#include "support/temp_dir.h"

// What the breaker remembers, in a store of its own.

namespace quotafuse::tests::memory {

using namespace circuit_breaker;
using namespace std::chrono_literals;
using Kind = TripResult::Kind;
using Texts = std::vector<std::string>;

inline constexpr auto kNow = base::Second{base::Seconds{1'767'600'000}};

inline TripRequest request(Target target, const std::string& trip, Mode mode = Mode::live) {
    TripRequest asked;
    asked.trip_id = trip;
    asked.target = std::move(target);
    asked.reason = "too dear";
    asked.gateway = sync::Gateway::one_api;
    asked.mode = mode;
    asked.even_if_last = true;
    return asked;
}

inline TripRequest request(std::int64_t channel, const std::string& trip, Mode mode = Mode::live) {
    return request(Target::of_channel(channel), trip, mode);
}

inline TripResult result(const TripRequest& asked, Kind kind, int status_written = 3) {
    TripResult made;
    made.kind = kind;
    made.request = asked;
    made.name = "azure";
    made.status_written = status_written;
    made.dark_models = {"default/o1"};
    made.before = R"({"status":1})";
    made.after = R"({"status":3})";
    return made;
}

inline ReturnRequest give(const Circuit& circuit, Way way,
                          const std::string& asked_by = "a person") {
    ReturnRequest asked;
    asked.circuit = circuit;
    asked.way = way;
    asked.asked_by = asked_by;
    return asked;
}

inline ReturnResult returned(const ReturnRequest& asked, ReturnResult::Kind kind) {
    ReturnResult made;
    made.kind = kind;
    made.request = asked;
    return made;
}

inline base::Recovery half_open() {
    base::Recovery recover;
    recover.kind = base::Recovery::Kind::half_open;
    recover.wait = 300s;
    recover.longest = 3600s;
    return recover;
}

inline int note_statement(unsigned, void* statements, void* statement, void*) {
    static_cast<Texts*>(statements)
        ->emplace_back(sqlite3_sql(static_cast<sqlite3_stmt*>(statement)));
    return 0;
}

/// How SQLite carries out what `deed` asks for: the plans of the statements that it really runs.
template <class Deed>
std::string plans_of(base::Database& store, Deed deed) {
    Texts statements;
    auto* const handle = store.handle().getHandle();
    sqlite3_trace_v2(handle, SQLITE_TRACE_STMT, note_statement, &statements);
    deed();
    sqlite3_trace_v2(handle, 0, nullptr, nullptr);
    std::string plans;
    for (const auto& sql : statements) {
        SQLite::Statement plan{store.handle(), "EXPLAIN QUERY PLAN " + sql};
        while (plan.executeStep()) plans += plan.getColumn(3).getString() + "\n";
    }
    return plans;
}

struct Fixture {
    TempDir folder;
    base::Database store{folder.file("store.db"), {Audit::schema()}};
    Audit audit{store};

    Texts open() {
        Texts trips;
        for (const auto& circuit : audit.circuits().all()) trips.push_back(circuit.trip_id);
        return trips;
    }
    Circuit circuit(const std::string& trip) {
        const auto found = audit.circuits().of_trip(trip);
        REQUIRE(found);
        return *found;
    }
    /// Newest first.
    Texts steps() {
        Texts lines;
        for (const auto& entry : audit.last(100)) {
            lines.push_back(
                fmt::format("{} {} {}: {}", entry.trip_id, entry.mode, entry.step, entry.why));
        }
        return lines;
    }
    Circuit trip(const TripRequest& asked, base::Second at = kNow) {
        audit.record(result(asked, Kind::tripped), at);
        return circuit(asked.trip_id);
    }
    /// A circuit on trial since `at`.
    Circuit on_trial(const TripRequest& asked, base::Second at) {
        auto begun = returned(give(trip(asked), Way::trial, "half_open"), ReturnResult::Kind::done);
        REQUIRE(audit.intend_return(begun.request, at));
        begun.after = R"({"status":1})";
        begun.kept = R"({"priority":5,"weight":2})";
        audit.record(begun, at);
        return circuit(asked.trip_id);
    }
};

}  // namespace quotafuse::tests::memory
