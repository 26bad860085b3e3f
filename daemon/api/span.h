#pragma once

#include <string>

#include "base/clock.h"
#include "base/time_zone.h"
#include "daemon/api/parameters.h"

namespace quotafuse::daemon::api {

/// A span of time that a page is about: from ≤ t < until.
struct Span {
    base::Second from{};
    base::Second until{};

    base::Seconds length() const { return until - from; }
    /// As long a span that ends where this one begins.
    Span before() const { return {from - length(), from}; }
};

/// `window=1h|6h|12h|24h|7d|30d`, which ends with the second of now and, from 24h on, begins at the
/// full hour; or `from=` and `to=`, unix seconds or local times as "2026-11-22T13:05[:30]" (`to` is
/// now where it is absent), at most 400 days. 24h where nothing is said. Throws BadParameter.
Span span_of(const Parameters& parameters, base::Second now, const base::TimeZone& zone);

/// The local day of t so far, and the local month.
Span today(base::Second now, const base::TimeZone& zone);
Span this_month(base::Second now, const base::TimeZone& zone);

}  // namespace quotafuse::daemon::api
