#include <algorithm>
#include <tuple>
#include <utility>

#include <SQLiteCpp/Statement.h>

#include "daemon/api/coverage.h"
#include "daemon/api/span.h"
#include "daemon/api/traffic.h"
#include "daemon/api/traffic_pages.h"
#include "sync/gauges.h"

namespace quotafuse::daemon::api {
namespace {

constexpr std::size_t kTop = 10;

Json sums_over(const Inquiry& inquiry, const Span& span) {
    return sums_json(inquiry, sum_of(traffic_by(inquiry, By::all, {}, span)));
}

/// A span's traffic: its sums, and how many channels and models had a part in them.
struct Traffic {
    TrafficTable table;  // of all
    std::size_t channels = 0;
    std::size_t models = 0;
};

std::size_t count_active(const TrafficTable& table) {
    return static_cast<std::size_t>(
        std::count_if(table.objects.begin(), table.objects.end(),
                      [](const auto& object) { return object.sums.requests() > 0; }));
}

Traffic traffic_in(const Inquiry& inquiry, const Span& span) {
    return {traffic_by(inquiry, By::all, {}, span, sync::TrafficStep::whole, true),
            count_active(traffic_by(inquiry, By::channel, {}, span)),
            count_active(traffic_by(inquiry, By::model, {}, span))};
}

/// What whole hours, of which the last may not be over, are compared with: as many whole ones.
Span hours_before(const Span& span) {
    constexpr base::Seconds kHour{3600};
    return {span.from - std::max(kHour, span.length() / kHour * kHour), span.from};
}

/// How many channels, models and keys had requests; `tokens` are the keys of that span.
Json active(const Traffic& traffic, const TrafficTable& tokens) {
    return {{"channels", traffic.channels},
            {"models", traffic.models},
            {"tokens", count_active(tokens)}};
}

Json top(const Inquiry& inquiry, By by, const TrafficTable& table) {
    auto objects = table.objects;
    std::erase_if(objects, [](const auto& object) { return object.sums == sync::TrafficSums{}; });
    const auto count = std::min(objects.size(), kTop);
    std::partial_sort(objects.begin(), objects.begin() + static_cast<std::ptrdiff_t>(count),
                      objects.end(), [](const auto& a, const auto& b) {
                          return std::tuple{b.sums.cost(), b.sums.requests(), a.id, a.name} <
                                 std::tuple{a.sums.cost(), a.sums.requests(), b.id, b.name};
                      });
    objects.resize(count);
    auto list = Json::array();
    for (const auto& object : objects) {
        auto json = object_json(by, object);
        json.update(sums_json(inquiry, object.sums));
        list.push_back(std::move(json));
    }
    return list;
}

/// Of all users that are watched: what they used and have left; null where none are.
Json quota(const Inquiry& inquiry) {
    SQLite::Statement query{
        inquiry.database(),
        "SELECT sum(iif(gauge = ?1, value, 0)), sum(iif(gauge = ?2, value, 0)) FROM gauge_series "
        "CROSS JOIN gauge_change ON series = id AND at = (SELECT max(at) FROM gauge_change WHERE "
        "series = id) WHERE gauge IN (?1, ?2)"};
    query.bind(1, static_cast<int>(sync::Gauge::user_used));
    query.bind(2, static_cast<int>(sync::Gauge::user_remaining));
    query.executeStep();
    if (query.getColumn(0).isNull()) return nullptr;
    const auto used = query.getColumn(0).getInt64();
    const auto left = query.getColumn(1).getInt64();
    return {{"granted", inquiry.amount(used + left)},
            {"used", inquiry.amount(used)},
            {"left", inquiry.amount(left)}};
}

double per_minute(std::int64_t count, const Span& span) {
    return static_cast<double>(count) * 60 / static_cast<double>(span.length().count());
}

}  // namespace

Json summary(const Inquiry& inquiry) {
    const Parameters parameters{inquiry.request(), {"window", "from", "to"}};
    const auto asked = span_of(parameters, inquiry.now(), inquiry.zone());
    const auto traffic = traffic_in(inquiry, asked);
    const auto& span = traffic.table.span;
    const auto before =
        counts_whole_hours(traffic.table, asked) ? hours_before(span) : asked.before();
    const auto past = traffic_in(inquiry, before);
    const auto sums = sum_of(traffic.table);
    const auto tokens = traffic_by(inquiry, By::token, {}, asked);
    auto json = coverage_json(traffic.table, asked);
    json.update(
        {{"before_from", base::unix_seconds(past.table.span.from)},
         {"before_to", base::unix_seconds(past.table.span.until)},
         {"before_complete", past.table.is_complete(before)},
         {"currency", currency_json(inquiry)},
         {"now", sums_json(inquiry, sums, true)},
         {"before", sums_json(inquiry, sum_of(past.table), true)},
         {"today", sums_over(inquiry, today(inquiry.now(), inquiry.zone()))},
         {"month", sums_over(inquiry, this_month(inquiry.now(), inquiry.zone()))},
         {"active", active(traffic, tokens)},
         {"active_before", active(past, traffic_by(inquiry, By::token, {}, before))},
         {"rpm", per_minute(sums.requests(), span)},
         {"tpm", per_minute(sums.tokens(), span)},
         {"quota", quota(inquiry)},
         {"top_tokens", top(inquiry, By::token, tokens)},
         {"top_routes", top(inquiry, By::route, traffic_by(inquiry, By::route, {}, asked))}});
    return json;
}

}  // namespace quotafuse::daemon::api
