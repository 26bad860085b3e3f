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

bool Names::use(const sync::Directory& directory) {
    if (directory == directory_) return false;
    directory_ = directory;
    return true;
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

std::vector<KeyName> Names::name(const SeriesKey& key, const std::vector<Dimension>& by,
                                 const std::vector<std::string>& former) const {
    std::vector<KeyName> names;
    for (std::size_t i = 0; i < by.size(); ++i) {
        names.push_back(name(by[i], key.parts[i], i < former.size() ? former[i] : std::string{}));
    }
    return names;
}

std::string Names::channel(std::int64_t id) const {
    const auto known = directory_.channels.find(id);
    if (known == directory_.channels.end() || known->second.name.empty()) return {};
    return fmt::format("{} ({})", id, known->second.name);
}

std::string Names::token(const KeyPart& part) const {
    if (part.number <= 0) return with_owner(texts_.text(part.text), user(-part.number));
    const auto current = directory_.tokens.find(part.number);
    if (current != directory_.tokens.end() && !current->second.name.empty()) {
        return with_owner(current->second.name, user(current->second.user));
    }
    const auto seen = tokens_.find(part.number);
    if (seen == tokens_.end()) return {};
    return with_owner(texts_.text(seen->second.name), texts_.text(seen->second.owner));
}

std::string Names::user(std::int64_t id) const {
    const auto current = directory_.users.find(id);
    if (current != directory_.users.end() && !current->second.name.empty()) {
        return current->second.name;
    }
    const auto seen = users_.find(id);
    return seen == users_.end() ? std::string{} : texts_.text(seen->second);
}

}  // namespace quotafuse::alerts
