#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "alerts/rule.h"
#include "sync/directory.h"
#include "sync/row.h"

namespace quotafuse::alerts {

inline constexpr std::size_t kMostDimensions = 4;

/// The value of one dimension: `number` is the id of a channel, token or user, the status, or a
/// sync::Address; `text` is that of the others, provider and tag among them. A gateway without
/// token ids names a token by its owner: −user and the token's name.
struct KeyPart {
    std::int64_t number = 0;
    sync::TextId text = 0;
    auto operator<=>(const KeyPart&) const = default;
};

/// What tells the series of a rule apart: one part for each dimension of `by`, in its order.
struct SeriesKey {
    std::array<KeyPart, kMostDimensions> parts{};
    auto operator<=>(const SeriesKey&) const = default;
};

/// provider and tag are those of the row's channel in the directory: empty texts for one that is
/// not in it.
KeyPart part_of(const sync::Row& row, Dimension dimension, const sync::Directory& directory);
SeriesKey key_of(const sync::Row& row, const std::vector<Dimension>& by,
                 const sync::Directory& directory);

/// The key as it is stored, texts and addresses spelt out: [[3,""],[0,"gpt-4o"],[0,"10.1.2.3"]].
std::string to_json(const SeriesKey& key, const std::vector<Dimension>& by,
                    const sync::Texts& texts);
/// Empty when it is no such text, or when one of its texts is in no row of the store any more.
std::optional<SeriesKey> key_from_json(std::string_view json, const std::vector<Dimension>& by,
                                       const sync::Texts& texts);

struct SeriesKeyHash {
    std::size_t operator()(const SeriesKey& key) const {
        std::size_t hash = 0;
        for (const auto& part : key.parts) {
            // The golden ratio spreads neighbouring ids over the table.
            const auto number = static_cast<std::size_t>(part.number);
            hash = (hash ^ number ^ (static_cast<std::size_t>(part.text) << 40U)) *
                   0x9E3779B97F4A7C15U;
            hash ^= hash >> 29U;
        }
        return hash;
    }
};

}  // namespace quotafuse::alerts
