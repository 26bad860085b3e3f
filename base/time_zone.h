#pragma once

#include <optional>
#include <string>

#include "base/clock.h"

namespace date {
class time_zone;
}

namespace quotafuse::base {

/// A wall-clock reading in some zone.
struct LocalTime {
    int year;
    unsigned month;    // 1 … 12
    unsigned day;      // 1 … 31
    unsigned weekday;  // 0 = Monday … 6 = Sunday
    std::chrono::seconds of_day;
};

/// An IANA time zone of the host's tzdata. Copies are cheap and share the zone, which lives for
/// ever.
class TimeZone {
public:
    /// UTC.
    TimeZone();
    /// Empty when the host does not know the name.
    static std::optional<TimeZone> find(const std::string& name);

    const std::string& name() const { return name_; }
    LocalTime local(Second t) const;
    /// The instant of a local time of day, `days` days after the local day of t. A local time that
    /// exists twice is the first; one that does not exist is the instant to which the clock jumps.
    Second at(Second t, int days, std::chrono::seconds of_day) const;
    /// "2026-01-05 23:00:00"
    std::string format(Second t) const;

private:
    TimeZone(std::string name, const date::time_zone* zone);
    std::string name_;
    const date::time_zone* zone_;
};

}  // namespace quotafuse::base
