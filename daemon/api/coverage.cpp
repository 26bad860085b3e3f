#include "daemon/api/coverage.h"

#include <cstdlib>

namespace quotafuse::daemon::api {

bool counts_whole_hours(const TrafficTable& table, const Span& asked) {
    return table.span.from < asked.from || table.span.until > asked.until;
}

Json coverage_json(const TrafficTable& table, const Span& asked) {
    return {{"from", base::unix_seconds(table.span.from)},
            {"to", base::unix_seconds(table.span.until)},
            {"complete", table.is_complete(asked)},
            {"incomplete", incomplete_json(table, asked)},
            {"whole_hours", counts_whole_hours(table, asked)}};
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
