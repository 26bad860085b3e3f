#pragma once

#include <functional>

#include "daemon/api/gateway_tokens.h"
#include "daemon/api/inquiry.h"

namespace quotafuse::daemon::api {

/// Asks the gateway, within a second or two. Called on several threads at once, without a lease.
using ListTokens = std::function<TokenPage(const TokenQuestion& question)>;

/// /api/v1/tokens: the gateway's keys, with their owners' names and what they did in 30 days.
HttpReply tokens(const Sources& sources, const ListTokens& list, const HttpRequest& request);

}  // namespace quotafuse::daemon::api
