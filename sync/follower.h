#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "sync/log_source.h"
#include "sync/row_decoder.h"
#include "sync/store.h"

namespace quotafuse::sync {

struct FollowOptions {
    std::size_t batch = 5000;              // rows of one statement
    base::Seconds gap_timeout{60};         // how long a missing id is asked for
    std::optional<base::Seconds> since{};  // on a first start: how far back; empty = everything
};

/// One look at the source.
struct Poll {
    Batch batch;
    base::Second sent;  // when the statement for new rows was sent
    bool drained =
        false;  // it was not full: everything committed before `sent` has been seen, but for gaps
    Gateway gateway = Gateway::new_api;
};

/// Follows a source from a position: open gaps first, then what is above the cursor. It runs ahead
/// of the store; what it returned must be stored in order. Used by one thread.
class Follower {
public:
    Follower(LogSource& source, Position position, FollowOptions options, const base::Clock& clock);

    /// Throws GatewayError; then nothing was skipped and next() may simply be called again.
    Poll next();

private:
    void find_beginning();
    /// Appends what has appeared in the gaps; returns its ids, ascending.
    std::vector<std::int64_t> ask_for_gaps(std::vector<LogEntry>& entries);

    LogSource& source_;
    Position position_;
    FollowOptions options_;
    const base::Clock& clock_;
    std::optional<RowDecoder> decoder_;
    bool begun_;
};

}  // namespace quotafuse::sync
