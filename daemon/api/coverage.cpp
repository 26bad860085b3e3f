#include "daemon/api/coverage.h"

#include <cstdlib>

namespace quotafuse::daemon::api {

Json coverage_json(const TrafficTable& table, const Span& asked) {
    const auto& [from, until] = table.span;
    return {{"from", base::unix_seconds(from)},
            {"to", base::unix_seconds(until)},
            {"complete", table.is_complete(asked)},
            {"incomplete", incomplete_json(table, asked)},
            {"whole_hours", from < asked.from || until > asked.until}};
}

Json cut_json(sync::TrafficCut cut) {
    switch (cut) {
        case sync::TrafficCut::none:
            return nullptr;
        case sync::TrafficCut::before_store:
            return "before_store";
        case sync::TrafficCut::not_kept:
            return "not_kept";
        case sync::TrafficCut::too_many_rows:
            return "too_many_rows";
    }
    std::abort();
}

Json incomplete_json(const TrafficTable& table, const Span& asked) {
    if (table.is_complete(asked)) return nullptr;
    return table.span.from > asked.from ? cut_json(table.cut) : Json("other_addresses");
}

}  // namespace quotafuse::daemon::api
