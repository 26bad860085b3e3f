#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/secret.h"
#include "base/severity.h"
#include "notifiers/http_client.h"

namespace quotafuse::base::yaml {
class Diagnostics;
struct Node;
}  // namespace quotafuse::base::yaml

namespace quotafuse::notifiers {

/// One entry of the `notifiers:` map, checked.
struct Settings {
    enum class Type { telegram, feishu, wecom, console };

    std::string name;
    Type type = Type::console;
    base::Severity min_severity =
        base::Severity::info;  // of rules that name no notifier themselves
    HttpOptions http;

    // Telegram
    base::Secret bot_token;
    std::string chat_id;           // a number, or @channel
    std::optional<int> thread_id;  // a topic of a forum
    std::string base_url;          // without a slash at the end

    // Feishu and WeCom
    base::Secret webhook;  // the whole URL
    base::Secret secret;   // Feishu signs with it when it is set
};

/// Reads the map, its ${…} already expanded. Faults go to `diagnostics`; they name places and keys,
/// never a secret.
std::vector<Settings> load_settings(const std::string& file, const base::yaml::Node& map,
                                    base::yaml::Diagnostics& diagnostics);

/// What no output may contain: tokens (also those inside of URLs), secrets, a proxy's user and
/// password.
std::vector<std::string> secrets_of(const Settings& settings);

}  // namespace quotafuse::notifiers
