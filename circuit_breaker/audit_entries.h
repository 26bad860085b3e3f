#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <SQLiteCpp/Database.h>

#include "base/clock.h"
#include "circuit_breaker/action.h"
#include "circuit_breaker/circuit.h"

namespace quotafuse::circuit_breaker {

// How entries come into the audit's table. Within the caller's transaction; throws
// SQLite::Exception.

/// One entry to write, with what the tables keep beside Audit::Entry.
struct NewEntry {
    std::string trip_id;
    Target target;
    std::string name;
    Mode mode = Mode::live;
    std::string step;
    std::string rule;
    std::string series;
    std::string reason;
    std::string why;
    Change change = Change::none;
    std::string cause;  // cause_name()
    int status_written = 0;
    std::vector<std::string> dark_models;
    std::vector<std::string> unused_dark;
    std::string before;
    std::string after;
    std::optional<LeadingKey> leading;
    base::Recovery recover{};
};
NewEntry entry_of(const TripRequest& request);  // its intent
NewEntry entry_of(const TripResult& result);
/// A step of what is off: `before` is how we had left it.
NewEntry entry_of(const Circuit& circuit, std::string step, std::string why);

/// The steps with which it is certain how a trip ended: whether it is off by our hand. (That of a
/// circuit, "released" for instance, does not tell.)
inline constexpr std::array<const char*, 6> kTripEnds{"tripped",     "would_trip", "refused",
                                                      "already_off", "lost_race",  "failed"};

void add(SQLite::Database& db, const NewEntry& entry, base::Second now);
/// Whether the trip has an entry of one of the steps, from `since` on.
bool has_entry(SQLite::Database& db, const std::string& trip_id, std::span<const char* const> steps,
               base::Second since = {});
/// Whether the trip has any entry.
bool has_entry(SQLite::Database& db, const std::string& trip_id);

}  // namespace quotafuse::circuit_breaker
