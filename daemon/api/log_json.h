#pragma once

#include "daemon/api/inquiry.h"
#include "sync/row.h"

namespace quotafuse::daemon::api {

/// One row of the gateway's log, with what its objects are called now. Unknown times, statuses and
/// ends of streams are null; a refund's quota is positive, its cost negative.
Json log_json(const Inquiry& inquiry, const sync::Row& row);

}  // namespace quotafuse::daemon::api
