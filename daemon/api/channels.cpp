#include "daemon/api/channels.h"

#include <charconv>
#include <optional>
#include <utility>

#include <SQLiteCpp/Statement.h>

#include "base/text.h"
#include "daemon/api/coverage.h"
#include "daemon/api/span.h"
#include "daemon/api/traffic.h"
#include "sync/gauges.h"

namespace quotafuse::daemon::api {
namespace {

using sync::Gauge;

constexpr std::int64_t kMostPoints = 500;  // of a chart

/// What is known of a channel beside its traffic.
struct Channel {
    std::string name{};
    std::optional<int> status{};  // empty for one that is not in the directory
    std::string provider{};
    std::string tag{};
    std::optional<double> balance{};
    std::optional<double> balance_at{};
    std::optional<double> dead_keys{};
    const ObjectTraffic* traffic = nullptr;
};

std::map<std::int64_t, Channel> directory(const Inquiry& inquiry) {
    std::map<std::int64_t, Channel> channels;
    SQLite::Statement query{inquiry.database(), "SELECT id, name, status FROM gateway_channel"};
    while (query.executeStep()) {
        const auto id = query.getColumn(0).getInt64();
        auto& channel = channels[id];
        channel.name = base::valid_utf8(query.getColumn(1).getString());
        channel.status = query.getColumn(2).getInt();
        channel.provider = inquiry.name(NameBook::Of::provider, id);
        channel.tag = inquiry.name(NameBook::Of::tag, id);
    }
    return channels;
}

void add_gauges(const Inquiry& inquiry, std::map<std::int64_t, Channel>& channels) {
    SQLite::Statement query{
        inquiry.database(),
        "SELECT gauge, object, value FROM gauge_series CROSS JOIN gauge_change ON series = id AND "
        "at = (SELECT max(at) FROM gauge_change WHERE series = id) WHERE gauge IN (?, ?, ?)"};
    query.bind(1, static_cast<int>(Gauge::channel_balance));
    query.bind(2, static_cast<int>(Gauge::channel_balance_at));
    query.bind(3, static_cast<int>(Gauge::dead_keys));
    while (query.executeStep()) {
        const auto found = channels.find(query.getColumn(1).getInt64());
        if (found == channels.end() || query.isColumnNull(2)) continue;
        const auto gauge = static_cast<Gauge>(query.getColumn(0).getInt());
        auto& channel = found->second;
        auto& value = gauge == Gauge::channel_balance      ? channel.balance
                      : gauge == Gauge::channel_balance_at ? channel.balance_at
                                                           : channel.dead_keys;
        value = query.getColumn(2).getDouble();
    }
}

Json whole(const std::optional<double>& value) {
    return value ? Json(static_cast<std::int64_t>(*value)) : Json(nullptr);
}

std::int64_t channel_of(std::string_view path) {
    constexpr std::string_view kEnd = "/balance";
    auto number = path.substr(std::min(path.size(), kChannelPath.size()));
    std::int64_t id = -1;
    if (number.ends_with(kEnd)) {
        number.remove_suffix(kEnd.size());
        const auto* const end = number.data() + number.size();
        const auto [stop, error] = std::from_chars(number.data(), end, id);
        if (error == std::errc{} && stop == end && id >= 0) return id;
    }
    throw BadParameter{"the address is /api/v1/channels/ID/balance with a channel's number"};
}

}  // namespace

Json channels(const Inquiry& inquiry, const OpenCircuits& open_circuits) {
    const Parameters parameters{inquiry.request(), {"window", "from", "to"}};
    const auto span = span_of(parameters, inquiry.now(), inquiry.zone());
    const auto table = traffic_by(inquiry, By::channel, {}, span, sync::TrafficStep::whole, true);
    const auto now = base::unix_seconds(inquiry.now());
    auto known = directory(inquiry);
    for (const auto& object : table.objects) known[object.id].traffic = &object;
    add_gauges(inquiry, known);
    const auto circuits =
        open_circuits ? open_circuits(inquiry.database()) : std::map<std::int64_t, Json>{};
    auto rows = Json::array();
    for (const auto& [id, channel] : known) {
        const auto circuit = circuits.find(id);
        const auto sums = channel.traffic ? channel.traffic->sums : sync::TrafficSums{};
        Json row{{"id", id},
                 {"name", channel.name},
                 {"provider", channel.provider},
                 {"tag", channel.tag},
                 {"status", channel.status ? Json(*channel.status) : Json(nullptr)},
                 {"balance", channel.balance ? Json(*channel.balance) : Json(nullptr)},
                 {"balance_at", whole(channel.balance_at)},
                 {"dead_keys", whole(channel.dead_keys)},
                 {"breaker", circuit == circuits.end() ? Json(nullptr) : circuit->second},
                 {"success_rate", ratio(sums.answers, sums.answers + sums.errors)},
                 {"last_used",
                  channel.traffic ? Json(std::min(channel.traffic->last, now)) : Json(nullptr)}};
        row.update(sums_json(inquiry, sums, true));
        rows.push_back(std::move(row));
    }
    auto json = coverage_json(table, span);
    json.update({{"currency", currency_json(inquiry)}, {"rows", std::move(rows)}});
    return json;
}

Json channel_balance(const Inquiry& inquiry) {
    const auto id = channel_of(inquiry.request().path);
    const Parameters parameters{inquiry.request(), {"window", "from", "to"}};
    const auto span = span_of(parameters, inquiry.now(), inquiry.zone());
    const auto from = base::unix_seconds(span.from);
    const auto until = base::unix_seconds(span.until);
    // From what it was at the beginning, on.
    SQLite::Statement query{
        inquiry.database(),
        "SELECT max(at, ?2), value FROM gauge_change WHERE series = (SELECT id FROM gauge_series "
        "WHERE gauge = ?4 AND object = ?1) AND at < ?3 AND at >= ifnull((SELECT max(at) FROM "
        "gauge_change WHERE series = (SELECT id FROM gauge_series WHERE gauge = ?4 AND "
        "object = ?1) AND at <= ?2), ?2) ORDER BY at"};
    query.bind(1, id);
    query.bind(2, from);
    query.bind(3, until);
    query.bind(4, static_cast<int>(Gauge::channel_balance));
    const auto step = std::max<std::int64_t>((until - from) / kMostPoints, 1);
    std::map<std::int64_t, std::pair<std::int64_t, Json>> points;  // the last of each step
    while (query.executeStep()) {
        const auto at = query.getColumn(0).getInt64();
        points[(at - from) / step] = {
            at, query.isColumnNull(1) ? Json(nullptr) : Json(query.getColumn(1).getDouble())};
    }
    auto times = Json::array();
    auto values = Json::array();
    for (auto& [at, point] : points) {
        times.push_back(point.first);
        values.push_back(std::move(point.second));
    }
    return {{"from", from},
            {"to", until},
            {"id", id},
            {"name", inquiry.name(NameBook::Of::channel, id)},
            {"times", std::move(times)},
            {"values", std::move(values)}};
}

}  // namespace quotafuse::daemon::api
