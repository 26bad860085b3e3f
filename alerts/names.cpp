#include "alerts/names.h"

#include <fmt/format.h>

namespace quotafuse::alerts {
namespace {

std::string with_owner(const std::string& name, const std::string& owner) {
    return owner.empty() ? name : fmt::format("{} ({})", name, owner);
}

}  // namespace

std::string describe(const std::vector<KeyName>& key) {
    std::string text;
    for (const auto& part : key) {
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", dimension_name(part.dimension),
                            part.display);
    }
    return text;
}

void Names::use_channels(const std::map<std::int64_t, sync::Channel>& channels) {
    channels_.clear();
    for (const auto& [id, channel] : channels) channels_.emplace(id, channel.name);
}

bool Names::is_deleted(std::int64_t channel) const {
    // Rows without a channel have 0; and before the first reading nothing is known.
    return channel > 0 && !channels_.empty() && !channels_.contains(channel);
}

void Names::learn(const sync::Row& row) {
    if (row.token > 0 && row.token_name != 0) tokens_[row.token] = {row.token_name, row.username};
    if (row.user > 0 && row.username != 0) users_[row.user] = row.username;
}

KeyName Names::name(Dimension dimension, const KeyPart& part, const std::string& former) const {
    KeyName name{dimension, std::nullopt, texts_.text(part.text), {}};
    if (has_id(dimension) && part.text == 0) name.id = part.number;
    if (dimension == Dimension::channel) {
        name.display = channel(part.number);
    } else if (dimension == Dimension::token) {
        name.display = token(part);
    } else if (dimension == Dimension::user) {
        name.display = user(part.number);
    } else if (dimension == Dimension::ip) {
        name.display = name.text = sync::format_address(part.number);
    } else {
        name.display = name.text;
    }
    if (name.display.empty()) name.display = former;
    if (name.display.empty()) name.display = name.id ? std::to_string(*name.id) : "(none)";
    return name;
}

std::string Names::channel(std::int64_t id) const {
    const auto known = channels_.find(id);
    if (known == channels_.end() || known->second.empty()) return {};
    return fmt::format("{} ({})", id, known->second);
}

std::string Names::token(const KeyPart& part) const {
    if (part.number <= 0) return with_owner(texts_.text(part.text), user(-part.number));
    const auto known = tokens_.find(part.number);
    if (known == tokens_.end()) return {};
    return with_owner(texts_.text(known->second.name), texts_.text(known->second.owner));
}

std::string Names::user(std::int64_t id) const {
    const auto known = users_.find(id);
    return known == users_.end() ? std::string{} : texts_.text(known->second);
}

}  // namespace quotafuse::alerts
