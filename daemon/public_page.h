#pragma once

#include <string>

#include "daemon/api/inquiry.h"
#include "daemon/api/reply_cache.h"
#include "daemon/status_server.h"

namespace quotafuse::daemon {

/// /public and /api/v1/public, for customers: how well each model answered, in slots over a day or
/// a week. The names of models that ever gave an answer, and rates; no count, no channel, nothing
/// else of the store. Made at most once in kGoodFor, however many ask. Thread-safe.
class PublicPage {
public:
    static constexpr base::Milliseconds kGoodFor{15'000};
    static constexpr std::size_t kMostModels = 200;

    /// `sources` outlives it.
    explicit PublicPage(const api::Sources& sources);

    /// The pages, by path; they must not outlive this.
    StatusPages pages();
    /// {"from", "to", "slot", "rows": [{"name", "rate", "slots"}]} by name; `window` = 24h or 7d. A
    /// rate is rounded, so that it tells no count: to a thousandth, of a slot to a hundredth. null
    /// where there was no traffic.
    HttpReply answer(const HttpRequest& request);

private:
    const api::Sources& sources_;
    api::ReplyCache cache_;
};

}  // namespace quotafuse::daemon
