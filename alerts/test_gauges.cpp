#include "alerts/test_gauges.h"

#include <algorithm>
#include <charconv>

namespace quotafuse::alerts {

using sync::Gauge;
using sync::GaugeChange;
using sync::GaugeKey;

std::optional<std::int64_t> as_id(const std::string& text) {
    std::int64_t id = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return id;
}

sync::Directory directory_of(const RuleTest& test, sync::Store& store) {
    sync::Directory directory;
    directory.known = true;
    const auto add = [&](std::int64_t channel, std::int64_t token, std::int64_t user) {
        if (channel > 0) directory.channels[channel].status = 1;
        if (token > 0) directory.tokens[token];
        if (user > 0) directory.users[user];
    };
    for (const auto& rows : test.rows) {
        const auto& entry = rows.entry;
        add(entry.channel, entry.token, entry.user);
        if (entry.token > 0) directory.tokens[entry.token] = {entry.token_name, entry.user};
        if (entry.user > 0) directory.users[entry.user].name = entry.username;
    }
    for (const auto& gauge : test.gauges) {
        const auto id = as_id(gauge.object).value_or(0);
        const auto is = [&](std::string_view kind) { return gauge.name.starts_with(kind); };
        add(is("channel") || is("dead") ? id : 0, is("token") ? id : 0, is("user") ? id : 0);
    }
    for (const auto& [id, channel] : test.channels) {
        directory.channels[id] = {channel.name, 1, store.intern(channel.provider),
                                  store.intern(channel.tag)};
    }
    for (const auto& [id, token] : test.tokens) directory.tokens[id] = {token.name, token.user};
    for (const auto& [id, user] : test.users) {
        directory.users[id] = {user.name, store.intern(user.group)};
    }
    return directory;
}

std::vector<GaugeChange> TestGauges::changes(const RuleTest::Gauge& gauge, base::Second at) {
    changes_.clear();
    at_ = base::unix_seconds(at);
    const auto metric =
        static_cast<Metric>(std::find(metric_names().begin(), metric_names().end(), gauge.name) -
                            metric_names().begin());
    set(metric, object_of(metric, gauge.object), gauge.value);
    return changes_;
}

GaugeKey TestGauges::object_of(Metric metric, const std::string& object) {
    if (metric != Metric::healthy_channels) return {{}, as_id(object).value_or(0), 0, 0};
    const auto slash = object.find('/');
    return {{},
            0,
            store_.intern(object.substr(0, slash)),
            store_.intern(object.substr(std::min(slash, object.size() - 1) + 1))};
}

/// Seconds after that of a change see it.
void TestGauges::put(Gauge gauge, GaugeKey key, std::optional<double> value) {
    key.gauge = gauge;
    changes_.push_back({key, at_ - 1, value});
}

/// What is there has a status, and is switched on unless it says otherwise.
void TestGauges::put(Gauge status, Gauge gauge, const GaugeKey& key, std::optional<double> value) {
    put(status, key, value ? std::optional{1.0} : std::nullopt);
    put(gauge, key, value);
}

void TestGauges::put_share(Gauge status, Gauge remaining, Gauge used, const GaugeKey& key,
                           std::optional<double> percent) {
    put(status, remaining, key, percent ? std::optional{100 - *percent} : std::nullopt);
    put(used, key, percent);
}

void TestGauges::set(Metric metric, const GaugeKey& key, std::optional<double> value) {
    const auto now = static_cast<double>(at_);
    const auto map = [&](auto change) { return value ? std::optional{change(*value)} : value; };
    const auto quota = [&](double usd) { return usd * sync::Directory{}.quota_per_unit; };
    if (metric == Metric::channel_down) {
        put(Gauge::channel_status, key, map([](double down) { return down == 0 ? 1.0 : 2.0; }));
    } else if (metric == Metric::channel_balance) {
        put(Gauge::channel_status, Gauge::channel_balance, key, value);
    } else if (metric == Metric::channel_balance_age) {
        put(Gauge::channel_status, Gauge::channel_balance_at, key,
            map([&](double age) { return now - age; }));
    } else if (metric == Metric::dead_keys) {
        put(Gauge::channel_status, Gauge::dead_keys, key, value);
    } else if (metric == Metric::token_remaining) {
        put(Gauge::token_status, Gauge::token_remaining, key, map(quota));
    } else if (metric == Metric::token_used_percent) {
        put_share(Gauge::token_status, Gauge::token_remaining, Gauge::token_used, key, value);
    } else if (metric == Metric::token_expires_in) {
        put(Gauge::token_status, Gauge::token_expires_at, key,
            map([&](double left) { return now + left; }));
    } else if (metric == Metric::user_remaining) {
        put(Gauge::user_status, Gauge::user_remaining, key, map(quota));
    } else if (metric == Metric::user_used_percent) {
        put_share(Gauge::user_status, Gauge::user_remaining, Gauge::user_used, key, value);
    } else if (metric == Metric::healthy_channels) {
        put(Gauge::healthy_channels, key, value);
    }
}

}  // namespace quotafuse::alerts
