#pragma once

#include "daemon/api/inquiry.h"
#include "daemon/http_message.h"

namespace quotafuse::daemon::api {

/// /api/v1/export: a stream, with the name of a file to save it in. How many there may be at once
/// is the server's business: see StreamPlaces.
HttpReply export_page(const Sources& sources, const HttpRequest& request);

}  // namespace quotafuse::daemon::api
