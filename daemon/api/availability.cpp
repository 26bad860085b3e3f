#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "daemon/api/span.h"
#include "daemon/api/steps.h"
#include "daemon/api/traffic.h"
#include "daemon/api/traffic_pages.h"

namespace quotafuse::daemon::api {
namespace {

constexpr std::size_t kMostRows = 500;

/// A window and the slots that it is cut in, seconds.
struct Strip {
    std::string_view window;
    std::int64_t length;
    std::int64_t slot;
};
constexpr std::array<Strip, 5> kStrips{{{"24h", 86'400, 900},
                                        {"1h", 3600, 60},
                                        {"6h", 21'600, 300},
                                        {"12h", 43'200, 600},
                                        {"7d", 604'800, 3600}}};

struct Counts {
    std::int64_t requests = 0;
    std::int64_t errors = 0;

    /// A client's own error is no failure of whoever answered it.
    Json rate() const { return ratio(requests - errors, requests); }
};

struct Row {
    ObjectTraffic object{};
    Counts all{};
    std::vector<Counts> slots{};

    double order() const {
        return static_cast<double>(all.requests - all.errors) / static_cast<double>(all.requests);
    }
};

Strip strip_of(const Parameters& parameters) {
    const auto name = parameters.choice("window", {"24h", "1h", "6h", "12h", "7d"});
    for (const auto& strip : kStrips)
        if (strip.window == name) return strip;
    std::abort();
}

/// By object; whole slots, the last one up to now.
std::vector<Row> rows_of(TrafficTable table, std::int64_t first, const Strip& strip) {
    const auto count = static_cast<std::size_t>(strip.length / strip.slot);
    std::map<std::pair<std::int64_t, std::string>, Row> rows;
    for (auto& cell : table.objects) {
        const Counts counts{cell.sums.requests(), cell.sums.errors};
        const auto slot = static_cast<std::size_t>((cell.time - first) / strip.slot);
        if (counts.requests == 0 || cell.time < first || slot >= count) continue;
        auto& row = rows[{cell.id, cell.name}];
        row.slots.resize(count);
        row.slots[slot].requests += counts.requests;
        row.slots[slot].errors += counts.errors;
        row.all.requests += counts.requests;
        row.all.errors += counts.errors;
        row.object.id = cell.id;
        row.object.name = std::move(cell.name);
    }
    std::vector<Row> list;
    for (auto& [key, row] : rows) list.push_back(std::move(row));
    std::sort(list.begin(), list.end(), [](const Row& a, const Row& b) {
        return std::tuple{a.order(), b.all.requests, a.object.id, a.object.name} <
               std::tuple{b.order(), a.all.requests, b.object.id, b.object.name};
    });
    return list;
}

}  // namespace

Json availability(const Inquiry& inquiry) {
    const Parameters parameters{inquiry.request(), {"window", "by"}};
    const auto strip = strip_of(parameters);
    const auto by =
        parameters.choice("by", {"model", "channel"}) == "model" ? By::model : By::channel;
    const auto now = base::unix_seconds(inquiry.now());
    const auto end = (now + strip.slot) / strip.slot * strip.slot;  // the slot of now is begun
    const auto first = end - strip.length;
    const Span span{base::from_unix(first), base::from_unix(end)};
    auto rows = rows_of(traffic_in_steps(inquiry, by, {}, span, {strip.slot}), first, strip);
    auto list = Json::array();
    for (std::size_t i = 0; i < std::min(rows.size(), kMostRows); ++i) {
        auto json = object_json(by, rows[i].object);
        json["rate"] = rows[i].all.rate();
        json["requests"] = rows[i].all.requests;
        json["errors"] = rows[i].all.errors;
        auto slots = Json::array();
        auto requests = Json::array();
        auto errors = Json::array();
        for (const auto& slot : rows[i].slots) {
            slots.push_back(slot.rate());
            requests.push_back(slot.requests);
            errors.push_back(slot.errors);
        }
        json["slots"] = std::move(slots);
        json["slot_requests"] = std::move(requests);
        json["slot_errors"] = std::move(errors);
        list.push_back(std::move(json));
    }
    return {{"from", first}, {"to", end}, {"slot", strip.slot}, {"rows", std::move(list)}};
}

}  // namespace quotafuse::daemon::api
