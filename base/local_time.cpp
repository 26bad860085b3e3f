#include "base/local_time.h"

#include <chrono>

namespace quotafuse::base {
namespace {

constexpr std::string_view kForm = "0000-00-00 00:00:00";
constexpr std::size_t kDate = 10;  // so many characters of it
constexpr std::size_t kMinutes = 16;

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool has_form(std::string_view text) {
    if (text.size() != kDate && text.size() != kMinutes && text.size() != kForm.size()) {
        return false;
    }
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (is_digit(kForm[i]) ? !is_digit(text[i]) : text[i] != kForm[i]) return false;
    }
    return true;
}

/// Of the digits there; 0 where the text has ended.
unsigned number(std::string_view text, std::size_t at, std::size_t digits) {
    unsigned value = 0;
    for (std::size_t i = at; i < at + digits && i < text.size(); ++i) {
        value = value * 10 + static_cast<unsigned>(text[i] - '0');
    }
    return value;
}

}  // namespace

std::optional<Second> parse_local_time(std::string_view text, const TimeZone& zone) {
    if (!has_form(text)) return std::nullopt;
    const std::chrono::year year{static_cast<int>(number(text, 0, 4))};
    const auto date =
        year / static_cast<int>(number(text, 5, 2)) / static_cast<int>(number(text, 8, 2));
    const auto hour = number(text, 11, 2);
    const auto minute = number(text, 14, 2);
    const auto second = number(text, 17, 2);
    if (!date.ok() || year < std::chrono::year{1970}) return std::nullopt;
    if (hour > 23 || minute > 59 || second > 59) return std::nullopt;
    // Noon in London is the same day nearly everywhere; where it is not, the difference is counted.
    const std::chrono::sys_days day{date};
    const Second noon = day + std::chrono::hours{12};
    const auto there = zone.local(noon);
    const std::chrono::sys_days local_day{std::chrono::year{there.year} /
                                          static_cast<int>(there.month) /
                                          static_cast<int>(there.day)};
    return zone.at(
        noon, static_cast<int>((day - local_day).count()),
        std::chrono::hours{hour} + std::chrono::minutes{minute} + std::chrono::seconds{second});
}

}  // namespace quotafuse::base
