#include <algorithm>
#include <string_view>
#include <tuple>

#include "daemon/api/coverage.h"
#include "daemon/api/owners.h"
#include "daemon/api/span.h"
#include "daemon/api/traffic.h"
#include "daemon/api/traffic_pages.h"

namespace quotafuse::daemon::api {
namespace {

constexpr std::int64_t kMostRows = 200;

double error_rate(const sync::TrafficSums& sums) {
    const auto attempts = sums.answers + sums.errors;
    return attempts == 0 ? -1 : static_cast<double>(sums.errors) / static_cast<double>(attempts);
}

double rank(const sync::TrafficSums& sums, std::string_view order) {
    if (order == "requests") return static_cast<double>(sums.requests());
    if (order == "errors") return static_cast<double>(sums.errors);
    if (order == "tokens") return static_cast<double>(sums.tokens());
    if (order == "error_rate") return error_rate(sums);
    return static_cast<double>(sums.cost());
}

/// Largest first, many in one last; the same objects are always in the same order, so that pages
/// fit together.
void sort_by(std::vector<ObjectTraffic>& objects, std::string_view order) {
    std::sort(objects.begin(), objects.end(), [&](const auto& a, const auto& b) {
        if (a.is_rest || b.is_rest) return !a.is_rest;
        return std::tuple{rank(b.sums, order), b.sums.requests(), a.id, a.name, a.owner} <
               std::tuple{rank(a.sums, order), a.sums.requests(), b.id, b.name, b.owner};
    });
}

}  // namespace

Json breakdown(const Inquiry& inquiry, std::int64_t rows_of_page) {
    const Parameters parameters{
        inquiry.request(), {"by", "window", "from", "to", "order", "most", "offset"}, kFilters};
    const auto span = span_of(parameters, inquiry.now(), inquiry.zone());
    const auto by = by_of(parameters);
    const auto order =
        parameters.choice("order", {"cost", "requests", "errors", "tokens", "error_rate"});
    const auto most = parameters.whole_number("most", 1, kMostRows).value_or(rows_of_page);
    const auto offset = parameters.whole_number("offset", 0, 1'000'000).value_or(0);
    const auto filter = filter_of(parameters, inquiry);
    const bool times = has_times(by, filter);
    auto table = traffic_by(inquiry, by, filter, span, sync::TrafficStep::whole, times);
    const auto total = sum_of(table);
    sort_by(table.objects, order);
    auto rows = Json::array();
    Owners owners{inquiry, table.span};
    const auto count = static_cast<std::int64_t>(table.objects.size());
    for (auto i = offset; i < std::min(count, offset + most); ++i) {
        const auto& object = table.objects[static_cast<std::size_t>(i)];
        auto row = object_json(by, object);
        row.update(sums_json(inquiry, object.sums, times));
        row["share"] = ratio(object.sums.cost(), total.cost());
        row["last_used"] = std::min(object.last, base::unix_seconds(inquiry.now()));
        if (by == By::token && !object.is_rest) row["user_name"] = owners.name(object.owner);
        rows.push_back(std::move(row));
    }
    auto json = coverage_json(table, span);
    json.update({{"currency", currency_json(inquiry)},
                 {"total", sums_json(inquiry, total, times)},
                 {"rows", std::move(rows)},
                 {"more", std::max<std::int64_t>(0, count - offset - most)}});
    return json;
}

}  // namespace quotafuse::daemon::api
