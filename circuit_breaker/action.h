#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/recovery.h"
#include "circuit_breaker/target.h"
#include "sync/dialect.h"

namespace quotafuse::circuit_breaker {

/// What the breaker may do, from careful to bold: nothing; everything but the write; the write too.
enum class Mode { off, shadow, live };
std::string_view mode_name(Mode mode);  // "off", "shadow", "live"
/// What holds where a rule asks for one mode and the configuration allows another.
inline Mode stricter(Mode a, Mode b) {
    return a < b ? a : b;
}

/// The key that makes most of an alert's value.
struct LeadingKey {
    std::string id;    // stored_key() of its target
    std::string name;  // for people: "ci (alice)"
    int share = 0;     // percent of the value
    bool operator==(const LeadingKey&) const = default;
};

/// One order to switch something off. `trip_id` is unique for ever: it is the mark at the gateway
/// by which a repeat after a crash is told from somebody else's doing.
struct TripRequest {
    std::string trip_id;
    Target target;
    std::string reason;  // for people; stands in the gateway's own pages
    sync::Gateway gateway = sync::Gateway::new_api;
    Mode mode = Mode::shadow;
    bool even_if_last = false;  // trip also where models then have no channel left
    /// Asked for before a restart, then in live mode: it may have been carried out although nobody
    /// recorded it, whatever the mode is now.
    bool resumed = false;
    base::Recovery recover{};
    /// When it may come back by itself, at the earliest; 0 where only a person gives it back.
    base::Second back_at{};
    /// Whose alert asked for it: the rule and its series as stored. Empty: a person asked.
    std::string rule{};
    std::string series{};
    std::optional<LeadingKey> leading{};
    /// Of a channel: its models that are off by circuits of their own, which give them back.
    std::vector<std::string> models_off{};
};

/// What the limits count, without the request that is judged.
struct Counts {
    std::int64_t open = 0;                   // channels (or models) that are off by our hand
    std::int64_t live_last_hour = 0;         // their trips, also such of which nobody knows
    std::int64_t shadow_last_hour = 0;       // trips that would have been
    std::int64_t live_keys_last_hour = 0;    // the same for keys
    std::int64_t shadow_keys_last_hour = 0;  // the same
};

/// So far back requests count unless `breaker.guard_traffic` says otherwise.
inline constexpr base::Seconds kGuardTraffic{24 * 3600};

/// Requests that the channel served in Guard::traffic. Group is empty where the gateway does not
/// log it (One API): then every group is meant.
struct ServedPair {
    std::string group;
    std::string model;
    std::int64_t requests = 0;
};

/// What the guards at the gateway must know and the gateway cannot tell.
struct Guard {
    std::vector<ServedPair> served{};
    base::Seconds traffic = kGuardTraffic;  // up to now, of `served`
    /// Channels that an alert is firing for, or that are on trial: no replacement for the tripped
    /// one.
    std::vector<std::int64_t> firing{};
    /// Channels that were tripped so recently that it may not have taken effect: none is tripped
    /// that shares a group × model with one of them.
    std::vector<std::int64_t> settling{};
    /// Keys, and users whose keys, are not switched off: which key it is and who owns it stands in
    /// its row.
    std::vector<std::int64_t> protected_tokens{};
    std::vector<std::int64_t> protected_users{};
};

/// "group/model" that somebody asked for, with requests in Guard::traffic.
struct UsedPair {
    std::string pair;
    std::int64_t requests = 0;
    bool operator==(const UsedPair&) const = default;
};

/// Why a request ended as it did, so that messages can say it in any language.
struct TripCause {
    enum class Kind {
        none,               // there is nothing to add
        off,                // the breaker is off
        is_protected,       // by breaker.protect
        max_open,           // `count` channels are off by our hand, `limit` may be
        max_per_hour,       // `count` trips in the last hour, `limit` may be
        no_channel,         // it (or the key) does not exist at the gateway
        auto_ban_off,       // the gateway's owner wants no automatic disabling of it
        last_usable,        // for `pairs`
        undone,             // for `pairs`, since another one went at the same moment
        not_undone,         // the same, and undoing the trip failed: `detail`
        changed_meanwhile,  // the same, and somebody changed it before the trip was undone
        was_off,            // by somebody else; `count` is its status
        enabled_again,      // after this trip
        kept_changing,      // at the gateway, whenever we tried
        expired,            // asked for more than `limit` seconds ago
        may_come_back,      // One API's automatic enabling is on
        not_checked_again,  // whether other channels are left, after the trip: `detail`
        gateway,            // it refused or did not answer: `detail`
        no_grant,           // the account lacks a right: `detail`
        lost_commit,        // the connection broke (`detail`), and so did asking again (`unread`)
        stuck,              // the breaker itself could not go on: `detail`
        paused,             // by a person; until `limit` (unix seconds), 0 = until resumed; why:
                            // `detail`
        same_key,           // the key `detail` makes `count` % of the value, and a channel was
                            // tripped for it already
        settling,           // channel `count`, which shares a model, was tripped just now
        old_rows,           // the newest second that was read is `count` s old, `limit` may be
        max_keys,           // `count` keys in the last hour, `limit` may be
        no_model,           // the channel has no ability of its own for this model
        only_model,         // it is the only model of the channel
        no_key_id,          // the key is not told by its id, and several (`count`) have its name
        held,               // quotafuse itself has it switched off already
        again_dark,         // giving it to nobody again would leave `pairs` without a channel
        rows_missing,       // given back, but `count` of its abilities are gone
        on_trial,           // an alert for what is on trial: the trial has failed
        bad_name,           // a trial cannot keep the rank of what is named `detail`
        not_held,           // its circuit has ended: by a newer trip, a return, or a person
    };
    Kind kind = Kind::none;
    std::int64_t count = 0;
    std::int64_t limit = 0;
    std::vector<UsedPair> pairs{};
    std::string detail{};  // in the words of the server, a library, or who paused
    /// Why it could not be read whether it was carried out before, a restart for instance.
    std::string unread{};
    base::Seconds traffic = kGuardTraffic;  // what the requests of `pairs` were counted over
    bool operator==(const TripCause&) const = default;
};
/// In English, for the log and the audit; empty for none. Texts begin with the target, or what else
/// they are about (see with_it()).
std::string describe(const TripCause& cause, const Target& target);
/// What describe() says of the target where it was named just before: "it is protected …".
std::string with_it(const std::string& why, const Target& target);
/// "24 h", "7 days", "1h30m".
std::string span_text(base::Seconds span);

/// What became of a request.
struct TripResult {
    enum class Kind {
        tripped,      // the channel is off, and it is our doing
        would_trip,   // shadow mode: nothing was written
        refused,      // a guard held it back; `cause` names it
        already_off,  // somebody else had disabled it before
        lost_race,    // somebody changed it at the same moment: theirs stands
        failed,       // the gateway refused or did not answer; nothing was changed
        unknown,      // the connection broke at the commit, and the truth could not be read
    };

    Kind kind = Kind::failed;
    TripRequest request;
    std::string name;  // of the channel or key, as the gateway has it
    TripCause cause;
    std::string why;  // describe(cause)
    /// "group/model" that have no channel left after the trip (or would have), with requests in
    /// `traffic` …
    std::vector<std::string> dark_models;
    /// … and those that nobody asked for.
    std::vector<std::string> unused_dark;
    base::Seconds traffic = kGuardTraffic;
    int status_written = 0;  // 2 or 3; what would be written in shadow mode; 0 for a model
    /// JSON of what was there: {"status", "other_info", "abilities": [{"group", "model",
    /// "enabled"}]} of a channel, {"models", "abilities"} of a model, {"status"} of a key. An
    /// ability that a circuit of its own holds has "held": true.
    std::string before;
    std::string after;  // the same of what was written, without abilities
    /// The gateway could not be reached: the same request may be tried again.
    bool try_again = false;
};
/// Sets cause and why.
void explain(TripResult& result, TripCause cause);
std::string_view kind_name(TripResult::Kind kind);  // "tripped", "would_trip", …

}  // namespace quotafuse::circuit_breaker
