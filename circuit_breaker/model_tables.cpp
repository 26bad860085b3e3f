#include "circuit_breaker/model_tables.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.h"
#include "circuit_breaker/channel_tables.h"
#include "sync/cells.h"

namespace quotafuse::circuit_breaker {
namespace {

ModelsRow models_row_of(const sync::Cells& cells) {
    return {.status = static_cast<int>(sync::to_integer(cells[1])), .models = cells[2]};
}

}  // namespace

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

std::vector<sync::Cells> ModelTables::query_lists(const std::string& which,
                                                  const std::vector<sync::Argument>& arguments,
                                                  Lock lock) {
    return session_.query(fmt::format("SELECT `id`, `status`, `models` FROM `channels` WHERE {}{}",
                                      which, locking(session_, lock)),
                          arguments);
}

std::optional<ModelsRow> ModelTables::read(std::int64_t channel, Lock lock) {
    const auto rows = query_lists("`id` = ?", {channel}, lock);
    if (rows.empty()) return {};
    return models_row_of(rows.front());
}

std::map<std::int64_t, ModelsRow> ModelTables::read(const std::vector<std::int64_t>& channels) {
    std::map<std::int64_t, ModelsRow> found;
    in_slices(channels, kMostIds, [&](const auto& ids) {
        for (const auto& row :
             query_lists(fmt::format("`id` IN ({})", fmt::join(ids, ",")), {}, Lock::no))
            found.emplace(sync::to_integer(row[0]), models_row_of(row));
    });
    return found;
}

std::string ModelTables::this_model() const {
    return "`channel_id` = ? AND " + same_bytes(session_, "model");
}

std::vector<Ability> ModelTables::own_abilities(std::int64_t channel, const std::string& model,
                                                Lock lock) {
    std::vector<Ability> own;
    for (auto& row :
         session_.query(fmt::format("SELECT {} FROM `abilities` WHERE {}{}", ability_columns(),
                                    this_model(), locking(session_, lock)),
                        {channel, model}))
        own.push_back(ability_of(std::move(row)).ability);
    return own;
}

/// Only the abilities that are asked for: a channel may have thousands.
std::set<ModelTables::Models::value_type> ModelTables::served(const Models& models) {
    std::set<Models::value_type> served;
    in_slices(models, kMostPairs, [&](const Models& slice) {
        std::vector<std::string> pairs;
        std::vector<sync::Argument> arguments;
        for (const auto& [channel, model] : slice) {
            pairs.emplace_back("`channel_id` = ? AND `model` = ?");
            arguments.emplace_back(channel);
            arguments.emplace_back(model);
        }
        for (const auto& row :
             session_.query(fmt::format("SELECT `channel_id`, `model` FROM `abilities` "
                                        "WHERE `enabled` = 1 AND ({})",
                                        fmt::join(pairs, " OR ")),
                            arguments))
            served.emplace(sync::to_integer(row[0]), row[1].value_or(""));
    });
    return served;
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
    session_.execute("UPDATE `abilities` SET `enabled` = 0 WHERE " + this_model(),
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

void ModelTables::restore_abilities(std::int64_t channel, const std::string& model,
                                    const std::vector<Ability>& before) {
    session_.execute("UPDATE `abilities` SET `enabled` = 1 WHERE " + this_model(),
                     {channel, model});
    for (const auto& ability : before) {
        if (ability.enabled) continue;
        session_.execute(
            "UPDATE `abilities` SET `enabled` = 0 WHERE `group` = ? AND " + this_model(),
            {ability.group, channel, model});
    }
}

}  // namespace quotafuse::circuit_breaker
