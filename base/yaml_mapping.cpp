#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "base/duration.h"
#include "base/text.h"
#include "base/yaml.h"

namespace quotafuse::base::yaml {
namespace {

// Told in full even where one of them is near what was written.
constexpr std::size_t kFewChoices = 6;
constexpr std::size_t kLongestKey = 60;  // bytes, in a message

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
    Number value{};
    if (text.starts_with('+')) text.remove_prefix(1);
    const auto* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || stop != end) return std::nullopt;
    return value;
}

struct SizeUnit {
    std::string_view name;
    std::int64_t bytes;
};
constexpr std::array<SizeUnit, 4> kSizeUnits{{{"GiB", std::int64_t{1} << 30},
                                              {"GB", 1'000'000'000},
                                              {"MiB", std::int64_t{1} << 20},
                                              {"MB", 1'000'000}}};

std::optional<std::int64_t> parse_size(std::string_view text) {
    for (const auto& unit : kSizeUnits) {
        if (!text.ends_with(unit.name)) continue;
        text.remove_suffix(unit.name.size());
        const auto count = parse_number<std::int64_t>(text);
        if (!count || *count < 0 ||
            *count > std::numeric_limits<std::int64_t>::max() / unit.bytes) {
            return std::nullopt;
        }
        return *count * unit.bytes;
    }
    return std::nullopt;
}

/// In the largest unit that divides it.
std::string format_size(std::int64_t bytes) {
    for (const auto& unit : kSizeUnits) {
        if (bytes % unit.bytes == 0) return fmt::format("{}{}", bytes / unit.bytes, unit.name);
    }
    return fmt::format("{} bytes", bytes);
}

}  // namespace

Mapping::Mapping(std::string file, const Node& node, std::string what, Diagnostics& diagnostics)
    : file_(std::move(file)), node_(node), what_(std::move(what)), diagnostics_(diagnostics) {
    if (node.kind != Node::Kind::map) {
        error(node.place,
              fmt::format("{} must be a map of keys and values, not {}", what_, node.describe()));
    }
}

const Node* Mapping::find(std::string_view key) {
    if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.emplace_back(key);
    return node_.find(key);
}

const Node* Mapping::require(std::string_view key) {
    const auto* const node = find(key);
    if (node == nullptr && node_.kind == Node::Kind::map) {
        error(node_.place, fmt::format("{} needs the key '{}'", what_, key));
    }
    return node;
}

const Node* Mapping::scalar(std::string_view key, std::string_view expected) {
    const auto* const node = find(key);
    if (node == nullptr) return nullptr;
    if (node->kind == Node::Kind::scalar) return node;
    error(node->place, fmt::format("{} must be {}, not {}", key, expected, node->describe()));
    return nullptr;
}

std::optional<std::string> Mapping::text(std::string_view key) {
    const auto* const node = scalar(key, "text");
    if (node == nullptr) return std::nullopt;
    return node->text;
}

std::optional<bool> Mapping::boolean(std::string_view key) {
    const auto* const node = scalar(key, "true or false");
    if (node == nullptr) return std::nullopt;
    const auto value = as_boolean(*node);
    if (!value) {
        error(node->place, fmt::format("{} must be true or false, not {}", key, node->describe()));
    }
    return value;
}

std::optional<std::int64_t> Mapping::integer(std::string_view key, std::int64_t least,
                                             std::int64_t most) {
    const auto* const node = scalar(key, "a whole number");
    if (node == nullptr) return std::nullopt;
    const auto value = as_integer(*node);
    if (value && *value >= least && *value <= most) return value;
    error(node->place, fmt::format("{} must be a whole number from {} to {}, not {}", key, least,
                                   most, node->describe()));
    return std::nullopt;
}

std::optional<double> Mapping::number(std::string_view key) {
    const auto* const node = scalar(key, "a number");
    if (node == nullptr) return std::nullopt;
    const auto value = as_number(*node);
    if (!value)
        error(node->place, fmt::format("{} must be a number, not {}", key, node->describe()));
    return value;
}

std::optional<std::chrono::milliseconds> Mapping::duration(std::string_view key,
                                                           std::chrono::milliseconds least,
                                                           std::chrono::milliseconds most) {
    using std::chrono::floor;
    using std::chrono::seconds;
    const auto* const node = scalar(key, "a duration such as 90s or 1h30m");
    if (node == nullptr) return std::nullopt;
    const auto value = parse_duration_ms(node->text);
    if (!value) {
        error(node->place,
              fmt::format("{} must be a duration with its unit, such as 90s, 5m or 1h30m, not {}",
                          key, node->describe()));
        return std::nullopt;
    }
    if (*value < least || *value > most) {
        const auto show = [](std::chrono::milliseconds ms) {
            return ms < seconds{1} && ms.count() > 0 ? fmt::format("{}ms", ms.count())
                                                     : format_duration(floor<seconds>(ms));
        };
        error(node->place, fmt::format("{} must be from {} to {}, not {}", key, show(least),
                                       show(most), node->describe()));
        return std::nullopt;
    }
    return value;
}

std::optional<std::int64_t> Mapping::size(std::string_view key, std::int64_t least,
                                          std::int64_t most) {
    const auto* const node = scalar(key, "a size such as 500MB or 5GB");
    if (node == nullptr) return std::nullopt;
    const auto value = parse_size(node->text);
    if (value && *value >= least && *value <= most) return value;
    error(node->place,
          value ? fmt::format("{} must be from {} to {}, not {}", key, format_size(least),
                              format_size(most), node->describe())
                : fmt::format("{} must be a whole number with its unit (MB, GB, MiB, GiB), such as "
                              "500MB or 5GB, not {}",
                              key, node->describe()));
    return std::nullopt;
}

std::optional<std::size_t> Mapping::choice(std::string_view key,
                                           const std::vector<std::string_view>& allowed) {
    const auto expected = fmt::format("one of {}", fmt::join(allowed, ", "));
    const auto* const node = scalar(key, expected);
    if (node == nullptr) return std::nullopt;
    const auto at = std::find(allowed.begin(), allowed.end(), node->text);
    if (at != allowed.end()) return static_cast<std::size_t>(at - allowed.begin());
    const auto close = nearest(node->text, allowed);
    const auto advice = close.empty() ? "" : fmt::format("; did you mean '{}'?", close);
    // A long list hides the one word that was meant.
    error(node->place,
          close.empty() || allowed.size() <= kFewChoices
              ? fmt::format("{} must be {}, not {}{}", key, expected, node->describe(), advice)
              : fmt::format("there is no {} {}{}", key, node->describe(), advice));
    return std::nullopt;
}

std::optional<std::vector<std::string>> Mapping::texts(std::string_view key) {
    const auto* const node = find(key);
    if (node == nullptr) return std::nullopt;
    std::vector<std::string> values;
    if (node->kind == Node::Kind::scalar) {
        values.push_back(node->text);
    } else if (node->kind == Node::Kind::list) {
        for (const auto& item : node->items) {
            if (item.kind == Node::Kind::scalar) {
                values.push_back(item.text);
            } else {
                error(item.place,
                      fmt::format("{} must be a list of texts, not {}", key, item.describe()));
            }
        }
    } else {
        error(node->place,
              fmt::format("{} must be a text or a list of texts, not {}", key, node->describe()));
        return std::nullopt;
    }
    return values;
}

void Mapping::refuse_unknown() {
    const std::vector<std::string_view> known{known_.begin(), known_.end()};
    for (const auto& member : node_.members) {
        if (std::find(known.begin(), known.end(), member.key) != known.end()) continue;
        const auto close = nearest(member.key, known);
        const auto key = cut_bytes(valid_utf8(member.key), kLongestKey);
        error(member.key_place,
              close.empty()
                  ? fmt::format("unknown key '{}' in {}; known are {}", key, what_,
                                fmt::join(known, ", "))
                  : fmt::format("unknown key '{}' in {}; did you mean '{}'?", key, what_, close));
    }
}

std::optional<std::int64_t> as_integer(const Node& node) {
    if (node.kind != Node::Kind::scalar || node.quoted) return std::nullopt;
    return parse_number<std::int64_t>(node.text);
}

std::optional<double> as_number(const Node& node) {
    if (node.kind != Node::Kind::scalar || node.quoted) return std::nullopt;
    const auto value = parse_number<double>(node.text);
    if (!value || !std::isfinite(*value)) return std::nullopt;
    return value;
}

std::optional<bool> as_boolean(const Node& node) {
    if (node.kind != Node::Kind::scalar || node.quoted) return std::nullopt;
    if (node.text == "true") return true;
    if (node.text == "false") return false;
    return std::nullopt;
}

}  // namespace quotafuse::base::yaml
