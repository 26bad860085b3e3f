#include "daemon/api/coverage.h"
#include "daemon/api/log_json.h"
#include "daemon/api/span.h"
#include "daemon/api/traffic.h"
#include "daemon/api/traffic_pages.h"
#include "sync/rollup_cells.h"
#include "sync/slow_answers.h"

namespace quotafuse::daemon::api {
namespace {

constexpr std::int64_t kSlowMs = 5000;  // what the page marks

/// How many values are above this one, as exact as the histogram is.
std::int64_t count_above(const base::Histogram& histogram, std::int64_t value) {
    std::int64_t within = 0;  // the rank of the last one that is not above
    auto beyond = histogram.count() + 1;
    while (beyond - within > 1) {
        const auto rank = within + (beyond - within) / 2;
        const auto q = (static_cast<double>(rank) - 0.5) / static_cast<double>(histogram.count());
        (*histogram.quantile(q) > static_cast<double>(value) ? beyond : within) = rank;
    }
    return histogram.count() - within;
}

/// The slowest are known by the hour.
Span whole_hours(const Span& span) {
    constexpr auto kHour = sync::kSecondsOfHour;
    return {base::from_unix(base::unix_seconds(span.from) / kHour * kHour),
            base::from_unix((base::unix_seconds(span.until) + kHour - 1) / kHour * kHour)};
}

}  // namespace

Json slow(const Inquiry& inquiry) {
    const Parameters parameters{
        inquiry.request(),
        {"window", "from", "to", "limit", "channel", "model", "provider", "tag"}};
    const auto span = whole_hours(span_of(parameters, inquiry.now(), inquiry.zone()));
    const auto limit = parameters.whole_number("limit", 1, 20).value_or(20);
    const auto filter = filter_of(parameters, inquiry);
    const auto times =
        sum_of(traffic_by(inquiry, By::all, filter, span, sync::TrafficStep::whole, true));
    sync::SlowAnswers slow{.from = span.from};
    if (!filter.matches_nothing) {
        slow = sync::slow_answers(inquiry.database(), {filter.of, span.from, span.until,
                                                       static_cast<std::size_t>(limit)});
    }
    auto rows = Json::array();
    for (const auto& row : slow.rows) rows.push_back(log_json(inquiry, row));
    return {{"from", base::unix_seconds(slow.from)},
            {"to", base::unix_seconds(span.until)},
            {"complete", slow.cut == sync::TrafficCut::none},
            {"incomplete", cut_json(slow.cut)},
            {"currency", currency_json(inquiry)},
            {"over_5s", count_above(times.latency, kSlowMs)},
            {"answers_timed", times.latency.count()},
            {"rows", std::move(rows)}};
}

}  // namespace quotafuse::daemon::api
