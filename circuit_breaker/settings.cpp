#include "circuit_breaker/settings.h"

#include <array>
#include <chrono>

#include <fmt/format.h>

namespace quotafuse::circuit_breaker {
namespace {

using base::yaml::Diagnostics;
using base::yaml::Mapping;
using base::yaml::Node;

using namespace std::chrono_literals;

// Both read their tables anew every SYNC_FREQUENCY: 60 s and 600 s unless it was set.
constexpr base::Seconds kNewApiCacheLag{90};
constexpr base::Seconds kOneApiCacheLag{660};

constexpr std::array kModes = {Mode::off, Mode::shadow, Mode::live};

void read_dsn(Mapping& map, Settings& settings) {
    const auto text = map.text("dsn");
    if (!text || text->empty()) return;
    auto parsed = sync::parse_dsn(*text);
    if (!parsed.dsn) map.error(map.find("dsn")->place, "dsn: " + parsed.error);
    settings.dsn = std::move(parsed.dsn);
}

void read_mode(Mapping& map, Settings& settings) {
    const auto chosen =
        map.choice("mode", {mode_name(kModes[0]), mode_name(kModes[1]), mode_name(kModes[2])});
    if (!chosen) return;
    settings.mode = kModes.at(*chosen);
    const bool dsn_named = map.find("dsn") != nullptr && !map.text("dsn").value_or("").empty();
    if (settings.mode == Mode::live && !dsn_named) {
        map.error(map.find("mode")->place,
                  "mode live needs breaker.dsn: the account that may disable channels "
                  "(`quotafuse grants` prints what it must be granted)");
    }
}

/// A list of ids, each above 0: `whose` is "channel", "key" or "user".
std::set<std::int64_t> read_ids(Mapping& map, const char* key, const char* whose) {
    std::set<std::int64_t> ids;
    const auto* node = map.find(key);
    if (node == nullptr) return ids;
    if (node->kind != Node::Kind::list) {
        map.error(node->place,
                  fmt::format("{} must be a list of {} ids, not {}", key, whose, node->describe()));
    }
    for (const auto& item : node->items) {
        const auto id = base::yaml::as_integer(item);
        if (id && *id > 0) {
            ids.insert(*id);
        } else {
            map.error(item.place, fmt::format("a {} id is a whole number above 0", whose));
        }
    }
    return ids;
}

void read_protect(Mapping& map, Settings& settings) {
    const auto* node = map.find("protect");
    if (node == nullptr) return;
    Mapping protect{map.file(), *node, "protect", map.diagnostics()};
    settings.protected_channels = read_ids(protect, "channels", "channel");
    settings.protected_tokens = read_ids(protect, "tokens", "key");
    settings.protected_users = read_ids(protect, "users", "user");
    protect.refuse_unknown();
}

void read_limits(Mapping& map, Settings& settings) {
    settings.max_open = map.integer("max_open", 1, 1000).value_or(settings.max_open);
    settings.max_per_hour = map.integer("max_per_hour", 1, 1000).value_or(settings.max_per_hour);
    settings.max_keys_per_hour =
        map.integer("max_keys_per_hour", 1, 1000).value_or(settings.max_keys_per_hour);
}

/// Whole seconds, rounded up: a wait is never shorter than it was asked for.
std::optional<base::Seconds> read_seconds(Mapping& map, const char* key, base::Seconds least,
                                          base::Seconds most) {
    const auto duration = map.duration(key, least, most);
    if (!duration) return std::nullopt;
    return std::chrono::ceil<base::Seconds>(*duration);
}

void read_times(Mapping& map, Settings& settings) {
    settings.settle = read_seconds(map, "settle", 0s, 1h).value_or(settings.settle);
    settings.max_lag = read_seconds(map, "max_lag", 5s, 1h).value_or(settings.max_lag);
    settings.guard_traffic =
        read_seconds(map, "guard_traffic", 1h, 24h * 7).value_or(settings.guard_traffic);
    settings.cache_lag = read_seconds(map, "cache_lag", 0s, 1h);
}

void read_gateway_cache(Mapping& map, Settings& settings) {
    const auto* node = map.find("gateway_cache");
    if (node == nullptr) return;
    auto on = base::yaml::as_boolean(*node);
    if (!on) {
        const auto chosen = map.choice("gateway_cache", {"off", "on"});
        if (!chosen) return;
        on = *chosen == 1;
    }
    settings.cache = *on ? GatewayCache::on : GatewayCache::off;
}

}  // namespace

Settings read_settings(const std::string& file, const Node& node, Diagnostics& diagnostics) {
    Settings settings;
    Mapping map{file, node, "breaker", diagnostics};
    read_dsn(map, settings);
    read_mode(map, settings);
    read_limits(map, settings);
    read_protect(map, settings);
    read_times(map, settings);
    read_gateway_cache(map, settings);
    map.refuse_unknown();
    return settings;
}

base::Seconds cache_lag(const Settings& settings, sync::Gateway gateway) {
    if (settings.cache_lag) return *settings.cache_lag;
    if (settings.cache == GatewayCache::off) return 0s;
    return gateway == sync::Gateway::one_api ? kOneApiCacheLag : kNewApiCacheLag;
}

}  // namespace quotafuse::circuit_breaker
