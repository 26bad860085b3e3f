#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <SQLiteCpp/Statement.h>

#include "base/clock.h"
#include "base/database.h"
#include "sync/row.h"

namespace quotafuse::sync {

/// By what the rollups are summed.
enum class RollupBy { channel, model, token, user, group, route };

/// Whose traffic: of one object, of a model on a channel, or (nothing set) all.
struct TrafficOf {
    std::optional<std::int64_t> channel{};
    std::optional<TextId> model{};
    std::optional<std::int64_t> token{};
    std::optional<std::int64_t> user{};
    std::optional<TextId> group{};
    std::optional<TextId> route{};
};

/// What rows add up to.
struct Traffic {
    std::int64_t answers = 0;
    std::int64_t errors = 0;  // without the clients' own, which are:
    std::int64_t client_errors = 0;
    std::int64_t tokens = 0;  // prompt and completion
    std::int64_t quota = 0;   // charged − given back
    bool operator==(const Traffic&) const = default;
};

/// One object and its traffic.
struct ObjectTraffic {
    std::int64_t id = 0;     // of a channel, token or user; 0 for a text, and on One API of a token
    TextId text = 0;         // of the others; of a token or user its name in the rows
    std::int64_t owner = 0;  // of a token without id: its user
    Traffic traffic;
};

/// Whole days of the store's zone.
struct LocalDays {
    std::int64_t first = 0;  // first ≤ day < end, days since 1970-01-01 there
    std::int64_t end = 0;
    base::Second from{};   // when the first one begins,
    base::Second until{};  // and the last one ends
};

/// Sums of the mirrored traffic for messages, from the rollups, never from rows. Where the writer
/// is. Throws SQLite::Exception.
///
/// Rollups are ordered by hour, then by channel, key, user, group or route: of one of these
/// lately() and same_hour() cost a few looks at keys. Of a model they read all pairs of channel and
/// model of each hour that they ask for (15 hours: about 1 ms with 2,000 pairs an hour, 15 ms
/// with 10,000); of all traffic lately() does so for its two hours.
class RollupReader {
public:
    explicit RollupReader(base::Database& database) : database_(database) {}

    /// What was charged − given back from `from` to `until`.
    struct Spent {
        base::Second from{};
        base::Second until{};
        std::int64_t quota = 0;
    };
    /// Of about the last hour before t: to the minute for channels, models and all; for the others,
    /// which have no minutes, since a full hour of the clock (15 to 75 min). Empty for two objects
    /// whose traffic is not kept together.
    std::optional<Spent> lately(const TrafficOf& of, base::Second t) const;
    /// The quota of the hour of the clock at t on each of the `days` days before, as far as rows
    /// reach back. Empty as lately().
    std::vector<std::int64_t> same_hour(const TrafficOf& of, base::Second t, int days) const;
    /// The quota of whole hours of the clock: from the one at `from` to the one before `until`'s.
    std::int64_t of_channel(std::int64_t channel, base::Second from, base::Second until) const;

    Traffic total(const LocalDays& days) const;
    /// Those with the most quota, then with the most answers, largest first.
    std::vector<ObjectTraffic> largest(RollupBy by, const LocalDays& days, int most) const;
    /// Of one of largest(), in other days.
    Traffic traffic_of(RollupBy by, const ObjectTraffic& object, const LocalDays& days) const;
    /// The first day that is summed up; empty when there is none.
    std::optional<std::int64_t> first_day() const;

private:
    std::vector<std::int64_t> quota_of(const TrafficOf& of,
                                       const std::vector<std::int64_t>& hours) const;
    std::int64_t minutes_of(const TrafficOf& of, std::int64_t hour, int first, int end) const;

    base::Database& database_;
};

}  // namespace quotafuse::sync
