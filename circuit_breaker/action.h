#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sync/dialect.h"

namespace quotafuse::circuit_breaker {

/// What the breaker may do, from careful to bold: nothing; everything but the write; the write too.
enum class Mode { off, shadow, live };
std::string_view mode_name(Mode mode);  // "off", "shadow", "live"
/// What holds where a rule asks for one mode and the configuration allows another.
inline Mode stricter(Mode a, Mode b) {
    return a < b ? a : b;
}

/// One order to disable a channel. `trip_id` is unique for ever: it is the mark at the gateway by
/// which a repeat after a crash is told from somebody else's doing.
struct TripRequest {
    std::string trip_id;
    std::int64_t channel = 0;
    std::string reason;  // for people; stands in the gateway's own pages
    sync::Gateway gateway = sync::Gateway::new_api;
    Mode mode = Mode::shadow;
    bool even_if_last = false;  // trip also where models then have no channel left
    /// Asked for before a restart, then in live mode: it may have been carried out although nobody
    /// recorded it, whatever the mode is now.
    bool resumed = false;
};

/// What the limits count, without the request that is judged.
struct Counts {
    std::int64_t open = 0;              // channels that are off by our hand, or soon will be
    std::int64_t live_last_hour = 0;    // trips, also such of which nobody knows whether they were
    std::int64_t shadow_last_hour = 0;  // trips that would have been
};

/// Requests that the channel served in the last 24 h. Group is empty where the gateway does not log
/// it (One API): then every group is meant.
struct ServedPair {
    std::string group;
    std::string model;
    std::int64_t requests = 0;
};

/// What the last-channel guard must know and the gateway cannot tell.
struct Guard {
    std::vector<ServedPair> served{};
    /// Channels that an alert is firing for: no replacement for the tripped one.
    std::vector<std::int64_t> firing{};
};

/// What became of a request.
struct TripResult {
    enum class Kind {
        tripped,      // the channel is off, and it is our doing
        would_trip,   // shadow mode: nothing was written
        refused,      // a guard held it back; `why` names it
        already_off,  // somebody else had disabled it before
        lost_race,    // somebody changed it at the same moment: theirs stands
        failed,       // the gateway refused or did not answer; nothing was changed
        unknown,      // the connection broke at the commit, and the truth could not be read
    };

    Kind kind = Kind::failed;
    TripRequest request;
    std::string channel_name;
    std::string why;  // for people; empty where there is nothing to add
    /// "group/model" that have no channel left after the trip (or would have), with requests in 24
    /// h …
    std::vector<std::string> dark_models;
    /// … and those that nobody asked for.
    std::vector<std::string> unused_dark;
    int status_written = 0;  // 2 or 3; what would be written in shadow mode
    std::string before;      // JSON: status, other_info, abilities [{group, model, enabled}]
    std::string after;       // JSON: status, other_info
    /// The gateway could not be reached: the same request may be tried again.
    bool try_again = false;
};
std::string_view kind_name(TripResult::Kind kind);  // "tripped", "would_trip", …

}  // namespace quotafuse::circuit_breaker
