#include <algorithm>
#include <map>
#include <optional>
#include <string>
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

/// One line of a chart.
struct Series {
    ObjectTraffic object{};
    std::map<std::int64_t, sync::TrafficSums> steps{};
};

std::vector<Series> series_of(By by, const TrafficTable& table, Rank rank) {
    std::map<ObjectKey, Series> series;
    for (const auto& cell : table.objects) {
        const auto [found, is_new] = series.try_emplace(key_of(by, cell), Series{cell, {}});
        auto& of = found->second;
        of.steps[cell.time].add(cell.sums);
        if (!is_new) add_to(of.object, cell);
    }
    std::vector<Series> list;
    for (auto& [key, of] : series) list.push_back(std::move(of));
    std::sort(list.begin(), list.end(), [&](const Series& a, const Series& b) {
        const auto size = [&](const Series& one) { return rank_of(one.object.sums, rank); };
        return std::tuple{b.object.is_rest, size(a), a.object.sums.requests(), b.object.name} >
               std::tuple{a.object.is_rest, size(b), b.object.sums.requests(), a.object.name};
    });
    return list;
}

/// What is left of the list from `most` on, as one; empty where nothing is.
std::optional<Series> rest_of(std::vector<Series>& list, std::size_t most) {
    if (list.size() <= most && (list.empty() || !list.back().object.is_rest)) return std::nullopt;
    Series rest;
    while (!list.empty() && (list.size() > most || list.back().object.is_rest)) {
        for (const auto& [time, sums] : list.back().steps) rest.steps[time].add(sums);
        list.pop_back();
    }
    return rest;
}

Json points(const Inquiry& inquiry, const Series& series, const std::vector<std::int64_t>& times) {
    Json json{{"requests", Json::array()},
              {"errors", Json::array()},
              {"tokens", Json::array()},
              {"cost", Json::array()}};
    for (const auto time : times) {
        const auto found = series.steps.find(time);
        const auto sums = found == series.steps.end() ? sync::TrafficSums{} : found->second;
        json["requests"].push_back(sums.requests());
        json["errors"].push_back(sums.errors);
        json["tokens"].push_back(sums.tokens());
        json["cost"].push_back(inquiry.amount(sums.cost()));
    }
    return json;
}

Rank rank_in(const Parameters& parameters) {
    const auto order = parameters.choice("order", {"cost", "requests", "errors", "tokens"});
    if (order == "requests") return Rank::requests;
    if (order == "errors") return Rank::errors;
    return order == "tokens" ? Rank::tokens : Rank::cost;
}

}  // namespace

Json trend(const Inquiry& inquiry) {
    const Parameters parameters{
        inquiry.request(), {"window", "from", "to", "step", "by", "order", "most"}, kFilters};
    const auto span = span_of(parameters, inquiry.now(), inquiry.zone());
    auto step = step_of(parameters, span);
    const auto by = by_of(parameters);
    const auto most = parameters.whole_number("most", 1, kMostSeries).value_or(8);
    const auto filter = filter_of(parameters, inquiry);
    const bool chosen = parameters.text("step").value_or("auto") != "auto";
    if (!chosen && step.is_minutes() && !has_minutes(inquiry, by, filter, span.from)) step = {};
    const auto rank = rank_in(parameters);
    const auto table =
        traffic_in_steps(inquiry, by, filter, span, step, {static_cast<std::size_t>(most), rank});
    const auto times = times_of(table.span, step, inquiry.zone());
    auto list = series_of(by, table, rank);
    const auto rest = rest_of(list, static_cast<std::size_t>(most));
    auto series = Json::array();
    for (const auto& one : list) {
        auto json = object_json(by, one.object);
        json.update(points(inquiry, one, times));
        series.push_back(std::move(json));
    }
    if (rest) {
        Json json{{"kind", "rest"}, {"id", nullptr}, {"name", ""}};
        json.update(points(inquiry, *rest, times));
        series.push_back(std::move(json));
    }
    return {{"from", base::unix_seconds(table.span.from)},
            {"to", base::unix_seconds(table.span.until)},
            {"complete", table.is_complete(span)},
            {"incomplete", incomplete_json(table, span)},
            {"step", step.seconds},
            {"currency", currency_json(inquiry)},
            {"times", times},
            {"series", std::move(series)}};
}

}  // namespace quotafuse::daemon::api
