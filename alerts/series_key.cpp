#include "alerts/series_key.h"

#include <cstdlib>

#include <nlohmann/json.hpp>

namespace quotafuse::alerts {

KeyPart part_of(const sync::Row& row, Dimension dimension) {
    switch (dimension) {
        case Dimension::channel:
            return {row.channel, 0};
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
            return {0, row.ip};
    }
    std::abort();
}

SeriesKey key_of(const sync::Row& row, const std::vector<Dimension>& by) {
    SeriesKey key;
    for (std::size_t i = 0; i < by.size(); ++i) key.parts[i] = part_of(row, by[i]);
    return key;
}

std::string to_json(const SeriesKey& key, std::size_t parts, const sync::Texts& texts) {
    auto list = nlohmann::json::array();
    for (std::size_t i = 0; i < parts; ++i) {
        const auto& part = key.parts[i];
        list.push_back({part.number, texts.text(part.text)});
    }
    return list.dump();
}

std::optional<SeriesKey> key_from_json(std::string_view json, std::size_t parts,
                                       const sync::Texts& texts) {
    const auto list = nlohmann::json::parse(json, nullptr, false);
    if (!list.is_array() || list.size() != parts) return std::nullopt;
    SeriesKey key;
    for (std::size_t i = 0; i < parts; ++i) {
        const auto& part = list[i];
        if (!part.is_array() || part.size() != 2 || !part[0].is_number_integer() ||
            !part[1].is_string()) {
            return std::nullopt;
        }
        key.parts[i] = {part[0].get<std::int64_t>(), texts.find(part[1].get<std::string>())};
        if (key.parts[i].text < 0) return std::nullopt;
    }
    return key;
}

}  // namespace quotafuse::alerts
