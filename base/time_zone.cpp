#include "base/time_zone.h"

#include <stdexcept>

#include <date/tz.h>
#include <fmt/format.h>

namespace quotafuse::base {

TimeZone::TimeZone(std::string name, const date::time_zone* zone)
    : name_(std::move(name)), zone_(zone) {}

TimeZone::TimeZone() : TimeZone("UTC", date::locate_zone("UTC")) {}

std::optional<TimeZone> TimeZone::find(const std::string& name) {
    try {
        return TimeZone{name, date::locate_zone(name)};
    } catch (const std::runtime_error&) {
        return std::nullopt;  // the library's way to say that there is no such zone
    }
}

LocalTime TimeZone::local(Second t) const {
    const auto local = zone_->to_local(t);
    const auto day = date::floor<date::days>(local);
    const date::year_month_day ymd{day};
    const auto weekday = (date::weekday{day}.iso_encoding() + 6) % 7;
    return {static_cast<int>(ymd.year()), static_cast<unsigned>(ymd.month()),
            static_cast<unsigned>(ymd.day()), weekday, local - day};
}

Second TimeZone::at(Second t, int days, std::chrono::seconds of_day) const {
    const auto day = date::floor<date::days>(zone_->to_local(t)) + date::days{days};
    const auto local = date::local_seconds{day} + of_day;
    const auto info = zone_->get_info(local);
    // In the gap of a clock going forward, first.end is the jump itself.
    if (info.result == date::local_info::nonexistent) return info.first.end;
    return zone_->to_sys(local, date::choose::earliest);
}

std::string TimeZone::format(Second t) const {
    const auto l = local(t);
    const auto s = l.of_day.count();
    return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", l.year, l.month, l.day, s / 3600,
                       s / 60 % 60, s % 60);
}

}  // namespace quotafuse::base
