#include "notifiers/settings.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/yaml.h"
#include "notifiers/entry_reader.h"
#include "notifiers/providers.h"

namespace quotafuse::notifiers {
namespace {

namespace yaml = base::yaml;
using namespace std::chrono_literals;

constexpr std::chrono::seconds kExpire = 6h;

/// Tells what is no map. Mapping would quote it, and a text here is likely a token or a webhook.
bool is_map(const std::string& file, const yaml::Node& node, const std::string& what,
            yaml::Diagnostics& diagnostics) {
    if (node.kind == yaml::Node::Kind::map) return true;
    const auto found = node.kind == yaml::Node::Kind::scalar ? "a text" : node.describe();
    diagnostics.error(file, node.place,
                      fmt::format("{} must be a map of keys and values, not {}", what, found));
    return false;
}

const ProviderType* type_of(yaml::Mapping& map) {
    const auto& types = provider_types();
    std::vector<std::string_view> names;
    for (const auto& type : types) names.push_back(type.name);
    if (map.require("type") == nullptr) return nullptr;
    const auto type = map.choice("type", names);
    return type ? &types.at(*type) : nullptr;
}

/// "09:30", from 00:00 to 23:59.
std::optional<std::chrono::minutes> time_of_day(std::string_view text) {
    const auto digit = [&](std::size_t i) { return text[i] - '0'; };
    if (text.size() != 5 || text[2] != ':') return std::nullopt;
    for (const std::size_t i : {0U, 1U, 3U, 4U}) {
        if (digit(i) < 0 || digit(i) > 9) return std::nullopt;
    }
    const int hours = digit(0) * 10 + digit(1);
    const int minutes = digit(3) * 10 + digit(4);
    if (hours > 23 || minutes > 59) return std::nullopt;
    return std::chrono::minutes{hours * 60 + minutes};
}

ReportPlan read_report(yaml::Mapping map) {
    ReportPlan plan;
    if (map.require("every") != nullptr) plan.weekly = map.choice("every", {"day", "week"}) == 1U;
    if (const auto day = map.choice("on", {"sun", "mon", "tue", "wed", "thu", "fri", "sat"})) {
        plan.day = std::chrono::weekday{static_cast<unsigned>(*day)};
        if (!plan.weekly) map.error(map.find("on")->place, "on is for reports of every week");
    }
    if (const auto text = map.text("at")) {
        const auto at = time_of_day(*text);
        if (!at) map.error(map.find("at")->place, "at must be a time of day such as \"09:00\"");
        plan.at = at.value_or(plan.at);
    }
    map.refuse_unknown();
    return plan;
}

std::chrono::seconds read_expire(yaml::Mapping& map) {
    const auto* const node = map.find("expire");
    if (node == nullptr) return kExpire;
    if (node->kind == yaml::Node::Kind::scalar && node->text == "never") return 0s;
    return std::chrono::floor<std::chrono::seconds>(
        map.duration("expire", 1min, 24h * 30).value_or(kExpire));
}

/// What every type knows.
void read_common(yaml::Mapping& map, Settings& settings) {
    if (const auto severity = map.choice("min_severity", {"info", "warning", "critical"})) {
        settings.min_severity = static_cast<base::Severity>(*severity);
    }
    settings.expire = read_expire(map);
    if (const auto* const report = map.find("report")) {
        settings.report = read_report({map.file(), *report, "report", map.diagnostics()});
    }
}

std::optional<Settings> read_entry(const std::string& file, const yaml::Member& member,
                                   yaml::Diagnostics& diagnostics, bool seeking_chats) {
    EntryReader entry{file, member, diagnostics};
    entry.seek_chats(seeking_chats);
    if (!is_word(member.key, "-_")) {
        entry.error(member.key_place, "a notifier's name consists of letters, digits, - and _");
    }
    const auto* const type = type_of(entry.map());
    if (type == nullptr) return std::nullopt;  // its keys are unknown, so no more complaints
    Settings settings;
    settings.name = member.key;
    settings.type = type->name;
    read_common(entry.map(), settings);
    settings.recipe = type->read(entry);
    entry.map().refuse_unknown();
    return settings;
}

}  // namespace

std::vector<Settings> load_settings(const std::string& file, const yaml::Node& map,
                                    yaml::Diagnostics& diagnostics, bool seeking_chats) {
    std::vector<Settings> all;
    if (!is_map(file, map, "notifiers", diagnostics)) return all;
    for (const auto& member : map.members) {
        const auto what = fmt::format("the notifier '{}'", member.key);
        if (!is_map(file, member.value, what, diagnostics)) continue;
        if (auto settings = read_entry(file, member, diagnostics, seeking_chats)) {
            all.push_back(std::move(*settings));
        }
    }
    return all;
}

}  // namespace quotafuse::notifiers
