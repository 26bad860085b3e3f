#include <map>
#include <optional>
#include <string>
#include <vector>

#include <SQLiteCpp/Statement.h>

#include "daemon/metrics.h"
#include "sync/gauges.h"

namespace quotafuse::daemon {
namespace {

using api::NameBook;
using sync::Gauge;
using Type = MetricsText::Type;

struct Channel {
    std::int64_t id;
    std::string name;
    std::int64_t status;
};

std::vector<Channel> channels(const api::Inquiry& inquiry) {
    SQLite::Statement query{inquiry.database(),
                            "SELECT id, name, status FROM gateway_channel ORDER BY id LIMIT ?"};
    query.bind(1, kMostGatewayChannels);
    std::vector<Channel> list;
    while (query.executeStep())
        list.push_back({query.getColumn(0).getInt64(), query.getColumn(1).getString(),
                        query.getColumn(2).getInt64()});
    return list;
}

void add_channels(MetricsText& metrics, const api::Inquiry& inquiry,
                  const std::vector<Channel>& list) {
    metrics.begin("quotafuse_channel_info", Type::gauge,
                  "What the gateway calls a channel now; always 1");
    for (const auto& channel : list)
        metrics.add({{"channel", std::to_string(channel.id)},
                     {"name", channel.name},
                     {"provider", inquiry.name(NameBook::Of::provider, channel.id)},
                     {"tag", inquiry.name(NameBook::Of::tag, channel.id)}},
                    std::int64_t{1});
    metrics.begin("quotafuse_channel_status", Type::gauge,
                  "1 for the status that a channel has: enabled, disabled (by a person), "
                  "auto_disabled");
    for (const auto& channel : list) {
        int status = 0;
        for (const auto* const name : {"enabled", "disabled", "auto_disabled"})
            metrics.add({{"channel", std::to_string(channel.id)}, {"status", name}},
                        std::int64_t{++status == channel.status});
    }
}

/// The newest value of a gauge, by object.
std::map<std::int64_t, double> newest(const api::Inquiry& inquiry, Gauge gauge) {
    SQLite::Statement query{
        inquiry.database(),
        "SELECT object, value FROM gauge_series CROSS JOIN gauge_change ON series = id AND at = "
        "(SELECT max(at) FROM gauge_change WHERE series = id) WHERE gauge = ? AND value IS NOT "
        "NULL"};
    query.bind(1, static_cast<int>(gauge));
    std::map<std::int64_t, double> values;
    while (query.executeStep())
        values.emplace(query.getColumn(0).getInt64(), query.getColumn(1).getDouble());
    return values;
}

void add_gauge(MetricsText& metrics, const api::Inquiry& inquiry, const std::vector<Channel>& list,
               Gauge gauge, const char* name, const char* help) {
    const auto values = newest(inquiry, gauge);
    metrics.begin(name, Type::gauge, help);
    for (const auto& channel : list)
        if (const auto found = values.find(channel.id); found != values.end())
            metrics.add({{"channel", std::to_string(channel.id)}}, found->second);
}

/// Of all users, where they are read.
void add_users(MetricsText& metrics, const api::Inquiry& inquiry) {
    for (const auto& [gauge, name, help] :
         {std::tuple{Gauge::user_used, "quotafuse_users_used_quota",
                     "Quota that all users have used, as the gateway counts it"},
          {Gauge::user_remaining, "quotafuse_users_remaining_quota",
           "Quota that all users have left"}}) {
        const auto values = newest(inquiry, gauge);
        if (values.empty()) continue;
        double sum = 0;
        for (const auto& [user, value] : values) sum += value;
        metrics.one(name, Type::gauge, help, sum);
    }
}

}  // namespace

void add_gateway(MetricsText& metrics, const api::Inquiry& inquiry) {
    const auto list = channels(inquiry);
    add_channels(metrics, inquiry, list);
    add_gauge(metrics, inquiry, list, Gauge::channel_balance, "quotafuse_channel_balance",
              "Balance of a channel in its provider's unit, as it was refreshed last");
    add_gauge(metrics, inquiry, list, Gauge::channel_balance_at,
              "quotafuse_channel_balance_timestamp_seconds",
              "When the balance was refreshed, unix seconds");
    add_gauge(metrics, inquiry, list, Gauge::dead_keys, "quotafuse_channel_dead_keys",
              "Keys of a channel with several that are switched off");
    add_users(metrics, inquiry);
    metrics.one("quotafuse_quota_per_dollar", Type::gauge,
                "Quota for one dollar, as the gateway has it: divide quota by it",
                inquiry.quota_per_dollar());
}

}  // namespace quotafuse::daemon
