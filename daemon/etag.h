#pragma once

#include "daemon/http_message.h"

namespace quotafuse::daemon {

/// The reply with an ETag of its body, or 304 without one where the asker has it already. Only
/// replies with status 200 get one.
HttpReply with_etag(const HttpRequest& request, HttpReply reply);

}  // namespace quotafuse::daemon
