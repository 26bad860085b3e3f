#pragma once

#include "daemon/api/inquiry.h"

namespace quotafuse::daemon::api {

/// /api/v1/health: what the store holds since when, how large it is, the gaps that are open, and of
/// `status` (what /api/v1/status answers) what says how the gateway is read.
Json health(const Inquiry& inquiry, const Json& status);

}  // namespace quotafuse::daemon::api
