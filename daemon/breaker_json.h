#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/recovery.h"
#include "base/time_zone.h"
#include "circuit_breaker/audit.h"
#include "circuit_breaker/circuit.h"
#include "circuit_breaker/pause.h"
#include "circuit_breaker/target.h"
#include "daemon/config.h"

namespace quotafuse::daemon {

// What the breaker has in hand and on record, for the status, the control socket and commands.
// Times are unix seconds; ids that a target does not have are 0, texts empty.

/// {trip_id, kind, channel, model, token, user, token_name, name, mode ("live"), state, since,
/// reason, rule, recover, back_at (null: by hand only), failed_trials, trial_at (null), pending (a
/// way, or null), leading (null, or {id, name, share}), before, after (as TripResult and
/// ReturnResult have them), ranks (as ReturnResult::kept, also of a trial that is only being
/// begun)} with null for the last three where there is none.
nlohmann::json circuit_json(const circuit_breaker::Circuit& circuit);
/// {at, trip_id, kind, channel, model, token, user, token_name, name, mode, result, rule, reason,
/// why, change, cause}; `result` is the step. Of a pause and its end kind and trip_id are empty.
nlohmann::json entry_json(const circuit_breaker::Audit::Entry& entry);
/// {mode, paused (null, or {since, until (null: until resumed), reason}), open: [circuit],
/// unfinished: [{trip_id, kind, channel, model, token, user, token_name, name (""), mode, asked_at,
/// reason, rule}], recent: see recent_json()}. Unfinished are the trips that are on record and not
/// answered yet, but for those whose circuit is open. Throws SQLite::Exception.
nlohmann::json breaker_json(circuit_breaker::Audit& audit,
                            const std::optional<circuit_breaker::Pause>& pause,
                            const Config& config, std::size_t entries);
/// Entries with `asked_by` ("rule NAME", "a person", "its time has come", …; empty where nobody
/// asked, or nobody knows any more), `before` and `after`, in their order. Throws
/// SQLite::Exception.
nlohmann::json recent_json(circuit_breaker::Audit& audit,
                           const std::vector<circuit_breaker::Audit::Entry>& entries);

/// What became of an order: {done: true, ok, outcome (a kind_name()), text (a sentence), dark,
/// unused_dark; of a trip also traffic_seconds: so far back unused_dark had no requests}. ok: it is
/// as asked, or would be (shadow, a dry run). Invalid UTF-8 becomes U+FFFD.
/// `pause`: the pause_text() of what holds the breaker now, if anything does.
std::string answer_json(const circuit_breaker::TripResult& result, const std::string& pause = {});
std::string answer_json(const circuit_breaker::ReturnResult& result);

/// The same of a trip or of its return, from its entries on record, oldest first: without `dark`
/// and `unused_dark`, which its notice tells. Of returns the newest that a person asked for counts:
/// given back whole, or off again. An empty text: it is asked for and not answered yet; empty:
/// nobody asked.
std::optional<std::string> recorded_answer(
    const std::vector<circuit_breaker::Audit::Entry>& entries, bool of_return);

/// How long a pause is to last, as typed for --for: 1 s to 366 days. Throws Failure (usage).
base::Seconds pause_length(const std::string& typed);
/// As rule files have it: "manual", "after 30m", "until tomorrow", "until next_month", "half_open".
std::string recover_text(const base::Recovery& recover);
/// "until …", a time in the zone, or what ends it.
std::string pause_end_text(const circuit_breaker::Pause& pause, const base::TimeZone& zone);
/// "paused since … until … (reason: …)", times in the zone.
std::string pause_text(const circuit_breaker::Pause& pause, const base::TimeZone& zone);
/// Empty for none.
std::string pause_text(const std::optional<circuit_breaker::Pause>& pause,
                       const base::TimeZone& zone);
/// With the name that it has, if any: "channel 3 (azure)", "model gpt-4o of channel 3 (azure)",
/// "key 17 (ci)".
std::string object_text(const circuit_breaker::Target& target, const std::string& name);

}  // namespace quotafuse::daemon
