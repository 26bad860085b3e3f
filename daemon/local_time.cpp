#include "daemon/local_time.h"

#include <cstdio>

namespace quotafuse::daemon {

std::optional<base::Second> parse_local_time(const std::string& text, const base::TimeZone& zone) {
    int year = 0;
    unsigned month = 0;
    unsigned day = 0;
    unsigned hour = 0;
    unsigned minute = 0;
    unsigned second = 0;
    int used = 0;
    const auto* const start = text.c_str();
    if (std::sscanf(start, "%4d-%2u-%2u%n", &year, &month, &day, &used) != 3) return std::nullopt;
    if (const std::string rest = start + used; !rest.empty()) {
        int more = 0;
        if (std::sscanf(rest.c_str(), " %2u:%2u%n", &hour, &minute, &more) != 2) {
            return std::nullopt;
        }
        int last = more;
        if (static_cast<std::size_t>(more) != rest.size() &&
            (std::sscanf(rest.c_str() + more, ":%2u%n", &second, &last) != 1 ||
             static_cast<std::size_t>(more + last) != rest.size())) {
            return std::nullopt;
        }
    }
    const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{month},
                                           std::chrono::day{day}};
    if (!date.ok() || hour > 23 || minute > 59 || second > 59) return std::nullopt;
    // Noon of that day in UTC may be the day before or after in the zone.
    const base::Second noon = std::chrono::sys_days{date} + std::chrono::hours{12};
    const auto there = zone.local(noon);
    const std::chrono::year_month_day local{std::chrono::year{there.year},
                                            std::chrono::month{there.month},
                                            std::chrono::day{there.day}};
    const auto days = std::chrono::sys_days{date} - std::chrono::sys_days{local};
    return zone.at(
        noon, static_cast<int>(days.count()),
        std::chrono::hours{hour} + std::chrono::minutes{minute} + std::chrono::seconds{second});
}

}  // namespace quotafuse::daemon
