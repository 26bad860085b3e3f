#include "sync/log_source.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "sync/row.h"
#include "sync/sources.h"

namespace quotafuse::sync {

std::unique_ptr<LogSource> make_source(const Dsn& dsn, std::optional<Gateway> forced,
                                       const SessionOptions& options) {
    switch (dsn.kind) {
        case Dsn::Kind::mysql:
            return make_mysql_source(dsn, forced, options);
        case Dsn::Kind::sqlite:
            return make_sqlite_source(dsn, forced, options);
    }
    std::abort();
}

std::int64_t find_start(LogSource& source, std::int64_t since) {
    std::int64_t low = 1;
    // The answer lies in [low, high], or is `found`.
    std::int64_t high = std::min(source.last_id(), kHighestId) + 1;
    auto found = high;
    while (low < high) {
        const auto middle = low + (high - low) / 2;
        std::optional<std::int64_t> id;
        std::int64_t created_at = 0;
        source.fetch(middle, high - 1, 1, [&](const RawRow& row) {
            id = row.number(Column::id);
            created_at = row.created_at();
        });
        // Holes: the probe answers for every id from `middle` to the row that it found.
        if (id && created_at < since) {
            low = *id + 1;
        } else {
            high = middle;
            if (id) found = *id;
        }
    }
    return found;
}

}  // namespace quotafuse::sync
