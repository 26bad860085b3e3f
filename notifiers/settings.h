#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/severity.h"
#include "notifiers/recipe.h"

namespace quotafuse::base::yaml {
class Diagnostics;
struct Node;
}  // namespace quotafuse::base::yaml

namespace quotafuse::notifiers {

/// When a notifier gets its report, in the configuration's time zone.
struct ReportPlan {
    bool weekly = false;
    std::chrono::weekday day = std::chrono::Monday;  // of a weekly one
    std::chrono::minutes at{9 * 60};                 // after midnight
    bool operator==(const ReportPlan&) const = default;
};

/// One entry of the `notifiers:` map, checked.
struct Settings {
    std::string name;
    std::string type;  // as written: "telegram"
    base::Severity min_severity =
        base::Severity::info;        // of rules that name no notifier themselves
    std::chrono::seconds expire{0};  // what waited longer becomes a line of a digest; 0 = never
    std::optional<ReportPlan> report;
    std::shared_ptr<const Recipe> recipe;  // never null
};

/// Reads the map, its ${…} already expanded. Faults go to `diagnostics`; they name places and keys,
/// never a secret. `seeking_chats`: a Telegram bot without its chat_id is no fault, since it is
/// about to be asked for its chats.
std::vector<Settings> load_settings(const std::string& file, const base::yaml::Node& map,
                                    base::yaml::Diagnostics& diagnostics,
                                    bool seeking_chats = false);

}  // namespace quotafuse::notifiers
