#include "daemon/breaker_page.h"

#include "circuit_breaker/audit.h"
#include "circuit_breaker/pause.h"
#include "daemon/api/parameters.h"
#include "daemon/breaker_json.h"

namespace quotafuse::daemon {
namespace {

constexpr std::int64_t kMostEntries = 200;
constexpr std::int64_t kEntries = 50;

}  // namespace

api::Json breaker_page(const api::Inquiry& inquiry, const Config& config) {
    const api::Parameters parameters{inquiry.request(), {"limit", "cursor"}};
    const auto limit = static_cast<std::size_t>(
        parameters.whole_number("limit", 1, kMostEntries).value_or(kEntries));
    const auto cursor = parameters.whole_number("cursor", 1, INT64_MAX).value_or(INT64_MAX);
    circuit_breaker::Audit audit{inquiry.database()};
    const auto pause = circuit_breaker::PauseBook{inquiry.database()}.at(inquiry.now());
    api::Json json = breaker_json(audit, pause, config, 0);
    auto entries = audit.last_outcomes(limit + 1, cursor);  // one more tells whether there are more
    const bool more = entries.size() > limit;
    if (more) entries.pop_back();
    json["recent"] = api::Json(recent_json(audit, entries));
    json["next_cursor"] = more ? api::Json(entries.back().id) : api::Json(nullptr);
    return json;
}

}  // namespace quotafuse::daemon
