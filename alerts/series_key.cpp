#include "alerts/series_key.h"

#include <cstdlib>

#include <nlohmann/json.hpp>

namespace quotafuse::alerts {
namespace {

std::optional<KeyPart> address_part(const std::string& text) {
    const auto address = sync::parse_address(text);
    if (sync::format_address(address) != text) return std::nullopt;
    return KeyPart{address, 0};
}

std::optional<KeyPart> text_part(std::int64_t number, sync::TextId text) {
    if (text < 0) return std::nullopt;
    return KeyPart{number, text};
}

const sync::Directory::Channel& channel_of(const sync::Row& row, const sync::Directory& directory) {
    static const sync::Directory::Channel kUnknown;
    const auto known = directory.channels.find(row.channel);
    return known == directory.channels.end() ? kUnknown : known->second;
}

}  // namespace

KeyPart part_of(const sync::Row& row, Dimension dimension, const sync::Directory& directory) {
    switch (dimension) {
        case Dimension::channel:
            return {row.channel, 0};
        case Dimension::provider:
            return {0, channel_of(row, directory).provider};
        case Dimension::tag:
            return {0, channel_of(row, directory).tag};
        case Dimension::model:
            return {0, row.model};
        case Dimension::token:
            return row.token != 0 ? KeyPart{row.token, 0} : KeyPart{-row.user, row.token_name};
        case Dimension::user:
            return {row.user, 0};
        case Dimension::group:
            return {0, row.group};
        case Dimension::route:
            return {0, row.route};
        case Dimension::status:
            return {row.status, 0};
        case Dimension::code:
            return {0, row.error_code};
        case Dimension::ip:
            return {row.ip, 0};
    }
    std::abort();
}

SeriesKey key_of(const sync::Row& row, const std::vector<Dimension>& by,
                 const sync::Directory& directory) {
    SeriesKey key;
    for (std::size_t i = 0; i < by.size(); ++i) key.parts[i] = part_of(row, by[i], directory);
    return key;
}

std::string to_json(const SeriesKey& key, const std::vector<Dimension>& by,
                    const sync::Texts& texts) {
    auto list = nlohmann::json::array();
    for (std::size_t i = 0; i < by.size(); ++i) {
        const auto& part = key.parts[i];
        if (by[i] == Dimension::ip) {
            list.push_back({0, sync::format_address(part.number)});
        } else {
            list.push_back({part.number, texts.text(part.text)});
        }
    }
    return list.dump();
}

std::optional<SeriesKey> key_from_json(std::string_view json, const std::vector<Dimension>& by,
                                       const sync::Texts& texts) {
    const auto list = nlohmann::json::parse(json, nullptr, false);
    if (!list.is_array() || list.size() != by.size()) return std::nullopt;
    SeriesKey key;
    for (std::size_t i = 0; i < by.size(); ++i) {
        const auto& part = list[i];
        if (!part.is_array() || part.size() != 2 || !part[0].is_number_integer() ||
            !part[1].is_string()) {
            return std::nullopt;
        }
        const auto text = part[1].get<std::string>();
        const auto known = by[i] == Dimension::ip
                               ? address_part(text)
                               : text_part(part[0].get<std::int64_t>(), texts.find(text));
        if (!known) return std::nullopt;
        key.parts[i] = *known;
    }
    return key;
}

}  // namespace quotafuse::alerts
