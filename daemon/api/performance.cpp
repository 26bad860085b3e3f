#include <algorithm>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "daemon/api/coverage.h"
#include "daemon/api/span.h"
#include "daemon/api/steps.h"
#include "daemon/api/traffic.h"
#include "daemon/api/traffic_pages.h"

namespace quotafuse::daemon::api {
namespace {

constexpr std::int64_t kMostSeries = 20;
constexpr std::size_t kMostRows = 200;

bool is_busier(const ObjectTraffic& a, const ObjectTraffic& b) {
    return std::tuple{b.sums.requests(), a.id, a.name} <
           std::tuple{a.sums.requests(), b.id, b.name};
}

Json quantile(const base::Histogram& histogram, double q) {
    const auto value = histogram.quantile(q);
    return value ? Json(*value) : Json(nullptr);
}

/// The part of a step that lies in the span, in minutes.
double minutes_of(const Span& span, const std::vector<std::int64_t>& times, std::size_t step) {
    const auto until = base::unix_seconds(span.until);
    const auto from = std::max(times[step], base::unix_seconds(span.from));
    const auto end = step + 1 < times.size() ? std::min(times[step + 1], until) : until;
    return std::max(static_cast<double>(end - from), 1.0) / 60;
}

/// One line of the charts; `sums` are those of its steps, by time.
Json line_of(const std::map<std::int64_t, sync::TrafficSums>& sums, const Span& span,
             const std::vector<std::int64_t>& times) {
    Json json{{"p50", Json::array()},
              {"p95", Json::array()},
              {"p99", Json::array()},
              {"first_token_p50", Json::array()},
              {"first_token_p95", Json::array()},
              {"rpm", Json::array()},
              {"tpm", Json::array()}};
    for (std::size_t i = 0; i < times.size(); ++i) {
        const auto found = sums.find(times[i]);
        const auto one = found == sums.end() ? sync::TrafficSums{} : found->second;
        const auto minutes = minutes_of(span, times, i);
        json["p50"].push_back(quantile(one.latency, 0.5));
        json["p95"].push_back(quantile(one.latency, 0.95));
        json["p99"].push_back(quantile(one.latency, 0.99));
        json["first_token_p50"].push_back(quantile(one.first_token, 0.5));
        json["first_token_p95"].push_back(quantile(one.first_token, 0.95));
        json["rpm"].push_back(static_cast<double>(one.requests()) / minutes);
        json["tpm"].push_back(static_cast<double>(one.tokens()) / minutes);
    }
    return json;
}

/// Traffic with times, in steps.
struct Steps {
    Step step{};
    TrafficTable table{};
};

constexpr std::int64_t kHour = 3600;

/// Histograms are kept of hours and days, not of minutes: rows tell these, where they are not too
/// many.
std::optional<Steps> minutes_by_rows(const Inquiry& inquiry, By by, const Filter& filter,
                                     const Span& span) {
    if (span.length() > base::Seconds{6 * kHour}) return std::nullopt;
    const Step step{span.length() <= base::Seconds{2 * kHour} ? 60 : 300};
    auto table = traffic_of_rows(inquiry, by, filter, span, step);
    if (!table) return std::nullopt;
    return Steps{step, std::move(*table)};
}

Steps steps_of(const Inquiry& inquiry, By by, const Filter& filter, const Span& span) {
    if (auto minutes = minutes_by_rows(inquiry, by, filter, span)) return std::move(*minutes);
    const Step step{span.length() <= base::Seconds{8 * 24 * kHour} ? kHour : 24 * kHour};
    auto table = traffic_by(inquiry, by, filter, span,
                            step.is_day() ? sync::TrafficStep::day : sync::TrafficStep::hour, true);
    // A young store: hours would be a dot or two.
    if (table.cut == sync::TrafficCut::before_store) {
        if (auto minutes = minutes_by_rows(inquiry, by, filter, table.span)) {
            minutes->table.cut = table.cut;
            return std::move(*minutes);
        }
    }
    return {step, std::move(table)};
}

By by_of_times(const Parameters& parameters) {
    const auto by = parameters.choice("by", {"all", "channel", "model"});
    if (by == "channel") return By::channel;
    return by == "model" ? By::model : By::all;
}

}  // namespace

Json performance(const Inquiry& inquiry) {
    const Parameters parameters{
        inquiry.request(), {"window", "from", "to", "by", "most"}, kFilters};
    const auto span = span_of(parameters, inquiry.now(), inquiry.zone());
    const auto by = by_of_times(parameters);
    const auto most = parameters.whole_number("most", 1, kMostSeries).value_or(8);
    const auto filter = filter_of(parameters, inquiry);
    if (!has_times(by, filter))
        throw BadParameter{
            "times are kept of channels and models: filter by channel, model, "
            "provider or tag only"};
    const auto [step, table] = steps_of(inquiry, by, filter, span);
    const auto times = times_of(table.span, step, inquiry.zone());
    std::map<ObjectKey, std::map<std::int64_t, sync::TrafficSums>> steps;
    std::map<ObjectKey, ObjectTraffic> sums;
    for (const auto& cell : table.objects) {
        const auto key = key_of(by, cell);
        steps[key][cell.time] = cell.sums;
        const auto [found, is_new] = sums.try_emplace(key, cell);
        if (!is_new) add_to(found->second, cell);
    }
    std::vector<ObjectTraffic> objects;
    for (auto& [key, sum] : sums) objects.push_back(std::move(sum));
    std::sort(objects.begin(), objects.end(), is_busier);
    auto series = Json::array();
    auto rows = Json::array();
    for (std::size_t i = 0; i < std::min(objects.size(), kMostRows); ++i) {
        const auto& object = objects[i];
        auto row = object_json(by, object);
        if (i < static_cast<std::size_t>(most)) {
            auto line = row;
            line.update(line_of(steps.at(key_of(by, object)), table.span, times));
            series.push_back(std::move(line));
        }
        row.update(sums_json(inquiry, object.sums, true));
        rows.push_back(std::move(row));
    }
    return {{"from", base::unix_seconds(table.span.from)},
            {"to", base::unix_seconds(table.span.until)},
            {"complete", table.is_complete(span)},
            {"incomplete", incomplete_json(table, span)},
            {"step", step.seconds},
            {"currency", currency_json(inquiry)},
            {"times", times},
            {"series", std::move(series)},
            {"rows", std::move(rows)}};
}

}  // namespace quotafuse::daemon::api
