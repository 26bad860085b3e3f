#include <algorithm>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "base/text.h"
#include "daemon/api/coverage.h"
#include "daemon/api/span.h"
#include "daemon/api/traffic.h"
#include "daemon/api/traffic_pages.h"

namespace quotafuse::daemon::api {
namespace {

constexpr std::size_t kMostRows = 200;
constexpr std::size_t kMostChannels = 5;

/// A status with its code: how often, and on which channels.
struct Failure {
    std::int64_t status = 0;
    sync::TextId code = 0;
    std::int64_t requests = 0;
    std::vector<std::pair<std::int64_t, std::int64_t>> channels{};  // id, requests
};

std::vector<Failure> failures_in(const sync::TrafficAnswer& answer) {
    std::map<std::pair<std::int64_t, sync::TextId>, Failure> failures;
    for (const auto& cell : answer.cells) {
        const auto requests = cell.sums.errors + cell.sums.client_errors;
        if (requests == 0) continue;
        auto& failure = failures[{cell.id, cell.text}];
        failure.status = cell.id;
        failure.code = cell.text;
        failure.requests += requests;
        failure.channels.emplace_back(cell.owner, requests);
    }
    std::vector<Failure> list;
    for (auto& [key, failure] : failures) list.push_back(std::move(failure));
    std::sort(list.begin(), list.end(), [](const Failure& a, const Failure& b) {
        return std::tuple{b.requests, a.status, a.code} < std::tuple{a.requests, b.status, b.code};
    });
    return list;
}

Json channels_json(const Inquiry& inquiry, Failure& failure) {
    auto& channels = failure.channels;
    std::sort(channels.begin(), channels.end(), [](const auto& a, const auto& b) {
        return std::pair{b.second, a.first} < std::pair{a.second, b.first};
    });
    channels.resize(std::min(channels.size(), kMostChannels));
    auto list = Json::array();
    for (const auto& [id, requests] : channels) {
        list.push_back({{"id", id},
                        {"name", inquiry.name(NameBook::Of::channel, id)},
                        {"requests", requests}});
    }
    return list;
}

}  // namespace

Json errors(const Inquiry& inquiry) {
    const Parameters parameters{inquiry.request(), {"window", "from", "to"}, kFilters};
    const auto span = span_of(parameters, inquiry.now(), inquiry.zone());
    const auto filter = filter_of(parameters, inquiry);
    sync::TrafficAnswer answer{.from = span.from, .until = span.until};
    if (!filter.matches_nothing) {
        sync::TrafficQuestion question;
        question.by = sync::TrafficBy::channel_error;
        question.of = filter.of;
        question.from = span.from;
        question.until = span.until;
        answer = inquiry.traffic(question);
    }
    auto failures = failures_in(answer);
    std::int64_t total = 0;
    for (const auto& failure : failures) total += failure.requests;
    auto rows = Json::array();
    for (std::size_t i = 0; i < std::min(failures.size(), kMostRows); ++i) {
        auto& failure = failures[i];
        rows.push_back({{"status", failure.status == 0 ? Json(nullptr) : Json(failure.status)},
                        {"code", base::valid_utf8(inquiry.texts().text(failure.code))},
                        {"requests", failure.requests},
                        {"share", ratio(failure.requests, total)},
                        {"channels", channels_json(inquiry, failure)}});
    }
    const auto count = static_cast<std::int64_t>(failures.size());
    auto json = coverage_json({{answer.from, answer.until}, {}, false, answer.cut}, span);
    json.update(
        {{"total", total},
         {"rows", std::move(rows)},
         {"more", std::max<std::int64_t>(0, count - static_cast<std::int64_t>(kMostRows))}});
    return json;
}

}  // namespace quotafuse::daemon::api
