#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace SQLite {
class Database;
}

namespace quotafuse::daemon {

/// When the episodes of some series were, by the stored history of alerts.
class AlertSpans {
public:
    using Series = std::pair<std::string, std::string>;  // rule, key as stored

    /// Reads what happened at from ≤ t ≤ until, in slices. Throws SQLite::Exception.
    AlertSpans(SQLite::Database& db, const std::set<Series>& wanted, base::Second from,
               base::Second until);

    struct End {
        base::Second at{};
        std::string ending;  // alerts::ending_name(); empty: the next one began without it
    };
    /// The end of the episode that was going on at t; empty: it goes on, or there was none.
    std::optional<End> end_after(const Series& series, base::Second t) const;
    /// Whether an episode went on at t.
    bool is_firing(const Series& series, base::Second t) const;
    /// The first second from t on in which no episode goes on; empty: one goes on without end.
    std::optional<base::Second> quiet_from(const Series& series, base::Second t) const;

private:
    struct Span {
        base::Second from{};
        std::optional<End> end;
    };
    const Span* newest(const Series& series, base::Second t) const;

    std::map<Series, std::vector<Span>> spans_;  // oldest first
};

}  // namespace quotafuse::daemon
