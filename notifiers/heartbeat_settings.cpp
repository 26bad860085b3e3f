#include "notifiers/heartbeat_settings.h"

#include "notifiers/entry_reader.h"
#include "notifiers/safe_text.h"

namespace quotafuse::notifiers {
namespace {

using namespace std::chrono_literals;

/// Whoever tells the heartbeat that all is well does so every few seconds.
constexpr std::chrono::seconds kShortest = 10s;

}  // namespace

std::vector<std::string> HeartbeatSettings::secrets() const {
    auto secrets = secrets_in_url(url.reveal());
    for (auto& secret : secrets_of(http)) secrets.push_back(std::move(secret));
    return secrets;
}

std::optional<HeartbeatSettings> read_heartbeat(const std::string& file,
                                                const base::yaml::Node& node,
                                                base::yaml::Diagnostics& diagnostics) {
    EntryReader entry{file, node, "heartbeat", diagnostics};
    HeartbeatSettings settings;
    const auto* const url = entry.map().require("url");
    if (url != nullptr && !is_url(url->text, {"http", "https"}) && !url->text.empty())
        entry.error(url->place, "heartbeat.url must be an http:// or https:// URL");
    if (url != nullptr) settings.url = base::Secret{url->text};
    if (const auto every = entry.map().duration("every", kShortest, 1h))
        settings.every = std::chrono::duration_cast<std::chrono::seconds>(*every);
    settings.http = entry.transport();
    entry.map().refuse_unknown();
    if (url == nullptr || !settings.url.empty()) return settings;
    diagnostics.warning(file, url->place, "heartbeat is left out: its url is empty");
    return std::nullopt;
}

}  // namespace quotafuse::notifiers
