#include "daemon/api/span.h"

#include <array>
#include <charconv>
#include <chrono>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/local_time.h"

namespace quotafuse::daemon::api {
namespace {

constexpr base::Seconds kHour{3600};
constexpr base::Seconds kLongest{400 * 86'400};
// A span must not end in a time that no calendar knows.
constexpr std::int64_t kEndOfTime = 253'402'300'799;

constexpr std::array<std::pair<std::string_view, base::Seconds>, 6> kWindows{{
    {"24h", 24 * kHour},
    {"1h", kHour},
    {"6h", 6 * kHour},
    {"12h", 12 * kHour},
    {"7d", 168 * kHour},
    {"30d", 720 * kHour},
}};

/// The second of now is part of what is asked for.
base::Second end_of(base::Second now) {
    return now + base::Seconds{1};
}

base::Second full_hour(base::Second t) {
    return base::from_unix(base::unix_seconds(t) / kHour.count() * kHour.count());
}

Span window(std::string_view name, base::Second now) {
    for (const auto& [known, length] : kWindows) {
        if (known != name) continue;
        const auto from = end_of(now) - length;
        return {length < 24 * kHour ? from : full_hour(from), end_of(now)};
    }
    throw BadParameter{"window must be one of 1h, 6h, 12h, 24h, 7d, 30d"};
}

base::Second moment(const std::string& name, const std::string& text, const base::TimeZone& zone) {
    std::int64_t seconds = 0;
    const auto* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, seconds);
    if (error == std::errc{} && stop == end && seconds >= 0 && seconds <= kEndOfTime)
        return base::from_unix(seconds);
    auto spaced = text;  // what a browser's field for a time gives has a T between
    if (constexpr std::size_t kDate = 10; spaced.size() > kDate && spaced[kDate] == 'T')
        spaced[kDate] = ' ';
    if (const auto local = base::parse_local_time(spaced, zone)) return *local;
    throw BadParameter{fmt::format(
        "{} must be unix seconds or a local time ({}) as 2026-11-22T13:05", name, zone.name())};
}

}  // namespace

Span span_of(const Parameters& parameters, base::Second now, const base::TimeZone& zone) {
    const auto name = parameters.text("window");
    const auto from = parameters.text("from");
    const auto to = parameters.text("to");
    if (name && (from || to)) throw BadParameter{"give either window, or from and to"};
    if (!from && !to) return window(name.value_or("24h"), now);
    if (!from) throw BadParameter{"to needs from"};
    const Span span{moment("from", *from, zone), to ? moment("to", *to, zone) : end_of(now)};
    if (span.from >= span.until) throw BadParameter{"from must be before to"};
    if (span.length() > kLongest) throw BadParameter{"from and to may be 400 days apart at most"};
    return span;
}

Span today(base::Second now, const base::TimeZone& zone) {
    return {zone.at(now, 0, base::Seconds{0}), end_of(now)};
}

Span this_month(base::Second now, const base::TimeZone& zone) {
    const auto day = static_cast<int>(zone.local(now).day);
    return {zone.at(now, 1 - day, base::Seconds{0}), end_of(now)};
}

}  // namespace quotafuse::daemon::api
