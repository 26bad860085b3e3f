#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/database.h"
#include "base/time_zone.h"
#include "sync/row.h"

namespace quotafuse::sync {

/// Sums of the mirrored rows by hour and by day, for each channel × model, token, user, group,
/// route, ip and channel × status × error code: derived data, always equal to what the rows that
/// were ever stored add up to, those of former epochs too. Tests of channels and rows that are no
/// traffic do not count. The hours of channel × model carry their latencies and first-token times
/// as histograms, and their minutes (see Minutes). By channel and by model alone there are sums of
/// closed hours: see rollup_tables.h.
///
/// Hours are unix hours; days are those of a time zone (days since 1970-01-01 there) and begin with
/// the hour in which midnight falls. A day has the hours before rollup_state.closed only: the
/// newest hour is added to it when the next one begins, so that a busy gateway does not write each
/// day over and over. Sums up to now are days + hours from `closed` on.
///
/// Pipeline thread only; every call is part of the caller's transaction and may throw
/// SQLite::Exception. Nothing is remembered between calls but in the file.
class Rollups {
public:
    /// The tables, as a migration of the room.
    static std::string tables();
    /// Those by channel, model, ip and error, which came later. Needs add_rollup_functions().
    static std::string more_tables();
    /// What channel × model ever added up to: see UsageTotals. Needs add_rollup_functions().
    static std::string totals_tables();

    /// `database` has the tables. It and `texts` outlive this.
    Rollups(base::Database& database, const Texts& texts, base::TimeZone zone);
    ~Rollups();
    Rollups(const Rollups&) = delete;
    Rollups& operator=(const Rollups&) = delete;

    /// Minutes are kept for rows created at or after `minutes_since` only (unix seconds). A row
    /// from after `now` ends no hour: its own is still to come.
    void add(std::span<const Row> rows, std::int64_t minutes_since, std::int64_t now);

    /// Deletes what is older (unix seconds), a bounded number of rows a call (about `most`); true
    /// when there may be more to delete.
    bool expire(std::int64_t minutes_before, std::int64_t hours_before,
                std::optional<std::int64_t> days_before, int most);

    /// Adds the days up anew from the hours: after the zone changed. Days whose hours are gone
    /// stay. True when it did. add() and expire() call it themselves when need be.
    bool follow_zone();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace quotafuse::sync
