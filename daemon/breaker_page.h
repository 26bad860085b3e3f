#pragma once

#include "daemon/api/inquiry.h"
#include "daemon/config.h"

namespace quotafuse::daemon {

/// /api/v1/breaker?limit=1…200&cursor=: as `quotafuse breaker list --json` has it (see
/// breaker_json()), its entries in pages: {mode, paused, open, unfinished, recent, next_cursor}.
/// Any thread.
api::Json breaker_page(const api::Inquiry& inquiry, const Config& config);

}  // namespace quotafuse::daemon
