#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "sync/row.h"

namespace quotafuse::sync {

/// Where stored rows are read from: the store that the daemon writes, or one that is only read.
class RowReader {
public:
    RowReader() = default;
    RowReader(const RowReader&) = delete;
    RowReader& operator=(const RowReader&) = delete;
    virtual ~RowReader() = default;

    virtual const Texts& texts() const = 0;
    /// Rows created before this were deleted (unix seconds), others were not; 0 where none is ever
    /// deleted. Never goes back.
    virtual std::int64_t kept_since() const { return 0; }
    /// created_at of the oldest row; empty when there is none.
    virtual std::optional<std::int64_t> first_row() = 0;
    /// Rows with after < created_at ≤ until, oldest first. Throws SQLite::Exception.
    virtual void read(std::int64_t after, std::int64_t until,
                      const std::function<void(const Row&)>& visit) = 0;
    /// Those of them that were seen after `seen` (see Row::seen_at): few, and found without reading
    /// the others.
    virtual void read_late(std::int64_t after, std::int64_t until, std::int64_t seen,
                           const std::function<void(const Row&)>& visit) = 0;
};

}  // namespace quotafuse::sync
