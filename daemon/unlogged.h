#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.h"

namespace quotafuse::daemon {

/// Notices a gateway that counts requests but logs none where we look: its logs are in another
/// database (LOG_SQL_DSN), or switched off (LogConsumeEnabled). The counts may come some seconds
/// after the rows, so one that grows once means nothing: it must go on growing.
class Unlogged {
public:
    static constexpr base::Seconds kPatience{300};

    /// A billed request arrived as a row.
    void row_came() { *this = {}; }
    /// The gateway cannot be read, or may not be asked: what was seen says nothing any more.
    void forget() {
        if (!sure_) *this = {};
    }
    /// The gateway's count of requests at `now`.
    void counted(std::int64_t requests, base::MonoTime now) {
        if (last_ && requests > *last_) {
            if (!growing_since_) growing_since_ = now;
            if (now - *growing_since_ >= kPatience) sure_ = true;
        }
        last_ = requests;
    }
    /// Until the next row.
    bool sure() const { return sure_; }

private:
    std::optional<std::int64_t> last_;
    std::optional<base::MonoTime> growing_since_;
    bool sure_ = false;
};

}  // namespace quotafuse::daemon
