#include "base/duration.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <utility>

namespace quotafuse::base {
namespace {

constexpr std::int64_t kLongest = 100LL * 366 * 86400 * 1000;  // ms
using Unit = std::pair<std::string_view, std::int64_t>;
constexpr std::array<Unit, 6> kUnits{{{"w", 604'800'000},
                                      {"d", 86'400'000},
                                      {"h", 3'600'000},
                                      {"m", 60'000},
                                      {"s", 1000},
                                      {"ms", 1}}};

struct Number {
    std::int64_t value;
    std::string_view rest;
};

std::optional<Number> leading_number(std::string_view text) {
    std::int64_t value = 0;
    const auto* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || stop == text.data() || value < 0) return std::nullopt;
    return Number{value, {stop, static_cast<std::size_t>(end - stop)}};
}

std::optional<std::int64_t> milliseconds(std::string_view text, std::size_t units) {
    if (text.empty()) return std::nullopt;
    std::int64_t total = 0;
    std::size_t next_unit = 0;
    while (!text.empty()) {
        const auto number = leading_number(text);
        if (!number) return std::nullopt;
        const auto letters = number->rest.substr(0, number->rest.find_first_of("0123456789"));
        std::size_t unit = next_unit;
        while (unit < units && kUnits[unit].first != letters) ++unit;
        if (unit == units || number->value > kLongest / kUnits[unit].second) return std::nullopt;
        total += number->value * kUnits[unit].second;
        if (total > kLongest) return std::nullopt;
        next_unit = unit + 1;
        text = number->rest.substr(letters.size());
    }
    return total;
}

}  // namespace

std::optional<std::chrono::seconds> parse_duration(std::string_view text) {
    const auto ms = milliseconds(text, kUnits.size() - 1);
    if (!ms) return std::nullopt;
    return std::chrono::seconds{*ms / 1000};
}

std::optional<std::chrono::milliseconds> parse_duration_ms(std::string_view text) {
    const auto ms = milliseconds(text, kUnits.size());
    if (!ms) return std::nullopt;
    return std::chrono::milliseconds{*ms};
}

std::string format_duration(std::chrono::seconds duration) {
    if (duration.count() < 0) return "-" + format_duration(-duration);
    auto left = duration.count() * 1000;
    std::string text;
    // Weeks read worse than days in a message ("2w1d"), so days are the largest unit written.
    for (std::size_t unit = 1; unit + 1 < kUnits.size(); ++unit) {
        const auto [letters, size] = kUnits[unit];
        if (left >= size) text += std::to_string(left / size).append(letters);
        left %= size;
    }
    return text.empty() ? "0s" : text;
}

}  // namespace quotafuse::base
