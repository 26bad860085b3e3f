#pragma once

#include <functional>
#include <map>
#include <string>

#include "daemon/api/channels.h"
#include "daemon/api/inquiry.h"
#include "daemon/api/logs.h"
#include "daemon/api/reply_cache.h"
#include "daemon/api/tokens.h"

namespace quotafuse::daemon::api {

/// What only the daemon knows. Each is called on several threads at once; an empty one knows
/// nothing.
struct Facts {
    std::function<Currency()> currency{};
    std::function<Json()> status{};  // what /api/v1/status answers
    OpenCircuits open_circuits{};
    AskGateway ask_gateway{};
    ListTokens list_tokens{};
};

/// The pages of /api/v1 that are read of the store. Thread-safe.
class Api {
public:
    /// `store` is the path of the file, which is opened with the first request. `clock` outlives
    /// it.
    Api(const std::string& store, const base::Clock& clock, base::TimeZone zone, Facts facts);

    /// By path; one that ends with a slash answers all that begin with it. They must not outlive
    /// this.
    std::map<std::string, HttpHandler> pages();
    const Sources& sources() const { return sources_; }

    // For further pages, which must not outlive this either:
    using Make = std::function<Json(const Inquiry&)>;
    /// Kept for a while, with an ETag.
    HttpHandler kept(Make make);
    /// The same of a reply that is not, or not only, read of the store.
    HttpHandler kept(HttpHandler make, base::Milliseconds good_for);

private:
    ReadPool reads_;
    Facts facts_;
    Sources sources_;
    ReplyCache cache_;  // last: its thread asks all of the above
};

/// How long an answer may be told again: what looks far back costs more and changes less.
base::Milliseconds good_for(const HttpRequest& request);

}  // namespace quotafuse::daemon::api
