#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <SQLiteCpp/Statement.h>

#include "base/clock.h"
#include "base/database.h"
#include "base/time_zone.h"
#include "sync/fingerprint.h"
#include "sync/gaps.h"
#include "sync/rollups.h"
#include "sync/row.h"
#include "sync/row_query.h"
#include "sync/row_reader.h"
#include "sync/slowest.h"
#include "sync/traffic_count.h"

namespace quotafuse::sync {

/// How far the mirror is.
struct Position {
    std::int64_t epoch = 0;   // grows by one when the gateway's table turns out to be another one
    std::int64_t first = 1;   // the lowest id that belongs to this epoch
    std::int64_t cursor = 0;  // highest id of the gateway that has been seen in this epoch
    /// The row at the cursor; empty before the first row, and when that row is gone.
    std::optional<Fingerprint> anchor;
    std::vector<Gap> gaps;  // ids below the cursor that may still appear, by id
    bool operator==(const Position&) const = default;
};

/// One append: rows in any order, all of the position's epoch, and what is known of the source
/// after them.
struct Batch {
    std::vector<LogEntry> entries;
    Position position;
};

/// How long what is kept, and how much. Ages count from created_at.
struct Keep {
    base::Seconds rows{35 * 86400};
    base::Seconds texts{14 * 86400};  // content and other of failed and slow requests
    base::Seconds minutes{14 * 86400};
    base::Seconds hours{400 * 86400};
    std::optional<base::Seconds> days{};  // empty = for ever
    std::int64_t bytes = 5'000'000'000;   // of the whole file; above it the oldest rows go first
};

/// The mirror: the gateway's rows, each exactly once, what they add up to, and the position they
/// reach. One writer.
class Store final : public RowReader {
public:
    static base::Schema schema();
    /// `zone` is that of the days.
    explicit Store(base::Database& database, Keep keep = {}, base::TimeZone zone = {});

    const Position& position() const { return position_; }
    /// When the epoch of position() was noticed; empty in the first one.
    std::optional<base::Second> epoch_since();
    /// Rows in the store now, those of former epochs included.
    std::int64_t rows() const { return rows_; }
    /// created_at of the newest row, 0 when there is none.
    std::int64_t newest() const { return newest_; }
    /// Rows created before this were deleted for their age or for room (unix seconds), and none is
    /// taken in any more; 0 = none. Never goes back.
    std::int64_t kept_since() const override { return marks_.kept_since; }
    std::optional<std::int64_t> first_row() override;
    const Texts& texts() const override { return texts_; }
    /// The id of a text, known or new. A new one is stored within the caller's transaction, or one
    /// of its own where none is open, and goes with it when it is rolled back: the id is then no
    /// text's and the caller asks again. Throws SQLite::Exception.
    TextId intern(std::string_view text);

    /// Stores what is new of the batch, its rollups and its position in one transaction; returns
    /// the rows that were not there before. Rows already stored are skipped: a repeat after a crash
    /// is harmless. Entries created before kept_since() are ignored: neither stored nor counted nor
    /// returned. They would be deleted at once, and may have been counted before they were deleted.
    /// Throws SQLite::Exception; then nothing has changed, in the file or here, and
    /// the same batch may be appended again.
    ///
    /// `now` is the wall clock, for the ages of what is kept; `seen` becomes Row::seen_at, which is
    /// created_at where it is left out: rows of a back-fill.
    std::vector<Row> append(const Batch& batch, base::Second now,
                            std::optional<base::Second> seen = std::nullopt);

    /// One short step (some ms, one transaction) of what the store has to do by and by: rollups of
    /// rows that an older version stored, retention, the bound on its size. When there was nothing
    /// to do it does not look again for some seconds of `now`. Throws SQLite::Exception; then
    /// nothing has changed.
    struct Upkeep {
        std::vector<Row> gone;  // deleted: windows that still hold them must let go of them
        bool more = false;      // there is more to do at once
        bool for_room = false;  // rows younger than `keep.rows` went, because of keep.bytes
    };
    Upkeep keep_up(base::Second now);

    /// The texts of a failed or slow request by its row id; empty when they are not kept (any
    /// more).
    struct RowTexts {
        std::string content;
        std::string other;
    };
    std::optional<RowTexts> texts_of(std::int64_t row);

    void read(std::int64_t after, std::int64_t until,
              const std::function<void(const Row&)>& visit) override;
    void read_late(std::int64_t after, std::int64_t until, std::int64_t seen,
                   const std::function<void(const Row&)>& visit) override;

    /// One short step (some ms) towards knowing at once what served(after) asks for; true when it
    /// is known. Whoever asks again and again calls it in between: it follows the time. At a start
    /// all rows with created_at > after are read once, in such steps. Throws SQLite::Exception.
    bool count_traffic(std::int64_t after, std::size_t most = kTrafficStep);
    static constexpr std::size_t kTrafficStep = 3000;  // rows

    /// Models × groups that had requests with created_at > after, on whatever channel, busiest
    /// first. Reads the rows by which count_traffic() is not there yet. Throws SQLite::Exception.
    struct Served {
        std::string group;
        std::string model;
        std::int64_t requests;
    };
    std::vector<Served> served(std::int64_t after);

private:
    /// What upkeep has come to; a row of the file.
    struct Marks {
        std::int64_t rolled_up = 0;   // rows with rolled_up < id ≤ roll_up_to …
        std::int64_t roll_up_to = 0;  // … are not in the rollups yet
        std::int64_t kept_since = 0;
        bool operator==(const Marks&) const = default;
    };

    void read_texts();
    void read_position();
    void settle_texts();
    void begin_epoch(const Position& next, base::Second now);
    Row to_row(const LogEntry& entry, std::int64_t epoch, std::int64_t seen_at);
    TextId bounded_text(const std::string& text);
    void forget_texts(std::size_t known);
    bool insert(const Row& row, const LogEntry& entry, base::Second now);
    void add_up(const std::vector<Row>& added, base::Second now);
    void store_texts(std::size_t known);
    void store_position(const Position& position, std::int64_t rows);

    // In retention.cpp, each within the transaction of keep_up(). They return whether there is more
    // to do at once.
    bool roll_up(Marks& marks, std::int64_t now);
    bool delete_rows(std::int64_t created_before, Marks& marks, std::vector<Row>& gone);
    bool delete_texts(std::int64_t created_before);
    bool make_room(Marks& marks, bool& making_room, Upkeep& step);
    void store_marks(const Marks& marks, std::int64_t rows);
    std::int64_t used_bytes();

    base::Database& database_;
    Keep keep_;
    Texts texts_;
    std::vector<TextId> bounded_texts_;  // came as routes or error codes; ascending
    bool interned_ = false;              // in a transaction of which nobody knows how it ended
    Position position_;
    std::int64_t rows_ = 0;
    std::int64_t newest_ = 0;
    Marks marks_;
    bool making_room_ = false;   // until there is some to spare
    base::Second looked_at_{};   // keep_up() had nothing to do then …
    base::Second look_again_{};  // … and does not look before this,
    std::size_t unlooked_ = 0;   // unless so many rows came since as a catch-up brings at once
    std::optional<Rollups> rollups_;
    TrafficCount traffic_;
    SQLite::Statement insert_row_;
    SQLite::Statement insert_text_;
    SQLite::Statement insert_row_text_;
    RowQuery read_rows_;
    RowQuery read_seen_after_;
    RowQuery read_late_;
    Slowest slowest_;
};

}  // namespace quotafuse::sync
