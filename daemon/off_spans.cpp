#include "daemon/off_spans.h"

#include <algorithm>

#include "daemon/wording.h"

namespace quotafuse::daemon {
namespace {

using circuit_breaker::Audit;
using circuit_breaker::Change;

bool is_on_again(const Audit::Entry& entry) {
    const bool given_back = entry.step == "whole" || entry.step == "trial";
    // What a person changed is not off by our hand any more, whatever they made of it.
    return given_back || entry.step == "released";
}

}  // namespace

std::vector<OffSpan> off_spans(const std::vector<Audit::Entry>& entries, const Audit::Entry& trip) {
    std::vector<OffSpan> spans{{trip.at, {}}};
    for (const auto& entry : entries) {
        if (entry.trip_id != trip.trip_id || entry.at < trip.at) continue;
        if (!spans.back().until && is_on_again(entry)) spans.back().until = entry.at;
        if (spans.back().until && entry.step == "again") spans.push_back({entry.at, {}});
    }
    return spans;
}

std::optional<Enabled> enabled_by_somebody(const std::vector<Audit::Entry>& entries,
                                           const Audit::Entry& trip) {
    std::optional<Enabled> ordered;  // by a person, and not answered yet
    for (const auto& entry : entries) {
        if (entry.trip_id != trip.trip_id) continue;
        if (entry.change == Change::enabled) return Enabled{entry.at, false};
        if (entry.step == "whole") return ordered;
        if (entry.step == "whole_asked")
            ordered =
                entry.why == kAskedByPerson ? std::optional{Enabled{entry.at, true}} : std::nullopt;
    }
    return {};
}

std::vector<OffSpan> without(OffSpan span, std::vector<OffSpan> others) {
    std::ranges::sort(others, {}, &OffSpan::from);
    std::vector<OffSpan> left;
    for (const auto& other : others) {
        if (other.from >= *span.until) break;
        if (other.until && *other.until <= span.from) continue;
        if (other.from > span.from) left.push_back({span.from, other.from});
        if (!other.until || *other.until >= *span.until) return left;
        span.from = *other.until;
    }
    left.push_back(span);
    return left;
}

base::Seconds off_time(const std::vector<OffSpan>& spans, base::Second from, base::Second until) {
    base::Seconds sum{0};
    for (const auto& span : spans) {
        const auto length = std::min(span.until.value_or(until), until) - std::max(span.from, from);
        sum += std::max(length, base::Seconds{0});
    }
    return sum;
}

}  // namespace quotafuse::daemon
