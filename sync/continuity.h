#pragma once

#include <cstdint>
#include <optional>

#include "sync/log_source.h"
#include "sync/mirror.h"
#include "sync/store.h"

namespace quotafuse::sync {

/// Whether a gateway's table is still the one that the mirror was made from. Ids alone do not tell:
/// a truncated table counts from 1 again and may have passed the cursor since. Rows never change in
/// a gateway, so a row that differs from ours under its id is another row of another table.
class Continuity {
public:
    /// Both outlive it.
    Continuity(LogSource& source, Mirror& mirror) : source_(source), mirror_(mirror) {}

    enum class Verdict {
        same,      // the row at the cursor is as it was
        pruned,    // that row is gone, and what is left of the rows below it is ours
        behind,    // the table ends below the cursor, and nothing in it differs
        replaced,  // truncated, restored from a dump, or another table
    };
    /// At most three statements of a few rows by primary key. What was read up to `position` must
    /// have been stored. Throws GatewayError or SQLite::Exception.
    Verdict judge(const Position& position);

    /// Of a replaced table: where the rows begin that are not ours. A dump that was restored keeps
    /// the rows before. Binary search, about log2(rows) statements.
    struct Beginning {
        std::int64_t first = 1;                 // the first id that is not ours
        std::optional<Fingerprint> row_before;  // ours, of the id before it; empty: nothing is ours
    };
    Beginning find_beginning(const Position& position);

private:
    enum class Likeness { ours, other, unknown, silent };
    Likeness compare(std::int64_t id, const Fingerprint& theirs, const Position& position);
    bool may_be_missing(std::int64_t id, const Fingerprint& theirs, const Position& position);
    /// The first row with first ≤ id ≤ last that says something, and what.
    struct Evidence {
        std::int64_t id;
        bool ours;
    };
    std::optional<Evidence> probe(std::int64_t first, std::int64_t last, const Position& position);

    LogSource& source_;
    Mirror& mirror_;
};

}  // namespace quotafuse::sync
