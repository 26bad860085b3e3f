#include "circuit_breaker/model_tables.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "circuit_breaker/channel_tables.h"

namespace quotafuse::circuit_breaker {

bool has_model(const sync::Cell& models, const std::string& model) {
    if (!models) return false;
    const auto names = base::split(*models, ',');
    return std::ranges::find(names, model) != names.end();
}

std::string without_model(const sync::Cell& models, const std::string& model) {
    const auto list = models.value_or("");
    std::string left;
    bool first = true;
    for (const auto name : base::split(list, ',')) {
        if (name == model) continue;
        if (!first) left += ',';
        left += name;
        first = false;
    }
    return left;
}

bool names_any(const std::string& models) {
    return models.find_first_not_of(", \t\r\n") != std::string::npos;
}

sync::Cell ModelTables::read_list(std::int64_t channel) {
    const auto rows = session_.query("SELECT `models` FROM `channels` WHERE `id` = ?", {channel});
    return rows.empty() ? sync::Cell{} : rows.front()[0];
}

bool ModelTables::set_list(std::int64_t channel, const sync::Cell& before,
                           const sync::Cell& after) {
    const auto unchanged =
        fmt::format("`id` = ? AND `status` = {} AND {}", kEnabled, same_bytes(session_, "models"));
    if (before == after) {
        const auto rows = session_.query(fmt::format("SELECT `id` FROM `channels` WHERE {}{}",
                                                     unchanged, locking(session_, Lock::yes)),
                                         {channel, argument(before)});
        return !rows.empty();
    }
    return session_.execute("UPDATE `channels` SET `models` = ? WHERE " + unchanged,
                            {argument(after), channel, argument(before)}) > 0;
}

void ModelTables::disable_abilities(std::int64_t channel, const std::string& model) {
    session_.execute("UPDATE `abilities` SET `enabled` = 0 WHERE `channel_id` = ? AND " +
                         same_bytes(session_, "model"),
                     {channel, model});
}

void ModelTables::enable_abilities(const std::vector<Ability>& lit) {
    for (const auto& ability : lit) {
        session_.execute(
            "UPDATE `abilities` SET `enabled` = 1 "
            "WHERE `channel_id` = ? AND `group` = ? AND `model` = ?",
            {ability.channel, ability.group, ability.model});
    }
}

}  // namespace quotafuse::circuit_breaker
