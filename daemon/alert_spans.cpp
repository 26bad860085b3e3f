#include "daemon/alert_spans.h"

#include <algorithm>

#include "alerts/state_store.h"

namespace quotafuse::daemon {
namespace {

constexpr base::Seconds kSlice{6 * 3600};

}  // namespace

AlertSpans::AlertSpans(SQLite::Database& db, const std::set<Series>& wanted, base::Second from,
                       base::Second until) {
    if (wanted.empty()) return;
    for (auto first = from; first <= until; first += kSlice) {
        const auto last = std::min(until, first + kSlice - base::Seconds{1});
        for (const auto& event : alerts::load_history(db, first, last)) {
            const Series series{event.rule, event.key};
            if (event.what == "told" || !wanted.contains(series)) continue;
            auto& spans = spans_[series];
            const bool open = !spans.empty() && !spans.back().end;
            if (event.what == "firing") {
                if (open) spans.back().end = End{event.at, ""};
                spans.push_back({event.at, {}});
            } else if (open) {
                spans.back().end = End{event.at, event.reason};
            } else if (spans.empty()) {
                spans.push_back({from, End{event.at, event.reason}});  // it began before
            }
        }
    }
}

/// That began at t or before; null where none did.
const AlertSpans::Span* AlertSpans::newest(const Series& series, base::Second t) const {
    const auto found = spans_.find(series);
    if (found == spans_.end()) return nullptr;
    const auto& spans = found->second;
    const auto next =
        std::ranges::upper_bound(spans, t, {}, [](const Span& span) { return span.from; });
    return next == spans.begin() ? nullptr : &*std::prev(next);
}

std::optional<AlertSpans::End> AlertSpans::end_after(const Series& series, base::Second t) const {
    const auto* const span = newest(series, t);
    return span == nullptr ? std::nullopt : span->end;
}

bool AlertSpans::is_firing(const Series& series, base::Second t) const {
    const auto* const span = newest(series, t);
    return span != nullptr && (!span->end || span->end->at >= t);
}

std::optional<base::Second> AlertSpans::quiet_from(const Series& series, base::Second t) const {
    const auto found = spans_.find(series);
    if (found == spans_.end()) return t;
    for (const auto& span : found->second) {
        if (span.from > t) break;
        if (!span.end) return {};
        t = std::max(t, span.end->at);
    }
    return t;
}

}  // namespace quotafuse::daemon
