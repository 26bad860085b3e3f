#include "daemon/config_notifiers.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"

namespace quotafuse::daemon {
namespace {

using base::yaml::Diagnostics;
using base::yaml::Mapping;
using base::yaml::Node;

/// A notifier whose secret is an unset ${NAME:-} is left out, so that the example loads on a bare
/// host.
Node without_unset(const std::string& file, const Node& notifiers, NotifierUse use,
                   std::vector<std::string>& names, Diagnostics& diagnostics) {
    auto kept = notifiers;
    std::erase_if(kept.members, [&](const base::yaml::Member& member) {
        names.push_back(member.key);
        for (const std::string_view key :
             {"bot_token", "webhook", "url", "host", "password", "chat_id"}) {
            const auto* const value = member.value.find(key);
            if (value == nullptr || value->kind != Node::Kind::scalar || !value->text.empty())
                continue;
            const bool chat = key == "chat_id";
            if (chat && use == NotifierUse::find_chats) continue;
            diagnostics.warning(
                file, value->place,
                fmt::format(
                    "notifier {} is left out: its {} is empty{}", member.key, key,
                    chat ? fmt::format(" (`quotafuse notify {} --chats` finds it)", member.key)
                         : ""));
            return true;
        }
        return false;
    });
    return kept;
}

void read_map(Mapping& map, Config& config, NotifierUse use, std::vector<std::string>& names) {
    const auto* const node = map.find("notifiers");
    if (node == nullptr || node->kind == Node::Kind::null) return;
    const auto kept = without_unset(map.file(), *node, use, names, map.diagnostics());
    config.notifiers = notifiers::load_settings(map.file(), kept, map.diagnostics(),
                                                use == NotifierUse::find_chats);
}

void read_self_notify(Mapping& map, Config& config, const std::vector<std::string>& names) {
    const auto* const node = map.find("self_notify");
    if (node == nullptr || node->kind == Node::Kind::null) return;
    const std::vector<std::string_view> known{names.begin(), names.end()};
    for (const auto& name : map.texts("self_notify").value_or(std::vector<std::string>{})) {
        if (std::find(known.begin(), known.end(), name) != known.end()) {
            config.self_notify.push_back(name);
            continue;
        }
        const auto close = base::nearest(name, known);
        map.error(node->place,
                  fmt::format("self_notify: there is no notifier '{}'{}", name,
                              close.empty() ? "" : fmt::format("; did you mean '{}'?", close)));
    }
}

void read_heartbeat(Mapping& map, Config& config) {
    const auto* const node = map.find("heartbeat");
    if (node == nullptr || node->kind == Node::Kind::null) return;
    config.heartbeat = notifiers::read_heartbeat(map.file(), *node, map.diagnostics());
}

}  // namespace

void read_notifiers(Mapping& map, Config& config, NotifierUse use,
                    std::vector<std::string>& names) {
    read_map(map, config, use, names);
    read_self_notify(map, config, names);
    read_heartbeat(map, config);
}

}  // namespace quotafuse::daemon
