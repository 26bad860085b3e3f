#include "circuit_breaker/settings.h"

#include <array>

#include <fmt/format.h>

namespace quotafuse::circuit_breaker {
namespace {

using base::yaml::Diagnostics;
using base::yaml::Mapping;
using base::yaml::Node;

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

void read_protect(Mapping& map, Settings& settings) {
    const auto* node = map.find("protect");
    if (node == nullptr) return;
    Mapping protect{map.file(), *node, "protect", map.diagnostics()};
    if (const auto* channels = protect.find("channels")) {
        if (channels->kind != Node::Kind::list) {
            protect.error(channels->place,
                          fmt::format("channels must be a list of channel ids, not {}",
                                      channels->describe()));
        }
        for (const auto& item : channels->items) {
            const auto id = base::yaml::as_integer(item);
            if (id && *id > 0) {
                settings.protected_channels.insert(*id);
            } else {
                protect.error(item.place, "a channel id is a whole number above 0");
            }
        }
    }
    protect.refuse_unknown();
}

}  // namespace

Settings read_settings(const std::string& file, const Node& node, Diagnostics& diagnostics) {
    Settings settings;
    Mapping map{file, node, "breaker", diagnostics};
    read_dsn(map, settings);
    read_mode(map, settings);
    settings.max_open = map.integer("max_open", 1, 1000).value_or(settings.max_open);
    settings.max_per_hour = map.integer("max_per_hour", 1, 1000).value_or(settings.max_per_hour);
    read_protect(map, settings);
    map.refuse_unknown();
    return settings;
}

std::optional<TripCause> guard_policy(const Settings& settings, const Counts& counts,
                                      const TripRequest& request) {
    const auto mode = stricter(settings.mode, request.mode);
    if (mode == Mode::off) return TripCause{TripCause::Kind::off};
    if (settings.protected_channels.contains(request.channel))
        return TripCause{TripCause::Kind::is_protected};
    if (counts.open >= settings.max_open)
        return TripCause{TripCause::Kind::max_open, counts.open, settings.max_open};
    const auto last_hour =
        counts.live_last_hour + (mode == Mode::live ? 0 : counts.shadow_last_hour);
    if (last_hour >= settings.max_per_hour)
        return TripCause{TripCause::Kind::max_per_hour, last_hour, settings.max_per_hour};
    return {};
}

}  // namespace quotafuse::circuit_breaker
