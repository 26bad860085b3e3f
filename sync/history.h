#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "sync/directory.h"
#include "sync/gauges.h"
#include "sync/row_reader.h"

namespace SQLite {
class Database;
}

namespace quotafuse::sync {

/// A store that is only read, beside a daemon that may be writing it or not: for replay, `init` and
/// whoever else looks back. A reading of many rows goes in slices, so that no snapshot is held over
/// a second. One thread.
class History final : public RowReader {
public:
    /// Throws Failure: missing input when there is no such file, config when its schema is not this
    /// version's (run the daemon or `sync` once).
    explicit History(const std::string& path);
    ~History() override;

    const Texts& texts() const override;
    std::int64_t kept_since() const override;
    std::optional<std::int64_t> first_row() override;
    void read(std::int64_t after, std::int64_t until,
              const std::function<void(const Row&)>& visit) override;
    void read_late(std::int64_t after, std::int64_t until, std::int64_t seen,
                   const std::function<void(const Row&)>& visit) override;

    Directory directory();
    /// The gauges as they were at the second t: of each its newest change with at ≤ t.
    std::vector<GaugeChange> gauges_at(base::Second t);
    /// Changes with after < at ≤ until, in order.
    void read_gauges(base::Second after, base::Second until,
                     const std::function<void(const GaugeChange&)>& visit);
    /// created_at of the first and the last row; empty without rows.
    std::optional<std::pair<base::Second, base::Second>> range();

    /// For rooms above, which keep tables of their own in the file. Read-only.
    SQLite::Database& handle();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace quotafuse::sync
