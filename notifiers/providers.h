#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "notifiers/entry_reader.h"
#include "notifiers/recipe.h"

namespace quotafuse::notifiers {

/// Reads what is special about one type of notifier. Faults are told by `entry`; the recipe of an
/// entry with faults is never used.
using ReadRecipe = std::shared_ptr<const Recipe> (*)(EntryReader& entry);

std::shared_ptr<const Recipe> read_telegram(EntryReader& entry);
std::shared_ptr<const Recipe> read_feishu(EntryReader& entry);
std::shared_ptr<const Recipe> read_wecom(EntryReader& entry);
std::shared_ptr<const Recipe> read_dingtalk(EntryReader& entry);
std::shared_ptr<const Recipe> read_webhook(EntryReader& entry);
std::shared_ptr<const Recipe> read_smtp(EntryReader& entry);
std::shared_ptr<const Recipe> read_exec(EntryReader& entry);
std::shared_ptr<const Recipe> read_console(EntryReader& entry);

struct ProviderType {
    std::string_view name;  // of `type:`
    ReadRecipe read;
};
/// All of them, in the order of the documentation.
const std::vector<ProviderType>& provider_types();

}  // namespace quotafuse::notifiers
