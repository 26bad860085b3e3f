#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "sync/dialect.h"
#include "sync/dsn.h"
#include "sync/gaps.h"
#include "sync/gateway_session.h"

namespace quotafuse::sync {

/// Where log rows come from. Reads by primary key only, in short autocommitted statements. One
/// thread uses it; only interrupt() may come from another. Every call may throw GatewayError.
class LogSource {
public:
    using Visit = std::function<void(const RawRow&)>;

    LogSource() = default;
    LogSource(const LogSource&) = delete;
    LogSource& operator=(const LogSource&) = delete;
    virtual ~LogSource() = default;

    /// Connects where needed and tells what the table looks like.
    virtual const Dialect& dialect() = 0;
    /// Rows with first ≤ id ≤ last, by id, at most `limit`; returns how many there were.
    virtual std::size_t fetch(std::int64_t first, std::int64_t last, std::size_t limit,
                              const Visit& visit) = 0;
    /// Rows whose id lies in one of the gaps, by id, at most `limit`, in one statement that
    /// examines no other row. At most kMostRanges gaps, ascending.
    static constexpr std::size_t kMostRanges = 200;
    virtual std::size_t fetch_gaps(std::span<const Gap> gaps, std::size_t limit,
                                   const Visit& visit) = 0;
    /// Rows with id ≤ last, highest first, at most `limit`; returns how many there were.
    virtual std::size_t fetch_down(std::int64_t last, std::size_t limit, const Visit& visit) = 0;
    /// The highest id, 0 when the table is empty.
    virtual std::int64_t last_id() = 0;
    /// Whether the server gives ids in steps (a cluster: Galera, group replication), so that most
    /// holes between them mean nothing.
    virtual bool steps_ids() = 0;
    virtual void interrupt() noexcept = 0;
};

std::unique_ptr<LogSource> make_source(const Dsn& dsn, std::optional<Gateway> forced,
                                       const SessionOptions& options);

/// The smallest id whose row was created at or after `since` (unix seconds), by binary search on
/// the primary key: about 2·log2(max id) point reads, never a scan. max id + 1 when there is none.
std::int64_t find_start(LogSource& source, std::int64_t since);

}  // namespace quotafuse::sync
